//! Whether the instants of a calendar may stand together (verdicts' table, first row), and changes merged into one.

use crate::domain::{
    campaign::Calendar,
    pupil::Division,
    time::{DAY_S, Timestamp},
};
use crate::guard::{
    action::{first_council, last_council},
    facts::Facts,
    verdict::{Council, Order, Why},
};
use std::collections::BTreeMap;

/// A change to a calendar, or a whole one: what is not named stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CalendarChange {
    /// The opening.
    pub opens: Option<Timestamp>,
    /// The planned closing.
    pub closes: Option<Timestamp>,
    /// The planned reopening.
    pub reopens: Option<Timestamp>,
    /// The end.
    pub ends: Option<Timestamp>,
    /// Councils moved or added.
    pub councils: BTreeMap<Division, Timestamp>,
}

impl CalendarChange {
    /// The calendar after this change; none when there was none and opening or closing are not given.
    pub fn onto(self, current: Option<&Calendar>) -> Option<Calendar> {
        let mut councils = current.map(|it| it.councils.clone()).unwrap_or_default();
        councils.extend(self.councils);
        Some(Calendar {
            opens: self.opens.or(current.map(|it| it.opens))?,
            closes: self.closes.or(current.map(|it| it.closes))?,
            reopens: self.reopens.or(current.and_then(|it| it.reopens)),
            ends: self.ends.or(current.and_then(|it| it.ends)),
            councils,
        })
    }
}

/// Every fault of `calendar` as the next one of this campaign, in the order of the table.
pub fn faults(facts: &Facts, calendar: &Calendar, now: Timestamp) -> Vec<Why> {
    let mut faults = order(calendar);
    faults.extend(closes_too_late(calendar));
    faults.extend(reopens_too_early(calendar));
    faults.extend(without_council(facts, calendar));
    faults.extend(too_soon(facts, calendar, now));
    faults
}

fn order(calendar: &Calendar) -> Vec<Why> {
    let after = calendar.reopens.unwrap_or(calendar.closes);
    let rule = if calendar.reopens.is_some() { Order::ReopensBeforeEnds } else { Order::ClosesBeforeEnds };
    let opens = (calendar.closes <= calendar.opens).then_some(Order::OpensBeforeCloses);
    let ends = calendar.ends.filter(|ends| *ends <= after).map(|_| rule);
    opens.into_iter().chain(ends).map(Why::CalendarOrder).collect()
}

/// R08: exactly 24 h before the first council is enough.
fn closes_too_late(calendar: &Calendar) -> Option<Why> {
    let council = first_council(calendar)?;
    let latest = council.at.plus_s(-DAY_S);
    (latest < calendar.closes).then_some(Why::ClosesTooLate { council, latest })
}

/// R10: the responses of the last council cannot have been entered earlier.
fn reopens_too_early(calendar: &Calendar) -> Option<Why> {
    let council = last_council(calendar)?;
    let earliest = council.at.plus_s(DAY_S);
    let reopens = calendar.reopens?;
    (reopens < earliest).then_some(Why::ReopensTooEarly { council, earliest })
}

fn without_council(facts: &Facts, calendar: &Calendar) -> Option<Why> {
    let divisions = facts.divisions_beside(calendar);
    let lacking = calendar.councils.is_empty() || !divisions.is_empty();
    lacking.then_some(Why::DivisionWithoutCouncil(divisions))
}

/// Councils that are new or moved and should have found the service closed already.
fn too_soon<'a>(facts: &'a Facts, calendar: &'a Calendar, now: Timestamp) -> impl Iterator<Item = Why> + 'a {
    let before = move |division| facts.calendar().and_then(|current| current.councils.get(division));
    let touched = calendar.councils.iter().filter(move |(division, at)| before(division) != Some(at));
    touched
        .filter(move |(_, at)| facts.open() && at.plus_s(-DAY_S) < now)
        .map(|(division, at)| Why::CouncilTooSoon(Council { division: division.clone(), at: *at }))
}
