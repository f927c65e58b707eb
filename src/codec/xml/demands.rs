//! `ORIENTATION_DEMANDES`: a lot as XML. `write` passes four times over the pupils and copies none; `read` hands out rows.

use crate::codec::{
    Fault, Report,
    envelope::compare,
    strict::StrictReader,
    xml::{
        Wrong, compare_count, counted, division, each_row, element, filled, ine, instant, needed, open, optional,
        pupil_id, read_counts, read_head, representative_id, text_field, write::XmlWriter, yes_or_no,
    },
};
use crate::domain::{
    campaign::Phase,
    demand::{Acknowledgement, CHOICES_MAX, Choice, Choices, ChoicesFault, Demand, Formation, Reply},
    lot::{Encoding, FileName, Lot, LotCounts, LotHead, LotPupil},
    pupil::{Division, Ine, PupilId, RepresentativeId},
    school::Level,
    time::Timestamp,
    track::{MefCode, Status, Track},
};
use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, Write},
};

/// Its XSD.
pub const SCHEMA: &str = include_str!("../schemas/demandes.xsd");
const ROOT: &str = "ORIENTATION_DEMANDES";
/// `LOGICIEL` of what navette writes.
const SOFTWARE: &str = "navette";

/// One row of a lot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LotRow {
    /// `DEMANDE` or `SANS_SAISIE`.
    Pupil(Box<LotPupil>),
    /// `ACCUSE`, of a pupil seen before.
    Acknowledged(PupilId, Acknowledgement),
    /// `REPONSE_FAMILLE`, of a pupil seen before.
    Replied(PupilId, Reply),
}

/// Writes a lot.
pub fn encode(lot: &Lot, encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    match write(&mut bytes, &lot.head, || lot.pupils.iter(), encoding) {
        // A vector takes whatever it is given.
        Ok(()) | Err(_) => bytes,
    }
}

/// Writes a lot whose pupils can be passed over again, borrowed or made anew: one pass for each kind of row, in the order
/// of siecle.md.
///
/// # Errors
/// What the sink says.
pub fn write<W: Write, I: Iterator<Item: Borrow<LotPupil>>>(
    out: W,
    head: &LotHead,
    pupils: impl Fn() -> I,
    encoding: Encoding,
) -> io::Result<()> {
    let mut xml = XmlWriter::new(out, encoding, head.zone);
    xml.markup("<ORIENTATION_DEMANDES VERSION=\"1.0\">\n").head(head.key, head.number, head.stamped_at, SOFTWARE);
    xml.counts(head.counts).markup("  </PARAMETRES>\n  <DONNEES>\n");
    for pupil in pupils() {
        let pupil = pupil.borrow();
        if let Some(demand) = &pupil.demand {
            write_demand(&mut xml, pupil, demand);
        }
    }
    for pupil in pupils() {
        let pupil = pupil.borrow();
        if pupil.demand.is_none() {
            write_without_entry(&mut xml, pupil);
        }
    }
    for pupil in pupils() {
        let LotPupil { id, acknowledgement, .. } = pupil.borrow();
        if let Some(Acknowledgement { representative, at }) = acknowledgement {
            xml.markup("    <ACCUSE");
            write_who(&mut xml, *id, *representative, *at).markup("/>\n").end_row();
        }
    }
    for pupil in pupils() {
        let LotPupil { id, reply, .. } = pupil.borrow();
        if let Some(reply) = reply {
            write_reply(&mut xml, *id, reply);
        }
    }
    xml.markup("  </DONNEES>\n</ORIENTATION_DEMANDES>\n");
    xml.finish()
}

fn write_demand<W: Write>(xml: &mut XmlWriter<W>, pupil: &LotPupil, demand: &Demand) {
    xml.markup("    <DEMANDE");
    write_identity(xml, pupil).markup(" VERSION=\"").number(demand.version);
    xml.markup(if demand.late { "\" TARDIVE=\"O\">\n      " } else { "\">\n      " });
    write_name(xml, pupil).markup("\n      <REPRESENTANT_ID>").number(demand.representative.0);
    xml.markup("</REPRESENTANT_ID><VALIDEE_LE>").instant(demand.validated_at).markup("</VALIDEE_LE>\n");
    for (rank, choice) in (1u32..).zip(demand.choices.as_slice()) {
        xml.markup("      <CHOIX RANG=\"")
            .number(rank)
            .markup("\"><VOIE>")
            .markup(choice.track().code())
            .markup("</VOIE>");
        if let Some(formation) = choice.formation() {
            xml.markup("<FORMATION");
            if let Some(code) = &formation.code {
                xml.markup(" CODE=\"").markup(code.as_str()).markup("\"");
            }
            xml.markup(">").text(&formation.label).markup("</FORMATION><STATUT>");
            xml.markup(formation.status.code()).markup("</STATUT>");
        }
        xml.markup("</CHOIX>\n");
    }
    xml.markup("    </DEMANDE>\n").end_row();
}

fn write_without_entry<W: Write>(xml: &mut XmlWriter<W>, pupil: &LotPupil) {
    xml.markup("    <SANS_SAISIE");
    write_identity(xml, pupil).markup(">");
    write_name(xml, pupil).markup("</SANS_SAISIE>\n").end_row();
}

fn write_identity<'x, W: Write>(xml: &'x mut XmlWriter<W>, pupil: &LotPupil) -> &'x mut XmlWriter<W> {
    xml.markup(" ELEVE_ID=\"").number(pupil.id.0);
    if let Some(ine) = &pupil.ine {
        xml.markup("\" INE=\"").markup(ine.as_str());
    }
    xml.markup("\"")
}

fn write_name<'x, W: Write>(xml: &'x mut XmlWriter<W>, pupil: &LotPupil) -> &'x mut XmlWriter<W> {
    xml.markup("<DIVISION>").text(pupil.division.as_str()).markup("</DIVISION><NOM>").text(pupil.last_name.reveal());
    xml.markup("</NOM><PRENOM>").text(pupil.first_name.reveal()).markup("</PRENOM>")
}

fn write_who<W: Write>(
    xml: &mut XmlWriter<W>,
    pupil: PupilId,
    who: RepresentativeId,
    at: Timestamp,
) -> &mut XmlWriter<W> {
    xml.markup(" ELEVE_ID=\"").number(pupil.0).markup("\" REPRESENTANT_ID=\"").number(who.0);
    xml.markup("\" LE=\"").instant(at).markup("\"")
}

fn write_reply<W: Write>(xml: &mut XmlWriter<W>, pupil: PupilId, reply: &Reply) {
    xml.markup("    <REPONSE_FAMILLE");
    write_who(xml, pupil, reply.representative, reply.at);
    xml.markup(if reply.agrees { " ACCORD=\"O\">" } else { " ACCORD=\"N\">" });
    for track in &reply.accepted {
        xml.markup("<VOIE>").markup(track.code()).markup("</VOIE>");
    }
    xml.markup("</REPONSE_FAMILLE>\n").end_row();
}

/// Reads a lot whole.
///
/// # Errors
/// The first fault of the file.
pub fn decode(name: FileName, bytes: &[u8]) -> Result<Lot, Fault> {
    let (mut pupils, mut answers, mut first) = (Vec::new(), Vec::new(), None);
    let mut rows = |row| match row {
        LotRow::Pupil(pupil) => pupils.push(*pupil),
        LotRow::Acknowledged(..) | LotRow::Replied(..) => answers.push(row),
    };
    let head = read(name, bytes, &mut rows, &mut |fault| {
        first.get_or_insert(fault);
    });
    let head = match (head, first) {
        (Ok(head), None) => head,
        (_, Some(fault)) | (Err(fault), None) => return Err(fault),
    };
    pupils.sort_by(|one: &LotPupil, other| (&one.division, one.id).cmp(&(&other.division, other.id)));
    let places: BTreeMap<PupilId, usize> = pupils.iter().enumerate().map(|(place, pupil)| (pupil.id, place)).collect();
    let place = |id| places.get(&id).copied();
    for answer in answers {
        match answer {
            LotRow::Pupil(_) => (),
            LotRow::Acknowledged(id, acknowledgement) => {
                if let Some(pupil) = place(id).and_then(|place| pupils.get_mut(place)) {
                    pupil.acknowledgement = Some(acknowledgement);
                }
            }
            LotRow::Replied(id, reply) => {
                if let Some(pupil) = place(id).and_then(|place| pupils.get_mut(place)) {
                    pupil.reply = Some(reply);
                }
            }
        }
    }
    Ok(Lot { head, pupils })
}

/// Reads a lot row by row: rows that can be read are handed out, faults that leave the rest readable are reported.
///
/// # Errors
/// The fault after which nothing more can be read.
pub fn read<R: BufRead>(
    name: FileName,
    input: R,
    rows: &mut dyn FnMut(LotRow),
    report: Report<'_>,
) -> Result<LotHead, Fault> {
    let mut reader = open(input, ROOT)?;
    let read = read_head(&mut reader)?;
    let counts = read_counts(&mut reader)?;
    reader.leave()?;
    if let Some(fault) = compare(name, read.key, read.number, read.line) {
        report(fault);
    }
    let zone = read.key.school.uai.zone();
    let head = LotHead { key: read.key, number: read.number, stamped_at: read.stamped_at, zone, counts };
    let mut roll = Roll::new(head.key.level, head.key.phase);
    reader.enter("DONNEES")?;
    each_row(&mut reader, &mut *report, |reader, report| {
        let (line, kind) = (reader.line(), Kind::of(reader)?);
        roll.count(kind);
        let row = read_row(reader, kind, &roll).inspect_err(|_| roll.unread = true)?;
        // The row stands whole: what does not fit the rows before it is told, and reading goes on.
        if let Err(Wrong(code, message)) = roll.enter(kind, &row) {
            report(Fault::new(line, code, message));
        }
        rows(row);
        Ok(())
    })?;
    reader.leave()?;
    reader.leave()?;
    reader.end()?;
    roll.compare(counts, read.line, report);
    Ok(head)
}

/// The kinds of rows, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Demand,
    WithoutEntry,
    Acknowledgement,
    Reply,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Demand, Self::WithoutEntry, Self::Acknowledgement, Self::Reply];

    const fn element(self) -> &'static str {
        match self {
            Self::Demand => "DEMANDE",
            Self::WithoutEntry => "SANS_SAISIE",
            Self::Acknowledgement => "ACCUSE",
            Self::Reply => "REPONSE_FAMILLE",
        }
    }

    fn of<R: BufRead>(reader: &StrictReader<R>) -> Result<Self, Fault> {
        let kind = Self::ALL.into_iter().find(|kind| reader.is_on(kind.element()));
        kind.ok_or_else(|| reader.expected("DEMANDE, SANS_SAISIE, ACCUSE or REPONSE_FAMILLE"))
    }
}

/// What the rows so far were, for order, counts and doubles.
struct Roll {
    level: Level,
    phase: Phase,
    divisions: Vec<Division>,
    pupils: BTreeMap<PupilId, u32>,
    last: Option<(Kind, u32, PupilId)>,
    counts: LotCounts,
    /// Whether a row could not be read: its pupil is not known, and is not told a second time as unknown.
    unread: bool,
}

impl Roll {
    const fn new(level: Level, phase: Phase) -> Self {
        let counts = LotCounts { demands: 0, without_entry: 0, acknowledgements: 0, replies: 0 };
        Self { level, phase, divisions: Vec::new(), pupils: BTreeMap::new(), last: None, counts, unread: false }
    }

    /// Counts a row, whether it can be read or not.
    const fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Demand => self.counts.demands += 1,
            Kind::WithoutEntry => self.counts.without_entry += 1,
            Kind::Acknowledgement => self.counts.acknowledgements += 1,
            Kind::Reply => self.counts.replies += 1,
        }
    }

    fn enter(&mut self, kind: Kind, row: &LotRow) -> Result<(), Wrong> {
        let (id, place) = match row {
            LotRow::Pupil(pupil) => {
                let place = self.place(&pupil.division);
                if self.pupils.insert(pupil.id, place).is_some() {
                    return Err(Wrong(
                        "DOUBLON",
                        "the same ELEVE_ID stands twice: a lot has one row a pupil".to_owned(),
                    ));
                }
                (pupil.id, place)
            }
            LotRow::Acknowledged(id, _) | LotRow::Replied(id, _) => match self.pupils.get(id) {
                Some(place) => (*id, *place),
                None if self.unread => return Ok(()),
                None => {
                    return Err(Wrong(
                        "INCONNU",
                        "an ACCUSE or REPONSE_FAMILLE of a pupil who is not in the lot".to_owned(),
                    ));
                }
            },
        };
        let last = self.last.replace((kind, place, id));
        self.in_order(last, (kind, place, id))
    }

    /// Order: kind, then `DIVISION`, then `ELEVE_ID` numerically (siecle.md).
    fn in_order(&self, last: Option<(Kind, u32, PupilId)>, row: (Kind, u32, PupilId)) -> Result<(), Wrong> {
        let key = |(kind, place, id): (Kind, u32, PupilId)| (kind, self.divisions.get(place as usize), id);
        match last.map(|last| key(last).cmp(&key(row))) {
            None | Some(std::cmp::Ordering::Less) => Ok(()),
            Some(std::cmp::Ordering::Equal) => Err(Wrong("DOUBLON", "the same row stands twice".to_owned())),
            Some(std::cmp::Ordering::Greater) => Err(Wrong(
                "ORDRE",
                "rows go by kind, then DIVISION, then ELEVE_ID: the file was edited; export it again".to_owned(),
            )),
        }
    }

    fn place(&mut self, division: &Division) -> u32 {
        // Rows come by division: the one looked for is nearly always the last.
        let known = self.divisions.iter().rposition(|known| known == division);
        let place = known.unwrap_or_else(|| {
            self.divisions.push(division.clone());
            self.divisions.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn compare(&self, declared: LotCounts, line: u64, report: Report<'_>) {
        let found = self.counts;
        compare_count("NB_DEMANDES", declared.demands, found.demands, line, &mut *report);
        compare_count("NB_SANS_SAISIE", declared.without_entry, found.without_entry, line, &mut *report);
        compare_count("NB_ACCUSES", declared.acknowledgements, found.acknowledgements, line, &mut *report);
        compare_count("NB_REPONSES_FAMILLE", declared.replies, found.replies, line, report);
    }
}

fn read_row<R: BufRead>(reader: &mut StrictReader<R>, kind: Kind, roll: &Roll) -> Result<LotRow, Fault> {
    let misplaced = |reader: &StrictReader<R>, phase: Phase| {
        reader
            .fault("PHASE", format!("{} travels in lots of the phase {} only: remove it", kind.element(), phase.code()))
    };
    match kind {
        Kind::Demand => read_demand(reader, roll),
        Kind::WithoutEntry => {
            let line = reader.line();
            let [id, ine_code] = reader.attributes(["ELEVE_ID", "INE"])?;
            let (id, ine) = (needed(id, "ELEVE_ID", line, pupil_id)?, optional(ine_code, line, ine)?);
            reader.enter_read()?;
            let pupil = read_pupil(reader, id, ine)?;
            reader.leave()?;
            Ok(LotRow::Pupil(Box::new(pupil)))
        }
        Kind::Acknowledgement if roll.phase == Phase::Definitive => Err(misplaced(reader, Phase::Provisional)),
        Kind::Acknowledgement => {
            let line = reader.line();
            let [id, who, at] = reader.attributes(["ELEVE_ID", "REPRESENTANT_ID", "LE"])?;
            let id = needed(id, "ELEVE_ID", line, pupil_id)?;
            let representative = needed(who, "REPRESENTANT_ID", line, representative_id)?;
            let at = needed(at, "LE", line, instant)?;
            reader.empty_read()?;
            Ok(LotRow::Acknowledged(id, Acknowledgement { representative, at }))
        }
        Kind::Reply if roll.phase == Phase::Provisional => Err(misplaced(reader, Phase::Definitive)),
        Kind::Reply => read_reply(reader, roll.level),
    }
}

/// `DIVISION`, `NOM` and `PRENOM` of a pupil; what else is known of it is entered by the caller.
fn read_pupil<R: BufRead>(reader: &mut StrictReader<R>, id: PupilId, ine: Option<Ine>) -> Result<LotPupil, Fault> {
    let division = element(reader, "DIVISION", division)?;
    let last_name = element(reader, "NOM", text_field)?;
    let first_name = element(reader, "PRENOM", text_field)?;
    Ok(LotPupil { id, ine, division, last_name, first_name, demand: None, acknowledgement: None, reply: None })
}

fn read_demand<R: BufRead>(reader: &mut StrictReader<R>, roll: &Roll) -> Result<LotRow, Fault> {
    let line = reader.line();
    let [id, ine_code, version, late] = reader.attributes(["ELEVE_ID", "INE", "VERSION", "TARDIVE"])?;
    let (id, ine) = (needed(id, "ELEVE_ID", line, pupil_id)?, optional(ine_code, line, ine)?);
    let version = needed(version, "VERSION", line, counted)?;
    let only_yes =
        |text: &str| if text == "O" { Ok(()) } else { Err(Wrong("VALEUR", "TARDIVE is O or absent".to_owned())) };
    let late = optional(late, line, only_yes)?.is_some();
    reader.enter_read()?;
    let mut pupil = read_pupil(reader, id, ine)?;
    let representative = element(reader, "REPRESENTANT_ID", representative_id)?;
    let validated_at = element(reader, "VALIDEE_LE", instant)?;
    let mut choices = Vec::with_capacity(CHOICES_MAX);
    while reader.is_on("CHOIX") {
        choices.push(read_choice(reader, choices.len() + 1)?);
    }
    let choices = Choices::new(roll.level, choices).map_err(|fault| broken(fault).at(line))?;
    reader.leave()?;
    pupil.demand = Some(Demand { pupil: id, phase: roll.phase, version, representative, validated_at, choices, late });
    Ok(LotRow::Pupil(Box::new(pupil)))
}

fn read_choice<R: BufRead>(reader: &mut StrictReader<R>, nth: usize) -> Result<Choice, Fault> {
    let line = reader.line();
    let [rank] = reader.attributes(["RANG"])?;
    if needed(rank, "RANG", line, counted)? as usize != nth {
        return Err(Wrong("CHOIX", "ranks go 1, 2, 3 without a hole".to_owned()).at(line));
    }
    reader.enter_read()?;
    let track = element(reader, "VOIE", track)?;
    let mut formation = None;
    if reader.is_on("FORMATION") {
        let formation_line = reader.line();
        let [code] = reader.attributes(["CODE"])?;
        let code = optional(code, formation_line, |text| {
            MefCode::parse(text).map_err(|fault| Wrong("MEF", fault.to_string()))
        })?;
        let label = filled(reader.text_read()?).map_err(|wrong| wrong.at(formation_line))?;
        let status = element(reader, "STATUT", |text| {
            Status::of_code(text).ok_or(Wrong("VOIE", "STATUT is ST or AP".to_owned()))
        })?;
        formation = Some(Formation { label, code, status });
    }
    reader.leave()?;
    Choice::new(track, formation).map_err(|fault| broken(fault).at(line))
}

/// R02 or R03.
fn broken(fault: ChoicesFault) -> Wrong {
    Wrong(fault.code().as_str(), fault.to_string())
}

fn read_reply<R: BufRead>(reader: &mut StrictReader<R>, level: Level) -> Result<LotRow, Fault> {
    let line = reader.line();
    let [id, who, at, agrees] = reader.attributes(["ELEVE_ID", "REPRESENTANT_ID", "LE", "ACCORD"])?;
    let id = needed(id, "ELEVE_ID", line, pupil_id)?;
    let representative = needed(who, "REPRESENTANT_ID", line, representative_id)?;
    let at = needed(at, "LE", line, instant)?;
    let agrees = needed(agrees, "ACCORD", line, yes_or_no)?;
    reader.enter_read()?;
    let mut accepted = Vec::new();
    while reader.is_on("VOIE") {
        accepted.push(element(reader, "VOIE", track)?);
    }
    if accepted.iter().any(|track| track.level() != level) {
        return Err(Wrong("VOIE", "an accepted track does not belong to the level".to_owned()).at(line));
    }
    if agrees == accepted.is_empty() {
        let message = "an agreement (ACCORD O) accepts a track or more, a disagreement (ACCORD N) none";
        return Err(Wrong("VALEUR", message.to_owned()).at(line));
    }
    if accepted.iter().collect::<BTreeSet<_>>().len() < accepted.len() {
        return Err(Wrong("DOUBLON", "an accepted track stands twice".to_owned()).at(line));
    }
    reader.leave()?;
    Ok(LotRow::Replied(id, Reply { representative, at, agrees, accepted }))
}

fn track(text: &str) -> Result<Track, Wrong> {
    Track::of_code(text).ok_or(Wrong("VOIE", "an unknown track".to_owned()))
}
