//! The feed as it travels: pages over HTTP, files of lines over folders. What an event means is `event`'s to say.

use crate::codec::{
    Fault,
    json::{CODE_JSON, CODE_VALUE, bad_member, event::event_of, loose::Loose, malformed, read},
};
use crate::domain::{
    event::Event,
    school::{SchoolKey, SchoolYear, Uai},
};
use serde::Deserialize;
use std::fmt;

pub use crate::codec::json::event::{decode_event, encode_event};

/// A page of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The school.
    pub uai: Uai,
    /// The school year.
    pub year: SchoolYear,
    /// `depuis`, as the page repeats it.
    pub after: u64,
    /// `dernier`: the last `seq` that exists.
    pub last: u64,
    /// Its events, in the page's order.
    pub events: Vec<Event>,
    /// Each event's canonical JSON.
    pub raw: Vec<String>,
}

#[derive(Deserialize)]
struct WirePage {
    uai: String,
    annee: u16,
    depuis: u64,
    dernier: u64,
    evenements: Vec<Loose>,
}

/// Reads a page. Events that are wrong in themselves are read as unreadable; an event without a right `seq` gets the
/// place behind the one before it. Holes, and numbers that fall, are the reader's of the feed to judge.
///
/// # Errors
/// `JSON` when the page is none, `VALEUR` when `uai` or `annee` is wrong.
pub fn decode_page(bytes: &[u8]) -> Result<Page, Fault> {
    let wire: WirePage = read(bytes, "a page of the feed")?;
    let uai = Uai::parse(&wire.uai).map_err(|_| bad_member("uai"))?;
    let year = SchoolYear::new(wire.annee).map_err(|_| bad_member("annee"))?;
    let mut page = Page { uai, year, after: wire.depuis, last: wire.dernier, events: Vec::new(), raw: Vec::new() };
    let mut position = wire.depuis;
    for loose in wire.evenements {
        let event = event_of(&loose, position.saturating_add(1));
        position = event.seq;
        page.events.push(event);
        page.raw.push(loose.canonical());
    }
    Ok(page)
}

/// Writes a page from events that are JSON already.
pub fn encode_page(school: SchoolKey, after: u64, last: u64, raw: &[String]) -> String {
    let SchoolKey { uai, year } = school;
    let events = raw.join(",");
    format!(r#"{{"uai":"{uai}","annee":{year},"depuis":{after},"dernier":{last},"evenements":[{events}]}}"#)
}

/// Reads a file of events, one JSON value a line, the first of which is number `first` by the file's name.
///
/// # Errors
/// `JSON` with its line when one is no JSON, is blank, or is not ended: the file is cut.
pub fn decode_ndjson(bytes: &[u8], first: u64) -> Result<Vec<(Event, String)>, Fault> {
    let mut events = Vec::new();
    let mut position = first;
    let mut rest = bytes;
    let mut row = 0;
    while !rest.is_empty() {
        row += 1;
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| {
            Fault::new(row, CODE_JSON, "the last line is not ended: the file is cut, publish it again")
        })?;
        let (line, behind) = rest.split_at_checked(end).unwrap_or_default();
        rest = behind.get(1..).unwrap_or_default();
        let loose: Loose =
            serde_json::from_slice(line).map_err(|error| Fault { row, ..malformed(&error, "an event") })?;
        let event = event_of(&loose, position);
        position = event.seq.saturating_add(1);
        events.push((event, loose.canonical()));
    }
    if events.is_empty() {
        return Err(Fault::new(0, CODE_VALUE, "the file holds no event: an empty feed never means that all are gone"));
    }
    Ok(events)
}

/// Writes a file of events that are JSON already.
pub fn encode_ndjson(raw: &[String]) -> String {
    raw.iter().flat_map(|event| [event.as_str(), "\n"]).collect()
}

/// The name of a file of events: `{UAI}-{AAAA}-EVT-{first:010}-{last:010}.ndjson`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedFileName {
    /// School and year.
    pub school: SchoolKey,
    /// `seq` of its first event.
    pub first: u64,
    /// `seq` of its last.
    pub last: u64,
}

impl FeedFileName {
    /// Reads a name; none when it is none, or its range is empty.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".ndjson")?.split('-');
        let uai = Uai::parse(parts.next()?).ok()?;
        let year = SchoolYear::parse(parts.next()?).ok()?;
        parts.next().filter(|code| *code == "EVT")?;
        let (first, last) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let parsed = Self { school: SchoolKey { uai, year }, first, last };
        (parts.next().is_none() && 0 < first && first <= last && parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for FeedFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-EVT-{:010}-{:010}.ndjson", self.school, self.first, self.last)
    }
}
