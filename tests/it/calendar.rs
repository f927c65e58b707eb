//! Calendars from outside: every fault with its row, each campaign alone, refusals by their codes.

use crate::stand::{HEAD, Stand, UAI, row};
use rstest::rstest;

fn own(rest: &str) -> String {
    format!("{UAI};2026;3E;DEFINITIVE;{rest}\n")
}

/// What `check` and `load` say of a row, as `row:code`, and their exit codes, which must be the same.
fn said(stand: &Stand, rows: &str) -> (i32, Vec<String>) {
    let path = stand.write("calendrier.csv", &format!("{HEAD}{rows}"));
    let path = path.to_str().unwrap();
    let (exit, text) = stand.run(&["calendar", "check", path]);
    let (loaded, _) = stand.run(&["calendar", "load", path]);
    assert_eq!(exit, loaded, "{text}");
    let prefix = format!("{path}:");
    let faults = text.lines().map(|line| {
        let mut parts = line.strip_prefix(&prefix).unwrap_or(line).splitn(3, ':');
        format!("{}:{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    });
    (exit, faults.collect())
}

#[rstest]
#[case::gap(own("2027-03-01T08:00;2027-03-28T02:30;;;3 A;2027-05-28T16:15"), 4, &["2:CIVIL_TIME"])]
#[case::fold(own("2027-10-01T08:00;2027-10-20T18:00;;;3 A;2027-10-31T02:30"), 4, &["2:CIVIL_TIME"])]
#[case::order(own("2027-05-24T18:00;2027-05-03T08:00;;;3 A;2027-05-28T16:15"), 4, &["2:CALENDAR_ORDER"])]
#[case::a_second_too_late(own("2027-05-03T08:00;2027-05-27T16:15:01;;;3 A;2027-05-28T16:15"), 4, &["2:CLOSES_TOO_LATE"])]
#[case::twenty_three_hours(own("2027-03-01T08:00;2027-03-27T09:30;;;3 A;2027-03-28T09:30"), 4, &["2:CLOSES_TOO_LATE"])]
#[case::reopens(own("2027-05-03T08:00;2027-05-24T18:00;2027-05-29T16:14;;3 A;2027-05-28T16:15"), 4, &["2:REOPENS_TOO_EARLY"])]
#[case::no_council(own("2027-05-03T08:00;2027-05-24T18:00;;;;"), 4, &["2:DIVISION_WITHOUT_COUNCIL"])]
#[case::shape(own("soon;2027-05-24T18:00;;;3 A;2027-05-28T16:15"), 3, &["2:VALEUR"])]
#[case::stranger("0380001V;2026;3E;DEFINITIVE;2027-05-03T08:00;2027-05-24T18:00;;;3 A;2027-05-28T16:15\n".to_owned(), 3, &["2:ETABLISSEMENT"])]
#[case::late_council_in_row_3(
    own("2027-05-03T08:00;2027-05-24T18:00;;;3 A;2027-05-28T16:15") + &own(";;;;3 B;2027-05-25T17:00"),
    4, &["3:CLOSES_TOO_LATE"]
)]
fn every_fault_is_said_with_its_row(#[case] rows: String, #[case] exit: i32, #[case] expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|fault| (*fault).to_owned()).collect();
    assert_eq!(said(&Stand::new(), &rows), (exit, expected));
}

#[test]
fn one_bad_campaign_costs_the_others_nothing() {
    let stand = Stand::new();
    let bad = "0380001V;2026;3E;DEFINITIVE;2027-05-03T08:00;2027-05-24T18:00;;;3 A;2027-05-28T16:15\n";
    let (exit, text) = stand.load(&format!("{bad}{}", row("3 A", -48, 100, None, 200)));
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("0990001N-2026-3E-DEFINITIVE: loaded"), "{text}");
    assert!(text.contains(":2:ETABLISSEMENT:"), "{text}");
}

#[test]
fn a_derogation_lifts_what_it_can_and_is_journaled_by_the_guard() {
    let stand = Stand::new();
    let path = stand.write("calendrier.csv", &format!("{HEAD}{}", row("3 A", -48, 190, None, 200)));
    let path = path.to_str().unwrap();
    let (exit, text) = stand.run(&["calendar", "load", path]);
    assert!(exit == 4 && text.contains("CLOSES_TOO_LATE"), "{text}");
    let (exit, text) = stand.run(&["calendar", "load", path, "--override", "--reason", "grève des transports"]);
    assert_eq!(exit, 0, "{text}");
    // The guard still closes at the deadline.
    let shown = stand.json(&["window", "show", UAI]);
    assert_eq!(shown["campaigns"][0]["next"][0]["what"], "closing", "{shown}");
    assert_eq!(shown["campaigns"][0]["next"][0]["at"], shown["campaigns"][0]["facts"]["deadline"]);
}

#[test]
fn plan_tells_closing_night_and_reopening() {
    let stand = Stand::new();
    let rows = own("2027-05-03T08:00;2027-05-27T16:15;;;3 A;2027-05-28T16:15");
    let path = stand.write("calendrier.csv", &format!("{HEAD}{rows}"));
    let plan = stand.json(&["calendar", "plan", path.to_str().unwrap()]);
    let campaign = &plan["campaigns"][0];
    assert_eq!(campaign["latest_closing"]["at"], "2027-05-27T14:15:00Z");
    assert_eq!(campaign["night"]["local"], "2027-05-28T03:15:00+02:00");
    assert_eq!(campaign["earliest_reopening"]["at"], "2027-05-29T14:15:00Z");
}
