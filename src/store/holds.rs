//! Plans that are held by a threshold until a person approves exactly them.

use crate::domain::{campaign::CampaignKey, school::SchoolKey, time::Timestamp};
use crate::plan::thresholds::{Loss, PlanDigest};
use crate::store::{
    StoreError, Tx,
    lease::Lease,
    texts,
    value::{Value, values},
};

/// What a held plan would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldKind {
    /// Demands would vanish from Siècle.
    Demands,
    /// Responses would change that the téléservice has.
    Responses,
}

impl HoldKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Demands, Self::Responses];

    /// The name in the database and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demands => "demands",
            Self::Responses => "responses",
        }
    }
}

/// A plan that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPlan {
    /// Campaign.
    pub key: CampaignKey,
    /// What it would do.
    pub kind: HoldKind,
    /// What would vanish or change.
    pub loss: Loss,
    /// Since when.
    pub held_at: Timestamp,
    /// When a person approved it; it leaves with the next run.
    pub approved_at: Option<Timestamp>,
}

fn own(key: CampaignKey, kind: HoldKind) -> Vec<Value> {
    values![key.school.uai, key.school.year, key.level, key.phase, kind.as_str()]
}

/// Holds a lot's plan. The same plan again keeps its approval; another one takes its place and has none.
///
/// # Errors
/// `LeaseLost`.
pub async fn hold(tx: &mut Tx, lease: &Lease, key: CampaignKey, loss: &Loss, now: Timestamp) -> Result<(), StoreError> {
    put(tx, lease, key, HoldKind::Demands, loss, now).await
}

/// Holds a plan of responses likewise.
///
/// # Errors
/// `LeaseLost`.
pub async fn hold_responses(
    tx: &mut Tx,
    lease: &Lease,
    key: CampaignKey,
    loss: &Loss,
    now: Timestamp,
) -> Result<(), StoreError> {
    put(tx, lease, key, HoldKind::Responses, loss, now).await
}

async fn put(
    tx: &mut Tx,
    lease: &Lease,
    key: CampaignKey,
    kind: HoldKind,
    loss: &Loss,
    now: Timestamp,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let sql = "INSERT INTO hold (uai, year, level, phase, kind, digest, pupils, out_of, held_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (uai, year, level, phase, kind) DO UPDATE SET \
         digest = excluded.digest, pupils = excluded.pupils, out_of = excluded.out_of, \
         held_at_ms = excluded.held_at_ms, approved_at_ms = NULL WHERE hold.digest <> excluded.digest";
    let pupils = texts::write_versions(loss.pupils.iter().map(|(pupil, version)| (pupil, version)));
    let rest = values![loss.digest.0, pupils, loss.of, now];
    tx.execute(sql, own(key, kind).into_iter().chain(rest).collect()).await?;
    Ok(())
}

/// Plans of the school that are held, those approved included, by campaign.
///
/// # Errors
/// When the database cannot be used.
pub async fn held(tx: &mut Tx, school: SchoolKey) -> Result<Vec<HeldPlan>, StoreError> {
    let sql = "SELECT level, phase, kind, digest, pupils, out_of, held_at_ms, approved_at_ms FROM hold \
         WHERE uai = $1 AND year = $2 ORDER BY level, phase, kind";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (key, kind, digest) = (cells.campaign(school)?, cells.text()?, PlanDigest(cells.digest()?));
            let kind = HoldKind::ALL.into_iter().find(|known| known.as_str() == kind);
            let kind = kind.ok_or(StoreError::Damaged("unknown kind of a hold"))?;
            let pupils = texts::read_versions(&cells.text()?)?.into_iter().collect();
            let loss = Loss { pupils, of: cells.u32()?, digest };
            Ok(HeldPlan { key, kind, loss, held_at: cells.at()?, approved_at: cells.opt_at()? })
        })
        .collect()
}

/// A person approves the plan of this digest; answers whether one is held. The caller journals it.
///
/// # Errors
/// When the database cannot be used.
pub async fn approve(tx: &mut Tx, school: SchoolKey, digest: PlanDigest, now: Timestamp) -> Result<bool, StoreError> {
    let sql =
        "UPDATE hold SET approved_at_ms = COALESCE(approved_at_ms, $4) WHERE uai = $1 AND year = $2 AND digest = $3";
    Ok(tx.execute(sql, values![school.uai, school.year, digest.0, now]).await? > 0)
}

/// The plan of this kind that was approved and did not leave yet.
///
/// # Errors
/// When the database cannot be used.
pub async fn approved(tx: &mut Tx, key: CampaignKey, kind: HoldKind) -> Result<Option<PlanDigest>, StoreError> {
    let sql = "SELECT digest FROM hold WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 AND kind = $5 \
         AND approved_at_ms IS NOT NULL";
    let row = tx.row(sql, own(key, kind)).await?;
    row.map(|row| row.cells().digest().map(PlanDigest)).transpose()
}

/// Nothing of this kind is held any more: the approval is used up, or the plan touches little now.
///
/// # Errors
/// `LeaseLost`.
pub async fn clear_hold(tx: &mut Tx, lease: &Lease, key: CampaignKey, kind: HoldKind) -> Result<(), StoreError> {
    lease.check(tx).await?;
    clear(tx, key, kind).await
}

pub(crate) async fn clear(tx: &mut Tx, key: CampaignKey, kind: HoldKind) -> Result<(), StoreError> {
    let sql = "DELETE FROM hold WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 AND kind = $5";
    tx.execute(sql, own(key, kind)).await?;
    Ok(())
}

/// How much is held at a school, of both kinds: plans, and response files that wait for a closing.
///
/// # Errors
/// When the database cannot be used.
pub async fn count(tx: &mut Tx, school: SchoolKey) -> Result<u32, StoreError> {
    let plans = held(tx, school).await?.len();
    let sql = "SELECT COUNT(*) FROM response_file f WHERE uai = $1 AND year = $2 AND state = 'held' \
         AND code = 'RESPONSES_WHILE_OPEN'";
    let files = tx.number(sql, values![school.uai, school.year]).await?;
    let plans = i64::try_from(plans).unwrap_or(i64::MAX);
    u32::try_from(files.saturating_add(plans)).map_err(|_| StoreError::Damaged("a count is out of its range"))
}
