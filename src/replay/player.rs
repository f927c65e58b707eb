//! Plays a scenario: from step to step the clock jumps, and whatever falls due in between happens at its due instant.

use crate::crash::Point;
use crate::domain::{
    school::SchoolKey,
    time::{MINUTE_S, Timestamp},
};
use crate::guard::CalendarChange;
use crate::replay::{
    expect,
    report::{Report, StepReport},
    rest::Rest,
    scenario::{Action, Scenario, Step, Way},
    stage::{Database, Stage, StageFault},
    steps::{self, Played},
    summary,
};
use crate::run::{
    self,
    outcome::{Done, Summary},
};
use crate::sandbox::hold;
use crate::window::{self, Answer};
use std::collections::{BTreeMap, BTreeSet};

/// How a scenario is played.
#[derive(Clone, Debug)]
pub struct How {
    /// Over which transport; the scenario's own when absent.
    pub way: Option<Way>,
    /// On which database.
    pub database: Database,
    /// Whether every whole minute is ticked, though nothing would be found.
    pub every_minute: bool,
    /// Where the program is killed once, and at which passage since the calendars were loaded.
    pub kill: Option<(Point, u32)>,
}

impl How {
    /// As the scenario says, on SQLite.
    pub const fn plain() -> Self {
        Self { way: None, database: Database::Default, every_minute: false, kill: None }
    }
}

/// What a player tells while it plays.
pub enum Happening<'a> {
    /// A step was played.
    Step(&'a Step, &'a Played),
    /// A tick found something to do.
    Tick(Timestamp, &'a Summary),
}

/// Who is told.
pub type Told<'t> = dyn FnMut(&Happening<'_>) + Send + Sync + 't;

/// What came of a scenario.
pub struct Ended {
    /// The report.
    pub report: Report,
    /// Why it failed: step, what was expected, what came.
    pub failures: Vec<String>,
    /// The stage as it was left.
    pub stage: Stage,
    /// How often each crash point was passed before a kill could have been armed.
    pub passed_before: BTreeMap<Point, u32>,
    /// Whether it was killed where it was to be.
    pub killed: bool,
}

/// Plays a scenario to its last step.
///
/// # Errors
/// When it could not be set up, or the machine failed.
pub async fn play(scenario: &Scenario, how: &How, told: &mut Told<'_>) -> Result<Ended, StageFault> {
    let mut player = Player::set(scenario, how, told).await?;
    if player.begin().await? {
        for (step, n) in scenario.steps.iter().zip(1..) {
            player.step(n, step).await?;
        }
    }
    player.end().await
}

/// Where the clock starts: given, else the earliest `opens`, `closes` or step.
pub fn first_instant(scenario: &Scenario) -> Timestamp {
    let campaigns = scenario.campaigns.iter().filter_map(|campaign| campaign.calendar.as_ref().ok());
    let edges = campaigns.flat_map(|calendar| [calendar.opens, calendar.closes]);
    let earliest = edges.chain(scenario.steps.iter().map(|step| step.at)).min();
    scenario.start.or(earliest).unwrap_or(Timestamp::from_epoch_ms(0))
}

/// A player at work: set, begun, then led from step to step.
pub struct Player<'s, 't> {
    /// What it plays on.
    pub stage: Stage,
    scenario: &'s Scenario,
    told: &'s mut Told<'t>,
    every_minute: bool,
    kill: Option<(Point, u32)>,
    up: bool,
    /// Killed, and not started again yet.
    dead: bool,
    rest: Rest,
    ticked: Option<Timestamp>,
    steps: Vec<StepReport>,
    failures: Vec<String>,
    passed_before: BTreeMap<Point, u32>,
    down_since: Option<Timestamp>,
    downs: Vec<Down>,
}

/// A time in which the program did not run: stopped, or dead by a crash. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end; none while it lasts.
    pub to: Option<Timestamp>,
}

impl<'s, 't> Player<'s, 't> {
    /// Sets the stage of a scenario.
    ///
    /// # Errors
    /// When it could not be set up.
    pub async fn set(scenario: &'s Scenario, how: &How, told: &'t mut Told<'t>) -> Result<Self, StageFault> {
        let start = first_instant(scenario);
        let way = how.way.unwrap_or(scenario.transport);
        let stage = Stage::set(scenario, way, start, &how.database, how.kill.is_some()).await?;
        Ok(Self {
            stage,
            scenario,
            told,
            every_minute: how.every_minute,
            kill: how.kill,
            up: true,
            dead: false,
            rest: Rest::default(),
            ticked: None,
            steps: Vec::new(),
            failures: Vec::new(),
            passed_before: BTreeMap::new(),
            down_since: None,
            downs: Vec::new(),
        })
    }

    /// The report of what was played.
    ///
    /// # Errors
    /// The store's.
    pub async fn end(self) -> Result<Ended, StageFault> {
        let killed = self.kill_passage().is_some_and(|kill| self.stage.crash.deaths().contains(&kill));
        let Self { stage, scenario, steps, failures, passed_before, .. } = self;
        let report = summary::report(scenario, &stage, steps, failures.is_empty()).await?;
        Ok(Ended { report, failures, stage, passed_before, killed })
    }

    /// The times in which the program did not run, so far.
    pub fn downs(&self) -> Vec<Down> {
        let lasting = self.down_since.map(|from| Down { from, to: None });
        self.downs.iter().copied().chain(lasting).collect()
    }

    /// What became of the latest step; none when the program died under it.
    pub fn latest(&self) -> Option<&StepReport> {
        self.steps.last()
    }

    fn goes_down(&mut self, at: Timestamp) {
        self.down_since.get_or_insert(at);
    }

    fn comes_up(&mut self, at: Timestamp) {
        if self.up && !self.dead {
            self.downs.extend(self.down_since.take().map(|from| Down { from, to: Some(at) }));
        }
    }

    /// The feed is read, calendars are loaded, then comes the first tick; false when a calendar ends the scenario.
    ///
    /// # Errors
    /// When the machine failed.
    pub async fn begin(&mut self) -> Result<bool, StageFault> {
        let start = self.stage.clock.now();
        self.stage.turn().await;
        for served in self.stage.ctx.schools.values() {
            run::feed::read(&self.stage.ctx, served, start).await?;
        }
        for spec in &self.scenario.campaigns {
            let Some(key) = self.stage.campaign(spec.uai, spec.phase) else { continue };
            let Some(served) = self.stage.served(spec.uai).cloned() else { continue };
            let outcome = match &spec.calendar {
                Err(_) => "CIVIL_TIME".to_owned(),
                Ok(calendar) => {
                    let change = CalendarChange {
                        opens: Some(calendar.opens),
                        closes: Some(calendar.closes),
                        reopens: calendar.reopens,
                        ends: calendar.ends,
                        councils: calendar.councils.clone(),
                    };
                    match window::load(&self.stage.ctx, &served, key, change, None, start).await? {
                        Answer::Done | Answer::Already => "ok".to_owned(),
                        Answer::Refused(refusal) => refusal.code.as_str().to_owned(),
                        Answer::Failed(_) => "FAILED".to_owned(),
                    }
                }
            };
            let expected = spec.expect.as_deref().unwrap_or("ok");
            if outcome != expected {
                self.failures.push(format!("calendar of {key}: expected {expected}, came {outcome}"));
                return Ok(false);
            }
        }
        self.passed_before = self.stage.crash.passed();
        if let Some((point, passage)) = self.kill {
            self.stage.crash.arm(point, passage);
        }
        if self.scenario.daemon && start.floor_minute() == start {
            self.tick(start).await?;
        }
        Ok(true)
    }

    /// Plays what falls due until an instant, whatever people did since at the far sides.
    ///
    /// # Errors
    /// When the machine failed.
    pub async fn pass(&mut self, until: Timestamp) -> Result<(), StageFault> {
        self.rest.wake_all();
        self.advance(until).await?;
        self.stage.clock.set(until);
        Ok(())
    }

    /// Plays up to a step that no scenario holds, and the step; what came of it.
    ///
    /// # Errors
    /// When the machine failed.
    pub async fn play(&mut self, step: &Step) -> Result<Played, StageFault> {
        self.pass(step.at).await?;
        let played = self.act(step).await?;
        self.rest.wake_all();
        (self.told)(&Happening::Step(step, &played));
        Ok(played)
    }

    /// Plays up to a step, and the step.
    ///
    /// # Errors
    /// When the machine failed.
    pub async fn step(&mut self, n: usize, step: &Step) -> Result<(), StageFault> {
        self.advance(step.at).await?;
        self.stage.clock.set(step.at);
        if self.dead {
            self.restart(step.at).await?;
        }
        let played = match &step.action {
            Action::Daemon { up } => {
                self.up = *up;
                if *up {
                    self.comes_up(step.at);
                    if self.scenario.daemon {
                        self.tick(step.at).await?;
                    }
                } else {
                    self.goes_down(step.at);
                }
                Played::ok()
            }
            Action::Expect(expected) => {
                let differences = expect::differences(&self.stage, step, expected).await?;
                let played = if differences.is_empty() { Played::ok() } else { Played::word("FAILED") };
                self.failures.extend(differences.into_iter().map(|said| format!("step {n} (expect): {said}")));
                played
            }
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
            | Action::Window { .. }
            | Action::Calendar { .. }
            | Action::Switch { .. }
            | Action::Respond { .. }
            | Action::EntryComplete
            | Action::Sync { .. }
            | Action::Resync
            | Action::Approve
            | Action::Faults(..)
            | Action::Deliver { .. }
            | Action::Crash { .. } => self.act(step).await?,
        };
        self.stage.turn().await;
        self.wake(step);
        if let (Some(outcome), Some(expected)) = (&played.outcome, &step.expect)
            && outcome != expected
            // A failing assertion has said every difference.
            && !matches!(step.action, Action::Expect(_))
        {
            self.failures.push(format!("step {n} ({}): expected {expected}, came {outcome}", step.name));
        }
        (self.told)(&Happening::Step(step, &played));
        let outcome = played.outcome.unwrap_or_else(|| "crashed".to_owned());
        self.steps.push(StepReport { n, at: step.at, name: step.name, outcome, earliest: played.earliest });
        Ok(())
    }

    /// A step of a hand or of a far side; a hand whose program is killed under it has no outcome.
    async fn act(&mut self, step: &Step) -> Result<Played, StageFault> {
        loop {
            let crash = self.stage.crash.clone();
            let played = tokio::select! {
                biased;
                played = steps::play(&mut self.stage, self.scenario, step) => Some(played?),
                () = crash.died() => None,
            };
            match played {
                Some(played) => return Ok(played),
                // An operator whose command died gives it again.
                None if self.was_killed() => self.reopen().await?,
                None => {
                    self.dead = true;
                    self.goes_down(step.at);
                    return Ok(Played { outcome: None, earliest: None, sentence: None });
                }
            }
        }
    }

    /// Everything that falls due up to `until`, that instant included.
    async fn advance(&mut self, until: Timestamp) -> Result<(), StageFault> {
        while self.scenario.daemon && self.up && !self.dead {
            let now = self.stage.clock.now();
            let soon = self.ticked.filter(|at| now <= *at).map_or(now.ceil_minute(), |at| at.plus_s(MINUTE_S));
            let schools = self.stage.ctx.schools.keys().copied();
            let next = if self.every_minute { Some(soon) } else { self.rest.next(schools, soon) };
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.stage.clock.set(next);
            self.tick(next).await?;
        }
        // Every tick that is due up to `until` was played, or would have found nothing.
        if self.ticked.is_some() && until.floor_minute() == until {
            self.ticked = Some(until);
        }
        Ok(())
    }

    /// Wakes the schools at which a step may have changed something.
    fn wake(&mut self, step: &Step) {
        if step.action.is_everywhere() {
            self.rest.wake_all();
        }
        let own = SchoolKey { uai: step.uai, year: self.scenario.year };
        self.rest.wake(own);
        if let Some((school, _)) = step.action.pupil().and_then(|pupil| self.stage.names.pupil(own, pupil)) {
            self.rest.wake(school);
        }
    }

    async fn tick(&mut self, now: Timestamp) -> Result<(), StageFault> {
        self.ticked = Some(now);
        let left = self.failures_left();
        let is_due = |school: &SchoolKey| self.every_minute || self.rest.is_due(*school, now);
        let due: BTreeSet<SchoolKey> = self.stage.ctx.schools.keys().copied().filter(is_due).collect();
        let crash = self.stage.crash.clone();
        let summary = tokio::select! {
            biased;
            summary = run::tick(&self.stage.ctx, &due, now) => Some(summary),
            () = crash.died() => None,
        };
        match summary {
            Some(summary) => {
                if summary.schools.values().any(Done::changed) {
                    (self.told)(&Happening::Tick(now, &summary));
                }
                self.lay(&summary, left == self.failures_left(), now).await?;
            }
            None if self.was_killed() => {
                self.restart(now).await?;
            }
            None => {
                self.dead = true;
                self.goes_down(now);
            }
        }
        Ok(())
    }

    /// Schools rest whose tick changed nothing; none does when it used up a failure of a far side, as another outcome may
    /// follow.
    async fn lay(&mut self, summary: &Summary, used_none_up: bool, now: Timestamp) -> Result<(), StageFault> {
        for (school, done) in &summary.schools {
            if done.changed() || !used_none_up {
                self.rest.wake(*school);
            } else if let Some(served) = self.stage.ctx.schools.get(school) {
                let named = run::next::instant(&self.stage.ctx, served, now).await?;
                self.rest.lay(*school, named.map(Timestamp::ceil_minute));
            }
        }
        Ok(())
    }

    /// How many failures the far sides still owe.
    fn failures_left(&self) -> u32 {
        let families = hold(&self.stage.teleservice).faults.left();
        families.saturating_add(hold(&self.stage.siecle).faults.left())
    }

    /// The program is started again: it ticks at once.
    async fn restart(&mut self, now: Timestamp) -> Result<(), StageFault> {
        self.comes_up(now);
        self.reopen().await?;
        if self.scenario.daemon && self.up {
            // It may die again: a scenario's own crash still stands.
            Box::pin(self.tick(now)).await?;
        }
        Ok(())
    }

    /// The passage, since the very beginning, at which it is to be killed.
    fn kill_passage(&self) -> Option<(Point, u32)> {
        let (point, passage) = self.kill?;
        Some((point, self.passed_before.get(&point).copied().unwrap_or_default() + passage))
    }

    /// Whether it died of the kill, and not of a crash of the scenario's.
    fn was_killed(&self) -> bool {
        self.kill_passage().is_some_and(|kill| self.stage.crash.deaths().last() == Some(&kill))
    }

    /// Nothing of the dead program is left but what it committed.
    async fn reopen(&mut self) -> Result<(), StageFault> {
        self.dead = false;
        self.rest.wake_all();
        self.stage.restart().await
    }
}
