//! What letters look like, byte by byte, and the folder. Servers are in `tests/it/report.rs`.

use crate::check::roster::{ByDivision, Counts};
use crate::crash::Crash;
use crate::domain::{
    anomaly::Code,
    campaign::{CampaignKey, Phase},
    pupil::Division,
    school::{Level, School, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone, parse_date},
};
use crate::guard::{Alert, AlertCode, State};
use crate::mail::{
    letter::Block,
    report::{Campaign, Found, Happened, Report, Standing},
    *,
};
use rstest::rstest;
use std::{collections::BTreeMap, fs};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_in(text, Zone::Europe__Paris).unwrap()
}

fn key(phase: Phase) -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase }
}

fn quiet() -> Report {
    let key = key(Phase::Definitive);
    Report {
        school: School {
            key: key.school,
            name: "Collège Simone Veil".to_owned(),
            zone: Zone::Europe__Paris,
            mail: Some("college@veil.example".to_owned()),
        },
        date: parse_date("2020-05-26").unwrap(),
        failed: false,
        caught_up: false,
        happened: Happened { lots: vec![(12, 118, 0)], receipts: 1, ..Happened::default() },
        standing: Standing {
            campaigns: vec![Campaign {
                key,
                state: State::CouncilsReady,
                at_risk: false,
                next: Some(("premier conseil", at("2020-05-28 16:15"))),
                without_entry: BTreeMap::new(),
                alerts: Vec::new(),
            }],
            anomalies: BTreeMap::new(),
            held: 0,
            in_doubt: 0,
            roster: ByDivision::new(),
        },
    }
}

fn busy() -> Report {
    let count = |division, count| (Division::parse(division).unwrap(), count);
    let todo = "Le flux du téléservice est arrêté : passez le trou.".to_owned();
    let alert = Alert { code: AlertCode::FeedStopped, todo };
    let own = quiet().standing.campaigns[0].clone();
    let pupils = (1..=22).map(|number| format!("{number:012x}")).collect();
    Report {
        failed: !bool::default(),
        happened: Happened {
            files: 1,
            responses: 30,
            carried: 29,
            anomalies: 22,
            windows: vec![(own.key, false, at("2020-05-25 18:00"))],
            ..quiet().happened
        },
        standing: Standing {
            campaigns: vec![
                Campaign {
                    state: State::Closed,
                    at_risk: true,
                    without_entry: BTreeMap::from([count("3 A", 1), count("3 B", 4)]),
                    alerts: vec![alert.clone()],
                    ..own.clone()
                },
                Campaign {
                    key: key(Phase::Provisional),
                    state: State::Ended,
                    next: None,
                    without_entry: BTreeMap::from([count("3 A", 9)]),
                    alerts: vec![alert],
                    ..own
                },
            ],
            anomalies: BTreeMap::from([
                (Code::Voie, Found { count: 22, pupils }),
                (Code::CleIne, Found { count: 1, pupils: vec!["0123456789ab".to_owned()] }),
            ]),
            held: 2,
            in_doubt: 1,
            roster: ByDivision::from([
                (
                    (Level::Troisieme, Some(Division::parse("3 A").unwrap())),
                    Counts { unknown: 1, ine: 2, ..Counts::default() },
                ),
                ((Level::Troisieme, None), Counts { unknown: 3, ..Counts::default() }),
            ]),
        },
        ..quiet()
    }
}

fn bytes(report: &Report) -> String {
    let message_id = "<navette.0380001V.2019.2020-05-26@rectorat.example>";
    let written_at = at("2020-05-26 03:15");
    let envelope = Envelope { to: "college@veil.example", message_id, name: "x", written_at };
    let from = mailbox("navette@rectorat.example").unwrap();
    let letter = report.letter().unwrap();
    let made = || letter.bytes(&from, &envelope.to.parse().unwrap(), &envelope).unwrap();
    assert_eq!(made(), made(), "the same letter has the same bytes");
    String::from_utf8(made()).unwrap().replace('\r', "")
}

#[test]
fn a_letter_is_what_a_school_reads() {
    let letter = busy().letter().unwrap();
    insta::assert_snapshot!("busy", format!("{}\n\n{}", letter.subject, letter.text));
    insta::assert_snapshot!("busy_html", letter.html);
    let letter = quiet().letter().unwrap();
    insta::assert_snapshot!("quiet", format!("{}\n\n{}", letter.subject, letter.text));
    insta::assert_snapshot!("bytes", bytes(&quiet()));
    assert!(bytes(&busy()).lines().all(|line| line.len() <= 78 && line.is_ascii()), "any server carries it");
}

#[test]
fn text_and_html_say_the_same() {
    for report in [quiet(), busy()] {
        let letter = report.letter().unwrap();
        let seen = letter
            .html
            .split('<')
            .filter_map(|part| part.split_once('>'))
            .map(|(_, text)| format!("{text} "))
            .collect::<String>();
        let words = |text: &str| -> Vec<String> {
            let plain = text.replace("&#39;", "'").replace("&#38;", "&").replace('\u{a0}', " ").to_lowercase();
            let mut words: Vec<String> =
                plain.split_whitespace().map(str::to_owned).filter(|word| word != "-").collect();
            words.sort();
            words
        };
        // The title and the heading repeat the subject.
        let expected = format!("{0} {0} {1}", letter.subject, letter.text);
        assert_eq!(words(&seen), words(&expected));
    }
}

fn standing(change: impl FnOnce(&mut Standing)) -> Report {
    let mut report = quiet();
    change(&mut report.standing);
    report
}

fn one(code: Code) -> BTreeMap<Code, Found> {
    BTreeMap::from([(code, Found { count: 1, pupils: Vec::new() })])
}

#[rstest]
#[case::nothing_to_do(quiet(), false)]
#[case::a_warning(standing(|it| it.anomalies = one(Code::Mef)), false)]
#[case::an_anomaly(standing(|it| it.anomalies = one(Code::Perimee)), true)]
#[case::held(standing(|it| it.held = 1), true)]
#[case::in_doubt(standing(|it| it.in_doubt = 1), true)]
#[case::failed(Report { failed: true, ..quiet() }, true)]
#[case::everything(busy(), true)]
fn what_needs_a_hand(#[case] report: Report, #[case] expected: bool) {
    assert_eq!(report.needs_a_hand(), expected);
}

#[test]
fn no_state_and_no_alert_is_without_words() {
    for state in State::ALL {
        for code in AlertCode::ALL {
            let alerts = vec![Alert { code, todo: format!("Ce qu'il faut faire de {}.", code.as_str()) }];
            let campaigns = vec![Campaign { state, alerts, ..quiet().standing.campaigns[0].clone() }];
            let text = standing(|it| it.campaigns = campaigns).letter().unwrap().text.replace('\n', " ");
            assert!(text.contains(state.label()) && text.contains(code.as_str()), "{text}");
        }
    }
}

#[test]
fn what_is_hostile_in_a_name_stays_text() {
    let mut report = quiet();
    report.school.name = "<script>alert(1)</script> & מכללה".to_owned();
    let letter = report.letter().unwrap();
    assert!(letter.text.contains("<script>") && !letter.html.contains("<script>"), "{}", letter.html);
    assert!(!letter.subject.contains("script"), "no name stands in the subject");
    let long = Letter::of(String::new(), &[Block::Line("long ".repeat(60))]).unwrap();
    assert!(long.text.lines().all(|line| line.chars().count() <= 78));
}

#[tokio::test]
async fn a_folder_takes_a_letter_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mails");
    let post = Post::directory("navette@rectorat.example", Files::new(Crash::off()), path.clone()).unwrap();
    assert_eq!(post.domain(), "rectorat.example");
    let message_id = "<a@rectorat.example>";
    let envelope =
        |to| Envelope { to, message_id, name: "0380001V-2019-2020-05-26", written_at: at("2020-05-26 03:15") };
    let letter = quiet().letter().unwrap();
    for _ in 0..2 {
        post.hand_over(&envelope("college@veil.example"), &letter).await.unwrap();
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.iter().filter(|name| name.to_string_lossy().ends_with(".eml")).count(), 1);
    }
    let other = busy().letter().unwrap();
    let fault = post.hand_over(&envelope("college@veil.example"), &other).await.unwrap_err();
    assert!(matches!(fault, Undelivered::Folder) && fault.concerns_all(), "{fault}");
    let fault = post.hand_over(&envelope("no address"), &letter).await.unwrap_err();
    assert!(matches!(fault, Undelivered::Letter) && !fault.concerns_all(), "{fault}");
    assert!(matches!(Post::directory("nobody", Files::new(Crash::off()), path), Err(PostFault::Address)));
}
