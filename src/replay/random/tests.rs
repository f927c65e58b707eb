//! Generated scenarios are the same for the same seed, keep to their bounds, read back as written, and shrink.

use crate::domain::time::DAY_S;
use crate::replay::{
    audit::Check,
    parse::parse,
    player::{How, play},
    random::{scenario, settled, shrink::shrink, trial},
    report::to_json,
    scenario::{Action, Scenario, Step},
    write::write,
};

#[test]
fn a_seed_is_one_scenario() {
    for seed in 0..20 {
        assert_eq!(format!("{:?}", scenario(seed)), format!("{:?}", scenario(seed)));
    }
    assert_ne!(format!("{:?}", scenario(1)), format!("{:?}", scenario(2)));
}

#[test]
fn worlds_keep_to_their_bounds() {
    for seed in 0..300 {
        let scenario = scenario(seed).unwrap();
        let pupils: usize = scenario.schools.iter().map(|school| school.pupils.len()).sum();
        assert!((1..=3).contains(&scenario.schools.len()) && (1..=8).contains(&pupils), "seed {seed}");
        let (first, last) = (scenario.steps.first().unwrap().at, scenario.steps.last().unwrap().at);
        assert!(last <= first.plus_s(15 * DAY_S), "seed {seed}: {first:?} to {last:?}");
        assert!(scenario.steps.is_sorted_by_key(|step| step.at), "seed {seed}");
        assert!(scenario.steps.iter().all(|step| step.expect.is_none()));
    }
}

#[tokio::test]
async fn a_scenario_reads_back_as_written_and_plays_the_same() {
    for seed in [3, 12] {
        let body = scenario(seed).unwrap();
        let played = trial(&body).await.unwrap();
        let meant = settled(&body, &played);
        let read = parse(&write(&meant), &meant.folder_name, None).unwrap();
        let mut reports = Vec::new();
        for scenario in [&meant, &read] {
            let ended = play(scenario, &How::plain(), &mut |_| ()).await.unwrap();
            assert_eq!(ended.failures, Vec::<String>::new(), "seed {seed}");
            ended.stage.strike().await;
            reports.push(to_json(&ended.report));
        }
        assert_eq!(reports[0], reports[1], "seed {seed}");
    }
}

/// The first event about a pupil that breaks the feed's rules: the téléservice errs, and the auditor says so.
fn broken(seed: u64) -> Scenario {
    let mut body = scenario(seed).unwrap();
    let event =
        serde_json::json!({ "type": "DEMANDE", "eleve_id": 100, "palier": "3E", "phase": "DEFINITIVE", "version": 0 });
    let event = event.as_object().cloned().unwrap();
    let (at, uai) = (body.steps[5].at, body.schools[0].uai);
    let action = Action::Emit { event, without: Vec::new() };
    body.steps.insert(6, Step { at, name: "emit", uai, phase: None, action, expect: None });
    body
}

#[tokio::test]
async fn a_failing_scenario_shrinks_to_what_makes_it_fail() {
    let body = broken(3);
    let failed = trial(&body).await.unwrap();
    assert_eq!(failed.check(), Some(Check::SecondOpinion));
    let shrunk = shrink(body, failed).await;
    assert_eq!(shrunk.trial.check(), Some(Check::SecondOpinion));
    let words: Vec<&str> = shrunk.body.steps.iter().map(|step| step.name).collect();
    assert_eq!(words, ["emit"]);
    assert_eq!((shrunk.body.schools.len(), shrunk.body.campaigns.len()), (1, 1));
    let text = write(&settled(&shrunk.body, &shrunk.trial));
    assert!(parse(&text, "shrunk", None).is_ok(), "{text}");
}
