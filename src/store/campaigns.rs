//! Campaigns: calendars in force, and the facts that the guard folds.

use crate::domain::{
    campaign::{Calendar, CampaignKey, Phase},
    school::{Level, SchoolKey},
    time::Timestamp,
};
use crate::guard::{By, Journal, Judgement, LoadCalendar, LotFact, OrderAction, PendingOrder, Permit, WindowEvent};
use crate::store::{
    StoreError, Tx, feed, journal as journal_table, pupils, responses, texts,
    value::{Row, values},
};
use std::collections::{BTreeMap, BTreeSet};

/// Kind of a journal entry about a calendar.
const CALENDAR_KIND: &str = "calendar";
/// Kind of a journal entry about a dérogation.
const DEROGATION_KIND: &str = "derogation";

/// Records the calendar that the guard permits, and journals it. The first one of a school begins its nights.
///
/// # Errors
/// When the database cannot be used.
pub async fn load_calendar(tx: &mut Tx, permit: Permit<LoadCalendar>, now: Timestamp) -> Result<(), StoreError> {
    let key = permit.campaign();
    let school = key.school;
    let words = texts::campaign_words(key);
    journal_derogation(tx, &permit, &format!("calendar {words}"), now).await?;
    let calendar = permit.into_action().calendar;
    feed::ensure(tx, school).await?;
    let sql =
        "UPDATE school SET first_calendar_at_ms = COALESCE(first_calendar_at_ms, $3) WHERE uai = $1 AND year = $2";
    tx.execute(sql, values![school.uai, school.year, now]).await?;
    let own = values![school.uai, school.year, key.level, key.phase];
    let sql = "INSERT INTO campaign (uai, year, level, phase, opens_ms, closes_ms, reopens_ms, ends_ms, loaded_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (uai, year, level, phase) DO UPDATE SET \
         opens_ms = excluded.opens_ms, closes_ms = excluded.closes_ms, reopens_ms = excluded.reopens_ms, \
         ends_ms = excluded.ends_ms, loaded_at_ms = excluded.loaded_at_ms";
    let instants = values![calendar.opens, calendar.closes, calendar.reopens, calendar.ends, now];
    tx.execute(sql, own.iter().cloned().chain(instants).collect()).await?;
    let sql = "DELETE FROM council WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4";
    tx.execute(sql, own.clone()).await?;
    let rows = calendar
        .councils
        .iter()
        .map(|(division, starts_at)| own.iter().cloned().chain(values![division, *starts_at]).collect());
    let head = "INSERT INTO council (uai, year, level, phase, division, starts_at_ms)";
    tx.insert(head, rows.collect(), "").await?;
    journal_table::write(tx, Some(school), CALENDAR_KIND, &format!("{words}: {}", in_words(&calendar)), None, now).await
}

fn in_words(calendar: &Calendar) -> String {
    let instant = |name: &str, at: Option<Timestamp>| at.map(|at| format!("{name} {}", at.rfc3339_utc()));
    let own = [
        instant("opens", Some(calendar.opens)),
        instant("closes", Some(calendar.closes)),
        instant("reopens", calendar.reopens),
        instant("ends", calendar.ends),
    ];
    let councils = calendar.councils.iter().map(|(division, at)| instant(&format!("council {division}"), Some(*at)));
    own.into_iter().chain(councils).flatten().collect::<Vec<_>>().join(", ")
}

/// Journals the dérogation without which `permit` would have been refused, if there was one.
pub(crate) async fn journal_derogation<A>(
    tx: &mut Tx,
    permit: &Permit<A>,
    what: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(derogation) = permit.derogation() else { return Ok(()) };
    let text = format!("{what}: {}", derogation.reason);
    journal_table::write(tx, Some(permit.campaign().school), DEROGATION_KIND, &text, Some(&derogation.who), now).await
}

/// The calendar in force.
///
/// # Errors
/// When the database cannot be used.
pub async fn calendar(tx: &mut Tx, key: CampaignKey) -> Result<Option<Calendar>, StoreError> {
    let sql = "SELECT c.opens_ms, c.closes_ms, c.reopens_ms, c.ends_ms, k.starts_at_ms, k.division FROM campaign c \
         LEFT JOIN council k ON k.uai = c.uai AND k.year = c.year AND k.level = c.level AND k.phase = c.phase \
         WHERE c.uai = $1 AND c.year = $2 AND c.level = $3 AND c.phase = $4";
    let mut calendar: Option<Calendar> = None;
    for row in tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await? {
        let mut cells = row.cells();
        let (opens, closes, reopens, ends) = (cells.at()?, cells.at()?, cells.opt_at()?, cells.opt_at()?);
        let calendar =
            calendar.get_or_insert_with(|| Calendar { opens, closes, reopens, ends, councils: BTreeMap::new() });
        if let Some(starts_at) = cells.opt_at()? {
            calendar.councils.insert(cells.division()?, starts_at);
        }
    }
    Ok(calendar)
}

/// Campaigns of the school: those with a calendar, and those that the feed has shown.
///
/// # Errors
/// When the database cannot be used.
pub async fn keys(tx: &mut Tx, school: SchoolKey) -> Result<Vec<CampaignKey>, StoreError> {
    let sql = "SELECT level, phase FROM campaign WHERE uai = $1 AND year = $2 \
         UNION SELECT level, phase FROM window_event WHERE uai = $1 AND year = $2 \
         UNION SELECT level, phase FROM demand WHERE uai = $1 AND year = $2";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    let keys: Result<BTreeSet<CampaignKey>, StoreError> = rows.iter().map(|row| row.cells().campaign(school)).collect();
    Ok(keys?.into_iter().collect())
}

/// Every school and year that this database knows.
///
/// # Errors
/// When the database cannot be used.
pub async fn schools(tx: &mut Tx) -> Result<Vec<SchoolKey>, StoreError> {
    let rows = tx.rows("SELECT uai, year FROM school ORDER BY year, uai", Vec::new()).await?;
    rows.iter().map(|row| row.cells().school()).collect()
}

/// The next council of each school and year that has one to come.
///
/// # Errors
/// When the database cannot be used.
pub async fn next_councils(tx: &mut Tx, now: Timestamp) -> Result<BTreeMap<SchoolKey, Timestamp>, StoreError> {
    let sql = "SELECT uai, year, MIN(starts_at_ms) FROM council WHERE starts_at_ms >= $1 GROUP BY uai, year";
    let rows = tx.rows(sql, values![now]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok((cells.school()?, cells.at()?))
        })
        .collect()
}

/// The latest legal closing of each campaign of the school (R08, `TARDIVE`).
///
/// # Errors
/// When the database cannot be used.
pub async fn deadlines(tx: &mut Tx, school: SchoolKey) -> Result<BTreeMap<(Level, Phase), Timestamp>, StoreError> {
    let mut deadlines = BTreeMap::new();
    for key in keys(tx, school).await? {
        if let Some(deadline) = calendar(tx, key).await?.as_ref().and_then(Calendar::deadline) {
            deadlines.insert((key.level, key.phase), deadline);
        }
    }
    Ok(deadlines)
}

/// Records what the guard said of a person's opening. It is judged once.
///
/// # Errors
/// When the database cannot be used.
pub async fn record_judgement(tx: &mut Tx, key: CampaignKey, seq: u64, judgement: Judgement) -> Result<(), StoreError> {
    let sql = "UPDATE window_event SET judged = $6 WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 \
         AND seq = $5 AND judged IS NULL";
    let school = key.school;
    tx.execute(sql, values![school.uai, school.year, key.level, key.phase, seq, judgement.as_str()]).await?;
    Ok(())
}

/// Everything that the guard folds into the facts of a campaign.
///
/// # Errors
/// When the database cannot be used.
pub async fn journal(tx: &mut Tx, key: CampaignKey) -> Result<Journal, StoreError> {
    Ok(Journal {
        windows: windows(tx, key).await?,
        feed_epoch: feed::cursor(tx, key.school).await?.epoch,
        lots: lots(tx, key).await?,
        responses: responses::facts(tx, key).await?,
        divisions: pupils::divisions(tx, key.school, key.level).await?,
        pending: pending(tx, key).await?,
    })
}

/// The campaign's `OUVERTURE` events by `seq`: those of the feed epoch in force, and, while a feed is being read again,
/// the older ones behind the place where that has got to.
pub(crate) async fn windows(tx: &mut Tx, key: CampaignKey) -> Result<Vec<WindowEvent>, StoreError> {
    let sql = "SELECT w.seq, w.at_ms, w.is_open, w.judged, o.action, o.by_hand FROM window_event w \
         JOIN school s ON s.uai = w.uai AND s.year = w.year \
         LEFT JOIN far_order o ON o.uai = w.uai AND o.year = w.year AND o.number = w.order_number \
         AND o.kind = 'window' AND o.level = w.level AND o.phase = w.phase \
         WHERE w.uai = $1 AND w.year = $2 AND w.level = $3 AND w.phase = $4 \
         AND (w.epoch = s.feed_epoch OR (s.feed_reread = 1 AND w.seq > s.feed_seq)) ORDER BY w.seq";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    rows.iter().map(window).collect()
}

fn window(row: &Row) -> Result<WindowEvent, StoreError> {
    let mut cells = row.cells();
    let (seq, at, open, judged) = (cells.u64()?, cells.at()?, cells.flag()?, cells.opt_text()?);
    let judged = judged.map(|text| Judgement::of_str(&text).ok_or(StoreError::Damaged("unknown judgement")));
    let by = match cells.opt_text()? {
        None => By::Person,
        Some(action) => {
            let action = OrderAction::of_str(&action).ok_or(StoreError::Damaged("unknown action"))?;
            By::Order { action, by_hand: cells.flag()? }
        }
    };
    Ok(WindowEvent { seq, at, open, by, judged: judged.transpose()? })
}

async fn lots(tx: &mut Tx, key: CampaignKey) -> Result<Vec<LotFact>, StoreError> {
    let sql = "SELECT number, cut_seq, epoch, acknowledged_at_ms, state FROM lot \
         WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 ORDER BY number";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (number, cut_seq, epoch) = (cells.u32()?, cells.u64()?, cells.u32()?);
            let acknowledged_at = cells.opt_at()?;
            Ok(LotFact { number, cut_seq, epoch, acknowledged_at, in_doubt: cells.text()? == "in_doubt" })
        })
        .collect()
}

async fn pending(tx: &mut Tx, key: CampaignKey) -> Result<Option<PendingOrder>, StoreError> {
    let sql = "SELECT number, action, given_at_ms FROM far_order \
         WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 AND kind = 'window' \
         AND state IN ('intended', 'sent') ORDER BY number DESC LIMIT 1";
    let row = tx.row(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    row.map(|row| {
        let mut cells = row.cells();
        let (number, action) = (cells.u32()?, cells.text()?);
        let action = OrderAction::of_str(&action).ok_or(StoreError::Damaged("unknown action"))?;
        Ok(PendingOrder { number, action, given_at: cells.at()? })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::{
        pupil::Division,
        time::{DAY_S, Zone},
        track::Track,
    };
    use crate::guard::{Derogation, Facts, FarSide, Policy, Reopen, State, Verdict, decide};
    use crate::store::campaigns::*;
    use crate::store::test_support::{
        arrives, at, calendar as planned_calendar, demands, key, load, load_calendar, noon, read, school, stores,
        switched,
    };
    use crate::store::{Store, journal as journal_table};

    async fn journal_of(store: &Store) -> Journal {
        journal(&mut store.read().await.unwrap(), key()).await.unwrap()
    }

    #[tokio::test]
    async fn a_calendar_stands_as_it_was_loaded_last() {
        for store in stores().await {
            assert_eq!(calendar(&mut store.read().await.unwrap(), key()).await.unwrap(), None);
            load_calendar(&store, noon()).await;
            let mut changed = planned_calendar();
            changed.councils.remove(&Division::parse("3 B").unwrap());
            changed.reopens = Some(at("2020-05-30 08:00"));
            changed.ends = Some(at("2020-06-20 18:00"));
            load(&store, changed.clone(), noon()).await;
            let mut tx = store.read().await.unwrap();
            assert_eq!(calendar(&mut tx, key()).await.unwrap(), Some(changed.clone()));
            let deadline = changed.first_council().unwrap().plus_s(-DAY_S);
            let deadlines = deadlines(&mut tx, school()).await.unwrap();
            assert_eq!(deadlines, BTreeMap::from([((key().level, key().phase), deadline)]));
            let kinds: Vec<String> = journal_table::list(&mut tx, Some(school()))
                .await
                .unwrap()
                .into_iter()
                .map(|entry| entry.kind)
                .collect();
            assert_eq!(kinds, [CALENDAR_KIND, CALENDAR_KIND]);
            assert_eq!(schools(&mut tx).await.unwrap(), [school()]);
        }
    }

    #[tokio::test]
    async fn campaigns_are_those_planned_and_those_seen() {
        for store in stores().await {
            assert_eq!(keys(&mut store.read().await.unwrap(), school()).await.unwrap(), []);
            read(&store, noon(), vec![arrives(100, "3 A"), demands(100, 1, 1, Track::SecondeGt)]).await;
            assert_eq!(keys(&mut store.read().await.unwrap(), school()).await.unwrap(), [key()]);
            read(&store, noon(), vec![switched(true, None)]).await;
            load_calendar(&store, noon()).await;
            assert_eq!(keys(&mut store.read().await.unwrap(), school()).await.unwrap(), [key()], "each once");
        }
    }

    #[tokio::test]
    async fn an_opening_is_judged_once() {
        for store in stores().await {
            read(&store, noon(), vec![switched(true, None)]).await;
            for judgement in [Judgement::Refused, Judgement::Opening] {
                let mut tx = store.write().await.unwrap();
                record_judgement(&mut tx, key(), 1, judgement).await.unwrap();
                tx.commit(Point::FeedApplied).await.unwrap();
                assert_eq!(journal_of(&store).await.windows[0].judged, Some(Judgement::Refused));
            }
        }
    }

    #[tokio::test]
    async fn the_guard_folds_what_was_read() {
        for store in stores().await {
            read(&store, noon(), vec![arrives(100, "3 A"), arrives(101, "3 B"), switched(true, None)]).await;
            load_calendar(&store, noon()).await;
            let journal = journal_of(&store).await;
            let divisions = ["3 A", "3 B"].map(|code| Division::parse(code).unwrap());
            assert_eq!(journal.divisions, divisions.into());
            assert_eq!((journal.feed_epoch, journal.lots.len(), journal.pending), (1, 0, None));
            let calendar = Some(planned_calendar());
            let facts = Facts::fold(key(), Zone::Europe__Paris, calendar, &journal, FarSide::WELL);
            assert_eq!(facts.state(noon()), State::Open);
        }
    }

    #[tokio::test]
    async fn a_derogation_is_journaled_with_who_and_why() {
        for store in stores().await {
            let mut soon = planned_calendar();
            soon.closes = at("2020-05-28 08:00");
            let facts = Facts::fold(key(), Zone::Europe__Paris, None, &journal_of(&store).await, FarSide::WELL);
            let plea = Derogation { reason: "strike".to_owned(), who: "rectorat".to_owned() };
            let policy = Policy { overrides: true, enforce: true };
            let permit = match decide(&facts, LoadCalendar { calendar: soon }, noon(), Some(plea), policy) {
                Verdict::Allowed(permit) => permit,
                verdict @ (Verdict::Already | Verdict::Refused(_)) => panic!("{verdict:?}"),
            };
            let mut tx = store.write().await.unwrap();
            crate::store::campaigns::load_calendar(&mut tx, permit, noon()).await.unwrap();
            let entry = journal_table::list(&mut tx, None).await.unwrap().remove(0);
            assert_eq!((entry.kind.as_str(), entry.who.as_deref()), (DEROGATION_KIND, Some("rectorat")));
            assert_eq!(entry.text, "calendar 3E DEFINITIVE: strike");
            // Without one nothing is written: reopening is refused, and the store gets no permit at all.
            assert!(!matches!(decide(&facts, Reopen, noon(), None, policy), Verdict::Allowed(_)));
        }
    }
}
