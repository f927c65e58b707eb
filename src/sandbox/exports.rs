//! What the *base élèves* of a synthetic school exports: the files that every school can fetch from SIECLE, in the zips in
//! which they come. The stand-in's Siècle has them from the same pupils that it treats lots with.

use crate::codec::{
    WriteFault, archive,
    xml::roster::write::{self, MefRow},
};
use crate::domain::{
    pupil::{Division, Private, Pupil, PupilId},
    roster::RosterPupil,
    school::{Level, SchoolKey},
    time::{Civil, Date, day_before},
    track::MefCode,
};

/// Formations of the nomenclature: levels, vocational first years by the State's open list, and one that has closed.
const MEFS: [(&str, &str, &str); 7] = [
    ("10010012110", "6EME", "21110010012"),
    ("10310019110", "3EME", "21160010019"),
    ("20010018110", "2NDE GENERALE ET TECHNOLOGIQUE", "22110010018"),
    ("24022137110", "1CAP1 BOULANGER", "23110022137"),
    ("24022141110", "1CAP1 PATISSIER", "23110022141"),
    ("24725413110", "2NDPRO METIERS DE LA MECANIQUE", "23810025413"),
    ("24731204110", "2NDPRO METIERS DE LA RELATION CLIENT", "23810031204"),
];
const CLOSED: (&str, &str, &str) = ("24725499110", "2NDPRO FERMEE", "23810025499");

/// A file of an export: its name, and its bytes.
pub type Export = (&'static str, Vec<u8>);

/// The three exports of a school, each in its zip.
///
/// # Errors
/// When a zip cannot be written.
pub fn exports(
    school: SchoolKey,
    pupils: &[Pupil],
    enrolled: &[RosterPupil],
    at: Civil,
) -> Result<Vec<Export>, WriteFault> {
    let row = |(code, label, mefstat), closes| MefRow { code, label, mefstat, closes };
    let mefs: Vec<MefRow> = MEFS.into_iter().map(|mef| row(mef, None)).chain([row(CLOSED, Some(at.date()))]).collect();
    let pack = |zip, name, bytes: Vec<u8>| Ok((zip, archive::pack(name, &bytes)?));
    Ok(vec![
        pack("ExportXML_ElevesSansAdresses.zip", "ElevesSansAdresses.xml", write::pupils(school, at, enrolled))?,
        pack(
            "ExportXML_ResponsablesAvecAdresses.zip",
            "ResponsablesAvecAdresses.xml",
            write::people(school, at, pupils),
        )?,
        pack("ExportXML_Nomenclature.zip", "Nomenclature.xml", write::nomenclature(school, at, &mefs))?,
    ])
}

/// The pupils as the base élèves has them, when it says the same as the feed.
pub fn enrolled(pupils: &[Pupil]) -> Vec<RosterPupil> {
    pupils.iter().map(as_enrolled).collect()
}

fn as_enrolled(pupil: &Pupil) -> RosterPupil {
    let code = match pupil.level {
        Level::Troisieme => "10310019110",
        Level::SecondeGt => "20010018110",
    };
    RosterPupil {
        id: pupil.id,
        ines: pupil.ine.iter().cloned().collect(),
        mef: MefCode::parse(code).ok(),
        division: Some(pupil.division.clone()),
        last_name: pupil.last_name.clone(),
        first_name: pupil.first_name.clone(),
        entered_on: None,
        left_on: None,
    }
}

/// The pupils as the base élèves has them on a morning when something is to be found: a newcomer whom the téléservice does
/// not know, the first pupil in the last class, the second gone since yesterday, the third in no class.
pub fn enrolled_with_differences(pupils: &[Pupil], today: Date) -> Vec<RosterPupil> {
    let mut enrolled = enrolled(pupils);
    let last: Option<Division> = enrolled.last().and_then(|pupil| pupil.division.clone());
    let next_id = pupils.iter().map(|pupil| pupil.id.0).max().unwrap_or_default() + 1;
    let newcomer = pupils.first().map(|first| RosterPupil {
        id: PupilId(next_id),
        ines: Vec::new(),
        last_name: Private::new("NOUVELLE-VENUE".to_owned()),
        first_name: Private::new("Œnone".to_owned()),
        entered_on: Some(day_before(today)),
        ..as_enrolled(first)
    });
    let mut own = enrolled.iter_mut();
    if let Some(first) = own.next() {
        first.division = last;
    }
    if let Some(second) = own.next() {
        second.left_on = Some(day_before(today));
    }
    if let Some(third) = own.next() {
        third.division = None;
    }
    enrolled.extend(newcomer);
    enrolled
}
