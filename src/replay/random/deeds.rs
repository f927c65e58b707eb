//! Steps of random campaigns: what families, councils, operators and both far sides do, near the instants that matter.

use crate::crash::Point;
use crate::domain::{
    campaign::{Calendar, Phase},
    event::RawChoice,
    pupil::Division,
    school::Level,
    time::{DAY_S, HOUR_S, MINUTE_S, Timestamp, slot_instant},
    track::Track,
};
use crate::guard::CalendarChange;
use crate::replay::{
    random::worlds::{World, chance, one, pupil},
    scenario::{Action, CampaignSpec, Entry, FaultSpec, Override, PupilSpec, SchoolSpec, Side, Step, Who},
    write::word,
};
use crate::sandbox::world::Draw;
use crate::window::Hand;
use std::collections::BTreeMap;

/// The daemon is stopped.
const DOWN: bool = false;
/// Steps at least.
const STEPS_MIN: u64 = 12;
/// Further steps at most.
const STEPS_MORE: u64 = 40;
/// Formations, one of which Latin-9 cannot carry.
const FORMATIONS: [&str; 4] = ["Mécanique", "Pâtissier", "  Bois \u{a0}massif ", "Ébéniste ✂"];
/// Distances from the instants that matter, in seconds.
const NEAR_S: [i64; 13] =
    [0, 0, 1, -1, 30, -30, MINUTE_S, -MINUTE_S, 90, 5 * MINUTE_S, -20 * MINUTE_S, HOUR_S, -HOUR_S];

/// The steps of a world, by instant; those of one instant in the order in which they were drawn.
pub fn steps(draw: &mut Draw, world: &World) -> Vec<Step> {
    let mut deeds = Deeds { pupils: 100, world, steps: Vec::new() };
    for _ in 0..STEPS_MIN + draw.below(STEPS_MORE) {
        deeds.one(draw);
    }
    let Deeds { mut steps, .. } = deeds;
    steps.sort_by_key(|step| step.at);
    steps
}

struct Deeds<'w> {
    world: &'w World,
    /// Number of the last pupil who arrived.
    pupils: u64,
    steps: Vec<Step>,
}

impl Deeds<'_> {
    fn one(&mut self, draw: &mut Draw) {
        let campaigns = &self.world.scenario.campaigns;
        let Some(campaign) = picked(draw, campaigns) else { return };
        let Ok(calendar) = &campaign.calendar else { return };
        let Some(school) = self.world.scenario.schools.iter().find(|school| school.uai == campaign.uai) else { return };
        let at = self.instant(draw, school, calendar);
        let Some(spec) = picked(draw, &school.pupils) else { return };
        let phase = campaign.phase;
        match draw.below(100) {
            0..=24 => {
                let at = if chance(draw, 75) { between(draw, calendar.opens, calendar.closing()) } else { at };
                self.push(campaign, at, Action::Validate(entry(draw, spec, school.level)));
            }
            25..=27 => {
                let track = if school.level == Level::Troisieme { Track::SecondeGt } else { Track::Generale };
                let track = track.code().to_owned();
                self.push(campaign, at, Action::ValidateAll { division: None, track });
            }
            28..=29 => self.push(campaign, at, Action::Draft(entry(draw, spec, school.level))),
            30..=32 => self.push(campaign, at, Action::Logout(who(draw, spec))),
            33..=36 => self.push(campaign, at, Action::Acknowledge(who(draw, spec))),
            37..=39 => self.push(campaign, at, Action::AcknowledgeAll),
            40..=44 => {
                let accept =
                    if chance(draw, 30) { Vec::new() } else { track(draw, school.level).into_iter().collect() };
                self.push(campaign, at, Action::Reply { who: who(draw, spec), accept });
            }
            45..=55 => self.council(draw, campaign, calendar, school, at),
            56..=57 => self.push(campaign, at, Action::EntryComplete),
            58..=60 => {
                self.pupils += 1;
                if let Some(arrived) = pupil(draw, self.pupils, school.level) {
                    let typed = entry(draw, &arrived, school.level);
                    let later = wait(draw);
                    self.push(campaign, at, Action::Arrive(arrived));
                    self.push(campaign, at.plus_s(later), Action::Validate(typed));
                }
            }
            61..=62 => self.push(campaign, at, Action::Leave { pupil: spec.id.clone() }),
            63..=64 => self.push(campaign, at, Action::Arrive(spec.clone())),
            65..=70 => self.hand(draw, campaign, at),
            71..=74 => {
                let change = change(draw, calendar);
                let derogation = self.derogation(draw);
                self.push(campaign, at, Action::Calendar { change: Ok(change), derogation });
            }
            75..=78 => self.push(campaign, at, Action::Switch { open: chance(draw, 65) }),
            79..=82 => self.push(campaign, at, Action::Sync { named: chance(draw, 60) }),
            83 => self.push(campaign, at, Action::Resync),
            84 => self.push(campaign, at, Action::Approve),
            85..=89 => self.fault(draw, campaign, at, Side::Siecle, phase),
            90..=94 => self.fault(draw, campaign, at, Side::Teleservice, phase),
            95..=96 => {
                self.push(campaign, at, Action::Daemon { up: DOWN });
                let later = wait(draw);
                self.push(campaign, at.plus_s(later), Action::Daemon { up: !DOWN });
            }
            _ => self.crash(draw, campaign, at),
        }
    }

    fn push(&mut self, campaign: &CampaignSpec, at: Timestamp, action: Action) {
        let at = at.min(self.world.until);
        let (name, uai, phase) = (word(&action), campaign.uai, Some(campaign.phase));
        self.steps.push(Step { at, name, uai, phase, action, expect: None });
    }

    /// An instant of a campaign: anywhere in it, or near one that matters.
    fn instant(&self, draw: &mut Draw, school: &SchoolSpec, calendar: &Calendar) -> Timestamp {
        let opens = calendar.opens.plus_s(-HOUR_S);
        let anywhere = between(draw, opens, self.world.until);
        let slot = self.world.scenario.slot;
        let night = slot_instant(school.zone, anywhere.date_in(school.zone), slot);
        let mut edges = vec![calendar.opens, calendar.closing(), night];
        edges.extend(calendar.deadline());
        edges.extend(calendar.councils.values());
        edges.extend(calendar.last_council().map(|last| last.plus_s(DAY_S)));
        edges.extend(calendar.reopens);
        edges.extend(calendar.ends);
        match one(draw, &edges) {
            Some(edge) if chance(draw, 55) => edge.plus_s(one(draw, &NEAR_S).unwrap_or_default()).max(opens),
            Some(_) | None => anywhere,
        }
    }

    /// A council answers, mostly after it was held; late ones and corrections come by themselves.
    fn council(
        &mut self,
        draw: &mut Draw,
        campaign: &CampaignSpec,
        calendar: &Calendar,
        school: &SchoolSpec,
        at: Timestamp,
    ) {
        let held = calendar.last_council().unwrap_or(at);
        let after = between(draw, held, held.plus_s(DAY_S));
        let at = if chance(draw, 70) { after } else { at };
        let pupil = picked(draw, &school.pupils).map(|one| one.id.clone()).filter(|_| chance(draw, 40));
        let division = picked(draw, &school.pupils).map(|one| one.division.clone()).filter(|_| chance(draw, 25));
        let (value, reason) = value(draw, campaign.phase);
        let mut proposals = BTreeMap::new();
        if campaign.phase == Phase::Definitive && chance(draw, 40) {
            proposals.extend(track(draw, school.level).map(|track| (track, chance(draw, 80))));
        }
        self.push(campaign, at, Action::Respond { division, pupil, value, reason, proposals });
        if chance(draw, 50) {
            self.push(campaign, at.plus_s(MINUTE_S), Action::EntryComplete);
        }
    }

    fn hand(&mut self, draw: &mut Draw, campaign: &CampaignSpec, at: Timestamp) {
        let hand = one(draw, &[Hand::Open, Hand::Close, Hand::Reopen, Hand::Reopen]).unwrap_or(Hand::Close);
        let derogation = self.derogation(draw);
        self.push(campaign, at, Action::Window { hand, derogation });
    }

    fn derogation(&self, draw: &mut Draw) -> Option<Override> {
        let asked = chance(draw, 30) && self.world.scenario.overrides;
        asked.then(|| Override { reason: "conseil avancé".to_owned() })
    }

    /// A far side fails in one of its ways, and mostly gets well again.
    fn fault(&mut self, draw: &mut Draw, campaign: &CampaignSpec, at: Timestamp, side: Side, _phase: Phase) {
        let topics: &[Option<&str>] = match side {
            Side::Siecle => &[None, Some("lots"), Some("receipts"), Some("responses")],
            Side::Teleservice => &[None, Some("feed"), Some("orders")],
        };
        let on = one(draw, topics).flatten().map(str::to_owned);
        let times = 1 + u32::try_from(draw.below(8)).unwrap_or_default();
        let (ill, well) = (FaultSpec { times: 1, on, ..FaultSpec::default() }, FaultSpec::default());
        let rejected =
            || self.world.scenario.schools.iter().flat_map(|school| &school.pupils).map(|one| one.id.clone());
        let (ill, well) = match draw.below(7) {
            0 | 1 => (FaultSpec { up: Some(false), ..ill }, FaultSpec { up: Some(true), times: 1, ..well }),
            2 => {
                let status = one(draw, &[503, 500, 429, 408, 502, 401, 422]);
                (FaultSpec { status, times, ..ill }, FaultSpec { status: Some(503), times: 0, ..well })
            }
            3 => (FaultSpec { lose_reply: Some(times), ..ill }, FaultSpec { lose_reply: Some(0), times: 1, ..well }),
            4 if side == Side::Siecle => {
                (FaultSpec { treat: Some(false), ..ill }, FaultSpec { treat: Some(true), times: 1, ..well })
            }
            5 if side == Side::Siecle => {
                let reject = rejected().filter(|_| chance(draw, 30)).collect();
                (FaultSpec { reject: Some(reject), ..ill }, FaultSpec { reject: Some(Vec::new()), times: 1, ..well })
            }
            _ => (FaultSpec { latency_ms: Some(1), ..ill }, FaultSpec { latency_ms: Some(0), times: 1, ..well }),
        };
        self.push(campaign, at, Action::Faults(side, ill));
        if chance(draw, 85) {
            let later = wait(draw);
            self.push(campaign, at.plus_s(later), Action::Faults(side, well));
        }
    }

    fn crash(&mut self, draw: &mut Draw, campaign: &CampaignSpec, at: Timestamp) {
        if !self.world.crashes {
            return;
        }
        if let Some(point) = one(draw, &Point::ALL) {
            self.push(campaign, at, Action::Crash { point });
        }
    }
}

fn picked<'a, T>(draw: &mut Draw, items: &'a [T]) -> Option<&'a T> {
    usize::try_from(draw.below(items.len() as u64)).ok().and_then(|at| items.get(at))
}

/// From a minute to two days.
fn wait(draw: &mut Draw) -> i64 {
    let minutes = one(draw, &[1, 2, 10, 60, 240, 1_440, 2_000, 2_880]).unwrap_or(1);
    minutes * MINUTE_S
}

/// A whole minute between two instants, or a second of it.
fn between(draw: &mut Draw, from: Timestamp, to: Timestamp) -> Timestamp {
    let span_s = u64::try_from(to.since_ms(from) / 1_000).unwrap_or_default();
    let at = from.plus_s(i64::try_from(draw.below(span_s + 1)).unwrap_or_default());
    if chance(draw, 70) { at.floor_minute() } else { at }
}

fn who(draw: &mut Draw, pupil: &PupilSpec) -> Who {
    let last = chance(draw, 25);
    let by = if last { pupil.representatives.last() } else { pupil.representatives.first() };
    Who { pupil: pupil.id.clone(), by: by.cloned().unwrap_or_default() }
}

fn track(draw: &mut Draw, level: Level) -> Option<Track> {
    let tracks: Vec<Track> = Track::ALL.into_iter().filter(|track| track.level() == level).collect();
    one(draw, &tracks)
}

/// Choices: mostly right ones, now and then two alike or of the other level.
fn entry(draw: &mut Draw, pupil: &PupilSpec, level: Level) -> Entry {
    let wanted = 1 + i64::try_from(draw.below(3)).unwrap_or_default();
    let mut choices: Vec<RawChoice> = Vec::new();
    for rank in 1..=wanted {
        let Some(track) = track(draw, level) else { continue };
        let formation = one(draw, &FORMATIONS).filter(|_| track.needs_formation()).map(str::to_owned);
        let status = one(draw, &["ST", "AP"]).filter(|_| track.needs_formation()).map(str::to_owned);
        choices.push(RawChoice { rank, track: track.code().to_owned(), formation, code: None, status });
    }
    Entry { who: who(draw, pupil), choices }
}

fn value(draw: &mut Draw, phase: Phase) -> (Option<String>, Option<String>) {
    let value = match phase {
        Phase::Provisional => one(draw, &["FAVORABLE", "RESERVE", "DEFAVORABLE"]),
        Phase::Definitive => one(draw, &["OUI", "OUI", "NON"]),
    };
    let reason = (phase == Phase::Provisional && chance(draw, 85)).then(|| "à revoir".to_owned());
    (value.map(str::to_owned), reason)
}

/// A change of calendar, that the guard may refuse.
fn change(draw: &mut Draw, calendar: &Calendar) -> CalendarChange {
    let hours = one(draw, &[-30, -24, -3, -1, 1, 2, 24, 25, 48]).unwrap_or(1);
    let moved = |at: Timestamp| at.plus_s(hours * HOUR_S);
    let mut change = CalendarChange { opens: None, closes: None, reopens: None, ends: None, councils: BTreeMap::new() };
    match draw.below(5) {
        0 => change.closes = Some(moved(calendar.closes)),
        1 => change.reopens = Some(moved(calendar.reopens.unwrap_or(calendar.closes.plus_s(3 * DAY_S)))),
        2 => change.ends = Some(moved(calendar.ends.unwrap_or(calendar.closes.plus_s(5 * DAY_S)))),
        _ => {
            let councils: Vec<(&Division, &Timestamp)> = calendar.councils.iter().collect();
            if let Some((division, at)) = one(draw, &councils) {
                change.councils.insert(division.clone(), moved(*at));
            }
            if chance(draw, 40) {
                change.closes = Some(moved(calendar.closes));
            }
        }
    }
    change
}
