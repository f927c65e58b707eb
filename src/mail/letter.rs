//! A letter: the same blocks once as text and once as HTML, and both as the bytes of one message (RFC 5322, MIME). The
//! same letter has the same bytes, however often it is handed over.

use crate::domain::{
    time::Timestamp,
    typography::{set, set_page},
};
use askama::Template;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{Header, HeaderName, HeaderValue},
    },
};
use std::time::{Duration, UNIX_EPOCH};

/// Widest line of the text part, in characters.
const LINE_CHARS: usize = 78;
/// Between the two parts; no line of ours begins so.
const BOUNDARY: &str = "navette-text-and-html";

/// A piece of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The title of a part.
    Heading(String),
    /// A sentence or two.
    Line(String),
    /// Sentences in a list.
    Items(Vec<String>),
    /// Numbers with what they count; the caption stands above.
    Counts(String, Vec<(String, u32)>),
}

/// What a letter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// As text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

/// What goes around a letter.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Who gets it.
    pub to: &'a str,
    /// Its Message-ID, with its angle brackets.
    pub message_id: &'a str,
    /// The base name of its file, where it is put into a folder.
    pub name: &'a str,
    /// When it was written.
    pub written_at: Timestamp,
}

#[derive(Template)]
#[template(path = "report.html", config = "src/askama.toml")]
struct Page<'a> {
    subject: &'a str,
    blocks: &'a [Block],
}

impl Letter {
    /// A letter of these blocks.
    ///
    /// # Errors
    /// The template's.
    pub fn of(subject: String, blocks: &[Block]) -> Result<Self, askama::Error> {
        let html = Page { subject: &subject, blocks }.render()?;
        Ok(Self { text: text(blocks), html: set_page(&html), subject })
    }

    /// The message as it is sent; none when a header cannot carry what it is given.
    pub fn bytes(&self, from: &Mailbox, to: &Address, envelope: &Envelope<'_>) -> Option<Vec<u8>> {
        let since_epoch = Duration::from_millis(u64::try_from(envelope.written_at.epoch_ms()).unwrap_or_default());
        let parts = MultiPart::alternative()
            .boundary(BOUNDARY)
            .singlepart(SinglePart::plain(self.text.clone()))
            .singlepart(SinglePart::html(self.html.clone()));
        let message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(self.subject.clone())
            .date(UNIX_EPOCH + since_epoch)
            .message_id(Some(envelope.message_id.to_owned()))
            .header(AutoSubmitted)
            .multipart(parts);
        message.ok().map(|message| message.formatted())
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834): no holiday notice is asked for.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn text(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        match block {
            Block::Heading(title) => text.push_str(&format!("\n{}\n", title.to_uppercase())),
            Block::Line(line) => text.push_str(&wrapped(line, "", "")),
            Block::Items(items) => items.iter().for_each(|item| text.push_str(&wrapped(item, "- ", "  "))),
            Block::Counts(caption, rows) => {
                text.push_str(&wrapped(caption, "", ""));
                rows.iter().for_each(|(what, count)| text.push_str(&format!("{count:>6}  {what}\n")));
            }
        }
    }
    text
}

/// Lines of at most `LINE_CHARS`, broken between words; the first begins with `first`, the others with `others`.
fn wrapped(line: &str, first: &str, others: &str) -> String {
    let mut lines = Vec::new();
    let mut current = first.to_owned();
    let mut is_empty = true;
    let line = set(line);
    for word in line.split(' ') {
        if !is_empty && LINE_CHARS < current.chars().count() + 1 + word.chars().count() {
            lines.push(std::mem::replace(&mut current, others.to_owned()));
        } else if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    lines.push(current);
    lines.join("\n") + "\n"
}
