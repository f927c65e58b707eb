//! For tests of this room: a far side that answers from a script and remembers what it was asked.

use crate::clock::Clock;
use crate::codec::envelope;
use crate::crash::Crash;
use crate::domain::{
    school::{SchoolKey, SchoolYear, Uai},
    time::Timestamp,
};
use crate::plan::delivery::Answer;
use crate::transport::{
    directory::DirectoryOptions,
    http::{Http, HttpOptions, Url},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use std::{
    collections::VecDeque,
    fs,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// The instant that the player's clock shows in these tests: 2020-05-26T01:15:00Z.
pub const NOW_MS: i64 = 1_590_455_700_000;

/// One scripted answer.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub code: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A far side on a free port of loopback.
pub struct Far {
    pub base: Url,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Desk {
    script: Arc<Mutex<VecDeque<Said>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Far {
    /// Answers in this order, and 599 once there is nothing left to say.
    pub async fn saying(script: impl IntoIterator<Item = Said>) -> Self {
        let desk = Desk { script: Arc::new(Mutex::new(script.into_iter().collect())), asked: Arc::default() };
        let asked = Arc::clone(&desk.asked);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = base_of(&listener, "http");
        let router = Router::new().fallback(answer).with_state(desk);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, asked }
    }

    /// A client of it, with a player's clock.
    pub fn client(&self) -> Http {
        client(HttpOptions::new(self.base.clone()))
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(desk): State<Desk>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    desk.asked.lock().unwrap().push(Asked { method, target: uri.to_string(), headers, body });
    let said = desk.script.lock().unwrap().pop_front().unwrap_or_else(|| code(599));
    let mut response = Response::builder().status(said.code);
    for (name, value) in said.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(said.body)).unwrap()
}

/// The base address of a listener, with a path below which everything lies.
pub fn base_of(listener: &TcpListener, scheme: &str) -> Url {
    Url::parse(&format!("{scheme}://127.0.0.1:{}/base/", listener.local_addr().unwrap().port())).unwrap()
}

pub fn client(options: HttpOptions) -> Http {
    Http::new(options, player(), Crash::off()).unwrap()
}

pub fn player() -> Clock {
    Clock::player(Timestamp::from_epoch_ms(NOW_MS))
}

pub fn code(code: u16) -> Said {
    Said { code, ..Said::default() }
}

pub fn ok(body: impl Into<Vec<u8>>) -> Said {
    Said { code: 200, body: body.into(), ..Said::default() }
}

impl Said {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn saying(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

pub fn status(code: u16) -> Answer {
    Answer::Status { code, problem: None, retry_after_s: None }
}

pub fn school() -> SchoolKey {
    SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
}

/// What stands beside a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestIs {
    Right,
    Wrong,
    Spoilt,
    Missing,
}

/// Folders of a far side, laid out by hand.
pub struct Folders(tempfile::TempDir);

impl Folders {
    pub fn new(names: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self(root)
    }

    pub fn options(&self) -> DirectoryOptions {
        DirectoryOptions { path: self.0.path().to_owned() }
    }

    pub fn put(&self, folder: &str, name: &str, bytes: &[u8], digest: DigestIs) {
        let dir = self.0.path().join(folder);
        fs::write(dir.join(name), bytes).unwrap();
        let line = match digest {
            DigestIs::Right => envelope::digest_line(name, &envelope::sha256(bytes)),
            DigestIs::Wrong => envelope::digest_line(name, &[0; 32]),
            DigestIs::Spoilt => "no digest\n".to_owned(),
            DigestIs::Missing => return,
        };
        fs::write(dir.join(format!("{name}.sha256")), line).unwrap();
    }

    pub fn remove(&self, folder: &str) {
        fs::remove_dir_all(self.0.path().join(folder)).unwrap();
    }

    pub fn bytes(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.path().join(folder).join(name)).ok()
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.path().join(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
