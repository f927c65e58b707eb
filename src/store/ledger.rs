//! The ledger of lots: intended before they are sent, each number one content for ever, each state reached one way only.
//!
//! ```text
//! intended ─▶ sent ─▶ acknowledged        in_doubt ─▶ what the far side says
//!     │         └───▶ replaced            rejected ─▶ intended (a person: retry)
//!     └─▶ rejected, in_doubt              any that waits ─▶ abandoned (a person)
//! ```

pub mod again;

use crate::codec::envelope::ExchangeFile;
use crate::domain::{
    anomaly::Code,
    campaign::CampaignKey,
    lot::{FileName, Format, LotCounts},
    pupil::PupilId,
    school::SchoolKey,
    time::Timestamp,
};
use crate::guard::window::Window;
use crate::plan::{
    delivery::Outcome,
    demands::{LastLot, Ledger, Planned},
    receipts::{LotRecord, ReceiptPlan},
};
use crate::store::{
    StoreError, Tx, anomalies, campaigns,
    feed::{self, Cursor},
    holds,
    lease::Lease,
    texts,
    value::{Cells, Row, Value, values},
};
use std::collections::BTreeMap;

pub use crate::store::holds::{HeldPlan, HoldKind, approve, clear_hold, held, hold, hold_responses};

/// Where a lot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LotState {
    /// Committed here, perhaps never sent.
    Intended,
    /// Siècle has it.
    Sent,
    /// Siècle treated it.
    Acknowledged,
    /// Siècle refused it for good.
    Rejected,
    /// It may have arrived.
    InDoubt,
    /// A later lot of its campaign took its place before it was treated.
    Replaced,
    /// A person gave it up.
    Abandoned,
}

impl LotState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Intended,
        Self::Sent,
        Self::Acknowledged,
        Self::Rejected,
        Self::InDoubt,
        Self::Replaced,
        Self::Abandoned,
    ];

    /// The name in the database and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Rejected => "rejected",
            Self::InDoubt => "in_doubt",
            Self::Replaced => "replaced",
            Self::Abandoned => "abandoned",
        }
    }

    /// The state of a name.
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a receipt, or an answer, is still to come.
    pub const fn waits(self) -> bool {
        match self {
            Self::Intended | Self::Sent | Self::InDoubt => true,
            Self::Acknowledged | Self::Rejected | Self::Replaced | Self::Abandoned => false,
        }
    }
}

/// What names a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LotId {
    /// Campaign.
    pub key: CampaignKey,
    /// `NUM_ENVOI`.
    pub number: u32,
}

/// What the reason of a lot begins with that was refused for who we say we are.
const SET_UP: &str = "SET_UP ";

/// One lot of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotRow {
    /// What its receipt is compared with: campaign, number, stamp, counts, versions.
    pub record: LotRecord,
    /// Its file's name.
    pub name: FileName,
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
    /// Its file; none in a list, and once purged.
    pub bytes: Option<Vec<u8>>,
    /// Size of its file.
    pub size_bytes: u64,
    /// Where it stands.
    pub state: LotState,
    /// The feed position at which it was cut.
    pub cut_seq: u64,
    /// The feed epoch of that position.
    pub epoch: u32,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Why it is rejected, in doubt or abandoned.
    pub reason: Option<String>,
}

impl LotRow {
    /// Whether Siècle refused it for who we say we are (401, 403).
    pub fn refused_set_up(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.starts_with(SET_UP))
    }
}

const COLUMNS: &str = "uai, year, level, phase, number, name, sha256, size_bytes, cut_at_ms, demands, without_entry, \
     acknowledgements, replies, versions, state, cut_seq, epoch, acknowledged_at_ms, reason";
const WAITING: &str = "state IN ('intended', 'sent', 'in_doubt')";

fn own(key: CampaignKey) -> Vec<Value> {
    values![key.school.uai, key.school.year, key.level, key.phase]
}

/// What `plan::demands` needs to know of the campaign's lots. Nobody asks to force a lot here.
///
/// # Errors
/// When the database cannot be used.
pub async fn plan_ledger(tx: &mut Tx, key: CampaignKey) -> Result<Ledger, StoreError> {
    let windows = campaigns::windows(tx, key).await?;
    let window = Window::fold(&windows);
    let cursor = feed::cursor(tx, key.school).await?;
    let ends = campaigns::calendar(tx, key).await?.and_then(|calendar| calendar.ends);
    let sql = "SELECT COALESCE(MAX(number), 0) + 1 FROM lot WHERE uai = $1 AND year = $2";
    let next = tx.number(sql, values![key.school.uai, key.school.year]).await?;
    let next_number = u32::try_from(next).map_err(|_| StoreError::Damaged("a number is out of its range"))?;
    let lots = cuts(tx, key).await?;
    let compared = || lots.iter().filter(|lot| lot.state.waits() || lot.state == LotState::Acknowledged);
    let since = |seq| compared().any(|lot| lot.epoch == cursor.epoch && seq <= lot.cut_seq);
    Ok(Ledger {
        next_number,
        ever_opened: window.ever_opened,
        closed_seq: window.closed_seq,
        ended: ends.is_some_and(|ends| compared().any(|lot| ends <= lot.cut_at)),
        last: compared().next_back().map(|lot| lot.last(&cursor)),
        cut_since_closing: window.closed_seq.is_some_and(since),
        in_doubt: lots.iter().find(|lot| lot.state == LotState::InDoubt).map(|lot| lot.number),
        rejected: lots
            .iter()
            .filter(|lot| lot.state == LotState::Rejected)
            .map(|lot| (lot.number, lot.content))
            .collect(),
        siecle_holds: siecle_holds(tx, key).await?,
        approved: holds::approved(tx, key, HoldKind::Demands).await?,
        force: false,
    })
}

/// One lot of a campaign, as the next one is compared with it.
struct Cut {
    number: u32,
    state: LotState,
    cut_seq: u64,
    epoch: u32,
    cut_at: Timestamp,
    content: [u8; 32],
    acknowledgements: [u8; 32],
    name: String,
}

impl Cut {
    fn last(&self, cursor: &Cursor) -> LastLot {
        let at_cursor = (self.epoch, self.cut_seq) == (cursor.epoch, cursor.seq) && !cursor.reread;
        LastLot {
            number: self.number,
            content: self.content,
            acknowledgements: self.acknowledgements,
            // A lot in CSV may have left out who could not be written (`ENCODAGE`); one in XML carries everybody.
            is_current: at_cursor && self.name.ends_with(Format::Xml.extension()),
        }
    }
}

async fn cuts(tx: &mut Tx, key: CampaignKey) -> Result<Vec<Cut>, StoreError> {
    let sql = "SELECT number, state, cut_seq, epoch, cut_at_ms, content, acknowledgements_content, name FROM lot \
         WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 ORDER BY number";
    let rows = tx.rows(sql, own(key)).await?;
    let cut = |row: &Row| -> Result<Cut, StoreError> {
        let mut cells = row.cells();
        let (number, state) = (cells.u32()?, LotState::of_str(&cells.text()?));
        Ok(Cut {
            number,
            state: state.ok_or(StoreError::Damaged("unknown state of a lot"))?,
            cut_seq: cells.u64()?,
            epoch: cells.u32()?,
            cut_at: cells.at()?,
            content: cells.digest()?,
            acknowledgements: cells.digest()?,
            name: cells.text()?,
        })
    };
    rows.iter().map(cut).collect()
}

/// The version that Siècle holds of each pupil's demand: what the last acknowledged lot left there.
///
/// # Errors
/// When the database cannot be used.
pub async fn siecle_holds(tx: &mut Tx, key: CampaignKey) -> Result<BTreeMap<PupilId, u32>, StoreError> {
    let sql = "SELECT holds FROM lot WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 \
         AND state = 'acknowledged' ORDER BY number DESC LIMIT 1";
    let Some(row) = tx.row(sql, own(key)).await? else { return Ok(BTreeMap::new()) };
    row.cells().opt_text()?.map_or(Ok(BTreeMap::new()), |text| texts::read_versions(&text))
}

/// Intends a lot: number, name, digest and bytes are committed before anything leaves. Uses up the approval it needed.
///
/// # Errors
/// `LeaseLost`; `Conflict` when the number already stands for another lot.
pub async fn intend(
    tx: &mut Tx,
    lease: &Lease,
    planned: &Planned,
    file: &ExchangeFile,
    now: Timestamp,
) -> Result<LotId, StoreError> {
    lease.check(tx).await?;
    let head = &planned.lot.head;
    let (key, school, number) = (head.key, head.key.school, head.number);
    let versions = planned.lot.pupils.iter().filter_map(|pupil| pupil.demand.as_ref());
    let versions: BTreeMap<PupilId, u32> = versions.map(|demand| (demand.pupil, demand.version)).collect();
    let sql = "INSERT INTO lot (uai, year, number, level, phase, name, sha256, size_bytes, bytes, content, \
         acknowledgements_content, cut_seq, epoch, cut_at_ms, state, demands, without_entry, acknowledgements, replies, \
         versions, changed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'intended', $15, \
         $16, $17, $18, $19, $20) ON CONFLICT DO NOTHING";
    let values = values![
        school.uai,
        school.year,
        number,
        key.level,
        key.phase,
        file.name.to_string(),
        file.sha256,
        file.bytes.len(),
        file.bytes.as_slice(),
        planned.content,
        planned.acknowledgements,
        planned.cut_seq,
        planned.epoch,
        head.stamped_at,
        head.counts.demands,
        head.counts.without_entry,
        head.counts.acknowledgements,
        head.counts.replies,
        texts::write_versions(&versions),
        now,
    ];
    if tx.execute(sql, values).await? == 0 {
        return Err(StoreError::Conflict { school, number });
    }
    if planned.uses_approval {
        holds::clear(tx, key, HoldKind::Demands).await?;
    }
    Ok(LotId { key, number })
}

/// Records what the answer to a lot means. A lot that got further stays there.
///
/// # Errors
/// `LeaseLost`.
pub async fn record(
    tx: &mut Tx,
    lease: &Lease,
    key: CampaignKey,
    number: u32,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let (state, reason, from) = match outcome {
        Outcome::Delivered => (LotState::Sent, None, "state IN ('intended', 'in_doubt')"),
        Outcome::Refused { code, detail, set_up } => {
            let who = if *set_up { SET_UP } else { "" };
            (LotState::Rejected, Some(format!("{who}{code} {detail}").trim_end().to_owned()), WAITING)
        }
        Outcome::InDoubt { why } => (LotState::InDoubt, Some(why.clone()), "state IN ('intended', 'sent')"),
        // Nothing arrived, the far side says: the same bytes may leave again.
        Outcome::TryAgain { after_s: _ } => (LotState::Intended, None, "state = 'in_doubt'"),
    };
    transit(tx, key.school, number, state, reason.as_deref(), from, now).await?;
    Ok(())
}

/// The one way in which a lot changes its state but by a receipt; answers whether it did.
async fn transit(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    state: LotState,
    reason: Option<&str>,
    from: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = format!(
        "UPDATE lot SET state = $4, reason = $5, changed_at_ms = $6 WHERE uai = $1 AND year = $2 AND number = $3 AND {from}"
    );
    let values = values![school.uai, school.year, number, state.as_str(), reason, now];
    Ok(tx.execute(sqlx::AssertSqlSafe(sql), values).await? == 1)
}

/// Siècle treated the lot: it is acknowledged, earlier ones of its campaign that wait are replaced, and what it took is
/// no `REJET` any more. The same receipt again changes nothing.
///
/// # Errors
/// `LeaseLost`.
pub async fn receipt(
    tx: &mut Tx,
    lease: &Lease,
    key: CampaignKey,
    number: u32,
    plan: &ReceiptPlan,
    now: Timestamp,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let school = key.school;
    let sql = format!(
        "UPDATE lot SET state = 'acknowledged', acknowledged_at_ms = $4, holds = $5, reason = NULL, changed_at_ms = $4 \
         WHERE uai = $1 AND year = $2 AND number = $3 AND {WAITING}"
    );
    let holds = texts::write_versions(&plan.holds_after);
    let values = values![school.uai, school.year, number, now, holds];
    if tx.execute(sqlx::AssertSqlSafe(sql), values).await? == 0 {
        return Ok(());
    }
    let sql = format!(
        "UPDATE lot SET state = 'replaced', reason = NULL, changed_at_ms = $6 WHERE uai = $1 AND year = $2 \
         AND level = $3 AND phase = $4 AND number < $5 AND {WAITING}"
    );
    tx.execute(sqlx::AssertSqlSafe(sql), own(key).into_iter().chain(values![number, now]).collect()).await?;
    if anomalies::count_open(tx, school).await? > 0 {
        let taken = plan.holds_after.keys().filter(|pupil| !plan.rejected.contains(pupil));
        for pupil in taken {
            anomalies::settle_codes(tx, school, *pupil, key.phase, &[Code::Rejet], now).await?;
        }
    }
    for anomaly in &plan.anomalies {
        anomalies::raise(tx, school, anomaly).await?;
    }
    Ok(())
}

/// Siècle says that a later lot took the place of this one.
///
/// # Errors
/// `LeaseLost`.
pub async fn replaced(
    tx: &mut Tx,
    lease: &Lease,
    key: CampaignKey,
    number: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    transit(tx, key.school, number, LotState::Replaced, None, WAITING, now).await?;
    Ok(())
}

/// Lots of the school whose answer or receipt is still to come, by number, with their bytes.
///
/// # Errors
/// When the database cannot be used.
pub async fn waiting(tx: &mut Tx, school: SchoolKey) -> Result<Vec<LotRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, bytes FROM lot WHERE uai = $1 AND year = $2 AND {WAITING} ORDER BY number");
    let rows = tx.rows(sqlx::AssertSqlSafe(sql), values![school.uai, school.year]).await?;
    rows.iter().map(with_bytes).collect()
}

/// One lot with its bytes.
///
/// # Errors
/// When the database cannot be used.
pub async fn find(tx: &mut Tx, school: SchoolKey, number: u32) -> Result<Option<LotRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, bytes FROM lot WHERE uai = $1 AND year = $2 AND number = $3");
    let row = tx.row(sqlx::AssertSqlSafe(sql), values![school.uai, school.year, number]).await?;
    row.as_ref().map(with_bytes).transpose()
}

/// Lots of a school, or of all, by school and number, without bytes.
///
/// # Errors
/// When the database cannot be used.
pub async fn list(tx: &mut Tx, school: Option<SchoolKey>) -> Result<Vec<LotRow>, StoreError> {
    let (uai, year) = (school.map(|school| school.uai), school.map(|school| school.year));
    let sql = format!(
        "SELECT {COLUMNS} FROM lot WHERE ($1 IS NULL OR uai = $1) AND ($2 IS NULL OR year = $2) \
         ORDER BY year, uai, number"
    );
    let rows = tx.rows(sqlx::AssertSqlSafe(sql), values![uai, year]).await?;
    rows.iter().map(|row| read(&mut row.cells())).collect()
}

fn with_bytes(row: &Row) -> Result<LotRow, StoreError> {
    let mut cells = row.cells();
    let lot = read(&mut cells)?;
    Ok(LotRow { bytes: cells.opt_blob()?, ..lot })
}

fn read(cells: &mut Cells<'_>) -> Result<LotRow, StoreError> {
    let school = cells.school()?;
    let (key, number) = (cells.campaign(school)?, cells.u32()?);
    let name = FileName::parse(&cells.text()?).ok_or(StoreError::Damaged("unusable name of a lot"))?;
    let (sha256, size_bytes, stamped_at) = (cells.digest()?, cells.u64()?, cells.at()?);
    let counts = LotCounts {
        demands: cells.u32()?,
        without_entry: cells.u32()?,
        acknowledgements: cells.u32()?,
        replies: cells.u32()?,
    };
    let versions = texts::read_versions(&cells.opt_text()?.unwrap_or_default())?;
    let state = LotState::of_str(&cells.text()?).ok_or(StoreError::Damaged("unknown state of a lot"))?;
    let (cut_seq, epoch) = (cells.u64()?, cells.u32()?);
    let record = LotRecord { key, number, stamped_at, counts, versions };
    let (acknowledged_at, reason) = (cells.opt_at()?, cells.opt_text()?);
    Ok(LotRow { record, name, sha256, bytes: None, size_bytes, state, cut_seq, epoch, acknowledged_at, reason })
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::{
        anomaly::{Anomaly, Subject},
        time::DAY_S,
        track::Track,
    };
    use crate::plan::thresholds::Loss;
    use crate::store::ledger::{
        again::{abandon, overtaken, retry},
        *,
    };
    use crate::store::test_support::{
        arrives, calendar, demands, key, load, noon, planned, read, school, stores, switched, take,
    };
    use crate::store::{
        Store,
        lease::{self, Holder},
    };
    use rstest::rstest;
    use std::collections::BTreeSet;

    struct Ward {
        store: Store,
        lease: Lease,
    }

    async fn wards() -> Vec<Ward> {
        let mut wards = Vec::new();
        for store in stores().await {
            wards.push(Ward::at(store).await);
        }
        wards
    }

    impl Ward {
        async fn at(store: Store) -> Self {
            let lease = take(&store).await;
            Self { store, lease }
        }

        async fn intend(&self, number: u32, versions: &[(i64, u32)], cut_seq: u64) -> Result<LotId, StoreError> {
            let (planned, file) = planned(number, versions, cut_seq);
            let mut tx = self.store.write().await.unwrap();
            let intended = intend(&mut tx, &self.lease, &planned, &file, noon()).await?;
            tx.commit(Point::LotIntended).await.unwrap();
            Ok(intended)
        }

        async fn record(&self, number: u32, outcome: &Outcome) {
            let mut tx = self.store.write().await.unwrap();
            record(&mut tx, &self.lease, key(), number, outcome, noon()).await.unwrap();
            tx.commit(Point::LotRecorded).await.unwrap();
        }

        async fn receipt(&self, number: u32, holds: &[(i64, u32)], rejected: &[i64], now: Timestamp) {
            let anomaly = |id: &i64| Anomaly {
                code: Code::Rejet,
                subject: Subject::Pupil(PupilId(*id), Some(key().phase)),
                at: now,
                detail: "DIVISION_INCONNUE".to_owned(),
            };
            let plan = ReceiptPlan {
                treated_at: now,
                holds_after: holds.iter().map(|(id, version)| (PupilId(*id), *version)).collect(),
                anomalies: rejected.iter().map(anomaly).collect(),
                rejected: rejected.iter().map(|id| PupilId(*id)).collect(),
                absent: 0,
                complete: 0,
                partial: 0,
            };
            let mut tx = self.store.write().await.unwrap();
            receipt(&mut tx, &self.lease, key(), number, &plan, now).await.unwrap();
            tx.commit(Point::ReceiptRecorded).await.unwrap();
        }

        async fn states(&self) -> Vec<(u32, LotState)> {
            let lots = list(&mut self.store.read().await.unwrap(), Some(school())).await.unwrap();
            lots.iter().map(|lot| (lot.record.number, lot.state)).collect()
        }

        async fn ledger(&self) -> Ledger {
            plan_ledger(&mut self.store.read().await.unwrap(), key()).await.unwrap()
        }
    }

    fn delivered() -> Outcome {
        Outcome::Delivered
    }

    fn refused() -> Outcome {
        Outcome::Refused { code: "SCHEMA".to_owned(), detail: "ligne 3".to_owned(), set_up: false }
    }

    fn doubtful() -> Outcome {
        Outcome::InDoubt { why: "broken after the first byte".to_owned() }
    }

    fn later() -> Outcome {
        Outcome::TryAgain { after_s: None }
    }

    #[rstest]
    #[case::delivered(vec![delivered()], LotState::Sent)]
    #[case::not_arrived(vec![later()], LotState::Intended)]
    #[case::refused(vec![refused()], LotState::Rejected)]
    #[case::in_doubt(vec![doubtful()], LotState::InDoubt)]
    #[case::doubt_settled(vec![doubtful(), delivered()], LotState::Sent)]
    #[case::doubt_settled_by_refusal(vec![doubtful(), refused()], LotState::Rejected)]
    #[case::never_received(vec![doubtful(), later()], LotState::Intended)]
    #[case::sent_stays_sent(vec![delivered(), later(), delivered()], LotState::Sent)]
    #[case::sent_then_refused(vec![delivered(), refused()], LotState::Rejected)]
    #[case::refused_for_good(vec![refused(), delivered(), doubtful(), later()], LotState::Rejected)]
    #[tokio::test]
    async fn an_answer_moves_a_lot_forward_only(#[case] outcomes: Vec<Outcome>, #[case] expected: LotState) {
        for ward in wards().await {
            ward.intend(1, &[(100, 1)], 4).await.unwrap();
            for outcome in &outcomes {
                ward.record(1, outcome).await;
                ward.record(1, outcome).await;
            }
            assert_eq!(ward.states().await, [(1, expected)]);
        }
    }

    #[tokio::test]
    async fn a_number_stands_for_one_lot_for_ever() {
        for ward in wards().await {
            assert_eq!(ward.intend(1, &[(100, 1), (101, 0)], 4).await.unwrap(), LotId { key: key(), number: 1 });
            assert!(matches!(ward.intend(1, &[(100, 2)], 5).await, Err(StoreError::Conflict { number: 1, .. })));
            let (planned, file) = planned(1, &[(100, 1), (101, 0)], 4);
            let mut tx = ward.store.read().await.unwrap();
            let lot = waiting(&mut tx, school()).await.unwrap().remove(0);
            assert_eq!(find(&mut tx, school(), 1).await.unwrap(), Some(lot.clone()));
            assert_eq!(find(&mut tx, school(), 2).await.unwrap(), None);
            assert_eq!((lot.name, lot.sha256, lot.bytes.clone()), (file.name, file.sha256, Some(file.bytes.clone())));
            assert_eq!((lot.size_bytes, lot.cut_seq, lot.epoch), (5, 4, 1));
            let record = LotRecord {
                key: key(),
                number: 1,
                stamped_at: noon(),
                counts: planned.lot.head.counts,
                versions: BTreeMap::from([(PupilId(100), 1)]),
            };
            assert_eq!(lot.record, record);
            assert_eq!(list(&mut tx, None).await.unwrap(), [LotRow { bytes: None, ..lot }]);
        }
    }

    #[tokio::test]
    async fn a_receipt_settles_its_lot_and_replaces_those_before_it() {
        for ward in wards().await {
            for number in 1..=4 {
                ward.intend(number, &[(100, number), (101, 1)], 4).await.unwrap();
            }
            ward.record(1, &refused()).await;
            ward.record(2, &doubtful()).await;
            let (first, second) = (noon(), noon().plus_s(60));
            ward.receipt(3, &[(100, 3)], &[101], first).await;
            ward.receipt(3, &[(100, 9)], &[], second).await;
            let states = [
                (1, LotState::Rejected),
                (2, LotState::Replaced),
                (3, LotState::Acknowledged),
                (4, LotState::Intended),
            ];
            assert_eq!(ward.states().await, states);
            let mut tx = ward.store.read().await.unwrap();
            let third = find(&mut tx, school(), 3).await.unwrap().unwrap();
            assert_eq!(third.acknowledged_at, Some(first), "the first receipt stands");
            assert_eq!(siecle_holds(&mut tx, key()).await.unwrap(), BTreeMap::from([(PupilId(100), 3)]));
            assert_eq!(anomalies::count_open(&mut tx, school()).await.unwrap(), 1);
            drop(tx);
            ward.record(3, &doubtful()).await;
            ward.receipt(2, &[], &[], second).await;
            ward.receipt(4, &[(100, 4), (101, 1)], &[], second).await;
            assert_eq!(ward.states().await[2..], [(3, LotState::Acknowledged), (4, LotState::Acknowledged)]);
            let mut tx = ward.store.read().await.unwrap();
            assert_eq!(anomalies::count_open(&mut tx, school()).await.unwrap(), 0, "taken at last");
        }
    }

    #[tokio::test]
    async fn what_the_plan_is_made_from() {
        for ward in wards().await {
            let empty = Ledger {
                next_number: 1,
                ever_opened: false,
                closed_seq: None,
                ended: false,
                last: None,
                cut_since_closing: false,
                in_doubt: None,
                rejected: Vec::new(),
                siecle_holds: BTreeMap::new(),
                approved: None,
                force: false,
            };
            assert_eq!(ward.ledger().await, empty);
            let kinds = vec![arrives(100, "3 A"), switched(true, None), demands(100, 1, 1, Track::SecondeGt)];
            read(&ward.store, noon(), kinds).await;
            ward.intend(1, &[(100, 1)], 3).await.unwrap();
            read(&ward.store, noon(), vec![switched(false, None)]).await;
            // The second lot is cut where the feed stands, the first was before the closing.
            let last = |number: u8| {
                Some(LastLot {
                    number: number.into(),
                    content: [number; 32],
                    acknowledgements: [0; 32],
                    is_current: number == 2,
                })
            };
            let closed = Ledger { next_number: 2, ever_opened: true, closed_seq: Some(4), last: last(1), ..empty };
            assert_eq!(ward.ledger().await, closed);
            ward.record(1, &doubtful()).await;
            assert_eq!(ward.ledger().await, Ledger { in_doubt: Some(1), ..closed.clone() });
            ward.intend(2, &[(100, 1)], 4).await.unwrap();
            ward.receipt(2, &[(100, 1)], &[], noon()).await;
            let siecle_holds = BTreeMap::from([(PupilId(100), 1)]);
            let cut = Ledger { next_number: 3, cut_since_closing: true, siecle_holds, last: last(2), ..closed };
            assert_eq!(ward.ledger().await, cut);
            ward.intend(3, &[(100, 1)], 4).await.unwrap();
            ward.record(3, &refused()).await;
            assert_eq!(ward.ledger().await, Ledger { next_number: 4, rejected: vec![(3, [3; 32])], ..cut });
        }
    }

    #[tokio::test]
    async fn a_campaign_has_ended_once_a_lot_was_cut_at_its_end_or_after() {
        for ward in wards().await {
            // Every lot of these tests is cut at noon.
            for (ends, expected) in [(None, false), (Some(noon().plus_s(1)), false), (Some(noon()), true)] {
                let mut calendar = calendar();
                calendar.opens = noon().plus_s(-20 * DAY_S);
                calendar.closes = noon().plus_s(-10 * DAY_S);
                calendar.councils.values_mut().for_each(|start| *start = noon().plus_s(-8 * DAY_S));
                calendar.ends = ends;
                load(&ward.store, calendar, noon().plus_s(-30 * DAY_S)).await;
                let number = ward.ledger().await.next_number;
                ward.intend(number, &[(100, 1)], 2).await.unwrap();
                assert_eq!(ward.ledger().await.ended, expected, "{ends:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_person_retries_what_was_refused_and_gives_up_what_waits() {
        for ward in wards().await {
            for number in 1..=3 {
                ward.intend(number, &[(100, number)], 4).await.unwrap();
            }
            ward.record(1, &refused()).await;
            ward.receipt(3, &[(100, 3)], &[], noon()).await;
            let mut tx = ward.store.write().await.unwrap();
            assert_eq!(find(&mut tx, school(), 1).await.unwrap().unwrap().reason.as_deref(), Some("SCHEMA ligne 3"));
            // Lot 3 was treated since: the first one's content would take its place.
            for (number, expected) in [(1, false), (2, false), (3, false), (9, false)] {
                assert_eq!(retry(&mut tx, school(), number, noon()).await.unwrap(), expected, "retry {number}");
            }
            for (number, expected) in [(1, true), (1, false), (2, false), (3, false)] {
                assert_eq!(
                    abandon(&mut tx, school(), number, "wrong school", noon()).await.unwrap(),
                    expected,
                    "{number}"
                );
            }
            tx.commit(Point::Settled).await.unwrap();
            let states = [(1, LotState::Abandoned), (2, LotState::Replaced), (3, LotState::Acknowledged)];
            assert_eq!(ward.states().await, states);
        }
    }

    #[tokio::test]
    async fn no_lot_goes_again_behind_a_later_one() {
        for ward in wards().await {
            for number in 1..=2 {
                ward.intend(number, &[(100, number)], 4).await.unwrap();
            }
            ward.record(2, &refused()).await;
            let mut tx = ward.store.write_for(school()).await.unwrap();
            // The last of its campaign that may still arrive goes again; so does a rejected one behind which none left.
            assert!(!overtaken(&mut tx, &ward.lease, school(), 1, noon()).await.unwrap());
            assert!(retry(&mut tx, school(), 2, noon()).await.unwrap());
            assert!(!retry(&mut tx, school(), 2, noon()).await.unwrap());
            assert!(overtaken(&mut tx, &ward.lease, school(), 1, noon()).await.unwrap());
            assert!(!overtaken(&mut tx, &ward.lease, school(), 2, noon()).await.unwrap());
            tx.commit(Point::Settled).await.unwrap();
            assert_eq!(ward.states().await, [(1, LotState::Replaced), (2, LotState::Intended)]);
        }
    }

    #[tokio::test]
    async fn a_run_that_lost_its_school_writes_nothing() {
        for ward in wards().await {
            ward.intend(1, &[(100, 1)], 4).await.unwrap();
            let far = Holder { host: "far".to_owned(), process: 1 };
            let later = noon().plus_s(601);
            let _theirs = lease::take(&ward.store, school(), &far, later, 600).await.unwrap().unwrap();
            let (planned, file) = planned(2, &[(100, 2)], 5);
            let plan = ReceiptPlan {
                treated_at: noon(),
                holds_after: BTreeMap::new(),
                anomalies: Vec::new(),
                rejected: BTreeSet::new(),
                absent: 0,
                complete: 0,
                partial: 0,
            };
            let loss = Loss::new(vec![(PupilId(100), 1)], 1);
            let mut tx = ward.store.write().await.unwrap();
            let lost = [
                intend(&mut tx, &ward.lease, &planned, &file, noon()).await.map(|_| ()),
                record(&mut tx, &ward.lease, key(), 1, &delivered(), noon()).await,
                receipt(&mut tx, &ward.lease, key(), 1, &plan, noon()).await,
                replaced(&mut tx, &ward.lease, key(), 1, noon()).await,
                hold(&mut tx, &ward.lease, key(), &loss, noon()).await,
                clear_hold(&mut tx, &ward.lease, key(), HoldKind::Demands).await,
            ];
            assert!(lost.iter().all(|result| matches!(result, Err(StoreError::LeaseLost(_)))), "{lost:?}");
            drop(tx);
            assert_eq!(ward.states().await, [(1, LotState::Intended)]);
        }
    }

    #[tokio::test]
    async fn a_plan_that_is_held_leaves_once_approved_and_uses_that_up() {
        for ward in wards().await {
            let (one, two) = (Loss::new(vec![(PupilId(100), 1)], 10), Loss::new(vec![(PupilId(101), 1)], 10));
            let mut tx = ward.store.write().await.unwrap();
            hold(&mut tx, &ward.lease, key(), &one, noon()).await.unwrap();
            assert!(!approve(&mut tx, school(), two.digest, noon()).await.unwrap(), "nobody holds that");
            assert!(approve(&mut tx, school(), one.digest, noon()).await.unwrap());
            hold(&mut tx, &ward.lease, key(), &one, noon().plus_s(60)).await.unwrap();
            let kept = held(&mut tx, school()).await.unwrap();
            let plan = HeldPlan {
                key: key(),
                kind: HoldKind::Demands,
                loss: one.clone(),
                held_at: noon(),
                approved_at: Some(noon()),
            };
            assert_eq!(kept, [plan], "the same plan keeps its approval");
            assert_eq!(plan_ledger(&mut tx, key()).await.unwrap().approved, Some(one.digest));
            hold(&mut tx, &ward.lease, key(), &two, noon()).await.unwrap();
            assert_eq!(plan_ledger(&mut tx, key()).await.unwrap().approved, None, "another plan has none");
            approve(&mut tx, school(), two.digest, noon()).await.unwrap();
            hold_responses(&mut tx, &ward.lease, key(), &one, noon()).await.unwrap();
            let (mut leaving, file) = planned(1, &[(100, 1)], 4);
            leaving.uses_approval = true;
            intend(&mut tx, &ward.lease, &leaving, &file, noon()).await.unwrap();
            let kinds: Vec<HoldKind> = held(&mut tx, school()).await.unwrap().iter().map(|plan| plan.kind).collect();
            assert_eq!(kinds, [HoldKind::Responses]);
            clear_hold(&mut tx, &ward.lease, key(), HoldKind::Responses).await.unwrap();
            assert_eq!(held(&mut tx, school()).await.unwrap(), []);
        }
    }

    #[test]
    fn every_state_has_its_name() {
        assert!(LotState::ALL.into_iter().all(|state| LotState::of_str(state.as_str()) == Some(state)));
        let waiting: Vec<&str> = LotState::ALL.into_iter().filter(|it| it.waits()).map(LotState::as_str).collect();
        assert!(waiting.iter().all(|name| WAITING.contains(name)) && waiting.len() == 3);
    }
}
