//! HTTP to a far side: one client with its limits, retries and credentials (siecle.md, "Over HTTP"). What is asked of
//! whom is said in `teleservice` and `siecle`; how a body is read, in `body`.

use crate::clock::Clock;
use crate::codec::{
    envelope,
    json::problem::{self, ProblemKind},
};
use crate::crash::{Crash, Point};
use crate::domain::time::Timestamp;
use crate::plan::delivery::{self, Answer, Outcome, Problem};
use crate::transport::{
    body::{self, CONTENT_DIGEST, GZIP, causes},
    certificate,
};
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::DateTime;
use reqwest::{
    Certificate, Client, Identity, Method, Request, Response,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
    },
    redirect::Policy,
    tls::TlsInfo,
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tracing::info;

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
/// The slowest line that an upload is still waited for on.
const SLOWEST_BYTES_PER_S: u64 = 16 * 1024;
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
/// `ClientBuilder::tls_info`: who answered, for the end of its certificate.
const TLS_INFO: bool = true;

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
    /// Longest silence, before the answer and in its body.
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
    #[error(
        "no HTTP client can be made of these options: {0}; where that is about CA certificates, install ca-certificates"
    )]
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
    idle: Duration,
    clock: Clock,
    crash: Crash,
    // Boxed, so that this side of a far side is not much larger than the one of folders.
    seen: Box<Mutex<Seen>>,
}

/// What the latest answers showed of the far side itself.
#[derive(Clone, Copy, Default)]
struct Seen {
    date: Option<FarDate>,
    certificate_end: Option<Timestamp>,
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
            idle: Duration::from_secs(options.idle_timeout_s),
            clock,
            crash,
            seen: Box::default(),
        })
    }

    /// The latest `Date` that was read, whatever the status.
    pub fn last_date(&self) -> Option<FarDate> {
        self.seen().date
    }

    /// When the certificate ends that the far side showed last; none over plain HTTP.
    pub fn certificate_ends_at(&self) -> Option<Timestamp> {
        self.seen().certificate_end
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
                Some(wait) => {
                    let (path, wait_ms) = (ask.path.join("/"), wait.as_millis());
                    info!(name: "far.asked_again", { far.path = path }, "Asking {path} again in {wait_ms} ms: {}", in_short(&answer));
                    self.clock.wait(wait).await;
                }
                None => return Err(answer),
            }
        }
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<Reply, Answer> {
        let request = self.request(ask)?;
        self.crash.reach(Point::RequestSent).await;
        let sent = self.clock.now();
        let uploaded_bytes = ask.upload.map_or(0, |upload| upload.bytes.len() as u64);
        // reqwest's own read timeout runs while we are still sending, and would cut a large lot on a slow line.
        let patience = self.idle + Duration::from_secs(uploaded_bytes / SLOWEST_BYTES_PER_S);
        let response = body::within(patience, self.client.execute(request)).await?.map_err(unanswered)?;
        let date = self.note_date(response.headers(), sent);
        self.note_certificate(&response);
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
        self.seen().date = Some(seen);
        Some(theirs)
    }

    fn note_certificate(&self, response: &Response) {
        let shown = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        if let Some(end) = shown.and_then(certificate::ends_at) {
            self.seen().certificate_end = Some(end);
        }
    }

    async fn read(&self, mut response: Response, date: Option<Timestamp>) -> Result<Reply, Answer> {
        let code = response.status().as_u16();
        if response.status().is_success() {
            let body = body::read(&mut response, self.body_bytes_max, self.idle).await?;
            return Ok(Reply { code, body, date });
        }
        let retry_after_s = response.headers().get(RETRY_AFTER).and_then(|value| {
            let text = value.to_str().ok()?;
            retry_after_s(text, date.unwrap_or_else(|| self.clock.now()))
        });
        // A refusal stands on its status; what its body adds is taken where it can be read.
        let body = body::read(&mut response, PROBLEM_BYTES_MAX, self.idle).await.ok();
        Err(Answer::Status { code, problem: body.as_deref().and_then(problem_of), retry_after_s })
    }
}

/// The client: no redirects, no proxy to loopback, own roots beside the system's.
pub(in crate::transport) fn client(options: &HttpOptions) -> Result<Client, SetupFault> {
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
        .tls_info(TLS_INFO)
        .connect_timeout(Duration::from_secs(options.connect_timeout_s))
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

/// An answer for the log: a problem's own words stay out of it, they may be about people.
fn in_short(answer: &Answer) -> String {
    match answer {
        Answer::Status { code, .. } => format!("it answered {code}"),
        Answer::NotSent { why } | Answer::Broken { why } | Answer::Unusable { why } => why.clone(),
    }
}

/// No answer: did anything leave?
fn unanswered(fault: reqwest::Error) -> Answer {
    let fault = fault.without_url();
    if let Some(why) = certificate::refusal(&fault) {
        return Answer::NotSent { why };
    }
    let why = causes(&fault);
    if fault.is_connect() || fault.is_builder() { Answer::NotSent { why } } else { Answer::Broken { why } }
}

fn problem_of(body: &[u8]) -> Option<Problem> {
    let problem::Problem { kind, code, detail } = problem::decode(body)?;
    Some(match kind {
        ProblemKind::Technical => Problem::Technical { code, detail },
        ProblemKind::Business => Problem::Business { code, detail },
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fixture::{Far, NOW_MS, Said, base_of, client as client_of, code, ok, player, status};
    use flate2::{Compression, write::GzEncoder};
    use rstest::rstest;
    use std::{
        io::Write,
        process::Command,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    const BODY: &[u8] = b"<LOT/>";
    /// The digest of `BODY`.
    const DIGEST: &str = "sha-256=:4aWQtJrWwyKLzHhwhqwqRSyhEB1bf58OV6IYaXRlEvg=:";

    fn get() -> Ask<'static> {
        Ask { path: &["a", "b c"], query: &[], upload: None, repeat: Repeat::Freely }
    }

    fn put(repeat: Repeat) -> Ask<'static> {
        let upload = Upload {
            bytes: BODY,
            content_type: "application/xml",
            key: Some("0380001V-2019-12"),
            file_name: Some("0380001V-2019-DEM-3E-DEFINITIVE-00012.xml"),
        };
        Ask { path: &["lots", "12"], query: &[], upload: Some(upload), repeat }
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn digest_of(body: &[u8]) -> String {
        envelope::content_digest_header(&envelope::sha256(body))
    }

    fn why(answer: &Answer) -> &str {
        match answer {
            Answer::Status { .. } => panic!("{answer:?}"),
            Answer::NotSent { why } | Answer::Broken { why } | Answer::Unusable { why } => why,
        }
    }

    #[tokio::test]
    async fn a_put_carries_its_headers_and_the_token() {
        let far = Far::saying([code(202)]).await;
        let mut options = HttpOptions::new(far.base.clone());
        options.bearer = Some("jeton-de-test\n".into());
        let reply = client_of(options).ask(&put(Repeat::UnlessArrived)).await.unwrap();
        assert_eq!((reply.code, reply.body.as_slice()), (202, b"".as_slice()));
        let asked = far.asked().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.target.as_str(), &asked.body[..]), ("PUT", "/base/lots/12", BODY));
        for (name, value) in [
            ("authorization", "Bearer jeton-de-test"),
            ("content-type", "application/xml"),
            ("content-digest", digest_of(BODY).as_str()),
            ("idempotency-key", "0380001V-2019-12"),
            ("content-disposition", "attachment; filename=\"0380001V-2019-DEM-3E-DEFINITIVE-00012.xml\""),
            ("content-length", "6"),
        ] {
            assert_eq!(asked.header(name), Some(value), "{name}");
        }
    }

    #[tokio::test]
    async fn a_get_carries_its_query_and_no_token_unless_there_is_one() {
        let far = Far::saying([ok(BODY)]).await;
        let ask = Ask { query: &[("depuis", "3"), ("limite", "5")], ..get() };
        assert_eq!(far.client().ask(&ask).await.unwrap().body, BODY);
        let asked = far.asked().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/base/a/b%20c?depuis=3&limite=5"));
        assert_eq!((asked.header("authorization"), asked.header("content-digest")), (None, None));
    }

    #[rstest]
    #[case::bad_request(400, 1)]
    #[case::unauthorised(401, 1)]
    #[case::forbidden(403, 1)]
    #[case::not_found(404, 1)]
    #[case::conflict(409, 1)]
    #[case::gone(410, 1)]
    #[case::too_large(413, 1)]
    #[case::unprocessable(422, 1)]
    #[case::timeout(408, 4)]
    #[case::too_early(425, 4)]
    #[case::too_many(429, 4)]
    #[case::server_error(500, 4)]
    #[case::bad_gateway(502, 4)]
    #[case::unavailable(503, 4)]
    #[tokio::test]
    async fn some_statuses_are_tried_again_a_bounded_number_of_times(#[case] answered: u16, #[case] attempts: usize) {
        for ask in [get(), put(Repeat::UnlessArrived)] {
            let far = Far::saying(vec![code(answered); 9]).await;
            assert_eq!(far.client().ask(&ask).await.unwrap_err(), status(answered));
            assert_eq!(far.asked().len(), attempts);
        }
    }

    #[tokio::test]
    async fn what_fails_twice_and_then_answers_has_answered() {
        let far = Far::saying([code(503), code(503), ok(BODY)]).await;
        assert_eq!(far.client().ask(&put(Repeat::UnlessArrived)).await.unwrap().body, BODY);
        let asked = far.asked();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|asked| asked.body == BODY && asked.header("content-digest").is_some()));
    }

    #[rstest]
    #[case::business("/metier", "OUVERT", 500, 1)]
    #[case::technical("/technique", "PANNE", 500, 4)]
    #[case::technical_and_final("/technique", "DROITS", 403, 1)]
    #[tokio::test]
    async fn a_problem_decides_before_the_status(
        #[case] ending: &str,
        #[case] named: &str,
        #[case] answered: u16,
        #[case] attempts: usize,
    ) {
        let body = format!(r#"{{"type":"https://x.invalid{ending}","code":"{named}","detail":"phrase"}}"#);
        let said = code(answered).with("content-type", "application/problem+json").saying(body);
        let far = Far::saying(vec![said; 9]).await;
        let (code, detail) = (named.to_owned(), "phrase".to_owned());
        let problem =
            if ending == "/metier" { Problem::Business { code, detail } } else { Problem::Technical { code, detail } };
        let expected = Answer::Status { code: answered, problem: Some(problem), retry_after_s: None };
        assert_eq!(far.client().ask(&get()).await.unwrap_err(), expected);
        assert_eq!(far.asked().len(), attempts);
    }

    #[tokio::test]
    async fn a_refusal_stands_whatever_its_body() {
        let long = vec![b'x'; usize::try_from(PROBLEM_BYTES_MAX).unwrap() + 1];
        let far = Far::saying([code(404).saying(long), code(404).with("content-digest", DIGEST).saying("other")]).await;
        for _ in 0..2 {
            assert_eq!(far.client().ask(&get()).await.unwrap_err(), status(404));
        }
    }

    #[rstest]
    #[case::within("60", 60, 4)]
    #[case::beyond("61", 61, 1)]
    #[case::instant_within("Tue, 26 May 2020 01:15:40 GMT", 40, 4)]
    #[case::instant_beyond("Tue, 26 May 2020 02:15:00 GMT", 3_600, 1)]
    #[case::instant_past("Mon, 25 May 2020 01:15:00 GMT", 0, 4)]
    #[tokio::test]
    async fn retry_after_is_honoured_up_to_a_limit(
        #[case] header: &str,
        #[case] after_s: u64,
        #[case] attempts: usize,
    ) {
        let said = code(503).with("retry-after", header).with("date", "Tue, 26 May 2020 01:15:00 GMT");
        let far = Far::saying(vec![said; 9]).await;
        let expected = Answer::Status { code: 503, problem: None, retry_after_s: Some(after_s) };
        assert_eq!(far.client().ask(&get()).await.unwrap_err(), expected);
        assert_eq!(far.asked().len(), attempts);
    }

    #[test]
    fn waits_grow_and_are_jittered() {
        let rows: Vec<Vec<Duration>> = (0..20).map(|_| waits(4).collect()).collect();
        for row in &rows {
            assert_eq!(row.len(), 3);
            for (wait, least_s) in row.iter().zip([1, 2, 4]) {
                let least = Duration::from_secs(least_s);
                assert!(least <= *wait && *wait < 2 * least, "{wait:?}");
            }
        }
        assert!(rows.iter().any(|row| *row != rows[0]));
        assert_eq!(waits(1).count() + waits(0).count(), 0);
    }

    #[rstest]
    #[case::as_is(ok(BODY).with("content-digest", digest_of(BODY)), None)]
    #[case::compressed(ok(gzip(BODY)).with("content-encoding", "gzip").with("content-digest", digest_of(&gzip(BODY))), None)]
    #[case::another_algorithm(ok(BODY).with("content-digest", "sha-512=:AAAA:"), None)]
    #[case::two_members(ok([gzip(b"<LO"), gzip(b"T/>")].concat()).with("content-encoding", "gzip"), None)]
    #[case::wrong_digest(ok(BODY).with("content-digest", digest_of(b"<LOU/>")), Some("Content-Digest"))]
    #[case::digest_of_the_decoded(
        ok(gzip(BODY)).with("content-encoding", "gzip").with("content-digest", digest_of(BODY)),
        Some("Content-Digest")
    )]
    #[case::spoilt_digest(ok(BODY).with("content-digest", "sha-256=:AAAA:"), Some("Content-Digest"))]
    #[case::cut_gzip(ok(&gzip(BODY)[..20]).with("content-encoding", "gzip"), Some("gzip"))]
    #[case::no_gzip(ok(BODY).with("content-encoding", "gzip"), Some("gzip"))]
    #[case::unasked_coding(ok(BODY).with("content-encoding", "br"), Some("Content-Encoding"))]
    #[tokio::test]
    async fn a_body_is_taken_whole_or_not_at_all(#[case] said: Said, #[case] refused: Option<&str>) {
        let far = Far::saying([said]).await;
        match (far.client().ask(&get()).await, refused) {
            (Ok(reply), None) => assert_eq!(reply.body, BODY),
            (Err(answer @ Answer::Unusable { .. }), Some(word)) => assert!(why(&answer).contains(word), "{answer:?}"),
            (other, _) => panic!("{other:?}"),
        }
        assert_eq!(far.asked().len(), 1);
    }

    #[rstest]
    #[case::exactly(BODY.to_vec(), "identity", None)]
    #[case::one_more([BODY, b"x"].concat(), "identity", Some("larger than 6 bytes"))]
    #[case::bomb(gzip(&vec![0; 10_000_000]), "gzip", Some("larger than 6 bytes"))]
    #[tokio::test]
    async fn what_is_counted_is_what_it_decodes_to(
        #[case] body: Vec<u8>,
        #[case] coding: &str,
        #[case] refused: Option<&str>,
    ) {
        let far = Far::saying([ok(body).with("content-encoding", coding)]).await;
        let mut options = HttpOptions::new(far.base.clone());
        options.body_bytes_max = 6;
        match (client_of(options).ask(&get()).await, refused) {
            (Ok(reply), None) => assert_eq!(reply.body, BODY),
            (Err(answer @ Answer::Unusable { .. }), Some(word)) => assert!(why(&answer).contains(word), "{answer:?}"),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// Accepts, reads the request's head, says `answer` and hangs up; counts the connections.
    async fn hanging_up(answer: &'static [u8]) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = base_of(&listener, "http");
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4_096];
                let read = socket.read(&mut head).await.unwrap();
                assert!(0 < read);
                socket.write_all(answer).await.unwrap();
            }
        });
        (base, count)
    }

    #[rstest]
    #[case::question(get(), 4)]
    #[case::order(put(Repeat::Freely), 4)]
    #[case::lot(put(Repeat::UnlessArrived), 1)]
    #[tokio::test]
    async fn what_may_have_arrived_goes_again_only_where_that_is_harmless(
        #[case] ask: Ask<'static>,
        #[case] sent: usize,
    ) {
        for answer in [b"".as_slice(), b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n<L"] {
            let (base, count) = hanging_up(answer).await;
            let answer = client_of(HttpOptions::new(base)).ask(&ask).await.unwrap_err();
            assert!(matches!(answer, Answer::Broken { .. }), "{answer:?}");
            assert_eq!(count.load(Ordering::SeqCst), sent);
        }
    }

    #[rstest]
    #[case::before_the_answer(b"")]
    #[case::inside_its_body(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n<L")]
    #[tokio::test]
    async fn a_far_side_that_falls_silent_is_in_doubt(#[case] said: &'static [u8]) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut options = HttpOptions::new(base_of(&listener, "http"));
        options.idle_timeout_s = 1;
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 4_096];
            assert!(0 < socket.read(&mut head).await.unwrap());
            socket.write_all(said).await.unwrap();
            std::future::pending::<()>().await;
        });
        let answer = client_of(options).ask(&put(Repeat::UnlessArrived)).await.unwrap_err();
        assert_eq!(answer, Answer::Broken { why: "nothing came for 1 s".to_owned() });
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = base_of(&listener, "http");
        drop(listener);
        let http = client_of(HttpOptions::new(base));
        for ask in [get(), put(Repeat::UnlessArrived)] {
            let answer = http.ask(&ask).await.unwrap_err();
            assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
            assert!(why(&answer).contains("refused") && !why(&answer).contains("/base"), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_like_another() {
        let elsewhere = Far::saying([ok(BODY)]).await;
        let far = Far::saying([code(307).with("location", elsewhere.base.as_str())]).await;
        assert_eq!(far.client().ask(&get()).await.unwrap_err(), status(307));
        assert!(elsewhere.asked().is_empty());
    }

    #[tokio::test]
    async fn every_attempt_passes_its_points() {
        let far = Far::saying([code(503), ok(BODY)]).await;
        let crash = Crash::counting();
        let http = Http::new(HttpOptions::new(far.base.clone()), player(), crash.clone()).unwrap();
        http.ask(&get()).await.unwrap();
        let passed = crash.passed();
        assert_eq!((passed[&Point::RequestSent], passed[&Point::AnswerReceived]), (2, 2));
    }

    #[tokio::test]
    async fn a_crash_before_the_request_sends_nothing_and_one_after_it_has_sent() {
        for (point, sent) in [(Point::RequestSent, 0), (Point::AnswerReceived, 1)] {
            let far = Far::saying([ok(BODY)]).await;
            let crash = Crash::counting();
            crash.arm(point, 1);
            let http = Http::new(HttpOptions::new(far.base.clone()), player(), crash.clone()).unwrap();
            tokio::select! {
                biased;
                answer = async { http.ask(&get()).await } => panic!("it lived: {answer:?}"),
                () = crash.died() => (),
            }
            assert_eq!(far.asked().len(), sent);
        }
    }

    #[rstest]
    #[case::same("Tue, 26 May 2020 01:15:00 GMT", Some(0))]
    #[case::we_are_ahead("Tue, 26 May 2020 01:12:59 GMT", Some(121_000))]
    #[case::we_are_behind("Tue, 26 May 2020 01:17:01 GMT", Some(-121_000))]
    #[case::no_date("hier", None)]
    #[tokio::test]
    async fn the_far_sides_date_is_kept_whatever_the_status(#[case] date: &str, #[case] skew_ms: Option<i64>) {
        for answered in [200, 404] {
            let far = Far::saying([code(answered).with("date", date)]).await;
            let http = far.client();
            assert_eq!(http.last_date(), None);
            let _ = http.ask(&get()).await;
            assert_eq!(http.last_date().map(|date| date.skew_ms()), skew_ms);
        }
    }

    #[rstest]
    #[case::between(500, 0, 3_000, 0)]
    #[case::within_the_second(0, 999, 5_000, 0)]
    #[case::second_before(0, 1_000, 5_000, 1_000)]
    #[case::after(9_000, 0, 5_000, -4_000)]
    fn a_slow_answer_is_no_clock_out_of_step(
        #[case] theirs_ms: i64,
        #[case] sent_ms: i64,
        #[case] received_ms: i64,
        #[case] skew_ms: i64,
    ) {
        let at = |ms: i64| Timestamp::from_epoch_ms(NOW_MS + ms);
        let date = FarDate { theirs: at(theirs_ms), sent: at(sent_ms), received: at(received_ms) };
        assert_eq!(date.skew_ms(), skew_ms);
    }

    #[rstest]
    #[case::loopback("http://127.0.0.1:8080/", true)]
    #[case::loopback_6("http://[::1]:8080/", true)]
    #[case::loopback_name("http://localhost/x", true)]
    #[case::elsewhere("http://orientation.example/", false)]
    #[case::disguised("http://127.0.0.1.example/", false)]
    #[case::any_address("http://0.0.0.0/", false)]
    #[case::another_scheme("ftp://127.0.0.1/", false)]
    #[case::no_host("data:text/plain,x", false)]
    fn plain_http_is_for_loopback(#[case] base: &str, #[case] taken: bool) {
        let made = Http::new(HttpOptions::new(Url::parse(base).unwrap()), player(), Crash::off());
        assert_eq!(made.is_ok(), taken);
    }

    #[test]
    fn credentials_that_cannot_be_used_are_named_without_being_shown() {
        let loopback = || HttpOptions::new(Url::parse("https://127.0.0.1/").unwrap());
        let token = HttpOptions { bearer: Some("a\u{7}b".into()), ..loopback() };
        let identity = HttpOptions { identity_pem: Some("secret".into()), ..loopback() };
        let roots = HttpOptions { roots_pem: Some(b"none".to_vec()), ..loopback() };
        let fault = |options| Http::new(options, player(), Crash::off()).err().unwrap();
        assert!(matches!(fault(token), SetupFault::Token));
        let fault_of_identity = fault(identity);
        assert!(matches!(fault_of_identity, SetupFault::Identity) && !fault_of_identity.to_string().contains("secret"));
        assert!(matches!(fault(roots), SetupFault::Roots));
    }

    /// A certificate authority of the test's own, and what it signs.
    struct Authority {
        certificate: rcgen::Certificate,
        issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    }

    impl Authority {
        fn new() -> Self {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            // Each has its own name: else the signature of another is wrong, and not unknown.
            params.distinguished_name.push(rcgen::DnType::CommonName, key.public_key_pem());
            let certificate = params.self_signed(&key).unwrap();
            Self { certificate, issuer: rcgen::Issuer::new(params, key) }
        }

        fn sign(&self, name: &str, end_year: i32) -> (rcgen::Certificate, rcgen::KeyPair) {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(end_year, 1, 1);
            (params.signed_by(&key, &self.issuer).unwrap(), key)
        }

        fn identity_pem(&self, end_year: i32) -> SecretString {
            let (certificate, key) = self.sign("navette.example", end_year);
            (certificate.pem() + &key.serialize_pem()).into()
        }
    }

    /// A server whose own certificate ends so, and that wants one signed by `clients`; it answers an empty 200.
    async fn wanting_certificates(own: &Authority, end_year: i32, clients: &Authority) -> Url {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(clients.certificate.der().clone()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let (certificate, key) = own.sign("127.0.0.1", end_year);
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let tls = rustls::ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = base_of(&listener, "https");
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let mut head = [0; 4_096];
                let mut socket = match acceptor.accept(socket).into_fallible().await {
                    Ok(socket) => socket,
                    // What it sent is read, so that the reason reaches it before the end does.
                    Err((_, mut refused)) => {
                        while refused.read(&mut head).await.is_ok_and(|read| 0 < read) {}
                        continue;
                    }
                };
                assert!(0 < socket.read(&mut head).await.unwrap());
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
                socket.shutdown().await.unwrap();
            }
        });
        base
    }

    #[rstest]
    #[case::of_the_right_authority(Some((true, 2_100)), None)]
    #[case::of_another_authority(Some((false, 2_100)), Some("refuses our certificate (UnknownCA)"))]
    #[case::that_has_ended(Some((true, 2_020)), Some("refuses our certificate (CertificateExpired)"))]
    #[case::none(None, Some("refuses our certificate (CertificateRequired)"))]
    #[tokio::test]
    async fn mutual_tls_takes_the_right_certificate_only(
        #[case] identity: Option<(bool, i32)>,
        #[case] refused: Option<&str>,
    ) {
        let (authority, other) = (Authority::new(), Authority::new());
        let mut options = HttpOptions::new(wanting_certificates(&authority, 2_100, &authority).await);
        options.attempts_max = 1;
        options.roots_pem = Some(authority.certificate.pem().into_bytes());
        options.identity_pem =
            identity.map(|(right, end_year)| if right { &authority } else { &other }.identity_pem(end_year));
        match (client_of(options).ask(&put(Repeat::UnlessArrived)).await, refused) {
            (Ok(_), None) => (),
            (Err(answer @ Answer::NotSent { .. }), Some(word)) => assert!(why(&answer).contains(word), "{answer:?}"),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::of_an_unknown_authority(false, 2_100, "not known here")]
    #[case::that_has_ended(true, 2_020, "has ended")]
    #[tokio::test]
    async fn a_far_side_whose_certificate_is_wrong_gets_nothing(
        #[case] known: bool,
        #[case] end_year: i32,
        #[case] word: &str,
    ) {
        let (authority, other) = (Authority::new(), Authority::new());
        let mut options = HttpOptions::new(wanting_certificates(&authority, end_year, &authority).await);
        options.attempts_max = 1;
        options.identity_pem = Some(authority.identity_pem(2_100));
        options.roots_pem = Some(if known { &authority } else { &other }.certificate.pem().into_bytes());
        let answer = client_of(options).ask(&put(Repeat::UnlessArrived)).await.unwrap_err();
        assert!(matches!(answer, Answer::NotSent { .. }) && why(&answer).contains(word), "{answer:?}");
    }

    /// Runs one test of this module again, in an environment of its own.
    fn again(test: &str, environment: &[(&str, &str)]) -> bool {
        let mut again = Command::new(std::env::current_exe().unwrap());
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            again.env_remove(name).env_remove(name.to_lowercase());
        }
        let test = format!("transport::http::tests::{test}");
        let ran = again.envs(environment.iter().copied()).args(["--exact", &test]).output().unwrap();
        ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains("1 passed")
    }

    #[test]
    fn no_proxy_stands_between_us_and_loopback() {
        let nowhere = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9"));
        assert!(again("what_fails_twice_and_then_answers_has_answered", &nowhere));
    }

    #[tokio::test]
    async fn a_name_that_no_one_has_or_a_proxy_that_hangs_up_gets_nothing() {
        let mut options = HttpOptions::new(Url::parse("https://orientation.invalid/").unwrap());
        options.attempts_max = 1;
        options.roots_pem = Some(Authority::new().certificate.pem().into_bytes());
        let answer = client_of(options).ask(&put(Repeat::UnlessArrived)).await.unwrap_err();
        assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    }

    #[rstest]
    #[case::for_all(None, true)]
    #[case::but_for_this_one(Some("orientation.invalid"), false)]
    fn other_machines_are_reached_through_the_proxy(#[case] excepted: Option<&str>, #[case] asked: bool) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let environment: Vec<(&str, &str)> = [("HTTPS_PROXY", Some(proxy.as_str())), ("NO_PROXY", excepted)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let heard = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut head = [0; 1_024];
            let read = std::io::Read::read(&mut socket, &mut head).unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        assert!(again("a_name_that_no_one_has_or_a_proxy_that_hangs_up_gets_nothing", &environment));
        if !asked {
            // Nobody came yet: this lets the proxy go, and is all that it hears.
            std::net::TcpStream::connect(proxy.trim_start_matches("http://")).unwrap();
        }
        let heard = heard.join().unwrap();
        assert_eq!(heard.starts_with("CONNECT orientation.invalid:443 "), asked, "{heard}");
        assert_eq!(heard.is_empty(), !asked);
    }
}
