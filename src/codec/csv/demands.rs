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
    anomaly::Code,
    campaign::{CampaignKey, Phase},
    demand::{Acknowledgement, CHOICES_MAX, Choice, Choices, ChoicesFault, Demand, Formation, Reply},
    lot::{Encoding, FileName, Lot, LotCounts, LotHead, LotPupil},
    pupil::{Division, Private, PupilId, RepresentativeId},
    school::Level,
    time::{Timestamp, Zone},
    track::{MefCode, Status, Track},
};
use std::{
    borrow::Borrow,
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
pub fn write(
    out: impl Write,
    head: &LotHead,
    pupils: impl IntoIterator<Item: Borrow<LotPupil>>,
    encoding: Encoding,
) -> Result<(), WriteFault> {
    let mut table = Table::begin(out, encoding, &COLUMNS)?;
    let envelope = envelope_fields(head.key, head.number, head.stamped_at, head.zone);
    for pupil in pupils {
        table.codes(envelope.iter().map(String::as_str))?;
        write_pupil(&mut table, pupil.borrow(), head.zone)?;
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
        last_name: Private::new(row.text(LAST_NAME)?.into_owned()),
        first_name: Private::new(row.text(FIRST_NAME)?.into_owned()),
        demand,
        acknowledgement: at.map(|at| Acknowledgement { representative: UNNAMED, at }),
        reply: reply_of(row, key.level, stamped_at)?,
    })
}

/// R02.
const CHOICES_CODE: &str = Code::Choix.as_str();
/// R03.
const TRACK_CODE: &str = Code::Voie.as_str();

fn demand_of(row: &Row<'_>, pupil: PupilId, key: CampaignKey) -> Result<Demand, Fault> {
    let late = row.maybe(LATE, "neither O nor empty", |text| (text == YES).then_some(()))?.is_some();
    let mut choices = Vec::with_capacity(CHOICES_MAX);
    for nth in 0..CHOICES_MAX {
        let column = CHOICES + nth * CHOICE_COLUMNS;
        match choice_of(row, column)? {
            Some(choice) if choices.len() == nth => choices.push(choice),
            Some(_) => return Err(row.wrong_as(CHOICES_CODE, column, "a choice of lower rank is missing before it")),
            None => (),
        }
    }
    let broken = |fault: ChoicesFault| row.wrong_as(fault.code().as_str(), CHOICES, &fault.to_string());
    let choices = Choices::new(key.level, choices).map_err(broken)?;
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
    if row.get(column).is_empty() {
        row.all_empty(label..column + CHOICE_COLUMNS, "a formation or status without its track")?;
        return Ok(None);
    }
    let track = Track::of_code(row.get(column)).ok_or_else(|| row.wrong_as(TRACK_CODE, column, "not a track"))?;
    let code = row.maybe(code, "not a MEF code of 10 or 11 digits", |text| MefCode::parse(text).ok())?;
    let status = match row.get(status) {
        "" => None,
        text => Some(Status::of_code(text).ok_or_else(|| row.wrong_as(TRACK_CODE, status, "neither ST nor AP"))?),
    };
    let text = row.text(label)?;
    let formation = match status {
        Some(status) => Some(Formation { label: text.into_owned(), code, status }),
        None if text.is_empty() && code.is_none() => None,
        None => return Err(row.wrong_as(TRACK_CODE, column + 3, "a formation without its status")),
    };
    let broken = |fault: ChoicesFault| row.wrong_as(fault.code().as_str(), label, &fault.to_string());
    Choice::new(track, formation).map(Some).map_err(broken)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{
        csv::{CODE_CSV, CODE_EMPTY, CODE_ENVELOPE, CODE_HEADER, CODE_VALUE, charset_written},
        encode_lot,
    };
    use crate::domain::{
        lot::{Document, Format},
        pupil::Ine,
        school::{SchoolKey, SchoolYear, Uai},
    };
    use proptest::prelude::*;
    use rstest::rstest;

    fn key(phase: Phase) -> CampaignKey {
        let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
        CampaignKey { school, level: Level::Troisieme, phase }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn name(lot: &Lot) -> FileName {
        FileName { key: lot.head.key, document: Document::Demands, number: lot.head.number, format: Format::Csv }
    }

    fn lot(phase: Phase, pupils: Vec<LotPupil>) -> Lot {
        let (key, stamped_at) = (key(phase), at("2020-05-26T03:15:00+02:00"));
        let zone = key.school.uai.zone();
        Lot { head: LotHead { key, number: 12, stamped_at, zone, counts: LotCounts::of(&pupils) }, pupils }
    }

    fn vocational(track: Track, label: &str, code: Option<&str>, status: Status) -> Choice {
        let code = code.map(|code| MefCode::parse(code).unwrap());
        Choice::new(track, Some(Formation { label: label.to_owned(), code, status })).unwrap()
    }

    fn pupil(id: i64, first_name: &str, choices: Vec<Choice>) -> LotPupil {
        let demand = |choices| Demand {
            pupil: PupilId(id),
            phase: Phase::Definitive,
            version: 2,
            representative: RepresentativeId(1),
            validated_at: at("2020-05-12T10:58:42+02:00"),
            choices,
            late: id == 101,
        };
        LotPupil {
            id: PupilId(id),
            ine: Ine::parse("123456789AB").ok().filter(|_| id == 100),
            division: Division::parse("3 A").unwrap(),
            last_name: "DUPOND; \"fils\"".to_owned().into(),
            first_name: first_name.to_owned().into(),
            demand: Choices::new(Level::Troisieme, choices).ok().map(demand),
            acknowledgement: None,
            reply: None,
        }
    }

    /// Three pupils: three choices and a reply; one choice, late; none.
    fn guide() -> Lot {
        let general = || Choice::new(Track::SecondeGt, None).unwrap();
        let painter = vocational(Track::SecondePro, "Mécanique & cœur", Some("2472541231"), Status::Apprentice);
        let body = vocational(Track::Cap, "=Carrosserie", None, Status::School);
        let mut jules = pupil(100, "Jules", vec![general(), painter, body]);
        let accepted = vec![Track::SecondeGt, Track::Cap];
        jules.reply =
            Some(Reply { representative: UNNAMED, at: at("2020-05-26T03:15:00+02:00"), agrees: true, accepted });
        let mut lea = pupil(101, "Léa", vec![general()]);
        lea.reply = Some(Reply {
            representative: UNNAMED,
            at: at("2020-05-26T03:15:00+02:00"),
            agrees: false,
            accepted: vec![],
        });
        lot(Phase::Definitive, vec![jules, lea, pupil(102, "Zoé", vec![])])
    }

    #[test]
    fn a_lot_is_what_the_page_says() {
        let text = String::from_utf8(encode(&guide(), Encoding::Utf8).unwrap()).unwrap();
        let rows: Vec<&str> = text.split("\r\n").collect();
        assert!(rows[0].starts_with("\u{feff}uai;annee;palier;phase;num_envoi;horodatage;eleve_id;ine;"));
        assert!(rows[0].ends_with(";statut_3;accuse_le;accord;voies_acceptees"));
        let head = "0380001V;2019;3E;DEFINITIVE;12;2020-05-26T03:15:00+02:00";
        let name = "\"DUPOND; \"\"fils\"\"\"";
        assert_eq!(
            rows[1..],
            [
                format!(
                    "{head};100;123456789AB;3 A;{name};Jules;VALIDEE;2;1;2020-05-12T10:58:42+02:00;;2GT;;;;2PRO;Mécanique \
                     & cœur;2472541231;AP;1CAP;'=Carrosserie;;ST;;O;2GT 1CAP"
                ),
                format!("{head};101;;3 A;{name};Léa;VALIDEE;2;1;2020-05-12T10:58:42+02:00;O;2GT;;;;;;;;;;;;;N;"),
                format!("{head};102;;3 A;{name};Zoé;SANS_SAISIE;;;;;;;;;;;;;;;;;;;"),
                String::new(),
            ]
        );
    }

    #[rstest]
    fn a_lot_reads_back(#[values(Encoding::Utf8, Encoding::Latin9)] encoding: Encoding) {
        let lot = guide();
        let file = encode_lot(&lot, Format::Csv, encoding).unwrap();
        assert_eq!(decode(name(&lot), &file.bytes).unwrap(), lot);
        assert_eq!(file.bytes.starts_with(b"\xEF\xBB\xBF"), encoding == Encoding::Utf8);
    }

    #[test]
    fn who_acknowledged_is_not_told() {
        let mut lot = lot(Phase::Provisional, vec![pupil(102, "Zoé", vec![])]);
        let acknowledgement = Acknowledgement { representative: RepresentativeId(9), at: at("2020-03-01T10:00:00Z") };
        lot.pupils[0].acknowledgement = Some(acknowledgement);
        lot.head.counts = LotCounts::of(&lot.pupils);
        let read = decode(name(&lot), &encode(&lot, Encoding::Utf8).unwrap()).unwrap();
        assert_eq!(read, as_told(&lot));
        assert_eq!(
            read.pupils[0].acknowledgement,
            Some(Acknowledgement { representative: UNNAMED, ..acknowledgement })
        );
    }

    #[test]
    fn what_the_encoding_cannot_carry_is_told_by_its_row() {
        let mut lot = guide();
        lot.pupils[1].first_name = "Łucja".to_owned().into();
        assert_eq!(encode(&lot, Encoding::Latin9), Err(WriteFault::Encoding { row: 2 }));
        assert!(encode(&lot, Encoding::Utf8).is_ok());
    }

    #[rstest]
    fn every_cut_is_refused(#[values(Encoding::Utf8, Encoding::Latin9)] encoding: Encoding) {
        let lot = guide();
        let bytes = encode(&lot, encoding).unwrap();
        let rows: Vec<usize> = (2..bytes.len()).filter(|end| bytes[..*end].ends_with(b"\r\n")).collect();
        for end in 0..bytes.len() {
            let read = decode(name(&lot), &bytes[..end]);
            // Between rows only the digest tells that more rows were there.
            let between = rows[1..].contains(&end);
            assert_eq!(read.is_ok(), between, "cut at byte {end}: {read:?}");
        }
    }

    #[rstest]
    #[case::other_school(("0380001V;2019", "0750654D;2019"), 2, "ETABLISSEMENT")]
    #[case::other_year((";2019;", ";2020;"), 2, "ANNEE")]
    #[case::other_level((";3E;", ";2GT;"), 2, "PALIER")]
    #[case::other_phase((";DEFINITIVE;", ";PROVISOIRE;"), 2, "PHASE")]
    #[case::other_number((";12;2020", ";13;2020"), 2, "NUM_ENVOI")]
    fn a_name_that_says_otherwise(#[case] change: (&str, &str), #[case] row: u64, #[case] code: &str) {
        check(&|text| text.replace(change.0, change.1), row, code);
    }

    #[rstest]
    #[case::wrong_key("0380001V;", "0380001W;", 2, CODE_VALUE)]
    #[case::spaced_year(";2019;", "; 2019;", 2, CODE_VALUE)]
    #[case::level(";3E;", ";3e;", 2, CODE_VALUE)]
    #[case::padded_number(";12;2020", ";00012;2020", 2, CODE_VALUE)]
    #[case::large_number(";12;2020", ";100000;2020", 2, CODE_VALUE)]
    #[case::no_offset("03:15:00+02:00", "03:15:00", 2, CODE_VALUE)]
    #[case::other_minus("10:58:42+02:00", "10:58:42−02:00", 2, CODE_VALUE)]
    #[case::spreadsheet_date("2020-05-12T10:58:42+02:00", "12/05/2020 10:58", 2, CODE_VALUE)]
    #[case::negative_pupil(";100;", ";-100;", 2, CODE_VALUE)]
    #[case::signed_pupil(";100;", ";+100;", 2, CODE_VALUE)]
    #[case::decimal_pupil(";100;", ";100,0;", 2, CODE_VALUE)]
    #[case::large_pupil(";100;", ";1000000000000000000;", 2, CODE_VALUE)]
    #[case::ine("123456789AB", "123456789A", 2, CODE_VALUE)]
    #[case::division_padded(";3 A;", "; 3 A;", 2, CODE_VALUE)]
    #[case::division_long(";3 A;", ";3 A 456789;", 2, CODE_VALUE)]
    #[case::state(";VALIDEE;", ";validee;", 2, CODE_VALUE)]
    #[case::demand_without_entry(";SANS_SAISIE;;", ";SANS_SAISIE;1;", 4, CODE_VALUE)]
    #[case::version_zero(";VALIDEE;2;", ";VALIDEE;0;", 2, CODE_VALUE)]
    #[case::version_missing(";VALIDEE;2;", ";VALIDEE;;", 2, CODE_VALUE)]
    #[case::late("00;O;2GT", "00;N;2GT", 3, CODE_VALUE)]
    #[case::unknown_track(";;2GT;;;;2PRO", ";;2XX;;;;2PRO", 2, "VOIE")]
    #[case::other_level_track(";;2GT;;;;2PRO", ";;1G;;;;2PRO", 2, "VOIE")]
    #[case::hole(";;2GT;;;;2PRO", ";;;;;;2PRO", 2, "CHOIX")]
    #[case::formation_missing("Mécanique & cœur", "", 2, "VOIE")]
    #[case::formation_of_a_general_track(";;2GT;;;;2PRO", ";;2GT;x;;;2PRO", 2, "VOIE")]
    #[case::status(";AP;", ";ap;", 2, "VOIE")]
    #[case::mef("2472541231", "247254123", 2, CODE_VALUE)]
    #[case::acknowledged_in_the_definitive_phase(";ST;;O;", ";ST;2020-05-12T10:58:42Z;O;", 2, CODE_VALUE)]
    #[case::disagrees_and_accepts(";O;2GT 1CAP", ";N;2GT 1CAP", 2, CODE_VALUE)]
    #[case::accepts_nothing(";O;2GT 1CAP", ";O;", 2, CODE_VALUE)]
    #[case::silent_and_accepts(";O;2GT 1CAP", ";;2GT 1CAP", 2, CODE_VALUE)]
    #[case::accepts_twice("2GT 1CAP", "2GT 2GT", 2, CODE_VALUE)]
    #[case::accepts_wide("2GT 1CAP", "2GT  1CAP", 2, CODE_VALUE)]
    #[case::twice(";101;", ";100;", 3, "DOUBLON")]
    #[case::out_of_order(";100;", ";105;", 3, "ORDRE")]
    #[case::unknown_column(";nom;", ";nom_usage;", 1, CODE_HEADER)]
    #[case::doubled_column(";prenom;", ";nom;", 1, CODE_HEADER)]
    #[case::swapped_columns(";nom;prenom;", ";prenom;nom;", 1, CODE_HEADER)]
    #[case::more_columns("voies_acceptees", "voies_acceptees;note", 1, CODE_HEADER)]
    #[case::fewer_fields(";100;", ";", 2, CODE_CSV)]
    #[case::more_fields(";100;", ";100;;", 2, CODE_CSV)]
    #[case::comma(";", ",", 1, CODE_HEADER)]
    #[case::second_mark("uai;", "\u{feff}uai;", 1, CODE_CSV)]
    #[case::line_ends("\r\n", "\n", 1, CODE_CSV)]
    #[case::control("Jules", "Ju\u{1}les", 2, "TEXTE")]
    fn a_defect_is_refused_at_its_line(#[case] right: &str, #[case] wrong: &str, #[case] row: u64, #[case] code: &str) {
        check(&|text| text.replace(right, wrong), row, code);
    }

    #[test]
    fn rows_of_two_envelopes_are_refused() {
        check(&|text| replace_last(text, ";12;2020", ";13;2020"), 4, CODE_ENVELOPE);
        check(&|text| replace_last(text, "0380001V", "0750654D"), 4, CODE_ENVELOPE);
        check(&|text| replace_last(text, "03:15:00+02:00;102", "03:15:01+02:00;102"), 4, CODE_ENVELOPE);
    }

    #[test]
    fn no_rows_never_mean_that_all_is_gone() {
        check(&|_| String::new(), 0, CODE_EMPTY);
        check(&|_| "\u{feff}".to_owned(), 0, CODE_EMPTY);
        check(&|text| format!("{}\r\n", text.lines().next().unwrap()), 1, CODE_EMPTY);
        check(&|text| text.lines().skip(1).flat_map(|row| [row, "\r\n"]).collect(), 1, CODE_HEADER);
    }

    fn replace_last(text: &str, from: &str, to: &str) -> String {
        let at = text.rfind(from).unwrap();
        format!("{}{to}{}", &text[..at], &text[at + from.len()..])
    }

    fn check(change: &dyn Fn(&str) -> String, row: u64, code: &str) {
        let lot = guide();
        let text = String::from_utf8(encode(&lot, Encoding::Utf8).unwrap()).unwrap();
        let changed = change(&text);
        assert_ne!(changed, text);
        let fault = decode(name(&lot), changed.as_bytes()).unwrap_err();
        assert_eq!((fault.row, fault.code), (row, code), "{fault}");
        for secret in ["DUPOND", "Jules", "123456789", "Mécanique"] {
            assert!(!fault.message.contains(secret), "{fault}");
        }
    }

    #[test]
    fn every_bad_row_is_told_and_good_ones_are_read() {
        let lot = guide();
        let text = String::from_utf8(encode(&lot, Encoding::Utf8).unwrap()).unwrap();
        let text = text.replace("2020-05-12T10:58:42+02:00", "hier");
        let (mut pupils, mut faults) = (Vec::new(), Vec::new());
        let read = read(text.as_bytes(), name(&lot), Charset::Utf8, &mut |pupil| pupils.push(pupil.id), &mut |fault| {
            faults.push((fault.row, fault.code));
        });
        assert!(read.is_ok());
        assert_eq!(pupils, [PupilId(102)]);
        assert_eq!(faults, [(2, CODE_VALUE), (3, CODE_VALUE)]);
    }

    /// Texts as they stand in the store: in single spaces, without control characters.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("'".to_owned()),
            "[-=+@;\"&<>]",
            "[a-zA-Zàéèçôœ€ŠŸ’]{1,6}",
            Just(" ".to_owned()),
            Just("\u{a0}".to_owned()),
            Just("\r\n".to_owned()),
            Just("\"\"".to_owned())
        ];
        proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
    }

    fn one_spaced(text: &str) -> String {
        crate::codec::envelope::one_spaced(text).into_owned()
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_it_travels(
            names in proptest::collection::vec((texts(), texts(), texts()), 1..6),
            latin9 in any::<bool>(),
        ) {
            let pupils = names.iter().zip(100..).map(|((last, first, label), id)| {
                let label = format!("x{}", one_spaced(label));
                let mut pupil = pupil(id, first, vec![vocational(Track::Cap, &label, None, Status::School)]);
                pupil.last_name = last.clone().into();
                pupil
            });
            let lot = lot(Phase::Definitive, pupils.collect());
            let encoding = if latin9 { Encoding::Latin9 } else { Encoding::Utf8 };
            match encode(&lot, encoding) {
                Err(WriteFault::Encoding { .. }) => prop_assert!(latin9),
                written => {
                    let bytes = written.unwrap();
                    let read = decode_in(name(&lot), &bytes, charset_written(encoding)).unwrap();
                    for (read, (last, first, label)) in read.pupils.iter().zip(&names) {
                        prop_assert_eq!(read.last_name.reveal(), &one_spaced(last));
                        prop_assert_eq!(read.first_name.reveal(), &one_spaced(first));
                        let choices = read.demand.as_ref().unwrap().choices.as_slice();
                        prop_assert_eq!(&choices[0].formation().unwrap().label, &one_spaced(&format!("x{}", one_spaced(label))));
                    }
                    prop_assert_eq!(read.pupils.len(), lot.pupils.len());
                    prop_assert!(encode_lot(&lot, Format::Csv, encoding).is_ok());
                }
            }
        }
    }
}
