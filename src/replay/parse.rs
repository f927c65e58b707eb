//! Reads a `scenario.toml`: every key of scenarios.md and no other, all faults at once with their lines.

mod names;
mod steps;

use crate::domain::{
    campaign::{Calendar, Phase},
    lot::{Encoding, Format},
    pupil::{Division, REPRESENTATIVES_MAX},
    school::{Level, SchoolYear, Uai},
    time::{TimeFault, TimeOfDay, Timestamp, Zone, parse_time_of_day},
};
use crate::guard::CalendarChange;
use crate::replay::{
    document::{Fault, Faults, Section, number_of},
    parse::{names::Known, steps::step},
    scenario::{CampaignSpec, PupilSpec, Scenario, SchoolSpec, Step, Way},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};
use toml::de::{DeTable, DeValue};

/// The slot when none is given.
const SLOT: &str = "03:15";

/// Reads the text of a scenario.
///
/// # Errors
/// Every fault, by line.
pub fn parse(text: &str, folder_name: &str, folder: Option<PathBuf>) -> Result<Scenario, Vec<Fault>> {
    let faults = Faults::new(text);
    let document = match DeTable::parse(text) {
        Ok(document) => document.into_inner(),
        Err(fault) => {
            faults.at(fault.span().map_or(0, |span| span.start), fault.message());
            return Err(faults.into_found());
        }
    };
    let made = scenario(&Section::new(&document, 0, "scenario", &faults), folder_name, folder);
    let found = faults.into_found();
    match made {
        Some(scenario) if found.is_empty() => Ok(scenario),
        Some(_) | None => Err(found),
    }
}

fn scenario(top: &Section<'_>, folder_name: &str, folder: Option<PathBuf>) -> Option<Scenario> {
    let name = top.needed("name");
    if !top.has("school_year") {
        top.fault("`school_year` is missing");
    }
    let year = top.number("school_year").and_then(|year| u16::try_from(year).ok());
    let year = year.and_then(|year| SchoolYear::new(year).map_err(|fault| top.fault_of("school_year", fault)).ok());
    let format = top.parsed("format", |text| one_of(text, &[("xml", Format::Xml), ("csv", Format::Csv)]));
    let encoding =
        top.parsed("encoding", |text| one_of(text, &[("utf-8", Encoding::Utf8), ("iso-8859-15", Encoding::Latin9)]));
    let ways = [("directory", Way::Directory), ("http", Way::Http)];
    let transport = top.parsed("transport", |text| one_of(text, &ways));
    let slot = top.parsed("slot", parse_slot).or_else(|| parse_time_of_day(SLOT).ok())?;
    let schools = schools(top);
    let first = schools.first()?;
    let start = top.parsed("start", |text| Timestamp::parse_in(text, first.zone));
    let campaigns: Vec<CampaignSpec> =
        top.sections("campaign").iter().filter_map(|section| campaign(section, &schools)).collect();
    let mut steps = Vec::new();
    let mut known = Known::of(&schools, folder.clone());
    for section in top.sections("step") {
        let step = step(&section, &schools, &campaigns);
        if let Some(step) = &step {
            known.check(&section, step);
        }
        if let (Some(step), Some(last)) = (&step, steps.last().map(|last: &Step| last.at))
            && step.at < last
        {
            section.fault_of("at", "is earlier than the step before");
        }
        steps.extend(step);
    }
    let (daemon, overrides) = (top.truth("daemon").unwrap_or(true), top.truth("overrides").unwrap_or_default());
    top.finish();
    Some(Scenario {
        folder_name: folder_name.to_owned(),
        folder,
        name,
        year: year?,
        format: format.unwrap_or(Format::Xml),
        encoding: encoding.unwrap_or(Encoding::Utf8),
        transport: transport.unwrap_or(Way::Directory),
        daemon,
        slot,
        overrides,
        start,
        schools,
        campaigns,
        steps,
    })
}

pub(in crate::replay) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| format!("must be one of {}", known()))
}

/// A slot that the change of time cannot skip (guard.md: 02:00 to 02:59 is refused).
fn parse_slot(text: &str) -> Result<TimeOfDay, String> {
    let slot = parse_time_of_day(text).map_err(|_| format!("not a time of day such as {SLOT}"))?;
    if text.starts_with("02:") { Err("02:00 to 02:59 is refused".to_owned()) } else { Ok(slot) }
}

fn parse_zone(text: &str) -> Result<Zone, String> {
    text.parse().map_err(|_| "no such zone".to_owned())
}

fn parse_level(text: &str) -> Result<Level, String> {
    Level::of_code(text).ok_or_else(|| "must be 3E or 2GT".to_owned())
}

pub(in crate::replay) fn parse_phase(text: &str) -> Result<Phase, String> {
    Phase::of_code(text).ok_or_else(|| "must be PROVISOIRE or DEFINITIVE".to_owned())
}

/// Every school, in file order; a school and a name in it stand for one thing each.
fn schools(top: &Section<'_>) -> Vec<SchoolSpec> {
    let sections = top.sections("school");
    if sections.is_empty() {
        top.fault("`[[school]]` is missing");
    }
    let mut schools: Vec<SchoolSpec> = Vec::new();
    for section in &sections {
        let Some(found) = school(section) else { continue };
        if schools.iter().any(|other| other.uai == found.uai) {
            section.fault_of("uai", "is that of another school of this scenario");
        }
        let mut names = BTreeSet::new();
        for pupil in found.pupils.iter().filter(|pupil| !names.insert(&pupil.id)) {
            section.fault(format!("two pupils are called \"{}\"", pupil.id));
        }
        schools.push(found);
    }
    schools
}

fn school(section: &Section<'_>) -> Option<SchoolSpec> {
    section.needed("uai");
    section.needed("level");
    let uai = section.parsed("uai", Uai::parse);
    let level = section.parsed("level", parse_level);
    let name = section.text("name");
    let zone = section.parsed("zone", parse_zone);
    let mut pupils: Vec<PupilSpec> = Vec::new();
    for table in section.sections("pupil") {
        pupils.extend(pupil(&table, &["id"]));
        table.finish();
    }
    let count = |value: &DeValue<'_>| number_of(value).and_then(|count| u32::try_from(count).ok());
    for (division, count) in section.map("divisions", "a number of pupils", count).unwrap_or_default() {
        match Division::parse(&division) {
            Ok(division) => pupils.extend((1..=count).map(|n| synthetic(&division, n))),
            Err(fault) => section.fault_of("divisions", fault),
        }
    }
    section.finish();
    let uai = uai?;
    Some(SchoolSpec {
        uai,
        name: name.unwrap_or_else(|| uai.to_string()),
        zone: zone.unwrap_or_else(|| uai.zone()),
        level: level?,
        pupils,
    })
}

/// A synthetic pupil: `3b-001`, with representatives `3b-001.1` and `3b-001.2`.
fn synthetic(division: &Division, n: u32) -> PupilSpec {
    let folded: String = division.as_str().to_lowercase().split_whitespace().collect();
    let id = format!("{folded}-{n:03}");
    let representatives = (1..=REPRESENTATIVES_MAX).map(|rank| format!("{id}.{rank}")).collect();
    PupilSpec { id, division: division.clone(), representatives, out_of_procedure: bool::default(), last_name: None }
}

pub(in crate::replay) fn pupil(section: &Section<'_>, id_keys: &[&'static str]) -> Option<PupilSpec> {
    let id = id_keys.first().map(|key| section.needed(key))?;
    section.needed("division");
    let division = section.parsed("division", Division::parse);
    if !section.has("representatives") {
        section.fault("`representatives` is missing");
    }
    let representatives = section.texts("representatives").unwrap_or_default();
    if REPRESENTATIVES_MAX < representatives.len() {
        section.fault_of("representatives", "are at most two");
    }
    let out_of_procedure = section.truth("out_of_procedure").unwrap_or_default();
    Some(PupilSpec { id, division: division?, representatives, out_of_procedure, last_name: None })
}

fn campaign(section: &Section<'_>, schools: &[SchoolSpec]) -> Option<CampaignSpec> {
    section.needed("uai");
    section.needed("phase");
    let uai = section.parsed("uai", Uai::parse);
    let phase = section.parsed("phase", parse_phase);
    let expect = section.text("expect");
    let school = uai.and_then(|uai| schools.iter().find(|school| school.uai == uai));
    if uai.is_some() && school.is_none() {
        section.fault_of("uai", "is no school of this scenario");
    }
    section.needed("opens");
    section.needed("closes");
    if !section.has("councils") {
        section.fault("`councils` is missing");
    }
    let times = school.map(|school| Times { section, zone: school.zone });
    let calendar = times.map(|times| {
        let civil = times.change(&["opens", "closes", "reopens", "ends"])?;
        let missing = || "opens and closes".to_owned();
        Ok(Calendar {
            opens: civil.opens.ok_or_else(missing)?,
            closes: civil.closes.ok_or_else(missing)?,
            reopens: civil.reopens,
            ends: civil.ends,
            councils: civil.councils,
        })
    });
    section.finish();
    Some(CampaignSpec { uai: uai?, phase: phase?, calendar: calendar?, expect })
}

/// The civil times of a calendar in a school's zone. A shape that is no time is a fault of the file; a time that does
/// not exist, or exists twice, is the guard's `CIVIL_TIME`.
pub(in crate::replay) struct Times<'a, 'd> {
    pub(in crate::replay) section: &'a Section<'d>,
    pub(in crate::replay) zone: Zone,
}

impl Times<'_, '_> {
    pub(in crate::replay) fn change(&self, keys: &[&'static str]) -> Result<CalendarChange, String> {
        // Keys that do not belong here are left for the section to call unknown.
        let [opens, closes, reopens, ends] = ["opens", "closes", "reopens", "ends"]
            .map(|key| keys.contains(&key).then(|| self.section.text(key)).flatten().map(|text| (key, text)));
        let councils = self.section.map("councils", "a date and time", |value| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Datetime(time) => Some(time.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
                None
            }
        });
        let mut moved = BTreeMap::new();
        let mut civil = Ok(());
        for (division, text) in councils.unwrap_or_default() {
            let division = Division::parse(&division).map_err(|fault| self.section.fault_of("councils", fault));
            match (division, self.read(("councils", text))) {
                (Ok(division), Ok(Some(start))) => _ = moved.insert(division, start),
                (Ok(_) | Err(()), Ok(_)) => (),
                (Ok(_) | Err(()), Err(fault)) => civil = Err(fault),
            }
        }
        let read = |found: Option<(&'static str, String)>| found.map_or(Ok(None), |found| self.read(found));
        let change = CalendarChange {
            opens: read(opens)?,
            closes: read(closes)?,
            reopens: read(reopens)?,
            ends: read(ends)?,
            councils: moved,
        };
        civil.map(|()| change)
    }

    fn read(&self, (key, text): (&'static str, String)) -> Result<Option<Timestamp>, String> {
        match Timestamp::parse_in(&text, self.zone) {
            Ok(instant) => Ok(Some(instant)),
            Err(TimeFault::Civil(fault)) => Err(fault.to_string()),
            Err(fault @ (TimeFault::NotACivilTime | TimeFault::NotADate | TimeFault::NotAnInstant)) => {
                self.section.fault_of(key, fault);
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests;
