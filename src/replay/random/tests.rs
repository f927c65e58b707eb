//! Generated scenarios are the same for the same seed, keep to their bounds, read back as written, and shrink.

use crate::crash::Point;
use crate::domain::{
    campaign::Phase,
    time::{DAY_S, HOUR_S, next_day, parse_time_of_day, slot_instant},
};
use crate::replay::{
    audit::Check,
    parse::parse,
    player::{How, play},
    random::{scenario, settled, shrink::shrink, trial},
    report::to_json,
    scenario::{Action, FaultSpec, Scenario, Side, Step},
    write::write,
};
use std::collections::{BTreeMap, BTreeSet};

/// Seeds that `tests/run` plays.
const SEEDS_OF_TESTS_RUN: u64 = 500;
/// Ways in which each topic of a far side fails.
const FAULTS: [&str; 10] = ["down", "loses", "slow", "503", "500", "429", "408", "502", "401", "422"];

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

/// Every kind of happening that worlds must hold (issue 5, point 4), by what is drawn in the scenarios.
fn kinds(scenario: &Scenario) -> BTreeSet<String> {
    let mut kinds = BTreeSet::from([
        format!("{} schools", scenario.schools.len()),
        format!("{:?}", scenario.transport),
        format!("{:?}", scenario.format),
        format!("{:?}", scenario.encoding),
    ]);
    let mut entered: BTreeMap<(String, Option<Phase>), String> = BTreeMap::new();
    let mut answered = BTreeSet::new();
    for step in &scenario.steps {
        let campaign = (step.uai, step.phase);
        kinds.insert(step.name.to_owned());
        match &step.action {
            Action::Validate(entry) => {
                let owner = entered.entry((entry.who.pupil.clone(), step.phase)).or_default();
                let kind = [("", "first"), (entry.who.by.as_str(), "changes its mind")];
                let kind = kind.iter().find(|(by, _)| *by == owner.as_str()).map_or("quarrels", |(_, kind)| kind);
                kinds.insert(format!("a family {kind}"));
                owner.clone_from(&entry.who.by);
            }
            Action::Respond { .. } => {
                let own = scenario.campaigns.iter().find(|one| (one.uai, Some(one.phase)) == campaign).unwrap();
                let last = own.calendar.as_ref().unwrap().last_council().unwrap();
                kinds.extend((last.plus_s(DAY_S) < step.at).then(|| "a council is late".to_owned()));
                kinds.extend((!answered.insert(campaign)).then(|| "a council corrects itself".to_owned()));
            }
            Action::Calendar { change: Ok(change), .. } => {
                kinds.extend((!change.councils.is_empty()).then(|| "a council moves".to_owned()));
            }
            Action::Faults(side, spec) => kinds.extend(faults(*side, spec)),
            Action::Crash { point } => _ = kinds.insert(point.name().to_owned()),
            Action::Daemon { up } => _ = kinds.insert(format!("daemon {up}")),
            _ => (),
        }
    }
    let (first, last) = (scenario.steps.first().unwrap().at, scenario.steps.last().unwrap().at);
    for school in &scenario.schools {
        let mut day = first.date_in(school.zone);
        while day < last.date_in(school.zone) {
            let noon = |day| slot_instant(school.zone, day, parse_time_of_day("12:00").unwrap());
            match noon(next_day(day)).since_ms(noon(day)) / 1_000 {
                DAY_S => (),
                length_s => _ = kinds.insert(format!("a day of {} h", length_s / HOUR_S)),
            }
            day = next_day(day);
        }
    }
    kinds
}

/// What a step makes fail, and of what.
fn faults(side: Side, spec: &FaultSpec) -> Vec<String> {
    let on = spec.on.as_deref().unwrap_or("any");
    let of = |what: &str| format!("{side:?} {what} {on}");
    let rejects = spec.reject.as_ref().is_some_and(|pupils| !pupils.is_empty());
    let kinds = [
        spec.up.filter(|up| !up).map(|_| of("down")),
        spec.status.filter(|_| 0 < spec.times).map(|status| of(&status.to_string())),
        spec.lose_reply.filter(|times| 0 < *times).map(|_| of("loses")),
        spec.latency_ms.filter(|wait| 0 < *wait).map(|_| of("slow")),
        spec.treat.filter(|treat| !treat).map(|_| "lots wait".to_owned()),
        rejects.then(|| "pupils are rejected".to_owned()),
    ];
    kinds.into_iter().flatten().collect()
}

#[test]
fn worlds_hold_everything_that_can_happen() {
    let seen: BTreeSet<String> = (1..=SEEDS_OF_TESTS_RUN).flat_map(|seed| kinds(&scenario(seed).unwrap())).collect();
    let topics = [
        (Side::Siecle, vec!["any", "lots", "receipts", "responses"]),
        (Side::Teleservice, vec!["any", "feed", "orders"]),
    ];
    let mut expected: BTreeSet<String> = [
        "1 schools",
        "2 schools",
        "3 schools",
        "Directory",
        "Http",
        "Xml",
        "Csv",
        "Utf8",
        "Latin9",
        "draft",
        "validate",
        "validate_all",
        "logout",
        "acknowledge",
        "acknowledge_all",
        "reply",
        "arrive",
        "leave",
        "open",
        "close",
        "reopen",
        "calendar",
        "switch",
        "respond",
        "entry_complete",
        "sync",
        "resync",
        "approve",
        "a family first",
        "a family changes its mind",
        "a family quarrels",
        "a council is late",
        "a council corrects itself",
        "a council moves",
        "lots wait",
        "pupils are rejected",
        "daemon true",
        "daemon false",
        "a day of 23 h",
        "a day of 25 h",
    ]
    .map(str::to_owned)
    .into();
    expected.extend(Point::ALL.map(|point| point.name().to_owned()));
    for (side, topics) in topics {
        for (topic, what) in topics.iter().flat_map(|topic| FAULTS.map(|what| (topic, what))) {
            expected.insert(format!("{side:?} {what} {topic}"));
        }
    }
    assert_eq!(expected.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
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
