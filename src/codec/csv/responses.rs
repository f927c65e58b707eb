//! Responses as CSV: one row a pupil and track. Rows of one pupil need not stand together.

use crate::codec::{
    Fault, Report, WriteFault,
    csv::{
        CODE_EMPTY, charset_of,
        table::{Envelope, NO, Row, Rows, Table, YES, envelope_fields},
    },
    encoding::Charset,
    envelope::compare,
};
use crate::domain::{
    campaign::Phase,
    lot::{Encoding, FileName},
    pupil::{Private, PupilId},
    response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
    time::{Timestamp, Zone, parse_date},
};
use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
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
const ENVELOPE_END: usize = 7;
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
            table.text(response.division.as_str())?;
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
    let mut first: Option<ResponseEnvelope> = None;
    let (mut named, mut last_uai) = (0_u64, name.key.school.uai);
    while let Some(row) = rows.next()? {
        let head = match first {
            Some(head) => {
                row.same_envelope(ENVELOPE_END)?;
                head
            }
            None => *first.insert(envelope_of(&row, name)?),
        };
        last_uai = if row.same_school() { last_uai } else { row.uai()? };
        let other_school = row.uai()? != name.key.school.uai;
        named += u64::from(!other_school);
        match response_of(&row, head.envelope.key.phase, other_school) {
            Ok(response) => sink(response),
            Err(fault) => report(fault),
        }
    }
    let head = first.ok_or_else(|| Fault::new(1, CODE_EMPTY, ""))?;
    if named == 0 {
        let mut key = head.envelope.key;
        key.school.uai = last_uai;
        if let Some(fault) = compare(name, key, head.envelope.number, 0) {
            return Err(fault);
        }
    }
    Ok(head)
}
