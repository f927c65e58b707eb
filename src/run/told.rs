//! What a tick did, in the log: a line for each thing that somebody may look for one day. Where nobody reads standard
//! output, as in the daemon, this is all that is said. Counts, numbers and codes only: no pupil.

use crate::domain::school::SchoolKey;
use crate::run::outcome::{Done, Step};
use std::collections::BTreeMap;
use tracing::{error, info, warn};

/// Logs what a tick of a school did.
pub fn log(school: SchoolKey, done: &Done) {
    let uai = school.uai;
    for (open, motive) in &done.windows {
        let word = if *open { "opened" } else { "closed" };
        info!(name: "window.turned", { window.open = open }, "The téléservice of {uai} was {word}: {}", motive.code());
    }
    for lot in &done.lots {
        let (level, phase) = (lot.key.level.code(), lot.key.phase.code());
        info!(
            name: "lot.left", { lot.number = lot.number, lot.demands = lot.demands, campaign.level = level, campaign.phase = phase },
            "Lot {} of {uai} left with {} demands", lot.number, lot.demands
        );
    }
    for (first, last) in &done.gaps {
        warn!(
            name: "responses.gap", { file.first = first, file.last = last },
            "Siècle published no response file {first} to {last} of {uai}: what came after them is taken all the same"
        );
    }
    for (number, why) in &done.refused_files {
        warn!(name: "responses.refused", { file.number = number }, "Response file {number} of {uai} was refused: {why}");
    }
    for (code, count) in codes(done) {
        warn!(name: "anomaly.raised", { anomaly.code = code }, "{count} new {code} at {uai}");
    }
    if 0 < done.held {
        warn!(name: "plan.held", "{} held at {uai}: it waits for an approval", done.held);
    }
    if let Some(code) = done.deferred {
        info!(name: "guard.deferred", { refusal.code = code.as_str() }, "The guard deferred at {uai}: {}", code.as_str());
    }
    if !done.in_doubt.is_empty() {
        let count = done.in_doubt.len();
        error!(name: "lot.in_doubt", "{count} lots of {uai} are in doubt, and the far side can't tell");
    }
    if done.stopped.is_some() {
        error!(name: "feed.stopped", "The feed of {uai} is stopped: navette resync --reread tells what differs");
    }
    if let Some(held) = &done.busy {
        info!(name: "lease.busy", "Process {} on {} holds {uai}", held.process, held.host);
    }
    for failure in done.failures.iter().filter(|failure| failure.step != Step::Run) {
        let step = failure.step.name();
        warn!(name: "step.failed", { step, set_up = failure.set_up }, "{step} of {uai} failed: {}", failure.why);
    }
}

fn codes(done: &Done) -> BTreeMap<&'static str, usize> {
    let mut codes = BTreeMap::new();
    for anomaly in &done.anomalies {
        *codes.entry(anomaly.code.as_str()).or_default() += 1;
    }
    codes
}
