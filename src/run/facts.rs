//! Facts for the guard: the calendar and the journal of one campaign, read in the transaction that asks.

use crate::domain::{campaign::CampaignKey, order::WindowOrder, school::SchoolKey, time::Timestamp};
use crate::guard::{
    self,
    action::{Open, Reopen},
    facts::{Facts, FarSide, Journal, OrderAction},
    verdict::Verdict,
};
use crate::run::{
    context::{Context, Served},
    step::StepError,
};
use crate::store::{
    Tx,
    facts::{self as store, Known},
};

/// The facts of a campaign, and the journal that they were folded from.
///
/// # Errors
/// The store's.
pub async fn of(ctx: &Context, tx: &mut Tx, key: CampaignKey, far: FarSide) -> Result<(Facts, Journal), StepError> {
    Ok(fold(ctx, store::of(tx, key).await?, far))
}

/// The same of all campaigns of a school, in their order.
///
/// # Errors
/// The store's.
pub async fn of_school(
    ctx: &Context,
    tx: &mut Tx,
    school: SchoolKey,
    far: FarSide,
) -> Result<Vec<(Facts, Journal)>, StepError> {
    let known = store::of_school(tx, school).await?;
    Ok(known.into_iter().map(|known| fold(ctx, known, far)).collect())
}

fn fold(ctx: &Context, known: Known, far: FarSide) -> (Facts, Journal) {
    let Known { key, calendar, journal } = known;
    (Facts::fold(key, ctx.zone(key.school), calendar, &journal, far), journal)
}

/// How the far sides look right now: whether the téléservice answered, and how far our clock is from either.
pub fn far_side(served: &Served, reachable: bool) -> FarSide {
    FarSide { reachable, clock_skew_ms: skew_ms(served) }
}

fn skew_ms(served: &Served) -> Option<i64> {
    let skews = [served.far.teleservice.skew_ms(), served.far.siecle.skew_ms()];
    skews.into_iter().flatten().max_by_key(|skew| skew.abs())
}

/// Whether an opening that was intended earlier would still be allowed now.
///
/// # Errors
/// The store's.
pub async fn still_permitted(
    ctx: &Context,
    served: &Served,
    order: &WindowOrder,
    action: OrderAction,
    now: Timestamp,
) -> Result<bool, StepError> {
    let mut tx = ctx.store.read().await?;
    let mut known = store::of(&mut tx, order.key).await?;
    known.journal.pending = None;
    // The order itself will tell whether the téléservice answers.
    let far = FarSide { clock_skew_ms: skew_ms(served), ..FarSide::WELL };
    let (facts, _) = fold(ctx, known, far);
    let policy = ctx.settings.policy;
    Ok(match action {
        OrderAction::Open => matches!(guard::decide(&facts, Open, now, None, policy), Verdict::Allowed(_)),
        OrderAction::Reopen => matches!(guard::decide(&facts, Reopen, now, None, policy), Verdict::Allowed(_)),
        OrderAction::Close | OrderAction::End => facts.open(),
    })
}
