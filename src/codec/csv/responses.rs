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
pub fn write<'a>(
    out: impl Write,
    head: &ResponseHead,
    zone: Zone,
    responses: impl IntoIterator<Item = &'a RawResponse>,
    encoding: Encoding,
) -> Result<(), WriteFault> {
    let mut table = Table::begin(out, encoding, &COLUMNS)?;
    let envelope = envelope_fields(head.key, head.number, head.stamped_at, zone);
    let complete = head.entry_complete_at.map(|at| at.rfc3339_in(zone)).unwrap_or_default();
    for response in responses {
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
    let read = read(bytes, name, charset, &mut |row| rows.push(row), &mut |fault| {
        first.get_or_insert(fault);
    });
    let ResponseEnvelope { envelope, entry_complete_at } = first.map_or(read, Err)?;
    let Envelope { key, number, stamped_at } = envelope;
    let pupils: BTreeSet<PupilId> = rows.iter().filter(|row| !row.other_school).map(|row| row.pupil).collect();
    let responses = u32::try_from(pupils.len()).unwrap_or(u32::MAX);
    Ok((ResponseHead { key, number, stamped_at, entry_complete_at, responses }, rows))
}

/// Reads a response file row by row. A fault of one row is reported and reading goes on behind it. A row of another
/// school is no fault of the file, as long as one is of the school that the file is named for.
///
/// # Errors
/// The fault behind which nothing can be read.
pub fn read(
    input: impl BufRead,
    name: FileName,
    charset: Charset,
    sink: &mut dyn FnMut(RawResponse),
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
                sink(response);
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
    // An empty reason is a missing one: `check` refuses that pupil alone (MOTIF).
    let reason = Some(row.text(REASON)).filter(|reason| !reason.is_empty());
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
