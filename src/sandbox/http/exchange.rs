//! One request and its answer: the body is read whole, the fault that is due is done, and the stand-in is asked.

use crate::clock::Clock;
use crate::codec::{
    envelope::{content_digest_header, parse_content_digest, sha256},
    json::problem,
};
use crate::domain::time::Timestamp;
use crate::sandbox::{
    Problem, ProblemKind, Shared,
    faults::{Fate, Faults, Topic},
    hold,
    http::door::Cut,
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::time::Duration;

/// Largest body taken (siecle.md, reading limits).
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The header of RFC 9530.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The header that names a request which may come twice.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The media type of JSON.
pub const JSON: &str = "application/json";

/// A stand-in behind a server.
pub struct Far<T> {
    stand_in: Shared<T>,
    clock: Clock,
    faults: fn(&mut T) -> &mut Faults,
}

/// A request, read whole, with the connection that it came by.
pub struct Asked {
    cut: Cut,
    headers: HeaderMap,
    /// Its body; none when it was too large.
    body: Option<Bytes>,
}

/// What is answered.
pub struct Answer {
    status: u16,
    media_type: String,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
}

impl<T> Clone for Far<T> {
    fn clone(&self) -> Self {
        Self { stand_in: Shared::clone(&self.stand_in), clock: self.clock.clone(), faults: self.faults }
    }
}

impl<T> Far<T> {
    /// The stand-in, the clock of its `Date`, and where its faults are.
    pub fn new(stand_in: &Shared<T>, clock: &Clock, faults: fn(&mut T) -> &mut Faults) -> Self {
        Self { stand_in: Shared::clone(stand_in), clock: clock.clone(), faults }
    }

    /// Answers a request by what `treat` makes of it, unless a fault is due.
    pub async fn answer(
        &self,
        topic: Topic,
        asked: Asked,
        treat: impl FnOnce(&mut T, &Asked, &Bytes, Timestamp) -> Result<Answer, Problem>,
    ) -> Response {
        let (fate, latency_ms) = {
            let mut stand_in = hold(&self.stand_in);
            let faults = (self.faults)(&mut stand_in);
            (faults.next(topic), faults.latency_ms(topic))
        };
        if latency_ms > 0 {
            self.clock.wait(Duration::from_millis(latency_ms)).await;
        }
        let treated = || {
            let too_large = || Problem::technical(413, "TAILLE", "the body is larger than 64 MiB");
            let body = asked.body.as_ref().ok_or_else(too_large)?;
            treat(&mut hold(&self.stand_in), &asked, body, self.clock.now())
        };
        let answer = match fate {
            Fate::Served => treated(),
            Fate::ReplyLost => {
                let answer = treated();
                asked.cut.make();
                answer
            }
            Fate::Status(status) => Err(Problem::technical(status, "PANNE", "out of order, as it was told to be")),
            Fate::Down => {
                asked.cut.make();
                Err(Problem::technical(503, "ARRET", "down, as it was told to be"))
            }
        };
        answer.unwrap_or_else(|problem| Answer::problem(&problem)).into_response()
    }
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let cut = <ConnectInfo<Cut> as axum::extract::FromRequestParts<S>>::from_request_parts(&mut parts, state);
        let cut = cut.await.map(|ConnectInfo(cut)| cut).unwrap_or_default();
        let body = to_bytes(body, BODY_BYTES_MAX).await.ok();
        Ok(Self { cut, headers: parts.headers, body })
    }
}

impl Asked {
    /// A header's text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The digest of the body, which must be the one announced.
    ///
    /// # Errors
    /// 400 when the request announces none, or another.
    pub fn digest(&self, body: &[u8]) -> Result<[u8; 32], Problem> {
        let announced = self.header(&CONTENT_DIGEST).and_then(parse_content_digest);
        let found = sha256(body);
        if announced == Some(found) {
            Ok(found)
        } else {
            Err(Problem::technical(400, "EMPREINTE", "Content-Digest is missing or is not that of the body"))
        }
    }
}

impl Answer {
    /// 200 with JSON.
    pub fn json(body: String) -> Self {
        Self { status: 200, media_type: JSON.to_owned(), headers: Vec::new(), body: body.into_bytes() }
    }

    /// Only a status.
    pub fn status(status: u16) -> Self {
        Self { status, media_type: String::new(), headers: Vec::new(), body: Vec::new() }
    }

    /// 200 with a file and its digest.
    pub fn file(media_type: &str, name: &str, bytes: Vec<u8>, digest: &[u8; 32]) -> Self {
        let named = format!("attachment; filename=\"{name}\"");
        let headers = vec![(CONTENT_DIGEST, content_digest_header(digest)), (header::CONTENT_DISPOSITION, named)];
        Self { status: 200, media_type: media_type.to_owned(), headers, body: bytes }
    }

    /// The same answer with one more header.
    pub fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A problem.
    pub fn problem(problem: &Problem) -> Self {
        let Problem { status, kind, code, detail } = problem;
        let kind = match kind {
            ProblemKind::Technical => problem::ProblemKind::Technical,
            ProblemKind::Business => problem::ProblemKind::Business,
        };
        let wire = problem::Problem { kind, code: code.clone(), detail: detail.clone() };
        let body = problem::encode(&wire, *status).into_bytes();
        Self { status: *status, media_type: problem::MEDIA_TYPE.to_owned(), headers: Vec::new(), body }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let typed = (!self.media_type.is_empty()).then_some((header::CONTENT_TYPE, self.media_type));
        for (name, value) in typed.into_iter().chain(self.headers) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
