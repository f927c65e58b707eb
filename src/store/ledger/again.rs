//! Lots that go once more or no more: what a person decides of one, and what never goes behind a later one.

use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::store::{
    StoreError, Tx,
    lease::Lease,
    ledger::{LotState, WAITING, transit},
};

/// Lots of which a later one of their campaign has left, or is about to.
const IS_OVERTAKEN: &str = "EXISTS (SELECT 1 FROM lot AS later WHERE later.uai = lot.uai AND later.year = lot.year \
     AND later.level = lot.level AND later.phase = lot.phase AND later.number > lot.number \
     AND later.state IN ('intended', 'sent', 'in_doubt', 'acknowledged'))";

/// A person gives a lot up that waits or was rejected; answers whether it did. The caller journals it.
///
/// # Errors
/// When the database cannot be used.
pub async fn abandon(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let from = "state IN ('intended', 'sent', 'in_doubt', 'rejected')";
    transit(tx, school, number, LotState::Abandoned, Some(reason), from, now).await
}

/// A person lets a rejected lot go once more: the same number, name and bytes; answers whether it does. Not behind a
/// later one of its campaign: its content would take the place of what Siècle holds since.
///
/// # Errors
/// When the database cannot be used.
pub async fn retry(tx: &mut Tx, school: SchoolKey, number: u32, now: Timestamp) -> Result<bool, StoreError> {
    let from = format!("state = 'rejected' AND bytes IS NOT NULL AND NOT {IS_OVERTAKEN}");
    transit(tx, school, number, LotState::Intended, None, &from, now).await
}

/// Siècle never received a lot that waits: where a later one of its campaign has left, that one stands for it, since a
/// lot is complete, and its content must not come back; answers whether it is so replaced.
///
/// # Errors
/// `LeaseLost`.
pub async fn overtaken(
    tx: &mut Tx,
    lease: &Lease,
    school: SchoolKey,
    number: u32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    lease.check(tx).await?;
    let from = format!("{WAITING} AND {IS_OVERTAKEN}");
    transit(tx, school, number, LotState::Replaced, None, &from, now).await
}
