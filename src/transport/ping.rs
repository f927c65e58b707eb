//! Pings of a dead man's switch, as healthchecks.io and its kin understand them: `URL/start`, `URL`, `URL/EXIT_CODE`.

use crate::transport::http::{HttpOptions, SetupFault, Url, client};
use reqwest::Client;
use std::time::Duration;

/// Neither connecting nor the whole may last longer.
const TIMEOUT_S: u64 = 5;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// A night begins.
    Start,
    /// It ended well, with this exit code.
    Success(u8),
    /// It ended with this exit code, and somebody should look.
    Failure(u8),
}

impl Ping {
    /// Its name in logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "a start",
            Self::Success(_) => "a success",
            Self::Failure(_) => "a failure",
        }
    }

    fn ending(self) -> Option<String> {
        match self {
            Self::Start => Some("start".to_owned()),
            Self::Success(_) => None,
            Self::Failure(code) => Some(code.to_string()),
        }
    }

    fn said(self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Success(code) | Self::Failure(code) => format!("exit code {code}\n"),
        }
    }
}

/// Where pings go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pings {
    client: Client,
    url: Url,
}

impl Pings {
    /// Pings to `url`.
    ///
    /// # Errors
    /// When no client can be made for it.
    pub fn new(url: Url) -> Result<Self, SetupFault> {
        let options =
            HttpOptions { connect_timeout_s: TIMEOUT_S, whole_timeout_s: TIMEOUT_S, ..HttpOptions::new(url.clone()) };
        Ok(Self { client: client(&options)?, url })
    }

    /// Sends one ping, once.
    ///
    /// # Errors
    /// A sentence; the address, which is a secret of its own, is not in it.
    pub async fn send(&self, ping: Ping) -> Result<(), String> {
        let mut url = self.url.clone();
        if let Some(ending) = ping.ending()
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.pop_if_empty().push(&ending);
        }
        let sent = self.client.post(url).body(ping.said()).timeout(Duration::from_secs(TIMEOUT_S)).send().await;
        let answer = sent.map_err(|fault| why(&fault).to_owned())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("answered {}", answer.status().as_u16())) }
    }
}

fn why(fault: &reqwest::Error) -> &'static str {
    if fault.is_timeout() {
        "no answer in time"
    } else if fault.is_connect() {
        "it cannot be connected to"
    } else {
        "the answer broke off"
    }
}
