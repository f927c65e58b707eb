//! What a replayed scenario reports (scenarios.md, report): the same bytes on any machine and either database.

use crate::domain::time::Timestamp;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// One scenario's report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Its name.
    pub scenario: String,
    /// Whether everything held.
    pub ok: bool,
    /// What did not hold, each with the step, what was expected and what came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Steps played, in order.
    pub steps: Vec<StepReport>,
    /// Every lot of the ledger, by school and number.
    pub lots: Vec<LotReport>,
    /// What Siècle holds, by school, phase and pupil.
    pub siecle: BTreeMap<String, BTreeMap<String, BTreeMap<String, HeldReport>>>,
    /// What the téléservice shows, by school and phase.
    pub teleservice: BTreeMap<String, BTreeMap<String, WindowReport>>,
    /// Nights, by school and date.
    pub nights: Vec<NightReport>,
    /// Anomalies, by instant, code and pupil.
    pub anomalies: Vec<AnomalyReport>,
    /// Recaps, in the order in which they were sent.
    pub mails: Vec<MailReport>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Its number, from 1.
    pub n: usize,
    /// Its instant.
    #[serde(serialize_with = "utc")]
    pub at: Timestamp,
    /// Its `do`.
    #[serde(rename = "do")]
    pub name: &'static str,
    /// What came.
    pub outcome: String,
    /// The instant from which it would be allowed, where time alone is missing.
    #[serde(serialize_with = "utc_option", skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Timestamp>,
}

/// One lot.
#[derive(Clone, Debug, Serialize)]
pub struct LotReport {
    /// School.
    pub uai: String,
    /// `NUM_ENVOI`.
    pub num_envoi: u32,
    /// Phase.
    pub phase: &'static str,
    /// The feed's position when it was cut.
    pub cut_seq: u64,
    /// When it was cut.
    #[serde(serialize_with = "utc")]
    pub cut_at: Timestamp,
    /// Its state.
    pub state: &'static str,
    /// Demands.
    pub demands: u32,
    /// Pupils without entry.
    pub without_entry: u32,
    /// Digest of the file.
    pub sha256: String,
}

/// What Siècle holds of one pupil.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct HeldReport {
    /// Version; 0 is `SANS_SAISIE`.
    pub version: i64,
    /// Choices as `2PRO/Mécanique/AP`.
    pub choices: Vec<String>,
}

/// What the téléservice shows of one campaign, beside navette's state.
#[derive(Clone, Debug, Serialize)]
pub struct WindowReport {
    /// navette's state.
    pub state: &'static str,
    /// The téléservice's truth.
    pub open: bool,
    /// navette's flag.
    pub at_risk: bool,
    /// Pupils whose demand is locked there.
    pub locked: Vec<String>,
    /// Responses there, by pupil.
    pub responses: BTreeMap<String, Vec<String>>,
}

/// One night.
#[derive(Clone, Debug, Serialize)]
pub struct NightReport {
    /// School.
    pub uai: String,
    /// Civil date.
    pub date: String,
    /// When it ran last.
    #[serde(serialize_with = "utc")]
    pub at: Timestamp,
    /// Its last outcome.
    pub outcome: &'static str,
    /// Whether it was caught up.
    pub caught_up: bool,
}

/// One anomaly.
#[derive(Clone, Debug, Serialize)]
pub struct AnomalyReport {
    /// Code.
    pub code: &'static str,
    /// Pupil's name in the scenario; empty for a school-wide one.
    pub pupil: String,
    /// When it was raised.
    #[serde(serialize_with = "utc")]
    pub at: Timestamp,
}

/// One recap (R13).
#[derive(Clone, Debug, Serialize)]
pub struct MailReport {
    /// Representative's name in the scenario.
    pub to: String,
    /// `owner` or `reader`.
    pub kind: &'static str,
    /// Pupil's name in the scenario.
    pub pupil: String,
    /// When.
    #[serde(serialize_with = "utc")]
    pub at: Timestamp,
}

fn utc<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339_utc())
}

fn utc_option<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => utc(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// The report as golden files and `--report` keep it.
pub fn to_json<T: Serialize>(report: &T) -> String {
    // Only maps with text keys and plain values stand in a report: writing it to memory can't fail.
    serde_json::to_string_pretty(report).map(|text| text + "\n").unwrap_or_default()
}
