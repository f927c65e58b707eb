//! Plays every scenario of fixtures/: on its own transport, on the other one, and minute by minute.

use navette::replay::{
    golden,
    player::{How, play},
    report::{Report, to_json},
    scenario::{Scenario, Way},
    suite::{self, Wishes},
};
use rstest::rstest;
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The scenarios are dealt out to so many tests, which run side by side.
const HANDS: usize = 4;
/// A scenario that plays over one transport only says so in a comment; faults of HTTP do nothing over folders.
const ONLY: [&str; 3] = ["# only:", "lose_reply", "status ="];

fn all() -> Vec<PathBuf> {
    suite::folders(Path::new("fixtures/scenarios")).unwrap()
}

fn hand(n: usize) -> Vec<PathBuf> {
    all().into_iter().skip(n).step_by(HANDS).collect()
}

async fn played(scenario: &Scenario, how: &How) -> Report {
    let ended = play(scenario, how, &mut |_| ()).await.unwrap();
    let report = ended.report;
    ended.stage.strike().await;
    report
}

#[test]
fn there_are_enough_and_each_says_why() {
    let folders = all();
    assert!(30 <= folders.len(), "{}", folders.len());
    for folder in folders {
        let text = fs::read_to_string(folder.join("scenario.toml")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let silent = lines.windows(2).filter(|pair| pair[1] == "[[step]]" && !pair[0].starts_with('#')).count();
        assert_eq!(silent, 0, "{}: steps without a comment above", folder.display());
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_scenario_holds(#[values(0, 1, 2, 3)] n: usize) {
    for folder in hand(n) {
        let scenario = suite::read(&folder).unwrap();
        let verdict = suite::one(&folder, &scenario, &Wishes::default()).await.unwrap();
        let failures = verdict.report.failures;
        assert!(failures.is_empty(), "{}:\n{}", folder.display(), failures.join("\n"));
    }
}

/// The same scenarios on the server that `tests/run` started.
#[cfg(feature = "outside")]
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_scenario_holds_on_a_server(#[values(0, 1, 2, 3)] n: usize) {
    for folder in hand(n) {
        let scenario = suite::read(&folder).unwrap();
        let wishes = Wishes { database: Some(crate::night::server()), ..Wishes::default() };
        let verdict = suite::one(&folder, &scenario, &wishes).await.unwrap();
        assert!(verdict.report.failures.is_empty(), "{}:\n{}", folder.display(), verdict.report.failures.join("\n"));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn both_transports_tell_the_same(#[values(0, 1, 2, 3)] n: usize) {
    for folder in hand(n) {
        let text = fs::read_to_string(folder.join("scenario.toml")).unwrap();
        if ONLY.iter().any(|word| text.contains(word)) {
            continue;
        }
        let scenario = suite::read(&folder).unwrap();
        let over = |way| How { way: Some(way), ..How::plain() };
        let folders = played(&scenario, &over(Way::Directory)).await;
        let http = played(&scenario, &over(Way::Http)).await;
        assert_eq!(to_json(&folders), to_json(&http), "{}", folder.display());
    }
}

#[rstest]
#[case("closing-put-off-by-503")]
#[case("closing-read-after-the-night")]
#[case("drift-closed-again")]
#[tokio::test(flavor = "multi_thread")]
async fn jumping_tells_the_same_as_every_minute(#[case] name: &str) {
    let scenario = suite::read(&Path::new("fixtures/scenarios").join(name)).unwrap();
    let jumping = played(&scenario, &How::plain()).await;
    let ticking = played(&scenario, &How { every_minute: true, ..How::plain() }).await;
    assert_eq!(to_json(&jumping), to_json(&ticking));
}

/// What released versions wrote is kept, and today's program writes the same bytes: `each_scenario_holds` compares them,
/// and a change is a decision, taken by `--bless`. Here: that those which tell most are kept, each file with its digest.
#[rstest]
#[case("autumn-change-in-paris")]
#[case("csv-in-latin-9")]
#[case("four-schools-four-zones")]
#[case("jules-dupond-both-phases")]
#[case("late-demand-exported")]
#[case("lot-replaced-before-treated")]
#[case("lycee-in-noumea")]
#[case("rejected-pupil-in-every-later-lot")]
#[case("responses-refused-row-by-row")]
#[case("spring-change-in-paris")]
#[case("stale-response")]
#[case("two-phases-acknowledged-and-locked")]
#[case("who-leaves-and-who-arrives")]
fn released_goldens_are_kept(#[case] name: &str) {
    let expected = golden::tree(&Path::new("fixtures/scenarios").join(name).join("expected")).unwrap();
    let (digests, kept): (Vec<_>, Vec<_>) =
        expected.keys().partition(|path| path.extension().is_some_and(|extension| extension == "sha256"));
    assert_eq!(
        (digests.len(), kept.len()),
        (expected.len() / 2, expected.len() / 2 + 1),
        "all but the report in pairs"
    );
    for digest in digests {
        let exchanged = digest.with_extension("");
        let found: String = Sha256::digest(&expected[&exchanged]).iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{found}  {}\n", exchanged.file_name().unwrap().display());
        assert_eq!(String::from_utf8_lossy(&expected[digest]), line, "{}", digest.display());
    }
}
