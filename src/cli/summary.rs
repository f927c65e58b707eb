//! What a run did, as a line for people and as JSON. No pupil is in it: anomalies are counted by code.

use crate::domain::school::SchoolKey;

use crate::run::outcome::{Done, Summary};

use crate::store::lease::HeldBy;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Lines of one screen: with more schools than that, those that need a look come first, and the others as counts.
const SCREEN: usize = 20;
/// What is looked at first.
const URGENCY: [u8; 7] = [7, 1, 5, 6, 3, 4, 0];

/// One line a school that did something; one screen however many they are.
pub fn text(summary: &Summary) -> String {
    let told: Vec<(&SchoolKey, &Done)> = summary.schools.iter().filter(|(_, done)| done.is_worth_saying()).collect();
    not_begun(summary.not_begun) + &schools(&told)
}

fn not_begun(count: usize) -> String {
    match count {
        0 => String::new(),
        _ => {
            let schools = counted(u32::try_from(count).unwrap_or(u32::MAX), "school");
            format!("the database was lost: left to the next run: {schools}\n")
        }
    }
}

fn schools(told: &[(&SchoolKey, &Done)]) -> String {
    if told.len() <= SCREEN {
        return told.iter().map(|(key, done)| line(**key, done)).collect();
    }
    let mut looked_at: Vec<_> = told.iter().filter(|(_, done)| done.outcome().exit_code() != 0).collect();
    looked_at.sort_by_key(|(_, done)| URGENCY.iter().position(|code| *code == done.outcome().exit_code()));
    let shown = looked_at.len().min(SCREEN - 3);
    let mut text = totals(told);
    text.extend(looked_at.iter().take(shown).map(|(key, done)| line(**key, done)));
    if shown < looked_at.len() {
        text += &format!("and {} more to look at: --json tells each\n", looked_at.len() - shown);
    }
    text
}

/// Two lines for many schools: how they ended, and what was done at all of them.
fn totals(told: &[(&SchoolKey, &Done)]) -> String {
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut all, mut nights) = (Done::default(), 0);
    for (_, done) in told {
        *outcomes.entry(done.outcome().as_str()).or_default() += 1;
        nights += u32::from(done.night.is_some());
        all.add((*done).clone());
    }
    let outcomes: Vec<String> = outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let demands: u32 = all.lots.iter().map(|lot| lot.demands).sum();
    let without: u32 = all.lots.iter().map(|lot| lot.without_entry).sum();
    let lots = u32::try_from(all.lots.len()).unwrap_or(u32::MAX);
    let mut parts = vec![counted(nights, "night")];
    parts.extend(counts(&all));
    parts.extend(
        (0 < lots)
            .then(|| format!("{}: {}, {without} without entry", counted(lots, "lot"), counted(demands, "demand"))),
    );
    parts.extend(codes(&all).into_iter().map(|(code, count)| format!("{count} {code}")));
    format!("{} schools: {}\n{}\n", told.len(), outcomes.join(", "), parts.join("; "))
}

/// The line of one school.
pub fn line(key: SchoolKey, done: &Done) -> String {
    let mut parts = Vec::new();
    if let Some((date, caught_up)) = done.night {
        parts.push(format!("night {date}{}", if caught_up { " (caught up)" } else { "" }));
    }
    parts.extend(counts(done));
    parts.extend(done.lots.iter().map(|lot| {
        let phase = lot.key.phase.code();
        format!("lot {} {phase}: {}, {} without entry", lot.number, counted(lot.demands, "demand"), lot.without_entry)
    }));
    parts.extend(codes(done).into_iter().map(|(code, count)| format!("{count} {code}")));
    parts.extend(done.gaps.iter().map(|(first, last)| format!("response files {first} to {last} never came")));
    parts.extend(done.refused_files.iter().map(|(number, why)| format!("response file {number} refused: {why}")));
    parts.extend(done.busy.as_ref().map(busy));
    parts.extend(done.failures.iter().map(|failure| format!("{}: {}", failure.step.name(), failure.why)));
    let did = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join("; ") };
    format!("{key}: {}: {did}\n", done.outcome().as_str())
}

fn counts(done: &Done) -> Vec<String> {
    let counts = [
        (done.events, "event"),
        (done.orders, "order"),
        (done.receipts, "receipt"),
        (done.response_files, "response file"),
        (done.responses, "response"),
        (done.carried, "confirmation"),
        (done.held, "plan held"),
        (held_files(done), "response file held"),
        (u32::try_from(done.in_doubt.len()).unwrap_or(u32::MAX), "lot in doubt"),
        (done.rejected, "lot rejected"),
    ];
    counts.iter().filter(|(count, _)| 0 < *count).map(|(count, noun)| counted(*count, noun)).collect()
}

/// Held until their campaign is closed; `held` counts them with the plans, as `status` does.
fn held_files(done: &Done) -> u32 {
    u32::try_from(done.held_files.len()).unwrap_or(u32::MAX)
}

/// So many of a thing, in English; what follows its first word does not change.
pub fn counted(count: u32, noun: &str) -> String {
    let (first, rest) = noun.split_once(' ').map_or((noun, String::new()), |(first, rest)| (first, format!(" {rest}")));
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "response file") => format!("{count} response files"),
        (_, "response file held") => format!("{count} response files held"),
        (_, _) => format!("{count} {first}s{rest}"),
    }
}

/// Who holds a school, on which host, since when.
pub fn busy(held: &HeldBy) -> String {
    let HeldBy { host, process, since, heartbeat_at } = held;
    let (since, heartbeat_at) = (since.rfc3339_utc(), heartbeat_at.rfc3339_utc());
    format!("process {process} on {host} holds the school since {since}, last sign of life {heartbeat_at}")
}

fn codes(done: &Done) -> BTreeMap<&'static str, u32> {
    let mut codes = BTreeMap::new();
    for anomaly in &done.anomalies {
        *codes.entry(anomaly.code.as_str()).or_default() += 1;
    }
    codes
}

/// The whole summary, as JSON.
pub fn json(summary: &Summary) -> Value {
    let schools: Vec<Value> = summary.schools.iter().map(|(key, done)| school(*key, done)).collect();
    json!({ "exit": summary.exit_code(), "not_begun": summary.not_begun, "schools": schools })
}

/// One school of it.
pub fn school(key: SchoolKey, done: &Done) -> Value {
    let outcome = done.outcome();
    let windows: Vec<Value> =
        done.windows.iter().map(|(open, motive)| json!({ "open": open, "motive": motive.code() })).collect();
    let lots: Vec<Value> = done
        .lots
        .iter()
        .map(|lot| {
            json!({
                "level": lot.key.level.code(),
                "phase": lot.key.phase.code(),
                "number": lot.number,
                "demands": lot.demands,
                "without_entry": lot.without_entry,
            })
        })
        .collect();
    let failures: Vec<Value> =
        done.failures.iter().map(|it| json!({ "step": it.step.name(), "why": it.why, "set_up": it.set_up })).collect();
    let refused: Vec<Value> =
        done.refused_files.iter().map(|(number, why)| json!({ "number": number, "why": why })).collect();
    let busy = done.busy.as_ref().map(|held| {
        json!({ "host": held.host, "process": held.process, "since": held.since.rfc3339_utc(),
                "heartbeat_at": held.heartbeat_at.rfc3339_utc() })
    });
    json!({
        "uai": key.uai.as_str(),
        "year": key.year.get(),
        "outcome": outcome.as_str(),
        "exit": outcome.exit_code(),
        "night": done.night.map(|(date, caught_up)| json!({ "date": date.to_string(), "caught_up": caught_up })),
        "events": done.events,
        "orders": done.orders,
        "windows": windows,
        "lots": lots,
        "receipts": done.receipts,
        "response_files": done.response_files,
        "responses": done.responses,
        "carried": done.carried,
        "anomalies": codes(done),
        "gaps": done.gaps.iter().map(|(first, last)| json!([first, last])).collect::<Vec<_>>(),
        "refused_files": refused,
        "held": done.held + held_files(done),
        "deferred": done.deferred.map(|code| code.as_str()),
        "in_doubt": done.in_doubt.len(),
        "rejected": done.rejected,
        "stopped": done.stopped.is_some(),
        "failures": failures,
        "busy": busy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        campaign::{CampaignKey, Phase},
        school::{Level, SchoolYear, Uai},
        time::Timestamp,
    };
    use crate::run::outcome::SentLot;

    #[test]
    fn a_country_is_one_screen_with_the_worst_first() {
        let mut schools = BTreeMap::new();
        for number in 1..=100_u32 {
            let key = SchoolKey { uai: Uai::of_number(number).unwrap(), year: SchoolYear::new(2019).unwrap() };
            let in_doubt = if number == 90 { [number].into() } else { [].into() };
            let held = u32::from(number % 3 == 0);
            schools.insert(key, Done { events: 2, held, in_doubt, ..Done::default() });
        }
        let text = text(&Summary { schools, not_begun: 0 });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), SCREEN);
        assert_eq!(lines[0], "100 schools: 32 HELD, 1 LOT_IN_DOUBT, 67 ok");
        assert_eq!(lines[1], "0 nights; 200 events; 33 plans held; 1 lot in doubt");
        assert!(lines[2].contains("LOT_IN_DOUBT"), "{text}");
        assert_eq!(lines[19], "and 16 more to look at: --json tells each");
    }

    #[test]
    fn a_school_that_did_nothing_has_no_line_and_another_one_says_all() {
        let school = |uai: &str| SchoolKey { uai: Uai::parse(uai).unwrap(), year: SchoolYear::new(2019).unwrap() };
        let own = school("0380001V");
        let key = CampaignKey { school: own, level: Level::Troisieme, phase: Phase::Definitive };
        let lots = vec![SentLot { key, number: 12, demands: 1, without_entry: 24 }];
        let at = Timestamp::from_epoch_ms(0);
        let busy = Some(HeldBy { host: "nuit".to_owned(), process: 7, since: at, heartbeat_at: at });
        let (in_doubt, gaps) = ([12, 13].into(), vec![(4, 6)]);
        let done = Done { events: 3, orders: 1, in_doubt, lots, gaps, busy, ..Done::default() };
        let schools = BTreeMap::from([(own, done), (school("0750654D"), Done::default())]);
        let summary = Summary { schools, not_begun: 0 };
        assert_eq!(
            text(&summary),
            "0380001V-2019: LOT_IN_DOUBT: 3 events; 1 order; 2 lots in doubt; lot 12 DEFINITIVE: 1 demand, 24 without \
             entry; response files 4 to 6 never came; process 7 on nuit holds the school since 1970-01-01T00:00:00Z, last sign of life \
             1970-01-01T00:00:00Z\n"
        );
        assert_eq!(json(&summary)["exit"], 7);
    }
}
