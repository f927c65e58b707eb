//! Sends the demands of one campaign to Siècle: snapshot → plan → encode → intend → deliver → record.

use crate::codec::{self, encoding};
use crate::crash::Point;
use crate::domain::{anomaly::Anomaly, campaign::CampaignKey, lot::Format, time::Timestamp};
use crate::plan::{
    delivery::{Outcome, judge},
    demands::{DemandPlan, Planned, needs_snapshot, plan, unencodable},
};
use crate::run::{
    context::{Context, Served},
    outcome::{Done, SentLot, Step},
    receipts,
    step::{StepError, failure},
};
use crate::store::{
    anomalies, demands,
    holds::{self, HoldKind},
    lease::Lease,
    ledger,
};

/// Whether a lot leaves although nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Only what changed, and what a closing asks for.
    Changed,
    /// A complete lot again, changed or not (`resync`).
    Whole,
}

/// What the plan of one campaign says, without writing or sending anything, and the pupils of whom a text cannot be
/// carried by the lot's encoding.
///
/// # Errors
/// The store's.
pub async fn planned(
    ctx: &Context,
    key: CampaignKey,
    wish: Wish,
    now: Timestamp,
) -> Result<(DemandPlan, Vec<Anomaly>), StepError> {
    let mut tx = ctx.store.read().await?;
    let mut ledger = ledger::plan_ledger(&mut tx, key).await?;
    ledger.force = wish == Wish::Whole;
    if ctx.settings.format == Format::Xml && !needs_snapshot(key.phase, &ledger) {
        return Ok((DemandPlan::Nothing, Vec::new()));
    }
    let snapshot = demands::snapshot(&mut tx, key, ctx.zone(key.school)).await?;
    drop(tx);
    let encoding = ctx.settings.encoding;
    let carries = |text: &str| ctx.settings.format == Format::Xml || encoding::carries(encoding, text);
    let left_out = unencodable(&snapshot, &carries, now);
    Ok((plan(snapshot, &ledger, ctx.settings.thresholds, &carries, now), left_out))
}

/// Does what was planned for the demands of one campaign: sends them, if there is a reason to.
///
/// # Errors
/// The store's; a lost lease; a lot that cannot be written.
pub async fn carry_out(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    key: CampaignKey,
    (plan, left_out): (DemandPlan, Vec<Anomaly>),
    now: Timestamp,
) -> Result<Done, StepError> {
    let mut done = Done::default();
    match plan {
        DemandPlan::Nothing => {
            raise(ctx, key, left_out).await?;
            no_longer_held(ctx, lease, key).await?;
        }
        DemandPlan::InDoubt(number) => {
            done.in_doubt.insert(number);
        }
        DemandPlan::Rejected(_) => done.rejected += 1,
        DemandPlan::TooMuchWouldVanish(loss) => {
            raise(ctx, key, left_out).await?;
            let mut tx = ctx.store.write_for(key.school).await?;
            holds::hold(&mut tx, lease, key, &loss, now).await?;
            tx.commit(Point::HeldRecorded).await?;
            done.held += 1;
        }
        DemandPlan::Fault(fault) => {
            raise(ctx, key, left_out).await?;
            done.fail(Step::Demands, fault.to_string());
        }
        DemandPlan::Lot(planned) => {
            if !planned.uses_approval {
                no_longer_held(ctx, lease, key).await?;
            }
            send_lot(ctx, served, lease, &planned, now, &mut done).await?;
        }
    }
    Ok(done)
}

/// What was held is no longer true, or is approved and leaves.
async fn no_longer_held(ctx: &Context, lease: &Lease, key: CampaignKey) -> Result<(), StepError> {
    let held = holds::held(&mut ctx.store.read().await?, key.school).await?;
    if !held.iter().any(|plan| plan.key == key && plan.kind == HoldKind::Demands) {
        return Ok(());
    }
    let mut tx = ctx.store.write_for(key.school).await?;
    holds::clear_hold(&mut tx, lease, key, HoldKind::Demands).await?;
    tx.commit(Point::HeldRecorded).await?;
    Ok(())
}

/// The school is told of pupils who cannot be carried even when nothing leaves.
async fn raise(ctx: &Context, key: CampaignKey, left_out: Vec<Anomaly>) -> Result<(), StepError> {
    if left_out.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.store.write_for(key.school).await?;
    for anomaly in &left_out {
        anomalies::raise(&mut tx, key.school, anomaly).await?;
    }
    tx.commit(Point::Settled).await?;
    Ok(())
}

async fn send_lot(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    planned: &Planned,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let lot = &planned.lot;
    let key = lot.head.key;
    let file = codec::encode_lot(lot, ctx.settings.format, ctx.settings.encoding)
        .map_err(|fault| StepError::Codec(fault.to_string()))?;
    let mut tx = ctx.store.write_for(key.school).await?;
    ledger::intend(&mut tx, lease, planned, &file, now).await?;
    for anomaly in &planned.anomalies {
        anomalies::raise(&mut tx, key.school, anomaly).await?;
    }
    tx.commit(Point::LotIntended).await?;
    let answer = receipts::deliver(ctx, served, &file).await?;
    let outcome = judge(&answer);
    let mut tx = ctx.store.write_for(key.school).await?;
    ledger::record(&mut tx, lease, key, lot.head.number, &outcome, now).await?;
    tx.commit(Point::LotRecorded).await?;
    let counts = lot.head.counts;
    let sent = SentLot { key, number: lot.head.number, demands: counts.demands, without_entry: counts.without_entry };
    match outcome {
        // Its receipt is awaited once all of the school's lots have left.
        Outcome::Delivered => done.lots.push(sent),
        // Its receipt is asked for at once in the same run; the same bytes go again only when it never arrived.
        Outcome::InDoubt { .. } => {
            done.lots.push(sent);
            receipts::settle(ctx, served, lease, now, done).await?;
        }
        // Refused for good, whatever the code: an alert and exit 7, and the night is none the worse (guard.md).
        Outcome::Refused { code, set_up, .. } => {
            done.rejected += 1;
            let number = lot.head.number;
            tracing::error!(name: "lot.refused", { lot.number = number, set_up }, "Lot {number} was refused with {code}");
        }
        Outcome::TryAgain { .. } => done.failures.push(failure(Step::Demands, &answer)),
    }
    Ok(())
}
