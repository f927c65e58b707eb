//! Scenarios that cannot be read: each fault is said with its line, and nothing that is unknown is passed over.

use crate::replay::{
    document::Fault,
    parse::parse,
    scenario::{Action, Scenario},
};
use rstest::rstest;
use std::fs;

/// The least that a scenario needs, thirteen lines.
const LEAST: &str = r#"name = "Le moins possible"
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
"#;

fn faults(text: &str) -> Vec<String> {
    parse(text, "folder", None).map_or_else(|found| found.iter().map(Fault::to_string).collect(), |_| Vec::new())
}

/// The least scenario with a step of these lines, which begin on line 14.
fn with_step(rest: &str) -> String {
    format!("{LEAST}[[step]]\nat = \"2020-05-05T09:00:00\"\n{rest}\n")
}

fn read(text: &str) -> Scenario {
    parse(text, "folder", None).unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[test]
fn the_least_is_enough_and_the_rest_has_defaults() {
    let scenario = read(LEAST);
    assert_eq!(scenario.schools[0].name, "0380001V");
    assert!(scenario.daemon && !scenario.overrides && scenario.steps.is_empty());
    let read = read(&with_step("do = \"validate_all\""));
    assert!(matches!(&read.steps[0].action, Action::ValidateAll { division: None, track } if track == "2GT"));
    assert_eq!(read.steps[0].expect.as_deref(), Some("ok"));
}

/// One key of the least scenario is changed into something wrong, or left out.
#[rstest]
#[case("name = \"Le moins possible\"", "", "line 1: scenario: `name` is missing")]
#[case("school_year = 2019", "", "line 1: scenario: `school_year` is missing")]
#[case("2019", "\"2019\"", "line 2: scenario: `school_year` must be a whole number")]
#[case("2019", "2019\nformat = \"json\"", "line 3: scenario: `format` \"json\": must be one of xml, csv")]
#[case("2019", "2019\ntransport = \"ftp\"", "line 3: scenario: `transport` \"ftp\": must be one of directory, http")]
#[case("2019", "2019\ndaemon = \"no\"", "line 3: scenario: `daemon` must be true or false")]
#[case("2019", "2019\nslot = \"25:00\"", "line 3: scenario: `slot` \"25:00\": not a time of day such as 03:15")]
#[case("2019", "2019\nslot = \"02:30\"", "line 3: scenario: `slot` \"02:30\": 02:00 to 02:59 is refused")]
#[case("2019", "2019\nslots = \"03:15\"", "line 3: scenario: unknown key `slots`")]
#[case("level = \"3E\"", "", "line 3: school 1: `level` is missing")]
#[case("\"3E\"", "\"4E\"", "line 5: school 1: `level` \"4E\": must be 3E or 2GT")]
#[case("\"3E\"", "\"3E\"\nleval = 1", "line 6: school 1: unknown key `leval`")]
#[case(
    "\"3E\"",
    "\"3E\"\ndivisions = { \"3 B\" = \"2\" }",
    "line 6: school 1: `divisions.3 B` must be a number of pupils"
)]
#[case("id = \"jules\", ", "", "line 6: pupil 1: `id` is missing")]
#[case("division = \"3 A\", ", "", "line 6: pupil 1: `division` is missing")]
#[case(", representatives = [\"martine\"]", "", "line 6: pupil 1: `representatives` is missing")]
#[case("[\"martine\"]", "\"martine\"", "line 6: pupil 1: `representatives` must be a list of texts")]
#[case("\"jules\"", "\"jules\", class = 1", "line 6: pupil 1: unknown key `class`")]
#[case("phase = \"DEFINITIVE\"", "", "line 7: campaign 1: `phase` is missing")]
#[case("opens = \"2020-05-04T08:00:00\"", "", "line 7: campaign 1: `opens` is missing")]
#[case("closes = \"2020-05-25T18:00:00\"", "", "line 7: campaign 1: `closes` is missing")]
#[case("councils = { \"3 A\" = \"2020-05-28T16:15:00\" }", "", "line 7: campaign 1: `councils` is missing")]
#[case("\"2020-05-28T16:15:00\"", "3", "line 12: campaign 1: `councils.3 A` must be a date and time")]
#[case("opens =", "opened = 1\nopens =", "line 10: campaign 1: unknown key `opened`")]
fn a_wrong_scenario_is_refused_with_its_line(#[case] right: &str, #[case] wrong: &str, #[case] expected: &str) {
    assert_eq!(LEAST.matches(right).count(), 1, "{right}");
    let text = LEAST.replace(right, wrong);
    // Where a line was emptied it is still there, so that lines keep their numbers.
    assert_eq!(faults(&text), [expected]);
}

#[rstest]
#[case("", "line 13: step 1: `do` is missing")]
#[case("do = \"jump\"", "line 15: step 1: `do` \"jump\" is no step")]
#[case("do = \"open\"\npupil = \"jules\"", "line 16: step 1: unknown key `pupil`")]
#[case(
    "do = \"validate_all\"\nphase = \"LAST\"",
    "line 16: step 1: `phase` \"LAST\": must be PROVISOIRE or DEFINITIVE"
)]
#[case("do = \"reopen\"\nexpect = 4", "line 16: step 1: `expect` must be a text")]
#[case("do = \"leave\"", "line 13: step 1: `pupil` is missing")]
#[case("do = \"leave\"\npupil = \"zoe\"", "line 16: step 1: `pupil` \"zoe\" is no pupil")]
#[case("do = \"logout\"\npupil = \"jules\"\nby = \"paul\"", "line 17: step 1: `by` \"paul\" represents nobody")]
#[case(
    "do = \"draft\"\npupil = \"jules\"\nby = \"martine\"\nchoices = [{ track = \"2GT\", rank = 1 }]",
    "line 18: choices 1: unknown key `rank`"
)]
#[case("do = \"emit\"", "line 13: step 1: `event` must be a table")]
#[case("do = \"switch\"", "line 13: step 1: `open` is missing")]
#[case("do = \"daemon\"\nup = \"no\"", "line 16: step 1: `up` must be true or false")]
#[case(
    "do = \"crash\"\npoint = \"x\"",
    "line 16: step 1: `point` \"x\": no such point: `navette replay --points` lists them"
)]
#[case("do = \"siecle\"\non = \"feed\"", "line 16: step 1: `on` \"feed\": must be one of lots, receipts, responses")]
#[case("do = \"teleservice\"\nreject = []", "line 16: step 1: unknown key `reject`")]
#[case("do = \"respond\"\nproposals = { 2GT = true }", "line 16: step 1: `proposals.2GT` must be OUI or NON")]
#[case("do = \"calendar\"\nopens = \"2020-05-04T08:00:00\"", "line 16: step 1: unknown key `opens`")]
#[case("do = \"deliver\"", "line 13: step 1: `file` is missing")]
#[case(
    "do = \"expect\"\nexpect = \"ok\"",
    "line 16: step 1: `expect` is no key of an `expect` step: write what is expected as its keys"
)]
#[case("do = \"expect\"\nlot = 1", "line 16: step 1: unknown key `lot`")]
#[case("do = \"expect\"\nsiecle = { jules = true }", "line 16: step 1: `siecle.jules` must be a whole number")]
#[case("do = \"expect\"\nlocked = { jules = 1 }", "line 16: step 1: `locked.jules` must be true or false")]
#[case(
    "do = \"expect\"\nnights = { lost = 1 }",
    "line 16: step 1: `nights` has an unknown key `lost`: ok, failed, caught_up are known"
)]
fn a_wrong_step_is_refused_with_its_line(#[case] rest: &str, #[case] expected: &str) {
    assert_eq!(faults(&with_step(rest)), [expected]);
}

/// A second school, a second campaign of the first, and a step of these lines, told as line 23.
fn among_several(rest: &str) -> String {
    let school = r#"[[school]]
uai = "0590181B"
level = "3E"
pupil = [{ id = "zoe", division = "3 A", representatives = ["anne"] }]
[[campaign]]
uai = "0380001V"
phase = "PROVISOIRE"
opens = "2020-02-03T08:00:00"
closes = "2020-02-24T18:00:00"
councils = { "3 A" = "2020-03-05T16:15:00" }
"#;
    format!("{LEAST}{school}[[step]]\nat = \"2020-05-05T09:00:00\"\n{rest}\n")
}

#[rstest]
#[case("do = \"sync\"", &[])]
#[case("do = \"siecle\"\nup = false", &[])]
#[case("do = \"daemon\"\nup = false", &[])]
#[case("do = \"logout\"\npupil = \"zoe\"\nby = \"anne\"", &[])]
#[case("do = \"approve\"\nuai = \"0590181B\"", &[])]
#[case("do = \"expect\"\nuai = \"0380001V\"\nheld = 0\nanomalies = []", &[])]
#[case("do = \"close\"\nphase = \"DEFINITIVE\"", &[SCHOOL])]
#[case("do = \"resync\"", &[SCHOOL])]
#[case("do = \"arrive\"\npupil = \"zoe\"\ndivision = \"3 A\"\nrepresentatives = []", &[SCHOOL])]
#[case("do = \"expect\"\nheld = 0", &[SCHOOL])]
#[case("do = \"expect\"\nuai = \"0380001V\"\nstate = \"Open\"", &[CAMPAIGN])]
#[case("do = \"expect\"\nuai = \"0380001V\"\nlocked = { jules = true }", &[CAMPAIGN])]
#[case("do = \"expect\"\nuai = \"0380001V\"\nphase = \"DEFINITIVE\"\nlots = 1", &[])]
#[case("do = \"open\"", &[CAMPAIGN, SCHOOL])]
fn a_step_names_its_school_and_its_campaign_where_there_are_several(#[case] rest: &str, #[case] expected: &[&str]) {
    assert_eq!(faults(&among_several(rest)), expected);
}

const SCHOOL: &str = "line 23: step 1: `uai` is missing: the scenario has several schools";
const CAMPAIGN: &str = "line 23: step 1: `phase` is missing: the school has several campaigns, or none";

#[test]
fn a_step_may_not_go_back_in_time() {
    let text = with_step("do = \"open\"\n[[step]]\nat = \"2020-05-05T08:59:59\"\ndo = \"close\"");
    assert_eq!(faults(&text), ["line 17: step 2: `at` is earlier than the step before"]);
}

#[test]
fn all_faults_are_said_at_once() {
    let text = with_step("do = \"open\"\nlater = 1").replace("2019", "2019\nearlier = 1");
    let expected = ["line 3: scenario: unknown key `earlier`", "line 17: step 1: unknown key `later`"];
    assert_eq!(faults(&text), expected);
}

#[test]
fn a_name_stands_for_one_pupil_of_a_school() {
    let second = "[[school]]\nuai = \"0590181B\"\nlevel = \"3E\"\ndivisions = { \"3 A\" = 1, \"3A\" = 1 }\n";
    assert_eq!(faults(&format!("{LEAST}{second}")), ["line 13: school 2: two pupils are called \"3a-001\""]);
    let twice = second.replace("0590181B", "0380001V").replace(", \"3A\" = 1", "");
    assert_eq!(
        faults(&format!("{LEAST}{twice}")),
        ["line 14: school 2: `uai` is that of another school of this scenario"]
    );
}

#[test]
fn a_delivered_file_lies_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let text = with_step("do = \"deliver\"\nfile = \"file.xml\"\nas = \"0380001V-2019-REP-3E-DEFINITIVE-00001.xml\"");
    let parsed = || parse(&text, "folder", Some(folder.path().to_owned()));
    let found: Vec<String> = parsed().unwrap_err().iter().map(Fault::to_string).collect();
    assert_eq!(found, ["line 16: step 1: `file` \"file.xml\" is no file of the scenario's folder"]);
    fs::write(folder.path().join("file.xml"), "<a/>").unwrap();
    assert_eq!(parsed().unwrap().steps.len(), 1);
}
