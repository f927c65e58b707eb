//! `BEE_ELEVES`: pupils, and the classes they are in.

use crate::codec::{
    Fault, Report,
    strict::StrictReader,
    xml::{
        Wrong, division, ine,
        roster::{fields, french_date, id_of, name, of_pupil, optional, pass, section},
        spaced,
    },
};
use crate::domain::{
    pupil::{Division, Ine, PupilId},
    roster::RosterPupil,
    track::MefCode,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::BufRead,
};

/// Pupils of one file: the largest schools have some 3 000.
const PUPILS_MAX: u32 = 20_000;
/// `TYPE_STRUCTURE` of a class; groups are of another.
const CLASS: &str = "D";

/// Each pupil with the line on which it stands.
type Found = BTreeMap<PupilId, (u64, RosterPupil)>;
/// Each pupil's class with the line on which it stands.
type Classes = BTreeMap<PupilId, (u64, Division)>;

/// Reads what `DONNEES` holds: `ELEVES` and `STRUCTURES`, in any order.
pub(in crate::codec::xml::roster) fn read<R: BufRead>(
    reader: &mut StrictReader<R>,
    report: Report<'_>,
) -> Result<Vec<RosterPupil>, Fault> {
    let (mut found, mut classes) = (Found::new(), Classes::new());
    let (mut rows_left, mut classes_left) = (PUPILS_MAX, PUPILS_MAX);
    let line = reader.line();
    while reader.on_open() {
        match reader.name() {
            "ELEVES" => section(reader, "ELEVE", &mut rows_left, report, |reader, report| {
                read_pupil(reader, &mut found, report)
            })?,
            "STRUCTURES" => section(reader, "STRUCTURES_ELEVE", &mut classes_left, report, |reader, report| {
                read_classes(reader, &mut classes, report)
            })?,
            _ => pass(reader)?,
        }
    }
    if found.is_empty() {
        // As an empty file never means that all is gone, neither does an empty export.
        return Err(Fault::new(
            line,
            "NOMBRE",
            "no pupil could be read: choose the pupils of the year, and export again",
        ));
    }
    same_ine(&found, report);
    for (id, (line, division)) in classes {
        match found.get_mut(&id) {
            Some((_, pupil)) => pupil.division = Some(division),
            None => report(of_pupil(id, Fault::new(line, "INCONNU", NOBODY))),
        }
    }
    Ok(found.into_values().map(|(_, pupil)| pupil).collect())
}

const NOBODY: &str = "has a class, and is not among ELEVES: export the file again, whole";

fn read_pupil<R: BufRead>(reader: &mut StrictReader<R>, found: &mut Found, report: Report<'_>) -> Result<(), Fault> {
    let line = reader.line();
    let id = PupilId(id_of(reader, "ELEVE_ID")?);
    let names = [
        "ID_NATIONAL",
        "INE_BEA",
        "INE_RNIE",
        "NOM_DE_FAMILLE",
        "NOM",
        "PRENOM",
        "DATE_ENTREE",
        "DATE_SORTIE",
        "CODE_MEF",
    ];
    let [national, bea, rnie, last, old_last, first, entered, left, code] =
        fields(reader, names).map_err(|fault| of_pupil(id, fault))?;
    let report: Report<'_> = &mut |fault| report(of_pupil(id, fault));
    let mut ines: Vec<Ine> = [national, bea, rnie].into_iter().filter_map(|it| optional(it, ine, report)).collect();
    ines.dedup();
    if code.is_none() {
        report(Fault::new(line, "MEF", "CODE_MEF is missing, so that the level is not known: enter the formation"));
    }
    let pupil = RosterPupil {
        id,
        ines,
        mef: optional(code, mef, report),
        division: None,
        last_name: optional(last.or(old_last), name, report).unwrap_or_else(|| spaced("")),
        first_name: optional(first, name, report).unwrap_or_else(|| spaced("")),
        entered_on: optional(entered, french_date, report),
        left_on: optional(left, french_date, report),
    };
    match found.entry(id) {
        Entry::Vacant(free) => {
            free.insert((line, pupil));
        }
        Entry::Occupied(mut taken) => {
            let message = format!("stands twice, first on line {}: who is there still is taken", taken.get().0);
            report(Fault::new(line, "DOUBLON", message));
            let stays = |pupil: &RosterPupil| (pupil.left_on.is_none(), pupil.left_on);
            if stays(&taken.get().1) < stays(&pupil) {
                taken.insert((line, pupil));
            }
        }
    }
    Ok(())
}

fn mef(text: &str) -> Result<MefCode, Wrong> {
    MefCode::parse(text).map_err(|fault| Wrong("MEF", fault.to_string()))
}

/// A pupil's class; of groups there may be any number.
fn read_classes<R: BufRead>(
    reader: &mut StrictReader<R>,
    classes: &mut Classes,
    report: Report<'_>,
) -> Result<(), Fault> {
    let id = PupilId(id_of(reader, "ELEVE_ID")?);
    reader.enter_read()?;
    while reader.on_open() {
        if !reader.is_on("STRUCTURE") {
            pass(reader)?;
            continue;
        }
        let line = reader.line();
        let [code, kind] = fields(reader, ["CODE_STRUCTURE", "TYPE_STRUCTURE"]).map_err(|fault| of_pupil(id, fault))?;
        if kind.is_none_or(|kind| kind.text != CLASS) {
            continue;
        }
        let Some(class) = optional(code, division, &mut |fault| report(of_pupil(id, fault))) else { continue };
        let (_, first) = classes.entry(id).or_insert_with(|| (line, class.clone()));
        if *first != class {
            let message = "is in two classes, of which the first is taken: leave one in SIECLE";
            report(of_pupil(id, Fault::new(line, "DIVISION", message)));
        }
    }
    reader.leave()
}

/// Two pupils who are there and bear one INE are one pupil, entered twice.
fn same_ine(found: &Found, report: Report<'_>) {
    let mut bearers: BTreeMap<&Ine, PupilId> = BTreeMap::new();
    for (id, (line, pupil)) in found.iter().filter(|(_, (_, pupil))| pupil.left_on.is_none()) {
        for ine in &pupil.ines {
            let first = *bearers.entry(ine).or_insert(*id);
            if first != *id {
                let message =
                    format!("bears the INE of ELEVE_ID {first}: the pupil was entered twice; leave one in SIECLE");
                report(of_pupil(*id, Fault::new(*line, "DOUBLON", message)));
            }
        }
    }
}
