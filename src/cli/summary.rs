//! What a run did, as a line for people and as JSON. No pupil is in it: anomalies are counted by code.

use crate::domain::school::SchoolKey;

use crate::run::outcome::{Done, Summary};

use crate::store::lease::HeldBy;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One line a school that did something.
pub fn text(summary: &Summary) -> String {
    let told = |(key, done): (&SchoolKey, &Done)| done.is_worth_saying().then(|| line(*key, done));
    summary.schools.iter().filter_map(told).collect()
}

/// The line of one school.
pub fn line(key: SchoolKey, done: &Done) -> String {
    let mut parts = Vec::new();
    if let Some((date, caught_up)) = done.night {
        parts.push(format!("night {date}{}", if caught_up { " (caught up)" } else { "" }));
    }
    let counts = [
        (done.events, "event"),
        (done.orders, "order"),
        (done.receipts, "receipt"),
        (done.response_files, "response file"),
        (done.responses, "response"),
        (done.carried, "confirmation"),
        (done.held, "plan held"),
        (done.in_doubt, "lot in doubt"),
        (done.rejected, "lot rejected"),
    ];
    parts.extend(counts.iter().filter(|(count, _)| 0 < *count).map(|(count, noun)| counted(*count, noun)));
    parts.extend(done.lots.iter().map(|lot| {
        let phase = lot.key.phase.code();
        format!("lot {} {phase}: {}, {} without entry", lot.number, counted(lot.demands, "demand"), lot.without_entry)
    }));
    parts.extend(codes(done).into_iter().map(|(code, count)| format!("{count} {code}")));
    parts.extend(done.refused_files.iter().map(|(number, why)| format!("response file {number} refused: {why}")));
    parts.extend(done.busy.as_ref().map(busy));
    parts.extend(done.failures.iter().map(|failure| format!("{}: {}", failure.step.name(), failure.why)));
    let did = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join("; ") };
    format!("{key}: {}: {did}\n", done.outcome().as_str())
}

fn counted(count: u32, noun: &str) -> String {
    let (first, rest) = noun.split_once(' ').map_or((noun, String::new()), |(first, rest)| (first, format!(" {rest}")));
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "response file") => format!("{count} response files"),
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
    json!({ "exit": summary.exit_code(), "schools": schools })
}

fn school(key: SchoolKey, done: &Done) -> Value {
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
        "refused_files": refused,
        "held": done.held,
        "deferred": done.deferred.map(|code| code.as_str()),
        "in_doubt": done.in_doubt,
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
    fn a_school_that_did_nothing_has_no_line_and_another_one_says_all() {
        let school = |uai: &str| SchoolKey { uai: Uai::parse(uai).unwrap(), year: SchoolYear::new(2019).unwrap() };
        let own = school("0380001V");
        let key = CampaignKey { school: own, level: Level::Troisieme, phase: Phase::Definitive };
        let lots = vec![SentLot { key, number: 12, demands: 1, without_entry: 24 }];
        let at = Timestamp::from_epoch_ms(0);
        let busy = Some(HeldBy { host: "nuit".to_owned(), process: 7, since: at, heartbeat_at: at });
        let done = Done { events: 3, orders: 1, in_doubt: 2, lots, busy, ..Done::default() };
        let summary = Summary { schools: BTreeMap::from([(own, done), (school("0750654D"), Done::default())]) };
        assert_eq!(
            text(&summary),
            "0380001V-2019: LOT_IN_DOUBT: 3 events; 1 order; 2 lots in doubt; lot 12 DEFINITIVE: 1 demand, 24 without \
             entry; process 7 on nuit holds the school since 1970-01-01T00:00:00Z, last sign of life \
             1970-01-01T00:00:00Z\n"
        );
        assert_eq!(json(&summary)["exit"], 7);
    }
}
