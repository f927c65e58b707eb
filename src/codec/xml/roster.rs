//! The exports of SIECLE's *base élèves* (BEE), as every school has them: pupils, representatives, nomenclature, with or
//! without addresses, plain or in the zip they come in. Only what is compared is read, all else is passed over: versions
//! differ in what they hold, and nobody's address is our business. The same tags mean other things one level deeper
//! (`SCOLARITE_AN_DERNIER` has a formation of its own), so that depth is minded.
//!
//! Memory is bounded by the rows that a school can have; rows that cannot be read are told, and the next row goes on.

mod formations;
mod people;
mod pupils;
pub mod write;

use crate::check::nomenclature::Nomenclature;
use crate::codec::{
    Fault, Report, archive,
    encoding::unreadable,
    strict::StrictReader,
    xml::{ID_DIGITS_MAX, Wrong, each_row, needed, spaced},
};
use crate::domain::{
    pupil::{Private, PupilId},
    roster::{RosterPeople, RosterPupil},
    school::{SchoolKey, SchoolYear, Uai},
    time::{Civil, Date},
};
use std::io::{BufRead, BufReader, Read, Seek};

/// Faults that are told of one file: more are those of a file that is none of these.
const FAULTS_MAX: u32 = 1_000;
/// The first bytes of a zip.
const ZIP_MARK: &[u8] = b"PK";

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The school and year that it says it is of.
    pub school: SchoolKey,
    /// When it was written, by the school's clock.
    pub exported_at: Option<Civil>,
    /// What it holds.
    pub content: Content,
}

/// What an export holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// `BEE_ELEVES`.
    Pupils(Vec<RosterPupil>),
    /// `BEE_RESPONSABLES`.
    People(RosterPeople),
    /// `BEE_NOMENCLATURES`.
    Formations(Nomenclature),
}

impl Content {
    /// What it is, in a word or two.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Pupils(_) => "pupils",
            Self::People(_) => "representatives",
            Self::Formations(_) => "nomenclature",
        }
    }
}

/// Reads an export, plain or in a zip that holds nothing else. Its name does not matter.
///
/// # Errors
/// The fault after which nothing more can be read; `ZIP` when that is the archive's.
pub fn read_file<R: Read + Seek>(mut input: R, report: Report<'_>) -> Result<Export, Fault> {
    let mut mark = Vec::new();
    input.by_ref().take(ZIP_MARK.len() as u64).read_to_end(&mut mark).map_err(unreadable)?;
    input.rewind().map_err(unreadable)?;
    if mark == ZIP_MARK {
        archive::stream(input, |file| read(file, report))
    } else {
        read(BufReader::new(input), report)
    }
}

/// Reads an export.
///
/// # Errors
/// The fault after which nothing more can be read.
pub fn read<R: BufRead>(input: R, report: Report<'_>) -> Result<Export, Fault> {
    let mut told = 0;
    let export = read_counted(input, &mut |fault| {
        told += 1;
        if told <= FAULTS_MAX {
            report(fault);
        }
    })?;
    if FAULTS_MAX < told {
        let message = format!("{told} faults, of which {FAULTS_MAX} were told: this is no export of a school");
        return Err(Fault::new(0, "TAILLE", message));
    }
    Ok(export)
}

fn read_counted<R: BufRead>(input: R, report: Report<'_>) -> Result<Export, Fault> {
    let mut reader = StrictReader::open_export(input)?;
    let read_content: fn(&mut StrictReader<R>, Report<'_>) -> Result<Content, Fault> = match reader.name() {
        "BEE_ELEVES" => |reader, report| pupils::read(reader, report).map(Content::Pupils),
        "BEE_RESPONSABLES" => |reader, report| people::read(reader, report).map(Content::People),
        "BEE_NOMENCLATURES" => |reader, report| formations::read(reader, report).map(Content::Formations),
        _ => {
            let message = "the root is not BEE_ELEVES, BEE_RESPONSABLES or BEE_NOMENCLATURES: bring an XML export of \
                           SIECLE's base élèves";
            return Err(reader.fault("BALISE", message));
        }
    };
    // VERSION is informative: 1.7 to 3.1 were seen, and differ in what they hold.
    reader.some_attributes([])?;
    reader.enter_read()?;
    let (school, exported_at) = read_head(&mut reader, report)?;
    enter(&mut reader, "DONNEES")?;
    let content = read_content(&mut reader, report)?;
    reader.leave()?;
    reader.leave()?;
    reader.end()?;
    Ok(Export { school, exported_at, content })
}

fn read_head<R: BufRead>(
    reader: &mut StrictReader<R>,
    report: Report<'_>,
) -> Result<(SchoolKey, Option<Civil>), Fault> {
    let line = reader.line();
    if !reader.is_on("PARAMETRES") {
        let message = "PARAMETRES is missing, so that neither school nor year are known: export the file again, whole";
        return Err(reader.fault("BALISE", message));
    }
    let [uai, year, day, stamp] = fields(reader, ["UAJ", "ANNEE_SCOLAIRE", "DATE_EXPORT", "HORODATAGE"])?;
    let missing = |name: &str| Fault::new(line, "BALISE", format!("{name} is missing: export the file again, whole"));
    let uai = uai.ok_or_else(|| missing("UAJ"))?;
    let uai = uai.parse(|text| Uai::parse(text).map_err(|fault| Wrong("UAI", fault.to_string())))?;
    let year = year.ok_or_else(|| missing("ANNEE_SCOLAIRE"))?;
    let year = year.parse(|text| SchoolYear::parse(text).map_err(|fault| Wrong("ANNEE", fault.to_string())))?;
    let day = optional(day, |text| french_date(text).map(|day| day.and_time(Default::default())), report);
    let exported_at = optional(stamp, french_stamp, report).or(day);
    Ok((SchoolKey { uai, year }, exported_at))
}

/// The text of an element, with its line.
struct Field {
    line: u64,
    text: String,
}

impl Field {
    fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Result<T, Fault> {
        parse(&self.text).map_err(|wrong| wrong.at(self.line))
    }
}

/// The value of a field that may be absent; one that cannot be read is told and counts as absent.
fn optional<T>(field: Option<Field>, parse: impl FnOnce(&str) -> Result<T, Wrong>, report: Report<'_>) -> Option<T> {
    match field?.parse(parse) {
        Ok(value) => Some(value),
        Err(fault) => {
            report(fault);
            None
        }
    }
}

/// The texts of those children of the element on which it stands that have one of `names`, by their order; none where one
/// is absent or empty. Other children are passed over. Then it stands behind the element.
fn fields<R: BufRead, const N: usize>(
    reader: &mut StrictReader<R>,
    names: [&str; N],
) -> Result<[Option<Field>; N], Fault> {
    let mut found: [Option<Field>; N] = std::array::from_fn(|_| None);
    reader.some_attributes([])?;
    reader.enter_read()?;
    while reader.on_open() {
        let line = reader.line();
        let slot = names.iter().position(|name| *name == reader.name()).and_then(|nth| found.get_mut(nth));
        let Some(slot) = slot else {
            pass(reader)?;
            continue;
        };
        reader.some_attributes([])?;
        let text = reader.text_read()?.trim();
        if slot.is_some() {
            return Err(Fault::new(line, "BALISE", "an element stands twice: export the file again"));
        }
        *slot = (!text.is_empty()).then(|| Field { line, text: text.to_owned() });
    }
    reader.leave()?;
    Ok(found)
}

/// Goes behind the element on which it stands.
fn pass<R: BufRead>(reader: &mut StrictReader<R>) -> Result<(), Fault> {
    let depth = reader.depth();
    reader.skip(depth)
}

/// Goes into the element `name`.
fn enter<R: BufRead>(reader: &mut StrictReader<R>, name: &str) -> Result<(), Fault> {
    if !reader.is_on(name) {
        return Err(reader.expected(name));
    }
    reader.some_attributes([])?;
    reader.enter_read()
}

/// Reads the rows of the section on which it stands; `left` counts down those that all sections of the kind may have. A
/// row must not fail once it was read to its end: what is wrong with it is then reported, or the next would be passed.
fn section<R: BufRead>(
    reader: &mut StrictReader<R>,
    row_name: &str,
    left: &mut u32,
    report: Report<'_>,
    mut row: impl FnMut(&mut StrictReader<R>, Report<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    reader.some_attributes([])?;
    reader.enter_read()?;
    let mut too_many = None;
    each_row(reader, report, |reader, report| {
        if too_many.is_some() {
            return pass(reader);
        }
        let Some(fewer) = left.checked_sub(1) else {
            too_many = Some(reader.fault("TAILLE", format!("more of {row_name} than any school has")));
            return pass(reader);
        };
        *left = fewer;
        if !reader.is_on(row_name) {
            return Err(reader.expected(row_name));
        }
        row(reader, report)
    })?;
    too_many.map_or(Ok(()), Err)?;
    reader.leave()
}

/// The identifier of the row on which it stands, in an attribute.
fn id_of<R: BufRead>(reader: &mut StrictReader<R>, name: &str) -> Result<i64, Fault> {
    let line = reader.line();
    let [id] = reader.some_attributes([name])?;
    needed(id, name, line, identifier)
}

/// An identifier; some exports write it with leading zeros.
fn identifier(text: &str) -> Result<i64, Wrong> {
    let shaped = (1..=ID_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || Wrong("IDENTIFIANT", "an identifier is a whole number of at most 18 digits".to_owned());
    text.parse().ok().filter(|_| shaped).ok_or_else(wrong)
}

/// A fault of one pupil, who is to be found by `ELEVE_ID`.
fn of_pupil(pupil: PupilId, fault: Fault) -> Fault {
    Fault { message: format!("ELEVE_ID {pupil}: {}", fault.message), ..fault }
}

/// A name. UTF-8 that is read as ISO-8859-15 shows by a letter that no name has before another outside ASCII.
fn name(text: &str) -> Result<Private<String>, Wrong> {
    let misread = text.split(['Ã', 'Å']).skip(1).any(|after| after.chars().next().is_some_and(|char| !char.is_ascii()));
    if misread {
        return Err(Wrong("ENCODAGE", "the file was saved in UTF-8 and says another encoding".to_owned()));
    }
    Ok(spaced(text))
}

/// `JJ/MM/AAAA`.
fn french_date(text: &str) -> Result<Date, Wrong> {
    let day = shaped(text, "00/00/0000").then(|| Date::parse_from_str(text, "%d/%m/%Y").ok()).flatten();
    day.ok_or(Wrong("DATE", "not a day such as 28/05/2020".to_owned()))
}

/// `JJ/MM/AAAA HH:MM:SS`, without a zone.
fn french_stamp(text: &str) -> Result<Civil, Wrong> {
    let at = shaped(text, "00/00/0000 00:00:00").then(|| Civil::parse_from_str(text, "%d/%m/%Y %H:%M:%S").ok());
    at.flatten().ok_or(Wrong("DATE", "not a moment such as 28/05/2020 18:05:00".to_owned()))
}

/// Whether digits stand where the shape has zeros, and all else is as it has it.
fn shaped(text: &str, shape: &str) -> bool {
    let fits = |(own, byte): (u8, u8)| own == byte || own == b'0' && byte.is_ascii_digit();
    text.len() == shape.len() && shape.bytes().zip(text.bytes()).all(fits)
}
