//! `navette check`: every fault of any file of the exchange, told by the file's name which one it is. Rows that can be
//! read are judged by what the file alone can tell, with the rules that judge them on arrival.

use crate::check::{
    demands::{Flaw, choices_of},
    responses::Alone,
};
use crate::codec::{
    Fault, Report,
    archive::{self, Packed},
    csv,
    encoding::{Charset, FILE_BYTES_MAX, TOO_LARGE, unreadable},
    envelope::sha256,
    json::{
        feed::{FeedFileName, decode_ndjson},
        orders::{OrderKind, OrderName, decode_responses, decode_window},
        refusals,
    },
    xml,
};
use crate::domain::{
    anomaly::Code,
    event::{Event, EventKind},
    lot::{Document, FileName, Format},
    response::RawResponse,
};
use std::{
    cell::RefCell,
    io::{BufRead, Cursor, Read, Seek},
};

/// What a zip is named by.
const ZIP: &str = ".zip";

/// Reports the faults of a file: all that can be told before the one after which nothing more can be read.
pub fn check<R: BufRead + Seek>(name: &str, input: R, report: Report<'_>) {
    let end =
        if name.ends_with(ZIP) { check_zip(name, input, &mut *report) } else { check_named(name, input, &mut *report) };
    if let Err(fault) = end {
        report(fault);
    }
}

/// A zip as a person brings it: its one file, and that file's digest where it lies beside it.
fn check_zip<R: BufRead>(name: &str, input: R, report: Report<'_>) -> Result<(), Fault> {
    let Packed { name, bytes, sha256: beside } = archive::unpack(name, &whole(input)?)?;
    if beside.is_some_and(|said| said != Some(sha256(&bytes))) {
        report(Fault::new(
            0,
            "EMPREINTE",
            "the file in the zip is not the one of its .sha256: bring both again, whole",
        ));
    }
    check_named(&name, Cursor::new(bytes), report)
}

fn check_named<R: BufRead + Seek>(name: &str, input: R, report: Report<'_>) -> Result<(), Fault> {
    match (FileName::parse(name), FeedFileName::parse(name), OrderName::parse(name)) {
        (Some(name), _, _) => check_file(name, input, report),
        (None, Some(name), _) => check_feed(name, input, report),
        (None, None, Some(name)) => check_order(name, input),
        (None, None, None) => Err(unnamed()),
    }
}

fn check_file<R: BufRead + Seek>(name: FileName, mut input: R, report: Report<'_>) -> Result<(), Fault> {
    match (name.document, name.format) {
        (Document::Demands, Format::Xml) => xml::demands::read(name, input, &mut |_| (), report).map(drop),
        (Document::Receipt, Format::Xml) => xml::receipts::read(name, input, report).map(drop),
        (Document::Demands, Format::Csv) => {
            let charset = charset_of(&mut input)?;
            csv::demands::read(input, name, charset, &mut |_| (), report).map(drop)
        }
        (Document::Responses, Format::Xml) => {
            judging(name, report, |rows, report| xml::responses::read(name, input, rows, report).map(drop))
        }
        (Document::Responses, Format::Csv) => {
            let charset = charset_of(&mut input)?;
            judging(name, report, |rows, report| csv::responses::read(input, name, charset, rows, report).map(drop))
        }
        (Document::Receipt, Format::Csv) => Err(Fault::new(0, "NOM", "a receipt is an XML file: ask Siècle for it")),
    }
}

/// Reads responses and judges each row by what the file said so far; both tell their faults in the file's order.
fn judging(
    name: FileName,
    report: Report<'_>,
    read: impl FnOnce(&mut dyn FnMut(u64, RawResponse), Report<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut alone = Alone::new(name.key, name.format);
    let report = RefCell::new(report);
    let mut rows = |line, row: RawResponse| {
        if let Some((code, detail)) = alone.judge(&row) {
            (report.borrow_mut())(refused(line, code, &detail));
        }
    };
    read(&mut rows, &mut |fault| (report.borrow_mut())(fault))
}

/// A row that can be read and would be refused on arrival, whatever is known of its pupil.
fn refused(line: u64, code: Code, detail: &str) -> Fault {
    let place = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
    let message = format!("refused on arrival{place}: correct it where it was entered, and export the file again");
    Fault::new(line, code.as_str(), message)
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
        if let Some(fault) = fault_of(event, line) {
            report(fault);
        }
    }
    if name.first + lines != name.last + 1 {
        report(Fault::new(lines, "SEQUENCE", "the file has not as many events as its name says: publish it again"));
    }
    Ok(())
}

/// What an event tells against itself.
fn fault_of(event: &Event, line: u64) -> Option<Fault> {
    match &event.kind {
        EventKind::Unreadable { why, .. } => {
            Some(Fault::new(line, Code::Evenement.as_str(), format!("{why}: look at the schema `evenement`")))
        }
        EventKind::Demand(raw) => {
            choices_of(&raw.choices, raw.level).err().map(|Flaw(code, detail)| refused(line, code, &detail))
        }
        EventKind::Pupil(_)
        | EventKind::PupilLeft(_)
        | EventKind::Acknowledged { .. }
        | EventKind::Replied { .. }
        | EventKind::Window { .. }
        | EventKind::Locked { .. } => None,
    }
}

/// An order, or the refusal of one, which has the same name: only a refusal has one of its two members.
fn check_order<R: BufRead>(name: OrderName, input: R) -> Result<(), Fault> {
    let bytes = whole(input)?;
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("\"refusees\"") || text.contains("\"code\"") {
        return refusals::decode(&bytes).map(drop);
    }
    let number = match name.kind {
        OrderKind::Window => decode_window(name.key, &bytes)?.number,
        OrderKind::Responses => decode_responses(name.key, &bytes)?.number,
    };
    if number == name.number {
        return Ok(());
    }
    Err(Fault::new(0, "NOM", "the order has another number than its name: publish it again"))
}

/// The encoding of a CSV, which can only be told from all of it; the file stands at its beginning again.
fn charset_of<R: BufRead + Seek>(mut input: R) -> Result<Charset, Fault> {
    let charset = csv::charset_of(&mut input)?;
    input.rewind().map_err(unreadable)?;
    Ok(charset)
}

/// The bytes of a zip, an order or a file of events, of which there are a few hundred at most.
fn whole<R: BufRead>(input: R) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if FILE_BYTES_MAX < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(Fault::new(0, "TAILLE", TOO_LARGE));
    }
    Ok(bytes)
}

fn unnamed() -> Fault {
    let message = "this is no name of the exchange: it is {UAI}-{AAAA}-{DEM|REP|CR}-{PALIER}-{PHASE}-{NUM_ENVOI}.xml, \
                   .csv or .zip, with five digits at the end, {UAI}-{AAAA}-EVT-{FIRST}-{LAST}.ndjson, or \
                   {UAI}-{AAAA}-{PALIER}-{PHASE}-{OUV|REP}-{NUM}.json; give the file its name";
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
    #[case::no_choice(&demand(""), "CHOIX")]
    #[case::ranks(&demand(r#"{"rang":2,"voie":"2GT"}"#), "CHOIX")]
    #[case::unknown_track(&demand(r#"{"rang":1,"voie":"ZZ"}"#), "VOIE")]
    #[case::control(&demand(r#"{"rang":1,"voie":"2PRO","formation":"B\u0007ois","statut":"ST"}"#), "TEXTE")]
    fn events(#[case] lines: &str, #[case] code: &str) {
        assert_eq!(codes(1, 1, lines), [code]);
    }

    fn demand(choices: &str) -> String {
        let common = r#""seq":1,"le":"2020-05-04T08:00:00Z","type":"DEMANDE","palier":"3E","phase":"DEFINITIVE""#;
        format!("{{{common},\"eleve_id\":1,\"version\":1,\"representant_id\":1,\"choix\":[{choices}]}}\n")
    }

    #[rstest]
    #[case::window("OUV-00012", r#"{"ouvert":false,"motif":"R08","ordre":12}"#, &[])]
    #[case::other_number("OUV-00013", r#"{"ouvert":false,"motif":"R08","ordre":12}"#, &["NOM"])]
    #[case::motive("OUV-00012", r#"{"ouvert":false,"motif":"R99","ordre":12}"#, &["VALEUR"])]
    #[case::responses("REP-00003", RESPONSES, &[])]
    #[case::responses_of_a_window("OUV-00003", RESPONSES, &["JSON"])]
    #[case::refused("OUV-00012", r#"{"code":"OUVERT"}"#, &[])]
    #[case::refused_pupils("REP-00003", r#"{"refusees":[{"eleve_id":100,"code":"VERROUILLEE"}]}"#, &[])]
    #[case::refused_twice("REP-00003", r#"{"code":"OUVERT","refusees":[]}"#, &["VALEUR"])]
    fn orders(#[case] order: &str, #[case] body: &str, #[case] expected: &[&str]) {
        let name = format!("0380001V-2019-3E-DEFINITIVE-{order}.json");
        assert_eq!(found(&name, body.as_bytes()), expected);
    }

    const RESPONSES: &str = r#"{"num":3,"reponses":[{"eleve_id":100,"saisie_le":"2020-05-28T18:05:00+02:00","conseil":"2020-05-28","propositions":[{"voie":"2PRO","demandee":true,"valeur":"OUI"}]}]}"#;

    const CSV_HEADER: &str = "uai;annee;palier;phase;num_envoi;horodatage;saisie_terminee_le;eleve_id;ine;\
                              version_demande;saisie_le;division;conseil;voie;valeur;demandee;motif";

    /// A response file of the provisional phase as CSV, of rows that are given from `eleve_id` on.
    fn csv(rows: &[&str]) -> String {
        let envelope = "0380001V;2019;3E;PROVISOIRE;3;2020-05-29T09:00:00+02:00;";
        let rows = rows.iter().map(|row| format!("{envelope};{row}\r\n"));
        format!("{CSV_HEADER}\r\n{}", rows.collect::<String>())
    }

    #[rstest]
    #[case::right(&["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;RESERVE;;trop tôt"], &[])]
    #[case::no_reason(&["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;RESERVE;;\u{a0}"], &[(2, "MOTIF")])]
    #[case::level(&["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;STMG;FAVORABLE;;"], &[(2, "VOIE")])]
    #[case::control(
        &["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;RESERVE;;\"a\r\nb\"", "101;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;RESERVE;;a\u{7}"],
        &[(4, "TEXTE")]
    )]
    #[case::track_twice(
        &["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;FAVORABLE;;", "100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;FAVORABLE;;"],
        &[(3, "DOUBLON")]
    )]
    #[case::two_instants(
        &["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;FAVORABLE;;", "100;;2;2020-05-28T18:06:00Z;3 A;2020-05-28;2PRO;FAVORABLE;;"],
        &[(3, "DOUBLON")]
    )]
    fn rows_of_a_response_file(#[case] rows: &[&str], #[case] expected: &[(u64, &str)]) {
        let mut found = Vec::new();
        let name = "0380001V-2019-REP-3E-PROVISOIRE-00003.csv";
        check(name, Cursor::new(csv(rows)), &mut |fault| found.push((fault.row, fault.code)));
        assert_eq!(found, expected);
    }

    #[test]
    fn another_schools_row_is_told_and_a_nul_ends_the_file() {
        let (ours, name) =
            ("100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;FAVORABLE;;", "0380001V-2019-REP-3E-PROVISOIRE-00003.csv");
        let other = csv(&[ours, ours]).replacen("0380001V;", "0750654D;", 1);
        assert_eq!(found(name, other.as_bytes()), ["ETABLISSEMENT"]);
        assert_eq!(found(name, csv(&[&ours.replace("3 A", "3\0A")]).as_bytes()), ["TEXTE"]);
    }

    #[test]
    fn a_zip_is_its_one_file() {
        let text = csv(&["100;;2;2020-05-28T18:05:00Z;3 A;2020-05-28;2GT;RESERVE;;"]);
        let zip = archive::pack("0380001V-2019-REP-3E-PROVISOIRE-00003.csv", text.as_bytes()).unwrap();
        assert_eq!(found("0380001V-2019-REP-3E-PROVISOIRE-00003.zip", &zip), ["MOTIF"]);
        assert_eq!(found("0380001V-2019-REP-3E-PROVISOIRE-00004.zip", &zip), ["ZIP"]);
        assert_eq!(found("0380001V-2019-REP-3E-PROVISOIRE-00003.zip", b"PK"), ["ZIP"]);
    }

    fn found(name: &str, bytes: &[u8]) -> Vec<&'static str> {
        let mut found = Vec::new();
        check(name, Cursor::new(bytes), &mut |fault| found.push(fault.code));
        found
    }

    fn codes(first: u64, last: u64, lines: &str) -> Vec<&'static str> {
        found(&format!("0380001V-2019-EVT-{first:010}-{last:010}.ndjson"), lines.as_bytes())
    }
}
