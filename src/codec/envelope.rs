//! What surrounds a document: its name, digest and `.sha256` line, and whether name and content, or two values, agree.

use crate::check::text::is_forbidden;
use crate::codec::Fault;
use crate::domain::{
    campaign::CampaignKey,
    demand::{Choice, Choices, Formation},
    lot::{FileName, Format, Lot, LotHead, LotPupil, Receipt},
    pupil::Private,
    response::{RawResponse, RawVerdict, ResponseHead},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The SHA-256 of a file.
pub type Sha256Digest = [u8; 32];

/// A file of the exchange, ready to be published or just read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeFile {
    /// Its name.
    pub name: FileName,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
}

impl ExchangeFile {
    /// A file with its digest.
    pub fn new(name: FileName, bytes: Vec<u8>) -> Self {
        let sha256 = sha256(&bytes);
        Self { name, bytes, sha256 }
    }

    /// The digest in lower-case hexadecimal.
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}

/// Longest code of a far side, in characters (siecle.md).
const CODE_CHARS_MAX: usize = 20;

/// A far side's code: 1 to 20 letters, digits, `_`, `-` or `.`. Anything else may be words about people, which no log and
/// no list may show (domain.md, personal data).
pub(in crate::codec) fn far_code(text: &str) -> Option<&str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    ((1..=CODE_CHARS_MAX).contains(&text.len()) && text.bytes().all(known)).then_some(text)
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256::digest(bytes).into()
}

/// A digest in lower-case hexadecimal.
pub fn hex(digest: &Sha256Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 64 hexadecimal digits, in either case.
pub fn parse_hex(text: &str) -> Option<Sha256Digest> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect();
    if text.len() == 64 { bytes?.try_into().ok() } else { None }
}

/// The content of `NAME.sha256`, as `sha256sum` writes it.
pub fn digest_line(name: &str, sha256: &Sha256Digest) -> String {
    format!("{}  {name}\n", hex(sha256))
}

/// Reads the content of `NAME.sha256`: one line of `sha256sum`, in text or binary mode, about `name`.
pub fn parse_digest_line(name: &str, line: &str) -> Option<Sha256Digest> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (digits, rest) = line.split_at_checked(64)?;
    let named = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    if named == name { parse_hex(digits) } else { None }
}

/// The `Content-Digest` header of RFC 9530.
pub fn content_digest_header(sha256: &Sha256Digest) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256))
}

/// Reads the `sha-256` of a `Content-Digest` header; other algorithms beside it are passed over.
pub fn parse_content_digest(header: &str) -> Option<Sha256Digest> {
    let ours = |member: &str| member.trim().strip_prefix("sha-256=:")?.strip_suffix(':').map(str::to_owned);
    let encoded = header.split(',').find_map(ours)?;
    STANDARD.decode(encoded).ok()?.try_into().ok()
}

/// What a file's name says and its content contradicts (siecle.md: one file, one campaign).
pub fn compare(name: FileName, key: CampaignKey, number: u32, row: u64) -> Option<Fault> {
    let code = if name.key.school.uai != key.school.uai {
        "ETABLISSEMENT"
    } else if name.key.school.year != key.school.year {
        "ANNEE"
    } else if name.key.level != key.level {
        "PALIER"
    } else if name.key.phase != key.phase {
        "PHASE"
    } else if name.number != number {
        "NUM_ENVOI"
    } else {
        return None;
    };
    let message = format!(
        "the file is named for {} number {}, but holds {key} number {number}: give it the name of its content, or ask for the right file",
        name.key, name.number
    );
    Some(Fault::new(row, code, message))
}

/// Text as it travels: runs of white space, no-break ones among them, are one space (siecle.md, common rules).
pub fn one_spaced(text: &str) -> Cow<'_, str> {
    let plain = |char: char| char == ' ' || !char.is_whitespace();
    if text.chars().all(plain) && !text.contains("  ") && !text.starts_with(' ') && !text.ends_with(' ') {
        return Cow::Borrowed(text);
    }
    let mut words = text.split_whitespace();
    let mut spaced = words.next().unwrap_or_default().to_owned();
    for word in words {
        spaced.push(' ');
        spaced.push_str(word);
    }
    Cow::Owned(spaced)
}

/// What is said of a text with a control character.
pub const A_CONTROL: &str = "a control character";

/// Whether a text in single spaces holds a character that no text may hold (anomaly `TEXTE`).
pub fn has_control(text: &str) -> bool {
    text.contains(is_forbidden)
}

fn spaced(text: &Private<String>) -> Private<String> {
    Private::new(one_spaced(text.reveal()).into_owned())
}

/// Whether `read` is `written` as it travels: texts in one-spaced form, the zone left out, since no file names it.
pub fn same_lot(written: &Lot, read: &Lot) -> bool {
    let head = LotHead { zone: written.head.zone, ..read.head };
    let pupils = written.pupils.iter().map(travelling).eq(read.pupils.iter().cloned());
    head == written.head && pupils
}

fn travelling(pupil: &LotPupil) -> LotPupil {
    let mut pupil = pupil.clone();
    pupil.last_name = spaced(&pupil.last_name);
    pupil.first_name = spaced(&pupil.first_name);
    if let Some(demand) = &mut pupil.demand {
        let spaced = |choice: &Choice| {
            let formation = choice.formation().cloned();
            let label =
                |formation: Formation| Formation { label: one_spaced(&formation.label).into_owned(), ..formation };
            Choice::new(choice.track(), formation.map(label)).ok()
        };
        let choices: Option<Vec<Choice>> = demand.choices.as_slice().iter().map(spaced).collect();
        let level = demand.choices.as_slice().first().map(|choice| choice.track().level());
        if let Some(choices) = level.zip(choices).and_then(|(level, choices)| Choices::new(level, choices).ok()) {
            demand.choices = choices;
        }
    }
    pupil
}

/// Whether `read` is `written` as it travels. In a CSV one pupil's verdicts are rows of their own, so that ranks differ.
pub fn same_responses(
    format: Format,
    written: (&ResponseHead, &[RawResponse]),
    read: (&ResponseHead, &[RawResponse]),
) -> bool {
    let expected = written.1.iter().map(answered);
    let rows = match format {
        Format::Xml => expected.eq(read.1.iter().cloned()),
        Format::Csv => {
            expected.flat_map(one_by_one).eq(read.1.iter().map(|row| RawResponse { rank: 0, ..row.clone() }))
        }
    };
    written.0 == read.0 && rows
}

fn answered(row: &RawResponse) -> RawResponse {
    let spaced = |verdict: &RawVerdict| match verdict {
        RawVerdict::Opinion { track, value, reason } => {
            let reason = reason.as_ref().map(spaced).filter(|reason| !reason.reveal().is_empty());
            RawVerdict::Opinion { track: track.clone(), value: *value, reason }
        }
        RawVerdict::Proposal { .. } => verdict.clone(),
    };
    RawResponse { verdicts: row.verdicts.iter().map(spaced).collect(), ..row.clone() }
}

fn one_by_one(row: RawResponse) -> Vec<RawResponse> {
    let alone = |verdict: &RawVerdict| RawResponse { rank: 0, verdicts: vec![verdict.clone()], ..row.clone() };
    row.verdicts.iter().map(alone).collect()
}

/// Whether `read` is `written` as it travels.
pub fn same_receipt(written: &Receipt, read: &Receipt) -> bool {
    let mut expected = written.clone();
    for line in &mut expected.lines {
        line.parameters = line.parameters.iter().map(spaced).collect();
    }
    expected == *read
}
