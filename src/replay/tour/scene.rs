//! What the tour's page shows: where the campaign stands, what comes next, and which chapters are behind us.

use crate::domain::{
    campaign::Phase,
    school::SchoolKey,
    time::{HOUR_S, TimeOfDay, Timestamp, Zone, french, next_day, slot_instant},
};
use crate::guard::{State, state::What};
use crate::replay::{
    scenario::Scenario,
    stage::{Stage, StageFault},
};
use crate::run::status::{self, CampaignStatus};
use crate::sandbox::{desk::Desk, hold};

/// Lines of the timeline that are shown.
const LINES_MAX: usize = 30;
/// When people come back to the school in the morning.
const MORNING_HOUR: u32 = 8;

/// All that the page shows.
pub struct Scene {
    /// Now, in words.
    pub now: String,
    /// The school.
    pub school: String,
    /// The phase that the tour is at.
    pub phase: Phase,
    /// Its state, in words.
    pub state: &'static str,
    /// The rule that holds now.
    pub rule: &'static str,
    /// Whether the councils could come too early.
    pub at_risk: bool,
    /// What was answered to the last button.
    pub said: Option<String>,
    /// The chapters.
    pub chapters: Vec<Chapter>,
    /// Where the clock can go.
    pub stops: Vec<Stop>,
    /// What happened, the latest first.
    pub lines: Vec<String>,
    /// Where Siècle's screens of the campaign begin.
    pub siecle: String,
    /// The school's page, as the daemon serves it.
    pub page: String,
}

/// A chapter of the tour.
pub struct Chapter {
    /// What it is about.
    pub kind: ChapterKind,
    /// Whether it is behind us.
    pub done: bool,
    /// Whether it is the next one.
    pub current: bool,
}

/// The chapters, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChapterKind {
    /// Validate as a parent.
    Validate,
    /// Close.
    Close,
    /// Watch the night pass.
    Night,
    /// Answer as the council.
    Council,
    /// Be refused an early reopening.
    Refused,
    /// Wait.
    Wait,
    /// Reopen.
    Reopen,
    /// See the decision, or acknowledge the opinion.
    Decision,
}

impl ChapterKind {
    const ALL: [Self; 8] = [
        Self::Validate,
        Self::Close,
        Self::Night,
        Self::Council,
        Self::Refused,
        Self::Wait,
        Self::Reopen,
        Self::Decision,
    ];
}

/// An instant to which a button moves the clock.
pub struct Stop {
    /// What the button says.
    pub label: String,
    /// When that is, in words.
    pub at: String,
    /// The instant.
    pub epoch_ms: i64,
}

/// Where the campaign stands that the tour is at: the first that has not ended, else the last.
pub async fn status(stage: &Stage, scenario: &Scenario) -> Result<Option<CampaignStatus>, StageFault> {
    let Some(served) = scenario.schools.first().and_then(|spec| stage.served(spec.uai)) else { return Ok(None) };
    let all = status::of_school(&stage.ctx, served, stage.clock.now()).await?.campaigns;
    let at = all.iter().position(|one| one.state != State::Ended).unwrap_or(all.len().saturating_sub(1));
    Ok(all.into_iter().nth(at))
}

/// The scene as it stands.
pub async fn of(
    stage: &Stage,
    scenario: &Scenario,
    said: Option<String>,
    refused_early: Option<Phase>,
    mut lines: Vec<String>,
    daemon: String,
) -> Result<Scene, StageFault> {
    let nowhere = || StageFault::SetUp("the tour needs a school with a campaign".to_owned());
    let spec = scenario.schools.first().ok_or_else(nowhere)?;
    let status = status(stage, scenario).await?.ok_or_else(nowhere)?;
    let (now, phase) = (stage.clock.now(), status.key.phase);
    lines.reverse();
    lines.truncate(LINES_MAX);
    let school = SchoolKey { uai: spec.uai, year: scenario.year };
    Ok(Scene {
        now: french(now.civil_in(spec.zone)),
        school: spec.name.clone(),
        phase,
        state: status.state.label(),
        rule: status.state.rule(),
        at_risk: status.at_risk,
        said,
        chapters: chapters(stage, school, &status, refused_early == Some(phase)),
        stops: stops(&status, now, spec.zone),
        lines,
        siecle: format!("/siecle/{}/{}/{}/{}", spec.uai, scenario.year, spec.level.code(), phase.code()),
        page: daemon + "/",
    })
}

fn chapters(stage: &Stage, school: SchoolKey, status: &CampaignStatus, refused: bool) -> Vec<Chapter> {
    let (phase, state) = (status.key.phase, status.state);
    let answered = hold(&stage.siecle).school(school).is_some_and(|office| office.complete.contains_key(&status.key));
    let teleservice = hold(&stage.teleservice);
    let desk = teleservice.school(school);
    let is_done = |kind| match kind {
        ChapterKind::Validate => state >= State::Closed || desk.is_some_and(|desk| guide_pupil_validated(desk, phase)),
        ChapterKind::Close => state >= State::Closed,
        ChapterKind::Night => state >= State::CouncilsReady,
        ChapterKind::Council => answered,
        ChapterKind::Refused => refused || state >= State::Reopened,
        ChapterKind::Wait => state >= State::Reopenable,
        ChapterKind::Reopen => state >= State::Reopened,
        ChapterKind::Decision => desk.is_some_and(|desk| anybody_replied(desk, phase)),
    };
    let done: Vec<_> = ChapterKind::ALL.into_iter().map(|kind| (kind, is_done(kind))).collect();
    let current = done.iter().position(|(_, done)| !done);
    let chapter = |(at, (kind, done))| Chapter { kind, done, current: Some(at) == current };
    done.into_iter().enumerate().map(chapter).collect()
}

/// The first pupil is the guide's.
fn guide_pupil_validated(desk: &Desk, phase: Phase) -> bool {
    desk.pupils.values().next().is_some_and(|record| record.last_version(phase).is_some())
}

fn anybody_replied(desk: &Desk, phase: Phase) -> bool {
    desk.pupils.values().any(|record| match phase {
        Phase::Provisional => !record.acknowledgements.is_empty(),
        Phase::Definitive => !record.replies.is_empty(),
    })
}

fn stops(status: &CampaignStatus, now: Timestamp, zone: Zone) -> Vec<Stop> {
    let morning = TimeOfDay::from_hms_opt(MORNING_HOUR, 0, 0).unwrap_or_default();
    let tomorrow = slot_instant(zone, next_day(now.date_in(zone)), morning);
    let stop = |label: &str, at: Timestamp| Stop {
        label: label.to_owned(),
        at: french(at.civil_in(zone)),
        epoch_ms: at.epoch_ms(),
    };
    let mut stops = vec![stop("Laisser passer la nuit", tomorrow)];
    for (name, at) in &status.next {
        if let Some(what) = What::ALL.into_iter().find(|what| what.as_str() == *name) {
            stops.push(stop(&format!("Avancer : {}", what.label()), *at));
        }
    }
    stops.push(stop("Une heure plus tard", now.plus_s(HOUR_S)));
    stops.retain(|stop| now.epoch_ms() < stop.epoch_ms);
    stops
}
