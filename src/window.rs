//! The guard by hand: open, close, reopen, and load a calendar. Reads the téléservice's feed first, asks the guard,
//! gives the order by `run/orders.rs`.

use crate::crash::Point;
use crate::domain::{campaign::CampaignKey, order::Motive, school::SchoolKey, time::Timestamp};
use crate::guard::{
    self, CalendarChange, Close, Derogation, Facts, FarSide, LoadCalendar, Open, Refusal, RefusalCode, Reopen, Verdict,
    WindowAction, verdict::Why, window::How,
};
use crate::nights;
use crate::run::{
    self, abreast,
    context::{Context, Served},
    enforce, facts, feed, orders,
    outcome::Done,
    sides,
    step::StepError,
};
use crate::store::{Tx, campaigns, orders as ledger};
use std::collections::BTreeMap;

/// Orders of this file are a person's.
const BY_HAND: bool = true;

/// What a hand may ask of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Open at the beginning.
    Open,
    /// Close, at any time.
    Close,
    /// Reopen after the responses.
    Reopen,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done: the téléservice obeyed, or will as soon as it reads its orders.
    Done,
    /// It was so already; nothing changed.
    Already,
    /// The guard says no.
    Refused(Refusal),
    /// The order is recorded and the téléservice does not answer; it is given again at each tick.
    Failed(String),
}

/// Asks the guard for one change of one campaign's window.
///
/// # Errors
/// The store's.
pub async fn ask(
    ctx: &Context,
    served: &Served,
    key: CampaignKey,
    hand: Hand,
    derogation: Option<Derogation>,
    now: Timestamp,
) -> Result<Answer, StepError> {
    let far = look(ctx, served, now).await?;
    if hand != Hand::Close {
        undo_drift(ctx, served, key, far, now).await?;
    }
    let mut tx = ctx.store.write_for(key.school).await?;
    let (known, _) = facts::of(ctx, &mut tx, key, far).await?;
    let known = known.fetching_at(nights::next_slot(served.school.zone, ctx.settings.slot, now));
    let policy = ctx.settings.policy;
    let intended = match hand {
        Hand::Open => intend(&mut tx, guard::decide(&known, Open, now, derogation, policy), now).await?,
        Hand::Close => intend(&mut tx, guard::decide(&known, Close, now, derogation, policy), now).await?,
        Hand::Reopen => intend(&mut tx, guard::decide(&known, Reopen, now, derogation, policy), now).await?,
    };
    if let Some(answer) = intended {
        return Ok(answer);
    }
    tx.commit(Point::OrderIntended).await?;
    let mut done = Done::default();
    run::give(ctx, served, now, &mut done).await?;
    Ok(done.failures.into_iter().next().map_or(Answer::Done, |failure| Answer::Failed(failure.why)))
}

/// Closes what a person opened without leave, as the next tick would: "it is open already" would be an answer for a
/// minute, and the hand's opening would stand on an opening that the guard refused.
async fn undo_drift(
    ctx: &Context,
    served: &Served,
    key: CampaignKey,
    far: FarSide,
    now: Timestamp,
) -> Result<(), StepError> {
    let (known, _) = facts::of(ctx, &mut ctx.store.read().await?, key, far).await?;
    if known.how() == Some(How::Refused) {
        enforce::one(ctx, key, far, now).await?;
        run::give(ctx, served, now, &mut Done::default()).await?;
    }
    Ok(())
}

/// Intends the order that a permit allows; an answer when there is none to intend.
async fn intend<A: WindowAction>(
    tx: &mut Tx,
    verdict: Verdict<A>,
    now: Timestamp,
) -> Result<Option<Answer>, StepError> {
    match verdict {
        Verdict::Allowed(permit) => {
            ledger::intend_window(tx, permit, Motive::Hand, BY_HAND, now).await?;
            Ok(None)
        }
        Verdict::Already => Ok(Some(Answer::Already)),
        Verdict::Refused(refusal) => Ok(Some(Answer::Refused(refusal))),
    }
}

/// Reads the feed, and judges what persons did to the switch.
async fn look(ctx: &Context, served: &Served, now: Timestamp) -> Result<FarSide, StepError> {
    let mut done = Done::default();
    let gone = orders::gone(ctx, served, now, &mut done).await?;
    let read = feed::read(ctx, served, now).await?;
    let far = facts::far_side(served, read.failures.is_empty());
    if far.reachable {
        orders::settle(ctx, served.school.key, &gone, now).await?;
    }
    done.add(read);
    sides::teleservice(ctx, served.school.key, far, &done.failures, now).await?;
    enforce::judge_all(ctx, served, far, now).await?;
    Ok(far)
}

/// The code for a calendar with a civil time that names no instant: what is not known at all comes before it.
///
/// # Errors
/// The store's.
pub async fn civil_time(ctx: &Context, served: &Served, now: Timestamp) -> Result<RefusalCode, StepError> {
    let far = look(ctx, served, now).await?;
    Ok(if !far.reachable {
        RefusalCode::Unreachable
    } else if far.excessive_skew_ms().is_some() {
        RefusalCode::Clock
    } else {
        RefusalCode::CivilTime
    })
}

/// The facts of a campaign as a hand sees them: after reading the feed.
///
/// # Errors
/// The store's.
pub async fn show(ctx: &Context, served: &Served, key: CampaignKey, now: Timestamp) -> Result<Facts, StepError> {
    let far = look(ctx, served, now).await?;
    let mut tx = ctx.store.read().await?;
    let (known, _) = facts::of(ctx, &mut tx, key, far).await?;
    Ok(known.fetching_at(nights::next_slot(served.school.zone, ctx.settings.slot, now)))
}

/// Every reason against a change of a campaign's calendar, on what was read so far; the feed is not read, and nothing
/// is written.
///
/// # Errors
/// The store's.
pub async fn faults(
    ctx: &Context,
    key: CampaignKey,
    change: CalendarChange,
    now: Timestamp,
) -> Result<Vec<Refusal>, StepError> {
    let mut tx = ctx.store.read().await?;
    let (known, _) = facts::of(ctx, &mut tx, key, FarSide::WELL).await?;
    Ok(faults_of(&known, change, now))
}

/// The same on facts in hand.
pub fn faults_of(known: &Facts, change: CalendarChange, now: Timestamp) -> Vec<Refusal> {
    let Some(calendar) = change.onto(known.calendar()) else { return vec![Refusal::new(Why::NoCalendar)] };
    guard::calendar::faults(known, &calendar, now).into_iter().map(Refusal::new).collect()
}

/// What came of each campaign's calendar.
pub type Loaded = BTreeMap<CampaignKey, Result<Answer, StepError>>;

/// Loads or changes the calendars of many schools side by side, those of one school one after the other. Each campaign is
/// loaded, or refused, alone.
pub async fn load_all(
    ctx: &Context,
    changes: Vec<(CampaignKey, CalendarChange)>,
    derogation: Option<Derogation>,
    now: Timestamp,
) -> Loaded {
    let mut schools: BTreeMap<SchoolKey, Vec<(CampaignKey, CalendarChange)>> = BTreeMap::new();
    for (key, change) in changes {
        schools.entry(key.school).or_default().push((key, change));
    }
    let served = schools.into_iter().filter_map(|(key, changes)| Some((ctx.schools.get(&key)?.clone(), changes)));
    let loaded = abreast::each(ctx.settings.schools_at_once, served, |(served, changes)| {
        let (ctx, derogation) = (ctx.clone(), derogation.clone());
        async move {
            let mut loaded = Vec::new();
            for (key, change) in changes {
                loaded.push((key, load(&ctx, &served, key, change, derogation.clone(), now).await));
            }
            loaded
        }
    });
    loaded.await.into_iter().flatten().collect()
}

/// Loads or changes the calendar of one campaign.
///
/// # Errors
/// The store's.
pub async fn load(
    ctx: &Context,
    served: &Served,
    key: CampaignKey,
    change: CalendarChange,
    derogation: Option<Derogation>,
    now: Timestamp,
) -> Result<Answer, StepError> {
    let far = look(ctx, served, now).await?;
    let mut tx = ctx.store.write_for(key.school).await?;
    let (known, _) = facts::of(ctx, &mut tx, key, far).await?;
    // Without a calendar in force, a change that gives no opening or closing changes nothing that exists.
    let Some(calendar) = change.onto(known.calendar()) else {
        return Ok(Answer::Refused(Refusal::new(Why::NoCalendar)));
    };
    match guard::decide(&known, LoadCalendar { calendar }, now, derogation, ctx.settings.policy) {
        Verdict::Allowed(permit) => {
            campaigns::load_calendar(&mut tx, permit, now).await?;
            tx.commit(Point::CalendarLoaded).await?;
            Ok(Answer::Done)
        }
        Verdict::Already => Ok(Answer::Already),
        Verdict::Refused(refusal) => Ok(Answer::Refused(refusal)),
    }
}
