//! Tables of what is due, and the property that nights come once a civil date, in every zone, over every change of time.

use crate::domain::time::{
    Date, MINUTE_S, TimeOfDay, Timestamp, Zone, day_before, next_day, parse_date, parse_time_of_day, slot_instant,
};
use crate::nights::{
    ClosingFact, Due, DueKind, NightFact, NightLedger, NightOutcome, due, latest_slot, next, next_slot,
};
use proptest::prelude::*;
use rstest::rstest;
use std::collections::BTreeSet;

const ZONES: [Zone; 12] = [
    Zone::Europe__Paris,
    Zone::America__Guadeloupe,
    Zone::America__Martinique,
    Zone::America__Cayenne,
    Zone::Indian__Reunion,
    Zone::America__Miquelon,
    Zone::Indian__Mayotte,
    Zone::Pacific__Noumea,
    Zone::Pacific__Tahiti,
    Zone::Pacific__Wallis,
    Zone::Pacific__Marquesas,
    Zone::Pacific__Gambier,
];
const PARIS: Zone = Zone::Europe__Paris;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_in(text, PARIS).unwrap()
}

fn date(text: &str) -> Date {
    parse_date(text).unwrap()
}

fn slot() -> TimeOfDay {
    parse_time_of_day("03:15").unwrap()
}

/// A school whose first calendar was loaded in April, and whose night of 26 May is known as told.
fn ledger(night: Option<(Option<NightOutcome>, u32, &str)>) -> NightLedger {
    NightLedger {
        first_calendar_at: Some(at("2020-04-01 12:00:00")),
        nights: night.map(|night| (date("2020-05-26"), fact(night))).into_iter().collect(),
        extra: None,
    }
}

fn fact((outcome, attempts, last): (Option<NightOutcome>, u32, &str)) -> NightFact {
    NightFact { outcome, attempts, last_attempt_at: at(&format!("2020-05-26 {last}")) }
}

const FAILED: Option<NightOutcome> = Some(NightOutcome::Failed);
const OK: Option<NightOutcome> = Some(NightOutcome::Ok);

#[rstest]
#[case::on_the_slot(None, "03:15:00", Some(DueKind::Tonight))]
#[case::a_quarter_later(None, "03:30:00", Some(DueKind::Tonight))]
#[case::after_that_it_is_caught_up(None, "03:30:01", Some(DueKind::CaughtUp))]
#[case::all_day_long(None, "23:59:59", Some(DueKind::CaughtUp))]
#[case::it_died(Some((None, 1, "03:15:00")), "03:16:00", Some(DueKind::Tonight))]
#[case::it_died_and_time_passed(Some((None, 1, "03:15:00")), "03:31:00", Some(DueKind::CaughtUp))]
#[case::it_was_ok(Some((OK, 1, "03:15:00")), "03:16:00", None)]
#[case::it_was_ok_in_the_evening(Some((OK, 1, "03:15:00")), "23:16:00", None)]
#[case::first_wait(Some((FAILED, 1, "03:15:00")), "03:19:59", None)]
#[case::first_retry(Some((FAILED, 1, "03:15:00")), "03:20:00", Some(DueKind::Retry))]
#[case::second_wait(Some((FAILED, 2, "03:20:00")), "03:29:59", None)]
#[case::second_retry(Some((FAILED, 2, "03:20:00")), "03:30:00", Some(DueKind::Retry))]
#[case::third_wait(Some((FAILED, 3, "03:30:00")), "03:49:59", None)]
#[case::third_retry(Some((FAILED, 3, "03:30:00")), "03:50:00", Some(DueKind::Retry))]
#[case::fourth_wait(Some((FAILED, 4, "03:50:00")), "04:29:59", None)]
#[case::fourth_retry(Some((FAILED, 4, "03:50:00")), "04:30:00", Some(DueKind::Retry))]
#[case::fifth_wait(Some((FAILED, 5, "04:30:00")), "05:29:59", None)]
#[case::fifth_retry(Some((FAILED, 5, "04:30:00")), "05:30:00", Some(DueKind::Retry))]
#[case::then_every_hour(Some((FAILED, 9, "08:30:00")), "09:29:59", None)]
#[case::every_hour(Some((FAILED, 9, "08:30:00")), "09:30:00", Some(DueKind::Retry))]
fn on_26_may(
    #[case] night: Option<(Option<NightOutcome>, u32, &str)>,
    #[case] now: &str,
    #[case] kind: Option<DueKind>,
) {
    let now = at(&format!("2020-05-26 {now}"));
    let expected = kind.map(|kind| Due { date: date("2020-05-26"), slot_at: at("2020-05-26 03:15:00"), kind });
    assert_eq!(due(PARIS, slot(), &ledger(night), &[], now), expected);
}

#[rstest]
#[case::before_the_slot_it_is_still_yesterdays("2020-05-26 03:14:59", "2020-05-25")]
#[case::at_the_slot("2020-05-26 03:15:00", "2020-05-26")]
#[case::until_the_next("2020-05-27 03:14:59", "2020-05-26")]
fn only_the_latest_is_caught_up(#[case] now: &str, #[case] expected: &str) {
    let due = due(PARIS, slot(), &ledger(None), &[], at(now)).unwrap();
    assert_eq!((due.date, due.slot_at), (date(expected), at(&format!("{expected} 03:15:00"))));
}

#[rstest]
#[case::no_calendar(None, "2020-05-26 04:00:00", false)]
#[case::loaded_after_the_slot(Some("2020-05-26 03:15:01"), "2020-05-26 04:00:00", false)]
#[case::loaded_at_the_slot(Some("2020-05-26 03:15:00"), "2020-05-26 04:00:00", false)]
#[case::loaded_before(Some("2020-05-26 03:14:59"), "2020-05-26 04:00:00", true)]
#[case::the_next_night(Some("2020-05-26 03:15:01"), "2020-05-27 03:15:00", true)]
fn the_first_night_is_the_first_slot_after_the_first_calendar(
    #[case] loaded: Option<&str>,
    #[case] now: &str,
    #[case] expected: bool,
) {
    let ledger = NightLedger { first_calendar_at: loaded.map(at), ..NightLedger::default() };
    assert_eq!(due(PARIS, slot(), &ledger, &[], at(now)).is_some(), expected);
}

fn closing(read: &str, council: &str, carried: Option<&str>) -> ClosingFact {
    ClosingFact { read_at: at(read), first_council: at(council), carried_at: carried.map(at) }
}

/// A closing read after tonight's night, whose council comes before the next slot: one more run.
#[rstest]
#[case::read_after("2020-05-26 03:15:01", "2020-05-27 03:14:59", None, true)]
#[case::read_as_it_began("2020-05-26 03:15:00", "2020-05-27 03:14:59", None, false)]
#[case::the_next_night_will_do("2020-05-26 18:00:00", "2020-05-27 03:15:00", None, false)]
#[case::council_to_come("2020-05-26 18:00:00", "2020-05-26 19:00:01", None, true)]
#[case::council_begun("2020-05-26 18:00:00", "2020-05-26 19:00:00", None, false)]
#[case::carried("2020-05-26 18:00:00", "2020-05-27 03:00:00", Some("2020-05-26 18:02:00"), false)]
fn after_a_closing(#[case] read: &str, #[case] council: &str, #[case] carried: Option<&str>, #[case] expected: bool) {
    let known = ledger(Some((OK, 1, "03:15:00")));
    let elsewhere = closing("2020-05-20 18:00:00", "2020-05-21 08:00:00", None);
    let closings = [elsewhere, closing(read, council, carried)];
    let found = due(PARIS, slot(), &known, &closings, at("2020-05-26 19:00:00"));
    let more = Due { date: date("2020-05-26"), slot_at: at("2020-05-26 03:15:00"), kind: DueKind::AfterClosing };
    assert_eq!(found, expected.then_some(more));
}

#[rstest]
#[case::never_tried(None, "19:00:00", true)]
#[case::died(Some((None, 1, "18:00:00")), "18:01:00", true)]
#[case::failed_and_waiting(Some((FAILED, 1, "18:00:00")), "18:04:59", false)]
#[case::failed_and_due(Some((FAILED, 1, "18:00:00")), "18:05:00", true)]
#[case::an_earlier_one_was_ok(Some((OK, 1, "12:00:00")), "18:01:00", true)]
fn the_extra_run_is_tried_again(
    #[case] extra: Option<(Option<NightOutcome>, u32, &str)>,
    #[case] now: &str,
    #[case] expected: bool,
) {
    let known = NightLedger { extra: extra.map(fact), ..ledger(Some((OK, 1, "03:15:00"))) };
    let closings = [closing("2020-05-26 17:59:00", "2020-05-27 03:00:00", None)];
    let now = at(&format!("2020-05-26 {now}"));
    assert_eq!(due(PARIS, slot(), &known, &closings, now).is_some(), expected);
}

#[test]
fn a_closing_makes_no_failed_night_due_earlier() {
    let closings = [closing("2020-05-26 03:15:30", "2020-05-27 03:00:00", None)];
    let known = ledger(Some((FAILED, 1, "03:15:00")));
    assert_eq!(due(PARIS, slot(), &known, &closings, at("2020-05-26 03:16:00")), None);
}

#[rstest]
#[case::the_next_slot(None, None, "2020-05-26 03:15:00", "2020-05-27 03:15:00")]
#[case::before_the_slot(None, None, "2020-05-26 03:14:59", "2020-05-26 03:15:00")]
#[case::a_retry(Some((FAILED, 1, "03:15:00")), None, "2020-05-26 03:15:00", "2020-05-26 03:20:00")]
#[case::a_retry_that_is_due(Some((FAILED, 1, "03:15:00")), None, "2020-05-26 03:20:00", "2020-05-27 03:15:00")]
#[case::ok_needs_none(Some((OK, 1, "03:15:00")), None, "2020-05-26 03:15:00", "2020-05-27 03:15:00")]
#[case::dead_needs_none(Some((None, 1, "03:15:00")), None, "2020-05-26 03:15:00", "2020-05-27 03:15:00")]
#[case::the_extra_run(
    Some((OK, 1, "03:15:00")), Some((FAILED, 2, "18:00:00")), "2020-05-26 18:00:00", "2020-05-26 18:10:00"
)]
#[case::no_retry_reaches_over_the_next_slot(
    Some((FAILED, 9, "23:59:00")), None, "2020-05-27 03:14:59", "2020-05-27 03:15:00"
)]
fn the_next_instant(
    #[case] night: Option<(Option<NightOutcome>, u32, &str)>,
    #[case] extra: Option<(Option<NightOutcome>, u32, &str)>,
    #[case] now: &str,
    #[case] expected: &str,
) {
    let known = NightLedger { extra: extra.map(fact), ..ledger(night) };
    let closings = [closing("2020-05-26 17:59:00", "2020-05-27 03:00:00", None)];
    assert_eq!(next(PARIS, slot(), &known, &closings, at(now)), at(expected));
}

#[test]
fn an_extra_run_for_nothing_is_not_awaited() {
    let extra = Some(fact((FAILED, 2, "18:00:00")));
    let known = NightLedger { extra, ..ledger(Some((OK, 1, "03:15:00"))) };
    let carried = [closing("2020-05-26 17:59:00", "2020-05-27 03:00:00", Some("2020-05-26 18:01:00"))];
    for closings in [&carried[..], &[]] {
        let next = next(PARIS, slot(), &known, closings, at("2020-05-26 18:00:00"));
        assert_eq!(next, at("2020-05-27 03:15:00"));
    }
}

/// Both Paris changes of time, Miquelon's own, and zones that never change.
#[rstest]
#[case::paris_spring(PARIS, "03:15", "2027-03-28", "2027-03-28T01:15:00Z")]
#[case::paris_autumn(PARIS, "03:15", "2027-10-31", "2027-10-31T02:15:00Z")]
#[case::paris_spring_in_the_gap(PARIS, "02:30", "2027-03-28", "2027-03-28T01:00:00Z")]
#[case::paris_autumn_in_the_fold(PARIS, "02:30", "2027-10-31", "2027-10-31T00:30:00Z")]
#[case::miquelon_spring_in_the_gap(Zone::America__Miquelon, "02:30", "2027-03-14", "2027-03-14T05:00:00Z")]
#[case::miquelon_autumn_in_the_fold(Zone::America__Miquelon, "01:30", "2027-11-07", "2027-11-07T03:30:00Z")]
#[case::cayenne(Zone::America__Cayenne, "03:15", "2027-03-28", "2027-03-28T06:15:00Z")]
#[case::tahiti(Zone::Pacific__Tahiti, "03:15", "2027-03-28", "2027-03-28T13:15:00Z")]
#[case::marquesas(Zone::Pacific__Marquesas, "03:15", "2027-10-31", "2027-10-31T12:45:00Z")]
#[case::leap_day(PARIS, "03:15", "2028-02-29", "2028-02-29T02:15:00Z")]
fn slots_over_changes_of_time(#[case] zone: Zone, #[case] slot: &str, #[case] night: &str, #[case] expected: &str) {
    let slot = parse_time_of_day(slot).unwrap();
    let expected = at(expected);
    let before = Timestamp::from_epoch_ms(expected.epoch_ms() - 1);
    assert_eq!(latest_slot(zone, slot, expected), (date(night), expected));
    assert_eq!(latest_slot(zone, slot, before).0, day_before(date(night)));
    assert_eq!(next_slot(zone, slot, before), expected);
}

#[test]
fn outcomes_are_read_back() {
    for outcome in [NightOutcome::Ok, NightOutcome::Failed] {
        assert_eq!(NightOutcome::of_str(outcome.as_str()), Some(outcome));
    }
    assert_eq!((NightOutcome::Ok.as_str(), NightOutcome::Failed.as_str()), ("ok", "failed"));
    assert_eq!(NightOutcome::of_str("perdue"), None);
}

/// Plays a daemon that wakes at `wakes` and runs what is due, each run ending ok; answers the dates run, in order.
fn play(zone: Zone, slot: TimeOfDay, first_calendar_at: Timestamp, wakes: &[Timestamp]) -> Vec<Date> {
    let mut ledger = NightLedger { first_calendar_at: Some(first_calendar_at), ..NightLedger::default() };
    let mut run = Vec::new();
    for now in wakes {
        if let Some(due) = due(zone, slot, &ledger, &[], *now) {
            let fact = NightFact { outcome: OK, attempts: 1, last_attempt_at: *now };
            ledger.nights.insert(due.date, fact);
            run.push(due.date);
        }
    }
    run
}

fn days(from: Date, count: u32) -> Vec<Date> {
    std::iter::successors(Some(from), |day| Some(next_day(*day))).take(count as usize).collect()
}

fn any_slot() -> impl Strategy<Value = TimeOfDay> {
    (0_u32..24, 0_u32..60).prop_map(|(hour, minute)| TimeOfDay::from_hms_opt(hour, minute, 0).unwrap())
}

fn any_day() -> impl Strategy<Value = Date> {
    // 6209 days from 2024-01-01 to 2040-12-31; half of the cases begin close to a change of time or a leap day.
    let first = date("2024-01-01");
    let anywhere = (0_u64..6_209).prop_map(move |days| first + chrono::Days::new(days));
    let edges = (
        2024_i32..=2040,
        prop_oneof![Just((2, 27)), Just((3, 6)), Just((3, 24)), Just((10, 24)), Just((10, 31)), Just((12, 30))],
    );
    let edges = edges.prop_map(|(year, (month, day))| Date::from_ymd_opt(year, month, day).unwrap());
    prop_oneof![anywhere, edges]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// A program that ticks often enough runs each civil date once, in order, none skipped, none doubled.
    #[test]
    fn nights_come_once_a_civil_date(
        zone in prop::sample::select(&ZONES[..]), slot in any_slot(), from in any_day(), step_min in 1_i64..180,
    ) {
        let count = 10;
        let first_slot = slot_instant(zone, from, slot);
        let loaded = first_slot.plus_s(-1);
        let end = slot_instant(zone, *days(from, count).last().unwrap(), slot).plus_s(step_min * MINUTE_S);
        let wakes: Vec<_> = std::iter::successors(Some(loaded), |now| Some(now.plus_s(step_min * MINUTE_S)))
            .take_while(|now| *now <= end)
            .collect();
        let run = play(zone, slot, loaded, &wakes);
        let expected = days(from, count);
        // The last one may lie between the last wake and the end.
        prop_assert!(run == expected || run == expected[..expected.len() - 1], "{run:?}");
        prop_assert!(run.len() as u32 >= count - 1);
    }

    /// Woken at any instants whatever, nothing runs twice, nothing out of order, and what runs is the latest.
    #[test]
    fn whatever_wakes_it(
        zone in prop::sample::select(&ZONES[..]), slot in any_slot(), from in any_day(),
        gaps in prop::collection::vec(1_i64..300_000, 1..30),
    ) {
        let loaded = slot_instant(zone, from, slot);
        let wakes: Vec<_> = gaps
            .iter()
            .scan(loaded, |now, gap| {
                *now = now.plus_s(*gap);
                Some(*now)
            })
            .collect();
        let run = play(zone, slot, loaded, &wakes);
        prop_assert!(run.is_sorted());
        prop_assert_eq!(run.iter().collect::<BTreeSet<_>>().len(), run.len());
        let latest: Vec<_> = wakes.iter().map(|now| latest_slot(zone, slot, *now).0).filter(|it| *it > from).collect();
        let mut latest_once = latest;
        latest_once.dedup();
        prop_assert_eq!(run, latest_once);
    }

    /// Jumping from named instant to named instant finds the same nights as a tick every minute would.
    #[test]
    fn the_next_instants_are_enough(
        zone in prop::sample::select(&ZONES[..]), slot in any_slot(), from in any_day(),
    ) {
        let count = 5;
        let loaded = slot_instant(zone, from, slot).plus_s(-1);
        let ledger = NightLedger::default();
        let wakes: Vec<_> = std::iter::successors(Some(loaded), |now| Some(next(zone, slot, &ledger, &[], *now)))
            .take(count as usize + 1)
            .collect();
        prop_assert_eq!(play(zone, slot, loaded, &wakes), days(from, count));
        for pair in wakes[1..].windows(2) {
            let hours = pair[1].since_ms(pair[0]) / 3_600_000;
            prop_assert!((22..=26).contains(&hours), "{pair:?}");
        }
    }

    /// 24 h are 86 400 s: a slot's instant lies between the day's neighbours, whatever the clocks do.
    #[test]
    fn a_slot_has_its_civil_date(
        zone in prop::sample::select(&ZONES[..]), slot in any_slot(), day in any_day(),
    ) {
        let instant = slot_instant(zone, day, slot);
        prop_assert_eq!(instant.date_in(zone), day);
        prop_assert_eq!(latest_slot(zone, slot, instant), (day, instant));
        prop_assert_eq!(next_slot(zone, slot, instant), slot_instant(zone, next_day(day), slot));
    }
}
