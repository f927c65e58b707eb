//! What a hand does to one lot: settles its doubt, sends a rejected one again, gives one up.

use crate::crash::Point;

use crate::domain::time::Timestamp;

use crate::run::{
    context::{Context, Served},
    outcome::Done,
    receipts, release,
    step::StepError,
};

use crate::store::{journal, lease, ledger};

/// Kind of the journal's entries.
const JOURNAL_KIND: &str = "lot";

/// What a hand wants of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Ask the far side what became of it.
    Settle,
    /// Send it once more, though it was rejected.
    Retry,
}

/// Does it, under the school's lease; nothing when there is no such lot, or it cannot be retried.
///
/// # Errors
/// The store's; a lost lease.
pub async fn hand(
    ctx: &Context,
    served: &Served,
    number: u32,
    wanted: Wanted,
    who: &str,
    now: Timestamp,
) -> Result<Option<Done>, StepError> {
    let school = served.school.key;
    let mut done = Done::default();
    let lease = match lease::take(&ctx.store, school, &ctx.holder, now, ctx.settings.lease_stale_s()).await? {
        Ok(lease) => lease,
        Err(held) => {
            done.busy = Some(held);
            return Ok(Some(done));
        }
    };
    let mut tx = ctx.store.write_for(school).await?;
    let known = match wanted {
        Wanted::Settle => ledger::find(&mut tx, school, number).await?.is_some(),
        Wanted::Retry => {
            let text = format!("lot {number} is sent again");
            journal::write(&mut tx, Some(school), JOURNAL_KIND, &text, Some(who), now).await?;
            ledger::again::retry(&mut tx, school, number, now).await?
        }
    };
    if known {
        tx.commit(Point::Settled).await?;
        let row = ledger::find(&mut ctx.store.read().await?, school, number).await?;
        match (row, wanted) {
            (Some(row), Wanted::Settle) if row.state.waits() => {
                receipts::one(ctx, served, &lease, &row, now, &mut done).await?;
            }
            (Some(row), Wanted::Retry) => receipts::again(ctx, served, &lease, &row, now, &mut done).await?,
            (Some(_) | None, Wanted::Settle) | (None, Wanted::Retry) => (),
        }
    } else {
        drop(tx);
    }
    release(ctx, &lease).await?;
    Ok(known.then_some(done))
}

/// Gives a lot up; answers whether it could be. Journaled.
///
/// # Errors
/// The store's.
pub async fn abandon(
    ctx: &Context,
    served: &Served,
    number: u32,
    reason: &str,
    who: &str,
    now: Timestamp,
) -> Result<bool, StepError> {
    let school = served.school.key;
    let mut tx = ctx.store.write_for(school).await?;
    if !ledger::again::abandon(&mut tx, school, number, reason, now).await? {
        return Ok(false);
    }
    let text = format!("lot {number} is given up: {reason}");
    journal::write(&mut tx, Some(school), JOURNAL_KIND, &text, Some(who), now).await?;
    tx.commit(Point::Settled).await?;
    Ok(true)
}
