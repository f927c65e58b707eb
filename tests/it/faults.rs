//! What fails on our own machine, or in how we are set up, in the middle of a night: the real program says so in one
//! sentence, ends with the right code, and once it is mended the night ends as a calm one.

use crate::{
    crash::calm,
    night::{Night, On, UAI, Way},
};
use navette::{clock::Clock, sandbox::hold};
use rstest::rstest;
use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Runs the program inside of a shell that was prepared so; exit code and all that it said.
fn run_after(night: &Night, prepared: &str) -> (i32, String) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{prepared}; exec \"$0\" run"), env!("CARGO_BIN_EXE_navette")]);
    command.env("NAVETTE_CONFIG", night.folder.path().join("navette.toml")).env("NAVETTE_LOG", "off");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

/// All is well again: an operator runs the night at once, and everything is as if nothing had happened.
fn mended(night: &Night) {
    night.integrity();
    let (status, text) = night.run(&["resync", UAI, "--changed"], None);
    // A refused pupil to be read of, or responses that wait for the closing.
    assert!(matches!(status.code(), Some(3 | 4)), "{status:?}: {text}");
    night.run_on();
    assert_eq!(night.end(), calm(Way::Http, On::Sqlite));
}

/// Blocks of 512 bytes that a file may reach: the database has some hundred, its log and the exchanged files begin at none.
#[rstest]
#[case::nothing_can_be_written(0)]
#[case::the_log_of_the_database(16)]
#[case::later(96)]
fn a_disk_without_room_stops_the_night_and_loses_nothing(#[case] blocks: u32) {
    let night = Night::due(Way::Http);
    let (exit, text) = run_after(&night, &format!("trap '' XFSZ; ulimit -f {blocks}"));
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("disk is full or fails") || text.contains("cannot write"), "{text}");
    mended(&night);
}

/// As where the folder belongs to somebody else: no right stops root, who runs tests in containers.
#[test]
fn a_folder_that_cannot_be_used_stops_the_night_and_loses_nothing() {
    let night = Night::due(Way::Http);
    let (own, away) = (night.folder.path().join("files"), night.folder.path().join("away"));
    fs::rename(&own, &away).unwrap();
    fs::write(&own, "").unwrap();
    let (exit, text) = run_after(&night, ":");
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("run: cannot make ") && text.contains(own.to_str().unwrap()), "{text}");
    fs::remove_file(&own).unwrap();
    fs::rename(&away, &own).unwrap();
    mended(&night);
}

#[test]
fn a_database_that_another_program_holds_is_waited_for() {
    let night = Night::due(Way::Http);
    let store = night.context(Clock::Machine).store;
    let held = night.wait(store.write()).unwrap();
    let program = night.start(&["run"], None);
    // Not a wait for something to be ready: how long it is held is what is tried.
    thread::sleep(Duration::from_secs(2));
    night.wait(async { drop(held) });
    let output = program.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    night.wait(store.close());
    night.run_on();
    assert_eq!(night.end(), calm(Way::Http, On::Sqlite));
}

/// The lots are refused for good (siecle.md), so a person sends them again once Siècle knows us.
#[rstest]
#[case(401)]
#[case(403)]
fn a_token_that_siecle_does_not_know_needs_a_person_and_loses_nothing(#[case] status: u16) {
    let night = Night::due(Way::Http);
    hold(&night.siecle).faults.fail_with(status, u32::MAX, None);
    let (exit, text) = run_after(&night, ":");
    assert_eq!(exit, 7, "{text}");
    assert!(
        text.contains(": our token or certificate is not accepted there") && text.contains("lots rejected"),
        "{text}"
    );
    hold(&night.siecle).faults.fail_with(status, 0, None);
    let (_, text) = night.run(&["lots", "list", UAI, "--json"], None);
    let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let lots = listed["lots"].as_array().unwrap().iter();
    let rejected: Vec<String> =
        lots.filter(|lot| lot["state"] == "rejected").map(|lot| lot["number"].to_string()).collect();
    assert!(!rejected.is_empty(), "{text}");
    for number in rejected {
        let (_, text) = night.run(&["lots", "retry", UAI, &number], None);
        assert!(text.contains("acknowledged"), "{text}");
    }
    mended(&night);
}
