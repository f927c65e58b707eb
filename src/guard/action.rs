//! What can be asked of the guard, and the rows of the verdicts' table: for each action every reason against it, in order.

use crate::domain::{
    campaign::Calendar,
    pupil::Division,
    time::{DAY_S, Timestamp},
};
use crate::guard::{
    calendar,
    facts::{Facts, OrderAction},
    verdict::{Council, Shut, Why},
};

/// Something that the guard permits or refuses. The type stands in the permit, so that the store's functions can say
/// which permit they consume.
pub trait Action {
    /// What must be known first and is not: `NO_CALENDAR`, `UNREACHABLE`, `CLOCK`.
    fn unknown(&self, facts: &Facts) -> Option<Why>;

    /// Whether it is so already.
    fn already(&self, facts: &Facts) -> bool;

    /// Every reason of its row against it at `now`, in the order of the table.
    fn refusals(&self, facts: &Facts, now: Timestamp) -> Vec<Why>;
}

/// An action that becomes an order to the téléservice.
pub trait WindowAction: Action {
    /// What is ordered.
    const ORDER: OrderAction;
}

/// Open the service for the entry of demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open;

/// Close the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close;

/// Close the service for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End;

/// Open the service again after the councils.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopen;

/// Take council responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import;

/// Record a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadCalendar {
    /// The calendar as it will stand, changes merged in.
    pub calendar: Calendar,
}

impl WindowAction for Open {
    const ORDER: OrderAction = OrderAction::Open;
}

impl WindowAction for Close {
    const ORDER: OrderAction = OrderAction::Close;
}

impl WindowAction for End {
    const ORDER: OrderAction = OrderAction::End;
}

impl WindowAction for Reopen {
    const ORDER: OrderAction = OrderAction::Reopen;
}

impl Action for Open {
    fn unknown(&self, facts: &Facts) -> Option<Why> {
        no_calendar(facts).or_else(|| far_side(facts))
    }

    fn already(&self, facts: &Facts) -> bool {
        is_open(facts)
    }

    fn refusals(&self, facts: &Facts, now: Timestamp) -> Vec<Why> {
        let Some(calendar) = facts.calendar() else { return vec![Why::NoCalendar] };
        let mut against = Vec::new();
        if now < calendar.opens {
            against.push(Why::NotYet { opens: calendar.opens });
        }
        if calendar.closing() <= now {
            against.push(Why::WindowClosed(Shut::Closed(calendar.closing())));
        } else if facts.responses().received {
            against.push(Why::WindowClosed(Shut::Responses));
        }
        against
    }
}

impl Action for Close {
    // Closing needs to know nothing.
    fn unknown(&self, _: &Facts) -> Option<Why> {
        None
    }

    fn already(&self, facts: &Facts) -> bool {
        is_closed(facts)
    }

    fn refusals(&self, _: &Facts, _: Timestamp) -> Vec<Why> {
        vec![]
    }
}

impl Action for End {
    fn unknown(&self, _: &Facts) -> Option<Why> {
        None
    }

    fn already(&self, facts: &Facts) -> bool {
        is_closed(facts)
    }

    fn refusals(&self, _: &Facts, _: Timestamp) -> Vec<Why> {
        vec![]
    }
}

impl Action for Reopen {
    fn unknown(&self, facts: &Facts) -> Option<Why> {
        no_calendar(facts).or_else(|| far_side(facts))
    }

    fn already(&self, facts: &Facts) -> bool {
        is_open(facts)
    }

    fn refusals(&self, facts: &Facts, now: Timestamp) -> Vec<Why> {
        let Some(calendar) = facts.calendar() else { return vec![Why::NoCalendar] };
        let ended = calendar.ends.filter(|ends| *ends <= now).map(|ends| Why::WindowClosed(Shut::Ended(ends)));
        let not_held = last_council(calendar).filter(|council| now < council.at).map(Why::CouncilNotHeld);
        let in_doubt = facts.lots_in_doubt();
        [
            ended,
            not_held,
            responses_missing(facts),
            transfer_missing(facts, now),
            wait_24h(facts, now),
            (!in_doubt.is_empty()).then_some(Why::LotInDoubt(in_doubt)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Action for Import {
    fn unknown(&self, facts: &Facts) -> Option<Why> {
        no_calendar(facts).or_else(|| far_side(facts))
    }

    fn already(&self, _: &Facts) -> bool {
        false
    }

    fn refusals(&self, facts: &Facts, _: Timestamp) -> Vec<Why> {
        // An opening on its way counts: it would meet the responses there.
        let open = facts.open() || facts.opening_ordered();
        if open { vec![Why::ResponsesWhileOpen] } else { Vec::new() }
    }
}

impl Action for LoadCalendar {
    fn unknown(&self, facts: &Facts) -> Option<Why> {
        far_side(facts)
    }

    fn already(&self, facts: &Facts) -> bool {
        facts.calendar() == Some(&self.calendar)
    }

    fn refusals(&self, facts: &Facts, now: Timestamp) -> Vec<Why> {
        calendar::faults(facts, &self.calendar, now)
    }
}

/// The first council of a calendar, with its division.
pub fn first_council(calendar: &Calendar) -> Option<Council> {
    calendar.councils.iter().min_by_key(|(_, at)| **at).map(council)
}

/// The last council of a calendar, with its division.
pub fn last_council(calendar: &Calendar) -> Option<Council> {
    calendar.councils.iter().max_by_key(|(_, at)| **at).map(council)
}

fn council((division, at): (&Division, &Timestamp)) -> Council {
    Council { division: division.clone(), at: *at }
}

fn no_calendar(facts: &Facts) -> Option<Why> {
    facts.calendar().is_none().then_some(Why::NoCalendar)
}

fn far_side(facts: &Facts) -> Option<Why> {
    let far = facts.far();
    if !far.reachable {
        return Some(Why::Unreachable);
    }
    far.excessive_skew_ms().map(|skew_ms| Why::Clock { skew_ms })
}

/// Open, and no closing on its way.
fn is_open(facts: &Facts) -> bool {
    facts.open() && !facts.closing_ordered()
}

/// Closed for certain: the téléservice answers, and no opening is on its way.
fn is_closed(facts: &Facts) -> bool {
    facts.far().reachable && !facts.open() && !facts.opening_ordered()
}

fn responses_missing(facts: &Facts) -> Option<Why> {
    let missing = facts.responses().missing.iter().map(|(division, count)| (division.clone(), *count));
    let refusal = || Why::ResponsesMissing { missing: missing.collect(), next_fetch_at: facts.next_fetch_at() };
    facts.responses_entered_at().is_none().then(refusal)
}

/// Not there yet at `now`: a person's opening is judged at its own instant, which may lie before the confirmation.
fn transfer_missing(facts: &Facts, now: Timestamp) -> Option<Why> {
    let responses = facts.responses();
    let there = facts.responses_in_at().is_some_and(|at| at <= now);
    (!there).then_some(Why::TransferMissing { waiting: responses.pending_transfer, held_files: responses.held_files })
}

fn wait_24h(facts: &Facts, now: Timestamp) -> Option<Why> {
    let entered_at = facts.responses_entered_at()?;
    let earliest = entered_at.plus_s(DAY_S);
    (now < earliest).then_some(Why::Wait24h { entered_at, earliest })
}
