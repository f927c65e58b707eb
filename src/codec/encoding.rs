//! From the bytes of a file to UTF-8 and back: which encoding a file is in, what may stand in it, and how large it may be.
//! Reading never holds more than one chunk.

use crate::codec::Fault;
use crate::domain::{anomaly::Code, lot::Encoding};
use encoding_rs::{Decoder, DecoderResult, ISO_8859_15, UTF_8, WINDOWS_1252};
use std::io::{self, BufRead, Read};

/// The largest file that is read (siecle.md, reading limits).
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The longest text node, tag or comment (siecle.md, reading limits).
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// How far a declaration is looked for: the longest right one has some 80 bytes.
const DECLARATION_BYTES_MAX: u64 = 1024;
/// Decoded bytes held at a time: small enough for a flat memory, large enough for long scans.
const CHUNK_BYTES: usize = 32 * 1024;
/// The byte order mark of UTF-8.
pub const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An encoding in which files arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// ISO-8859-15.
    Latin9,
    /// windows-1252, which is also what files that say ISO-8859-1 are in.
    Windows1252,
}

impl Charset {
    /// The encoding of a label, in either case.
    pub fn of_label(label: &str) -> Option<Self> {
        match label.to_ascii_lowercase().as_str() {
            "utf-8" => Some(Self::Utf8),
            "iso-8859-15" => Some(Self::Latin9),
            "iso-8859-1" | "windows-1252" => Some(Self::Windows1252),
            _ => None,
        }
    }

    fn decoder(self) -> Decoder {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Latin9 => ISO_8859_15,
            Self::Windows1252 => WINDOWS_1252,
        };
        encoding.new_decoder_without_bom_handling()
    }
}

/// The label of an encoding in which files are written, for declarations and `charset=`.
pub const fn label(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Latin9 => "ISO-8859-15",
    }
}

/// Whether `encoding` has every character of `text`.
pub fn carries(encoding: Encoding, text: &str) -> bool {
    match encoding {
        Encoding::Utf8 => true,
        Encoding::Latin9 => text.chars().all(|char| latin9_byte(char).is_some()),
    }
}

/// The byte of a character in ISO-8859-15, where it has one. (encoding_rs would write `&#…;` without a word.)
pub const fn latin9_byte(char: char) -> Option<u8> {
    match char {
        '€' => Some(0xA4),
        'Š' => Some(0xA6),
        'š' => Some(0xA8),
        'Ž' => Some(0xB4),
        'ž' => Some(0xB8),
        'Œ' => Some(0xBC),
        'œ' => Some(0xBD),
        'Ÿ' => Some(0xBE),
        '\u{A4}' | '\u{A6}' | '\u{A8}' | '\u{B4}' | '\u{B8}' | '\u{BC}' | '\u{BD}' | '\u{BE}' => None,
        '\0'..='\u{FF}' => Some(char as u8),
        '\u{100}'.. => None,
    }
}

/// Which control characters, beside tab and line ends, are handed on: whoever reads the texts judges those row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controls {
    /// None.
    Refused,
    /// Those that XML 1.0 has: U+007F to U+009F.
    OfXml,
    /// All but NUL, which no text has.
    OfCsv,
}

impl Controls {
    /// Whether a character that is forbidden in texts stands at the front, and the file may not even hold it.
    const fn refuse(self, at: &[u8]) -> bool {
        match self {
            Self::Refused => is_forbidden(at),
            Self::OfXml => is_forbidden(at) && !matches!(at, [0x7F, ..] | [0xC2, 0x80..=0x9F, ..]),
            Self::OfCsv => matches!(at, [0, ..]),
        }
    }
}

/// A file that becomes UTF-8 chunk by chunk. It refuses bytes that its encoding does not know, control characters, and
/// too many bytes; its fault is kept for whoever reads through it, since `BufRead` can only say that something failed.
pub struct Source<R> {
    input: io::Chain<io::Cursor<Vec<u8>>, R>,
    decoder: Decoder,
    controls: Controls,
    /// Decodes what only Windows puts between 80 and 9F, in a file that was edited there.
    edited: Option<Decoder>,
    chunk: Vec<u8>,
    at: usize,
    filled: usize,
    left_bytes: u64,
    piece_bytes: usize,
    line: u64,
    ended: bool,
    fault: Option<Fault>,
}

impl<R: BufRead> Source<R> {
    /// Opens an XML document: the byte order mark, then the declaration decide, else it is UTF-8. The declaration is taken.
    ///
    /// # Errors
    /// `XML` for an empty file or a wrong declaration, `ENCODAGE` for an encoding that is not read or contradicts the mark.
    pub fn of_xml(mut input: R) -> Result<Self, Fault> {
        let mut head = Vec::new();
        input.by_ref().take(DECLARATION_BYTES_MAX).read_to_end(&mut head).map_err(unreadable)?;
        let (charset, taken) = sniff(&head)?;
        let line = 1 + lines(head.get(..taken).unwrap_or_default());
        let rest = head.split_off(taken);
        Ok(Self::new(rest, input, charset, line, Controls::OfXml))
    }

    /// Opens an export of SIECLE, as `of_xml`. One that says ISO-8859-15 may have been edited on Windows: the bytes that
    /// SIECLE wrote stayed as they were, and what was typed lies between 80 and 9F, where ISO-8859-15 has control
    /// characters only. So both are known byte by byte.
    ///
    /// # Errors
    /// As `of_xml`.
    pub fn of_export(input: R) -> Result<Self, Fault> {
        let source = Self::of_xml(input)?;
        let edited = (source.decoder.encoding() == ISO_8859_15).then(|| Charset::Windows1252.decoder());
        Ok(Self { edited, controls: Controls::Refused, ..source })
    }

    /// Opens a CSV: a byte order mark says UTF-8, else it is in `charset`. The mark is taken.
    ///
    /// # Errors
    /// `ENCODAGE` for UTF-16.
    pub fn of_csv(input: R, charset: Charset) -> Result<Self, Fault> {
        Self::of_table(input, charset, Controls::Refused)
    }

    /// Opens a CSV of the exchange, as `of_csv`; a control character in it is its row's affair (anomaly `TEXTE`).
    ///
    /// # Errors
    /// As `of_csv`.
    pub fn of_rows(input: R, charset: Charset) -> Result<Self, Fault> {
        Self::of_table(input, charset, Controls::OfCsv)
    }

    fn of_table(mut input: R, charset: Charset, controls: Controls) -> Result<Self, Fault> {
        let mut head = Vec::new();
        input.by_ref().take(UTF8_MARK.len() as u64).read_to_end(&mut head).map_err(unreadable)?;
        not_utf16(&head)?;
        let marked = head == UTF8_MARK;
        let (head, charset) = if marked { (Vec::new(), Charset::Utf8) } else { (head, charset) };
        Ok(Self::new(head, input, charset, 1, controls))
    }

    fn new(head: Vec<u8>, input: R, charset: Charset, line: u64, controls: Controls) -> Self {
        Self {
            input: io::Cursor::new(head).chain(input),
            decoder: charset.decoder(),
            controls,
            edited: None,
            chunk: vec![0; CHUNK_BYTES],
            at: 0,
            filled: 0,
            // One more: a file of exactly the limit is read.
            left_bytes: FILE_BYTES_MAX + 1,
            piece_bytes: 0,
            line,
            ended: false,
            fault: None,
        }
    }
}

impl<R> Source<R> {
    /// The line of the next byte, from 1.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Begins another text node, tag or comment: its bytes are counted from here.
    pub const fn begin_piece(&mut self) {
        self.piece_bytes = 0;
    }

    /// Why reading failed.
    pub const fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }
}

impl<R: BufRead> Source<R> {
    /// Decodes the next chunk. What comes before a fault is handed out first, so that faults are told in order.
    fn refill(&mut self) -> io::Result<()> {
        (self.at, self.filled) = (0, 0);
        while self.filled == 0 && !self.ended && self.fault.is_none() {
            let bytes = self.input.fill_buf()?;
            let (last, known) = (bytes.is_empty(), bytes.len());
            let (decoder, bytes) = match &mut self.edited {
                None => (&mut self.decoder, bytes),
                Some(edited) => match run(bytes) {
                    Run::Plain(bytes) => (&mut self.decoder, bytes),
                    Run::Edited(bytes) => (edited, bytes),
                },
            };
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, &mut self.chunk, last);
            self.input.consume(read.min(known));
            self.filled = written;
            self.left_bytes = self.left_bytes.saturating_sub(read as u64);
            match result {
                DecoderResult::InputEmpty => self.ended = last,
                DecoderResult::OutputFull => (),
                DecoderResult::Malformed(..) => self.fail(written, "ENCODAGE", MALFORMED),
            }
            if self.left_bytes == 0 {
                self.fail(written, "TAILLE", TOO_LARGE);
            }
            if let Some(bad) = forbidden(self.chunk.get(..written).unwrap_or_default(), self.controls) {
                self.filled = bad;
                self.fail(
                    bad,
                    CONTROL,
                    "a control character: no XML or text field may hold one; correct the entry and export it again",
                );
            }
        }
        Ok(())
    }

    fn fail(&mut self, at: usize, code: &'static str, message: &str) {
        let line = self.line + lines(self.chunk.get(..at).unwrap_or_default());
        self.fault = Some(Fault::new(line, code, message));
    }
}

/// Bytes that one decoder takes.
enum Run<'a> {
    Plain(&'a [u8]),
    Edited(&'a [u8]),
}

/// The bytes at the front that lie on one side: between 80 and 9F, or outside.
fn run(bytes: &[u8]) -> Run<'_> {
    let edited = |byte: &u8| matches!(byte, 0x80..=0x9F);
    let until = |end: Option<usize>| end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
    if bytes.first().is_some_and(edited) {
        Run::Edited(until(bytes.iter().position(|byte| !edited(byte))))
    } else {
        Run::Plain(until(bytes.iter().position(edited)))
    }
}

const MALFORMED: &str = "bytes that the file's encoding does not know: it was saved in another encoding than it says; export it again instead of editing it";

impl<R: BufRead> Source<R> {
    /// The whole text of a file that fits into memory.
    ///
    /// # Errors
    /// What its encoding does not know, a control character, too many bytes.
    pub fn into_text(mut self) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        loop {
            let read = match self.fill_buf() {
                Ok(read) => read,
                Err(error) => return Err(self.take_fault().unwrap_or_else(|| unreadable(error))),
            };
            if read.is_empty() {
                // The decoder has made UTF-8 of it.
                return Ok(String::from_utf8(bytes).unwrap_or_default());
            }
            bytes.extend_from_slice(read);
            let length = read.len();
            self.consume(length);
            self.begin_piece();
        }
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let taken = available.len().min(out.len());
        for (to, from) in out.iter_mut().zip(available) {
            *to = *from;
        }
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if TEXT_BYTES_MAX < self.piece_bytes {
            self.fault = Some(Fault::new(self.line, "TAILLE", TOO_LONG));
            return Err(io::Error::other(TOO_LONG));
        }
        if self.at == self.filled {
            self.refill()?;
            if self.filled == 0 && self.fault.is_some() {
                return Err(io::Error::other("see the fault"));
            }
        }
        Ok(self.chunk.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, taken: usize) {
        let end = self.at.saturating_add(taken).min(self.filled);
        self.line += lines(self.chunk.get(self.at..end).unwrap_or_default());
        self.piece_bytes += end - self.at;
        self.at = end;
    }
}

/// The code of a control character (siecle.md, common rules).
pub const CONTROL: &str = Code::Texte.as_str();

/// What is said of a text node, tag or comment that is too long.
pub const TOO_LONG: &str =
    "a text, tag or comment is longer than 64 KiB: no file of the exchange has one; ask for the file again";

/// What is said of a file that is too large.
pub const TOO_LARGE: &str = "the file is larger than 64 MiB: no file of the exchange is; ask for the right one";

/// What is told of a file that the machine could not read.
pub const UNREADABLE: &str = "LECTURE";

/// A file that the machine could not read.
pub fn unreadable(error: io::Error) -> Fault {
    Fault::new(0, UNREADABLE, format!("the file cannot be read ({}): look at the disk and the rights", error.kind()))
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Where a character stands that the file may not hold.
fn forbidden(text: &[u8], controls: Controls) -> Option<usize> {
    const BLOCK_BYTES: usize = 64;
    let suspect =
        |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) | matches!(byte, 0x7F | 0xC2 | 0xEF);
    for (nth, block) in text.chunks(BLOCK_BYTES).enumerate() {
        // Without an early end this loop is vectorised: nearly all blocks hold nothing suspect.
        if block.iter().fold(false, |found, byte| found | suspect(*byte)) {
            let start = nth * BLOCK_BYTES;
            let stands = |at: &usize| controls.refuse(text.get(*at..).unwrap_or_default());
            if let Some(at) = (start..start + block.len()).find(stands) {
                return Some(at);
            }
        }
    }
    None
}

/// Control characters but tab and line ends, U+FFFE and U+FFFF.
const fn is_forbidden(at: &[u8]) -> bool {
    match at {
        [b'\t' | b'\n' | b'\r', ..] => false,
        [0..=0x1F | 0x7F, ..] | [0xC2, 0x80..=0x9F, ..] | [0xEF, 0xBF, 0xBE | 0xBF, ..] => true,
        _ => false,
    }
}

fn not_utf16(head: &[u8]) -> Result<(), Fault> {
    if head.starts_with(b"\xFE\xFF") || head.starts_with(b"\xFF\xFE") {
        return Err(Fault::new(1, "ENCODAGE", format!("the file is in UTF-16: {READ_ENCODINGS}")));
    }
    Ok(())
}

/// The encoding of an XML file, and how many bytes its byte order mark and declaration take.
fn sniff(head: &[u8]) -> Result<(Charset, usize), Fault> {
    if head.is_empty() {
        return Err(Fault::new(
            0,
            "XML",
            "the file is empty: an empty file never means that all is gone; ask for it again",
        ));
    }
    not_utf16(head)?;
    let marked = head.starts_with(UTF8_MARK);
    let mark_bytes = if marked { UTF8_MARK.len() } else { 0 };
    let body = head.get(mark_bytes..).unwrap_or_default();
    let begins = |after: &[u8]| after.first().is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'?');
    let Some(declaration) = body.strip_prefix(b"<?xml").filter(|after| begins(after)) else {
        return not_marked_twice(body).map(|()| (Charset::Utf8, mark_bytes));
    };
    let end = declaration.windows(2).position(|pair| pair == b"?>").ok_or_else(wrong_declaration)?;
    let inside = declaration.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let named = inside.and_then(declared_encoding).ok_or_else(wrong_declaration)?;
    let charset = match named {
        None => Charset::Utf8,
        Some(label) => Charset::of_label(label).ok_or_else(|| {
            Fault::new(1, "ENCODAGE", format!("the file declares another encoding: {READ_ENCODINGS}"))
        })?,
    };
    if marked && charset != Charset::Utf8 {
        let message =
            "the file begins with the mark of UTF-8 but declares another encoding: it was edited; export it again";
        return Err(Fault::new(1, "ENCODAGE", message));
    }
    let taken = mark_bytes + b"<?xml".len() + end + b"?>".len();
    not_marked_twice(head.get(taken..).unwrap_or_default())?;
    Ok((charset, taken))
}

const READ_ENCODINGS: &str = "UTF-8, ISO-8859-15, ISO-8859-1 and windows-1252 are read; export it in one of them";

/// The tokenizer would take a second mark in silence.
fn not_marked_twice(body: &[u8]) -> Result<(), Fault> {
    let twice = body.starts_with(UTF8_MARK);
    if twice { Err(Fault::new(1, "XML", "a byte order mark inside the file: export it again")) } else { Ok(()) }
}

fn wrong_declaration() -> Fault {
    Fault::new(
        1,
        "XML",
        "the XML declaration is wrong: it is <?xml version=\"1.0\" encoding=\"UTF-8\"?>; export the file again",
    )
}

/// The label in what stands between `<?xml` and `?>`, if there is one; none at all when that is not a right declaration.
fn declared_encoding(inside: &str) -> Option<Option<&str>> {
    let mut rest = inside;
    if pseudo_attribute(&mut rest, "version")? != "1.0" {
        return None;
    }
    let encoding = pseudo_attribute(&mut rest, "encoding");
    let standalone = pseudo_attribute(&mut rest, "standalone");
    let ends = rest.trim_matches([' ', '\t', '\r', '\n']).is_empty();
    (ends && standalone.is_none_or(|value| matches!(value, "yes" | "no"))).then_some(encoding)
}

/// Takes ` name="value"` from the front of `rest`, or leaves it as it is.
fn pseudo_attribute<'a>(rest: &mut &'a str, name: &str) -> Option<&'a str> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let after_space = rest.trim_start_matches(SPACE);
    let spaced = after_space.len() < rest.len();
    let after_equals = after_space.strip_prefix(name)?.trim_start_matches(SPACE).strip_prefix('=')?;
    let quoted = after_equals.trim_start_matches(SPACE);
    let quote = quoted.chars().next().filter(|char| spaced && matches!(char, '"' | '\''))?;
    let (value, after) = quoted.strip_prefix(quote)?.split_once(quote)?;
    *rest = after;
    Some(value)
}
