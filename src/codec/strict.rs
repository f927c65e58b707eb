//! A strict reader around quick-xml: well-formedness as XML 1.0 has it, and nothing that no file of the exchange needs.
//! The tokenizer alone accepts in silence an unclosed root, two roots, text around them, DOCTYPE, `]]>` and more.

use crate::codec::{
    Fault,
    encoding::{Source, TEXT_BYTES_MAX, TOO_LONG, UNREADABLE},
};
use quick_xml::{Reader, events::Event};
use std::{io::BufRead, ops::Range};

/// Deepest nesting (siecle.md, reading limits).
const DEPTH_MAX: usize = 16;

/// Where the reader stands: on an opening tag, on a closing tag, or behind the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Open,
    Close,
    End,
}

/// What the tokenizer gave; its content is in `StrictReader::piece`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Open,
    Empty,
    Close,
    Text,
    Reference,
    Cdata,
    Comment,
    End,
}

/// What happens to attributes that are not asked for.
#[derive(Clone, Copy)]
enum Others {
    Refused,
    Passed,
}

/// Reads one document tag by tag. It always stands on a tag; white space and comments between tags are passed over.
pub struct StrictReader<R> {
    xml: Reader<Source<R>>,
    tokens: Vec<u8>,
    /// Content of the last piece; for a tag, what stands between `<` and `>`.
    piece: String,
    name_bytes: usize,
    text: String,
    values: String,
    at: At,
    line: u64,
    depth: usize,
    rooted: bool,
    close_is_due: bool,
    broken: bool,
}

impl<R: BufRead> StrictReader<R> {
    /// Opens a document and stands on its root.
    ///
    /// # Errors
    /// `XML`, `ENCODAGE`, `TEXTE` or `TAILLE` when there is no root to stand on.
    pub fn open(input: R) -> Result<Self, Fault> {
        Self::over(Source::of_xml(input)?)
    }

    /// Opens an export of SIECLE and stands on its root.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_export(input: R) -> Result<Self, Fault> {
        Self::over(Source::of_export(input)?)
    }

    fn over(source: Source<R>) -> Result<Self, Fault> {
        let mut reader = Self {
            xml: Reader::from_reader(source),
            tokens: Vec::new(),
            piece: String::new(),
            name_bytes: 0,
            text: String::new(),
            values: String::new(),
            at: At::End,
            line: 1,
            depth: 0,
            rooted: false,
            close_is_due: false,
            broken: false,
        };
        reader.advance()?;
        Ok(reader)
    }

    /// The line of the tag on which it stands.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Whether the document is not well-formed, so that nothing more can be read.
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether it stands on an opening tag.
    pub fn on_open(&self) -> bool {
        self.at == At::Open
    }

    /// Whether it stands on an opening tag of this name.
    pub fn is_on(&self, name: &str) -> bool {
        self.at == At::Open && self.name() == name
    }

    /// How many elements are open.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// A fault on the line of the tag on which it stands.
    pub fn fault(&self, code: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(self.line, code, message)
    }

    /// The fault of standing elsewhere than on `name`.
    pub fn expected(&self, name: &str) -> Fault {
        self.fault("BALISE", format!("{name} is expected here: an element is missing, unknown or out of order"))
    }

    /// The values of the attributes of the tag on which it stands, by the order of `names`; no others may stand there.
    ///
    /// # Errors
    /// `XML` for attributes that are not well-formed or stand there twice, `ATTRIBUT` for an unknown one.
    pub fn attributes<const N: usize>(&mut self, names: [&str; N]) -> Result<[Option<&str>; N], Fault> {
        self.attributes_with(names, Others::Refused)
    }

    /// The same, and others may stand there: they are passed over.
    ///
    /// # Errors
    /// `XML` for attributes that are not well-formed, or for one of `names` that stands there twice.
    pub fn some_attributes<const N: usize>(&mut self, names: [&str; N]) -> Result<[Option<&str>; N], Fault> {
        self.attributes_with(names, Others::Passed)
    }

    fn attributes_with<const N: usize>(
        &mut self,
        names: [&str; N],
        others: Others,
    ) -> Result<[Option<&str>; N], Fault> {
        let mut found: [Option<Range<usize>>; N] = std::array::from_fn(|_| None);
        self.values.clear();
        let mut rest = self.piece.get(self.name_bytes..).unwrap_or_default();
        while let Some(attribute) = next_attribute(&mut rest) {
            let fault = |code, message: &str| Err(Fault::new(self.line, code, message));
            let Ok((name, value)) = attribute else {
                return fault("XML", "attributes are not well-formed: the file was edited; export it again");
            };
            let Some(slot) = names.iter().position(|known| *known == name).and_then(|nth| found.get_mut(nth)) else {
                match others {
                    Others::Passed => continue,
                    Others::Refused => {
                        return fault(
                            "ATTRIBUT",
                            "an attribute that this element does not have: remove it, or look at the schema",
                        );
                    }
                }
            };
            let start = self.values.len();
            if slot.is_some() || push_unescaped(&mut self.values, value).is_none() {
                return fault("XML", "an attribute stands twice, or holds an unknown reference: export the file again");
            }
            *slot = Some(start..self.values.len());
        }
        let values = &self.values;
        Ok(found.map(|range| range.and_then(|range| values.get(range))))
    }

    /// Goes into the element `name`, which has no attributes.
    ///
    /// # Errors
    /// `BALISE` when it stands elsewhere, `ATTRIBUT`, or what `advance` says.
    pub fn enter(&mut self, name: &str) -> Result<(), Fault> {
        if !self.is_on(name) {
            return Err(self.expected(name));
        }
        self.attributes([])?;
        self.advance()
    }

    /// Goes into the element on which it stands, whose attributes were read.
    ///
    /// # Errors
    /// What `advance` says.
    pub fn enter_read(&mut self) -> Result<(), Fault> {
        self.advance()
    }

    /// Leaves an element: it must stand on its closing tag.
    ///
    /// # Errors
    /// `BALISE` when there is still an element, or what `advance` says.
    pub fn leave(&mut self) -> Result<(), Fault> {
        match self.at {
            At::Close => self.advance(),
            At::Open | At::End => Err(self
                .fault("BALISE", "an element that may not stand here: remove it, or look at the schema for the order")),
        }
    }

    /// The text of the element `name`, which has no attributes; then it stands behind it.
    ///
    /// # Errors
    /// `BALISE` when it stands elsewhere, `ATTRIBUT`, or what `text_read` says.
    pub fn text_of(&mut self, name: &str) -> Result<&str, Fault> {
        if !self.is_on(name) {
            return Err(self.expected(name));
        }
        self.attributes([])?;
        self.text_read()
    }

    /// The text of the element on which it stands, whose attributes were read; then it stands behind it.
    ///
    /// # Errors
    /// `BALISE` for an element inside, `XML` when it is not well-formed, `TAILLE` when it is too long.
    pub fn text_read(&mut self) -> Result<&str, Fault> {
        self.text.clear();
        loop {
            match self.pull()? {
                Piece::Text | Piece::Cdata => self.text.push_str(&self.piece),
                Piece::Reference => {
                    let Some(char) = resolve(&self.piece) else {
                        return Err(self.break_off("XML", UNKNOWN_REFERENCE));
                    };
                    self.text.push(char);
                }
                Piece::Comment => (),
                Piece::Close => break,
                Piece::Open | Piece::Empty => return Err(self.fault("BALISE", "an element where only text may stand")),
                Piece::End => return Err(self.break_off("XML", CUT)),
            }
            if TEXT_BYTES_MAX < self.text.len() {
                return Err(self.break_off("TAILLE", TOO_LONG));
            }
        }
        self.advance()?;
        Ok(&self.text)
    }

    /// Passes the element on which it stands, which must be empty; its attributes were read.
    ///
    /// # Errors
    /// `TEXTE` when it is not empty, or what `text_read` says.
    pub fn empty_read(&mut self) -> Result<(), Fault> {
        let line = self.line;
        if self.text_read()?.is_empty() {
            Ok(())
        } else {
            Err(Fault::new(line, "TEXTE", "text in an element that has none: remove it"))
        }
    }

    /// Goes behind the element that was at `depth`, whatever it holds.
    ///
    /// # Errors
    /// When the document is not well-formed.
    pub fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        while depth <= self.depth {
            if self.pull()? == Piece::End {
                return Err(self.break_off("XML", CUT));
            }
        }
        self.advance()
    }

    /// Requires that nothing comes behind the root.
    ///
    /// # Errors
    /// `BALISE` when there is more.
    pub fn end(&self) -> Result<(), Fault> {
        match self.at {
            At::End => Ok(()),
            At::Open | At::Close => {
                Err(self.fault("BALISE", "more than the document has: remove it, or look at the schema"))
            }
        }
    }

    /// The name of the opening tag on which it stands.
    pub fn name(&self) -> &str {
        self.piece.get(..self.name_bytes).unwrap_or_default()
    }

    /// Goes to the next tag. What stands between must be white space or comments.
    fn advance(&mut self) -> Result<(), Fault> {
        self.at = loop {
            match self.pull()? {
                Piece::Open | Piece::Empty => break At::Open,
                Piece::Close => break At::Close,
                Piece::Comment => (),
                Piece::Text if self.piece.bytes().all(is_space) => (),
                Piece::Text | Piece::Reference | Piece::Cdata => {
                    return Err(self.break_off(
                        "TEXTE",
                        "text where only elements may stand: remove it, or ask for the file again",
                    ));
                }
                Piece::End => break At::End,
            }
        };
        Ok(())
    }

    /// The next piece of the document, with depth and roots counted and everything refused that is refused anywhere.
    fn pull(&mut self) -> Result<Piece, Fault> {
        if self.close_is_due {
            self.close_is_due = false;
            self.depth = self.depth.saturating_sub(1);
            return Ok(Piece::Close);
        }
        self.tokens.clear();
        self.piece.clear();
        self.xml.get_mut().begin_piece();
        let event = self.xml.read_event_into(&mut self.tokens);
        self.line = self.xml.get_ref().line();
        let piece = match event {
            Ok(Event::Start(tag)) => keep(&mut self.piece, &tag, Piece::Open),
            Ok(Event::Empty(tag)) => keep(&mut self.piece, &tag, Piece::Empty),
            Ok(Event::End(_)) => Piece::Close,
            Ok(Event::Text(text)) => keep(&mut self.piece, &text, Piece::Text),
            Ok(Event::GeneralRef(name)) => keep(&mut self.piece, &name, Piece::Reference),
            Ok(Event::CData(text)) => keep(&mut self.piece, &text, Piece::Cdata),
            Ok(Event::Comment(text)) => keep(&mut self.piece, &text, Piece::Comment),
            Ok(Event::Eof) => Piece::End,
            Ok(Event::Decl(_)) => {
                return Err(
                    self.break_off("XML", "an XML declaration inside the document: two files in one? Ask for it again")
                );
            }
            Ok(Event::PI(_)) => {
                return Err(
                    self.break_off("XML", "a processing instruction: no file of the exchange has one; remove it")
                );
            }
            Ok(Event::DocType(_)) => {
                return Err(self.break_off("XML", "a DOCTYPE: no file of the exchange has one; remove it"));
            }
            Err(error) => return Err(self.failed(&error)),
        };
        self.count(piece)?;
        Ok(piece)
    }

    fn count(&mut self, piece: Piece) -> Result<(), Fault> {
        match piece {
            Piece::Open | Piece::Empty => {
                if self.depth == 0 && self.rooted {
                    return Err(self.break_off("XML", "a second root: two files in one? Ask for it again"));
                }
                self.rooted = true;
                self.depth += 1;
                self.close_is_due = piece == Piece::Empty;
                let ends = |byte: u8| is_space(byte) || byte == b'/';
                self.name_bytes = self.piece.bytes().position(ends).unwrap_or(self.piece.len());
                if DEPTH_MAX < self.depth {
                    return Err(
                        self.break_off("PROFONDEUR", "elements are nested too deeply: this is no file of the exchange")
                    );
                }
            }
            Piece::Close => self.depth = self.depth.saturating_sub(1),
            Piece::Text if self.piece.contains("]]>") => {
                return Err(self.break_off("XML", "`]]>` in a text: write `]]&gt;`"));
            }
            Piece::Comment if self.piece.contains("--") || self.piece.ends_with('-') => {
                return Err(self.break_off("XML", "`--` in a comment: remove the comment"));
            }
            Piece::End if 0 < self.depth || !self.rooted => return Err(self.break_off("XML", CUT)),
            Piece::Text | Piece::Reference | Piece::Cdata | Piece::Comment | Piece::End => (),
        }
        Ok(())
    }

    fn failed(&mut self, error: &quick_xml::Error) -> Fault {
        self.broken = true;
        if let Some(fault) = self.xml.get_mut().take_fault() {
            return fault;
        }
        // The tokenizer's own words quote the file, and so could name a pupil.
        match error {
            quick_xml::Error::Io(error) => Fault::new(
                self.line,
                UNREADABLE,
                format!("the file cannot be read ({}): look at the disk and the rights", error.kind()),
            ),
            quick_xml::Error::Syntax(_) => self.fault("XML", CUT),
            quick_xml::Error::IllFormed(_) => self.fault(
                "XML",
                "tags do not fit together, or `&` stands alone: the file was edited or cut; ask for it again",
            ),
            _ => self.fault("XML", "the document is not well-formed: ask for it again"),
        }
    }

    fn break_off(&mut self, code: &'static str, message: &str) -> Fault {
        self.broken = true;
        self.fault(code, message)
    }
}

const CUT: &str = "the document ends before its end: it was cut on its way; ask for it again";
const UNKNOWN_REFERENCE: &str =
    "an unknown reference: only the five of XML and character numbers are known; write the character itself";

fn keep(piece: &mut String, content: &str, kind: Piece) -> Piece {
    piece.push_str(content);
    kind
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Takes the next attribute, with white space before it, from what follows a tag's name.
fn next_attribute<'a>(rest: &mut &'a str) -> Option<Result<(&'a str, &'a str), ()>> {
    let text = rest.trim_start_matches(SPACES);
    let spaced = text.len() < rest.len();
    if text.is_empty() {
        return None;
    }
    let attribute = take_attribute(text).filter(|_| spaced);
    *rest = attribute.map_or("", |(_, _, after)| after);
    Some(attribute.map(|(name, value, _)| (name, value)).ok_or(()))
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn take_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, after) = text.split_once('=')?;
    let quoted = after.trim_start_matches(SPACES);
    let quote = quoted.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let (value, after) = quoted.strip_prefix(quote)?.split_once(quote)?;
    // Attributes of the exchange hold codes and numbers: a line end in one is a slip, and `<` is not well-formed.
    let plain = !value.bytes().any(|byte| matches!(byte, b'<' | b'\t' | b'\r' | b'\n'));
    let name = name.trim_end_matches(SPACES);
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.'));
    (plain && named).then_some((name, value, after))
}

/// Appends a value with its references resolved.
fn push_unescaped(out: &mut String, value: &str) -> Option<()> {
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, behind) = after.split_once(';')?;
        out.push_str(before);
        out.push(resolve(name)?);
        rest = behind;
    }
    out.push_str(rest);
    Some(())
}

/// The character of a reference: one of the five of XML, or a number of a character that a document may hold.
fn resolve(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        u32::from_str_radix(digits, radix).ok().filter(|_| plain)
    };
    let code = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    };
    let held = |char: &char| {
        matches!(char, '\t' | '\n' | '\r') || !(char.is_control() || matches!(char, '\u{FFFE}' | '\u{FFFF}'))
    };
    char::from_u32(code?).filter(held)
}
