//! Random campaigns: seeded worlds and steps, played to a quiet end, audited after every step, and shrunk when they fail.

pub mod deeds;
pub mod shrink;
pub mod worlds;

use crate::domain::time::{DAY_S, HOUR_S, MINUTE_S};
use crate::replay::{
    audit::{Auditor, Check, Finding, windows::Ill},
    player::{Happening, How, Player, first_instant},
    scenario::{Action, FaultSpec, Scenario, Side, Step},
    stage::StageFault,
    write::word,
};
use crate::sandbox::{desk::Record, faults::Topic, hold, world::Draw};
use std::sync::{Arc, Mutex, PoisonError};

/// What came of one play of a scenario without its end.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// What the auditor found, all of the same look.
    pub findings: Vec<Finding>,
    /// Steps played before that.
    pub played: usize,
    /// What came of each step; none where the program died under it.
    pub outcomes: Vec<Option<String>>,
}

impl Trial {
    /// The check that fired first.
    pub fn check(&self) -> Option<Check> {
        self.findings.first().map(|finding| finding.check)
    }
}

/// The scenario of a seed, without the quiet end that `whole` adds.
pub fn scenario(seed: u64) -> Option<Scenario> {
    let mut draw = Draw::new(seed);
    let world = worlds::world(seed, &mut draw)?;
    let steps = deeds::steps(&mut draw, &world);
    Some(Scenario { steps, ..world.scenario })
}

/// A scenario with a quiet end: faults are lifted, the program runs, and nights go by.
pub fn whole(body: &Scenario) -> Scenario {
    let mut whole = body.clone();
    let calendars = body.campaigns.iter().filter_map(|campaign| campaign.calendar.as_ref().ok());
    let edges = calendars.flat_map(|one| [one.ends, one.reopens, one.last_council()]).flatten();
    let steps = body.steps.iter().map(|step| step.at);
    let Some(last) = edges.chain(steps).max() else { return whole };
    let quiet = last.plus_s(HOUR_S).ceil_minute();
    let Some(first) = body.schools.first().map(|school| school.uai) else { return whole };
    let mut push = |at, uai, action| {
        whole.steps.push(Step { at, name: word(&action), uai, phase: None, action, expect: None });
    };
    for topic in [None, Some(Topic::Lots), Some(Topic::Receipts), Some(Topic::Responses)] {
        push(quiet, first, Action::Faults(Side::Siecle, well(topic)));
    }
    for topic in [None, Some(Topic::Feed), Some(Topic::Orders)] {
        let spec = FaultSpec { reject: None, treat: None, ..well(topic) };
        push(quiet, first, Action::Faults(Side::Teleservice, spec));
    }
    push(quiet, first, Action::Daemon { up: UP });
    for (days, resync) in [(1, Action::Resync), (2, Action::Sync { named: NAMED }), (3, Action::Sync { named: NAMED })]
    {
        for school in &body.schools {
            let at = quiet.plus_s(days * DAY_S + 10 * MINUTE_S);
            push(at, school.uai, Action::Approve);
            push(at, school.uai, resync.clone());
        }
    }
    whole
}

/// The daemon runs.
const UP: bool = true;
/// A step that names its school.
const NAMED: bool = true;

/// Everything of one topic, or of a whole side, gets well.
fn well(topic: Option<Topic>) -> FaultSpec {
    FaultSpec {
        up: Some(UP),
        latency_ms: Some(0),
        lose_reply: Some(0),
        status: Some(503),
        times: 0,
        on: topic.map(|topic| topic.as_str().to_owned()),
        reject: Some(Vec::new()),
        treat: Some(UP),
    }
}

/// Plays a scenario to its quiet end, and audits it.
///
/// # Errors
/// When the stage could not be set; what fails later is a finding.
pub async fn trial(body: &Scenario) -> Result<Trial, StageFault> {
    let whole = whole(body);
    let failures = Arc::new(Mutex::new(Vec::new()));
    let told_failures = Arc::clone(&failures);
    let mut told = move |happening: &Happening<'_>| {
        if let Happening::Tick(_, summary) = happening {
            let whys = summary.schools.values().flat_map(|done| &done.failures).map(|failure| failure.why.clone());
            told_failures.lock().unwrap_or_else(PoisonError::into_inner).extend(whys);
        }
    };
    let how = How::plain();
    let mut player = Player::set(&whole, &how, &mut told).await?;
    let mut trial = Trial::default();
    let audited = audited(&mut player, &whole, &failures, &mut trial).await;
    match audited {
        Ok(findings) => trial.findings = findings,
        // Steps about pupils who are not there are the generator's fault, or the shrinker's.
        Err(StageFault::SetUp(why)) => return Err(StageFault::SetUp(why)),
        Err(fault) => trial.findings = vec![Finding::new(Check::Stopped, fault.to_string())],
    }
    player.stage.strike().await;
    Ok(trial)
}

async fn audited(
    player: &mut Player<'_, '_>,
    whole: &Scenario,
    failures: &Mutex<Vec<String>>,
    trial: &mut Trial,
) -> Result<Vec<Finding>, StageFault> {
    let mut auditor = Auditor::new(whole, &player.stage, first_instant(whole));
    if !player.begin().await? {
        return Err(StageFault::SetUp("a calendar was refused".to_owned()));
    }
    for (step, n) in whole.steps.iter().zip(1..) {
        let well = all_is_well(player);
        player.step(n, step).await?;
        let outcome = player.latest().map(|report| report.outcome.clone()).filter(|word| word != CRASHED);
        let went_well = outcome.as_ref().map(|word| word == "ok");
        trial.outcomes.push(outcome);
        auditor.note(&player.stage, step, went_well).await?;
        let downs: Vec<Ill> = player.downs().iter().map(|down| Ill { from: down.from, to: down.to }).collect();
        let mut found = auditor.look(&player.stage, &downs).await?;
        let whys = std::mem::take(&mut *failures.lock().unwrap_or_else(PoisonError::into_inner));
        if well && all_is_well(player) {
            let said =
                |why| Finding::new(Check::Stopped, format!("a run failed though both far sides are well: {why}"));
            found.extend(whys.into_iter().filter(|why| !why.ends_with(OVERTAKEN)).map(said));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        trial.played = n;
    }
    auditor.finish(&player.stage).await
}

/// What a step reports under which the program died.
const CRASHED: &str = "crashed";

/// The code with which the téléservice refuses an order that a closing overtook, as a closing may (`run/orders.rs`): the
/// order is given again.
const OVERTAKEN: &str = "DEPASSE";

/// Whether nothing may make a run fail.
fn all_is_well(player: &Player<'_, '_>) -> bool {
    is_calm(player) && !is_deserted(player)
}

/// Whether both far sides do all that they are asked.
fn is_calm(player: &Player<'_, '_>) -> bool {
    let (teleservice, siecle) = (hold(&player.stage.teleservice), hold(&player.stage.siecle));
    Topic::ALL.iter().all(|topic| teleservice.faults.is_calm(*topic) && siecle.faults.is_calm(*topic))
}

/// Whether a school has no pupil left in procedure: that nobody is there is an error of its own (teleservice.md).
fn is_deserted(player: &Player<'_, '_>) -> bool {
    let teleservice = hold(&player.stage.teleservice);
    let goes_on = |record: &Record| record.present && record.pupil.in_procedure;
    let desks = teleservice.schools().filter_map(|school| teleservice.school(school));
    desks.into_iter().any(|desk| !desk.pupils.values().any(goes_on))
}

/// A scenario as it can be handed over: with its quiet end, and with what came of each step as what is expected.
pub fn settled(body: &Scenario, trial: &Trial) -> Scenario {
    let mut whole = whole(body);
    whole.steps.truncate(trial.outcomes.len());
    for (step, outcome) in whole.steps.iter_mut().zip(&trial.outcomes) {
        step.expect.clone_from(outcome);
    }
    whole
}

#[cfg(test)]
mod tests;
