//! The program's face: help, usage, version, faults of the configuration, pages. What commands do is tested elsewhere.

use assert_cmd::Command;
use navette::{
    codec::{
        self,
        envelope::{hex, sha256},
    },
    domain::{
        campaign::{CampaignKey, Phase},
        lot::{Encoding, LotCounts, Receipt},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::Timestamp,
    },
};
use rstest::rstest;
use std::{fs, path::PathBuf};

const COMMANDS: [&str; 20] = [
    "demo",
    "run",
    "daemon",
    "resync",
    "window",
    "calendar",
    "lots",
    "import",
    "check",
    "roster",
    "status",
    "anomalies",
    "replay",
    "sandbox",
    "doctor",
    "schema",
    "purge",
    "backup",
    "completions",
    "man",
];

fn navette(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
    command.env_remove("NAVETTE_CONFIG").env_remove("NAVETTE_LOG").args(arguments);
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn stderr(command: &mut Command, code: i32) -> String {
    let assert = command.assert().code(code);
    assert!(assert.get_output().stdout.is_empty(), "{:?}", assert.get_output());
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn help_lists_every_command_and_the_long_one_the_exit_codes() {
    let short = stdout(&mut navette(&["-h"]));
    for command in COMMANDS {
        assert!(short.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{command}: {short}");
    }
    let long = stdout(&mut navette(&["--help"]));
    assert!(long.contains("7 1 5 6 3 4 0"), "{long}");
}

#[test]
fn every_command_has_its_help() {
    for command in COMMANDS {
        let help = stdout(&mut navette(&[command, "--help"]));
        assert!(help.contains(&format!("Usage: navette {command}")), "{help}");
    }
}

#[test]
fn version_says_name_number_and_where_it_was_built_from() {
    let said = stdout(&mut navette(&["--version"]));
    let from = said.strip_prefix(&format!("navette {} (", env!("CARGO_PKG_VERSION")));
    let from = from.and_then(|from| from.strip_suffix(")\n")).unwrap_or_else(|| panic!("{said}"));
    let commit = from.strip_suffix(", changed").unwrap_or(from);
    let is_commit = commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_commit || ["debug", "no commit"].contains(&from), "{said}");
}

#[rstest]
#[case::no_command(&[])]
#[case::unknown_command(&["shuttle"])]
#[case::unknown_option(&["run", "--fast"])]
#[case::wrong_key_letter(&["status", "0380001A"])]
#[case::no_school(&["resync"])]
#[case::wrong_phase(&["resync", "0380001V", "--phase", "FINALE"])]
#[case::override_without_reason(&["window", "reopen", "0380001V", "--override"])]
#[case::reason_without_override(&["window", "reopen", "0380001V", "--reason", "x"])]
#[case::blank_reason(&["anomalies", "settle", "1", "--reason", " "])]
#[case::settle_without_reason(&["anomalies", "settle", "1"])]
#[case::abandon_without_reason(&["lots", "abandon", "0380001V", "12"])]
#[case::lot_number(&["lots", "show", "0380001V", "100000"])]
#[case::plan_digest(&["lots", "approve", "0380001V", "--plan", "abc"])]
#[case::no_file(&["check"])]
#[case::no_import(&["import"])]
#[case::format(&["demo", "--format", "json"])]
#[case::folder_without_path(&["sandbox", "--transport", "directory"])]
#[case::no_scenario(&["replay"])]
#[case::from_without_random(&["replay", "x", "--from", "3"])]
#[case::year(&["purge", "--year", "19"])]
#[case::no_year(&["purge"])]
#[case::shell(&["completions", "dos"])]
fn wrong_usage_ends_with_2_and_says_it_on_standard_error(#[case] arguments: &[&str]) {
    assert!(!stderr(&mut navette(arguments), 2).is_empty());
}

#[test]
fn every_fault_of_the_configuration_is_said_with_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("navette.toml");
    fs::write(&path, "[store]\ncolour = \"hush-hush\"\n[night]\nslot = \"02:30\"\n").unwrap();
    let path = path.to_str().unwrap();
    let by_option = stderr(&mut navette(&["run", "--config", path]), 2);
    assert_eq!(by_option, stderr(navette(&["run"]).env("NAVETTE_CONFIG", path), 2));
    for fault in
        [":2: store.colour: ", ":4: night.slot: ", ":1: teleservice.url: ", ":1: siecle.path: ", ":1: school: "]
    {
        assert!(by_option.contains(&format!("{path}{fault}")), "{fault}: {by_option}");
    }
    assert!(!by_option.contains("hush"), "{by_option}");
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let said = stderr(&mut navette(&["--config", "/nowhere/navette.toml", "run"]), 2);
    assert!(said.contains("/nowhere/navette.toml: cannot be opened"), "{said}");
}

#[test]
fn a_demonstration_is_told_as_one_document_too() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let said = stdout(&mut navette(&["demo", "--json", "--keep", kept.to_str().unwrap()]));
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    let timeline = told["timeline"].as_array().unwrap();
    let early = timeline.iter().find(|it| it["text"].as_str().unwrap().contains("WAIT_24H")).unwrap();
    assert_eq!((early["at"].as_str().unwrap().len(), &told["ok"]), ("2020-05-29T06:00:00Z".len(), &true.into()));
    assert_eq!(told["files"]["folder"], kept.join("files").to_str().unwrap());
    assert!(told["files"]["count"].as_u64().unwrap() > 5, "{said}");
    assert!(kept.join("base-eleves").is_dir() && told["base_eleves"]["compared"][0].is_string(), "{said}");
}

#[test]
fn schemas_are_listed_and_printed_by_name() {
    let listed = stdout(&mut navette(&["schema"]));
    let as_json: Vec<String> = serde_json::from_str(&stdout(&mut navette(&["schema", "--json"]))).unwrap();
    assert_eq!(listed.lines().collect::<Vec<_>>(), as_json);
    for name in listed.lines() {
        let schema = stdout(&mut navette(&["schema", name]));
        assert!(schema.starts_with("<?xml") || schema.starts_with('{'), "{name}: {schema}");
    }
    let said = stderr(&mut navette(&["schema", "bulletins"]), 2);
    assert!(said.contains("demandes"), "{said}");
}

#[test]
fn check_accepts_a_good_file_with_and_without_its_digest() {
    let (folder, path) = receipt();
    assert_eq!(stdout(navette(&["check"]).arg(&path)), "");
    assert_eq!(stdout(navette(&["check", "--json"]).arg(&path)), "[]\n");
    let digest = format!("{}  {RECEIPT}\n", hex(&sha256(&fs::read(&path).unwrap())));
    fs::write(folder.path().join(format!("{RECEIPT}.sha256")), digest).unwrap();
    assert_eq!(stdout(navette(&["check"]).arg(&path)), "");
}

#[test]
fn check_prints_faults_as_lines_or_as_one_document() {
    let (folder, path) = receipt();
    let stranger = folder.path().join("bulletin.xml");
    fs::copy(&path, &stranger).unwrap();
    fs::write(folder.path().join("bulletin.xml.sha256"), "no digest").unwrap();
    let assert = navette(&["check"]).args([&path, &stranger]).assert().code(3);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let starts = ["0:NOM:", "0:EMPREINTE:"].map(|fault| format!("{}:{fault}", stranger.display()));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().zip(&starts).all(|(line, start)| line.starts_with(start)), "{text}");

    let assert = navette(&["check", "--json"]).args([&path, &stranger]).assert().code(3);
    let faults: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(faults.as_array().unwrap().len(), 2);
    assert_eq!(faults[0]["file"], stranger.to_str().unwrap());
    assert_eq!((&faults[0]["row"], &faults[1]["code"]), (&0.into(), &"EMPREINTE".into()));
    assert!(!faults[1]["message"].as_str().unwrap().is_empty());
}

#[test]
fn check_notices_a_file_that_is_not_the_one_of_its_digest() {
    let (folder, path) = receipt();
    let digest = format!("{}  {RECEIPT}\n", "0".repeat(64));
    fs::write(folder.path().join(format!("{RECEIPT}.sha256")), digest).unwrap();
    let assert = navette(&["check"]).arg(&path).assert().code(3);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(text.starts_with(&format!("{}:0:EMPREINTE:", path.display())), "{text}");
}

#[test]
fn check_ends_with_2_when_a_file_cannot_be_opened_and_reads_the_others() {
    let (folder, path) = receipt();
    let stranger = folder.path().join("bulletin.xml");
    fs::copy(&path, &stranger).unwrap();
    for missing in [folder.path().join("nothing.xml"), folder.path().to_owned()] {
        let assert = navette(&["check"]).args([&missing, &stranger]).assert().code(2);
        let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(said.starts_with(&format!("navette: {}: ", missing.display())), "{said}");
        assert!(!assert.get_output().stdout.is_empty());
    }
}

const RECEIPT: &str = "0380001V-2019-CR-3E-DEFINITIVE-00012.xml";

/// A good file of the exchange in a fresh folder.
fn receipt() -> (tempfile::TempDir, PathBuf) {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    let receipt = Receipt {
        key: CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive },
        number: 12,
        stamped_at: Timestamp::from_epoch_ms(1_590_455_700_000),
        treated_at: Timestamp::from_epoch_ms(1_590_455_760_000),
        counts: LotCounts { demands: 1, without_entry: 24, acknowledgements: 0, replies: 0 },
        treated: 1,
        complete: 1,
        partial: 0,
        rejected: 0,
        absent: 0,
        lines: Vec::new(),
    };
    let file = codec::encode_receipt(&receipt, school.uai.zone(), Encoding::Utf8).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RECEIPT);
    fs::write(&path, &file.bytes).unwrap();
    (folder, path)
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(stdout(&mut navette(&["completions", shell])).contains("resync"), "{shell}");
    }
}

#[test]
fn man_writes_a_page_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man");
    navette(&["man", pages.to_str().unwrap()]).assert().success();
    for command in COMMANDS {
        let page = fs::read_to_string(pages.join(format!("navette-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(fs::read_to_string(pages.join("navette.1")).unwrap().contains("NAVETTE_CONFIG"));
}
