//! HTTP to a far side: one client with its limits, retries and credentials (siecle.md, "Over HTTP"). What is asked of
//! whom is said in `teleservice` and `siecle`; how a body is read, in `body`.

use crate::{
    clock::Clock,
    codec::envelope,
    crash::{Crash, Point},
    domain::time::Timestamp,
    plan::delivery::{self, Answer, Outcome, Problem},
    transport::body::{self, CONTENT_DIGEST, GZIP, causes},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::DateTime;
use reqwest::{
    Certificate, Client, Identity, Method, Request, Response,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
    },
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// An absolute address, as the configuration hands it over.
pub use reqwest::Url;

/// Attempts at one request before the tick, or the next night, has to come back to it.
pub const ATTEMPTS_MAX: u32 = 4;
/// A far side that asks for more patience than this gets it from the next tick, not from this run.
pub const RETRY_AFTER_MAX_S: u64 = 60;
/// Largest body read, decoded (siecle.md: 64 MiB a file).
pub const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Time for name, connection and TLS together.
const CONNECT_TIMEOUT_S: u64 = 10;
/// Silence after which a far side is given up.
const IDLE_TIMEOUT_S: u64 = 30;
/// One attempt, whole: 64 MiB on a slow line of a school.
const WHOLE_TIMEOUT_S: u64 = 300;
/// The first wait between two attempts; the next ones grow from it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Largest body of a refusal: a few sentences.
const PROBLEM_BYTES_MAX: u64 = 64 * 1024;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `ClientBuilder::referer`: where we were is nobody's affair.
const REFERER: bool = false;
/// `HeaderValue::set_sensitive`: the token shows in no `Debug`.
const SENSITIVE: bool = true;

/// How a far side is reached over HTTP.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// What every path is appended to: `https`, or `http` to loopback.
    pub base: Url,
    /// Bearer token.
    pub bearer: Option<SecretString>,
    /// Client certificate and key, PEM, one after the other.
    pub identity_pem: Option<SecretString>,
    /// Roots to be trusted beside the system's, PEM.
    pub roots_pem: Option<Vec<u8>>,
    /// Longest wait for a connection.
    pub connect_timeout_s: u64,
    /// Longest silence while reading.
    pub idle_timeout_s: u64,
    /// Longest single attempt.
    pub whole_timeout_s: u64,
    /// Attempts at one request, the first included.
    pub attempts_max: u32,
    /// Longest `Retry-After` that is waited for.
    pub retry_after_max_s: u64,
    /// Largest body read, decoded.
    pub body_bytes_max: u64,
}

impl HttpOptions {
    /// The defaults for `base`, without credentials.
    pub const fn new(base: Url) -> Self {
        Self {
            base,
            bearer: None,
            identity_pem: None,
            roots_pem: None,
            connect_timeout_s: CONNECT_TIMEOUT_S,
            idle_timeout_s: IDLE_TIMEOUT_S,
            whole_timeout_s: WHOLE_TIMEOUT_S,
            attempts_max: ATTEMPTS_MAX,
            retry_after_max_s: RETRY_AFTER_MAX_S,
            body_bytes_max: BODY_BYTES_MAX,
        }
    }
}

/// Why no client can be made of the options: the set-up is wrong, and no waiting mends it.
#[derive(Debug, thiserror::Error)]
pub enum SetupFault {
    /// Plain HTTP to another machine.
    #[error("{0} would be reached in plain http: write https (plain http is for loopback only)")]
    Plain(String),
    /// Neither `http` nor `https`, or no host.
    #[error("the address must begin with https:// and name a host")]
    Scheme,
    /// The client certificate or its key cannot be used.
    #[error("the client certificate and its key can't be used: give both as PEM, the key without a passphrase")]
    Identity,
    /// The roots cannot be used.
    #[error("the extra root certificates can't be used: give them as PEM")]
    Roots,
    /// The token cannot stand in a header.
    #[error("the token holds characters that no HTTP header carries")]
    Token,
    /// The client cannot be built, mostly for want of system certificates.
    #[error("no HTTP client can be made: {0} (is the package ca-certificates installed?)")]
    Client(String),
}

/// What a far side's `Date` header said, between two instants of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarDate {
    /// Its `Date`, in whole seconds.
    pub theirs: Timestamp,
    /// Ours just before the request left.
    pub sent: Timestamp,
    /// Ours when the answer's head was read.
    pub received: Timestamp,
}

impl FarDate {
    /// How far our clock is ahead of theirs, in milliseconds; 0 while theirs lies between the two instants of ours, so
    /// that a slow answer is no clock out of step.
    pub fn skew_ms(&self) -> i64 {
        const SECOND_MS: i64 = 1_000;
        // `Date` carries no fraction: an instant of ours within its second is in step.
        let sent_second = Timestamp::from_epoch_ms(self.sent.epoch_ms() - self.sent.epoch_ms().rem_euclid(SECOND_MS));
        if self.theirs < sent_second {
            sent_second.since_ms(self.theirs)
        } else {
            self.received.since_ms(self.theirs).min(0)
        }
    }
}

/// Whether a request that may have arrived may simply go again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It may: a question, or an order that changes nothing the second time.
    Freely,
    /// Only while nothing of it left, or when the far side said to: a lot in doubt is asked after first.
    UnlessArrived,
}

/// What goes up with a request.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// The bytes, sent whole and with their digest.
    pub bytes: &'a [u8],
    /// `Content-Type`.
    pub content_type: &'a str,
    /// `Idempotency-Key`.
    pub key: Option<&'a str>,
    /// File name for `Content-Disposition`.
    pub file_name: Option<&'a str>,
}

/// One request: a GET, or a PUT where something goes up.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Path below the base, by segments.
    pub path: &'a [&'a str],
    /// Query.
    pub query: &'a [(&'a str, &'a str)],
    /// Body of a PUT; none makes it a GET.
    pub upload: Option<Upload<'a>>,
    /// Whether it may go again.
    pub repeat: Repeat,
}

/// A 2xx answer whose body was read whole and agrees with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub code: u16,
    /// Body, decoded.
    pub body: Vec<u8>,
    /// `Date`.
    pub date: Option<Timestamp>,
}

/// A far side over HTTP.
pub struct Http {
    client: Client,
    base: Url,
    bearer: Option<HeaderValue>,
    attempts_max: u32,
    retry_after_max_s: u64,
    body_bytes_max: u64,
    clock: Clock,
    crash: Crash,
    date: Mutex<Option<FarDate>>,
}

impl Http {
    /// A client for one far side. It connects to nothing yet.
    ///
    /// # Errors
    /// `SetupFault` for an address, certificate or token that can't be used.
    pub fn new(options: HttpOptions, clock: Clock, crash: Crash) -> Result<Self, SetupFault> {
        let client = client(&options)?;
        let bearer = options.bearer.as_ref().map(bearer_header).transpose()?;
        Ok(Self {
            client,
            base: options.base,
            bearer,
            attempts_max: options.attempts_max,
            retry_after_max_s: options.retry_after_max_s,
            body_bytes_max: options.body_bytes_max,
            clock,
            crash,
            date: Mutex::new(None),
        })
    }

    /// The latest `Date` that was read, whatever the status.
    pub fn last_date(&self) -> Option<FarDate> {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request until it is answered, refused, in doubt, or the attempts are used up.
    ///
    /// # Errors
    /// The last answer that is no usable 2xx.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Reply, Answer> {
        let mut waits = waits(self.attempts_max);
        loop {
            let answer = match self.attempt(ask).await {
                Ok(reply) => return Ok(reply),
                Err(answer) => answer,
            };
            match waits.next().and_then(|wait| patience(&answer, ask.repeat, wait, self.retry_after_max_s)) {
                Some(wait) => self.clock.wait(wait).await,
                None => return Err(answer),
            }
        }
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<Reply, Answer> {
        let request = self.request(ask)?;
        self.crash.reach(Point::RequestSent).await;
        let sent = self.clock.now();
        let response = self.client.execute(request).await.map_err(unanswered)?;
        let date = self.note_date(response.headers(), sent);
        let reply = self.read(response, date).await;
        self.crash.reach(Point::AnswerReceived).await;
        reply
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request, Answer> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(ask.path);
        }
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let method = if ask.upload.is_some() { Method::PUT } else { Method::GET };
        let mut request = self.client.request(method, url).header(ACCEPT_ENCODING, GZIP);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        if let Some(upload) = &ask.upload {
            request = request
                .header(CONTENT_TYPE, upload.content_type)
                .header(CONTENT_DIGEST, envelope::content_digest_header(&envelope::sha256(upload.bytes)))
                .body(upload.bytes.to_vec());
            if let Some(key) = upload.key {
                request = request.header(IDEMPOTENCY_KEY, key);
            }
            if let Some(name) = upload.file_name {
                request = request.header(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
            }
        }
        request.build().map_err(|fault| Answer::NotSent { why: causes(&fault.without_url()) })
    }

    fn note_date(&self, headers: &HeaderMap, sent: Timestamp) -> Option<Timestamp> {
        let theirs = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?))?;
        let seen = FarDate { theirs, sent, received: self.clock.now() };
        *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Some(theirs)
    }

    async fn read(&self, mut response: Response, date: Option<Timestamp>) -> Result<Reply, Answer> {
        let code = response.status().as_u16();
        if response.status().is_success() {
            let body = body::read(&mut response, self.body_bytes_max).await?;
            return Ok(Reply { code, body, date });
        }
        let retry_after_s = response.headers().get(RETRY_AFTER).and_then(|value| {
            let text = value.to_str().ok()?;
            retry_after_s(text, date.unwrap_or_else(|| self.clock.now()))
        });
        // A refusal stands on its status; what its body adds is taken where it can be read.
        let body = body::read(&mut response, PROBLEM_BYTES_MAX).await.ok();
        Err(Answer::Status { code, problem: body.as_deref().and_then(problem), retry_after_s })
    }
}

/// The client: no redirects, no proxy to loopback, own roots beside the system's.
fn client(options: &HttpOptions) -> Result<Client, SetupFault> {
    // Main installs it first thing; whoever came first, it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = options.base.host_str().ok_or(SetupFault::Scheme)?;
    let loopback = is_loopback(host);
    let mut builder = Client::builder()
        .user_agent(concat!("navette/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(REFERER)
        // Decoded here: Content-Digest is over the bytes as they travel (RFC 9530), which reqwest's own decoder hides.
        .no_gzip()
        .connect_timeout(Duration::from_secs(options.connect_timeout_s))
        .read_timeout(Duration::from_secs(options.idle_timeout_s))
        .timeout(Duration::from_secs(options.whole_timeout_s));
    if loopback {
        builder = builder.no_proxy();
    }
    builder = match options.base.scheme() {
        "https" => builder.tls_certs_merge(extra_roots(options)?),
        // No TLS happens here, and a machine without certificates may still talk to itself.
        "http" if loopback => builder.tls_certs_only([]),
        "http" => return Err(SetupFault::Plain(host.to_owned())),
        _ => return Err(SetupFault::Scheme),
    };
    if let Some(pem) = &options.identity_pem {
        let identity = Identity::from_pem(pem.expose_secret().as_bytes()).map_err(|_| SetupFault::Identity)?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|fault| SetupFault::Client(causes(&fault)))
}

fn extra_roots(options: &HttpOptions) -> Result<Vec<Certificate>, SetupFault> {
    let Some(pem) = &options.roots_pem else { return Ok(Vec::new()) };
    let roots = Certificate::from_pem_bundle(pem).map_err(|_| SetupFault::Roots)?;
    if roots.is_empty() { Err(SetupFault::Roots) } else { Ok(roots) }
}

fn bearer_header(token: &SecretString) -> Result<HeaderValue, SetupFault> {
    let text = format!("Bearer {}", token.expose_secret().trim());
    let mut header = HeaderValue::from_str(&text).map_err(|_| SetupFault::Token)?;
    header.set_sensitive(SENSITIVE);
    Ok(header)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The waits between attempts: each about twice the one before, with a random part so that schools don't come back in step.
fn waits(attempts_max: u32) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_jitter()
        .with_max_times(usize::try_from(attempts_max.saturating_sub(1)).unwrap_or(usize::MAX))
        .build()
}

/// How long to wait before the same request goes again; none when it must not, or not in this run.
fn patience(answer: &Answer, repeat: Repeat, wait: Duration, retry_after_max_s: u64) -> Option<Duration> {
    match answer {
        Answer::NotSent { .. } => Some(wait),
        Answer::Broken { .. } => (repeat == Repeat::Freely).then_some(wait),
        Answer::Unusable { .. } => None,
        Answer::Status { .. } => match delivery::judge(answer) {
            Outcome::TryAgain { after_s } => {
                let after_s = after_s.unwrap_or_default();
                (after_s <= retry_after_max_s).then(|| wait.max(Duration::from_secs(after_s)))
            }
            Outcome::Delivered | Outcome::Refused { .. } | Outcome::InDoubt { .. } => None,
        },
    }
}

/// No answer: did anything leave?
fn unanswered(fault: reqwest::Error) -> Answer {
    let fault = fault.without_url();
    let why = causes(&fault);
    if fault.is_connect() || fault.is_builder() { Answer::NotSent { why } } else { Answer::Broken { why } }
}

fn problem(body: &[u8]) -> Option<Problem> {
    let _ = body;
    None
}

/// An instant in the form of `Date` (RFC 9110).
fn http_date(text: &str) -> Option<Timestamp> {
    let instant = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from_epoch_ms(instant.timestamp_millis()))
}

/// `Retry-After`: seconds, or an instant, counted from the answer's own `Date` where it has one.
fn retry_after_s(text: &str, now: Timestamp) -> Option<u64> {
    let seconds = text.trim().parse().ok();
    seconds.or_else(|| u64::try_from(http_date(text)?.since_ms(now).max(0) / 1_000).ok())
}
