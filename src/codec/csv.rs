//! The two CSV documents of the exchange: `;`, CR LF, quotes where needed, one header, the envelope in every row.

pub mod demands;
pub mod responses;
mod strict;
mod table;

use crate::codec::{
    Fault,
    encoding::{Charset, FILE_BYTES_MAX, TOO_LARGE, UTF8_MARK, unreadable},
};
use crate::domain::lot::Encoding;
use std::io::{BufRead, Read};

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
/// when it holds bytes that are control characters there, windows-1252, as spreadsheets save. All of it is read.
///
/// # Errors
/// `ENCODAGE` when characters of UTF-8 stand in a file that is not: two encodings are mixed, and one would be misread.
/// `TAILLE` and `LECTURE` when it is too large or cannot be read.
pub fn charset_of(mut input: impl BufRead) -> Result<Charset, Fault> {
    let mut head = Vec::new();
    input.by_ref().take(UTF8_MARK.len() as u64).read_to_end(&mut head).map_err(unreadable)?;
    if head == UTF8_MARK {
        return Ok(Charset::Utf8);
    }
    let mut input = head.as_slice().chain(input);
    let (mut seen, mut left_bytes) = (Seen::default(), FILE_BYTES_MAX);
    loop {
        let read = input.fill_buf().map_err(unreadable)?;
        if read.is_empty() {
            return seen.charset();
        }
        let length = read.len();
        left_bytes = left_bytes
            .checked_sub(u64::try_from(length).unwrap_or(u64::MAX))
            .ok_or_else(|| Fault::new(0, "TAILLE", TOO_LARGE))?;
        seen.read(read);
        input.consume(length);
    }
}

/// What the bytes that have passed say of their encoding.
#[derive(Default)]
struct Seen {
    /// Some of them are no UTF-8.
    not_utf8: bool,
    /// The beginning of a character of UTF-8 whose end has not been read.
    begun: Vec<u8>,
    /// Line ends.
    lines: u64,
    last: u8,
    /// The line of the first character of UTF-8 that most accents are.
    accent_line: Option<u64>,
    /// Bytes that no text in ISO-8859-15 holds.
    control: bool,
}

impl Seen {
    fn read(&mut self, bytes: &[u8]) {
        if !self.not_utf8 {
            self.begun.extend_from_slice(bytes);
            match std::str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(end) if end.error_len().is_none() => drop(self.begun.drain(..end.valid_up_to())),
                Err(_) => self.not_utf8 = true,
            }
        }
        for byte in bytes {
            self.lines += u64::from(*byte == b'\n');
            if self.last == 0xC3 && matches!(byte, 0x80..=0xBF) {
                self.accent_line.get_or_insert(self.lines + 1);
            }
            self.control |= matches!(byte, 0x80..=0x9F);
            self.last = *byte;
        }
    }

    fn charset(self) -> Result<Charset, Fault> {
        match (self.not_utf8 || !self.begun.is_empty(), self.accent_line, self.control) {
            (false, _, _) => Ok(Charset::Utf8),
            (true, Some(line), _) => {
                let message = "characters of two encodings are mixed: the file was edited; save it as CSV UTF-8";
                Err(Fault::new(line, "ENCODAGE", message))
            }
            (true, None, true) => Ok(Charset::Windows1252),
            (true, None, false) => Ok(Charset::Latin9),
        }
    }
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
    use std::io::{self, BufReader};

    #[rstest]
    #[case::ascii(b"a;b\r\n", Some(Charset::Utf8))]
    #[case::utf8("é;œ\r\n".as_bytes(), Some(Charset::Utf8))]
    #[case::marked_and_broken(b"\xEF\xBB\xBFa;\xE9\r\n", Some(Charset::Utf8))]
    #[case::latin9(b"\xE9;\xBD\xA4\r\n", Some(Charset::Latin9))]
    #[case::windows(b"\xE9;\x9C\x80\r\n", Some(Charset::Windows1252))]
    #[case::mixed(b"\xC3\xA9;\xE9\r\n", None)]
    #[case::begun_and_not_ended(b"\xE9", Some(Charset::Latin9))]
    fn encodings_are_told_apart(#[case] bytes: &[u8], #[case] charset: Option<Charset>) {
        assert_eq!(charset_of(bytes).ok(), charset);
        // However few bytes are read at once.
        for size in 1..=bytes.len() {
            assert_eq!(charset_of(BufReader::with_capacity(size, bytes)).ok(), charset, "{size} bytes at once");
        }
    }

    #[test]
    fn two_encodings_are_found_by_their_line() {
        let line = charset_of(b"a\r\nb;\xC3\xA9\r\n\xE9".as_slice()).unwrap_err().row;
        assert_eq!(line, 2);
    }

    #[test]
    fn what_is_too_large_is_not_read_to_its_end() {
        let endless = BufReader::new(io::repeat(b'a'));
        assert_eq!(charset_of(endless).unwrap_err().code, "TAILLE");
    }
}
