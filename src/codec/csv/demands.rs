//! A lot as CSV: one row a pupil.
//!
//! The columns do not say who acknowledged or replied, nor when the reply came: reading gives `UNNAMED` and the lot's own
//! `horodatage` in their place. A CSV declares no counts either: its digest tells whether it is whole.

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
    campaign::{CampaignKey, Phase},
    demand::{Acknowledgement, CHOICES_MAX, Choice, Choices, Demand, Formation, Reply},
    lot::{Encoding, FileName, Lot, LotCounts, LotHead, LotPupil},
    pupil::{Division, Private, PupilId, RepresentativeId},
    school::Level,
    time::{Timestamp, Zone},
    track::{MefCode, Status, Track},
};
use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
    ops::Range,
};

/// Its Frictionless Table Schema.
pub const SCHEMA: &str = include_str!("../schemas/demandes-csv.json");
/// Who acknowledged or replied, where a CSV leaves it out: no representative has this number.
pub const UNNAMED: RepresentativeId = RepresentativeId(0);

const COLUMNS: [&str; 31] = [
    "uai",
    "annee",
    "palier",
    "phase",
    "num_envoi",
    "horodatage",
    "eleve_id",
    "ine",
    "division",
    "nom",
    "prenom",
    "etat",
    "version",
    "representant_id",
    "validee_le",
    "tardive",
    "voie_1",
    "formation_1",
    "code_formation_1",
    "statut_1",
    "voie_2",
    "formation_2",
    "code_formation_2",
    "statut_2",
    "voie_3",
    "formation_3",
    "code_formation_3",
    "statut_3",
    "accuse_le",
    "accord",
    "voies_acceptees",
];
const ENVELOPE: Range<usize> = 0..6;
const PUPIL: usize = 6;
const INE: usize = 7;
const DIVISION: usize = 8;
const LAST_NAME: usize = 9;
const FIRST_NAME: usize = 10;
const STATE: usize = 11;
const VERSION: usize = 12;
const REPRESENTATIVE: usize = 13;
const VALIDATED_AT: usize = 14;
const LATE: usize = 15;
const CHOICES: usize = 16;
const CHOICE_COLUMNS: usize = 4;
const ACKNOWLEDGED_AT: usize = 28;
const AGREES: usize = 29;
const ACCEPTED: usize = 30;

const VALIDATED: &str = "VALIDEE";
const WITHOUT_ENTRY: &str = "SANS_SAISIE";

/// Writes a lot.
///
/// # Errors
/// `Encoding` with the row whose text the encoding cannot carry.
pub fn encode(lot: &Lot, encoding: Encoding) -> Result<Vec<u8>, WriteFault> {
    let mut bytes = Vec::new();
    write(&mut bytes, &lot.head, &lot.pupils, encoding)?;
    Ok(bytes)
}

/// Writes a lot pupil by pupil.
///
/// # Errors
/// `Encoding` with the row whose text the encoding cannot carry, `Output` when the machine fails.
pub fn write<'a>(
    out: impl Write,
    head: &LotHead,
    pupils: impl IntoIterator<Item = &'a LotPupil>,
    encoding: Encoding,
) -> Result<(), WriteFault> {
    let mut table = Table::begin(out, encoding, &COLUMNS)?;
    let envelope = envelope_fields(head.key, head.number, head.stamped_at, head.zone);
    for pupil in pupils {
        table.codes(envelope.iter().map(String::as_str))?;
        write_pupil(&mut table, pupil, head.zone)?;
        table.end_row()?;
    }
    table.end()
}

fn write_pupil<W: Write>(table: &mut Table<W>, pupil: &LotPupil, zone: Zone) -> Result<(), WriteFault> {
    table.number(pupil.id.0)?;
    table.code(pupil.ine.as_ref().map_or("", |ine| ine.as_str()))?;
    table.exact_text(pupil.division.as_str())?;
    table.text(pupil.last_name.reveal())?;
    table.text(pupil.first_name.reveal())?;
    match &pupil.demand {
        None => table.codes([WITHOUT_ENTRY].into_iter().chain([""; ACKNOWLEDGED_AT - VERSION]))?,
        Some(demand) => write_demand(table, demand, zone)?,
    }
    match &pupil.acknowledgement {
        None => table.code("")?,
        Some(acknowledgement) => table.instant(acknowledgement.at, zone)?,
    }
    match &pupil.reply {
        None => table.codes(["", ""]),
        Some(reply) => {
            let accepted: Vec<&str> = reply.accepted.iter().map(|track| track.code()).collect();
            table.codes([if reply.agrees { YES } else { NO }, &accepted.join(" ")])
        }
    }
}

fn write_demand<W: Write>(table: &mut Table<W>, demand: &Demand, zone: Zone) -> Result<(), WriteFault> {
    table.code(VALIDATED)?;
    table.number(demand.version.into())?;
    table.number(demand.representative.0)?;
    table.instant(demand.validated_at, zone)?;
    table.code(if demand.late { YES } else { "" })?;
    let choices = demand.choices.as_slice();
    for choice in choices {
        table.code(choice.track().code())?;
        match choice.formation() {
            None => table.codes(["", "", ""])?,
            Some(Formation { label, code, status }) => {
                table.text(label)?;
                table.codes([code.as_ref().map_or("", MefCode::as_str), status.code()])?;
            }
        }
    }
    for _ in choices.len()..CHOICES_MAX {
        table.codes([""; CHOICE_COLUMNS])?;
    }
    Ok(())
}

/// The lot that a reader of its CSV gets: the columns leave out who acknowledged or replied, and when the reply came.
pub fn as_told(lot: &Lot) -> Lot {
    let mut told = lot.clone();
    for pupil in &mut told.pupils {
        if let Some(acknowledgement) = &mut pupil.acknowledgement {
            acknowledgement.representative = UNNAMED;
        }
        if let Some(reply) = &mut pupil.reply {
            (reply.representative, reply.at) = (UNNAMED, told.head.stamped_at);
        }
    }
    told
}

/// Reads a lot in whichever of the accepted encodings it is.
///
/// # Errors
/// The first fault of the file.
pub fn decode(name: FileName, bytes: &[u8]) -> Result<Lot, Fault> {
    decode_in(name, bytes, charset_of(bytes)?)
}

/// Reads a lot whose encoding is known where no mark tells it.
///
/// # Errors
/// The first fault of the file.
pub fn decode_in(name: FileName, bytes: &[u8], charset: Charset) -> Result<Lot, Fault> {
    let (mut pupils, mut first) = (Vec::new(), None);
    let read = read(bytes, name, charset, &mut |pupil| pupils.push(pupil), &mut |fault| {
        first.get_or_insert(fault);
    });
    let Envelope { key, number, stamped_at } = first.map_or(read, Err)?;
    let zone = key.school.uai.zone();
    Ok(Lot { head: LotHead { key, number, stamped_at, zone, counts: LotCounts::of(&pupils) }, pupils })
}

/// Reads a lot pupil by pupil. A fault of one row is reported and reading goes on behind it.
///
/// # Errors
/// The fault behind which nothing can be read.
pub fn read(
    input: impl BufRead,
    name: FileName,
    charset: Charset,
    sink: &mut dyn FnMut(LotPupil),
    report: Report<'_>,
) -> Result<Envelope, Fault> {
    let mut rows = Rows::open(input, charset, &COLUMNS)?;
    let mut roll: Option<Roll> = None;
    while let Some(row) = rows.next()? {
        let roll = match &mut roll {
            Some(roll) => {
                row.same_as_first(ENVELOPE)?;
                roll
            }
            None => {
                let envelope = row.envelope()?;
                if let Some(fault) = compare(name, envelope.key, envelope.number, row.line()) {
                    report(fault);
                }
                roll.insert(Roll { envelope, pupils: BTreeSet::new(), last: None })
            }
        };
        match pupil_of(&row, &roll.envelope) {
            Ok(pupil) => {
                // The row stands whole: what does not fit the rows before it is told, and reading goes on.
                if let Err(fault) = roll.enter(&row, &pupil) {
                    report(fault);
                }
                sink(pupil);
            }
            Err(fault) => report(fault),
        }
    }
    roll.map(|roll| roll.envelope).ok_or_else(header_alone)
}

/// What the rows so far were, for order and doubles.
struct Roll {
    envelope: Envelope,
    pupils: BTreeSet<PupilId>,
    last: Option<(Division, PupilId)>,
}

impl Roll {
    /// Order: `DIVISION`, then `ELEVE_ID` numerically (siecle.md).
    fn enter(&mut self, row: &Row<'_>, pupil: &LotPupil) -> Result<(), Fault> {
        if !self.pupils.insert(pupil.id) {
            return Err(row.fault("DOUBLON", "the same eleve_id stands twice: a lot has one row a pupil"));
        }
        let last = self.last.as_ref();
        let falls = last.is_some_and(|(division, id)| (&pupil.division, pupil.id) < (division, *id));
        match &mut self.last {
            Some((division, id)) if *division == pupil.division => *id = pupil.id,
            last => *last = Some((pupil.division.clone(), pupil.id)),
        }
        let message = "rows go by division, then eleve_id: the file was edited; export it again";
        if falls { Err(row.fault("ORDRE", message)) } else { Ok(()) }
    }
}

fn pupil_of(row: &Row<'_>, envelope: &Envelope) -> Result<LotPupil, Fault> {
    let Envelope { key, stamped_at, .. } = *envelope;
    let id = row.pupil(PUPIL)?;
    let demand = match row.get(STATE) {
        VALIDATED => Some(demand_of(row, id, key)?),
        WITHOUT_ENTRY => {
            row.all_empty(VERSION..ACKNOWLEDGED_AT, "a pupil without entry has no demand")?;
            None
        }
        _ => return Err(row.wrong(STATE, "neither VALIDEE nor SANS_SAISIE")),
    };
    match key.phase {
        Phase::Provisional => row.all_empty(AGREES..COLUMNS.len(), "replies travel in the phase DEFINITIVE only")?,
        Phase::Definitive => row.all_empty(ACKNOWLEDGED_AT..AGREES, "it travels in the phase PROVISOIRE only")?,
    }
    let at = row.maybe_instant(ACKNOWLEDGED_AT)?;
    Ok(LotPupil {
        id,
        ine: row.ine(INE)?,
        division: row.division(DIVISION)?,
        last_name: Private::new(row.text(LAST_NAME).into_owned()),
        first_name: Private::new(row.text(FIRST_NAME).into_owned()),
        demand,
        acknowledgement: at.map(|at| Acknowledgement { representative: UNNAMED, at }),
        reply: reply_of(row, key.level, stamped_at)?,
    })
}

fn demand_of(row: &Row<'_>, pupil: PupilId, key: CampaignKey) -> Result<Demand, Fault> {
    let late = row.maybe(LATE, "neither O nor empty", |text| (text == YES).then_some(()))?.is_some();
    let mut choices = Vec::with_capacity(CHOICES_MAX);
    for nth in 0..CHOICES_MAX {
        let column = CHOICES + nth * CHOICE_COLUMNS;
        match choice_of(row, column)? {
            Some(choice) if choices.len() == nth => choices.push(choice),
            Some(_) => return Err(row.wrong(column, "a choice of lower rank is missing before it")),
            None => (),
        }
    }
    let choices = Choices::new(key.level, choices).map_err(|fault| row.wrong(CHOICES, &fault.to_string()))?;
    Ok(Demand {
        pupil,
        phase: key.phase,
        version: row.number(VERSION)?,
        representative: RepresentativeId(row.id(REPRESENTATIVE)?),
        validated_at: row.instant(VALIDATED_AT)?,
        choices,
        late,
    })
}

fn choice_of(row: &Row<'_>, column: usize) -> Result<Option<Choice>, Fault> {
    let (label, code, status) = (column + 1, column + 2, column + 3);
    let Some(track) = row.maybe(column, "not a track", Track::of_code)? else {
        row.all_empty(label..column + CHOICE_COLUMNS, "a formation or status without its track")?;
        return Ok(None);
    };
    let code = row.maybe(code, "not a MEF code of 10 or 11 digits", |text| MefCode::parse(text).ok())?;
    let status = row.maybe(status, "neither ST nor AP", Status::of_code)?;
    let text = row.text(label);
    let formation = match status {
        Some(status) => Some(Formation { label: text.into_owned(), code, status }),
        None if text.is_empty() && code.is_none() => None,
        None => return Err(row.wrong(column + 3, "a formation without its status")),
    };
    Choice::new(track, formation).map(Some).map_err(|fault| row.wrong(label, &fault.to_string()))
}

fn reply_of(row: &Row<'_>, level: Level, at: Timestamp) -> Result<Option<Reply>, Fault> {
    let accepted = row.maybe(ACCEPTED, "not tracks of this level, each once, with one space between", |text| {
        let tracks = text.split(' ').map(|code| Track::of_code(code).filter(|track| track.level() == level));
        let tracks = tracks.collect::<Option<Vec<Track>>>()?;
        let distinct: BTreeSet<&Track> = tracks.iter().collect();
        (distinct.len() == tracks.len()).then_some(tracks)
    })?;
    match (row.yes_no(AGREES)?, accepted) {
        (None, None) => Ok(None),
        (Some(agrees), accepted) if agrees == accepted.is_some() => {
            let accepted = accepted.unwrap_or_default();
            Ok(Some(Reply { representative: UNNAMED, at, agrees, accepted }))
        }
        (None | Some(_), _) => Err(row.wrong(AGREES, "accepted tracks go with O, and with O alone")),
    }
}
