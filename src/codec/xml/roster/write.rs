//! Exports as SIECLE writes them, for the synthetic schools of the stand-ins: the shape of the real ones, ISO-8859-15, and
//! nobody in them exists.

use crate::codec::xml::write::XmlWriter;
use crate::domain::{
    lot::Encoding,
    pupil::Pupil,
    roster::RosterPupil,
    school::SchoolKey,
    time::{Civil, Date},
};

/// `DATE_FERMETURE` of what is open.
const OPEN: &str = "31/12/9999";

/// A formation of a nomenclature.
#[derive(Clone, Copy, Debug)]
pub struct MefRow {
    /// Eleven digits.
    pub code: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Eleven digits.
    pub mefstat: &'static str,
    /// Its last day; none while it is open.
    pub closes: Option<Date>,
}

/// `ElevesSansAdresses.xml`.
pub fn pupils(school: SchoolKey, at: Civil, pupils: &[RosterPupil]) -> Vec<u8> {
    document("BEE_ELEVES", "3.0", school, at, |xml| {
        xml.markup("    <ELEVES>\n");
        pupils.iter().for_each(|pupil| write_pupil(xml, pupil));
        xml.markup("    </ELEVES>\n    <STRUCTURES>\n");
        for RosterPupil { id, division, .. } in pupils {
            // A pupil in no class has no STRUCTURES_ELEVE at all.
            if let Some(division) = division {
                xml.markup("      <STRUCTURES_ELEVE ELEVE_ID=\"").number(id.0).markup("\">\n        <STRUCTURE>");
                leaf(xml, "CODE_STRUCTURE", division.as_str());
                leaf(xml, "TYPE_STRUCTURE", "D");
                xml.markup("</STRUCTURE>\n      </STRUCTURES_ELEVE>\n").end_row();
            }
        }
        xml.markup("    </STRUCTURES>\n");
    })
}

fn write_pupil(xml: &mut XmlWriter<&mut Vec<u8>>, pupil: &RosterPupil) {
    const LOCAL_NUMBERS: i64 = 100_000;
    let local = format!("{:05}", pupil.id.0.rem_euclid(LOCAL_NUMBERS));
    xml.markup("      <ELEVE ELEVE_ID=\"").number(pupil.id.0).markup("\" ELENOET=\"").markup(&local).markup("\">\n");
    xml.markup("        ");
    if let Some(ine) = pupil.ines.first() {
        leaf(xml, "ID_NATIONAL", ine.as_str());
    }
    if let Some(ine) = pupil.ines.get(1) {
        leaf(xml, "INE_RNIE", ine.as_str());
    }
    leaf(xml, "ELENOET", &local);
    leaf(xml, "NOM_DE_FAMILLE", pupil.last_name.reveal());
    leaf(xml, "NOM_USAGE", "");
    leaf(xml, "PRENOM", pupil.first_name.reveal());
    for (name, day) in [("DATE_ENTREE", pupil.entered_on), ("DATE_SORTIE", pupil.left_on)] {
        if let Some(day) = day {
            leaf(xml, name, &french(day));
        }
    }
    if let Some(mef) = &pupil.mef {
        leaf(xml, "CODE_MEF", mef.as_str());
    }
    leaf(xml, "CODE_STATUT", "ST");
    xml.markup("\n        <SCOLARITE_AN_DERNIER>");
    leaf(xml, "CODE_MEF", "10210001110");
    xml.markup("</SCOLARITE_AN_DERNIER>\n      </ELEVE>\n").end_row();
}

/// `ResponsablesAvecAdresses.xml`: every representative is of level 1, as it is where both parents are.
pub fn people(school: SchoolKey, at: Civil, pupils: &[Pupil]) -> Vec<u8> {
    let representatives =
        || pupils.iter().flat_map(|pupil| pupil.representatives.iter().map(move |one| (pupil.id, one)));
    document("BEE_RESPONSABLES", "2.1", school, at, |xml| {
        xml.markup("    <PERSONNES>\n");
        for (_, one) in representatives() {
            xml.markup("      <PERSONNE PERSONNE_ID=\"").number(one.id.0).markup("\">");
            leaf(xml, "LC_CIVILITE", one.title.reveal());
            leaf(xml, "NOM_DE_FAMILLE", one.last_name.reveal());
            leaf(xml, "PRENOM", one.first_name.reveal());
            if let Some(email) = &one.email {
                leaf(xml, "MEL", email.reveal());
            }
            xml.markup("</PERSONNE>\n").end_row();
        }
        xml.markup("    </PERSONNES>\n    <RESPONSABLES>\n");
        for (pupil, one) in representatives() {
            xml.markup("      <RESPONSABLE_ELEVE>");
            leaf(xml, "ELEVE_ID", &pupil.to_string());
            leaf(xml, "PERSONNE_ID", &one.id.to_string());
            leaf(xml, "NIVEAU_RESPONSABILITE", "1");
            xml.markup("</RESPONSABLE_ELEVE>\n").end_row();
        }
        xml.markup("    </RESPONSABLES>\n");
    })
}

/// `Nomenclature.xml`.
pub fn nomenclature(school: SchoolKey, at: Civil, rows: &[MefRow]) -> Vec<u8> {
    document("BEE_NOMENCLATURES", "3.1", school, at, |xml| {
        xml.markup("    <MEFS>\n");
        for row in rows {
            xml.markup("      <MEF CODE_MEF=\"").markup(row.code).markup("\">");
            leaf(xml, "FORMATION", row.label);
            leaf(xml, "LIBELLE_LONG", row.label);
            leaf(xml, "CODE_MEFSTAT", row.mefstat);
            leaf(xml, "DATE_FERMETURE", &row.closes.map_or_else(|| OPEN.to_owned(), french));
            xml.markup("</MEF>\n").end_row();
        }
        xml.markup("    </MEFS>\n");
    })
}

fn document(
    root: &str,
    version: &str,
    SchoolKey { uai, year }: SchoolKey,
    at: Civil,
    content: impl FnOnce(&mut XmlWriter<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut xml = XmlWriter::new(&mut bytes, Encoding::Latin9, uai.zone());
    xml.markup("<").markup(root).markup(" VERSION=\"").markup(version).markup("\">\n  <PARAMETRES>\n    ");
    leaf(&mut xml, "UAJ", uai.as_str());
    leaf(&mut xml, "ANNEE_SCOLAIRE", &year.to_string());
    leaf(&mut xml, "DATE_EXPORT", &french(at.date()));
    leaf(&mut xml, "HORODATAGE", &at.format("%d/%m/%Y %H:%M:%S").to_string());
    xml.markup("\n  </PARAMETRES>\n  <DONNEES>\n");
    content(&mut xml);
    xml.markup("  </DONNEES>\n</").markup(root).markup(">\n");
    match xml.finish() {
        // A vector takes whatever it is given.
        Ok(()) | Err(_) => bytes,
    }
}

fn leaf(xml: &mut XmlWriter<&mut Vec<u8>>, name: &str, text: &str) {
    xml.markup("<").markup(name).markup(">").text(text).markup("</").markup(name).markup(">");
}

fn french(day: Date) -> String {
    day.format("%d/%m/%Y").to_string()
}
