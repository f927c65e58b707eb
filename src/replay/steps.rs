//! One step of a scenario: what people and far sides do, and what comes of it as one word.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::{PupilId, RepresentativeId},
    school::SchoolKey,
    time::{Timestamp, Zone},
};
use crate::guard::Derogation;
use crate::replay::{
    scenario::{Action, DigestSpec, Entry, FaultSpec, Override, Scenario, Side, Step, Who},
    stage::{Stage, StageFault},
};
use crate::run::{
    self,
    context::Served,
    demands::Wish,
    outcome::{Done, Outcome},
};
use crate::sandbox::{
    councils::{Council, DeliveredDigest},
    faults::{Faults, Topic},
    hold,
    rules::EntryCode,
};
use crate::store::feed::Stop;
use crate::window::{self, Answer};
use std::collections::{BTreeMap, BTreeSet};

/// Who asks for a dérogation in a scenario.
const OPERATOR: &str = "replay";

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// One word; none when the program died under the step.
    pub outcome: Option<String>,
    /// The instant from which it would be allowed.
    pub earliest: Option<Timestamp>,
    /// The guard's sentence, when it says no.
    pub sentence: Option<String>,
}

impl Played {
    /// It went well.
    pub fn ok() -> Self {
        Self::word("ok")
    }

    /// One word came.
    pub fn word(word: &str) -> Self {
        Self { outcome: Some(word.to_owned()), earliest: None, sentence: None }
    }

    fn entry<T>(answer: Result<T, EntryCode>) -> Self {
        answer.map_or_else(|code| Self::word(code.as_str()), |_| Self::ok())
    }

    fn answer(answer: Answer, zone: Zone) -> Self {
        match answer {
            Answer::Done | Answer::Already => Self::ok(),
            Answer::Refused(refusal) => Self {
                outcome: Some(refusal.code.as_str().to_owned()),
                earliest: refusal.earliest,
                sentence: Some(refusal.sentence(zone)),
            },
            Answer::Failed(_) => Self::word("FAILED"),
        }
    }
}

/// Plays one step at its instant.
///
/// # Errors
/// The store's; names that the scenario does not know.
pub async fn play(stage: &mut Stage, scenario: &Scenario, step: &Step) -> Result<Played, StageFault> {
    let school = SchoolKey { uai: step.uai, year: scenario.year };
    let at = At { school, now: step.at, step };
    Ok(match &step.action {
        Action::Window { hand, derogation } => {
            let served = at.served(stage)?;
            let key = at.campaign(stage)?;
            let derogation = derogation.as_ref().map(asked);
            Played::answer(window::ask(&stage.ctx, &served, key, *hand, derogation, at.now).await?, served.school.zone)
        }
        Action::Calendar { change: Err(_), .. } => {
            let served = at.served(stage)?;
            Played::word(window::civil_time(&stage.ctx, &served, at.now).await?.as_str())
        }
        Action::Calendar { change: Ok(change), derogation } => {
            let served = at.served(stage)?;
            let (key, change) = (at.campaign(stage)?, change.clone());
            let derogation = derogation.as_ref().map(asked);
            Played::answer(
                window::load(&stage.ctx, &served, key, change, derogation, at.now).await?,
                served.school.zone,
            )
        }
        Action::Sync { named } => sync(stage, &at, *named).await,
        Action::Resync => {
            let served = at.served(stage)?;
            let only = step.phase.and_then(|phase| stage.campaign(step.uai, phase));
            Played::word(run::by_hand(&stage.ctx, &served, Wish::Whole, only, at.now).await.outcome().as_str())
        }
        Action::Approve => {
            let found = run::approve::approve(&stage.ctx, school, None, OPERATOR, at.now).await?;
            Played::word(if found { "ok" } else { "nothing" })
        }
        Action::Crash { point } => {
            stage.crash.arm(*point, 1);
            Played::ok()
        }
        Action::Faults(side, spec) => faults(stage, &at, *side, spec)?,
        Action::Deliver { file, publish_as, digest } => deliver(stage, scenario, &at, file, publish_as, *digest)?,
        Action::Respond { .. } | Action::EntryComplete => councils(stage, &at)?,
        Action::Draft(_)
        | Action::Validate(_)
        | Action::ValidateAll { .. }
        | Action::Logout(_)
        | Action::Acknowledge(_)
        | Action::AcknowledgeAll
        | Action::Reply { .. }
        | Action::Emit { .. }
        | Action::Arrive(_)
        | Action::Leave { .. }
        | Action::Switch { .. } => families(stage, &at)?,
        // The player's own.
        Action::Daemon { .. } | Action::Expect(_) => Played::ok(),
    })
}

fn asked(derogation: &Override) -> Derogation {
    Derogation { reason: derogation.reason.clone(), who: OPERATOR.to_owned() }
}

/// Where and when a step takes place.
struct At<'s> {
    school: SchoolKey,
    now: Timestamp,
    step: &'s Step,
}

impl At<'_> {
    fn fault(&self, what: &str) -> StageFault {
        StageFault::SetUp(format!("step `{}` at {}: {what}", self.step.name, self.now.rfc3339_utc()))
    }

    fn served(&self, stage: &Stage) -> Result<Served, StageFault> {
        stage.served(self.step.uai).cloned().ok_or_else(|| self.fault("no such school"))
    }

    fn phase(&self) -> Result<Phase, StageFault> {
        self.step.phase.ok_or_else(|| self.fault("`phase` is missing: the school has several campaigns, or none"))
    }

    fn campaign(&self, stage: &Stage) -> Result<CampaignKey, StageFault> {
        let phase = self.phase()?;
        stage.campaign(self.step.uai, phase).ok_or_else(|| self.fault("no such campaign"))
    }

    fn pupil(&self, stage: &Stage, name: &str) -> Result<(SchoolKey, PupilId), StageFault> {
        stage.names.pupil(self.school, name).ok_or_else(|| self.fault(&format!("no pupil is called \"{name}\"")))
    }

    fn who(&self, stage: &Stage, who: &Who) -> Result<(SchoolKey, PupilId, RepresentativeId), StageFault> {
        let (school, pupil) = self.pupil(stage, &who.pupil)?;
        let by = stage.names.representative_of(&who.by);
        let by = by.ok_or_else(|| self.fault(&format!("no representative is called \"{}\"", who.by)))?;
        Ok((school, pupil, by))
    }
}

/// What families and the switch at the téléservice do.
fn families(stage: &mut Stage, at: &At<'_>) -> Result<Played, StageFault> {
    let now = at.now;
    let entry = |stage: &Stage, entry: &Entry| {
        let (school, pupil, by) = at.who(stage, &entry.who)?;
        Ok::<_, StageFault>((school, at.phase()?, pupil, by))
    };
    Ok(match &at.step.action {
        Action::Draft(typed) => {
            let (school, phase, pupil, by) = entry(stage, typed)?;
            Played::entry(hold(&stage.teleservice).draft(school, phase, pupil, by, &typed.choices))
        }
        Action::Validate(typed) => {
            let (school, phase, pupil, by) = entry(stage, typed)?;
            Played::entry(hold(&stage.teleservice).validate(school, phase, pupil, by, &typed.choices, now))
        }
        Action::ValidateAll { division, track } => {
            let key = at.campaign(stage)?;
            Played::entry(hold(&stage.teleservice).validate_all(key, division.as_ref(), track, now))
        }
        Action::Logout(who) => {
            let (school, pupil, by) = at.who(stage, who)?;
            hold(&stage.teleservice).logout(school, pupil, by, now);
            Played::ok()
        }
        Action::Acknowledge(who) => {
            let (school, pupil, by) = at.who(stage, who)?;
            Played::entry(hold(&stage.teleservice).acknowledge(school, pupil, by, now))
        }
        Action::AcknowledgeAll => {
            let level =
                stage.schools.get(&at.school).map(|spec| spec.level).ok_or_else(|| at.fault("no such school"))?;
            Played::entry(hold(&stage.teleservice).acknowledge_all(at.school, level, now))
        }
        Action::Reply { who, accept } => {
            let (school, pupil, by) = at.who(stage, who)?;
            Played::entry(hold(&stage.teleservice).reply(school, pupil, by, accept, now))
        }
        Action::Emit { event, without } => {
            let without: BTreeSet<String> = without.iter().cloned().collect();
            hold(&stage.teleservice).emit(at.school, event.clone(), &without, now);
            Played::ok()
        }
        Action::Arrive(pupil) => {
            stage.arrive(at.school, pupil, now);
            Played::ok()
        }
        Action::Leave { pupil } => {
            let (school, pupil) = at.pupil(stage, pupil)?;
            hold(&stage.teleservice).leave(school, pupil, now);
            Played::ok()
        }
        Action::Switch { open } => {
            let key = at.campaign(stage)?;
            hold(&stage.teleservice).switch(key, *open, now);
            Played::ok()
        }
        Action::Window { .. }
        | Action::Calendar { .. }
        | Action::Respond { .. }
        | Action::EntryComplete
        | Action::Sync { .. }
        | Action::Resync
        | Action::Approve
        | Action::Faults(..)
        | Action::Deliver { .. }
        | Action::Daemon { .. }
        | Action::Crash { .. }
        | Action::Expect(_) => Played::ok(),
    })
}

/// What councils and the school enter in Siècle.
fn councils(stage: &Stage, at: &At<'_>) -> Result<Played, StageFault> {
    let key = at.campaign(stage)?;
    let Action::Respond { division, pupil, value, reason, proposals } = &at.step.action else {
        let entered = hold(&stage.siecle).entry_complete(key, at.now);
        return Ok(entered.map_or_else(|fault| Played::word(&fault.to_string()), |_| Played::ok()));
    };
    let pupil = pupil.as_ref().map(|name| at.pupil(stage, name)).transpose()?.map(|(_, pupil)| pupil);
    let word = |accepted: bool| if accepted { "OUI" } else { "NON" };
    let council = Council {
        division: division.clone(),
        pupil,
        value: value.clone(),
        reason: reason.clone(),
        reasons: BTreeMap::new(),
        proposals: proposals
            .iter()
            .map(|(track, accepted)| (track.code().to_owned(), word(*accepted).to_owned()))
            .collect(),
    };
    let entered = hold(&stage.siecle).respond(key, &council, at.now);
    Ok(entered.map_or_else(|fault| Played::word(&fault.to_string()), |_| Played::ok()))
}

/// A whole run by hand, of the named school or of all; one outcome, the first by exit code.
async fn sync(stage: &Stage, at: &At<'_>, named: bool) -> Played {
    const ORDER: [u8; 7] = [7, 1, 5, 6, 3, 4, 0];
    let mut outcomes: Vec<Outcome> = Vec::new();
    for served in stage.ctx.schools.values().filter(|served| !named || served.school.key == at.school) {
        let done: Done = run::by_hand(&stage.ctx, served, Wish::Changed, None, at.now).await;
        outcomes.push(done.outcome());
    }
    let rank = |outcome: &Outcome| {
        let by_code = ORDER.iter().position(|code| *code == outcome.exit_code());
        // Within exit code 7: LOT_IN_DOUBT, FLUX_RECULE, SEQUENCE (scenarios.md, `sync`).
        let within = match outcome {
            Outcome::LotInDoubt => 0,
            Outcome::Stopped(Stop::WentBack) => 1,
            Outcome::Stopped(Stop::Hole { .. }) => 2,
            _ => 3,
        };
        (by_code, within, matches!(outcome, Outcome::Nothing))
    };
    outcomes.sort_by_key(rank);
    outcomes.first().map_or_else(|| Played::word("nothing"), |outcome| Played::word(outcome.as_str()))
}

fn faults(stage: &Stage, at: &At<'_>, side: Side, spec: &FaultSpec) -> Result<Played, StageFault> {
    let on = spec.on.as_deref().map(|name| Topic::of_str(name).ok_or_else(|| at.fault("no such topic"))).transpose()?;
    match side {
        Side::Teleservice => set(&mut hold(&stage.teleservice).faults, spec, on),
        Side::Siecle => {
            set(&mut hold(&stage.siecle).faults, spec, on);
            if let Some(names) = &spec.reject {
                let pupils: Result<BTreeSet<_>, _> =
                    names.iter().map(|name| at.pupil(stage, name).map(|(_, pupil)| pupil)).collect();
                hold(&stage.siecle).reject(pupils?);
            }
            if let Some(treat) = spec.treat {
                hold(&stage.siecle).treat(treat, at.now);
            }
        }
    }
    Ok(Played::ok())
}

fn set(faults: &mut Faults, spec: &FaultSpec, on: Option<Topic>) {
    match spec.up {
        Some(up) if up => faults.bring_up(on),
        Some(_) => faults.take_down(on),
        None => (),
    }
    if let Some(latency_ms) = spec.latency_ms {
        faults.slow_down(latency_ms, on);
    }
    if let Some(times) = spec.lose_reply {
        faults.lose_reply(times, on);
    }
    if let Some(status) = spec.status {
        faults.fail_with(status, spec.times, on);
    }
}

fn deliver(
    stage: &Stage,
    scenario: &Scenario,
    at: &At<'_>,
    file: &str,
    publish_as: &str,
    digest: DigestSpec,
) -> Result<Played, StageFault> {
    let folder = scenario.folder.as_ref().ok_or_else(|| at.fault("a built-in scenario delivers no file"))?;
    let bytes = std::fs::read(folder.join(file))?;
    let digest = match digest {
        DigestSpec::Right => DeliveredDigest::Right,
        DigestSpec::Wrong => DeliveredDigest::Wrong,
        DigestSpec::None => DeliveredDigest::None,
    };
    hold(&stage.siecle).deliver(at.school, publish_as, &bytes, digest);
    Ok(Played::ok())
}
