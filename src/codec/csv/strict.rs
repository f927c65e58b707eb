//! RFC 4180 to the letter, before the csv crate, which takes nearly anything: a file cut inside a quoted field or behind
//! a field, text behind a closing quote, a bare quote, lone line ends, blank lines.

use crate::codec::{
    Fault,
    csv::CODE_CSV,
    encoding::{Source, TEXT_BYTES_MAX, unreadable},
};
use std::io::{self, BufRead, Read};

/// What separates fields (siecle.md).
pub const SEPARATOR: u8 = b';';

/// Where the next byte falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind the byte order mark, if there is one.
    FileStart,
    RowStart,
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote inside a quoted field: the first of two, or its end.
    Quote,
    /// Behind CR.
    Return,
}

/// Hands bytes through as long as they are a CSV. What comes before a fault is handed out first.
pub struct Strict<R> {
    source: Source<R>,
    place: Place,
    field_bytes: usize,
    fault: Option<Fault>,
}

impl<R> Strict<R> {
    /// A checker in front of a file.
    pub const fn new(source: Source<R>) -> Self {
        Self { source, place: Place::FileStart, field_bytes: 0, fault: None }
    }

    /// Why reading failed.
    pub const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

impl<R: BufRead> Read for Strict<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = match self.source.fill_buf() {
            Ok(available) => available,
            Err(error) => {
                let fault = self.source.take_fault().unwrap_or_else(|| unreadable(error));
                return self.stop(fault);
            }
        };
        let offered = available.get(..available.len().min(out.len())).unwrap_or_default();
        if offered.is_empty() {
            return if out.is_empty() || matches!(self.place, Place::FileStart | Place::RowStart) {
                Ok(0)
            } else {
                self.stop_here(CUT)
            };
        }
        let checked = check(self.place, self.field_bytes, offered);
        let taken = checked.bytes;
        for (to, from) in out.iter_mut().zip(offered.get(..taken).unwrap_or_default()) {
            *to = *from;
        }
        (self.place, self.field_bytes) = (checked.place, checked.field_bytes);
        self.source.consume(taken);
        self.source.begin_piece();
        match checked.wrong {
            Some(message) if taken == 0 => self.stop_here(message),
            Some(_) | None => Ok(taken),
        }
    }
}

impl<R> Strict<R> {
    fn stop_here(&mut self, message: &str) -> io::Result<usize> {
        let line = self.source.line();
        self.stop(Fault::new(line, CODE_CSV, message))
    }

    fn stop(&mut self, fault: Fault) -> io::Result<usize> {
        self.fault.get_or_insert(fault);
        Err(io::Error::other("see the fault"))
    }
}

const CUT: &str = "the file is cut: its last row does not end with CR LF; ask for it again";
const LONE_LF: &str = "a line ends with LF alone: save the file as CSV with Windows line ends (CR LF)";
const LONE_CR: &str = "a CR without LF: save the file as CSV with Windows line ends (CR LF)";
const MARK_FIRST_BYTE: u8 = 0xEF;
const SECOND_MARK: &str = "a byte order mark twice: the file was edited; export it again";
const BLANK: &str = "a blank line: remove it";
const BARE_QUOTE: &str = "a quote inside a field that is not quoted: quote the field and double the quote";
const BEHIND_QUOTE: &str = "text behind a closing quote: double the quotes inside a quoted field";
const LONG: &str = "a field is longer than 64 KiB: no file of the exchange has one; ask for the file again";

/// How far some bytes are a CSV.
struct Checked {
    bytes: usize,
    place: Place,
    field_bytes: usize,
    wrong: Option<&'static str>,
}

fn check(mut place: Place, mut field_bytes: usize, bytes: &[u8]) -> Checked {
    let mut at = 0;
    let wrong = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        // Runs of plain bytes are most of a file: they are passed in one go.
        let plain = match place {
            Place::Bare => run(rest, |byte| matches!(byte, SEPARATOR | b'"' | b'\r' | b'\n')),
            Place::Quoted => run(rest, |byte| byte == b'"'),
            Place::FileStart | Place::RowStart | Place::FieldStart | Place::Quote | Place::Return => 0,
        };
        at += plain;
        field_bytes += plain;
        if TEXT_BYTES_MAX < field_bytes {
            break Some(LONG);
        }
        let Some(byte) = rest.get(plain) else { break None };
        match next(place, *byte) {
            Ok(Place::RowStart) => (place, field_bytes) = (Place::RowStart, 0),
            Ok(Place::FieldStart) => (place, field_bytes) = (Place::FieldStart, 0),
            Ok(inside) => (place, field_bytes) = (inside, field_bytes + 1),
            Err(message) => break Some(message),
        }
        at += 1;
    };
    Checked { bytes: at, place, field_bytes, wrong }
}

fn run(bytes: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| ends(*byte)).unwrap_or(bytes.len())
}

const fn next(place: Place, byte: u8) -> Result<Place, &'static str> {
    match (place, byte) {
        (Place::Quoted, b'"') => Ok(Place::Quote),
        (Place::Quoted, _) => Ok(Place::Quoted),
        (Place::Return, b'\n') => Ok(Place::RowStart),
        (Place::Return, _) => Err(LONE_CR),
        (_, b'\n') => Err(LONE_LF),
        // The csv crate would take a second mark in silence.
        (Place::FileStart, MARK_FIRST_BYTE) => Err(SECOND_MARK),
        (Place::FileStart | Place::RowStart, b'\r') => Err(BLANK),
        (Place::FieldStart | Place::Bare | Place::Quote, b'\r') => Ok(Place::Return),
        (Place::FileStart | Place::RowStart | Place::FieldStart | Place::Bare | Place::Quote, SEPARATOR) => {
            Ok(Place::FieldStart)
        }
        (Place::FileStart | Place::RowStart | Place::FieldStart | Place::Quote, b'"') => Ok(Place::Quoted),
        (Place::Bare, b'"') => Err(BARE_QUOTE),
        (Place::FileStart | Place::RowStart | Place::FieldStart | Place::Bare, _) => Ok(Place::Bare),
        (Place::Quote, _) => Err(BEHIND_QUOTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encoding::Charset;
    use rstest::rstest;

    /// Reads through buffers of `size`, so that every boundary falls everywhere.
    fn read(text: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
        let mut strict = Strict::new(Source::of_csv(text, Charset::Utf8).unwrap());
        let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
        loop {
            match strict.read(&mut buffer) {
                Ok(0) => return Ok(all),
                Ok(read) => all.extend_from_slice(&buffer[..read]),
                Err(_) => return Err(strict.fault().unwrap().clone()),
            }
        }
    }

    #[rstest]
    #[case::plain("a;b\r\n1;2\r\n")]
    #[case::empty_fields(";\r\n;\r\n")]
    #[case::quoted("\"a\";\"\"\r\n\";\";\"x\"\"y\"\r\n")]
    #[case::line_ends_in_quotes("\"a\r\nb\nc\rd\";e\r\n")]
    #[case::accents("é;œ€\r\n")]
    #[case::nothing("")]
    fn a_right_csv_passes_unchanged(#[case] text: &str) {
        for size in [1, 2, 3, 1_000] {
            assert_eq!(read(text.as_bytes(), size).unwrap(), text.as_bytes());
        }
    }

    #[rstest]
    #[case::cut_in_quotes("a;b\r\n1;\"2\r\n", 3, CUT)]
    #[case::cut_behind_a_field("a;b\r\n1;2", 2, CUT)]
    #[case::cut_behind_a_separator("a;b\r\n1;", 2, CUT)]
    #[case::cut_behind_cr("a;b\r\n1;2\r", 2, CUT)]
    #[case::cut_behind_a_quote("a;b\r\n1;\"2\"", 2, CUT)]
    #[case::text_behind_a_quote("\"1\"x;2\r\n", 1, BEHIND_QUOTE)]
    #[case::bare_quote("a\r\nx\"y\r\n", 2, BARE_QUOTE)]
    #[case::lf_only("a;b\n1;2\n", 1, LONE_LF)]
    #[case::lf_behind_quote("\"a\"\n", 1, LONE_LF)]
    #[case::lf_behind_separator("a;\n", 1, LONE_LF)]
    #[case::cr_only("a;b\r1;2\r", 1, LONE_CR)]
    #[case::cr_twice("a;b\r\r\n", 1, LONE_CR)]
    #[case::marked_twice("\u{feff}\u{feff}a\r\n", 1, SECOND_MARK)]
    #[case::blank("a\r\n\r\nb\r\n", 2, BLANK)]
    #[case::blank_first("\r\na\r\n", 1, BLANK)]
    #[case::blank_last("a\r\n\r\n", 2, BLANK)]
    #[case::blank_lf("a\r\n\n", 2, LONE_LF)]
    fn what_is_no_csv_is_refused(#[case] text: &str, #[case] row: u64, #[case] message: &str) {
        for size in [1, 2, 3, 1_000] {
            assert_eq!(read(text.as_bytes(), size), Err(Fault::new(row, CODE_CSV, message)));
        }
    }

    #[rstest]
    #[case::nul(b"a;\0\r\n")]
    #[case::escape(b"a;\x1b\r\n")]
    #[case::not_utf8(b"a;\xe9\r\n")]
    fn what_is_no_text_is_refused(#[case] text: &[u8]) {
        assert_eq!(read(text, 16).unwrap_err().row, 1);
    }

    #[rstest]
    #[case::bare("")]
    #[case::quoted("\"")]
    fn fields_have_a_limit(#[case] quote: &str) {
        let fits = "x".repeat(TEXT_BYTES_MAX - 2 * quote.len());
        assert!(read(format!("{quote}{fits}{quote};a\r\n").as_bytes(), 5_000).is_ok());
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        assert_eq!(read(format!("{quote}{long}{quote};a\r\n").as_bytes(), 5_000).unwrap_err().message, LONG);
    }
}
