//! The two CSV documents of the exchange: `;`, CR LF, quotes where needed, one header, the envelope in every row.

pub mod demands;
pub mod responses;
mod strict;
mod table;

use crate::codec::{Fault, encoding::Charset};
use crate::domain::lot::Encoding;

/// A file that is no CSV.
pub const CODE_CSV: &str = "CSV";
/// A header that is not the document's.
pub const CODE_HEADER: &str = "ENTETE";
/// A file without rows.
pub const CODE_EMPTY: &str = "VIDE";
/// Rows of two envelopes.
pub const CODE_ENVELOPE: &str = "ENVELOPPE";
/// A field whose value is not what its column holds.
pub const CODE_VALUE: &str = "VALEUR";

/// The encoding of a CSV that nobody told: UTF-8, marked or not, whenever its bytes are that. Else it is ISO-8859-15, or,
/// when it holds bytes that are control characters there, windows-1252, as spreadsheets save.
///
/// # Errors
/// `ENCODAGE` when characters of UTF-8 stand in a file that is not: two encodings are mixed, and one would be misread.
pub fn charset_of(bytes: &[u8]) -> Result<Charset, Fault> {
    if std::str::from_utf8(bytes).is_ok() || bytes.starts_with(b"\xEF\xBB\xBF") {
        return Ok(Charset::Utf8);
    }
    let accent_of_utf8 = |pair: &[u8]| matches!(pair, [0xC3, 0x80..=0xBF]);
    if let Some(at) = bytes.windows(2).position(accent_of_utf8) {
        let line = 1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
        let message = "characters of two encodings are mixed: the file was edited; save it as CSV UTF-8";
        return Err(Fault::new(u64::try_from(line).unwrap_or_default(), "ENCODAGE", message));
    }
    let control = bytes.iter().any(|byte| matches!(byte, 0x80..=0x9F));
    Ok(if control { Charset::Windows1252 } else { Charset::Latin9 })
}

/// The encoding in which what we write is read back.
pub const fn charset_written(encoding: Encoding) -> Charset {
    match encoding {
        Encoding::Utf8 => Charset::Utf8,
        Encoding::Latin9 => Charset::Latin9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::ascii(b"a;b\r\n", Some(Charset::Utf8))]
    #[case::utf8("é;œ\r\n".as_bytes(), Some(Charset::Utf8))]
    #[case::marked_and_broken(b"\xEF\xBB\xBFa;\xE9\r\n", Some(Charset::Utf8))]
    #[case::latin9(b"\xE9;\xBD\xA4\r\n", Some(Charset::Latin9))]
    #[case::windows(b"\xE9;\x9C\x80\r\n", Some(Charset::Windows1252))]
    #[case::mixed(b"\xC3\xA9;\xE9\r\n", None)]
    fn encodings_are_told_apart(#[case] bytes: &[u8], #[case] charset: Option<Charset>) {
        assert_eq!(charset_of(bytes).ok(), charset);
    }
}
