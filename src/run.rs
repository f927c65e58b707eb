//! The steps of a run, and the two ways to call them: a tick (whatever is due) and a whole run of one school (guard.md).
//!
//! A run: lease → feed → enforce → settle in doubt → receipts → responses, carried on → feed → demands and receipts.
//! Reading the feed and enforcing need no lease, so that a long night never delays a closing.

pub mod abreast;
pub mod anomalies;
pub mod approve;
pub mod context;
pub mod demands;
pub mod enforce;
pub mod facts;
pub mod feed;
pub mod import;
pub mod lots;
pub mod next;
pub mod night;
pub mod orders;
pub mod outcome;
pub mod preview;
pub mod receipts;
pub mod reference;
pub mod reread;
pub mod responses;
pub mod status;
pub mod step;

use crate::crash::Point;
use crate::domain::{
    campaign::{Calendar, CampaignKey},
    school::SchoolKey,
    time::{DAY_S, MINUTE_S, Timestamp},
};
use crate::guard::{FarSide, State};
use crate::nights::Due;
use crate::run::{
    abreast::Turn,
    context::{Context, Served},
    demands::Wish,
    outcome::{Done, Step, Summary},
    responses::Held,
    step::StepError,
};
use crate::store::{
    anomalies as raised, campaigns,
    lease::{self, Lease},
    ledger, responses as held,
};
use std::{collections::BTreeSet, sync::Arc};
use tracing::{Instrument, error, info, info_span};

/// One tick of the schools named, or of all: whatever is due, several schools at once.
///
/// One bad school costs the others nothing: its error is its own outcome.
pub async fn tick(ctx: &Context, only: &BTreeSet<SchoolKey>, now: Timestamp) -> Summary {
    let mut summary = Summary::default();
    let schools = match in_order(ctx, only, now).await {
        Ok(schools) => schools,
        Err(fault) => {
            error!("The order of the schools is not known, they are taken by name: {fault}");
            wanted(ctx, only).cloned().collect()
        }
    };
    if ctx.settings.schools_at_once <= 1 {
        for served in &schools {
            summary.schools.insert(served.school.key, school_tick(ctx, served, Turn::alone(), now).await);
        }
        return summary;
    }
    let done = abreast::each(ctx.settings.schools_at_once, schools, |served, turn| {
        let ctx = ctx.clone();
        let span = info_span!("school", school.uai = %served.school.key.uai);
        async move { (served.school.key, school_tick(&ctx, &served, turn, now).await) }.instrument(span)
    });
    summary.schools.extend(done.await);
    summary
}

fn wanted<'a>(ctx: &'a Context, only: &'a BTreeSet<SchoolKey>) -> impl Iterator<Item = &'a Served> {
    ctx.schools.values().filter(|served| only.is_empty() || only.contains(&served.school.key))
}

/// Whose first council is the next comes first; those without one come last.
async fn in_order(ctx: &Context, only: &BTreeSet<SchoolKey>, now: Timestamp) -> Result<Vec<Served>, StepError> {
    let councils = campaigns::next_councils(&mut ctx.store.read().await?, now).await?;
    let mut schools: Vec<Served> = wanted(ctx, only).cloned().collect();
    schools.sort_by_key(|served| {
        let council = councils.get(&served.school.key);
        (council.is_none(), council.copied(), served.school.key)
    });
    Ok(schools)
}

/// One tick of one school; an error becomes a failure of its outcome, logged once here.
pub async fn school_tick(ctx: &Context, served: &Served, mut turn: Turn, now: Timestamp) -> Done {
    settled(ctx, served, try_tick(ctx, served, &mut turn, now)).await
}

/// One whole run of one school, now, by hand; counted as tonight's night only when that is due.
pub async fn by_hand(ctx: &Context, served: &Served, wish: Wish, only: Option<CampaignKey>, now: Timestamp) -> Done {
    let made = async {
        let due = night::due_by_hand(ctx, served, now).await?;
        whole(ctx, served, Order { due, wish, only, far: None }, now).await
    };
    settled(ctx, served, made).await
}

/// What a run did, with the anomalies that were raised meanwhile, by whichever step.
async fn settled(ctx: &Context, served: &Served, made: impl Future<Output = Result<Done, StepError>>) -> Done {
    let school = served.school.key;
    let made = async {
        let before = raised::last_id(&mut ctx.store.read().await?, school).await?;
        let mut done = made.await?;
        done.anomalies = raised::raised_after(&mut ctx.store.read().await?, school, before).await?;
        Ok::<_, StepError>(done)
    };
    made.await.unwrap_or_else(|fault| {
        error!(school.uai = %served.school.key.uai, "The run of {} stopped: {fault}", served.school.key.uai);
        let mut done = Done { damaged: fault.is_damage(), ..Done::default() };
        done.fail(Step::Feed, fault.to_string());
        done
    })
}

/// What a whole run is asked for.
#[derive(Clone, Copy, Debug)]
struct Order {
    /// The night that it counts as.
    due: Option<Due>,
    /// Whether lots leave though nothing changed.
    wish: Wish,
    /// Only this campaign's demands.
    only: Option<CampaignKey>,
    /// How the téléservice looked, where this tick has read the feed already.
    far: Option<FarSide>,
}

async fn try_tick(ctx: &Context, served: &Served, turn: &mut Turn, now: Timestamp) -> Result<Done, StepError> {
    let due = night::due(ctx, served, now).await?;
    let mut done = Done::default();
    if due.is_none() && !is_watched(ctx, served, now).await? {
        return Ok(done);
    }
    let order = |due, far| Order { due, wish: Wish::Changed, only: None, far };
    if due.is_some() {
        leased(ctx, served, order(due, None), turn, now, &mut done).await?;
        return Ok(done);
    }
    let far = Box::pin(read_and_enforce(ctx, served, now, &mut done)).await?;
    // A closing that was read just now may ask for one more run at once.
    let due = night::due(ctx, served, now).await?;
    if due.is_some() {
        leased(ctx, served, order(due, Some(far)), turn, now, &mut done).await?;
    } else if something_waits(ctx, served.school.key).await? {
        done.add(between_nights(ctx, served, far, now).await?);
    }
    Ok(done)
}

/// A campaign is about to open a day before it does: a switch flipped too early is then seen within a minute.
pub fn watched_from(calendar: &Calendar) -> Timestamp {
    calendar.opens.plus_s(-DAY_S)
}

/// Between nights only schools with a campaign that is open, about to open, or closed and not ended are looked at.
async fn is_watched(ctx: &Context, served: &Served, now: Timestamp) -> Result<bool, StepError> {
    let mut tx = ctx.store.read().await?;
    for key in campaigns::keys(&mut tx, served.school.key).await? {
        let (facts, _) = facts::of(ctx, &mut tx, key, FarSide { reachable: true, clock_skew_ms: None }).await?;
        let watched = match facts.state(now) {
            State::Planned => facts.calendar().is_some_and(|calendar| watched_from(calendar) <= now),
            State::Ended => false,
            State::Open
            | State::Closed
            | State::CouncilsReady
            | State::WaitingTransfer
            | State::Reopenable
            | State::Reopened => true,
        };
        if watched {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads the feed, gives the orders that are due, and reads what they made. Without lease: both are idempotent.
///
/// # Errors
/// The store's.
pub async fn read_and_enforce(
    ctx: &Context,
    served: &Served,
    now: Timestamp,
    done: &mut Done,
) -> Result<FarSide, StepError> {
    let key = served.school.key;
    let gone = orders::gone(ctx, served, now, done).await?;
    let read = feed::read(ctx, served, now).await?;
    let far = facts::far_side(served, read.failures.is_empty());
    done.add(read);
    if far.reachable {
        orders::settle(ctx, key, &gone, now).await?;
    }
    enforce::enforce(ctx, served, far, now).await?;
    give(ctx, served, now, done).await?;
    Ok(far)
}

/// Sends the orders that are intended, and reads the feed for what they made.
///
/// # Errors
/// The store's.
pub async fn give(ctx: &Context, served: &Served, now: Timestamp, done: &mut Done) -> Result<(), StepError> {
    let given = orders::deliver(ctx, served, now).await?;
    let any = 0 < given.orders;
    done.add(given);
    if any {
        let gone = orders::gone(ctx, served, now, done).await?;
        let read = feed::read(ctx, served, now).await?;
        let reached = read.failures.is_empty();
        done.add(read);
        if reached {
            orders::settle(ctx, served.school.key, &gone, now).await?;
        }
    }
    Ok(())
}

/// Whether receipts are awaited, files wait for a closing, or responses for an order, between two nights.
async fn something_waits(ctx: &Context, school: SchoolKey) -> Result<bool, StepError> {
    let mut tx = ctx.store.read().await?;
    let files = held::held_files(&mut tx, school).await?;
    if !ledger::waiting(&mut tx, school).await?.is_empty() || files.iter().any(responses::waits_for_closing) {
        return Ok(true);
    }
    for key in campaigns::keys(&mut tx, school).await? {
        if !held::to_carry(&mut tx, key).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn between_nights(ctx: &Context, served: &Served, far: FarSide, now: Timestamp) -> Result<Done, StepError> {
    let mut done = Done::default();
    let lease = match lease::take(&ctx.store, served.school.key, &ctx.holder, now, ctx.settings.lease_stale_s()).await?
    {
        Ok(lease) => lease,
        // A night has the school: it does all this itself.
        Err(_) => return Ok(done),
    };
    receipts::settle(ctx, served, &lease, now, &mut done).await?;
    responses::take_up(ctx, &lease, Held::WaitsForClosing, far, now, &mut done).await?;
    responses::carry(ctx, &lease, now).await?;
    give(ctx, served, now, &mut done).await?;
    release(ctx, &lease).await?;
    Ok(done)
}

/// One whole run.
async fn whole(ctx: &Context, served: &Served, order: Order, now: Timestamp) -> Result<Done, StepError> {
    let mut done = Done::default();
    leased(ctx, served, order, &mut Turn::alone(), now, &mut done).await?;
    Ok(done)
}

/// A run under the lease; the night's outcome is recorded with it. The lease comes first, so that two hosts do not read
/// the same feed one after the other.
async fn leased(
    ctx: &Context,
    served: &Served,
    order: Order,
    turn: &mut Turn,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let school = served.school.key;
    let lease = match lease::take(&ctx.store, school, &ctx.holder, now, ctx.settings.lease_stale_s()).await? {
        Ok(lease) => Arc::new(lease),
        Err(held) => {
            // Reading and enforcing need no lease: a long night never delays a closing. Whoever began a minute ago or
            // less has done both itself.
            if order.far.is_none() && held.since.plus_s(MINUTE_S) < now {
                Box::pin(read_and_enforce(ctx, served, now, done)).await?;
            }
            done.busy = Some(held);
            return Ok(());
        }
    };
    if let Some(due) = &order.due {
        night::begin(ctx, &lease, due, now).await?;
    }
    let beat = night::Heartbeat::start(ctx, &lease);
    // Boxed, like the steps: while its receipt is awaited, a school keeps no more memory than that takes.
    let far = match order.far {
        Some(far) => far,
        None => Box::pin(read_and_enforce(ctx, served, now, done)).await?,
    };
    Box::pin(steps(ctx, served, &lease, order, far, now, done)).await?;
    if !done.lots.is_empty() {
        turn.end();
        Box::pin(receipts::wait(ctx, served, &lease, now, done)).await?;
    }
    night::end(ctx, &lease, order.due, done, now).await?;
    drop(beat);
    release(ctx, &lease).await?;
    let outcome = done.outcome();
    info!(school.uai = %school.uai, outcome = outcome.as_str(), "Ran {school}: {}", outcome.as_str());
    Ok(())
}

/// Gives the school back.
async fn release(ctx: &Context, lease: &Lease) -> Result<(), StepError> {
    let mut tx = ctx.store.write_for(lease.school()).await?;
    lease::release(&mut tx, lease).await?;
    tx.commit(Point::LeaseReleased).await?;
    Ok(())
}

async fn steps(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    order: Order,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    receipts::settle(ctx, served, lease, now, done).await?;
    // What was held comes first: it would block what is new.
    responses::take_up(ctx, lease, Held::Everything, far, now, done).await?;
    responses::fetch(ctx, served, lease, far, now, done).await?;
    responses::carry(ctx, lease, now).await?;
    give(ctx, served, now, done).await?;
    for key in night::campaigns_by_urgency(ctx, served.school.key, far).await? {
        if order.only.is_none_or(|only| only == key) {
            done.add(demands::send(ctx, served, lease, key, order.wish, now).await?);
        }
    }
    Ok(())
}
