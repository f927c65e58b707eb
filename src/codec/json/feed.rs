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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventKind;
    use rstest::rstest;

    fn school() -> SchoolKey {
        SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
    }

    fn left(seq: u64) -> String {
        format!(r#"{{"eleve_id":100,"le":"2020-05-01T08:00:00+02:00","seq":{seq},"type":"ELEVE_SORTI"}}"#)
    }

    #[test]
    fn a_page_reads_back() {
        let raw = vec![left(411), left(412)];
        let page = decode_page(encode_page(school(), 410, 412, &raw).as_bytes()).unwrap();
        assert_eq!((page.uai, page.year, page.after, page.last), (school().uai, school().year, 410, 412));
        assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [411, 412]);
        assert_eq!(page.raw, raw);
        assert!(decode_page(encode_page(school(), 412, 412, &[]).as_bytes()).unwrap().events.is_empty());
    }

    #[test]
    fn an_event_without_its_number_keeps_its_place() {
        let raw = [left(5), left(6).replace("6", "\"6\""), left(7)];
        for events in [
            decode_page(encode_page(school(), 4, 7, &raw).as_bytes()).unwrap().events,
            decode_ndjson(encode_ndjson(&raw).as_bytes(), 5).unwrap().into_iter().map(|(event, _)| event).collect(),
        ] {
            assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 6, 7]);
            let unreadable = |event: &Event| matches!(event.kind, EventKind::Unreadable { .. });
            assert_eq!(events.iter().map(unreadable).collect::<Vec<_>>(), [false, true, false]);
        }
    }

    #[rstest]
    #[case::no_json("{", CODE_JSON)]
    #[case::a_list("[]", CODE_JSON)]
    #[case::bad_uai(r#"{"uai":"0380001W","annee":2019,"depuis":0,"dernier":0,"evenements":[]}"#, CODE_VALUE)]
    #[case::bad_year(r#"{"uai":"0380001V","annee":1919,"depuis":0,"dernier":0,"evenements":[]}"#, CODE_VALUE)]
    #[case::number_as_text(r#"{"uai":"0380001V","annee":2019,"depuis":"0","dernier":0,"evenements":[]}"#, CODE_JSON)]
    #[case::no_events(r#"{"uai":"0380001V","annee":2019,"depuis":0,"dernier":0}"#, CODE_JSON)]
    #[case::twice(
        r#"{"uai":"0380001V","uai":"0380001V","annee":2019,"depuis":0,"dernier":0,"evenements":[]}"#,
        CODE_JSON
    )]
    fn what_is_no_page(#[case] text: &str, #[case] code: &str) {
        assert_eq!(decode_page(text.as_bytes()).unwrap_err().code, code);
    }

    #[test]
    fn a_file_cut_anywhere_within_a_line_is_refused() {
        let text = encode_ndjson(&[left(1), left(2)]);
        for end in 0..text.len() {
            let whole = text[..end].ends_with('\n');
            assert_eq!(decode_ndjson(&text.as_bytes()[..end], 1).is_ok(), whole, "cut at {end}");
        }
    }

    #[rstest]
    #[case::blank("{}\n\n", 2)]
    #[case::two_on_a_line("{} {}\n", 1)]
    #[case::nul("{}\n\0\n", 2)]
    fn a_line_that_is_no_value_is_told(#[case] text: &str, #[case] row: u64) {
        let fault = decode_ndjson(text.as_bytes(), 1).unwrap_err();
        assert_eq!((fault.row, fault.code), (row, CODE_JSON));
    }

    #[rstest]
    #[case("0380001V-2019-EVT-0000000001-0000000412.ndjson", true)]
    #[case("0380001V-2019-EVT-0000000412-0000000001.ndjson", false)]
    #[case("0380001V-2019-EVT-0000000000-0000000001.ndjson", false)]
    #[case("0380001V-2019-EVT-1-412.ndjson", false)]
    #[case("0380001V-2019-EVT-0000000001-0000000412.ndjson.sha256", false)]
    #[case("0380001V-2019-DEM-0000000001-0000000412.ndjson", false)]
    #[case("0380001W-2019-EVT-0000000001-0000000412.ndjson", false)]
    fn names_of_files_of_events(#[case] name: &str, #[case] right: bool) {
        let parsed = FeedFileName::parse(name);
        assert_eq!(parsed.map(|parsed| parsed.to_string()), right.then(|| name.to_owned()));
    }
}
