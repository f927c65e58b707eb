//! What the guard must order at `now`: at the head of every run, by any path. Judges what persons did to the switch.

use crate::crash::Point;
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::CampaignKey,
    order::Motive,
    time::Timestamp,
};
use crate::guard::{
    self, By, Close, End, Facts, FarSide, Judgement, Open, OrderAction, Reopen, Verdict, WindowAction, WindowEvent,
};
use crate::run::{
    context::{Context, Served},
    facts,
    step::StepError,
};
use crate::store::{
    Tx, anomalies, campaigns,
    facts::{self as known, Known},
    orders,
};

/// Orders of this file come from the guard itself.
const BY_HAND: bool = true;

/// Intends every order that is due at one school. Nothing is sent here: `run/orders.rs` does.
///
/// # Errors
/// The store's.
pub async fn enforce(ctx: &Context, served: &Served, far: FarSide, now: Timestamp) -> Result<(), StepError> {
    // Most ticks find nothing to do: a reading transaction tells, and only a writing one decides.
    let mut tx = ctx.store.read().await?;
    let mut asked = Vec::new();
    for (facts, journal) in facts::of_school(ctx, &mut tx, served.school.key, far).await? {
        let unjudged = facts.calendar().is_some() && journal.windows.iter().any(is_unjudged);
        if unjudged || guard::enforce(&facts, now).is_some() {
            asked.push(facts.key());
        }
    }
    drop(tx);
    for key in asked {
        one(ctx, key, far, now).await?;
    }
    Ok(())
}

/// Judges what persons did to the switch at one school, and intends nothing: a hand is about to ask.
///
/// # Errors
/// The store's.
pub async fn judge_all(ctx: &Context, served: &Served, far: FarSide, now: Timestamp) -> Result<(), StepError> {
    let known = known::of_school(&mut ctx.store.read().await?, served.school.key).await?;
    for Known { key, journal, .. } in known {
        if journal.windows.iter().any(is_unjudged) {
            let mut tx = ctx.store.write_for(key.school).await?;
            judge(ctx, &mut tx, key, far, now).await?;
            tx.commit(Point::OrderIntended).await?;
        }
    }
    Ok(())
}

fn is_unjudged(event: &WindowEvent) -> bool {
    event.open && event.by == By::Person && event.judged.is_none()
}

/// One campaign: facts, verdict and intent in one writing transaction.
///
/// # Errors
/// The store's.
pub async fn one(ctx: &Context, key: CampaignKey, far: FarSide, now: Timestamp) -> Result<(), StepError> {
    let mut tx = ctx.store.write_for(key.school).await?;
    judge(ctx, &mut tx, key, far, now).await?;
    let (facts, _) = facts::of(ctx, &mut tx, key, far).await?;
    // An order that is pending already is sent again by `run/orders.rs`, under its own number.
    let duty = guard::enforce(&facts, now).filter(|duty| duty.repeats.is_none() && ctx.settings.policy.enforce);
    if let Some(duty) = duty {
        match duty.action {
            OrderAction::Open => intend(ctx, &mut tx, &facts, Open, duty.motive, now).await?,
            OrderAction::Close => intend(ctx, &mut tx, &facts, Close, duty.motive, now).await?,
            OrderAction::Reopen => intend(ctx, &mut tx, &facts, Reopen, duty.motive, now).await?,
            OrderAction::End => intend(ctx, &mut tx, &facts, End, duty.motive, now).await?,
        }
    }
    tx.commit(Point::OrderIntended).await?;
    Ok(())
}

/// Asks for the permit of a duty, and intends its order; what is refused is not due.
async fn intend<A: WindowAction>(
    ctx: &Context,
    tx: &mut Tx,
    facts: &Facts,
    action: A,
    motive: Motive,
    now: Timestamp,
) -> Result<(), StepError> {
    match guard::decide(facts, action, now, None, ctx.settings.policy) {
        Verdict::Allowed(permit) => {
            orders::intend_window(tx, permit, motive, !BY_HAND, now).await?;
        }
        Verdict::Already | Verdict::Refused(_) => (),
    }
    Ok(())
}

/// A person's opening is judged at its own instant, once, on what was known before it; where it is refused, `DERIVE`.
async fn judge(ctx: &Context, tx: &mut Tx, key: CampaignKey, far: FarSide, now: Timestamp) -> Result<(), StepError> {
    let Known { calendar, journal, .. } = known::of(tx, key).await?;
    for (seq, judgement) in guard::judgements(key, ctx.zone(key.school), calendar.as_ref(), &journal, far) {
        campaigns::record_judgement(tx, key, seq, judgement).await?;
        if judgement == Judgement::Refused {
            let detail = format!("{} {}", key.level.code(), key.phase.code());
            let anomaly = Anomaly { code: Code::Derive, subject: Subject::Event(seq), at: now, detail };
            anomalies::raise(tx, key.school, &anomaly).await?;
        }
    }
    Ok(())
}
