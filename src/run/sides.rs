//! What a run saw of the far sides, kept for whoever asks between two runs: the alerts of guard.md are raised in time to
//! act, not only while a run lasts.

use crate::crash::Point;
use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::guard::FarSide;
use crate::run::{
    context::Context,
    outcome::{Failure, Step},
    step::StepError,
};
use crate::store::sides::{self, Sides};

/// Keeps how the téléservice and the clocks look, after the feed was read.
///
/// # Errors
/// The store's.
pub async fn teleservice(
    ctx: &Context,
    school: SchoolKey,
    far: FarSide,
    failures: &[Failure],
    now: Timestamp,
) -> Result<(), StepError> {
    // A clock in step is a clock like another: what it is off by changes from one answer to the next.
    let clock_skew_ms = far.excessive_skew_ms();
    let teleservice_refuses = refused(failures, &[Step::Feed, Step::Orders]);
    let seen = |before: Sides| Sides { reachable: far.reachable, clock_skew_ms, teleservice_refuses, ..before };
    keep(ctx, school, seen, now).await
}

/// Keeps how Siècle looks, after a whole run.
///
/// # Errors
/// The store's.
pub async fn siecle(ctx: &Context, school: SchoolKey, failures: &[Failure], now: Timestamp) -> Result<(), StepError> {
    let siecle_refuses = refused(failures, &[Step::Receipts, Step::Responses, Step::Demands]);
    keep(ctx, school, |before| Sides { siecle_refuses, ..before }, now).await
}

fn refused(failures: &[Failure], steps: &[Step]) -> bool {
    failures.iter().any(|failure| failure.set_up && steps.contains(&failure.step))
}

async fn keep(
    ctx: &Context,
    school: SchoolKey,
    seen: impl FnOnce(Sides) -> Sides,
    now: Timestamp,
) -> Result<(), StepError> {
    let before = sides::seen(&mut ctx.store.read().await?, school).await?;
    let after = seen(before);
    // The second of two looks a minute apart that differ by a few ms is no news.
    let told = |sides: Sides| Sides { clock_skew_ms: sides.clock_skew_ms.map(|skew_ms| skew_ms / 1_000), ..sides };
    if told(before) == told(after) {
        return Ok(());
    }
    let mut tx = ctx.store.write_for(school).await?;
    sides::keep(&mut tx, school, &after, now).await?;
    tx.commit(Point::Settled).await?;
    Ok(())
}
