//! Campaigns: which there are, and their calendars. What the guard folds is read in `facts`.

use crate::domain::{
    campaign::{Calendar, CampaignKey, Phase},
    school::{Level, SchoolKey},
    time::Timestamp,
};
use crate::guard::{Judgement, LoadCalendar, Permit, WindowEvent};
use crate::store::{
    StoreError, Tx,
    facts::{self, Scope},
    feed, journal as journal_table, texts,
    value::values,
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
    Ok(facts::calendars(tx, Scope::Campaign(key)).await?.remove(&key))
}

/// Level and phase of each campaign of a school.
pub(crate) const KEYS: &str = "SELECT level, phase FROM campaign WHERE uai = $1 AND year = $2 \
     UNION SELECT level, phase FROM window_event WHERE uai = $1 AND year = $2 \
     UNION SELECT level, phase FROM demand WHERE uai = $1 AND year = $2";

/// Campaigns of the school: those with a calendar, and those that the feed has shown.
///
/// # Errors
/// When the database cannot be used.
pub async fn keys(tx: &mut Tx, school: SchoolKey) -> Result<Vec<CampaignKey>, StoreError> {
    let rows = tx.rows(KEYS, values![school.uai, school.year]).await?;
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
    let calendars = facts::calendars(tx, Scope::School(school)).await?;
    let deadline = |(key, calendar): (CampaignKey, Calendar)| Some(((key.level, key.phase), calendar.deadline()?));
    Ok(calendars.into_iter().filter_map(deadline).collect())
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

/// The campaign's `OUVERTURE` events that count, by `seq`.
pub(crate) async fn windows(tx: &mut Tx, key: CampaignKey) -> Result<Vec<WindowEvent>, StoreError> {
    Ok(facts::windows(tx, Scope::Campaign(key)).await?.remove(&key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::{
        pupil::Division,
        time::{DAY_S, Zone},
        track::Track,
    };
    use crate::guard::{Derogation, Facts, FarSide, Journal, Policy, Reopen, State, Verdict, decide};
    use crate::store::campaigns::*;
    use crate::store::test_support::{
        arrives, at, calendar as planned_calendar, demands, key, load, load_calendar, noon, read, school, stores,
        switched,
    };
    use crate::store::{Store, journal as journal_table};

    async fn journal_of(store: &Store) -> Journal {
        facts::of(&mut store.read().await.unwrap(), key()).await.unwrap().journal
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
