//! The mirror of the téléservice's feed: its cursor, and what a page of events changes. Rules are judged in `check`.

use crate::check::events::{Change, Lock, PhaseState, PupilState, WindowSwitch};
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::{CampaignKey, Phase},
    demand::{Acknowledgement, Demand, Reply},
    pupil::{Pupil, PupilId},
    school::{Level, SchoolKey},
    time::Timestamp,
};
use crate::store::{
    StoreError, Tx, anomalies, orders, pupils, texts,
    value::{Value, values},
};
use std::collections::{BTreeMap, BTreeSet};

/// How far a school's feed was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Feed epoch: it rises when the feed is read again from 1.
    pub epoch: u32,
    /// The last `seq` applied.
    pub seq: u64,
    /// SHA-256 of the last applied event's canonical JSON.
    pub last: Option<[u8; 32]>,
    /// Why nothing further is applied.
    pub stopped: Option<Stop>,
    /// Whether the feed is being read again and its end was not reached yet.
    pub reread: bool,
    /// When it was last read with success.
    pub read_at: Option<Timestamp>,
}

/// Why a feed is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Events are missing (`SEQUENCE`).
    Hole {
        /// The first missing `seq`.
        from: u64,
        /// The last missing `seq`.
        to: u64,
    },
    /// The feed went back (`FLUX_RECULE`).
    WentBack,
}

/// Where a feed begins that was never read.
const BEGINNING: Cursor = Cursor { epoch: 1, seq: 0, last: None, stopped: None, reread: false, read_at: None };

/// Makes sure that the school has its row.
pub(crate) async fn ensure(tx: &mut Tx, school: SchoolKey) -> Result<(), StoreError> {
    let sql = "INSERT INTO school (uai, year) VALUES ($1, $2) ON CONFLICT (uai, year) DO NOTHING";
    tx.execute(sql, values![school.uai, school.year]).await?;
    Ok(())
}

/// How far the feed of `school` was applied.
///
/// # Errors
/// When the database cannot be used.
pub async fn cursor(tx: &mut Tx, school: SchoolKey) -> Result<Cursor, StoreError> {
    let sql = "SELECT feed_epoch, feed_seq, feed_last, feed_reread, feed_read_at_ms, stop_kind, stop_from, stop_to \
         FROM school WHERE uai = $1 AND year = $2";
    let Some(row) = tx.row(sql, values![school.uai, school.year]).await? else { return Ok(BEGINNING) };
    let mut cells = row.cells();
    let (epoch, seq, last) = (cells.u32()?, cells.u64()?, cells.opt_digest()?);
    let (reread, read_at, kind) = (cells.flag()?, cells.opt_at()?, cells.opt_text()?);
    let stopped = match kind.as_deref() {
        None => None,
        Some("hole") => Some(Stop::Hole { from: cells.u64()?, to: cells.u64()? }),
        Some(_) => Some(Stop::WentBack),
    };
    Ok(Cursor { epoch, seq, last, stopped, reread, read_at })
}

/// What `check::events::apply` needs to know of these pupils, as read in the present feed epoch.
///
/// # Errors
/// When the database cannot be used.
pub async fn states(
    tx: &mut Tx,
    school: SchoolKey,
    ids: &BTreeSet<PupilId>,
) -> Result<BTreeMap<PupilId, PupilState>, StoreError> {
    let epoch = cursor(tx, school).await?.epoch;
    let fixed = values![school.uai, school.year, epoch];
    let list: Vec<PupilId> = ids.iter().copied().collect();
    let mut states: BTreeMap<PupilId, PupilState> = BTreeMap::new();
    for (pupil, present) in pupils::in_epoch(tx, fixed.clone(), &list).await? {
        let state = states.entry(pupil.id).or_default();
        (state.present, state.pupil) = (present, Some(pupil));
    }
    let head = "SELECT pupil, phase, version, seq, representative FROM demand \
         WHERE uai = $1 AND year = $2 AND epoch = $3 AND pupil";
    for row in tx.rows_in(head, fixed.clone(), &list, "ORDER BY pupil, phase, version").await? {
        let mut cells = row.cells();
        let state = phase_of(&mut states, cells.pupil()?, cells.phase()?);
        state.last = Some((cells.u32()?, cells.u64()?));
        // R04: the phase belongs to who first validated it.
        state.owner.get_or_insert(cells.representative()?);
    }
    let head = "SELECT pupil, phase, seq, order_number FROM pupil_lock \
         WHERE uai = $1 AND year = $2 AND epoch = $3 AND pupil";
    for row in tx.rows_in(head, fixed.clone(), &list, "ORDER BY pupil, phase").await? {
        let mut cells = row.cells();
        let state = phase_of(&mut states, cells.pupil()?, cells.phase()?);
        state.locked = Some(Lock { seq: cells.u64()?, order: cells.u32()? });
    }
    let head = "SELECT pupil, seq FROM acknowledgement WHERE uai = $1 AND year = $2 AND epoch = $3 AND pupil";
    for row in tx.rows_in(head, fixed.clone(), &list, "ORDER BY pupil").await? {
        let mut cells = row.cells();
        let state = states.entry(cells.pupil()?).or_default();
        state.acknowledged_seq = Some(cells.u64()?);
    }
    let head = "SELECT pupil, representative FROM reply WHERE uai = $1 AND year = $2 AND epoch = $3 AND pupil";
    for row in tx.rows_in(head, fixed.clone(), &list, "ORDER BY pupil").await? {
        let mut cells = row.cells();
        let state = phase_of(&mut states, cells.pupil()?, Phase::Definitive);
        state.reply_by = Some(cells.representative()?);
    }
    Ok(states)
}

fn phase_of(states: &mut BTreeMap<PupilId, PupilState>, pupil: PupilId, phase: Phase) -> &mut PhaseState {
    states.entry(pupil).or_default().phases.entry(phase).or_default()
}

/// Applies a page: its changes by `seq`, the events that broke a rule as they came, and the cursor behind it. A
/// `VERROU` confirms the response that its order, or an older one, carried; an `OUVERTURE` shows its order.
///
/// # Errors
/// `FeedMoved` when another process applied other events since `cursor_after` was computed.
pub async fn apply(
    tx: &mut Tx,
    school: SchoolKey,
    changes: &[(u64, Change)],
    kept: &[(u64, String)],
    cursor_after: &Cursor,
    now: Timestamp,
) -> Result<(), StoreError> {
    move_cursor(tx, school, cursor_after).await?;
    let mut page = Page::new(school, cursor_after.epoch, now);
    for (seq, change) in changes {
        page.add(*seq, change);
    }
    page.judged = judged_before(tx, school, cursor_after.epoch, kept).await?;
    page.write(tx).await?;
    let rows = kept.iter().map(|(seq, raw)| values![school.uai, school.year, cursor_after.epoch, *seq, raw]);
    let head = "INSERT INTO kept_event (uai, year, epoch, seq, raw)";
    tx.insert(head, rows.collect(), "ON CONFLICT (uai, year, epoch, seq) DO NOTHING").await?;
    orders::shown_up_to(tx, school, cursor_after.seq, now).await
}

/// Which of these events broke a rule in an older epoch already, word for word: those are not news.
async fn judged_before(
    tx: &mut Tx,
    school: SchoolKey,
    epoch: u32,
    kept: &[(u64, String)],
) -> Result<BTreeSet<u64>, StoreError> {
    if epoch == BEGINNING.epoch || kept.is_empty() {
        return Ok(BTreeSet::new());
    }
    let raws: BTreeMap<u64, &str> = kept.iter().map(|(seq, raw)| (*seq, raw.as_str())).collect();
    let list: Vec<u64> = raws.keys().copied().collect();
    let head = "SELECT seq, raw FROM kept_event WHERE uai = $1 AND year = $2 AND epoch < $3 AND seq";
    let mut judged = BTreeSet::new();
    for row in tx.rows_in(head, values![school.uai, school.year, epoch], &list, "").await? {
        let mut cells = row.cells();
        let (seq, raw) = (cells.u64()?, cells.text()?);
        if raws.get(&seq) == Some(&raw.as_str()) {
            judged.insert(seq);
        }
    }
    Ok(judged)
}

async fn move_cursor(tx: &mut Tx, school: SchoolKey, after: &Cursor) -> Result<(), StoreError> {
    ensure(tx, school).await?;
    let (kind, from, to) = match after.stopped {
        None => (None, None, None),
        Some(Stop::Hole { from, to }) => (Some("hole"), Some(from), Some(to)),
        Some(Stop::WentBack) => (Some("went_back"), None, None),
    };
    let sql = "UPDATE school SET feed_seq = $3, feed_last = $4, feed_reread = $5, feed_read_at_ms = $6, stop_kind = $7, \
         stop_from = $8, stop_to = $9 WHERE uai = $1 AND year = $2 AND feed_epoch = $10 AND feed_seq <= $3";
    let last = after.last.map(|digest| digest.to_vec());
    let values =
        values![school.uai, school.year, after.seq, last, after.reread, after.read_at, kind, from, to, after.epoch];
    match tx.execute(sql, values).await? {
        1 => Ok(()),
        _ => Err(StoreError::FeedMoved(school)),
    }
}

/// Stops the feed: nothing is applied until the cause is gone. The anomaly is the caller's to raise.
///
/// # Errors
/// When the database cannot be used.
pub async fn stop(tx: &mut Tx, school: SchoolKey, stop: Stop, now: Timestamp) -> Result<(), StoreError> {
    let before = cursor(tx, school).await?;
    move_cursor(tx, school, &Cursor { stopped: Some(stop), read_at: Some(now), ..before }).await
}

/// Passes exactly this hole, when the feed is stopped at it; answers whether it was.
///
/// # Errors
/// When the database cannot be used.
pub async fn pass_hole(tx: &mut Tx, school: SchoolKey, from: u64, to: u64) -> Result<bool, StoreError> {
    let before = cursor(tx, school).await?;
    if before.stopped != Some(Stop::Hole { from, to }) {
        return Ok(false);
    }
    // No event stands at the cursor now: there is none to compare with until the next one was applied.
    move_cursor(tx, school, &Cursor { seq: to, last: None, stopped: None, ..before }).await?;
    Ok(true)
}

/// Begins to read the feed again from 1, in a new epoch: what was read stays until it is read otherwise. What the
/// téléservice confirmed is confirmed anew by the `VERROU` events, and what is missing there is carried again.
///
/// # Errors
/// When the database cannot be used.
pub async fn begin_epoch(tx: &mut Tx, school: SchoolKey, now: Timestamp) -> Result<u32, StoreError> {
    ensure(tx, school).await?;
    let sql = "UPDATE school SET feed_epoch = feed_epoch + 1, feed_seq = 0, feed_last = NULL, feed_reread = 1, \
         feed_read_at_ms = $3, stop_kind = NULL, stop_from = NULL, stop_to = NULL WHERE uai = $1 AND year = $2";
    tx.execute(sql, values![school.uai, school.year, now]).await?;
    let sql = "UPDATE response SET confirmed_at_ms = NULL, transferred = 0 WHERE uai = $1 AND year = $2";
    tx.execute(sql, values![school.uai, school.year]).await?;
    Ok(cursor(tx, school).await?.epoch)
}

/// The events of a school that broke a rule, as they came: epoch, `seq`, JSON.
///
/// # Errors
/// When the database cannot be used.
pub async fn kept(tx: &mut Tx, school: SchoolKey) -> Result<Vec<(u32, u64, String)>, StoreError> {
    let sql = "SELECT epoch, seq, raw FROM kept_event WHERE uai = $1 AND year = $2 ORDER BY epoch, seq";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok((cells.u32()?, cells.u64()?, cells.text()?))
        })
        .collect()
}

/// A page's changes, sorted by table: the last of each key stands, of locks the first.
struct Page<'a> {
    school: SchoolKey,
    epoch: u32,
    now: Timestamp,
    pupils: BTreeMap<PupilId, (u64, &'a Pupil)>,
    present: BTreeMap<PupilId, bool>,
    demands: BTreeMap<(PupilId, Phase, u32), (u64, Level, &'a Demand)>,
    acknowledgements: BTreeMap<PupilId, (u64, &'a Acknowledgement)>,
    replies: BTreeMap<PupilId, (u64, &'a Reply)>,
    locks: BTreeMap<(PupilId, Phase), Vec<(Lock, Timestamp)>>,
    windows: BTreeMap<u64, (Level, Phase, &'a WindowSwitch)>,
    anomalies: Vec<(u64, &'a Anomaly)>,
    /// Events whose anomalies were raised in an older epoch.
    judged: BTreeSet<u64>,
}

impl<'a> Page<'a> {
    const fn new(school: SchoolKey, epoch: u32, now: Timestamp) -> Self {
        Self {
            school,
            epoch,
            now,
            pupils: BTreeMap::new(),
            present: BTreeMap::new(),
            demands: BTreeMap::new(),
            acknowledgements: BTreeMap::new(),
            replies: BTreeMap::new(),
            locks: BTreeMap::new(),
            windows: BTreeMap::new(),
            anomalies: Vec::new(),
            judged: BTreeSet::new(),
        }
    }

    fn add(&mut self, at_seq: u64, change: &'a Change) {
        match change {
            Change::PutPupil(pupil) => {
                self.pupils.insert(pupil.id, (at_seq, pupil));
                self.present.insert(pupil.id, true);
            }
            Change::PupilLeft(pupil) => {
                self.present.insert(*pupil, false);
            }
            Change::PutDemand { demand, level, seq } => {
                self.demands.insert((demand.pupil, demand.phase, demand.version), (*seq, *level, demand));
            }
            Change::PutAcknowledgement { pupil, ack, seq } => {
                self.acknowledgements.insert(*pupil, (*seq, ack));
            }
            Change::PutReply { pupil, reply, seq } => {
                self.replies.insert(*pupil, (*seq, reply));
            }
            Change::Window { level, phase, event } => {
                self.windows.insert(event.seq, (*level, *phase, event));
            }
            Change::Locked { pupil, level: _, phase, order, seq, at } => {
                let lock = Lock { seq: *seq, order: *order };
                self.locks.entry((*pupil, *phase)).or_default().push((lock, *at));
            }
            Change::Anomaly(anomaly) => self.anomalies.push((at_seq, anomaly)),
        }
    }

    async fn write(mut self, tx: &mut Tx) -> Result<(), StoreError> {
        self.write_pupils(tx).await?;
        let known = self.known_versions(tx).await?;
        self.write_demands(tx, &known).await?;
        self.write_answers(tx).await?;
        self.write_locks(tx).await?;
        self.write_windows(tx).await?;
        self.write_anomalies(tx, &known).await
    }

    fn key(&self) -> [Value; 2] {
        [self.school.uai.into(), self.school.year.into()]
    }

    fn row(&self, rest: Vec<Value>) -> Vec<Value> {
        self.key().into_iter().chain([self.epoch.into()]).chain(rest).collect()
    }

    async fn write_pupils(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(self.pupils.len());
        for (_, pupil) in self.pupils.values() {
            let present = self.present.remove(&pupil.id).unwrap_or_default();
            rows.push(self.row(pupils::columns(pupil, present)?));
        }
        tx.insert(pupils::PUT, rows, pupils::PUT_OVER).await?;
        for pupil in self.present.keys() {
            let sql = "UPDATE pupil SET present = 0, epoch = $4 WHERE uai = $1 AND year = $2 AND id = $3";
            tx.execute(sql, values![self.school.uai, self.school.year, *pupil, self.epoch]).await?;
        }
        Ok(())
    }

    /// The versions of this page that an older epoch knew, with their instant and whether they were late then.
    async fn known_versions(
        &self,
        tx: &mut Tx,
    ) -> Result<BTreeMap<(PupilId, Phase, u32), (Timestamp, bool)>, StoreError> {
        let mut known = BTreeMap::new();
        if self.epoch == BEGINNING.epoch {
            return Ok(known);
        }
        let ids: BTreeSet<PupilId> = self.demands.keys().map(|(pupil, ..)| *pupil).collect();
        let ids: Vec<PupilId> = ids.into_iter().collect();
        let head = "SELECT pupil, phase, version, validated_at_ms, late FROM demand \
             WHERE uai = $1 AND year = $2 AND epoch < $3 AND pupil";
        let fixed = values![self.school.uai, self.school.year, self.epoch];
        for row in tx.rows_in(head, fixed.clone(), &ids, "").await? {
            let mut cells = row.cells();
            known.insert((cells.pupil()?, cells.phase()?, cells.u32()?), (cells.at()?, cells.flag()?));
        }
        Ok(known)
    }

    async fn write_demands(&self, tx: &mut Tx, known: &Known) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(self.demands.len());
        for (key, (seq, level, demand)) in &self.demands {
            // R18: late by the calendar in force on arrival, not by today's.
            let late = late_on_arrival(known, key, demand).unwrap_or(demand.late);
            let choices = texts::write_choices(&demand.choices)?;
            let (pupil, phase, version) = *key;
            let (by, at) = (demand.representative, demand.validated_at);
            rows.push(self.row(values![pupil, phase, version, *seq, *level, by, at, late, choices]));
        }
        let head = "INSERT INTO demand (uai, year, epoch, pupil, phase, version, seq, level, representative, \
             validated_at_ms, late, choices)";
        let over = "ON CONFLICT (uai, year, pupil, phase, version) DO UPDATE SET epoch = excluded.epoch, \
             seq = excluded.seq, level = excluded.level, representative = excluded.representative, \
             validated_at_ms = excluded.validated_at_ms, late = excluded.late, choices = excluded.choices";
        tx.insert(head, rows, over).await?;
        Ok(())
    }

    async fn write_answers(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let rows = self.acknowledgements.iter();
        let rows =
            rows.map(|(pupil, (seq, ack))| self.row(values![*pupil, *seq, ack.representative, ack.at])).collect();
        let head = "INSERT INTO acknowledgement (uai, year, epoch, pupil, seq, representative, at_ms)";
        let over = "ON CONFLICT (uai, year, pupil) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, \
             representative = excluded.representative, at_ms = excluded.at_ms";
        tx.insert(head, rows, over).await?;
        let mut rows = Vec::with_capacity(self.replies.len());
        for (pupil, (seq, reply)) in &self.replies {
            let accepted = texts::write_tracks(&reply.accepted)?;
            rows.push(self.row(values![*pupil, *seq, reply.representative, reply.at, reply.agrees, accepted]));
        }
        let head = "INSERT INTO reply (uai, year, epoch, pupil, seq, representative, at_ms, agrees, accepted)";
        let over = "ON CONFLICT (uai, year, pupil) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, \
             representative = excluded.representative, at_ms = excluded.at_ms, agrees = excluded.agrees, \
             accepted = excluded.accepted";
        tx.insert(head, rows, over).await?;
        Ok(())
    }

    async fn write_locks(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let first = self.locks.iter().filter_map(|(key, locks)| locks.first().map(|lock| (*key, *lock)));
        let rows = first.map(|((pupil, phase), (lock, at))| self.row(values![pupil, phase, lock.seq, lock.order, at]));
        let head = "INSERT INTO pupil_lock (uai, year, epoch, pupil, phase, seq, order_number, at_ms)";
        // The first lock of an epoch stands (R12).
        let over = "ON CONFLICT (uai, year, pupil, phase) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, \
             order_number = excluded.order_number, at_ms = excluded.at_ms WHERE pupil_lock.epoch < excluded.epoch";
        tx.insert(head, rows.collect(), over).await?;
        let confirmed: BTreeSet<u32> = self.locks.values().flatten().map(|(lock, _)| lock.order).collect();
        // The first lock of each pupil and phase, then the second ones, as they came.
        let most = self.locks.values().map(Vec::len).max().unwrap_or_default();
        for nth in 0..most {
            let applied = self.locks.iter().filter_map(|((pupil, phase), locks)| {
                let (lock, at) = locks.get(nth)?;
                Some(orders::Applied { pupil: *pupil, phase: *phase, order: lock.order, at: *at })
            });
            orders::confirm_applied(tx, self.school, &applied.collect::<Vec<_>>()).await?;
        }
        for number in confirmed {
            orders::close_when_answered(tx, self.school, number, self.now).await?;
        }
        Ok(())
    }

    async fn write_windows(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let rows = self.windows.values().map(|(level, phase, event)| {
            self.row(values![*level, *phase, event.seq, event.at, self.now, event.open, event.order])
        });
        let head =
            "INSERT INTO window_event (uai, year, epoch, level, phase, seq, at_ms, read_at_ms, is_open, order_number)";
        // An event that is read again keeps its judgement: it is judged once (guard.md).
        let same = "window_event.level = excluded.level AND window_event.phase = excluded.phase \
             AND window_event.at_ms = excluded.at_ms AND window_event.is_open = excluded.is_open";
        let over = format!(
            "ON CONFLICT (uai, year, seq) DO UPDATE SET epoch = excluded.epoch, level = excluded.level, \
             phase = excluded.phase, at_ms = excluded.at_ms, is_open = excluded.is_open, \
             order_number = excluded.order_number, \
             read_at_ms = CASE WHEN {same} THEN window_event.read_at_ms ELSE excluded.read_at_ms END, \
             judged = CASE WHEN {same} THEN window_event.judged ELSE NULL END"
        );
        tx.insert(head, rows.collect(), &over).await?;
        for (level, phase, event) in self.windows.values() {
            let key = CampaignKey { school: self.school, level: *level, phase: *phase };
            if let Some(number) = event.order {
                orders::shown(tx, key, number, self.now).await?;
            }
        }
        Ok(())
    }

    async fn write_anomalies(&self, tx: &mut Tx, known: &Known) -> Result<(), StoreError> {
        for (seq, anomaly) in &self.anomalies {
            if self.was_in_time(known, *seq, anomaly) {
                continue;
            }
            if self.judged.contains(seq) {
                anomalies::raise_again(tx, self.school, anomaly, Some(*seq)).await?;
            } else {
                anomalies::raise_at(tx, self.school, anomaly, Some(*seq)).await?;
            }
        }
        if anomalies::count_open(tx, self.school).await? == 0 {
            return Ok(());
        }
        for ((pupil, phase, _), (seq, ..)) in &self.demands {
            let subject = Subject::Pupil(*pupil, Some(*phase));
            anomalies::settle_before(tx, self.school, &subject, *seq, self.now).await?;
        }
        for (pupil, (seq, _)) in &self.pupils {
            anomalies::settle_before(tx, self.school, &Subject::Pupil(*pupil, None), *seq, self.now).await?;
        }
        Ok(())
    }

    /// Whether this is a `TARDIVE` of a version that an older epoch took as in time.
    fn was_in_time(&self, known: &Known, seq: u64, anomaly: &Anomaly) -> bool {
        let (Code::Tardive, Subject::Pupil(pupil, Some(phase))) = (anomaly.code, &anomaly.subject) else {
            return false;
        };
        let mut read =
            self.demands.iter().filter(|((of, at, _), (read_at, ..))| (of, at, *read_at) == (pupil, phase, seq));
        read.any(|(key, (_, _, demand))| late_on_arrival(known, key, demand) == Some(false))
    }
}

/// Versions known from an older epoch: instant, and whether they were late on arrival.
type Known = BTreeMap<(PupilId, Phase, u32), (Timestamp, bool)>;

/// Whether the version was late when it first arrived; none when it is new.
fn late_on_arrival(known: &Known, key: &(PupilId, Phase, u32), demand: &Demand) -> Option<bool> {
    known.get(key).filter(|(at, _)| *at == demand.validated_at).map(|(_, late)| *late)
}

#[cfg(test)]
mod tests {
    use crate::check::events;
    use crate::crash::Point;
    use crate::domain::{
        event::EventKind,
        order::{Motive, ResponseOrder},
        pupil::RepresentativeId,
        response::Response,
        time::Zone,
        track::Track,
    };
    use crate::guard::{By, Journal, Judgement, Open, OrderAction};
    use crate::plan::demands::Snapshot;
    use crate::store::feed::*;
    use crate::store::test_support::{
        arrives, at, calendar, demands, dump, events as events_of, import, key, load, load_calendar, locked, noon,
        permit, read, read_from, response, school, stores, switched, take,
    };
    use crate::store::{Store, campaigns, demands as demand_table, facts, pupils};

    async fn cursor_of(store: &Store) -> Cursor {
        cursor(&mut store.read().await.unwrap(), school()).await.unwrap()
    }

    fn acknowledged(id: i64, by: i64) -> EventKind {
        let representative = RepresentativeId(by);
        EventKind::Acknowledged { pupil: PupilId(id), level: Level::Troisieme, representative }
    }

    fn replied(id: i64, by: i64) -> EventKind {
        let (pupil, level, representative) = (PupilId(id), Level::Troisieme, RepresentativeId(by));
        EventKind::Replied { pupil, level, representative, agrees: true, accepted: vec![Track::SecondeGt] }
    }

    #[tokio::test]
    async fn a_feed_never_read_begins_at_its_beginning() {
        for store in stores().await {
            assert_eq!(cursor_of(&store).await, BEGINNING);
        }
    }

    #[tokio::test]
    async fn what_was_read_is_what_the_next_page_is_checked_with() {
        for store in stores().await {
            let kinds = vec![
                arrives(100, "3 A"),
                arrives(101, "3 B"),
                demands(100, 1, 2, Track::SecondeGt),
                demands(100, 2, 2, Track::SecondePro),
                acknowledged(100, 1),
                demands(100, 3, 2, Track::SecondeGt),
                locked(100, 7),
                locked(100, 8),
                replied(100, 2),
                EventKind::PupilLeft(PupilId(101)),
            ];
            read(&store, noon(), kinds).await;
            let ids = BTreeSet::from([PupilId(100), PupilId(101), PupilId(102)]);
            let mut found = states(&mut store.read().await.unwrap(), school(), &ids).await.unwrap();
            let jules = found.remove(&PupilId(100)).unwrap();
            assert!(jules.present && jules.acknowledged_seq == Some(5));
            // Version 2 lacks its formation (R03): the last good version stands.
            let state = PhaseState {
                owner: Some(RepresentativeId(2)),
                last: Some((3, 6)),
                locked: Some(Lock { seq: 7, order: 7 }),
                reply_by: Some(RepresentativeId(2)),
            };
            assert_eq!(jules.phases, BTreeMap::from([(Phase::Definitive, state)]));
            let gone = found.remove(&PupilId(101)).unwrap();
            assert!(gone.pupil.is_some() && !gone.present && found.is_empty());
        }
    }

    #[tokio::test]
    async fn a_cursor_moves_forward_only_and_within_its_epoch() {
        for store in stores().await {
            read(&store, noon(), vec![arrives(100, "3 A"), arrives(101, "3 A")]).await;
            let now = cursor_of(&store).await;
            assert_eq!((now.epoch, now.seq, now.last, now.read_at), (1, 2, Some([1; 32]), Some(noon())));
            for stale in [Cursor { seq: 1, ..now.clone() }, Cursor { epoch: 2, seq: 3, ..now.clone() }] {
                let mut tx = store.write().await.unwrap();
                let moved = apply(&mut tx, school(), &[], &[], &stale, noon()).await;
                assert!(matches!(moved, Err(StoreError::FeedMoved(_))));
            }
            let mut tx = store.write().await.unwrap();
            apply(&mut tx, school(), &[], &[(2, "{}".to_owned())], &now, noon()).await.unwrap();
            assert_eq!(kept(&mut tx, school()).await.unwrap(), [(1, 2, "{}".to_owned())]);
        }
    }

    #[tokio::test]
    async fn a_hole_is_passed_exactly() {
        for store in stores().await {
            read(&store, noon(), vec![arrives(100, "3 A")]).await;
            let mut tx = store.write().await.unwrap();
            stop(&mut tx, school(), Stop::Hole { from: 2, to: 4 }, noon()).await.unwrap();
            assert!(!pass_hole(&mut tx, school(), 2, 5).await.unwrap(), "that is another hole");
            assert_eq!(cursor(&mut tx, school()).await.unwrap().stopped, Some(Stop::Hole { from: 2, to: 4 }));
            assert!(pass_hole(&mut tx, school(), 2, 4).await.unwrap());
            let passed = cursor(&mut tx, school()).await.unwrap();
            assert_eq!((passed.seq, passed.last, passed.stopped), (4, None, None));
            assert!(!pass_hole(&mut tx, school(), 2, 4).await.unwrap(), "once");
            stop(&mut tx, school(), Stop::WentBack, noon()).await.unwrap();
            assert_eq!(cursor(&mut tx, school()).await.unwrap().stopped, Some(Stop::WentBack));
        }
    }

    #[tokio::test]
    async fn reading_everything_again_changes_nothing() {
        for store in stores().await {
            let kinds = || {
                vec![
                    arrives(100, "3 A"),
                    switched(true, None),
                    demands(100, 1, 1, Track::SecondeGt),
                    demands(100, 2, 2, Track::SecondeGt),
                    demands(100, 2, 1, Track::SecondeGt),
                    acknowledged(100, 1),
                    locked(100, 3),
                    demands(100, 3, 1, Track::SecondeGt),
                    switched(false, None),
                ]
            };
            let opened = at("2020-05-12 10:00");
            let first = read(&store, opened, kinds()).await;
            let mut tx = store.write().await.unwrap();
            campaigns::record_judgement(&mut tx, key(), 2, Judgement::Opening).await.unwrap();
            tx.commit(Point::FeedApplied).await.unwrap();
            let before = dump(&store).await;
            let journal = facts::of(&mut store.read().await.unwrap(), key()).await.unwrap().journal;
            let open = anomalies::list(&mut store.read().await.unwrap(), None, true).await.unwrap();
            assert_eq!(open.len(), 1, "VERROUILLEE stands, PROPRIETAIRE was mended by version 2");

            let mut tx = store.write().await.unwrap();
            assert_eq!(begin_epoch(&mut tx, school(), noon()).await.unwrap(), 2);
            tx.commit(Point::FeedApplied).await.unwrap();
            assert!(cursor_of(&store).await.reread);
            let ids = BTreeSet::from([PupilId(100)]);
            let mut tx = store.read().await.unwrap();
            assert!(states(&mut tx, school(), &ids).await.unwrap().is_empty(), "rules are judged anew");
            let half = facts::of(&mut tx, key()).await.unwrap().journal;
            assert_eq!(half.windows, journal.windows, "the older events stand until they are read again");
            drop(tx);
            assert_eq!(read_from(&store, opened, kinds(), Some(false)).await, first);
            assert_eq!(dump(&store).await, before);
            assert_eq!(anomalies::list(&mut store.read().await.unwrap(), None, true).await.unwrap(), open);
            let after = facts::of(&mut store.read().await.unwrap(), key()).await.unwrap().journal;
            assert_eq!(after.windows, journal.windows);
            assert_eq!(after.windows[0].judged, Some(Judgement::Opening));
            assert_eq!(after.feed_epoch, 2);
        }
    }

    #[tokio::test]
    async fn what_was_judged_before_is_no_news_when_it_is_read_again() {
        for store in stores().await {
            let lease = take(&store).await;
            let stale = response(100, noon(), true);
            import(&store, 1, vec![stale.clone()], noon()).await;
            let mut tx = store.write().await.unwrap();
            let order = ResponseOrder { key: key(), number: 1, responses: vec![stale.clone()] };
            orders::intend_responses(&mut tx, &lease, &order, noon()).await.unwrap();
            tx.commit(Point::OrderIntended).await.unwrap();
            let open = async || anomalies::count_open(&mut store.read().await.unwrap(), school()).await.unwrap();
            let again = async |at, kinds| {
                let mut tx = store.write().await.unwrap();
                begin_epoch(&mut tx, school(), noon()).await.unwrap();
                tx.commit(Point::FeedApplied).await.unwrap();
                read_from(&store, at, kinds, Some(false)).await;
            };
            let versions = [1, 2].map(|version| demands(100, version, 1, Track::SecondeGt));
            let kinds: Vec<EventKind> =
                [arrives(100, "3 A")].into_iter().chain(versions).chain([locked(100, 1)]).collect();
            read(&store, noon(), kinds.clone()).await;
            assert_eq!(open().await, 1, "the council saw version 1 (R17)");
            again(noon(), kinds.clone()).await;
            assert_eq!(open().await, 1, "nothing settled it");
            let corrected = Response { demand_version: Some(2), entered_at: at("2020-05-29 10:00"), ..stale };
            import(&store, 2, vec![corrected], noon()).await;
            assert_eq!(open().await, 0);
            // Seed 366: the feed does not show the file that settled it.
            again(noon(), kinds.clone()).await;
            assert_eq!(open().await, 0);
            again(at("2020-05-12 12:01"), kinds).await;
            assert_eq!(open().await, 1, "a téléservice that tells another story is heard");
        }
    }

    #[tokio::test]
    async fn a_feed_that_went_back_forgets_the_openings_it_no_longer_shows_and_no_demand() {
        for store in stores().await {
            let kinds = vec![arrives(100, "3 A"), switched(true, None), demands(100, 1, 1, Track::SecondeGt)];
            let lost = vec![switched(false, None), demands(100, 2, 1, Track::SecondeGt)];
            read(&store, noon(), kinds.iter().cloned().chain(lost).collect()).await;
            let mut tx = store.write().await.unwrap();
            begin_epoch(&mut tx, school(), noon()).await.unwrap();
            tx.commit(Point::FeedApplied).await.unwrap();
            read_from(&store, noon(), kinds, Some(true)).await;
            let windows = |journal: Journal| journal.windows.iter().map(|it| it.open).collect::<Vec<_>>();
            let mut tx = store.read().await.unwrap();
            assert_eq!(windows(facts::of(&mut tx, key()).await.unwrap().journal), [true, false]);
            drop(tx);
            read_from(&store, noon(), Vec::new(), Some(false)).await;
            let mut tx = store.read().await.unwrap();
            assert_eq!(windows(facts::of(&mut tx, key()).await.unwrap().journal), [true]);
            // R18: nothing a family validated is ever lost.
            let known = demand_table::known(&mut tx, key()).await.unwrap();
            assert_eq!(known[&PupilId(100)].last_version, Some(2));
        }
    }

    #[tokio::test]
    async fn late_is_what_was_late_on_arrival() {
        for store in stores().await {
            read(&store, at("2020-05-04 08:00"), vec![arrives(100, "3 A"), arrives(101, "3 B")]).await;
            load_calendar(&store, at("2020-05-04 08:00")).await;
            let kinds = || vec![arrives(100, "3 A"), demands(100, 1, 1, Track::SecondeGt)];
            read(&store, at("2020-05-26 12:00"), vec![demands(100, 1, 1, Track::SecondeGt)]).await;
            read(&store, at("2020-05-27 16:16"), vec![demands(101, 1, 1, Track::SecondeGt)]).await;
            let late = |snapshot: Snapshot| {
                snapshot.pupils.iter().map(|pupil| pupil.demand.as_ref().unwrap().late).collect::<Vec<_>>()
            };
            let zone = Zone::Europe__Paris;
            let mut tx = store.read().await.unwrap();
            assert_eq!(late(demand_table::snapshot(&mut tx, key(), zone).await.unwrap()), [false, true]);
            drop(tx);
            // The councils move closer: what was in time stays so when it is read again.
            let mut sooner = calendar();
            sooner.closes = at("2020-05-20 12:00");
            for start in sooner.councils.values_mut() {
                *start = at("2020-05-26 10:00");
            }
            load(&store, sooner, at("2020-05-12 12:00")).await;
            let mut tx = store.write().await.unwrap();
            begin_epoch(&mut tx, school(), noon()).await.unwrap();
            tx.commit(Point::FeedApplied).await.unwrap();
            let again = read_from(&store, at("2020-05-26 12:00"), kinds(), Some(false)).await;
            assert_eq!(again.len(), 3, "{again:?}");
            let mut tx = store.read().await.unwrap();
            let raised = anomalies::list(&mut tx, None, false).await.unwrap();
            let subjects: Vec<Subject> = raised.into_iter().map(|(_, _, anomaly, _)| anomaly.subject).collect();
            assert_eq!(subjects, [Subject::Pupil(PupilId(101), Some(Phase::Definitive))]);
            let snapshot = demand_table::snapshot(&mut tx, key(), zone).await.unwrap();
            assert_eq!(late(snapshot), [false, true]);
        }
    }

    #[tokio::test]
    async fn an_opening_is_an_orders_or_a_persons() {
        for store in stores().await {
            load_calendar(&store, at("2020-05-04 08:00")).await;
            let permit = permit(&store, Open, noon()).await;
            let mut tx = store.write().await.unwrap();
            let motive = Motive::Opening;
            let by_hand = true;
            let order = orders::intend_window(&mut tx, permit, motive, by_hand, noon()).await.unwrap();
            tx.commit(Point::OrderIntended).await.unwrap();
            let kinds = vec![switched(true, Some(order.number)), switched(false, None), switched(true, Some(99))];
            read(&store, noon(), kinds).await;
            let journal = facts::of(&mut store.read().await.unwrap(), key()).await.unwrap().journal;
            let by: Vec<By> = journal.windows.iter().map(|event| event.by).collect();
            // An order that is not in this ledger is nobody's we know.
            assert_eq!(by, [By::Order { action: OrderAction::Open, by_hand: true }, By::Person, By::Person]);
            assert_eq!(journal.pending, None, "the feed shows the order");
        }
    }

    #[tokio::test]
    async fn a_page_of_thousands_goes_in_and_comes_back() {
        for store in stores().await {
            let mut kinds: Vec<EventKind> = (0..1_500).map(|id| arrives(id, "3 A")).collect();
            kinds.extend((0..1_500).map(|id| demands(id, 1, 1, Track::SecondeGt)));
            let changes = read(&store, noon(), kinds).await;
            assert_eq!(changes.len(), 3_000);
            let events = events_of(1, noon(), (0..1_500).map(|id| arrives(id, "3 A")).collect());
            let mut tx = store.read().await.unwrap();
            let found = states(&mut tx, school(), &events::pupils(&events)).await.unwrap();
            assert_eq!(found.len(), 1_500);
            assert!(found.values().all(|state| state.phases.len() == 1));
            assert_eq!(pupils::of_school(&mut tx, school()).await.unwrap().len(), 1_500);
        }
    }
}
