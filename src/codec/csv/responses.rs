//! Responses as CSV: one row a pupil and track. Rows of one pupil need not stand together.

use crate::codec::{
    Fault, Report, WriteFault,
    csv::{
        charset_of,
        table::{Envelope, NO, Row, Rows, Table, YES, envelope_fields, header_alone},
    },
    encoding::Charset,
    envelope::compare,
};
use crate::domain::{
    campaign::Phase,
    lot::{Encoding, FileName},
    pupil::{Private, PupilId},
    response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
    school::Uai,
    time::{Timestamp, Zone},
};
use std::{
    borrow::Borrow,
    collections::BTreeSet,
    io::{BufRead, Write},
    ops::Range,
};

/// Its Frictionless Table Schema.
pub const SCHEMA: &str = include_str!("../schemas/reponses-csv.json");

const COLUMNS: [&str; 17] = [
    "uai",
    "annee",
    "palier",
    "phase",
    "num_envoi",
    "horodatage",
    "saisie_terminee_le",
    "eleve_id",
    "ine",
    "version_demande",
    "saisie_le",
    "division",
    "conseil",
    "voie",
    "valeur",
    "demandee",
    "motif",
];
const ENTRY_COMPLETE_AT: usize = 6;
/// A row of another school refuses its pupil alone; the rest of the envelope is the file's.
const ENVELOPE_BUT_UAI: Range<usize> = 1..7;
/// Line of the first row.
const FIRST_LINE: u64 = 2;
const TRACK_CHARS_MAX: usize = 20;
const PUPIL: usize = 7;
const INE: usize = 8;
const DEMAND_VERSION: usize = 9;
const ENTERED_AT: usize = 10;
const DIVISION: usize = 11;
const COUNCIL: usize = 12;
const TRACK: usize = 13;
const VALUE: usize = 14;
const REQUESTED: usize = 15;
const REASON: usize = 16;

const ACCEPTED: &str = "OUI";
const DECLINED: &str = "NON";

/// What the rows of a file repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseEnvelope {
    /// Campaign, number, instant.
    pub envelope: Envelope,
    /// `saisie_terminee_le`.
    pub entry_complete_at: Option<Timestamp>,
}

/// Writes a response file.
///
/// # Errors
/// `Encoding` with the row whose text the encoding cannot carry.
pub fn encode(
    head: &ResponseHead,
    zone: Zone,
    rows: &[RawResponse],
    encoding: Encoding,
) -> Result<Vec<u8>, WriteFault> {
    let mut bytes = Vec::new();
    write(&mut bytes, head, zone, rows, encoding)?;
    Ok(bytes)
}

/// Writes a response file response by response.
///
/// # Errors
/// `Encoding` with the row whose text the encoding cannot carry, `Output` when the machine fails.
pub fn write(
    out: impl Write,
    head: &ResponseHead,
    zone: Zone,
    responses: impl IntoIterator<Item: Borrow<RawResponse>>,
    encoding: Encoding,
) -> Result<(), WriteFault> {
    let mut table = Table::begin(out, encoding, &COLUMNS)?;
    let envelope = envelope_fields(head.key, head.number, head.stamped_at, zone);
    let complete = head.entry_complete_at.map(|at| at.rfc3339_in(zone)).unwrap_or_default();
    for response in responses {
        let response = response.borrow();
        let (entered_at, council) = (response.entered_at.rfc3339_in(zone), response.council.to_string());
        let version = response.demand_version.map(|version| version.to_string()).unwrap_or_default();
        for verdict in &response.verdicts {
            table.codes(envelope.iter().map(String::as_str))?;
            table.code(&complete)?;
            table.number(response.pupil.0)?;
            table.codes([response.ine.as_ref().map_or("", |ine| ine.as_str()), &version, &entered_at])?;
            table.exact_text(response.division.as_str())?;
            table.code(&council)?;
            write_verdict(&mut table, verdict)?;
            table.end_row()?;
        }
    }
    table.end()
}

fn write_verdict<W: Write>(table: &mut Table<W>, verdict: &RawVerdict) -> Result<(), WriteFault> {
    match verdict {
        RawVerdict::Opinion { track, value, reason } => {
            table.text(track)?;
            table.codes([value.code(), ""])?;
            table.text(reason.as_ref().map_or("", |reason| reason.reveal()))
        }
        RawVerdict::Proposal { track, requested, accepted } => {
            table.text(track)?;
            let value = if *accepted { ACCEPTED } else { DECLINED };
            table.codes([value, if *requested { YES } else { NO }, ""])
        }
    }
}

/// Reads a response file in whichever of the accepted encodings it is.
///
/// # Errors
/// The first fault of the file.
pub fn decode(name: FileName, bytes: &[u8]) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    decode_in(name, bytes, charset_of(bytes)?)
}

/// Reads a response file whose encoding is known where no mark tells it.
///
/// # Errors
/// The first fault of the file.
pub fn decode_in(name: FileName, bytes: &[u8], charset: Charset) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    let (mut rows, mut first) = (Vec::new(), None);
    let read = read(bytes, name, charset, &mut |_, row| rows.push(row), &mut |fault| {
        first.get_or_insert(fault);
    });
    let ResponseEnvelope { envelope, entry_complete_at } = first.map_or(read, Err)?;
    let Envelope { key, number, stamped_at } = envelope;
    let pupils: BTreeSet<PupilId> = rows.iter().filter(|row| !row.other_school).map(|row| row.pupil).collect();
    let responses = u32::try_from(pupils.len()).unwrap_or(u32::MAX);
    Ok((ResponseHead { key, number, stamped_at, entry_complete_at, responses }, rows))
}

/// Reads a response file row by row, each with its line. A fault of one row is reported and reading goes on behind it. A row of another
/// school is no fault of the file, as long as one is of the school that the file is named for.
///
/// # Errors
/// The fault behind which nothing can be read.
pub fn read(
    input: impl BufRead,
    name: FileName,
    charset: Charset,
    sink: &mut dyn FnMut(u64, RawResponse),
    report: Report<'_>,
) -> Result<ResponseEnvelope, Fault> {
    let mut rows = Rows::open(input, charset, &COLUMNS)?;
    let mut first: Option<(ResponseEnvelope, Uai)> = None;
    let mut of_this_school: u64 = 0;
    while let Some(row) = rows.next()? {
        let (head, first_uai) = match first {
            Some(known) => {
                row.same_as_first(ENVELOPE_BUT_UAI)?;
                known
            }
            None => *first.insert(envelope_of(&row, name, &mut *report)?),
        };
        match response_of(&row, &head, first_uai) {
            Ok(response) => {
                of_this_school += u64::from(!response.other_school);
                sink(row.line(), response);
            }
            Err(fault) => report(fault),
        }
    }
    let (head, first_uai) = first.ok_or_else(header_alone)?;
    let mut found = head.envelope.key;
    found.school.uai = first_uai;
    if let Some(fault) = compare(name, found, head.envelope.number, FIRST_LINE).filter(|_| of_this_school == 0) {
        report(fault);
    }
    Ok(head)
}

/// The first row's envelope, as of the school that the file is named for, and the school that the row itself names.
fn envelope_of(row: &Row<'_>, name: FileName, report: Report<'_>) -> Result<(ResponseEnvelope, Uai), Fault> {
    let mut envelope = row.envelope()?;
    let uai = std::mem::replace(&mut envelope.key.school.uai, name.key.school.uai);
    if let Some(fault) = compare(name, envelope.key, envelope.number, row.line()) {
        report(fault);
    }
    Ok((ResponseEnvelope { envelope, entry_complete_at: row.maybe_instant(ENTRY_COMPLETE_AT)? }, uai))
}

fn response_of(row: &Row<'_>, head: &ResponseEnvelope, first_uai: Uai) -> Result<RawResponse, Fault> {
    let uai = if row.same_school() { first_uai } else { row.uai()? };
    let track = row.value(TRACK, "not a track code of 1 to 20 letters and digits", |text| {
        let short = (1..=TRACK_CHARS_MAX).contains(&text.len());
        (short && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| text.to_owned())
    })?;
    let verdict = match head.envelope.key.phase {
        Phase::Provisional => opinion_of(row, track)?,
        Phase::Definitive => proposal_of(row, track)?,
    };
    Ok(RawResponse {
        rank: row.rank,
        pupil: row.pupil(PUPIL)?,
        ine: row.ine(INE)?,
        demand_version: row.maybe_number(DEMAND_VERSION)?,
        entered_at: row.instant(ENTERED_AT)?,
        division: row.division(DIVISION)?,
        council: row.date(COUNCIL)?,
        verdicts: vec![verdict],
        other_school: uai != head.envelope.key.school.uai,
    })
}

fn opinion_of(row: &Row<'_>, track: String) -> Result<RawVerdict, Fault> {
    row.all_empty(REQUESTED..REASON, "it belongs to the phase DEFINITIVE")?;
    let value = row.value(VALUE, "not FAVORABLE, RESERVE or DEFAVORABLE", OpinionValue::of_code)?;
    // An empty reason is a missing one: `check` refuses that pupil alone (MOTIF), as for a control character (TEXTE).
    let reason = Some(row.raw_text(REASON)).filter(|reason| !reason.is_empty());
    Ok(RawVerdict::Opinion { track, value, reason: reason.map(|reason| Private::new(reason.into_owned())) })
}

fn proposal_of(row: &Row<'_>, track: String) -> Result<RawVerdict, Fault> {
    row.all_empty(REASON..COLUMNS.len(), "it belongs to the phase PROVISOIRE")?;
    let accepted = row.value(VALUE, "neither OUI nor NON", |text| match text {
        ACCEPTED => Some(true),
        DECLINED => Some(false),
        _ => None,
    })?;
    let requested = row.yes_no(REQUESTED)?.ok_or_else(|| row.wrong(REQUESTED, "neither O nor N"))?;
    Ok(RawVerdict::Proposal { track, requested, accepted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{
        csv::{CODE_CSV, CODE_EMPTY, CODE_ENVELOPE, CODE_HEADER, CODE_VALUE},
        encode_responses,
    };
    use crate::domain::{
        campaign::CampaignKey,
        lot::{Document, Format},
        pupil::{Division, Ine},
        school::{Level, SchoolKey, SchoolYear},
        time::Date,
    };
    use proptest::prelude::*;
    use rstest::rstest;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn head(phase: Phase, responses: u32) -> ResponseHead {
        let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
        let entry_complete_at = (phase == Phase::Definitive).then(|| at("2020-05-29T08:00:00+02:00"));
        ResponseHead {
            key: CampaignKey { school, level: Level::Troisieme, phase },
            number: 3,
            stamped_at: at("2020-05-29T09:00:00+02:00"),
            entry_complete_at,
            responses,
        }
    }

    fn name(head: &ResponseHead) -> FileName {
        FileName { key: head.key, document: Document::Responses, number: head.number, format: Format::Csv }
    }

    fn row(rank: u32, pupil: i64, verdict: RawVerdict) -> RawResponse {
        RawResponse {
            rank,
            pupil: PupilId(pupil),
            ine: Ine::parse("123456789AB").ok().filter(|_| pupil == 100),
            demand_version: Some(2).filter(|_| pupil == 100),
            entered_at: at("2020-05-28T18:05:00+02:00"),
            division: Division::parse("3 A").unwrap(),
            council: Date::from_ymd_opt(2020, 5, 28).unwrap(),
            verdicts: vec![verdict],
            other_school: false,
        }
    }

    fn opinion(track: &str, value: OpinionValue, reason: Option<&str>) -> RawVerdict {
        RawVerdict::Opinion { track: track.to_owned(), value, reason: reason.map(|reason| reason.to_owned().into()) }
    }

    fn proposal(track: &str, requested: bool, accepted: bool) -> RawVerdict {
        RawVerdict::Proposal { track: track.to_owned(), requested, accepted }
    }

    /// Rows of pupil 100 do not stand together.
    fn rows(phase: Phase) -> Vec<RawResponse> {
        match phase {
            Phase::Provisional => vec![
                row(1, 100, opinion("2GT", OpinionValue::Reserved, Some("-3 points; \"à revoir\" en œuvre"))),
                row(2, 101, opinion("1XX", OpinionValue::Favourable, None)),
                row(3, 100, opinion("2PRO", OpinionValue::Unfavourable, None)),
            ],
            Phase::Definitive => vec![
                row(1, 100, proposal("2GT", true, false)),
                row(2, 101, proposal("1CAP", false, true)),
                row(3, 100, proposal("2PRO", true, true)),
            ],
        }
    }

    fn text(phase: Phase) -> String {
        let head = head(phase, 2);
        let bytes = encode(&head, head.key.school.uai.zone(), &rows(phase), Encoding::Utf8).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_response_file_is_what_the_page_says() {
        let text = text(Phase::Provisional);
        let lines: Vec<&str> = text.split("\r\n").collect();
        let columns = "uai;annee;palier;phase;num_envoi;horodatage;saisie_terminee_le;eleve_id;ine;version_demande;\
                       saisie_le;division;conseil;voie;valeur;demandee;motif";
        assert_eq!(lines[0].trim_start_matches('\u{feff}'), columns);
        let head = "0380001V;2019;3E;PROVISOIRE;3;2020-05-29T09:00:00+02:00;";
        let entered = "2020-05-28T18:05:00+02:00;3 A;2020-05-28";
        let reason = "\"'-3 points; \"\"à revoir\"\" en œuvre\"";
        assert_eq!(lines[1], format!("{head};100;123456789AB;2;{entered};2GT;RESERVE;;{reason}"));
        assert_eq!(lines[2], format!("{head};101;;;{entered};1XX;FAVORABLE;;"));
        assert_eq!(lines.len(), 5);
    }

    #[rstest]
    fn a_response_file_reads_back(
        #[values(Encoding::Utf8, Encoding::Latin9)] encoding: Encoding,
        #[values(Phase::Provisional, Phase::Definitive)] phase: Phase,
    ) {
        let (head, rows) = (head(phase, 2), rows(phase));
        let zone = head.key.school.uai.zone();
        let file = encode_responses(&head, zone, &rows, Format::Csv, encoding).unwrap();
        assert_eq!(decode(name(&head), &file.bytes), Ok((head, rows)));
    }

    #[test]
    fn several_verdicts_are_several_rows() {
        let head = head(Phase::Definitive, 1);
        let mut both = row(1, 100, proposal("2GT", true, false));
        both.verdicts.push(proposal("1CAP", false, true));
        let zone = head.key.school.uai.zone();
        let file = encode_responses(&head, zone, &[both], Format::Csv, Encoding::Utf8).unwrap();
        let (_, rows) = decode(name(&head), &file.bytes).unwrap();
        assert_eq!(rows.iter().map(|row| (row.rank, row.verdicts.len())).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    }

    #[test]
    fn a_spreadsheet_may_save_it_as_windows_1252() {
        let text = text(Phase::Provisional).replace('\u{feff}', "").replace("à revoir", "à revoir à 10 €");
        let (bytes, _, lost) = encoding_rs::WINDOWS_1252.encode(&text);
        assert!(!lost);
        let (_, rows) = decode(name(&head(Phase::Provisional, 2)), &bytes).unwrap();
        let [RawVerdict::Opinion { reason: Some(reason), .. }] = rows[0].verdicts.as_slice() else {
            panic!("{rows:?}")
        };
        assert_eq!(reason.reveal(), "-3 points; \"à revoir à 10 €\" en œuvre");
    }

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(2)]
    fn a_row_of_another_school_is_its_pupil_s_alone(#[case] other: usize) {
        let text = text(Phase::Definitive);
        let mut lines: Vec<String> = text.trim_end().split("\r\n").map(str::to_owned).collect();
        lines[other + 1] = lines[other + 1].replace("0380001V", "0750654d");
        let text = lines.join("\r\n") + "\r\n";
        let (read, rows) = decode(name(&head(Phase::Definitive, 2)), text.as_bytes()).unwrap();
        assert_eq!(read, head(Phase::Definitive, if other == 1 { 1 } else { 2 }));
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(row.other_school, at == other);
        }
    }

    #[test]
    fn lower_case_is_the_same_school() {
        let lower = text(Phase::Definitive).replace("0380001V", "0380001v").replace("123456789AB", "123456789ab");
        assert_eq!(
            decode(name(&head(Phase::Definitive, 2)), lower.as_bytes()),
            Ok((head(Phase::Definitive, 2), rows(Phase::Definitive)))
        );
    }

    #[rstest]
    #[case::all_of_another_school("0380001V", "0750654D", 2, "ETABLISSEMENT")]
    #[case::other_year(";2019;", ";2020;", 2, "ANNEE")]
    #[case::other_level(";3E;", ";2GT;", 2, "PALIER")]
    #[case::other_number(";3;2020-05-29T09", ";4;2020-05-29T09", 2, "NUM_ENVOI")]
    #[case::no_uai("0380001V;", ";", 2, CODE_VALUE)]
    #[case::complete_when("T08:00:00", " 8h", 2, CODE_VALUE)]
    #[case::pupil(";100;", ";;", 2, CODE_VALUE)]
    #[case::ine("123456789AB", "X", 2, CODE_VALUE)]
    #[case::version(";2;2020-05-28", ";02;2020-05-28", 2, CODE_VALUE)]
    #[case::entered_when("T18:05:00+02:00", "T18:05:00", 2, CODE_VALUE)]
    #[case::division(";3 A;", ";;", 2, CODE_VALUE)]
    #[case::council(";2020-05-28;", ";28/05/2020;", 2, CODE_VALUE)]
    #[case::no_day(";2020-05-28;", ";2020-02-30;", 2, CODE_VALUE)]
    #[case::long_year(";2020-05-28;", ";20200-5-28;", 2, CODE_VALUE)]
    #[case::track_missing(";1CAP;", ";;", 3, CODE_VALUE)]
    #[case::track_no_code(";1CAP;", ";1re CAP;", 3, CODE_VALUE)]
    #[case::value(";NON;", ";Non;", 2, CODE_VALUE)]
    #[case::opinion_in_the_definitive_phase(";NON;", ";FAVORABLE;", 2, CODE_VALUE)]
    #[case::requested_missing(";NON;O;", ";NON;;", 2, CODE_VALUE)]
    #[case::reason_of_a_proposal(";NON;O;", ";NON;O;absent", 2, CODE_VALUE)]
    #[case::header(";motif", ";motifs", 1, CODE_HEADER)]
    #[case::a_field_less(";NON;O;", ";NON;O", 2, CODE_CSV)]
    #[case::lf(";NON;O;\r\n", ";NON;O;\n", 2, CODE_CSV)]
    fn a_defect_is_refused_at_its_line(
        #[case] right: &str,
        #[case] wrong: &str,
        #[case] line: u64,
        #[case] code: &str,
    ) {
        let (right_text, head) = (text(Phase::Definitive), head(Phase::Definitive, 2));
        let text = right_text.replace(right, wrong);
        assert_ne!(text, right_text);
        let fault = decode(name(&head), text.as_bytes()).unwrap_err();
        assert_eq!((fault.row, fault.code), (line, code), "{fault}");
    }

    #[rstest]
    #[case::requested_of_an_opinion(";RESERVE;;", ";RESERVE;O;")]
    #[case::proposal_in_the_provisional_phase(";RESERVE;", ";OUI;")]
    fn a_defect_of_an_opinion(#[case] right: &str, #[case] wrong: &str) {
        let text = text(Phase::Provisional).replace(right, wrong);
        let fault = decode(name(&head(Phase::Provisional, 2)), text.as_bytes()).unwrap_err();
        assert_eq!((fault.row, fault.code), (2, CODE_VALUE), "{fault}");
    }

    #[rstest]
    #[case::year(";2019;", ";2020;")]
    #[case::phase(";DEFINITIVE;", ";PROVISOIRE;")]
    #[case::number(";3;2020-05-29T09", ";4;2020-05-29T09")]
    #[case::stamp("T09:00:00", "T09:00:01")]
    #[case::complete("T08:00:00", "T08:00:01")]
    fn rows_of_two_envelopes_are_refused(#[case] right: &str, #[case] wrong: &str) {
        let text = text(Phase::Definitive);
        let at = text.rfind(right).unwrap();
        let text = format!("{}{wrong}{}", &text[..at], &text[at + right.len()..]);
        let fault = decode(name(&head(Phase::Definitive, 2)), text.as_bytes()).unwrap_err();
        assert_eq!((fault.row, fault.code), (4, CODE_ENVELOPE), "{fault}");
    }

    #[test]
    fn no_rows_never_mean_that_all_is_gone() {
        let header = format!("{}\r\n", text(Phase::Definitive).lines().next().unwrap());
        for (text, code) in [(header.as_str(), CODE_EMPTY), ("", CODE_EMPTY), ("\r\n", CODE_CSV)] {
            assert_eq!(decode(name(&head(Phase::Definitive, 2)), text.as_bytes()).unwrap_err().code, code);
        }
    }

    #[test]
    fn a_line_end_inside_a_field_moves_the_lines_behind_it() {
        let text = text(Phase::Provisional).replace("à revoir", "à\r\nrevoir").replace(";FAVORABLE;", ";POUR;");
        let fault = decode(name(&head(Phase::Provisional, 2)), text.as_bytes()).unwrap_err();
        assert_eq!((fault.row, fault.code), (4, CODE_VALUE), "{fault}");
    }

    #[rstest]
    fn every_cut_is_refused(#[values(Phase::Provisional, Phase::Definitive)] phase: Phase) {
        let (text, head) = (text(phase), head(phase, 2));
        let bytes = text.as_bytes();
        for end in 0..bytes.len() {
            let between = bytes[..end].ends_with(b"\r\n") && 2 < bytes[..end].split(|byte| *byte == b'\n').count();
            assert_eq!(decode(name(&head), &bytes[..end]).is_ok(), between, "cut at byte {end}");
        }
    }

    proptest! {
        #[test]
        fn any_reason_reads_back(reason in "['=+@;\"a-zéœ€\u{a0} \r\n-]{0,12}", latin9 in any::<bool>()) {
            let head = head(Phase::Provisional, 1);
            let rows = [row(1, 100, opinion("2GT", OpinionValue::Reserved, Some(&reason)))];
            let encoding = if latin9 { Encoding::Latin9 } else { Encoding::Utf8 };
            let file = encode_responses(&head, head.key.school.uai.zone(), &rows, Format::Csv, encoding).unwrap();
            prop_assert!(!file.bytes.windows(2).any(|pair| matches!(pair, b";=" | b";+" | b";@")) || reason.contains(';'));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..600) {
            let mut text = text(Phase::Definitive).into_bytes();
            let at = at.min(text.len());
            text.splice(at..at, bytes);
            let _ = decode(name(&head(Phase::Definitive, 2)), &text);
        }
    }
}
