//! What supervision scrapes, in Prometheus' text format: from the ledger, so that timer and daemon say the same and a
//! restart loses no count. Schools, campaigns, codes and numbers; never a pupil.

mod text;

pub use crate::run::metrics::text::text;

use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::run::{
    context::{Context, Served},
    live::Pulse,
    status::{self, READ_AT_ONCE, SchoolStatus},
    step::StepError,
};
use crate::store::{
    Tx,
    counts::{self, Counts},
};
use std::{collections::BTreeMap, path::Path};
use tracing::warn;

/// The name under a folder of the node exporter's.
const FILE_NAME: &str = "navette.prom";

/// What is measured of one school.
pub struct Measured {
    /// Where it stands.
    pub status: SchoolStatus,
    /// What was counted.
    pub counts: Counts,
    /// Seconds of the latest night, by step.
    pub night_s: BTreeMap<String, f64>,
}

/// Who says it.
#[derive(Clone, Debug)]
pub enum Process {
    /// `navette run`, which ended with this code.
    Run {
        /// The exit code.
        exit_code: u8,
    },
    /// The daemon.
    Daemon(Pulse),
}

/// Measures every school at `now`.
///
/// # Errors
/// The store's.
pub async fn measure(ctx: &Context, now: Timestamp) -> Result<Vec<Measured>, StepError> {
    let schools: Vec<&Served> = ctx.schools.values().collect();
    let mut measured = Vec::with_capacity(schools.len());
    for some in schools.chunks(READ_AT_ONCE) {
        let mut tx = ctx.store.read().await?;
        for served in some {
            measured.push(of_school(ctx, &mut tx, served, now).await?);
        }
    }
    Ok(measured)
}

async fn of_school(ctx: &Context, tx: &mut Tx, served: &Served, now: Timestamp) -> Result<Measured, StepError> {
    let school: SchoolKey = served.school.key;
    let (status, _) = status::with_facts(ctx, tx, served, now).await?;
    let counts = counts::of_school(tx, school).await?;
    let summary = status.last_night.as_ref().and_then(|night| night.summary.as_deref());
    let summary = summary.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let seconds = summary.as_ref().and_then(|summary| summary.get("seconds")?.as_object());
    let seconds = seconds.into_iter().flatten().filter_map(|(step, value)| Some((step.clone(), value.as_f64()?)));
    let night_s = seconds.collect();
    Ok(Measured { status, counts, night_s })
}

/// Writes the metrics where the node exporter finds them, whole or not at all. What fails is logged and fails nothing.
pub async fn publish(ctx: &Context, process: &Process, path: &Path) {
    let now = ctx.clock.now();
    let measured = match measure(ctx, now).await {
        Ok(measured) => measured,
        Err(fault) => {
            warn!(name: "metrics.not_written", "The metrics were not written: {fault}");
            return;
        }
    };
    let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    if let Err(fault) = ctx.files.replace(&path, text(&measured, process, now).as_bytes()).await {
        warn!(name: "metrics.not_written", "The metrics were not written: {fault}");
    }
}
