//! The guard from the command line: each code of the verdicts' table, with its exit code, and `window show`.

use crate::stand::{HEAD, Stand, UAI, hours, key, row};
use navette::{
    clock::Clock,
    sandbox::{councils::Council, faults::Topic, hold},
};
use std::fs;

/// `bool::default()` the other way round.
const OPEN: bool = true;

fn reopen(stand: &Stand, code: i32, word: &str) {
    stand.expect(&["window", "reopen", UAI], code, word);
}

#[test]
fn without_a_calendar_only_closing_is_permitted() {
    let stand = Stand::new();
    stand.expect(&["window", "open", UAI], 4, "NO_CALENDAR");
    reopen(&stand, 4, "NO_CALENDAR");
    stand.switch(OPEN, -1);
    stand.expect(&["window", "close", UAI], 0, "ok");
    stand.expect(&["window", "close", UAI], 0, "ok");
    let (exit, text) = stand.run(&[
        "calendar",
        "load",
        stand.write("x.csv", &format!("{HEAD}{UAI};2026;3E;DEFINITIVE;;;;;3 A;2027-05-28T16:15\n")).to_str().unwrap(),
    ]);
    assert!(exit == 4 && text.contains(":2:NO_CALENDAR:"), "{text}");
}

#[test]
fn a_service_that_does_not_answer_is_not_opened_and_its_closing_is_recorded() {
    let mut stand = Stand::new();
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    stand.strike();
    let configuration = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
    // A folder that is not there does not answer either, and says so at once.
    let gone = configuration
        .replace("[teleservice]\ntransport = \"http\"", "[teleservice]\ntransport = \"directory\"\npath = \"gone\"");
    stand.write("navette.toml", &gone);
    stand.expect(&["window", "open", UAI], 4, "UNREACHABLE");
    stand.expect(&["window", "close", UAI], 1, "FAILED");
    let (exit, text) = stand.load(&row("3 A", -48, 90, None, 200));
    assert!(exit == 4 && text.contains(":UNREACHABLE:"), "{text}");
    assert_eq!(stand.run(&["run"]).0, 1);
}

#[test]
fn a_clock_out_of_step_refuses() {
    let stand = Stand::at(Clock::player(hours(-1)));
    let (exit, text) = stand.load(&row("3 A", -48, 100, None, 200));
    assert!(exit == 4 && text.contains(":CLOCK:"), "{text}");
}

#[test]
fn opening_waits_for_its_instant_and_ends_with_the_closing() {
    let stand = Stand::new();
    assert_eq!(stand.load(&row("3 A", 1, 100, None, 200)).0, 0);
    let answer = stand.json(&["window", "open", UAI]);
    assert_eq!(answer["outcome"], "NOT_YET");
    assert!(answer["earliest"].is_string() && answer["sentence"].is_string(), "{answer}");
    stand.expect(&["window", "open", UAI], 4, "NOT_YET");
    assert_eq!(stand.load(&row("3 A", -48, -1, None, 200)).0, 0);
    stand.expect(&["window", "open", UAI], 4, "WINDOW_CLOSED");
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    stand.expect(&["window", "open", UAI], 0, "ok");
    assert!(hold(&stand.teleservice).is_open(key().school, key().level, key().phase));
}

#[test]
fn a_council_too_near_an_open_service_is_refused() {
    let stand = Stand::new();
    stand.switch(OPEN, -48);
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    let (exit, text) = stand.load(&row("3 A", -48, -40, None, 12));
    assert!(exit == 4 && text.contains(":2:COUNCIL_TOO_SOON:"), "{text}");
    let divisions = row("3 B", -48, 100, None, 200);
    let stand = Stand::new();
    stand.switch(OPEN, -48);
    let (exit, text) = stand.load(&divisions);
    assert!(exit == 4 && text.contains(":2:DIVISION_WITHOUT_COUNCIL:"), "{text}");
}

#[test]
fn responses_that_come_while_open_are_held_and_taken_after_the_closing() {
    let stand = Stand::new();
    stand.switch(OPEN, -48);
    stand.validate(1, -40);
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    assert_eq!(stand.run(&["resync", UAI]).0, 0);
    hold(&stand.siecle).respond(key(), &Council::default(), hours(-1)).unwrap();
    let (name, bytes) = {
        let siecle = hold(&stand.siecle);
        let file = siecle.school(key().school).unwrap().responses.values().next().unwrap();
        (file.name.clone(), file.bytes.clone())
    };
    let path = stand.folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let (exit, text) = stand.run(&["import", path.to_str().unwrap(), "--unverified"]);
    assert!(exit == 4 && text.contains("held: RESPONSES_WHILE_OPEN"), "{text}");
    assert_eq!(stand.json(&["status"])["schools"][0]["held"], 1);
    stand.expect(&["window", "close", UAI], 0, "ok");
    assert_eq!(stand.run(&["run"]).0, 0);
    assert_eq!(stand.json(&["status"])["schools"][0]["held"], 0);
}

/// A closed service whose councils were held, with one demand that Siècle has.
fn after_the_councils() -> Stand {
    let stand = Stand::new();
    stand.switch(OPEN, -200);
    stand.validate(1, -190);
    stand.switch(!OPEN, -150);
    assert_eq!(stand.load(&row("3 A", -200, -150, None, -100)).0, 0);
    assert_eq!(stand.run(&["resync", UAI]).0, 0);
    stand
}

#[test]
fn reopening_waits_for_councils_responses_transfer_and_a_day() {
    let stand = Stand::new();
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    reopen(&stand, 4, "COUNCIL_NOT_HELD");
    let stand = after_the_councils();
    reopen(&stand, 4, "RESPONSES_MISSING");
    hold(&stand.siecle).respond(key(), &Council::default(), hours(-1)).unwrap();
    hold(&stand.teleservice).faults.fail_with(422, 1, Some(Topic::Orders));
    assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 1);
    reopen(&stand, 4, "TRANSFER_MISSING");
    assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 0);
    reopen(&stand, 4, "WAIT_24H");
    // A dérogation lifts the wait, and nothing else.
    stand.expect(&["window", "reopen", UAI, "--override", "--reason", "conseil avancé"], 0, "ok");
}

#[test]
fn a_lot_in_doubt_keeps_the_service_closed_until_it_is_settled() {
    let stand = after_the_councils();
    hold(&stand.siecle).respond(key(), &Council::default(), hours(-30)).unwrap();
    assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 0);
    {
        let mut siecle = hold(&stand.siecle);
        siecle.faults.lose_reply(1, Some(Topic::Lots));
        // Asked at once, and again once all lots have left.
        siecle.faults.fail_with(400, 2, Some(Topic::Receipts));
    }
    assert_eq!(stand.run(&["resync", UAI]).0, 7);
    reopen(&stand, 4, "LOT_IN_DOUBT");
    assert_eq!(stand.json(&["status"])["schools"][0]["in_doubt"], 1);
    assert_eq!(stand.run(&["lots", "settle", UAI, "2"]).0, 0);
    assert_eq!(stand.json(&["lots", "show", UAI, "2"])["state"], "acknowledged");
    reopen(&stand, 0, "ok");
    assert!(hold(&stand.teleservice).is_open(key().school, key().level, key().phase));
}

#[test]
fn show_explains_facts_rule_verdicts_and_instants() {
    let stand = after_the_councils();
    let (exit, text) = stand.run(&["window", "show", UAI]);
    assert_eq!(exit, 0);
    for part in ["État : fermée", "Règle en vigueur : ", "RESPONSES_MISSING", "demandes reçues par Siècle (R09)", "Z)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let shown = stand.json(&["window", "show", UAI]);
    let campaign = &shown["campaigns"][0];
    assert_eq!((&campaign["state"], &campaign["facts"]["open"]), (&"CouncilsReady".into(), &(!OPEN).into()));
    assert_eq!(campaign["verdicts"]["reopen"]["code"], "RESPONSES_MISSING");
    assert_eq!(campaign["verdicts"]["close"]["already"], OPEN);
}
