//! Nights: which were run, how they ended, and which closings no run has carried over yet.

use crate::domain::{
    school::SchoolKey,
    time::{Date, Timestamp},
};
use crate::nights::{ClosingFact, NightFact, NightLedger, NightOutcome};
use crate::store::{
    StoreError, Tx, feed,
    lease::Lease,
    value::{Cells, values},
};

/// Nights that `nights::due` looks back at: the latest slot's, and a few for the page.
const RECENT: u32 = 10;

/// One night as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NightRow {
    /// Civil date.
    pub date: Date,
    /// How often it was begun, how it ended.
    pub fact: NightFact,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it was missed and run later.
    pub caught_up: bool,
    /// The run's report, as JSON.
    pub summary: Option<String>,
    /// Its extra run after a closing.
    pub extra: Option<NightFact>,
}

/// What `nights::due` decides from.
///
/// # Errors
/// When the database cannot be used.
pub async fn ledger(tx: &mut Tx, school: SchoolKey) -> Result<NightLedger, StoreError> {
    let sql = "SELECT first_calendar_at_ms FROM school WHERE uai = $1 AND year = $2";
    let row = tx.row(sql, values![school.uai, school.year]).await?;
    let first_calendar_at = row.map(|row| row.cells().opt_at()).transpose()?.flatten();
    let nights = list(tx, school, RECENT).await?;
    let extra = nights.first().and_then(|latest| latest.extra);
    Ok(NightLedger {
        first_calendar_at,
        nights: nights.into_iter().map(|night| (night.date, night.fact)).collect(),
        extra,
    })
}

/// The latest nights of the school, the latest first.
///
/// # Errors
/// When the database cannot be used.
pub async fn list(tx: &mut Tx, school: SchoolKey, limit: u32) -> Result<Vec<NightRow>, StoreError> {
    let sql = "SELECT date, outcome, attempts, last_attempt_at_ms, ended_at_ms, caught_up, summary, \
         extra_outcome, extra_attempts, extra_attempt_at_ms FROM night WHERE uai = $1 AND year = $2 \
         ORDER BY date DESC LIMIT $3";
    let rows = tx.rows(sql, values![school.uai, school.year, limit]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let date = cells.date()?;
            let (outcome, attempts, last_attempt_at) = (outcome(&mut cells)?, cells.u32()?, cells.at()?);
            let fact = NightFact { outcome, attempts, last_attempt_at };
            let (ended_at, caught_up, summary) = (cells.opt_at()?, cells.flag()?, cells.opt_text()?);
            let (outcome, attempts) = (self::outcome(&mut cells)?, cells.u32()?);
            let extra = cells.opt_at()?.map(|last_attempt_at| NightFact { outcome, attempts, last_attempt_at });
            Ok(NightRow { date, fact, ended_at, caught_up, summary, extra })
        })
        .collect()
}

fn outcome(cells: &mut Cells<'_>) -> Result<Option<NightOutcome>, StoreError> {
    let text = cells.opt_text()?;
    text.map(|text| NightOutcome::of_str(&text).ok_or(StoreError::Damaged("unknown outcome of a night"))).transpose()
}

/// Begins a night, or tries it again. One that is ok already is not begun again: this is its extra run.
///
/// # Errors
/// `LeaseLost`.
pub async fn begin(tx: &mut Tx, lease: &Lease, date: Date, now: Timestamp) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let school = lease.school();
    let sql = "INSERT INTO night (uai, year, date, attempts, last_attempt_at_ms, caught_up) VALUES ($1, $2, $3, 0, $4, 0) \
         ON CONFLICT (uai, year, date) DO NOTHING";
    tx.execute(sql, values![school.uai, school.year, date, now]).await?;
    let sql = "UPDATE night SET attempts = attempts + 1, last_attempt_at_ms = $4, outcome = NULL \
         WHERE uai = $1 AND year = $2 AND date = $3 AND (outcome IS NULL OR outcome <> 'ok')";
    if tx.execute(sql, values![school.uai, school.year, date, now]).await? == 0 {
        let sql = "UPDATE night SET extra_attempts = extra_attempts + 1, extra_attempt_at_ms = $4, extra_outcome = NULL \
             WHERE uai = $1 AND year = $2 AND date = $3";
        tx.execute(sql, values![school.uai, school.year, date, now]).await?;
    }
    Ok(())
}

/// Ends what `begin` began. A night is recorded ok once; `summary_json` is the run's report.
///
/// # Errors
/// `LeaseLost`.
pub async fn end(
    tx: &mut Tx,
    lease: &Lease,
    date: Date,
    outcome: NightOutcome,
    summary_json: &str,
    caught_up: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let school = lease.school();
    let sql = "SELECT CASE WHEN outcome = 'ok' THEN extra_attempt_at_ms ELSE last_attempt_at_ms END FROM night \
         WHERE uai = $1 AND year = $2 AND date = $3";
    let row = tx.row(sql, values![school.uai, school.year, date]).await?;
    let began_at = row.map(|row| row.cells().opt_at()).transpose()?.flatten().unwrap_or(now);
    let sql = "UPDATE night SET outcome = $4, summary = $5, ended_at_ms = $7, \
         caught_up = CASE WHEN $6 = 1 THEN 1 ELSE caught_up END \
         WHERE uai = $1 AND year = $2 AND date = $3 AND (outcome IS NULL OR outcome <> 'ok')";
    let values = values![school.uai, school.year, date, outcome.as_str(), summary_json, caught_up, now];
    if tx.execute(sql, values).await? == 0 {
        let sql = "UPDATE night SET extra_outcome = $4 WHERE uai = $1 AND year = $2 AND date = $3";
        tx.execute(sql, values![school.uai, school.year, date, outcome.as_str()]).await?;
    }
    match outcome {
        NightOutcome::Ok => carried(tx, lease, began_at, now).await,
        NightOutcome::Failed => Ok(()),
    }
}

/// A whole run that began at `began_at` ended ok, whoever started it: it carried every closing read before it began.
///
/// # Errors
/// `LeaseLost`.
pub async fn carried(tx: &mut Tx, lease: &Lease, began_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let school = lease.school();
    feed::ensure(tx, school).await?;
    let sql = "UPDATE school SET carried_began_at_ms = $3, carried_at_ms = $4 WHERE uai = $1 AND year = $2";
    tx.execute(sql, values![school.uai, school.year, began_at, now]).await?;
    Ok(())
}

/// The latest closing of each campaign with a council: when it was read, and when it was carried over. It was by a lot
/// cut at or after it, and by a whole run that began after it was read.
///
/// # Errors
/// When the database cannot be used.
pub async fn closings(tx: &mut Tx, school: SchoolKey) -> Result<Vec<ClosingFact>, StoreError> {
    let sql = "SELECT w.read_at_ms, CASE WHEN s.carried_began_at_ms >= w.read_at_ms THEN s.carried_at_ms END, \
         (SELECT MIN(l.cut_at_ms) FROM lot l WHERE l.uai = w.uai AND l.year = w.year AND l.level = w.level \
         AND l.phase = w.phase AND l.epoch = w.epoch AND l.cut_seq >= w.seq \
         AND l.state NOT IN ('rejected', 'abandoned')), \
         (SELECT MIN(k.starts_at_ms) FROM council k WHERE k.uai = w.uai AND k.year = w.year AND k.level = w.level \
         AND k.phase = w.phase) \
         FROM window_event w JOIN school s ON s.uai = w.uai AND s.year = w.year \
         WHERE w.uai = $1 AND w.year = $2 AND w.is_open = 0 AND w.seq = (SELECT MAX(v.seq) FROM window_event v \
         WHERE v.uai = w.uai AND v.year = w.year AND v.level = w.level AND v.phase = w.phase \
         AND (v.epoch = s.feed_epoch OR (s.feed_reread = 1 AND v.seq > s.feed_seq))) ORDER BY w.seq";
    let mut closings = Vec::new();
    for row in tx.rows(sql, values![school.uai, school.year]).await? {
        let mut cells = row.cells();
        let (read_at, by_run, by_lot) = (cells.at()?, cells.opt_at()?, cells.opt_at()?);
        let closing = |first_council| ClosingFact { read_at, first_council, carried_at: by_lot.or(by_run) };
        closings.extend(cells.opt_at()?.map(closing));
    }
    Ok(closings)
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::{campaign::Calendar, time::parse_date};
    use crate::store::Store;
    use crate::store::nights::*;
    use crate::store::test_support::{
        at, calendar, load, load_calendar, planned, read, school, stores, switched, take,
    };

    fn tonight() -> Date {
        parse_date("2020-05-26").unwrap()
    }

    async fn begun(store: &Store, lease: &Lease, now: Timestamp) {
        let mut tx = store.write().await.unwrap();
        begin(&mut tx, lease, tonight(), now).await.unwrap();
        tx.commit(Point::NightRecorded).await.unwrap();
    }

    async fn ended(store: &Store, lease: &Lease, outcome: NightOutcome, now: Timestamp) {
        let late = false;
        let mut tx = store.write().await.unwrap();
        end(&mut tx, lease, tonight(), outcome, "{}", late, now).await.unwrap();
        tx.commit(Point::NightRecorded).await.unwrap();
    }

    async fn ledger_of(store: &Store) -> NightLedger {
        ledger(&mut store.read().await.unwrap(), school()).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_calendar_begins_the_nights() {
        for store in stores().await {
            assert_eq!(ledger_of(&store).await, NightLedger::default());
            let first = at("2020-05-04 08:00");
            load_calendar(&store, first).await;
            let changed = Calendar { closes: at("2020-05-25 12:00"), ..calendar() };
            load(&store, changed, first.plus_s(60)).await;
            assert_eq!(ledger_of(&store).await.first_calendar_at, Some(first));
        }
    }

    #[tokio::test]
    async fn a_night_is_tried_until_it_is_ok_and_then_never_changes() {
        for store in stores().await {
            let lease = take(&store).await;
            let (first, second, third) = (at("2020-05-26 03:15"), at("2020-05-26 03:20"), at("2020-05-26 09:00"));
            let fact = |outcome, attempts, last_attempt_at| NightFact { outcome, attempts, last_attempt_at };
            begun(&store, &lease, first).await;
            assert_eq!(ledger_of(&store).await.nights[&tonight()], fact(None, 1, first));
            ended(&store, &lease, NightOutcome::Failed, first).await;
            begun(&store, &lease, second).await;
            assert_eq!(ledger_of(&store).await.nights[&tonight()], fact(None, 2, second));
            ended(&store, &lease, NightOutcome::Ok, second).await;
            let ok = fact(Some(NightOutcome::Ok), 2, second);
            assert_eq!((ledger_of(&store).await.nights[&tonight()], ledger_of(&store).await.extra), (ok, None));
            begun(&store, &lease, third).await;
            assert_eq!(ledger_of(&store).await.extra, Some(fact(None, 1, third)));
            ended(&store, &lease, NightOutcome::Failed, third).await;
            let ledger = ledger_of(&store).await;
            assert_eq!(ledger.nights[&tonight()], ok, "the extra run is not counted");
            assert_eq!(ledger.extra, Some(fact(Some(NightOutcome::Failed), 1, third)));
            let listed = list(&mut store.read().await.unwrap(), school(), 5).await.unwrap();
            assert_eq!((listed.len(), listed[0].ended_at, listed[0].caught_up), (1, Some(second), false));
        }
    }

    #[tokio::test]
    async fn a_closing_is_carried_by_a_run_that_began_after_it_was_read() {
        for store in stores().await {
            let lease = take(&store).await;
            load_calendar(&store, at("2020-05-04 08:00")).await;
            let read_at = at("2020-05-26 10:00");
            read(&store, at("2020-05-26 09:00"), vec![switched(true, None)]).await;
            let closings = async || closings_of(&store).await;
            assert_eq!(closings().await, []);
            read(&store, read_at, vec![switched(false, None)]).await;
            let first_council = calendar().first_council().unwrap();
            let fact = |carried_at| ClosingFact { read_at, first_council, carried_at };
            assert_eq!(closings().await, [fact(None)]);
            for (began, carried_at) in [("2020-05-26 09:59", None), ("2020-05-26 10:00", Some(at("2020-05-26 10:05")))]
            {
                let mut tx = store.write().await.unwrap();
                carried(&mut tx, &lease, at(began), at("2020-05-26 10:05")).await.unwrap();
                tx.commit(Point::NightRecorded).await.unwrap();
                assert_eq!(closings().await, [fact(carried_at)]);
            }
            begun(&store, &lease, at("2020-05-26 11:00")).await;
            ended(&store, &lease, NightOutcome::Ok, at("2020-05-26 11:01")).await;
            assert_eq!(closings().await, [fact(Some(at("2020-05-26 11:01")))]);
            let (planned, file) = planned(1, &[(100, 1)], 2);
            let mut tx = store.write().await.unwrap();
            crate::store::ledger::intend(&mut tx, &lease, &planned, &file, read_at).await.unwrap();
            tx.commit(Point::LotIntended).await.unwrap();
            assert_eq!(closings().await, [fact(Some(planned.lot.head.stamped_at))], "a lot tells it best");
        }
    }

    async fn closings_of(store: &Store) -> Vec<ClosingFact> {
        closings(&mut store.read().await.unwrap(), school()).await.unwrap()
    }
}
