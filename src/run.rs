//! The steps of a run, and the two ways to call them: a tick (whatever is due) and a whole run of one school (guard.md).
//!
//! A run: lease → feed → enforce → settle in doubt → receipts → responses, carried on → feed → demands and receipts.
//! Reading the feed and enforcing need no lease, so that a long night never delays a closing.

pub mod abreast;
pub mod anomalies;
pub mod approve;
pub mod bell;
pub mod context;
pub mod demands;
pub mod details;
pub mod doctor;
pub mod enforce;
pub mod facts;
pub mod feed;
pub mod import;
pub mod live;
pub mod lots;
pub mod metrics;
pub mod next;
pub mod night;
pub mod orders;
pub mod outcome;
pub mod purge;
pub mod receipts;
pub mod reference;
pub mod rehearsal;
pub mod report;
pub mod reread;
pub mod responses;
pub mod roster;
pub mod rounds;
pub mod sides;
pub mod status;
pub mod step;
pub mod told;
pub mod turn;

use crate::crash::Point;
use crate::domain::{
    campaign::{Calendar, CampaignKey},
    school::SchoolKey,
    time::{DAY_S, Timestamp},
};
use crate::guard::{FarSide, State};
use crate::nights::Due;
use crate::plan::demands::DemandPlan;
use crate::run::{
    bell::Bell,
    context::{Context, Served},
    demands::Wish,
    outcome::{Done, Step, Summary},
    responses::{Carry, Held},
    rounds::{Ended, Rounds},
    step::StepError,
};
use crate::store::{
    Tx, anomalies as raised,
    lease::{self, Lease},
    ledger, responses as held,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tracing::{error, info};

/// A new id that the log puts on every line of a run.
pub fn id() -> String {
    format!("{:08x}", rand::random::<u32>())
}

/// How often the guard's part is done beside a run that lasts.
const GUARD_AGAIN: Duration = Duration::from_secs(60);

/// One tick of the schools named, or of all: whatever is due, several schools at once.
///
/// One bad school costs the others nothing: its error is its own outcome.
pub async fn tick(ctx: &Context, only: &BTreeSet<SchoolKey>, now: Timestamp) -> Summary {
    if 1 < ctx.settings.schools_at_once {
        return tick_seen(ctx, only, &Bell::default(), &mut |_, _| ()).await;
    }
    let mut summary = Summary::default();
    for served in rounds::in_order(ctx, only, now).await {
        summary.schools.insert(served.school.key, school_tick(ctx, &served, now).await);
    }
    summary
}

/// The same by the context's clock, with a bell for nights; `seen` is told how many schools are done, of how many. While
/// it lasts the guard's part is done again each minute: no timer begins a second run beside this one.
pub async fn tick_seen(
    ctx: &Context,
    only: &BTreeSet<SchoolKey>,
    bell: &Bell,
    seen: &mut (dyn FnMut(usize, usize) + Send),
) -> Summary {
    let mut rounds = Rounds::new(rounds::turn);
    rounds.begin(ctx, rounds::in_order(ctx, only, ctx.clock.now()).await, bell.clone());
    let all = rounds.in_hand().len();
    let mut summary = Summary::default();
    let mut again = Box::pin(ctx.clock.wait(GUARD_AGAIN));
    loop {
        let ended = tokio::select! {
            ended = rounds.next() => ended,
            // A simulated clock stands still inside a run.
            () = &mut again, if ctx.clock.is_machine() => {
                rounds.guard(ctx);
                again.set(ctx.clock.wait(GUARD_AGAIN));
                continue;
            }
        };
        let Some(Ended { school, done, .. }) = ended else {
            summary.not_begun = rounds.not_begun();
            return summary;
        };
        summary.schools.entry(school).or_default().add(done);
        let left = rounds.in_hand().len();
        seen(all - left, all);
    }
}

/// One tick of one school; an error becomes a failure of its outcome, logged once here.
pub async fn school_tick(ctx: &Context, served: &Served, now: Timestamp) -> Done {
    let done = settled(ctx, served, try_tick(ctx, served, None, now)).await;
    if !done.lost {
        report::hand_over(ctx, served, now).await;
    }
    done
}

/// The guard's part of a tick of one school: reads the feed and enforces, where that is watched.
pub async fn guard_tick(ctx: &Context, served: &Served, now: Timestamp) -> Done {
    let made = async {
        let mut done = Done::default();
        let watched = is_watched(ctx, &mut ctx.store.read().await?, served, now).await?;
        if watched {
            read_and_enforce(ctx, served, now, &mut done).await?;
        }
        Ok(done)
    };
    settled(ctx, served, made).await
}

/// One whole run of one school, now, by hand; counted as tonight's night only when that is due.
pub async fn by_hand(ctx: &Context, served: &Served, wish: Wish, only: Option<CampaignKey>, now: Timestamp) -> Done {
    let done = settled(ctx, served, whole(ctx, served, Asked { wish, only, plans: None }, now)).await;
    report::hand_over(ctx, served, now).await;
    done
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
    let fault = match made.await {
        Ok(done) => return done,
        Err(fault) => fault,
    };
    error!(name: "run.stopped", { school.uai = %served.school.key.uai }, "The run of {} stopped: {fault}", served.school.key.uai);
    // A connection may break, and a server begin anew: only where it stays away is there no use in going on.
    let lost = fault.is_lost() && ctx.store.read().await.is_err();
    let mut done = Done { damaged: fault.is_damage(), lost, ..Done::default() };
    done.fail(Step::Run, fault.to_string());
    done
}

/// Where a dry run notes what the demands of each campaign would do.
type Plans = Mutex<Vec<(CampaignKey, DemandPlan)>>;

/// What is asked of the demands.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    /// Whether lots leave though nothing changed.
    wish: Wish,
    /// Only this campaign's.
    only: Option<CampaignKey>,
    /// Where they are noted.
    plans: Option<&'a Plans>,
}

/// What a whole run is asked for.
#[derive(Clone, Copy, Debug)]
struct Order<'a> {
    /// The night that it counts as.
    due: Option<Due>,
    /// Of the demands.
    asked: Asked<'a>,
    /// How the téléservice looked, where this tick has read the feed already.
    far: Option<FarSide>,
}

async fn try_tick(ctx: &Context, served: &Served, plans: Option<&Plans>, now: Timestamp) -> Result<Done, StepError> {
    let mut done = Done::default();
    let mut tx = ctx.store.read().await?;
    let due = night::due(ctx, &mut tx, served, now).await?;
    if due.is_none() && !is_watched(ctx, &mut tx, served, now).await? {
        return Ok(done);
    }
    drop(tx);
    let asked = Asked { wish: Wish::Changed, only: None, plans };
    let order = |due, far| Order { due, asked, far };
    if due.is_some() {
        leased(ctx, served, order(due, None), now, &mut done).await?;
        return Ok(done);
    }
    let far = Box::pin(read_and_enforce(ctx, served, now, &mut done)).await?;
    // A closing that was read just now may ask for one more run at once.
    let due = match done.events {
        0 => None,
        _ => night::due(ctx, &mut ctx.store.read().await?, served, now).await?,
    };
    if due.is_some() {
        leased(ctx, served, order(due, Some(far)), now, &mut done).await?;
    } else if something_waits(ctx, served.school.key).await? {
        done.add(between_nights(ctx, served, far, now).await?);
    }
    Ok(done)
}

/// A campaign is about to open a day before it does: a switch flipped too early is then seen within a minute.
pub fn watched_from(calendar: &Calendar) -> Timestamp {
    calendar.opens.plus_s(-DAY_S)
}

/// Between nights only schools with a campaign that is open, about to open, or closed and not ended are looked at; of one that
/// has ended, what a person did before its end must have been read first (to be proved, 1).
async fn is_watched(ctx: &Context, tx: &mut Tx, served: &Served, now: Timestamp) -> Result<bool, StepError> {
    for (facts, _) in facts::of_school(ctx, tx, served.school.key, FarSide::WELL).await? {
        let watched = match facts.state(now) {
            State::Planned => facts.calendar().is_some_and(|calendar| watched_from(calendar) <= now),
            State::Ended => !night::is_over(tx, served, facts.calendar()).await?,
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
    let began = ctx.clock.now();
    let gone = orders::gone(ctx, served, now, done).await?;
    let read = feed::read(ctx, served, now).await?;
    let far = facts::far_side(served, read.failures.is_empty());
    done.add(read);
    let over = ctx.clock.now();
    done.took(Step::Feed, began, over);
    if far.reachable {
        orders::settle(ctx, key, &gone, now).await?;
    }
    enforce::enforce(ctx, served, far, now).await?;
    give(ctx, served, now, done).await?;
    sides::teleservice(ctx, key, far, &done.failures, now).await?;
    done.took(Step::Orders, over, ctx.clock.now());
    Ok(far)
}

/// Sends the orders that are intended, and reads the feed for what they made; answers whether there were any.
///
/// # Errors
/// The store's.
pub async fn give(ctx: &Context, served: &Served, now: Timestamp, done: &mut Done) -> Result<bool, StepError> {
    let given = orders::deliver(ctx, served, now).await?;
    let any = 0 < given.orders;
    done.add(given);
    if any {
        read_again(ctx, served, now, done).await?;
    }
    Ok(any)
}

/// Reads the feed once more, with what became of the orders.
async fn read_again(ctx: &Context, served: &Served, now: Timestamp, done: &mut Done) -> Result<(), StepError> {
    let gone = orders::gone(ctx, served, now, done).await?;
    let read = feed::read(ctx, served, now).await?;
    let reached = read.failures.is_empty();
    done.add(read);
    if reached {
        orders::settle(ctx, served.school.key, &gone, now).await?;
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
    let uncarried = held::uncarried(&mut tx, school).await?;
    Ok(uncarried.into_values().any(|soon| soon))
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
    responses::carry(ctx, &lease, Carry::Soon, now).await?;
    give(ctx, served, now, &mut done).await?;
    release(ctx, &lease).await?;
    Ok(done)
}

/// One whole run by hand.
async fn whole(ctx: &Context, served: &Served, asked: Asked<'_>, now: Timestamp) -> Result<Done, StepError> {
    let mut done = Done::default();
    let due = night::due_by_hand(ctx, served, now).await?;
    leased(ctx, served, Order { due, asked, far: None }, now, &mut done).await?;
    Ok(done)
}

/// A run under the lease; the night's outcome is recorded with it. The lease comes first, so that two hosts do not read
/// the same feed one after the other.
async fn leased(
    ctx: &Context,
    served: &Served,
    order: Order<'_>,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let school = served.school.key;
    let lease = match lease::take(&ctx.store, school, &ctx.holder, now, ctx.settings.lease_stale_s()).await? {
        Ok(lease) => Arc::new(lease),
        Err(held) => {
            // Whoever has it may be frozen, or busy for long: that delays no closing (guard.md).
            if order.far.is_none() {
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
    Box::pin(steps(ctx, served, &lease, order.asked, far, now, done)).await?;
    if !done.lots.is_empty() {
        turn::end();
        Box::pin(receipts::wait(ctx, served, &lease, now, done)).await?;
    }
    sides::siecle(ctx, school, &done.failures, now).await?;
    night::end(ctx, &lease, order.due, done, now).await?;
    if order.due.is_some() {
        purge::expire_logged(ctx, school, now).await;
    }
    drop(beat);
    release(ctx, &lease).await?;
    let outcome = done.outcome();
    info!(name: "run.ended", { school.uai = %school.uai, outcome = outcome.as_str() }, "Ran {school}: {}", outcome.as_str());
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
    asked: Asked<'_>,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let began = ctx.clock.now();
    receipts::settle(ctx, served, lease, now, done).await?;
    let settled = ctx.clock.now();
    done.took(Step::Receipts, began, settled);
    // What was held comes first: it would block what is new.
    responses::take_up(ctx, lease, Held::Everything, far, now, done).await?;
    responses::fetch(ctx, served, lease, far, now, done).await?;
    let fetched = ctx.clock.now();
    done.took(Step::Responses, settled, fetched);
    responses::carry(ctx, lease, Carry::Everything, now).await?;
    let read = give(ctx, served, now, done).await?;
    // What families validated meanwhile leaves with this night's demands.
    if !read && far.reachable {
        read_again(ctx, served, now, done).await?;
    }
    let given = ctx.clock.now();
    done.took(Step::Orders, fetched, given);
    for key in night::campaigns_by_urgency(ctx, served.school.key, far).await? {
        if asked.only.is_none_or(|only| only == key) {
            let (plan, left_out) = demands::planned(ctx, key, asked.wish, now).await?;
            if let Some(plans) = asked.plans {
                plans.lock().unwrap_or_else(PoisonError::into_inner).push((key, plan.clone()));
            }
            done.add(demands::carry_out(ctx, served, lease, key, (plan, left_out), now).await?);
        }
    }
    done.took(Step::Demands, given, ctx.clock.now());
    Ok(())
}
