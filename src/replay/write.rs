//! Writes a scenario as the `scenario.toml` that `parse.rs` reads: what a failing seed is handed over as.

use crate::domain::{
    campaign::{Calendar, Phase},
    event::RawChoice,
    lot::Encoding,
    pupil::Division,
    time::Timestamp,
};
use crate::guard::CalendarChange;
use crate::replay::scenario::{
    Action, CampaignSpec, DigestSpec, Entry, Expected, FaultSpec, Override, PupilSpec, Scenario, SchoolSpec, Side,
    Step, Way, Who,
};
use crate::window::Hand;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The text of a scenario. A step whose outcome may be anything has no `expect`, which reads as `ok`: fill it in first.
pub fn write(scenario: &Scenario) -> String {
    let mut top = Table::new();
    put(&mut top, "name", scenario.name.as_str());
    put(&mut top, "school_year", i64::from(scenario.year.get()));
    put(&mut top, "format", scenario.format.extension());
    if scenario.encoding == Encoding::Latin9 {
        put(&mut top, "encoding", "iso-8859-15");
    }
    put(
        &mut top,
        "transport",
        match scenario.transport {
            Way::Directory => "directory",
            Way::Http => "http",
        },
    );
    put(&mut top, "daemon", scenario.daemon);
    put(&mut top, "slot", scenario.slot.format("%H:%M").to_string());
    put(&mut top, "overrides", scenario.overrides);
    put_some(&mut top, "start", scenario.start.map(instant));
    put(&mut top, "school", scenario.schools.iter().map(school).collect::<Vec<_>>());
    put(&mut top, "campaign", scenario.campaigns.iter().map(campaign).collect::<Vec<_>>());
    put(&mut top, "step", scenario.steps.iter().map(step).collect::<Vec<_>>());
    top.to_string()
}

/// The word by which a step says what it does.
pub const fn word(action: &Action) -> &'static str {
    match action {
        Action::Draft(_) => "draft",
        Action::Validate(_) => "validate",
        Action::ValidateAll { .. } => "validate_all",
        Action::Logout(_) => "logout",
        Action::Acknowledge(_) => "acknowledge",
        Action::AcknowledgeAll => "acknowledge_all",
        Action::Reply { .. } => "reply",
        Action::Emit { .. } => "emit",
        Action::Arrive(_) => "arrive",
        Action::Leave { .. } => "leave",
        Action::Window { hand: Hand::Open, .. } => "open",
        Action::Window { hand: Hand::Close, .. } => "close",
        Action::Window { hand: Hand::Reopen, .. } => "reopen",
        Action::Calendar { .. } => "calendar",
        Action::Switch { .. } => "switch",
        Action::Respond { .. } => "respond",
        Action::EntryComplete => "entry_complete",
        Action::Sync { .. } => "sync",
        Action::Resync => "resync",
        Action::Approve => "approve",
        Action::Faults(Side::Siecle, _) => "siecle",
        Action::Faults(Side::Teleservice, _) => "teleservice",
        Action::Deliver { .. } => "deliver",
        Action::Daemon { .. } => "daemon",
        Action::Crash { .. } => "crash",
        Action::Expect(_) => "expect",
    }
}

fn put(table: &mut Table, key: &str, value: impl Into<Value>) {
    table.insert(key.to_owned(), value.into());
}

fn put_some(table: &mut Table, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(table, key, value);
    }
}

fn instant(at: Timestamp) -> String {
    at.rfc3339_utc()
}

fn school(spec: &SchoolSpec) -> Table {
    let mut table = Table::new();
    put(&mut table, "uai", spec.uai.to_string());
    put(&mut table, "name", spec.name.as_str());
    put(&mut table, "zone", spec.zone.name());
    put(&mut table, "level", spec.level.code());
    put(&mut table, "pupil", spec.pupils.iter().map(|one| pupil(one, "id")).collect::<Vec<_>>());
    table
}

fn pupil(spec: &PupilSpec, key: &str) -> Table {
    let mut table = Table::new();
    put_pupil(&mut table, spec, key);
    table
}

fn put_pupil(table: &mut Table, spec: &PupilSpec, key: &str) {
    put(table, key, spec.id.as_str());
    put(table, "division", spec.division.as_str());
    put(table, "representatives", spec.representatives.clone());
    if spec.out_of_procedure {
        put(table, "out_of_procedure", spec.out_of_procedure);
    }
}

fn campaign(spec: &CampaignSpec) -> Table {
    let mut table = Table::new();
    put(&mut table, "uai", spec.uai.to_string());
    put(&mut table, "phase", spec.phase.code());
    match &spec.calendar {
        Ok(Calendar { opens, closes, reopens, ends, councils }) => {
            put(&mut table, "opens", instant(*opens));
            put(&mut table, "closes", instant(*closes));
            put_some(&mut table, "reopens", reopens.map(instant));
            put_some(&mut table, "ends", ends.map(instant));
            put(&mut table, "councils", instants(councils));
        }
        Err(civil) => put_civil(&mut table, civil),
    }
    put_some(&mut table, "expect", spec.expect.clone());
    table
}

fn instants(councils: &BTreeMap<Division, Timestamp>) -> Table {
    councils.iter().map(|(division, at)| (division.as_str().to_owned(), instant(*at).into())).collect()
}

/// A civil time that named no instant is not kept: any other of that kind says the same.
fn put_civil(table: &mut Table, fault: &str) {
    // The first word of the fault is the civil time itself.
    let civil: String =
        fault.split(" in ").next().unwrap_or_default().chars().take("2020-03-29 02:30:00".len()).collect();
    put(table, "closes", civil);
}

fn step(step: &Step) -> Table {
    let mut table = Table::new();
    put(&mut table, "at", instant(step.at));
    put(&mut table, "do", word(&step.action));
    if !matches!(step.action, Action::Sync { named: false }) {
        put(&mut table, "uai", step.uai.to_string());
    }
    put_some(&mut table, "phase", step.phase.map(Phase::code));
    act(&mut table, &step.action);
    put_some(&mut table, "expect", step.expect.clone().filter(|expected| expected != "ok"));
    table
}

fn act(table: &mut Table, action: &Action) {
    match action {
        Action::Draft(typed) | Action::Validate(typed) => put_entry(table, typed),
        Action::ValidateAll { division, track } => {
            put_some(table, "division", division.as_ref().map(Division::as_str));
            put(table, "track", track.as_str());
        }
        Action::Logout(who) | Action::Acknowledge(who) => put_who(table, who),
        Action::Reply { who, accept } => {
            put_who(table, who);
            put(table, "accept", accept.iter().map(|track| track.code()).collect::<Vec<_>>());
        }
        Action::Emit { event, without } => {
            put_some(table, "event", Value::try_from(event).ok());
            put(table, "without", without.clone());
        }
        Action::Arrive(spec) => put_pupil(table, spec, "pupil"),
        Action::Leave { pupil } => put(table, "pupil", pupil.as_str()),
        Action::Window { derogation, .. } => put_derogation(table, derogation.as_ref()),
        Action::Calendar { change, derogation } => {
            put_change(table, change.as_ref());
            put_derogation(table, derogation.as_ref());
        }
        Action::Switch { open } => put(table, "open", *open),
        Action::Respond { division, pupil, value, reason, proposals } => {
            let answer = |accepted: bool| if accepted { "OUI" } else { "NON" };
            put_some(table, "division", division.as_ref().map(Division::as_str));
            put_some(table, "pupil", pupil.clone());
            put_some(table, "value", value.clone());
            put_some(table, "reason", reason.clone());
            let proposals =
                proposals.iter().map(|(track, accepted)| (track.code().to_owned(), answer(*accepted).into()));
            put(table, "proposals", proposals.collect::<Table>());
        }
        Action::Faults(_, spec) => put_faults(table, spec),
        Action::Deliver { file, publish_as, digest } => {
            put(table, "file", file.as_str());
            put(table, "as", publish_as.as_str());
            let digest = match digest {
                DigestSpec::Right => "right",
                DigestSpec::Wrong => "wrong",
                DigestSpec::None => "none",
            };
            put(table, "digest", digest);
        }
        Action::Daemon { up } => put(table, "up", *up),
        Action::Crash { point } => put(table, "point", point.name()),
        Action::Expect(expected) => put_expected(table, expected),
        Action::AcknowledgeAll | Action::EntryComplete | Action::Sync { .. } | Action::Resync | Action::Approve => (),
    }
}

fn put_who(table: &mut Table, who: &Who) {
    put(table, "pupil", who.pupil.as_str());
    put(table, "by", who.by.as_str());
}

fn put_entry(table: &mut Table, typed: &Entry) {
    put_who(table, &typed.who);
    put(table, "choices", typed.choices.iter().map(choice).collect::<Vec<_>>());
}

fn choice(choice: &RawChoice) -> Table {
    let mut table = Table::new();
    put(&mut table, "track", choice.track.as_str());
    put_some(&mut table, "formation", choice.formation.clone());
    put_some(&mut table, "code", choice.code.clone());
    put_some(&mut table, "status", choice.status.clone());
    table
}

fn put_derogation(table: &mut Table, derogation: Option<&Override>) {
    if let Some(Override { reason }) = derogation {
        put(table, "override", derogation.is_some());
        put(table, "reason", reason.as_str());
    }
}

fn put_change(table: &mut Table, change: Result<&CalendarChange, &String>) {
    match change {
        Ok(CalendarChange { opens, closes, reopens, ends, councils }) => {
            put_some(table, "opens", opens.map(instant));
            put_some(table, "closes", closes.map(instant));
            put_some(table, "reopens", reopens.map(instant));
            put_some(table, "ends", ends.map(instant));
            put(table, "councils", instants(councils));
        }
        Err(civil) => put_civil(table, civil),
    }
}

fn put_faults(table: &mut Table, spec: &FaultSpec) {
    let FaultSpec { up, latency_ms, lose_reply, status, times, on, reject, treat } = spec;
    put_some(table, "up", *up);
    put_some(table, "latency_ms", latency_ms.and_then(|ms| i64::try_from(ms).ok()));
    put_some(table, "lose_reply", lose_reply.map(i64::from));
    put_some(table, "status", status.map(i64::from));
    put_some(table, "times", status.map(|_| i64::from(*times)));
    put_some(table, "on", on.clone());
    put_some(table, "reject", reject.clone());
    put_some(table, "treat", *treat);
}

fn put_expected(table: &mut Table, expected: &Expected) {
    fn all<T: Copy + Into<Value>>(map: &BTreeMap<String, T>) -> Table {
        map.iter().map(|(name, value)| (name.clone(), (*value).into())).collect()
    }
    let Expected { siecle, locked, state, at_risk, open, anomalies, nights, lots, held } = expected;
    put(table, "siecle", all(siecle));
    put(table, "locked", all(locked));
    put_some(table, "state", state.clone());
    put_some(table, "at_risk", *at_risk);
    put_some(table, "open", *open);
    put_some(table, "anomalies", anomalies.clone());
    put(table, "nights", all(nights));
    put_some(table, "lots", *lots);
    put_some(table, "held", *held);
}
