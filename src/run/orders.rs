//! Gives orders to the téléservice: intend → send → record, and again until the feed shows them (guard.md, enforcement).
//! `window.rs` and `run/enforce.rs` intend; this file sends, and settles what became of each order.

use crate::crash::Point;
use crate::domain::{
    order::{ResponseOrder, WindowOrder},
    pupil::PupilId,
    school::SchoolKey,
    time::Timestamp,
};
use crate::plan::delivery::{Answer, Outcome, judge_repeatable};
use crate::run::{
    context::{Context, Served},
    facts,
    outcome::{Done, Step},
    step::{StepError, failure},
};
use crate::store::{
    feed,
    orders::{self, OrderKind, OrderOutcome, PendingRow, PendingState},
};
use crate::transport::teleservice::Refusal;
use std::collections::BTreeSet;

/// Orders that were sent and no longer wait at the téléservice, asked *before* the feed is read: if the feed, read to
/// its end, does not show one of them, it came to nothing.
///
/// # Errors
/// The store's.
pub async fn gone(ctx: &Context, served: &Served, now: Timestamp, done: &mut Done) -> Result<BTreeSet<u32>, StepError> {
    let school = served.school.key;
    let pending = orders::pending(&mut ctx.store.read().await?, school).await?;
    let sent: Vec<&PendingRow> = pending.iter().filter(|row| row.state == PendingState::Sent).collect();
    if sent.is_empty() {
        return Ok(BTreeSet::new());
    }
    match served.far.teleservice.refusals(school).await {
        Ok(refusals) => take_refusals(ctx, school, &sent, refusals, now, done).await?,
        Err(answer) => done.failures.push(failure(Step::Orders, &answer)),
    }
    let mut gone = BTreeSet::new();
    for row in sent.into_iter().filter(|row| row.answer_seq.is_none()) {
        match served.far.teleservice.still_waiting(school, row.number).await {
            Ok(waiting) if !waiting => {
                gone.insert(row.number);
            }
            Ok(_) => (),
            Err(answer) => done.failures.push(failure(Step::Orders, &answer)),
        }
    }
    Ok(gone)
}

/// After the feed was read to its end: what was obeyed without an event of its own, or came to nothing, is no longer pending.
///
/// # Errors
/// The store's.
pub async fn settle(ctx: &Context, school: SchoolKey, gone: &BTreeSet<u32>, now: Timestamp) -> Result<(), StepError> {
    let mut tx = ctx.store.read().await?;
    let pending = orders::pending(&mut tx, school).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let cursor = feed::cursor(&mut tx, school).await?;
    drop(tx);
    // Behind a hole nothing can be told (teleservice.md: such an order is not given again).
    if cursor.stopped.is_some() {
        return Ok(());
    }
    let over = |row: &&PendingRow| gone.contains(&row.number) || row.answer_seq.is_some_and(|seq| seq <= cursor.seq);
    let settled: Vec<u32> = pending.iter().filter(over).map(|row| row.number).collect();
    if settled.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.store.write_for(school).await?;
    for number in settled {
        orders::record(&mut tx, school, number, &OrderOutcome::Lost, now).await?;
    }
    tx.commit(Point::OrderRecorded).await?;
    Ok(())
}

/// Sends every order that was intended and not yet sent: closings first, then by number.
///
/// # Errors
/// The store's. A téléservice that does not answer is a failure in `Done`; the orders stay intended.
pub async fn deliver(ctx: &Context, served: &Served, now: Timestamp) -> Result<Done, StepError> {
    let school = served.school.key;
    let mut done = Done::default();
    let mut pending = orders::pending(&mut ctx.store.read().await?, school).await?;
    pending.retain(|row| row.state == PendingState::Intended);
    // A closing never waits behind responses that cannot be carried; the téléservice refuses what it overtakes, and that
    // is given again.
    pending.sort_by_key(|row| (!closes(row), row.number));
    for row in pending {
        let sent = match &row.kind {
            OrderKind::Window(order, action) => {
                // An opening intended by a run that died may be too late by now; a closing never is, and the permit of
                // this very instant is still good.
                let stale = order.open && row.given_at != now;
                if stale && !facts::still_permitted(ctx, served, order, *action, now).await? {
                    record(ctx, school, order.number, &OrderOutcome::Lost, now).await?;
                    continue;
                }
                window(ctx, served, order, now).await?
            }
            OrderKind::Responses(order) => responses(ctx, served, order, now).await?,
        };
        match sent {
            Sent::Given => done.orders += 1,
            Sent::Refused(answer) => {
                done.orders += 1;
                done.failures.push(failure(Step::Orders, &answer));
            }
            Sent::Failed(answer) => done.failures.push(failure(Step::Orders, &answer)),
        }
    }
    Ok(done)
}

fn closes(row: &PendingRow) -> bool {
    match &row.kind {
        OrderKind::Window(order, _) => !order.open,
        OrderKind::Responses(_) => false,
    }
}

/// What became of one attempt to send an order.
enum Sent {
    /// It was given.
    Given,
    /// It was refused for good, which is recorded: it is given again under a new number where it is still due.
    Refused(Answer),
    /// No usable answer: it stays intended.
    Failed(Answer),
}

async fn window(ctx: &Context, served: &Served, order: &WindowOrder, now: Timestamp) -> Result<Sent, StepError> {
    let school = order.key.school;
    match served.far.teleservice.window(order).await {
        Ok(answer) => {
            let outcome = answer.seq.map_or(OrderOutcome::Sent, |seq| OrderOutcome::Answered { seq: Some(seq) });
            record(ctx, school, order.number, &outcome, now).await?;
            Ok(Sent::Given)
        }
        Err(answer) => refused_or_failed(ctx, school, order.number, answer, now).await,
    }
}

async fn responses(ctx: &Context, served: &Served, order: &ResponseOrder, now: Timestamp) -> Result<Sent, StepError> {
    let school = order.key.school;
    match served.far.teleservice.responses(order, served.school.zone).await {
        Ok(answer) => {
            let mut tx = ctx.store.write_for(school).await?;
            if answer.applied.is_some() {
                let kept_out: BTreeSet<PupilId> = answer.refused.iter().map(|(pupil, _)| *pupil).collect();
                orders::confirm_responses(&mut tx, school, order.number, &kept_out, &answer.refused, now).await?;
            } else {
                orders::record(&mut tx, school, order.number, &OrderOutcome::Sent, now).await?;
            }
            tx.commit(Point::OrderRecorded).await?;
            Ok(Sent::Given)
        }
        Err(answer) => refused_or_failed(ctx, school, order.number, answer, now).await,
    }
}

/// A final refusal is recorded (the order is given again under a new number); anything else stays intended.
async fn refused_or_failed(
    ctx: &Context,
    school: SchoolKey,
    number: u32,
    answer: Answer,
    now: Timestamp,
) -> Result<Sent, StepError> {
    match judge_repeatable(&answer) {
        Outcome::Refused { set_up, code, .. } if !set_up => {
            record(ctx, school, number, &OrderOutcome::Refused { code }, now).await?;
            Ok(Sent::Refused(answer))
        }
        Outcome::Refused { .. } | Outcome::TryAgain { .. } | Outcome::InDoubt { .. } | Outcome::Delivered => {
            Ok(Sent::Failed(answer))
        }
    }
}

async fn record(
    ctx: &Context,
    school: SchoolKey,
    number: u32,
    outcome: &OrderOutcome,
    now: Timestamp,
) -> Result<(), StepError> {
    let mut tx = ctx.store.write_for(school).await?;
    orders::record(&mut tx, school, number, outcome, now).await?;
    tx.commit(Point::OrderRecorded).await?;
    Ok(())
}

/// Refusals that the téléservice published for orders that are still pending here.
async fn take_refusals(
    ctx: &Context,
    school: SchoolKey,
    sent: &[&PendingRow],
    refusals: Vec<Refusal>,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let ours = refusals.into_iter().filter_map(|refusal| {
        let row = sent.iter().find(|row| row.number == refusal.number)?;
        Some((*row, refusal))
    });
    for (row, refusal) in ours {
        let mut tx = ctx.store.write_for(school).await?;
        match (&row.kind, refusal.whole) {
            (_, Some(code)) => {
                done.orders += 1;
                done.fail(Step::Orders, format!("order {} was refused with {code}", row.number));
                orders::record(&mut tx, school, row.number, &OrderOutcome::Refused { code }, now).await?;
            }
            (OrderKind::Responses(order), None) => {
                orders::refuse_responses(&mut tx, school, order.number, &refusal.pupils, now).await?;
            }
            (OrderKind::Window(..), None) => (),
        }
        tx.commit(Point::OrderRecorded).await?;
    }
    Ok(())
}
