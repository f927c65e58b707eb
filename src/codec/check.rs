//! `navette check`: every fault of any file of the exchange, told by the file's name which one it is.

use crate::codec::{
    Fault, Report, csv,
    encoding::{Charset, FILE_BYTES_MAX, TOO_LARGE, unreadable},
    json::feed::{FeedFileName, decode_ndjson},
    xml,
};
use crate::domain::{
    event::{Event, EventKind},
    lot::{Document, FileName, Format},
};
use std::io::{BufRead, Read, Seek};

/// Reports the faults of a file: all that can be told before the one after which nothing more can be read.
pub fn check<R: BufRead + Seek>(name: &str, input: R, report: Report<'_>) {
    let end = match (FileName::parse(name), FeedFileName::parse(name)) {
        (Some(name), _) => check_file(name, input, &mut *report),
        (None, Some(name)) => check_feed(name, input, &mut *report),
        (None, None) => Err(unnamed()),
    };
    if let Err(fault) = end {
        report(fault);
    }
}

fn check_file<R: BufRead + Seek>(name: FileName, mut input: R, report: Report<'_>) -> Result<(), Fault> {
    match (name.document, name.format) {
        (Document::Demands, Format::Xml) => xml::demands::read(name, input, &mut |_| (), report).map(drop),
        (Document::Responses, Format::Xml) => xml::responses::read(name, input, &mut |_| (), report).map(drop),
        (Document::Receipt, Format::Xml) => xml::receipts::read(name, input, report).map(drop),
        (Document::Demands, Format::Csv) => {
            let charset = charset_of(&mut input)?;
            csv::demands::read(input, name, charset, &mut |_| (), report).map(drop)
        }
        (Document::Responses, Format::Csv) => {
            let charset = charset_of(&mut input)?;
            csv::responses::read(input, name, charset, &mut |_| (), report).map(drop)
        }
        (Document::Receipt, Format::Csv) => Err(Fault::new(0, "NOM", "a receipt is an XML file: ask Siècle for it")),
    }
}

/// A file of events: its range is that of its name, without a hole, and every event is one that can be read.
fn check_feed<R: BufRead>(name: FeedFileName, input: R, report: Report<'_>) -> Result<(), Fault> {
    let events = decode_ndjson(&whole(input)?, name.first)?;
    let lines = u64::try_from(events.len()).unwrap_or(u64::MAX);
    for (line, (event, _)) in (1u64..).zip(&events) {
        if event.seq != name.first + line - 1 {
            let message = "`seq` does not follow the name of the file and the line before: publish the file again";
            report(Fault::new(line, "SEQUENCE", message));
        }
        if let Some(why) = unread(event) {
            report(Fault::new(line, "EVENEMENT", format!("{why}: look at the schema `evenement`")));
        }
    }
    if name.first + lines != name.last + 1 {
        report(Fault::new(lines, "SEQUENCE", "the file has not as many events as its name says: publish it again"));
    }
    Ok(())
}

fn unread(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Unreadable { why, .. } => Some(why),
        EventKind::Pupil(_)
        | EventKind::PupilLeft(_)
        | EventKind::Demand(_)
        | EventKind::Acknowledged { .. }
        | EventKind::Replied { .. }
        | EventKind::Window { .. }
        | EventKind::Locked { .. } => None,
    }
}

/// The encoding of a CSV, which can only be told from all of it; the file stands at its beginning again.
fn charset_of<R: BufRead + Seek>(mut input: R) -> Result<Charset, Fault> {
    let charset = csv::charset_of(&mut input)?;
    input.rewind().map_err(unreadable)?;
    Ok(charset)
}

/// The bytes of a file of events, of which there are a few hundred at most.
fn whole<R: BufRead>(input: R) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if FILE_BYTES_MAX < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(Fault::new(0, "TAILLE", TOO_LARGE));
    }
    Ok(bytes)
}

fn unnamed() -> Fault {
    let message = "this is no name of the exchange: it is {UAI}-{AAAA}-{DEM|REP|CR}-{PALIER}-{PHASE}-{NUM_ENVOI}.xml or \
                   .csv, with five digits at the end, or {UAI}-{AAAA}-EVT-{FIRST}-{LAST}.ndjson; give the file its name";
    Fault::new(0, "NOM", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::io::Cursor;

    const WINDOW: &str = r#""le":"2020-05-04T08:00:00+02:00","type":"OUVERTURE","palier":"3E","phase":"DEFINITIVE","ouvert":true,"motif":"MAIN""#;

    #[rstest]
    #[case::right(7, 8, &[7, 8], &[])]
    #[case::hole(7, 9, &[7, 9], &["SEQUENCE", "SEQUENCE"])]
    #[case::other_first(6, 8, &[7, 8], &["SEQUENCE", "SEQUENCE", "SEQUENCE"])]
    #[case::short(7, 9, &[7, 8], &["SEQUENCE"])]
    #[case::long(7, 7, &[7, 8], &["SEQUENCE"])]
    fn ranges(#[case] first: u64, #[case] last: u64, #[case] seqs: &[u64], #[case] expected: &[&str]) {
        let lines: String = seqs.iter().map(|seq| format!("{{\"seq\":{seq},{WINDOW}}}\n")).collect();
        assert_eq!(codes(first, last, &lines), expected);
    }

    #[rstest]
    #[case::not_json("{\n", "JSON")]
    #[case::no_event("", "VALEUR")]
    #[case::cut("{}", "JSON")]
    #[case::unknown_type("{\"seq\":1,\"le\":\"2020-05-04T08:00:00Z\",\"type\":\"AUTRE\"}\n", "EVENEMENT")]
    fn events(#[case] lines: &str, #[case] code: &str) {
        assert_eq!(codes(1, 1, lines), [code]);
    }

    fn codes(first: u64, last: u64, lines: &str) -> Vec<&'static str> {
        let mut found = Vec::new();
        let name = format!("0380001V-2019-EVT-{first:010}-{last:010}.ndjson");
        check(&name, Cursor::new(lines), &mut |fault| found.push(fault.code));
        found
    }
}
