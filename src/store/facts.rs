//! What the guard knows of a school's campaigns: their calendars, and the journals that it folds. One tick asks for it
//! several times, so all campaigns of a school are read by the same few statements.

use crate::domain::{
    campaign::{Calendar, CampaignKey},
    pupil::{Division, PupilId},
    school::{Level, SchoolKey},
};
use crate::guard::{By, Journal, Judgement, LotFact, OrderAction, PendingOrder, ResponseFacts, WindowEvent};
use crate::store::{
    StoreError, Tx, campaigns, texts,
    value::{Cells, Value, values},
};
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The campaign.
    pub key: CampaignKey,
    /// Its calendar, once one was loaded.
    pub calendar: Option<Calendar>,
    /// Everything that the guard folds into facts.
    pub journal: Journal,
}

/// All campaigns of a school, in their order: those with a calendar, and those that the feed has shown.
///
/// # Errors
/// When the database cannot be used.
pub async fn of_school(tx: &mut Tx, school: SchoolKey) -> Result<Vec<Known>, StoreError> {
    read(tx, Scope::School(school)).await
}

/// One campaign, whether anything was read of it or not.
///
/// # Errors
/// When the database cannot be used.
pub async fn of(tx: &mut Tx, key: CampaignKey) -> Result<Known, StoreError> {
    read(tx, Scope::Campaign(key)).await?.pop().ok_or(StoreError::Damaged("a campaign that was asked for is missing"))
}

/// Which campaigns of a school.
#[derive(Clone, Copy)]
pub(crate) enum Scope {
    /// All.
    School(SchoolKey),
    /// One.
    Campaign(CampaignKey),
}

impl Scope {
    const fn school(self) -> SchoolKey {
        match self {
            Self::School(school) => school,
            Self::Campaign(key) => key.school,
        }
    }

    const fn level(self) -> Option<Level> {
        match self {
            Self::School(_) => None,
            Self::Campaign(key) => Some(key.level),
        }
    }

    /// `$1` to `$4`: school, year, and level and phase or null.
    fn values(self) -> Vec<Value> {
        let (school, phase) = match self {
            Self::School(school) => (school, None),
            Self::Campaign(key) => (key.school, Some(key.phase)),
        };
        values![school.uai, school.year, self.level(), phase]
    }
}

/// A campaign's lots, and the versions that the last acknowledged one carried.
#[derive(Default)]
struct Lots {
    facts: Vec<LotFact>,
    carried: BTreeMap<PupilId, u32>,
}

async fn read(tx: &mut Tx, scope: Scope) -> Result<Vec<Known>, StoreError> {
    let mut heads = heads(tx, scope).await?;
    let mut calendars = calendars(tx, scope).await?;
    let mut windows = windows(tx, scope).await?;
    let mut lots = lots(tx, scope).await?;
    let divisions = divisions(tx, scope).await?;
    for (key, journal) in &mut heads {
        journal.windows = windows.remove(key).unwrap_or_default();
        journal.divisions = divisions.get(&key.level).cloned().unwrap_or_default();
        let Lots { facts, carried } = lots.remove(key).unwrap_or_default();
        journal.lots = facts;
        missing(tx, *key, &carried, &mut journal.responses).await?;
    }
    let known = |(key, journal)| Known { key, calendar: calendars.remove(&key), journal };
    Ok(heads.into_iter().map(known).collect())
}

/// What stands once for each campaign: the feed epoch, counts of its responses, its pending order.
async fn heads(tx: &mut Tx, scope: Scope) -> Result<BTreeMap<CampaignKey, Journal>, StoreError> {
    let keys = match scope {
        Scope::School(_) => campaigns::KEYS,
        Scope::Campaign(_) => "SELECT CAST($3 AS TEXT) AS level, CAST($4 AS TEXT) AS phase",
    };
    let own = "uai = $1 AND year = $2 AND level = COALESCE($3, level) AND phase = COALESCE($4, phase)";
    let sql = format!(
        "SELECT c.level, c.phase, COALESCE((SELECT feed_epoch FROM school WHERE uai = $1 AND year = $2), 1), \
         COALESCE(f.received, 0), COALESCE(f.held, 0), f.entry_complete, f.latest_entered, f.taken, \
         COALESCE(r.pending, 0), r.confirmed, r.refused, o.number, o.action, o.given_at_ms FROM ({keys}) c \
         LEFT JOIN (SELECT level, phase, COUNT(CASE WHEN state <> 'refused' AND responses > 0 THEN 1 END) AS received, \
         COUNT(CASE WHEN state = 'held' THEN 1 END) AS held, \
         MAX(CASE WHEN state = 'taken' THEN entry_complete_at_ms END) AS entry_complete, \
         MAX(CASE WHEN state = 'taken' THEN latest_entered_at_ms END) AS latest_entered, \
         MAX(CASE WHEN state = 'taken' THEN recorded_at_ms END) AS taken \
         FROM response_file WHERE {own} GROUP BY level, phase) f ON f.level = c.level AND f.phase = c.phase \
         LEFT JOIN (SELECT level, phase, COUNT(CASE WHEN confirmed_at_ms IS NULL AND refused_code IS NULL THEN 1 END) \
         AS pending, MAX(confirmed_at_ms) AS confirmed, MAX(refused_at_ms) AS refused \
         FROM response WHERE {own} GROUP BY level, phase) r ON r.level = c.level AND r.phase = c.phase \
         LEFT JOIN (SELECT level, phase, MAX(number) AS number FROM far_order WHERE {own} AND kind = 'window' \
         AND state IN ('intended', 'sent') GROUP BY level, phase) p ON p.level = c.level AND p.phase = c.phase \
         LEFT JOIN far_order o ON o.uai = $1 AND o.year = $2 AND o.number = p.number"
    );
    let rows = tx.rows(AssertSqlSafe(sql), scope.values()).await?;
    rows.iter().map(|row| head(&mut row.cells(), scope.school())).collect()
}

fn head(cells: &mut Cells<'_>, school: SchoolKey) -> Result<(CampaignKey, Journal), StoreError> {
    let (key, feed_epoch) = (cells.campaign(school)?, cells.u32()?);
    let (received, held_files) = (cells.int()? > 0, cells.u32()?);
    let (entry_complete_at, latest_entered_at) = (cells.opt_at()?, cells.opt_at()?);
    let (taken_at, pending_transfer) = (cells.opt_at()?, cells.u32()?);
    let settled_at = cells.opt_at()?.max(cells.opt_at()?);
    // Nothing had to be carried: then the import itself completed the transfer.
    let confirmed_at = settled_at.or(taken_at.filter(|_| pending_transfer == 0));
    let responses = ResponseFacts {
        received,
        entry_complete_at,
        latest_entered_at,
        pending_transfer,
        confirmed_at,
        held_files,
        ..ResponseFacts::default()
    };
    let pending = match cells.opt_u32()? {
        None => None,
        Some(number) => Some(PendingOrder { number, action: action(&cells.text()?)?, given_at: cells.at()? }),
    };
    Ok((key, Journal { feed_epoch, responses, pending, ..Journal::default() }))
}

fn action(text: &str) -> Result<OrderAction, StoreError> {
    OrderAction::of_str(text).ok_or(StoreError::Damaged("unknown action"))
}

/// The calendars in force.
pub(crate) async fn calendars(tx: &mut Tx, scope: Scope) -> Result<BTreeMap<CampaignKey, Calendar>, StoreError> {
    let sql = "SELECT c.level, c.phase, c.opens_ms, c.closes_ms, c.reopens_ms, c.ends_ms, k.starts_at_ms, k.division \
         FROM campaign c \
         LEFT JOIN council k ON k.uai = c.uai AND k.year = c.year AND k.level = c.level AND k.phase = c.phase \
         WHERE c.uai = $1 AND c.year = $2 AND c.level = COALESCE($3, c.level) AND c.phase = COALESCE($4, c.phase)";
    let mut calendars: BTreeMap<CampaignKey, Calendar> = BTreeMap::new();
    for row in tx.rows(sql, scope.values()).await? {
        let mut cells = row.cells();
        let key = cells.campaign(scope.school())?;
        let (opens, closes, reopens, ends) = (cells.at()?, cells.at()?, cells.opt_at()?, cells.opt_at()?);
        let fresh = || Calendar { opens, closes, reopens, ends, councils: BTreeMap::new() };
        let calendar = calendars.entry(key).or_insert_with(fresh);
        if let Some(starts_at) = cells.opt_at()? {
            calendar.councils.insert(cells.division()?, starts_at);
        }
    }
    Ok(calendars)
}

/// `OUVERTURE` events by `seq`: those of the feed epoch in force, and, while a feed is being read again, the older ones
/// behind the place where that has got to.
pub(crate) async fn windows(tx: &mut Tx, scope: Scope) -> Result<BTreeMap<CampaignKey, Vec<WindowEvent>>, StoreError> {
    let sql = "SELECT w.level, w.phase, w.seq, w.at_ms, w.is_open, w.judged, o.action, o.by_hand FROM window_event w \
         JOIN school s ON s.uai = w.uai AND s.year = w.year \
         LEFT JOIN far_order o ON o.uai = w.uai AND o.year = w.year AND o.number = w.order_number \
         AND o.kind = 'window' AND o.level = w.level AND o.phase = w.phase \
         WHERE w.uai = $1 AND w.year = $2 AND w.level = COALESCE($3, w.level) AND w.phase = COALESCE($4, w.phase) \
         AND (w.epoch = s.feed_epoch OR (s.feed_reread = 1 AND w.seq > s.feed_seq)) ORDER BY w.seq";
    let mut windows: BTreeMap<CampaignKey, Vec<WindowEvent>> = BTreeMap::new();
    for row in tx.rows(sql, scope.values()).await? {
        let mut cells = row.cells();
        let key = cells.campaign(scope.school())?;
        windows.entry(key).or_default().push(window(&mut cells)?);
    }
    Ok(windows)
}

fn window(cells: &mut Cells<'_>) -> Result<WindowEvent, StoreError> {
    let (seq, at, open, judged) = (cells.u64()?, cells.at()?, cells.flag()?, cells.opt_text()?);
    let judged = judged.map(|text| Judgement::of_str(&text).ok_or(StoreError::Damaged("unknown judgement")));
    let by = match cells.opt_text()? {
        None => By::Person,
        Some(text) => By::Order { action: action(&text)?, by_hand: cells.flag()? },
    };
    Ok(WindowEvent { seq, at, open, by, judged: judged.transpose()? })
}

async fn lots(tx: &mut Tx, scope: Scope) -> Result<BTreeMap<CampaignKey, Lots>, StoreError> {
    let sql = "SELECT l.level, l.phase, l.number, l.cut_seq, l.epoch, l.acknowledged_at_ms, l.state, \
         CASE WHEN l.number = a.number THEN l.versions END FROM lot l \
         LEFT JOIN (SELECT level, phase, MAX(number) AS number FROM lot \
         WHERE uai = $1 AND year = $2 AND state = 'acknowledged' GROUP BY level, phase) a \
         ON a.level = l.level AND a.phase = l.phase \
         WHERE l.uai = $1 AND l.year = $2 AND l.level = COALESCE($3, l.level) AND l.phase = COALESCE($4, l.phase) \
         ORDER BY l.number";
    let mut lots: BTreeMap<CampaignKey, Lots> = BTreeMap::new();
    for row in tx.rows(sql, scope.values()).await? {
        let mut cells = row.cells();
        let lots = lots.entry(cells.campaign(scope.school())?).or_default();
        let (number, cut_seq, epoch) = (cells.u32()?, cells.u64()?, cells.u32()?);
        let (acknowledged_at, in_doubt) = (cells.opt_at()?, cells.text()? == "in_doubt");
        lots.facts.push(LotFact { number, cut_seq, epoch, acknowledged_at, in_doubt });
        if let Some(versions) = cells.opt_text()? {
            lots.carried = texts::read_versions(&versions)?;
        }
    }
    Ok(lots)
}

/// The divisions of pupils in procedure, by level.
async fn divisions(tx: &mut Tx, scope: Scope) -> Result<BTreeMap<Level, BTreeSet<Division>>, StoreError> {
    let sql = "SELECT DISTINCT level, division FROM pupil \
         WHERE uai = $1 AND year = $2 AND level = COALESCE($3, level) AND present = 1 AND in_procedure = 1";
    let school = scope.school();
    let mut divisions: BTreeMap<Level, BTreeSet<Division>> = BTreeMap::new();
    for row in tx.rows(sql, values![school.uai, school.year, scope.level()]).await? {
        let mut cells = row.cells();
        divisions.entry(cells.level()?).or_default().insert(cells.division()?);
    }
    Ok(divisions)
}

/// Pupils still in procedure with a demand in the last acknowledged lot and no response received, by division; and
/// whether that lot holds any such demand, where nobody declared the entry finished. It is what the lot carried, not what Siècle kept of it: a pupil whom its receipt
/// rejects has a demand in it all the same.
async fn missing(
    tx: &mut Tx,
    key: CampaignKey,
    carried: &BTreeMap<PupilId, u32>,
    facts: &mut ResponseFacts,
) -> Result<(), StoreError> {
    let expected: BTreeSet<PupilId> =
        carried.iter().filter(|(_, version)| **version > 0).map(|(pupil, _)| *pupil).collect();
    if expected.is_empty() {
        return Ok(());
    }
    let sql = "SELECT p.id, p.division FROM pupil p \
         WHERE p.uai = $1 AND p.year = $2 AND p.level = $3 AND p.present = 1 AND p.in_procedure = 1 AND NOT EXISTS \
         (SELECT 1 FROM response_received r WHERE r.uai = p.uai AND r.year = p.year AND r.level = p.level \
         AND r.phase = $4 AND r.pupil = p.id)";
    for row in tx.rows(sql, Scope::Campaign(key).values()).await? {
        let mut cells = row.cells();
        if expected.contains(&cells.pupil()?) {
            *facts.missing.entry(cells.division()?).or_default() += 1;
        }
    }
    facts.some_expected = !facts.missing.is_empty();
    if facts.missing.is_empty() && facts.entry_complete_at.is_none() {
        let head = "SELECT id FROM pupil WHERE uai = $1 AND year = $2 AND level = $3 AND present = 1 AND in_procedure = 1 \
             AND id";
        let (fixed, list) = (values![key.school.uai, key.school.year, key.level], Vec::from_iter(expected));
        facts.some_expected = !tx.rows_in(head, fixed, &list, "LIMIT 1").await?.is_empty();
    }
    Ok(())
}
