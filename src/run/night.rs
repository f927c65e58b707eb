//! Which night is due at a school, its record, the order of its campaigns, and the heartbeat of its lease.

use crate::crash::Point;
use crate::domain::{
    campaign::{Calendar, CampaignKey},
    school::SchoolKey,
    time::Timestamp,
};
use crate::guard::facts::FarSide;
use crate::nights::{self, ClosingFact, Due, DueKind, NightLedger, NightOutcome};
use crate::run::{
    context::{Context, Served},
    facts,
    outcome::{Done, Step},
    report,
    step::StepError,
};
use crate::store::{
    Store, Tx, campaigns,
    lease::{self, Lease},
    nights as ledger,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

/// The night, or the extra run after a closing, that is due at `now`.
///
/// # Errors
/// The store's.
pub async fn due(ctx: &Context, tx: &mut Tx, served: &Served, now: Timestamp) -> Result<Option<Due>, StepError> {
    let (ledger, closings) = known(tx, served).await?;
    Ok(nights::due(served.school.zone, ctx.settings.slot, &ledger, &closings, now))
}

/// The night that a whole run by hand counts as, if it is not done.
///
/// # Errors
/// The store's.
pub async fn due_by_hand(ctx: &Context, served: &Served, now: Timestamp) -> Result<Option<Due>, StepError> {
    let (ledger, closings) = known(&mut ctx.store.read().await?, served).await?;
    Ok(nights::due_by_hand(served.school.zone, ctx.settings.slot, &ledger, &closings, now))
}

async fn known(tx: &mut Tx, served: &Served) -> Result<(NightLedger, Vec<ClosingFact>), StepError> {
    let nights = ledger::ledger(tx, served.school.key).await?;
    Ok((nights, ledger::closings(tx, served.school.key).await?))
}

/// Whether a night was ok since the campaign's end: it read all that had happened until then.
///
/// # Errors
/// The store's.
pub async fn is_over(tx: &mut Tx, served: &Served, calendar: Option<&Calendar>) -> Result<bool, StepError> {
    let Some(ends) = calendar.and_then(|calendar| calendar.ends) else { return Ok(false) };
    let nights = ledger::ledger(tx, served.school.key).await?.nights;
    Ok(nights.values().any(|night| night.outcome == Some(NightOutcome::Ok) && ends <= night.last_attempt_at))
}

/// Records that a night, or its extra run after a closing, begins.
///
/// # Errors
/// The store's; a lost lease.
pub async fn begin(ctx: &Context, lease: &Lease, due: &Due, now: Timestamp) -> Result<(), StepError> {
    let mut tx = ctx.store.write_for(lease.school()).await?;
    ledger::begin(&mut tx, lease, due.date, now).await?;
    tx.commit(Point::NightRecorded).await?;
    Ok(())
}

/// Records how the night ended; an extra run after a closing is not counted again (guard.md).
///
/// # Errors
/// The store's; a lost lease.
pub async fn end(
    ctx: &Context,
    lease: &Lease,
    due: Option<Due>,
    done: &mut Done,
    now: Timestamp,
) -> Result<(), StepError> {
    // An order that the téléservice refused counts: its step was not done, and the night's retries give it again.
    let failed = !done.failures.is_empty();
    let mut tx = ctx.store.write_for(lease.school()).await?;
    match due {
        Some(due) => {
            let outcome = if failed { NightOutcome::Failed } else { NightOutcome::Ok };
            let caught_up = due.kind == DueKind::CaughtUp;
            ledger::end(&mut tx, lease, due.date, outcome, &summary(done), caught_up, now).await?;
            report::write(ctx, &mut tx, lease, due.date, now).await?;
            done.night = Some((due.date, caught_up));
        }
        None if failed => (),
        // A hand's run carries a closing just as a night does.
        None => ledger::carried(&mut tx, lease, now, now).await?,
    }
    tx.commit(Point::NightRecorded).await?;
    Ok(())
}

/// Counts of a night, for the pages that show past ones.
fn summary(done: &Done) -> String {
    serde_json::json!({
        "events": done.events,
        "orders": done.orders,
        "lots": done.lots.len(),
        "demands": done.lots.iter().map(|lot| lot.demands).sum::<u32>(),
        "receipts": done.receipts,
        "responses": done.responses,
        "anomalies": done.anomalies.len(),
        "held": done.held,
        "in_doubt": done.in_doubt.len(),
        "seconds": seconds(done),
        "failures": done.failures.iter().map(|failure| failure.step.name()).collect::<Vec<_>>(),
    })
    .to_string()
}

fn seconds(done: &Done) -> BTreeMap<&'static str, f64> {
    let took = |(step, took_ms): (&Step, &u64)| (step.name(), Duration::from_millis(*took_ms).as_secs_f64());
    done.took_ms.iter().map(took).collect()
}

/// Campaigns in the order of a run: closed ones whose demands are not in first, then by first council.
///
/// # Errors
/// The store's.
pub async fn campaigns_by_urgency(
    ctx: &Context,
    school: SchoolKey,
    far: FarSide,
) -> Result<Vec<CampaignKey>, StepError> {
    let mut tx = ctx.store.read().await?;
    let keys = campaigns::keys(&mut tx, school).await?;
    // Most schools have one: there is no order to find.
    if keys.len() <= 1 {
        return Ok(keys);
    }
    let mut keyed = Vec::new();
    for (facts, _) in facts::of_school(ctx, &mut tx, school, far).await? {
        let council = facts.calendar().and_then(|calendar| calendar.first_council());
        let waits = facts.closed_at().is_some() && !facts.open() && facts.demands_in_at().is_none();
        keyed.push((!waits, council.is_none(), council, facts.key()));
    }
    keyed.sort();
    Ok(keyed.into_iter().map(|(.., key)| key).collect())
}

async fn beat(store: &Store, lease: &Lease, now: Timestamp) -> Result<(), StepError> {
    let mut tx = store.write_for(lease.school()).await?;
    lease::renew(&mut tx, lease, now).await?;
    tx.commit(Point::LeaseTaken).await?;
    Ok(())
}

/// Renews the lease as long as this value lives.
pub struct Heartbeat(Option<JoinHandle<()>>);

impl Heartbeat {
    /// Starts beating; under a simulated clock no time passes inside a run, and there is nothing to renew.
    pub fn start(ctx: &Context, lease: &Arc<Lease>) -> Self {
        if !ctx.clock.is_machine() {
            return Self(None);
        }
        let (store, clock, lease) = (ctx.store.clone(), ctx.clock.clone(), Arc::clone(lease));
        let every = ctx.settings.heartbeat;
        let beating = async move {
            loop {
                clock.wait(every).await;
                // A failed beat is not the end: the epoch is checked by every write of the run.
                if let Err(fault) = beat(&store, &lease, clock.now()).await {
                    warn!(name: "lease.not_renewed", "Could not renew the lease of {}: {fault}", lease.school());
                }
            }
        };
        Self(Some(tokio::spawn(beating.in_current_span())))
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}
