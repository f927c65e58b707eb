//! Bodies of answers: decoded here, counted as they come, and held against their `Content-Digest`.

use crate::codec::envelope;
use crate::plan::delivery::Answer;
use flate2::write::MultiGzDecoder;
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, HeaderMap},
};
use sha2::{Digest, Sha256};
use std::{
    io::{self, ErrorKind, Write},
    time::Duration,
};

/// `Content-Digest` (RFC 9530).
pub const CONTENT_DIGEST: &str = "content-digest";
/// The one content coding that is asked for.
pub const GZIP: &str = "gzip";

/// Reads a body of at most `limit_bytes`, decoded, with no silence longer than `idle`. The digest is over the bytes as they travelled (RFC 9530).
///
/// # Errors
/// `Broken` when it ends too early or stops coming; `Unusable` when it is too large, can't be decoded, or has another digest.
pub async fn read(response: &mut Response, limit_bytes: u64, idle: Duration) -> Result<Vec<u8>, Answer> {
    let announced = announced_digest(response.headers())?;
    let mut decoder = Decoder::of(response.headers(), limit_bytes)?;
    let mut digest = Sha256::new();
    while let Some(part) = within(idle, response.chunk()).await?.map_err(broken)? {
        digest.update(&part);
        decoder.push(&part).map_err(|fault| unreadable(&fault, limit_bytes))?;
    }
    let body = decoder.finish().map_err(|fault| unreadable(&fault, limit_bytes))?;
    let found: [u8; 32] = digest.finalize().into();
    if announced.is_some_and(|announced| announced != found) {
        return Err(unusable("the body does not have the digest that its Content-Digest announces"));
    }
    Ok(body)
}

/// Waits for something of a far side, but not for ever.
///
/// # Errors
/// `Broken` after `patience`: whether what was sent arrived can't be told.
pub async fn within<T>(patience: Duration, something: impl Future<Output = T>) -> Result<T, Answer> {
    let silent = |_| Answer::Broken { why: format!("nothing came for {} s", patience.as_secs()) };
    tokio::time::timeout(patience, something).await.map_err(silent)
}

fn announced_digest(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Answer> {
    let Some(header) = headers.get(CONTENT_DIGEST) else { return Ok(None) };
    let text = header.to_str().unwrap_or_default();
    match envelope::parse_content_digest(text) {
        Some(digest) => Ok(Some(digest)),
        // Another algorithm says nothing that we could hold against the body; a spoilt sha-256 does.
        None if text.contains("sha-256=") || text.is_empty() => Err(unusable("its Content-Digest can't be read")),
        None => Ok(None),
    }
}

/// Bytes as they travel, to the body that they stand for.
enum Decoder {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Decoder {
    fn of(headers: &HeaderMap, limit_bytes: u64) -> Result<Self, Answer> {
        let bounded = Bounded { bytes: Vec::new(), limit_bytes };
        match headers.get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap_or_default()) {
            None | Some("" | "identity") => Ok(Self::Plain(bounded)),
            Some(GZIP | "x-gzip") => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(bounded)))),
            Some(_) => Err(unusable("its Content-Encoding was not asked for (gzip was)")),
        }
    }

    fn push(&mut self, part: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(body) => body.write_all(part),
            Self::Gzip(body) => body.write_all(part),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(body) => Ok(body.bytes),
            Self::Gzip(body) => body.finish().map(|body| body.bytes),
        }
    }
}

/// A body that grows up to a limit and no further.
struct Bounded {
    bytes: Vec<u8>,
    limit_bytes: u64,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.limit_bytes < (self.bytes.len() + part.len()) as u64 {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unreadable(fault: &io::Error, limit_bytes: u64) -> Answer {
    if fault.kind() == ErrorKind::FileTooLarge {
        unusable(&format!("its body is larger than {limit_bytes} bytes"))
    } else {
        unusable("its gzip body can't be decoded")
    }
}

fn broken(fault: reqwest::Error) -> Answer {
    Answer::Broken { why: causes(&fault.without_url()) }
}

fn unusable(why: &str) -> Answer {
    Answer::Unusable { why: why.to_owned() }
}

/// A fault with all that caused it, in one line.
pub fn causes(fault: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(fault), |fault| fault.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
