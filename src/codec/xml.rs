//! The three XML documents of the exchange, and SIECLE's own exports: their readers and writers stream, and share what
//! is in this file and in `xml::write`.

pub mod demands;
pub mod receipts;
pub mod responses;
pub mod roster;
pub mod write;

use crate::codec::{
    Fault, Report,
    encoding::CONTROL,
    envelope::{A_CONTROL, has_control, one_spaced},
    strict::StrictReader,
};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    lot::{LotCounts, NUMBER_MAX},
    pupil::{Division, Ine, Private, PupilId, RepresentativeId},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Date, Timestamp, parse_date},
};
use std::{io::BufRead, str::FromStr};

/// Identifiers have at most this many digits, so that they fit 64 bits; the schemas say the same.
const ID_DIGITS_MAX: usize = 18;
/// The one version of the exchange.
const VERSION: &str = "1.0";

/// What every `PARAMETRES` begins with.
#[derive(Clone, Copy, Debug)]
struct Head {
    key: CampaignKey,
    number: u32,
    stamped_at: Timestamp,
    line: u64,
}

/// Opens a document and goes into its root, up to `PARAMETRES`.
fn open<R: BufRead>(input: R, root: &str) -> Result<StrictReader<R>, Fault> {
    let mut reader = StrictReader::open(input)?;
    if !reader.is_on(root) {
        let message = format!("the root is not {root}: the file is named for another document than it holds");
        return Err(reader.fault("BALISE", message));
    }
    let [version] = reader.attributes(["VERSION"])?;
    if version != Some(VERSION) {
        return Err(reader.fault("VERSION", "only version 1.0 of the exchange is read: look at VERSION on the root"));
    }
    reader.enter_read()?;
    Ok(reader)
}

/// Reads what every `PARAMETRES` begins with, and stands behind `LOGICIEL`.
fn read_head<R: BufRead>(reader: &mut StrictReader<R>) -> Result<Head, Fault> {
    reader.enter("PARAMETRES")?;
    let line = reader.line();
    let uai = element(reader, "UAJ", |text| Uai::parse(text).map_err(|fault| Wrong("UAI", fault.to_string())))?;
    let year = element(reader, "ANNEE_SCOLAIRE", |text| {
        SchoolYear::parse(text).map_err(|fault| Wrong("ANNEE", fault.to_string()))
    })?;
    let level = element(reader, "PALIER", |text| {
        Level::of_code(text).ok_or(Wrong("PALIER", "PALIER is 3E or 2GT".to_owned()))
    })?;
    let phase = element(reader, "PHASE", |text| {
        Phase::of_code(text).ok_or(Wrong("PHASE", "PHASE is PROVISOIRE or DEFINITIVE".to_owned()))
    })?;
    let number = element(reader, "NUM_ENVOI", |text| match whole(text) {
        Some(number) if (1..=NUMBER_MAX).contains(&number) => Ok(number),
        Some(_) | None => Err(Wrong("NUM_ENVOI", "NUM_ENVOI is 1 to 99999".to_owned())),
    })?;
    let stamped_at = element(reader, "HORODATAGE", instant)?;
    element(reader, "LOGICIEL", |text| filled(text).map(drop))?;
    Ok(Head { key: CampaignKey { school: SchoolKey { uai, year }, level, phase }, number, stamped_at, line })
}

/// Reads the four counts of a lot.
fn read_counts<R: BufRead>(reader: &mut StrictReader<R>) -> Result<LotCounts, Fault> {
    let mut count = |name| {
        element(reader, name, |text| whole(text).ok_or_else(|| Wrong("NOMBRE", format!("{name} is a whole number"))))
    };
    let demands = count("NB_DEMANDES")?;
    let without_entry = count("NB_SANS_SAISIE")?;
    let acknowledgements = count("NB_ACCUSES")?;
    Ok(LotCounts { demands, without_entry, acknowledgements, replies: count("NB_REPONSES_FAMILLE")? })
}

/// Reads elements while there are some. One that cannot be read is reported and passed, so that all faults are told.
fn each_row<R: BufRead>(
    reader: &mut StrictReader<R>,
    report: Report<'_>,
    mut row: impl FnMut(&mut StrictReader<R>, Report<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let depth = reader.depth();
    while reader.on_open() {
        match row(reader, &mut *report) {
            Ok(()) => (),
            Err(fault) if reader.is_broken() => return Err(fault),
            Err(fault) => {
                report(fault);
                reader.skip(depth)?;
            }
        }
    }
    Ok(())
}

/// What is wrong with one value: code and words, without the value.
struct Wrong(&'static str, String);

impl Wrong {
    fn at(self, line: u64) -> Fault {
        Fault::new(line, self.0, format!("{}: correct it where it was entered, and export it again", self.1))
    }
}

/// The value of the element `name`.
fn element<R: BufRead, T>(
    reader: &mut StrictReader<R>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Result<T, Fault> {
    let line = reader.line();
    parse(reader.text_of(name)?).map_err(|wrong| wrong.at(line))
}

/// The value of an attribute that must be there.
fn needed<T>(
    value: Option<&str>,
    name: &str,
    line: u64,
    parse: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Result<T, Fault> {
    let value =
        value.ok_or_else(|| Fault::new(line, "ATTRIBUT", format!("{name} is missing: export the file again")))?;
    parse(value).map_err(|wrong| wrong.at(line))
}

/// The value of an attribute that may be absent.
fn optional<T>(
    value: Option<&str>,
    line: u64,
    parse: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Result<Option<T>, Fault> {
    value.map(parse).transpose().map_err(|wrong| wrong.at(line))
}

/// A whole number as it is written: digits without sign or leading zeros.
fn whole<T: FromStr>(text: &str) -> Option<T> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = canonical && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A whole number from 1: a version or a rank.
fn counted(text: &str) -> Result<u32, Wrong> {
    whole(text)
        .filter(|number| 0 < *number)
        .ok_or(Wrong("NOMBRE", "a version or rank is a whole number from 1".to_owned()))
}

fn identifier(text: &str) -> Result<i64, Wrong> {
    let short = text.len() <= ID_DIGITS_MAX;
    whole(text)
        .filter(|_| short)
        .ok_or(Wrong("IDENTIFIANT", "an identifier is a whole number of at most 18 digits".to_owned()))
}

fn pupil_id(text: &str) -> Result<PupilId, Wrong> {
    identifier(text).map(PupilId)
}

fn representative_id(text: &str) -> Result<RepresentativeId, Wrong> {
    identifier(text).map(RepresentativeId)
}

fn ine(text: &str) -> Result<Ine, Wrong> {
    Ine::parse(text).map_err(|fault| Wrong("INE", fault.to_string()))
}

fn division(text: &str) -> Result<Division, Wrong> {
    Division::parse(text).map_err(|fault| Wrong("DIVISION", fault.to_string()))
}

fn instant(text: &str) -> Result<Timestamp, Wrong> {
    let wrong = |fault: &dyn std::fmt::Display| Wrong("INSTANT", fault.to_string());
    // XML Schema knows no other minus sign than ASCII's.
    if text.is_ascii() { Timestamp::parse(text).map_err(|fault| wrong(&fault)) } else { Err(wrong(&"not an instant")) }
}

fn date(text: &str) -> Result<Date, Wrong> {
    const SHAPE: &[u8; 10] = b"0000-00-00";
    let shaped =
        SHAPE.iter().zip(text.bytes()).all(|(shape, byte)| byte == *shape || (*shape == b'0' && byte.is_ascii_digit()));
    let wrong = || Wrong("DATE", "not a date such as 2020-05-28".to_owned());
    if shaped { parse_date(text).map_err(|_| wrong()) } else { Err(wrong()) }
}

/// A text field: white space is made one, ends are trimmed (siecle.md, common rules).
fn spaced(text: &str) -> Private<String> {
    Private::new(one_spaced(text).into_owned())
}

/// A text field without control characters.
fn text_field(text: &str) -> Result<Private<String>, Wrong> {
    clean(text).map(Private::new)
}

fn clean(text: &str) -> Result<String, Wrong> {
    let text = one_spaced(text);
    if has_control(&text) { Err(Wrong(CONTROL, A_CONTROL.to_owned())) } else { Ok(text.into_owned()) }
}

fn filled(text: &str) -> Result<String, Wrong> {
    let text = clean(text)?;
    if text.is_empty() { Err(Wrong("TEXTE", "a text is missing".to_owned())) } else { Ok(text) }
}

/// `O` or `N`.
fn yes_or_no(text: &str) -> Result<bool, Wrong> {
    match text {
        "O" => Ok(true),
        "N" => Ok(false),
        _ => Err(Wrong("VALEUR", "only O (oui) or N (non) may stand here".to_owned())),
    }
}

/// Says that a count was declared otherwise than found.
fn compare_count(name: &str, declared: u32, found: u32, line: u64, report: Report<'_>) {
    if declared != found {
        let message =
            format!("{name} declares {declared}, the file holds {found}: it was cut or edited; ask for it again");
        report(Fault::new(line, "NOMBRE", message));
    }
}
