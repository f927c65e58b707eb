//! Counts over what the store holds, for supervision: they grow with the work and outlive every process. No pupil is named.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    school::{Level, SchoolKey},
    time::Timestamp,
};
use crate::store::{
    StoreError, Tx, holds,
    value::{Row, values},
};
use std::collections::BTreeMap;

/// What is counted of one school.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// When its latest night that was ok ended.
    pub last_success_at: Option<Timestamp>,
    /// When it was first given a calendar: nights are due from then on.
    pub first_calendar_at: Option<Timestamp>,
    /// Lots that Siècle was sent, and the demands in them, by campaign.
    pub lots: BTreeMap<(Level, Phase), (u64, u64)>,
    /// Responses that stand, by campaign.
    pub responses: BTreeMap<(Level, Phase), u64>,
    /// Plans that wait for an approval.
    pub held_plans: u32,
    /// Open anomalies, by code.
    pub anomalies: BTreeMap<String, u64>,
}

/// Counts one school.
///
/// # Errors
/// When the database cannot be used.
pub async fn of_school(tx: &mut Tx, school: SchoolKey) -> Result<Counts, StoreError> {
    let own = || values![school.uai, school.year];
    let sql = "SELECT (SELECT MAX(ended_at_ms) FROM night WHERE uai = $1 AND year = $2 AND outcome = 'ok'), \
         (SELECT first_calendar_at_ms FROM school WHERE uai = $1 AND year = $2)";
    let mut counts = Counts::default();
    if let Some(row) = tx.row(sql, own()).await? {
        let mut cells = row.cells();
        (counts.last_success_at, counts.first_calendar_at) = (cells.opt_at()?, cells.opt_at()?);
    }
    let sql = "SELECT level, phase, COUNT(*), CAST(SUM(demands) AS BIGINT) FROM lot WHERE uai = $1 AND year = $2 \
         AND state IN ('sent', 'acknowledged', 'replaced') GROUP BY level, phase";
    for row in tx.rows(sql, own()).await? {
        let mut cells = row.cells();
        let CampaignKey { level, phase, .. } = cells.campaign(school)?;
        counts.lots.insert((level, phase), (cells.u64()?, cells.u64()?));
    }
    let sql = "SELECT level, phase, COUNT(*) FROM response WHERE uai = $1 AND year = $2 GROUP BY level, phase";
    for row in tx.rows(sql, own()).await? {
        let mut cells = row.cells();
        let CampaignKey { level, phase, .. } = cells.campaign(school)?;
        counts.responses.insert((level, phase), cells.u64()?);
    }
    counts.held_plans = u32::try_from(holds::held(tx, school).await?.len()).unwrap_or(u32::MAX);
    let sql = "SELECT code, COUNT(*) FROM anomaly WHERE uai = $1 AND year = $2 AND settled_at_ms IS NULL GROUP BY code";
    let rows = tx.rows(sql, own()).await?;
    counts.anomalies = rows.iter().map(anomaly).collect::<Result<_, _>>()?;
    Ok(counts)
}

fn anomaly(row: &Row) -> Result<(String, u64), StoreError> {
    let mut cells = row.cells();
    Ok((cells.text()?, cells.u64()?))
}
