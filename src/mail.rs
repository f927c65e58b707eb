//! Mail to the schools: what a letter says, and handing it over to a server or a folder. When one is due, and what became
//! of it, is for `run/report.rs` and the store's outbox.

pub mod letter;
pub mod report;

use crate::domain::time::Timestamp;
use crate::files::Files;
use crate::mail::letter::{Envelope, Letter};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope as Route,
    message::Mailbox,
    transport::smtp::{
        authentication::Credentials,
        client::{Tls as Wanted, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// A server that says nothing for this long has failed: a tick must not wait for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Encryption of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain at first, encrypted before anything is said.
    StartTls,
    /// Encrypted from the first byte.
    Implicit,
    /// None: to loopback only.
    Off,
}

/// A server that takes mail.
pub struct SmtpOptions {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub tls: Tls,
    /// User and password.
    pub login: Option<(String, SecretString)>,
    /// The name by which this host greets it.
    pub own_name: String,
}

/// Who sends, and by which way.
pub struct Post {
    from: Mailbox,
    way: Way,
    /// Nobody is contacted before: a server that keeps silent must not keep the ticks of many schools waiting.
    rests_until_ms: AtomicI64,
}

enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Directory(Files, PathBuf),
}

/// A sender, server or letter that cannot be used as it was configured or written.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// No address.
    #[error("is no mail address")]
    Address,
    /// No certificates of this system, or no host name.
    #[error("cannot be reached with encryption: {0}")]
    Tls(String),
}

/// Why a letter was not handed over. What a server says is not repeated: it can name people.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// The server said no: 4xx for now, 5xx for good. It is asked again all the same, for a person may have put it right.
    #[error("the server answered {0}")]
    Refused(u16),
    /// Nobody answered, or encryption could not be agreed upon: nothing was sent, and nothing else would be.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The connection ended, or grew silent: nobody knows whether the letter arrived.
    #[error("the connection broke off")]
    Broken,
    /// The letter cannot be written: an address is wrong.
    #[error("the letter cannot be written")]
    Letter,
    /// The folder cannot be used.
    #[error("the folder cannot be used")]
    Folder,
}

impl Undelivered {
    /// Whether other letters would fare no better now.
    pub const fn concerns_all(&self) -> bool {
        match self {
            Self::Unreachable | Self::Broken | Self::Folder => true,
            Self::Refused(_) | Self::Letter => false,
        }
    }
}

impl Post {
    /// Letters from `from`, handed over to a server. Nothing is contacted yet.
    ///
    /// # Errors
    /// `Address` when `from` is none; `Tls` when the server's host is no name, or this system trusts no one.
    pub fn smtp(from: &str, options: SmtpOptions) -> Result<Self, PostFault> {
        let parameters = || TlsParameters::new(options.host.clone()).map_err(|fault| PostFault::Tls(fault.to_string()));
        let tls = match options.tls {
            Tls::StartTls => Wanted::Required(parameters()?),
            Tls::Implicit => Wanted::Wrapper(parameters()?),
            Tls::Off => Wanted::None,
        };
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.host)
            .port(options.port)
            .tls(tls)
            .timeout(Some(ANSWER_TIMEOUT))
            .hello_name(ClientId::Domain(options.own_name));
        let server = match options.login {
            Some((user, password)) => server.credentials(Credentials::new(user, password.expose_secret().to_owned())),
            None => server,
        };
        Ok(Self::new(mailbox(from)?, Way::Smtp(Box::new(server.build()))))
    }

    /// Letters from `from`, put into a folder.
    ///
    /// # Errors
    /// `Address` when `from` is none.
    pub fn directory(from: &str, files: Files, path: PathBuf) -> Result<Self, PostFault> {
        Ok(Self::new(mailbox(from)?, Way::Directory(files, path)))
    }

    const fn new(from: Mailbox, way: Way) -> Self {
        Self { from, way, rests_until_ms: AtomicI64::new(i64::MIN) }
    }

    /// Whether letters wait because of what happened to another one.
    pub fn rests(&self, now: Timestamp) -> bool {
        now.epoch_ms() < self.rests_until_ms.load(Ordering::Relaxed)
    }

    /// Lets all letters wait.
    pub fn rest_until(&self, at: Timestamp) {
        self.rests_until_ms.store(at.epoch_ms(), Ordering::Relaxed);
    }

    /// The name of this host in Message-IDs: the sender's domain.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// Hands a letter over. The same letter again is the same file, and has the same Message-ID.
    ///
    /// # Errors
    /// Why it could not.
    pub async fn hand_over(&self, envelope: &Envelope<'_>, letter: &Letter) -> Result<(), Undelivered> {
        let to: Address = envelope.to.parse().map_err(|_| Undelivered::Letter)?;
        let bytes = letter.bytes(&self.from, &to, envelope).ok_or(Undelivered::Letter)?;
        match &self.way {
            Way::Smtp(server) => {
                let route = Route::new(Some(self.from.email.clone()), vec![to]).map_err(|_| Undelivered::Letter)?;
                server.send_raw(&route, &bytes).await.map(|_| ()).map_err(|fault| undelivered(&fault))
            }
            Way::Directory(files, path) => {
                files.create_private_dir(path).await.map_err(|_| Undelivered::Folder)?;
                let published = files.publish(path, &format!("{}.eml", envelope.name), &bytes).await;
                published.map_err(|_| Undelivered::Folder)
            }
        }
    }
}

fn mailbox(text: &str) -> Result<Mailbox, PostFault> {
    text.parse().map_err(|_| PostFault::Address)
}

fn undelivered(fault: &lettre::transport::smtp::Error) -> Undelivered {
    match fault.status() {
        Some(code) => Undelivered::Refused(code.into()),
        None if fault.is_response() || fault.is_timeout() || is_cut_off(fault) => Undelivered::Broken,
        None => Undelivered::Unreachable,
    }
}

/// A connection that stood and ended, unlike one that never was.
fn is_cut_off(fault: &lettre::transport::smtp::Error) -> bool {
    use std::{error::Error as _, io};
    let source = fault.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| {
        [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe]
            .contains(&source.kind())
    })
}

#[cfg(test)]
mod tests;
