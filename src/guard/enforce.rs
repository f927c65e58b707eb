//! What the guard must order by itself at an instant, and what it says of a person's opening (guard.md, "Enforcement").

use crate::domain::{
    campaign::{Calendar, CampaignKey},
    order::Motive,
    time::{Timestamp, Zone},
};
use crate::guard::{
    action::{Action, Open, Reopen},
    facts::{By, Facts, FarSide, Journal, Judgement, OrderAction},
    window::How,
};

/// An order that the guard must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// What to order.
    pub action: OrderAction,
    /// Its reason on the wire; an order given again keeps the one it was first given with.
    pub motive: Motive,
    /// The pending order that this one repeats, under its own number.
    pub repeats: Option<u32>,
    /// What makes it a duty.
    pub cause: Cause,
}

/// What makes an order a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The end has come.
    Ended,
    /// Somebody opened behind the guard's back.
    Drift,
    /// The closing, or the deadline, has come (R08).
    Limit,
    /// A closing was ordered, and the feed does not show it.
    ClosingAsked,
    /// An opening was ordered, is not shown, and is not allowed any more.
    Withdrawn,
    /// An opening was ordered by hand, and the feed does not show it.
    OpeningAsked,
    /// The opening has come.
    Opens,
    /// The reopening has come, and is allowed (R10).
    Reopens,
}

/// What the guard must order at `now`, if anything.
pub fn enforce(facts: &Facts, now: Timestamp) -> Option<Duty> {
    closing(facts, now).or_else(|| opening(facts, now))
}

/// What a person's opening at `at` counts as, by the facts before it. Ask only once there is a calendar: without one
/// nothing is known, and what is not known is refused.
pub fn judge(facts_before: &Facts, at: Timestamp) -> Judgement {
    let Some(calendar) = facts_before.calendar() else { return Judgement::Refused };
    // Saying what already is changes nothing.
    match facts_before.how() {
        Some(How::Opening) => return Judgement::Opening,
        Some(How::Reopening) => return Judgement::Reopening,
        Some(How::Refused | How::Unjudged) | None => (),
    }
    let (against, permitted) = if at < calendar.closing() {
        (Open.refusals(facts_before, at), Judgement::Opening)
    } else {
        (Reopen.refusals(facts_before, at), Judgement::Reopening)
    };
    if against.is_empty() { permitted } else { Judgement::Refused }
}

/// The judgements still to be recorded, by `seq`: each by what came before it, earlier judgements included. None while
/// there is no calendar.
pub fn judgements(
    key: CampaignKey,
    zone: Zone,
    calendar: Option<&Calendar>,
    journal: &Journal,
    far: FarSide,
) -> Vec<(u64, Judgement)> {
    let mut new = Vec::new();
    if calendar.is_none() {
        return new;
    }
    let mut before = Journal { windows: Vec::new(), ..journal.clone() };
    for event in &journal.windows {
        let mut event = *event;
        if event.open && event.by == By::Person && event.judged.is_none() {
            let facts = Facts::fold(key, zone, calendar.cloned(), &before, far);
            let judgement = judge(&facts, event.at);
            event.judged = Some(judgement);
            new.push((event.seq, judgement));
        }
        before.windows.push(event);
    }
    new
}

/// The next instant after `now` at which `enforce` could answer otherwise on the same facts.
pub fn next(facts: &Facts, now: Timestamp) -> Option<Timestamp> {
    let calendar = facts.calendar()?;
    let instants = [
        Some(calendar.opens),
        Some(calendar.closing()),
        calendar.reopens,
        calendar.ends,
        facts.earliest_reopening(),
        facts.responses_in_at(),
    ];
    instants.into_iter().flatten().filter(|at| now < *at).min()
}

fn closing(facts: &Facts, now: Timestamp) -> Option<Duty> {
    let cause = if facts.open() { open_too_long(facts, now)? } else { withdrawn(facts, now)? };
    let (action, motive) = match cause {
        Cause::Ended => (OrderAction::End, Motive::End),
        Cause::ClosingAsked => (facts.pending()?.action, Motive::Hand),
        Cause::Drift | Cause::Limit | Cause::Withdrawn => (OrderAction::Close, Motive::Closing),
        Cause::OpeningAsked | Cause::Opens | Cause::Reopens => return None,
    };
    Some(duty(facts, action, motive, cause))
}

/// Why an open service must be closed.
fn open_too_long(facts: &Facts, now: Timestamp) -> Option<Cause> {
    let asked = facts.closing_ordered().then_some(Cause::ClosingAsked);
    let Some(calendar) = facts.calendar() else { return asked };
    if calendar.ends.is_some_and(|ends| ends <= now) {
        return Some(Cause::Ended);
    }
    let closing = calendar.closing();
    let due = match facts.how()? {
        How::Refused => return Some(Cause::Drift),
        How::Opening | How::Unjudged => closing <= now,
        // After a permitted reopening the window lasts until `ends`, whatever becomes of the councils: a second one is
        // a hand's to close for.
        How::Reopening => false,
    };
    due.then_some(Cause::Limit).or(asked)
}

/// Whether an opening on its way must be called back.
fn withdrawn(facts: &Facts, now: Timestamp) -> Option<Cause> {
    let against = match facts.pending()?.action {
        OrderAction::Open => Open.refusals(facts, now),
        OrderAction::Reopen => Reopen.refusals(facts, now),
        OrderAction::Close | OrderAction::End => Vec::new(),
    };
    (!against.is_empty()).then_some(Cause::Withdrawn)
}

fn opening(facts: &Facts, now: Timestamp) -> Option<Duty> {
    let calendar = facts.calendar()?;
    if facts.open() || facts.closing_ordered() {
        return None;
    }
    if let Some(order) = facts.pending() {
        // It was allowed, is still allowed (else it is withdrawn), and perhaps never left.
        return Some(duty(facts, order.action, Motive::Hand, Cause::OpeningAsked));
    }
    // Once: not again after any permitted opening since.
    let due = |at: Timestamp| at <= now && facts.permitted_opening_at().is_none_or(|opened| opened < at);
    if facts.hand_closed() {
        None
    } else if due(calendar.opens) && allowed(&Open, facts, now) {
        Some(duty(facts, OrderAction::Open, Motive::Opening, Cause::Opens))
    } else if calendar.reopens.is_some_and(due) && allowed(&Reopen, facts, now) {
        Some(duty(facts, OrderAction::Reopen, Motive::Reopening, Cause::Reopens))
    } else {
        None
    }
}

fn allowed<A: Action>(action: &A, facts: &Facts, now: Timestamp) -> bool {
    action.unknown(facts).is_none() && action.refusals(facts, now).is_empty()
}

fn duty(facts: &Facts, action: OrderAction, motive: Motive, cause: Cause) -> Duty {
    let repeats = facts.pending().filter(|order| order.action == action).map(|order| order.number);
    Duty { action, motive, repeats, cause }
}
