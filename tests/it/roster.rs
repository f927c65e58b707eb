//! SIECLE's own exports seen from outside: files with defects, what is said beside the téléservice, what is refused, and
//! that nothing follows from them.

use crate::stand::{Stand, UAI, hours, key, row};
use assert_cmd::Command;
use navette::{
    codec::xml::roster::read_file,
    domain::{
        event::RawChoice,
        pupil::{Pupil, PupilId, RepresentativeId},
        roster::RosterPupil,
        school::{SchoolKey, SchoolYear, Uai},
        time::{Civil, Date, Zone},
    },
    sandbox::{exports, hold},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

const FIXTURES: &str = "fixtures/files/base-eleves";

/// A defective file is named `CODE-what-is-wrong`, for the first fault that it must get.
#[test]
fn files_get_the_code_that_they_are_named_for() {
    let mut seen = (0, 0);
    for entry in fs::read_dir(FIXTURES).unwrap() {
        let path = entry.unwrap().path();
        let mut codes = Vec::new();
        if let Err(fault) = read_file(File::open(&path).unwrap(), &mut |fault| codes.push(fault.code)) {
            codes.push(fault.code);
        }
        let named = path.file_name().unwrap().to_str().unwrap().split('-').next().unwrap();
        match codes.first() {
            None => assert_eq!(named, "right", "{}", path.display()),
            Some(code) => assert_eq!(named, *code, "{}", path.display()),
        }
        if codes.is_empty() { seen.0 += 1 } else { seen.1 += 1 }
    }
    assert!(8 < seen.0 && 25 < seen.1, "{seen:?}");
}

#[test]
fn files_can_be_checked_on_any_machine() {
    let check = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env_remove("NAVETTE_CONFIG").args(["roster", "check", &format!("{FIXTURES}/{name}")]);
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (exit, text) = check("right-eleves-mac.zip");
    assert_eq!(
        (exit, text.as_str()),
        (0, format!("{FIXTURES}/right-eleves-mac.zip: pupils of 0380001V-2019\n").as_str())
    );
    let (exit, text) = check("MEF-missing.xml");
    assert_eq!(exit, 3);
    assert!(text.starts_with(&format!("{FIXTURES}/MEF-missing.xml:11:MEF:ELEVE_ID 100: ")), "{text}");
    assert_eq!(check("absent.xml"), (2, String::new()));
    assert_eq!(check(""), (2, String::new()));
}

/// A school of four, open and read, of whom the first has entered.
fn read() -> Stand {
    let stand = Stand::new();
    stand.switch(!bool::default(), -48);
    stand.validate(1, -40);
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 0);
    stand
}

fn today() -> Date {
    hours(0).date_in(Zone::Europe__Paris)
}

fn morning() -> Civil {
    today().and_hms_opt(7, 30, 0).unwrap()
}

fn pupils(stand: &Stand) -> Vec<Pupil> {
    let teleservice = hold(&stand.teleservice);
    teleservice.school(key().school).unwrap().pupils.values().map(|one| one.pupil.clone()).collect()
}

/// Writes the exports of a school and year into the stand's folder.
fn export(stand: &Stand, school: SchoolKey, enrolled: &[RosterPupil]) -> Vec<String> {
    let write = |(name, bytes): (&str, Vec<u8>)| {
        let path = stand.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    exports::exports(school, &pupils(stand), enrolled, morning()).unwrap().into_iter().map(write).collect()
}

fn with<'a>(action: &'a str, files: &'a [String]) -> Vec<&'a str> {
    ["roster", action].into_iter().chain(files.iter().map(String::as_str)).collect()
}

fn roster(stand: &Stand) -> Value {
    stand.json(&["status", UAI])["schools"][0]["roster"].clone()
}

#[test]
fn a_school_that_agrees_has_no_difference() {
    let stand = read();
    let files = export(&stand, key().school, &exports::enrolled(&pupils(&stand)));
    let (exit, text) = stand.run(&with("check", &files));
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("pupils 4 of 3E: 0 differences"), "{text}");
}

#[test]
fn what_differs_is_named_to_be_found_and_counted_where_nobody_is_named() {
    let stand = read();
    let files = export(&stand, key().school, &exports::enrolled_with_differences(&pupils(&stand), today()));
    let found = |action: &str| {
        let said = stand.json(&with(action, &files));
        let rows = said["schools"][0]["differences"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| (row["pupil"].as_i64().unwrap(), row["code"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let expected: Vec<(i64, String)> =
        [(3, "other_division"), (2, "left"), (5, "unknown")].map(|(id, code)| (id, code.to_owned())).into();
    assert_eq!(found("check"), expected);
    assert_eq!(roster(&stand), Value::Null, "a check leaves nothing behind");
    let (exit, text) = stand.run(&with("load", &files));
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("5 NOUVELLE-VENUE Œnone: not known to the téléservice"), "{text}");
    let counted = roster(&stand);
    let counts = |unknown: u32| json!({ "unknown": unknown, "left": 1, "other_division": 1, "other_ine": 0, "other_representatives": 0 });
    assert_eq!(counted["counts"], counts(1), "{counted}");
    assert_eq!(
        (&counted["divisions"][0]["division"], &counted["divisions"][1]["division"]),
        (&Value::Null, &json!("3 A"))
    );
    // R07 is apart: three families known to the téléservice have entered nothing.
    let (_, text) = stand.run(&["status", UAI]);
    assert!(text.contains("without entry 3 (3 A 3) · unknown to the téléservice 1 (3 A 1)"), "{text}");
    assert!(!text.contains("NOUVELLE"), "{text}");
    // Absence is no instruction: who left is still sent, and nothing was locked or closed.
    let (exit, text) = stand.run(&["resync", UAI, "--changed"]);
    assert_eq!((exit, text.starts_with(&format!("{UAI}-2026: nothing:"))), (0, true), "{text}");
    let (_, shown) = stand.run(&["roster", "show", UAI]);
    assert!(shown.contains("2 ") && shown.contains("left on"), "{shown}");
    let mut newcomer = pupils(&stand)[0].clone();
    newcomer.id = PupilId(5);
    hold(&stand.teleservice).arrive(key().school, newcomer, hours(0));
    assert_eq!(stand.run(&["run"]).0, 0);
    assert_eq!(roster(&stand)["counts"], counts(0), "counts follow the feed");
}

#[test]
fn another_year_or_school_is_refused_by_name_and_the_rest_is_taken() {
    let stand = read();
    let enrolled = exports::enrolled(&pupils(&stand));
    let next_year = SchoolKey { year: SchoolYear::new(2027).unwrap(), ..key().school };
    let elsewhere = SchoolKey { uai: Uai::parse("0380001V").unwrap(), ..key().school };
    for (school, expected) in [
        (next_year, ":0:ANNEE:of the school year 2027, and 0990001N is served for 2026"),
        (elsewhere, ":0:ETABLISSEMENT:of 0380001V, a school that is not served here"),
    ] {
        let files = export(&stand, school, &enrolled);
        let (exit, text) = stand.run(&with("load", &files));
        assert_eq!((exit, text.matches(expected).count()), (3, 3), "{text}");
        assert_eq!(roster(&stand), Value::Null);
    }
    let files = export(&stand, key().school, &enrolled);
    let twice = [files.as_slice(), &files[..1]].concat();
    let said = stand.json(&with("load", &twice));
    assert_eq!(said["files"][3]["faults"][0]["code"], "DOUBLON", "{said}");
    assert_eq!((&said["files"][0]["taken"], &said["schools"][0]["differences"]), (&json!(true), &json!([])));
}

/// A choice of a formation by its code.
fn asks_for(stand: &Stand, pupil: i64, code: &str) {
    let formation = || Some("Mécanique".to_owned());
    let choice = RawChoice {
        rank: 1,
        track: "2PRO".to_owned(),
        formation: formation(),
        code: Some(code.to_owned()),
        status: Some("ST".to_owned()),
    };
    let (school, phase) = (key().school, key().phase);
    let by = RepresentativeId(2 * pupil - 1);
    hold(&stand.teleservice).validate(school, phase, PupilId(pupil), by, &[choice], hours(-1)).unwrap();
}

#[test]
fn the_schools_nomenclature_feeds_the_warning_mef() {
    let stand = read();
    let files = export(&stand, key().school, &exports::enrolled(&pupils(&stand)));
    assert_eq!(stand.run(&["roster", "load", &files[2]]).0, 0);
    // Open, closed, of the other track, unknown.
    for (pupil, code) in [(1, "24725413110"), (2, "24725499110"), (3, "24022137110"), (4, "24799999910")] {
        asks_for(&stand, pupil, code);
    }
    stand.run(&["run"]);
    let said = stand.json(&["anomalies", "list"]);
    let rows = said.as_array().or(said["anomalies"].as_array()).unwrap();
    let codes: Vec<&str> = rows.iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["MEF"; 3], "{said}");
}

#[test]
fn the_sandbox_writes_exports_with_something_to_find() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("far"), folder.path().join("out"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env("NAVETTE_CONFIG", out.join("navette.toml")).env("NAVETTE_LOG", "off");
        let output = command.args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let far = ["sandbox", "--transport", "directory", "--path", path.to_str().unwrap(), "--out", out.to_str().unwrap()];
    assert_eq!(run(&[far.as_slice(), &["--pupils", "60"]].concat()).0, 0);
    assert_eq!(run(&["calendar", "load", out.join("calendrier.csv").to_str().unwrap()]).0, 0);
    assert_eq!(run(&["run"]).0, 0);
    let mut files: Vec<PathBuf> =
        fs::read_dir(out.join("base-eleves").join(UAI)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files: Vec<String> = files.iter().map(|path: &PathBuf| Path::to_str(path).unwrap().to_owned()).collect();
    let (exit, text) = run(&with("check", &files));
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("pupils 61 of 3E: 4 differences"), "{text}");
}
