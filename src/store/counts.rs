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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::Point;
    use crate::domain::{
        anomaly::{Anomaly, Code, Subject},
        pupil::PupilId,
        time::parse_date,
        track::Track,
    };
    use crate::nights::NightOutcome;
    use crate::plan::delivery::Outcome;
    use crate::store::{
        Store, anomalies, ledger, nights,
        test_support::{
            arrives, demands, import, load_calendar, memory, noon, other_school, planned, read, response, school, take,
        },
    };

    async fn of(store: &Store, school: SchoolKey) -> Counts {
        of_school(&mut store.read().await.unwrap(), school).await.unwrap()
    }

    /// A night that was ok, then one that failed; a lot that left, one that was refused; an anomaly of each kind, one settled.
    #[tokio::test]
    async fn what_is_counted_is_what_happened_at_this_school() {
        let store = memory().await;
        assert_eq!(of(&store, school()).await, Counts::default());
        load_calendar(&store, noon()).await;
        read(&store, noon(), vec![arrives(100, "3 A"), demands(100, 1, 1, Track::SecondeGt)]).await;
        let lease = take(&store).await;
        let mut tx = store.write().await.unwrap();
        for (date, outcome, after_s) in
            [("2020-05-12", NightOutcome::Ok, 60), ("2020-05-13", NightOutcome::Failed, 86_460)]
        {
            let (date, late) = (parse_date(date).unwrap(), false);
            nights::begin(&mut tx, &lease, date, noon().plus_s(after_s - 60)).await.unwrap();
            nights::end(&mut tx, &lease, date, outcome, "{}", late, noon().plus_s(after_s)).await.unwrap();
        }
        let refused = Outcome::Refused { code: "SCHEMA".to_owned(), detail: String::new(), set_up: false };
        for (number, outcome) in [(1, Outcome::Delivered), (2, refused)] {
            let (lot, file) = planned(number, &[(100, 1), (101, 0)], 2);
            let key = lot.lot.head.key;
            ledger::intend(&mut tx, &lease, &lot, &file, noon()).await.unwrap();
            ledger::record(&mut tx, &lease, key, number, &outcome, noon()).await.unwrap();
        }
        for (code, id) in [(Code::Choix, 100), (Code::Choix, 101), (Code::Voie, 100)] {
            let subject = Subject::Pupil(PupilId(id), None);
            let anomaly = Anomaly { code, subject, at: noon(), detail: String::new() };
            anomalies::raise(&mut tx, school(), &anomaly).await.unwrap();
        }
        let voie = anomalies::list(&mut tx, None, bool::default()).await.unwrap();
        let (_, id, ..) = voie.iter().find(|(_, _, one, _)| one.code == Code::Voie).unwrap();
        anomalies::settle(&mut tx, *id, "seen", "somebody", noon()).await.unwrap();
        tx.commit(Point::NightRecorded).await.unwrap();
        import(&store, 1, vec![response(100, noon(), true), response(101, noon(), false)], noon()).await;
        let of_campaign = (Level::Troisieme, Phase::Definitive);
        let expected = Counts {
            last_success_at: Some(noon().plus_s(60)),
            first_calendar_at: Some(noon()),
            lots: [(of_campaign, (1, 1))].into(),
            responses: [(of_campaign, 2)].into(),
            held_plans: 0,
            anomalies: [("CHOIX".to_owned(), 2)].into(),
        };
        assert_eq!(of(&store, school()).await, expected);
        assert_eq!(of(&store, other_school()).await, Counts::default(), "of the other school nothing is counted");
    }
}
