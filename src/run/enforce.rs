//! What the guard must order at `now`: at the head of every run, by any path. Judges what persons did to the switch.

use crate::{
    crash::Point,
    domain::{
        anomaly::{Anomaly, Code, Subject},
        campaign::CampaignKey,
        time::Timestamp,
    },
    guard::{
        self,
        facts::{By, FarSide, Facts, Journal, Judgement},
    },
    run::{
        context::{Context, Served},
        facts, feed,
        outcome::Done,
        step::StepError,
    },
    store::{Tx, campaigns, orders},
};

/// Intends every order that is due at one school. Nothing is sent here: `run/orders.rs` does.
///
/// # Errors
/// The store's.
pub async fn enforce(ctx: &Context, served: &Served, far: FarSide, now: Timestamp) -> Result<Done, StepError> {
    let mut done = Done::default();
    let keys = campaigns::keys(&mut ctx.store.read().await?, served.school.key).await?;
    for key in keys {
        // Most ticks find nothing to do: a reading transaction tells, and only a writing one decides.
        let mut tx = ctx.store.read().await?;
        let (facts, journal) = facts::of(ctx, &mut tx, key, far).await?;
        drop(tx);
        let unjudged = facts.calendar().is_some() && journal.windows.iter().any(is_unjudged);
        if unjudged || guard::enforce(&facts, now).is_some() {
            one(ctx, key, far, now, &mut done).await?;
        }
    }
    Ok(done)
}

/// Judges what persons did to the switch at one school, and intends nothing: a hand is about to ask.
///
/// # Errors
/// The store's.
pub async fn judge_all(
    ctx: &Context,
    served: &Served,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let keys = campaigns::keys(&mut ctx.store.read().await?, served.school.key).await?;
    for key in keys {
        let journal = campaigns::journal(&mut ctx.store.read().await?, key).await?;
        if journal.windows.iter().any(is_unjudged) {
            let mut tx = ctx.store.write().await?;
            let mut journal = campaigns::journal(&mut tx, key).await?;
            judge(ctx, &mut tx, key, &mut journal, far, now, done).await?;
            tx.commit(Point::OrderIntended).await?;
        }
    }
    Ok(())
}

fn is_unjudged(event: &guard::facts::WindowEvent) -> bool {
    event.open && event.by == By::Person && event.judged.is_none()
}

/// One campaign: facts, verdict and intent in one writing transaction.
async fn one(
    ctx: &Context,
    key: CampaignKey,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let mut tx = ctx.store.write().await?;
    let (_, mut journal) = facts::of(ctx, &mut tx, key, far).await?;
    judge(ctx, &mut tx, key, &mut journal, far, now, done).await?;
    let calendar = campaigns::calendar(&mut tx, key).await?;
    let facts = Facts::fold(key, ctx.zone(key.school), calendar, &journal, far);
    if let Some(duty) = guard::enforce(&facts, now).filter(|_| ctx.settings.policy.enforce) {
        orders::intend(&mut tx, duty.into_permit(), now).await?;
    }
    tx.commit(Point::OrderIntended).await?;
    Ok(())
}

/// A person's opening is judged at its own instant, once, on what was known before it; where it is refused, `DERIVE`.
async fn judge(
    ctx: &Context,
    tx: &mut Tx,
    key: CampaignKey,
    journal: &mut Journal,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let calendar = campaigns::calendar(tx, key).await?;
    if calendar.is_none() {
        return Ok(());
    }
    for at in 0..journal.windows.len() {
        let Some(event) = journal.windows.get(at).cloned().filter(is_unjudged) else { continue };
        let mut before = journal.clone();
        before.windows.truncate(at);
        before.pending = None;
        let facts = Facts::fold(key, ctx.zone(key.school), calendar.clone(), &before, FarSide { reachable: true, ..far });
        let judgement = guard::judge(&facts, event.at);
        campaigns::record_judgement(tx, key, event.seq, judgement).await?;
        if let Some(event) = journal.windows.get_mut(at) {
            event.judged = Some(judgement);
        }
        if judgement == Judgement::Refused {
            let detail = format!("{} {}", key.level.code(), key.phase.code());
            let anomaly = Anomaly { code: Code::Derive, subject: Subject::Event(event.seq), at: now, detail };
            feed::raise(tx, key.school, anomaly, done).await?;
        }
    }
    Ok(())
}
