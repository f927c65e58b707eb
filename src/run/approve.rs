//! Lets a held plan through, exactly that one, once: it leaves with the next run.

use crate::crash::Point;
use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::plan::thresholds::PlanDigest;
use crate::run::{context::Context, step::StepError};
use crate::store::{holds, journal};

/// Approves the held plan of this digest, or everything that is held; answers whether anything was.
///
/// # Errors
/// The store's.
pub async fn approve(
    ctx: &Context,
    school: SchoolKey,
    only: Option<PlanDigest>,
    who: &str,
    now: Timestamp,
) -> Result<bool, StepError> {
    let mut tx = ctx.store.write_for(school).await?;
    let held = holds::held(&mut tx, school).await?;
    let mut found = false;
    for plan in held.into_iter().filter(|plan| only.is_none_or(|only| only == plan.loss.digest)) {
        found |= holds::approve(&mut tx, school, plan.loss.digest, now).await?;
        let text = format!("plan {} of {} approved", plan.loss.digest, plan.key);
        journal::write(&mut tx, Some(school), "approval", &text, Some(who), now).await?;
    }
    tx.commit(Point::Settled).await?;
    Ok(found)
}
