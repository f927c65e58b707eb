//! `navette replay` from outside: its lines, its exit codes, its report, goldens and kept files (scenarios.md).

use assert_cmd::Command;
use navette::crash::Point;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const SCENARIO: &str = r#"name = "Une nuit"
school_year = 2019
[[school]]
uai = "0380001V"
level = "3E"
pupil = [{ id = "jules", division = "3 A", representatives = ["martine"] }]
[[campaign]]
uai = "0380001V"
phase = "DEFINITIVE"
opens = "2020-05-04T08:00:00"
closes = "2020-05-25T18:00:00"
councils = { "3 A" = "2020-05-28T16:15:00" }
[[step]]
at = "2020-05-04T09:00:00"
do = "validate_all"
[[step]]
at = "2020-05-05T08:00:00"
do = "expect"
lots = 1
siecle = { jules = 1 }
"#;
/// Where the only lot of the scenario lies.
const LOT: &str = "files/0380001V/2019/demandes/0380001V-2019-DEM-3E-DEFINITIVE-00001.xml";

/// A folder of scenarios, by name and text.
fn folder(scenarios: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in scenarios {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("scenario.toml"), text).unwrap();
    }
    root
}

/// What a replay of the folder says, on both channels, with this exit code.
fn replayed(root: &Path, more: &[&str], code: i32) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
    command.env_remove("NAVETTE_CONFIG").env("NAVETTE_LOG", "error").arg("replay").arg(root).args(more);
    let output = command.assert().code(code).get_output().clone();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn failing() -> String {
    SCENARIO.replace("lots = 1", "lots = 7\nopen = false").replace("jules = 1 }", "jules = 2 }")
}

#[test]
fn a_line_each_and_every_difference_of_one_that_fails() {
    let root = folder(&[("a", SCENARIO), ("b", &failing())]);
    let report = root.path().join("report.json");
    let (said, _) = replayed(root.path(), &["--report", report.to_str().unwrap()], 1);
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let [a, b] = ["a", "b"].map(|name| root.path().join(name).display().to_string());
    let expected = [
        format!("ok     {a} — Une nuit"),
        format!("FAILED {b} — Une nuit"),
        "step 2 (expect): siecle.jules: expected 2, is 1".to_owned(),
        "step 2 (expect): open: expected false, is true".to_owned(),
        "step 2 (expect): lots: expected 7, is 1".to_owned(),
    ];
    assert_eq!(lines, expected);
    let reports: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!((&reports[0]["ok"], &reports[1]["ok"]), (&true.into(), &false.into()));
    assert_eq!(reports[0].get("failures"), None);
    assert_eq!(reports[1]["failures"].as_array().map(Vec::len), Some(3));
    assert_eq!(reports[1]["steps"][1]["outcome"], "FAILED");
    let (json, _) = replayed(root.path(), &["--json"], 1);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), reports);
}

#[test]
fn one_that_cannot_be_read_is_named_and_the_others_are_played() {
    let root = folder(&[("a", &SCENARIO.replace("lots = 1", "lot = 1")), ("b", SCENARIO)]);
    let (said, complained) = replayed(root.path(), &[], 2);
    assert!(said.starts_with("ok     ") && said.lines().count() == 1, "{said}");
    let line = format!("{}:19: step 2: unknown key `lot`", root.path().join("a").join("scenario.toml").display());
    assert!(complained.contains(&line), "{complained}");
    replayed(&root.path().join("nowhere"), &[], 2);
}

#[test]
fn goldens_are_blessed_and_then_compared_byte_by_byte() {
    let root = folder(&[("a", SCENARIO)]);
    let expected = |path: &str| root.path().join("a").join("expected").join(path);
    replayed(root.path(), &["--bless"], 0);
    assert!(expected("report.json").is_file());
    replayed(root.path(), &[], 0);

    let lot = fs::read_to_string(expected(LOT)).unwrap();
    fs::write(expected(LOT), lot.replace("<VOIE>2GT<", "<VOIE>1CAP<")).unwrap();
    fs::write(expected("files/more.txt"), "not produced").unwrap();
    fs::remove_file(expected(&format!("{LOT}.sha256"))).unwrap();
    let (said, _) = replayed(root.path(), &[], 1);
    for line in [
        "-      <CHOIX RANG=\"1\"><VOIE>1CAP</VOIE></CHOIX>",
        "+      <CHOIX RANG=\"1\"><VOIE>2GT</VOIE></CHOIX>",
        "files/more.txt: expected and not produced",
        &format!("{LOT}.sha256: produced and not expected"),
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

#[test]
fn a_failing_scenario_blesses_nothing() {
    let root = folder(&[("a", &failing())]);
    replayed(root.path(), &["--bless"], 1);
    assert!(!root.path().join("a").join("expected").exists());
}

#[test]
fn exchanged_files_are_kept_by_scenario() {
    let (root, kept) = (folder(&[("a", SCENARIO)]), tempfile::tempdir().unwrap());
    replayed(root.path(), &["--keep", kept.path().to_str().unwrap()], 0);
    let kept = |path: &str| -> PathBuf { kept.path().join("a").join(path) };
    for path in [LOT, "files/0380001V/2019/comptes-rendus/0380001V-2019-CR-3E-DEFINITIVE-00001.xml"] {
        assert!(kept(path).is_file() && kept(&format!("{path}.sha256")).is_file(), "{path}");
    }
    // domain.md: exchange files are 0600 in 0700 folders, wherever they lie.
    let modes = [LOT, "files/0380001V/2019/demandes", "files"]
        .map(|path| fs::metadata(kept(path)).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o600, 0o700, 0o700]);
}

#[test]
fn points_and_seeds_are_told_as_one_document_too() {
    let json = |arguments: &[&str]| -> serde_json::Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env_remove("NAVETTE_CONFIG").env("NAVETTE_LOG", "error").arg("--json").args(arguments);
        serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
    };
    let points = json(&["replay", "--points"]);
    assert_eq!(points.as_array().unwrap().len(), Point::ALL.len());
    assert_eq!(points[0], Point::ALL[0].name());
    let played = json(&["replay", "--random", "1", "--from", "4"]);
    assert_eq!(played, serde_json::json!({ "from": 4, "seeds": 1, "failed": [] }));
}

#[test]
fn each_play_finds_an_empty_database_and_leaves_the_one_that_is_named_alone() {
    let (root, place) = (folder(&[("a", SCENARIO), ("b", SCENARIO)]), tempfile::tempdir().unwrap());
    let database = place.path().join("navette.db");
    fs::write(&database, "somebody's").unwrap();
    for _ in 0..2 {
        replayed(root.path(), &["--database", &format!("sqlite:{}", database.display())], 0);
    }
    assert_eq!(fs::read_to_string(&database).unwrap(), "somebody's");
}
