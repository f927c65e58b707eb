//! Which night is due for a school: decided from the ledger, the slot and the zone; the scheduler is only an alarm clock.
//!
//! A night is (school, civil date). Running it, and writing down how it ended, is not here.

use crate::domain::time::{Date, MINUTE_S, TimeOfDay, Timestamp, Zone, day_before, next_day, slot_instant};
use std::collections::BTreeMap;

/// A night that begins later than this after its slot is caught up, and says so.
const ON_TIME_S: i64 = 15 * MINUTE_S;
/// Waits after each failed attempt at a night (guard.md); the last one repeats until the next slot.
const RETRY_AFTER_MIN: [i64; 5] = [5, 10, 20, 40, 60];

/// What the ledger knows of a school's nights.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NightLedger {
    /// When its first calendar was loaded: its first night is the first slot after.
    pub first_calendar_at: Option<Timestamp>,
    /// Recent nights, the latest among them.
    pub nights: BTreeMap<Date, NightFact>,
    /// The extra run of the latest night after a closing that it had not read.
    pub extra: Option<NightFact>,
}

/// What is known of one night, or of its extra run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NightFact {
    /// How it ended; none while it runs, or when it died.
    pub outcome: Option<NightOutcome>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was begun last.
    pub last_attempt_at: Timestamp,
}

/// How a night ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NightOutcome {
    /// Every step was done.
    Ok,
    /// A far side could not be used.
    Failed,
}

impl NightOutcome {
    /// The name in the store and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }

    /// The outcome of a name.
    pub fn of_str(text: &str) -> Option<Self> {
        [Self::Ok, Self::Failed].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A closing that the feed showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingFact {
    /// When it was read.
    pub read_at: Timestamp,
    /// The first council of its campaign.
    pub first_council: Timestamp,
    /// When a run that began after it was read ended ok.
    pub carried_at: Option<Timestamp>,
}

impl ClosingFact {
    /// Whether its demands still have to be carried after that night, before the next slot.
    fn waits_after(&self, night: &NightFact, next_slot_at: Timestamp, now: Timestamp) -> bool {
        let to_come = now < self.first_council && self.first_council < next_slot_at;
        to_come && night.last_attempt_at < self.read_at && self.carried_at.is_none()
    }
}

/// A night that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its civil date.
    pub date: Date,
    /// Its slot.
    pub slot_at: Timestamp,
    /// Why it is due.
    pub kind: DueKind,
}

/// Why a night is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueKind {
    /// Its slot has come.
    Tonight,
    /// It was missed.
    CaughtUp,
    /// It failed.
    Retry,
    /// It was ok, and a closing was read since whose council comes before the next night.
    AfterClosing,
}

/// The night that is due at `now`, if one is: only the latest slot counts, nights before it are lost.
pub fn due(zone: Zone, slot: TimeOfDay, ledger: &NightLedger, closings: &[ClosingFact], now: Timestamp) -> Option<Due> {
    let (date, slot_at) = latest_slot(zone, slot, now);
    if slot_at <= ledger.first_calendar_at? {
        return None;
    }
    let kind = match ledger.nights.get(&date) {
        None | Some(NightFact { outcome: None, .. }) if slot_at.plus_s(ON_TIME_S) < now => DueKind::CaughtUp,
        None | Some(NightFact { outcome: None, .. }) => DueKind::Tonight,
        Some(night @ NightFact { outcome: Some(NightOutcome::Failed), .. }) => {
            (retry_at(night) <= now).then_some(DueKind::Retry)?
        }
        Some(night @ NightFact { outcome: Some(NightOutcome::Ok), .. }) => {
            let waits = closings.iter().any(|closing| closing.waits_after(night, next_slot(zone, slot, now), now));
            (waits && extra_retry_at(ledger).is_none_or(|at| at <= now)).then_some(DueKind::AfterClosing)?
        }
    };
    Some(Due { date, slot_at, kind })
}

/// The night that a whole run by hand counts as: a failed one stays due, and a hand does not wait for its next attempt.
pub fn due_by_hand(
    zone: Zone,
    slot: TimeOfDay,
    ledger: &NightLedger,
    closings: &[ClosingFact],
    now: Timestamp,
) -> Option<Due> {
    let (date, slot_at) = latest_slot(zone, slot, now);
    let failed = ledger.nights.get(&date).is_some_and(|night| night.outcome == Some(NightOutcome::Failed));
    let waits = failed.then_some(Due { date, slot_at, kind: DueKind::Retry });
    due(zone, slot, ledger, closings, now).or(waits)
}

/// The next instant after `now` at which `due` may answer otherwise on the same ledger and closings.
pub fn next(zone: Zone, slot: TimeOfDay, ledger: &NightLedger, closings: &[ClosingFact], now: Timestamp) -> Timestamp {
    let (date, _) = latest_slot(zone, slot, now);
    let night = ledger.nights.get(&date);
    let retry = night.filter(|night| night.outcome == Some(NightOutcome::Failed)).map(retry_at);
    let extra = extra_retry_at(ledger).filter(|_| closings.iter().any(|closing| closing.carried_at.is_none()));
    let waits = [retry, extra].into_iter().flatten().filter(|at| now < *at);
    waits.fold(next_slot(zone, slot, now), Timestamp::min)
}

/// The latest slot at or before `now`, with its civil date.
pub fn latest_slot(zone: Zone, slot: TimeOfDay, now: Timestamp) -> (Date, Timestamp) {
    let today = now.date_in(zone);
    let slot_at = slot_instant(zone, today, slot);
    if slot_at <= now { (today, slot_at) } else { (day_before(today), slot_instant(zone, day_before(today), slot)) }
}

/// The first slot after `now`.
pub fn next_slot(zone: Zone, slot: TimeOfDay, now: Timestamp) -> Timestamp {
    let (date, _) = latest_slot(zone, slot, now);
    slot_instant(zone, next_day(date), slot)
}

/// When an attempt that failed is made again.
fn retry_at(night: &NightFact) -> Timestamp {
    let failures = usize::try_from(night.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., longest] = RETRY_AFTER_MIN;
    let wait_min = RETRY_AFTER_MIN.get(failures).copied().unwrap_or(longest);
    night.last_attempt_at.plus_s(wait_min * MINUTE_S)
}

fn extra_retry_at(ledger: &NightLedger) -> Option<Timestamp> {
    ledger.extra.as_ref().filter(|extra| extra.outcome == Some(NightOutcome::Failed)).map(retry_at)
}

#[cfg(test)]
mod tests;
