//! The next instant at which anything may be due at a school: what guard, nights, retries and calendars name.

use crate::domain::time::Timestamp;
use crate::guard::{self, facts::FarSide};
use crate::nights;
use crate::run::{
    context::{Context, Served},
    facts,
    step::StepError,
    watched_from,
};
use crate::store::nights as ledger;

/// The next instant after `now` at which a tick may find something to do at this school.
///
/// # Errors
/// The store's.
pub async fn instant(ctx: &Context, served: &Served, now: Timestamp) -> Result<Option<Timestamp>, StepError> {
    let school = served.school.key;
    let mut tx = ctx.store.read().await?;
    let nights = ledger::ledger(&mut tx, school).await?;
    let closings = ledger::closings(&mut tx, school).await?;
    let mut next = Some(nights::next(served.school.zone, ctx.settings.slot, &nights, &closings, now));
    for (facts, _) in facts::of_school(ctx, &mut tx, school, FarSide::WELL).await? {
        let watched = facts.calendar().map(watched_from).filter(|at| now < *at);
        next = [next, guard::next(&facts, now), watched].into_iter().flatten().min();
    }
    Ok(next)
}
