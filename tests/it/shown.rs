//! That nothing of the pages is left unshown: each code and each rule stands in a scenario of fixtures/, or, where no step
//! of scenarios.md can bring it about, in a test that is named here.

use navette::domain::anomaly::Code;
use navette::guard::RefusalCode;
use navette::replay::suite;
use navette::sandbox::rules::EntryCode;
use rstest::rstest;
use std::{collections::BTreeMap, fs, path::Path};

/// What no step can bring about, and the test that shows it: both far sides of a replay read the simulated clock, one run
/// ends before the next begins, and what a head of school looks at changes nothing.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    ("CLOCK", "src/guard/tests/verdicts.rs", "clock_behind"),
    ("BUSY", "tests/it/resync.rs", "a_school_that_another_run_holds_is_left_to_it"),
    ("R14", "src/sandbox/tests.rs", "r14_what_a_representative_sees_can_be_seen"),
];

fn texts() -> BTreeMap<String, String> {
    let folders = suite::folders(Path::new("fixtures/scenarios")).unwrap();
    let named = |folder: &Path| folder.file_name().unwrap().to_string_lossy().into_owned();
    folders.iter().map(|folder| (named(folder), fs::read_to_string(folder.join("scenario.toml")).unwrap())).collect()
}

/// Fails unless each code is expected by name, as `expects` writes that, in some scenario, or shown elsewhere.
fn each_is_shown<'a>(codes: impl IntoIterator<Item = &'a str>, expects: impl Fn(&str) -> String) {
    let texts = texts();
    let is_elsewhere = |code: &str| ELSEWHERE.iter().any(|(one, ..)| *one == code);
    let is_expected = |code: &str| texts.values().any(|text| text.contains(&expects(code)));
    let unseen: Vec<&str> = codes.into_iter().filter(|code| is_elsewhere(code) == is_expected(code)).collect();
    assert!(unseen.is_empty(), "in no scenario, or in one though they are said to be elsewhere: {unseen:?}");
}

fn as_outcome(code: &str) -> String {
    format!("expect = \"{code}\"")
}

#[test]
fn every_verdict_code_is_expected_somewhere() {
    each_is_shown(RefusalCode::ALL.into_iter().map(RefusalCode::as_str), as_outcome);
}

#[test]
fn every_code_of_the_entry_is_expected_somewhere() {
    each_is_shown(EntryCode::ALL.into_iter().map(EntryCode::as_str), as_outcome);
}

/// The words of `sync` (scenarios.md) that are no code of the guard's; `ok` is what a step expects that says nothing.
#[test]
fn every_outcome_of_a_run_is_expected_somewhere() {
    let words = ["LOT_IN_DOUBT", "FLUX_RECULE", "SEQUENCE", "FAILED", "HELD", "BUSY", "partial", "nothing"];
    each_is_shown(words, as_outcome);
}

#[test]
fn every_anomaly_code_is_expected_somewhere() {
    each_is_shown(Code::ALL.into_iter().map(Code::as_str), |code| format!("\"{code}:"));
}

/// Each rule (domain.md), the scenario in which it is broken or put to the test, and what sees that there.
#[rstest]
#[case("R01", "drafts-and-versions", "siecle = { maya = 0 }")]
#[case("R02", "entry-codes-in-order", "expect = \"CHOICES\"")]
#[case("R02", "feed-breaks-the-rules", "\"CHOIX:")]
#[case("R03", "entry-codes-in-order", "expect = \"TRACK\"")]
#[case("R03", "feed-breaks-the-rules", "\"VOIE:")]
#[case("R04", "entry-codes-in-order", "expect = \"NOT_OWNER\"")]
#[case("R04", "feed-breaks-the-rules", "\"PROPRIETAIRE:")]
#[case("R05", "entry-codes-in-order", "expect = \"ACK_MISSING\"")]
#[case("R05", "feed-breaks-the-rules", "\"ACCUSE_MANQUANT:")]
#[case("R06", "entry-codes-in-order", "expect = \"OUT_OF_PROCEDURE\"")]
#[case("R07", "entry-codes-in-order", "\"sami\" = 0")]
#[case("R08", "closes-a-day-before-the-council", "expect = \"CLOSES_TOO_LATE\"")]
#[case("R09", "receipt-never-before-the-council", "at_risk = true")]
#[case("R10", "jules-dupond-both-phases", "expect = \"WAIT_24H\"")]
#[case("R11", "reopening-refused-code-by-code", "expect = \"TRANSFER_MISSING\"")]
#[case("R12", "entry-codes-in-order", "expect = \"LOCKED\"")]
#[case("R12", "feed-breaks-the-rules", "\"VERROUILLEE:")]
#[case("R13", "drafts-and-versions", "do = \"logout\"")]
#[case("R15", "jules-dupond-both-phases", "expect = \"NO_RESPONSE\"")]
#[case("R16", "drafts-and-versions", "expect = \"CLOSED\"")]
#[case("R17", "stale-response", "\"PERIMEE:")]
#[case("R18", "late-demand-exported", "\"TARDIVE:")]
fn each_rule_is_broken_once_and_seen(#[case] rule: &str, #[case] scenario: &str, #[case] seen: &str) {
    let text = &texts()[scenario];
    assert!(text.contains(rule), "{scenario} does not say that it is about {rule}");
    assert!(text.contains(seen), "{scenario} does not see it: {seen}");
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
fn what_no_step_can_bring_about_has_its_test(#[case] nth: usize) {
    let (code, file, test) = ELSEWHERE[nth];
    assert!(fs::read_to_string(file).unwrap().contains(test), "{code}: {file} has no {test}");
}
