//! SIECLE's own exports: what is read of them, and one defect a case. Files with defects lie in `fixtures/`.

use crate::check::nomenclature::{Class, Mef, Nomenclature};
use crate::codec::{
    Fault,
    xml::roster::{Content, Export, read, read_file, write},
};
use crate::domain::{
    pupil::PupilId,
    roster::{RosterPeople, RosterPupil},
    school::Level,
    time::{Civil, parse_date},
    track::{MefCode, Track},
};
use proptest::prelude::*;
use rstest::rstest;
use std::io::Cursor;

const PUPILS: &str = include_str!("../../../fixtures/files/base-eleves/right-eleves-3.0.xml");
const PEOPLE: &str = include_str!("../../../fixtures/files/base-eleves/right-responsables-2.1.xml");
const FORMATIONS: &str = include_str!("../../../fixtures/files/base-eleves/right-nomenclature-3.1.xml");

fn outcome(bytes: &[u8]) -> (Option<Export>, Vec<Fault>) {
    let mut faults = Vec::new();
    let export = read_file(Cursor::new(bytes), &mut |fault| faults.push(fault));
    let export = export.map_err(|fault| faults.push(fault)).ok();
    (export, faults)
}

fn right(bytes: &[u8]) -> Export {
    let (export, faults) = outcome(bytes);
    assert_eq!(faults, []);
    export.unwrap()
}

fn pupils(bytes: &[u8]) -> Vec<RosterPupil> {
    match right(bytes).content {
        Content::Pupils(pupils) => pupils,
        other @ (Content::People(_) | Content::Formations(_)) => panic!("{other:?}"),
    }
}

fn people(bytes: &[u8]) -> RosterPeople {
    match right(bytes).content {
        Content::People(people) => people,
        other @ (Content::Pupils(_) | Content::Formations(_)) => panic!("{other:?}"),
    }
}

/// A pupil, in short: number, class, formation, name, INE, entered, left.
fn short(pupil: &RosterPupil) -> String {
    let ines: Vec<&str> = pupil.ines.iter().map(|ine| ine.as_str()).collect();
    let day = |day: Option<crate::domain::time::Date>| day.map(|day| day.to_string()).unwrap_or_default();
    format!(
        "{} {} {} {} {} {} {} {}",
        pupil.id,
        pupil.division.as_ref().map_or("-", |division| division.as_str()),
        pupil.mef.as_ref().map_or("-", |mef| mef.as_str()),
        pupil.last_name.reveal(),
        pupil.first_name.reveal(),
        ines.join("+"),
        day(pupil.entered_on),
        day(pupil.left_on)
    )
}

const SHORT: [&str; 3] = [
    "100 3 A 10310019110 CŒURDOUX Zoé 123456789AB 2019-09-02 ",
    "101 3 B 10310019110 D'AULNOY Noé 1234567890H+987654321CD  2020-05-10",
    "102 - 20010018110 URVOASSON Élise   ",
];

#[rstest]
#[case::version_3(PUPILS.as_bytes())]
#[case::with_addresses(include_bytes!("../../../fixtures/files/base-eleves/right-eleves-avec-adresses-2.1.xml"))]
#[case::latin9(include_bytes!("../../../fixtures/files/base-eleves/right-eleves-latin9.xml"))]
#[case::windows(include_bytes!("../../../fixtures/files/base-eleves/right-eleves-windows-1252.xml"))]
#[case::edited_on_windows(include_bytes!("../../../fixtures/files/base-eleves/right-eleves-edited-on-windows.xml"))]
#[case::zipped_on_a_mac(include_bytes!("../../../fixtures/files/base-eleves/right-eleves-mac.zip"))]
fn pupils_are_read_whatever_the_version_and_encoding(#[case] bytes: &[u8]) {
    let read = right(bytes);
    assert_eq!(read.school.to_string(), "0380001V-2019");
    assert_eq!(read.exported_at.map(|at: Civil| at.to_string()).as_deref(), Some("2020-05-12 08:12:44"));
    assert_eq!(pupils(bytes).iter().map(short).collect::<Vec<_>>(), SHORT);
}

#[test]
fn an_old_export_has_other_names_another_order_and_padded_numbers() {
    let bytes = include_bytes!("../../../fixtures/files/base-eleves/right-eleves-1.7.xml");
    assert_eq!(pupils(bytes).iter().map(short).collect::<Vec<_>>(), ["100 3 A 10310019110 LÉGER Noé 1234567890H  "]);
    assert_eq!(right(bytes).exported_at, None);
}

#[rstest]
#[case(PEOPLE)]
#[case(include_str!("../../../fixtures/files/base-eleves/right-responsables-resp-legal.xml"))]
fn two_legal_representatives_of_level_1_and_no_other_contact(#[case] text: &str) {
    let people = people(text.as_bytes());
    assert_eq!(people.keys().collect::<Vec<_>>(), [&PupilId(100)]);
    let names =
        people[&PupilId(100)].iter().map(|one| (one.last_name.reveal().as_str(), one.first_name.reveal().as_str()));
    assert_eq!(names.collect::<Vec<_>>(), [("CŒURDOUX", "Ada"), ("L'HAŸ", "Loïc")]);
}

#[test]
fn formations_have_their_class_and_their_end() {
    let on = |day: &str| Some(parse_date(day).unwrap());
    let mef = |code: &str, class, closes| (MefCode::parse(code).unwrap(), Mef { class: Some(class), closes });
    let expected = Nomenclature::new([
        mef("10310019110", Class::Level(Level::Troisieme), on("9999-12-31")),
        mef("16610002110", Class::Level(Level::Troisieme), on("9999-12-31")),
        mef("24022137110", Class::Track(Track::Cap), on("2019-08-31")),
    ]);
    assert_eq!(right(FORMATIONS.as_bytes()).content, Content::Formations(expected));
}

/// The codes that a right file gets after one edit, and whether the rest was read all the same.
#[rstest]
#[case::ine_of_no_shape(PUPILS, "<ID_NATIONAL>123456789AB", "<ID_NATIONAL>00000000124", &["INE"], true)]
#[case::empty_is_absent(PUPILS, "<ID_NATIONAL>123456789AB", "<ID_NATIONAL>", &[], true)]
#[case::lower_case(PUPILS, "<ID_NATIONAL>123456789AB", "<ID_NATIONAL>123456789ab", &[], true)]
#[case::no_day(PUPILS, "<DATE_SORTIE>10/05/2020", "<DATE_SORTIE>31/02/2020", &["DATE"], true)]
#[case::spaced_class(PUPILS, "<CODE_STRUCTURE>3 B<", "<CODE_STRUCTURE> 3 B <", &[], true)]
#[case::same_class_twice(PUPILS, "3LATIN</CODE_STRUCTURE><TYPE_STRUCTURE>G", "3 A</CODE_STRUCTURE><TYPE_STRUCTURE>D", &[], true)]
#[case::row_of_another_name(PUPILS, "<ELEVE ELEVE_ID=\"102\">", "<AUTRE/><ELEVE ELEVE_ID=\"102\">", &["BALISE"], true)]
#[case::element_in_a_text(PUPILS, "<PRENOM>Zoé", "<PRENOM><B>Zoé</B>", &["BALISE", "INCONNU"], true)]
#[case::other_version(PUPILS, "VERSION=\"3.0\"", "VERSION=\"17\"", &[], true)]
#[case::no_version(PUPILS, " VERSION=\"3.0\"", "", &[], true)]
#[case::unknown_attribute(PUPILS, "ELENOET=\"00100\">", "ELENOET=\"00100\" NOUVEAU=\"1\">", &[], true)]
#[case::attribute_twice(PUPILS, "ELENOET=\"00100\">", "ELEVE_ID=\"100\">", &["XML", "INCONNU"], true)]
#[case::unknown_element(PUPILS, "<PRENOM>Zoé", "<NOUVEAU><A B=\"c\">d</A></NOUVEAU><PRENOM>Zoé", &[], true)]
#[case::more_behind(PUPILS, "  </DONNEES>", "  </DONNEES><DONNEES/>", &["BALISE"], false)]
#[case::text_between(PUPILS, "<ELEVES>", "<ELEVES>x", &["TEXTE"], false)]
#[case::parameters_last(PUPILS, "  <PARAMETRES>", "  <DONNEES/><PARAMETRES>", &["BALISE"], false)]
#[case::no_person(PEOPLE, "<PERSONNE_ID>7</PERSONNE_ID>", "", &["BALISE"], true)]
#[case::no_pupil(PEOPLE, "<ELEVE_ID>100</ELEVE_ID>", "", &["BALISE"], true)]
#[case::said_twice(PEOPLE, "<PERSONNE_ID>8</PERSONNE_ID>", "<PERSONNE_ID>7</PERSONNE_ID>", &[], true)]
#[case::date_of_a_formation(FORMATIONS, "31/12/9999", "jamais", &["DATE"], true)]
fn edits(#[case] file: &str, #[case] from: &str, #[case] to: &str, #[case] codes: &[&str], #[case] is_read: bool) {
    assert!(file.contains(from), "`{from}` is not in\n{file}");
    let (export, faults) = outcome(file.replacen(from, to, 1).as_bytes());
    assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), codes, "{faults:?}");
    assert_eq!(export.is_some(), is_read);
}

#[test]
fn a_fault_has_its_row_and_the_pupil_by_number_and_never_a_name() {
    let wrong = PUPILS.replacen("<CODE_MEF>10310019110", "<CODE_MEF>1031", 1).replacen(
        "<INE_RNIE>987654321CD",
        "<INE_RNIE>x",
        1,
    );
    let (_, faults) = outcome(wrong.as_bytes());
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(said[0].starts_with("20:MEF:ELEVE_ID 100: "), "{said:?}");
    assert!(said[1].starts_with("31:INE:ELEVE_ID 101: "), "{said:?}");
    assert!(!said.concat().contains("URDOUX") && !said.concat().contains("AULNOY"), "{said:?}");
}

#[test]
fn of_a_pupil_who_stands_twice_who_is_there_still_is_taken() {
    let gone = "<ELEVE ELEVE_ID=\"102\"><PRENOM>Avant</PRENOM><DATE_SORTIE>01/12/2019</DATE_SORTIE><CODE_MEF>10310019110</CODE_MEF></ELEVE>";
    for (from, to) in [
        ("<ELEVE ELEVE_ID=\"102\">", format!("{gone}<ELEVE ELEVE_ID=\"102\">")),
        ("</ELEVES>", format!("{gone}</ELEVES>")),
    ] {
        let (export, faults) = outcome(PUPILS.replacen(from, &to, 1).as_bytes());
        assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["DOUBLON"]);
        let Some(Export { content: Content::Pupils(pupils), .. }) = export else { panic!("{faults:?}") };
        assert_eq!(pupils.iter().map(short).collect::<Vec<_>>(), SHORT);
    }
}

/// Many rows of one kind, in a right file.
fn with_rows(at: &str, row: impl Fn(u32) -> String, count: u32) -> Vec<u8> {
    let rows: String = (0..count).map(|nth| row(1_000 + nth)).collect();
    PUPILS.replacen(at, &format!("{at}{rows}"), 1).into_bytes()
}

#[test]
fn memory_is_bounded_by_what_a_school_can_have() {
    let pupil = |id| format!("<ELEVE ELEVE_ID=\"{id}\"><CODE_MEF>10010012110</CODE_MEF></ELEVE>\n");
    let (export, faults) = outcome(&with_rows("<ELEVES>", pupil, 20_000));
    assert_eq!((export, faults.iter().map(|fault| fault.code).collect::<Vec<_>>()), (None, vec!["TAILLE"]));
    let nameless = |_| "<ELEVE/>\n".to_owned();
    let (export, faults) = outcome(&with_rows("<ELEVES>", nameless, 1_001));
    assert_eq!((export, faults.len(), faults.last().map(|fault| fault.code)), (None, 1_001, Some("TAILLE")));
}

#[test]
fn cut_anywhere_it_is_refused() {
    for text in [PUPILS, PEOPLE, FORMATIONS] {
        let end = text.trim_end().len();
        for at in (0..end).step_by(10) {
            let (export, faults) = outcome(&text.as_bytes()[..at]);
            assert!(export.is_none() && !faults.is_empty(), "cut at {at}");
        }
    }
}

#[test]
fn what_the_stand_in_writes_is_read() {
    let known = pupils(PUPILS.as_bytes());
    let Export { school, exported_at, .. } = right(PUPILS.as_bytes());
    assert_eq!(pupils(&write::pupils(school, exported_at.unwrap(), &known)), known);
}

proptest! {
    #[test]
    fn whatever_is_changed_it_ends_with_a_word_and_names_nobody(
        file in 0usize..3,
        changes in proptest::collection::vec((0usize..4_000, any::<u8>()), 1..8),
    ) {
        let mut bytes = [PUPILS, PEOPLE, FORMATIONS][file].as_bytes().to_vec();
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        let mut faults = Vec::new();
        let export = read(bytes.as_slice(), &mut |fault| faults.push(fault)).map_err(|fault| faults.push(fault));
        prop_assert!(export.is_ok() || !faults.is_empty());
        let said: String = faults.iter().map(ToString::to_string).collect();
        prop_assert!(!said.contains("AULNOY") && !said.contains("URVOASSON") && !said.contains("123456789"));
    }
}
