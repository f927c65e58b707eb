//! Worlds of random campaigns: schools, pupils and calendars, the same for the same seed.

use crate::domain::{
    campaign::{Calendar, Phase},
    lot::{Encoding, Format},
    pupil::Division,
    school::{Level, SchoolYear, Uai},
    time::{
        DAY_S, Date, HOUR_S, MINUTE_S, TimeOfDay, Timestamp, Zone, next_day, parse_date, parse_time_of_day,
        slot_instant,
    },
};
use crate::replay::scenario::{CampaignSpec, PupilSpec, Scenario, SchoolSpec, Way};
use crate::sandbox::world::Draw;

/// Schools at most.
const SCHOOLS_MAX: u64 = 3;
/// Pupils at most, of all schools.
const PUPILS_MAX: u64 = 8;
/// Days at most, from first to last step.
const DAYS_MAX: i64 = 15;
/// One seed in so many goes over HTTP.
const HTTP_EVERY: u64 = 8;
/// One seed in so many crashes.
const CRASH_EVERY: u64 = 3;
/// School year of every world.
const YEAR: u16 = 2019;
/// Schools by number: four zones with changes of time, two without.
const SCHOOLS: [u32; 8] = [990_001, 990_002, 990_003, 9_740_001, 9_750_001, 9_830_001, 9_840_001, 9_710_001];
/// First days: ordinary ones, and days before the changes of time of Paris and Miquelon.
const FIRST_DAYS: [&str; 7] =
    ["2020-05-04", "2020-03-23", "2020-03-26", "2020-10-19", "2020-10-22", "2020-03-04", "2020-10-28"];
/// Nightly slots.
const SLOTS: [&str; 4] = ["03:15", "03:15", "01:30", "23:50"];

/// A world without steps, and what its steps may be.
pub struct World {
    /// The scenario, without steps.
    pub scenario: Scenario,
    /// Whether the program may crash.
    pub crashes: bool,
    /// The last instant of a step.
    pub until: Timestamp,
}

/// One in a hundred, so many times.
pub const fn chance(draw: &mut Draw, percent: u64) -> bool {
    draw.below(100) < percent
}

/// One of several values.
pub fn one<T: Copy>(draw: &mut Draw, items: &[T]) -> Option<T> {
    usize::try_from(draw.below(items.len() as u64)).ok().and_then(|at| items.get(at)).copied()
}

/// The world of a seed.
pub fn world(seed: u64, draw: &mut Draw) -> Option<World> {
    let first = parse_date(one(draw, &FIRST_DAYS)?).ok()?;
    let schools = schools(draw);
    let mut campaigns = Vec::new();
    for school in &schools {
        campaigns.extend(calendars(draw, school, first));
    }
    let scenario = Scenario {
        folder_name: format!("seed-{seed}"),
        folder: None,
        name: format!("Seed {seed}"),
        year: SchoolYear::new(YEAR).ok()?,
        format: if chance(draw, 70) { Format::Xml } else { Format::Csv },
        encoding: if chance(draw, 75) { Encoding::Utf8 } else { Encoding::Latin9 },
        transport: if draw.below(HTTP_EVERY) == 0 { Way::Http } else { Way::Directory },
        daemon: !chance(draw, 3),
        slot: parse_time_of_day(one(draw, &SLOTS)?).ok()?,
        overrides: chance(draw, 15),
        start: None,
        schools,
        campaigns,
        steps: Vec::new(),
    };
    let ends = scenario.campaigns.iter().filter_map(|one| one.calendar.as_ref().ok());
    let last = ends.clone().map(|one| one.ends.or(one.last_council()).unwrap_or(one.closes)).max()?;
    let begins = ends.map(|one| one.opens).min()?.plus_s(-HOUR_S);
    let until = last.plus_s(2 * DAY_S).min(begins.plus_s(DAYS_MAX * DAY_S));
    Some(World { scenario, crashes: draw.below(CRASH_EVERY) == 0, until })
}

fn schools(draw: &mut Draw) -> Vec<SchoolSpec> {
    let wanted = 1 + draw.below(SCHOOLS_MAX);
    let mut schools: Vec<SchoolSpec> = Vec::new();
    let mut pupils = 0;
    while (schools.len() as u64) < wanted {
        let Some(uai) = one(draw, &SCHOOLS).and_then(Uai::of_number) else { break };
        if schools.iter().any(|school| school.uai == uai) {
            continue;
        }
        let level = if chance(draw, 80) { Level::Troisieme } else { Level::SecondeGt };
        let own = 1 + draw.below(PUPILS_MAX / wanted);
        let pupils = (0..own).filter_map(|_| {
            pupils += 1;
            pupil(draw, pupils, level)
        });
        schools.push(SchoolSpec { uai, name: uai.to_string(), zone: uai.zone(), level, pupils: pupils.collect() });
    }
    schools
}

/// A pupil of one of two divisions, with one or two representatives of their own.
pub fn pupil(draw: &mut Draw, n: u64, level: Level) -> Option<PupilSpec> {
    let id = format!("p{n}");
    let grade = match level {
        Level::Troisieme => "3",
        Level::SecondeGt => "2",
    };
    let division = Division::parse(&format!("{grade} {}", if chance(draw, 70) { "A" } else { "B" })).ok()?;
    let representatives = if chance(draw, 80) { 2 } else { 1 };
    let representatives = (1..=representatives).map(|rank| format!("{id}.{rank}")).collect();
    Some(PupilSpec { id, division, representatives, out_of_procedure: chance(draw, 6), last_name: None })
}

/// The campaigns of a school: one phase, or both one after the other.
fn calendars(draw: &mut Draw, school: &SchoolSpec, first: Date) -> Vec<CampaignSpec> {
    let both = chance(draw, 45);
    let phases: &[Phase] = match (both, chance(draw, 60)) {
        (true, _) => &Phase::ALL,
        (false, true) => &[Phase::Definitive],
        (false, false) => &[Phase::Provisional],
    };
    let mut day = first;
    let mut campaigns = Vec::new();
    for phase in phases {
        let (calendar, ended) = calendar(draw, school, day);
        day = if chance(draw, 85) { ended } else { next_day(day) };
        campaigns.push(CampaignSpec { uai: school.uai, phase: *phase, calendar: Ok(calendar), expect: None });
    }
    campaigns
}

/// A calendar that the guard accepts, within seven days from `first`, and the day after its last instant.
fn calendar(draw: &mut Draw, school: &SchoolSpec, first: Date) -> (Calendar, Date) {
    let zone = school.zone;
    let opens = at(zone, first, ["08:00", "09:30", "00:00"].get(index(draw, 3)).copied());
    let mut council = first;
    for _ in 0..2 + draw.below(2) {
        council = next_day(council);
    }
    let divisions = school.pupils.iter().map(|pupil| pupil.division.clone());
    let mut councils: std::collections::BTreeMap<Division, Timestamp> = std::collections::BTreeMap::new();
    let base = at(zone, council, ["16:15", "08:00", "17:30"].get(index(draw, 3)).copied());
    for division in divisions {
        let later = draw.below(26);
        councils.entry(division).or_insert(base.plus_s(HOUR_S * i64::try_from(later).unwrap_or_default()));
    }
    let mut calendar = Calendar { opens, closes: opens, reopens: None, ends: None, councils };
    let deadline = calendar.deadline().unwrap_or(opens);
    let early = i64::try_from(draw.below(20)).unwrap_or_default();
    calendar.closes = if chance(draw, 30) { deadline } else { deadline.plus_s(-early * HOUR_S) };
    if calendar.closes <= opens {
        calendar.closes = opens.plus_s(MINUTE_S).min(deadline);
    }
    let last = calendar.last_council().unwrap_or(opens);
    if chance(draw, 60) {
        let later = i64::try_from(draw.below(12)).unwrap_or_default();
        calendar.reopens = Some(last.plus_s(DAY_S + later * HOUR_S));
    }
    if chance(draw, 60) {
        let later = 1 + i64::try_from(draw.below(60)).unwrap_or_default();
        calendar.ends = Some(last.plus_s(DAY_S + (12 + later) * HOUR_S));
    }
    let ended = calendar.ends.unwrap_or_else(|| last.plus_s(2 * DAY_S));
    (calendar, next_day(ended.date_in(zone)))
}

fn index(draw: &mut Draw, bound: u64) -> usize {
    usize::try_from(draw.below(bound)).unwrap_or_default()
}

/// An instant of a day; times of day here lie in no gap.
fn at(zone: Zone, day: Date, time: Option<&str>) -> Timestamp {
    let time = time.and_then(|time| parse_time_of_day(time).ok()).unwrap_or(TimeOfDay::MIN);
    slot_instant(zone, day, time)
}
