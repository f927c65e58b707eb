//! What the guard orders by itself, and what it says of a person's opening.

use crate::domain::{order::Motive, time::Zone};
use crate::guard::{
    Cause, Duty, FarSide, Judgement, OrderAction, enforce, judge, judgements, next,
    tests::{
        Case, PERSON, at, carried, closed, guard, hand, key, opened, planned, reopened, responded, without_calendar,
    },
};
use rstest::rstest;

type Expected = Option<(OrderAction, Motive, Cause, Option<u32>)>;

const OPENS: Expected = Some((OrderAction::Open, Motive::Opening, Cause::Opens, None));
const REOPENS: Expected = Some((OrderAction::Reopen, Motive::Reopening, Cause::Reopens, None));
const LIMIT: Expected = Some((OrderAction::Close, Motive::Closing, Cause::Limit, None));
const DRIFT: Expected = Some((OrderAction::Close, Motive::Closing, Cause::Drift, None));
const ENDED: Expected = Some((OrderAction::End, Motive::End, Cause::Ended, None));
const WITHDRAWN: Expected = Some((OrderAction::Close, Motive::Closing, Cause::Withdrawn, None));

fn check(case: &Case, now: &str, expected: Expected) {
    let expected = expected.map(|(action, motive, cause, repeats)| Duty { action, motive, repeats, cause });
    assert_eq!(enforce(&case.facts(), at(now)), expected);
}

#[rstest]
#[case::before(opened(), "2020-05-25 17:59:59", None)]
#[case::planned_closing(opened(), "2020-05-25 18:00:00", LIMIT)]
#[case::again_until_shown(opened(), "2020-05-26 18:00:00", LIMIT)]
#[case::deadline_before_a_late_closing(late(opened()), "2020-05-27 16:14:59", None)]
#[case::deadline(late(opened()), "2020-05-27 16:15:00", LIMIT)]
#[case::closed(closed(), "2020-05-26 18:00:00", None)]
#[case::nobody_judged_it(planned().window(5, "2020-05-05 08:00:00", true, PERSON), "2020-05-25 18:00:00", LIMIT)]
#[case::not_yet_judged_nor_due(planned().window(5, "2020-05-05 08:00:00", true, PERSON), "2020-05-25 17:59:59", None)]
#[case::a_persons_permitted_opening(
    planned().window(5, "2020-05-05 08:00:00", true, PERSON).judged(Judgement::Opening), "2020-05-25 18:00:00", LIMIT
)]
#[case::silent(opened().with(|case| case.far.reachable = false), "2020-05-25 18:00:00", LIMIT)]
#[case::clock(opened().with(|case| case.far.clock_skew_ms = Some(900_000)), "2020-05-25 18:00:00", LIMIT)]
#[case::without_calendar(opened().with(|case| case.calendar = None), "2020-05-25 18:00:00", None)]
fn closing_at_the_limit(#[case] case: Case, #[case] now: &str, #[case] expected: Expected) {
    check(&case, now, expected);
}

#[rstest]
#[case::of_our_own(opened().pending(7, OrderAction::Close), "2020-05-25 18:01:00", Cause::Limit)]
#[case::asked_by_hand(opened().pending(7, OrderAction::Close), "2020-05-10 18:01:00", Cause::ClosingAsked)]
#[case::asked_by_hand_without_calendar(
    without_calendar().window(5, "2020-05-05 08:00:00", true, PERSON).pending(7, OrderAction::Close),
    "2020-05-10 18:01:00",
    Cause::ClosingAsked
)]
#[case::asked_by_hand_while_reopened(
    reopened().pending(7, OrderAction::Close), "2020-05-30 18:01:00", Cause::ClosingAsked
)]
fn a_closing_is_ordered_again_under_its_number(#[case] case: Case, #[case] now: &str, #[case] cause: Cause) {
    let motive = if cause == Cause::Limit { Motive::Closing } else { Motive::Hand };
    check(&case, now, Some((OrderAction::Close, motive, cause, Some(7))));
}

#[test]
fn an_end_on_its_way_is_ordered_again() {
    let case = reopened().pending(7, OrderAction::End).with(|case| {
        case.calendar().ends = Some(at("2020-06-05 00:00:00"));
    });
    check(&case, "2020-06-05 00:01:00", Some((OrderAction::End, Motive::End, Cause::Ended, Some(7))));
    check(&case, "2020-06-04 00:00:00", Some((OrderAction::End, Motive::Hand, Cause::ClosingAsked, Some(7))));
}

#[rstest]
#[case::before(planned(), "2020-05-04 07:59:59", None)]
#[case::at(planned(), "2020-05-04 08:00:00", OPENS)]
#[case::as_soon_as_it_can(planned(), "2020-05-20 08:00:00", OPENS)]
#[case::not_after_the_closing(planned(), "2020-05-25 18:00:00", None)]
#[case::not_with_responses(planned().with(|case| case.journal.responses.received = true), "2020-05-04 08:00:00", None)]
#[case::open(opened(), "2020-05-05 08:00:00", None)]
#[case::once(closed_by(guard(OrderAction::Close)), "2020-05-11 08:00:00", None)]
#[case::not_after_a_hand(closed_by(hand(OrderAction::Close)), "2020-05-11 08:00:00", None)]
#[case::again_for_a_new_opening(
    closed_by(guard(OrderAction::Close)).with(|case| case.calendar().opens = at("2020-05-12 08:00:00")),
    "2020-05-12 08:00:00",
    OPENS
)]
#[case::not_for_a_new_opening_after_a_hand(
    closed_by(PERSON).with(|case| case.calendar().opens = at("2020-05-12 08:00:00")), "2020-05-12 08:00:00", None
)]
#[case::not_for_an_opening_of_that_very_instant(
    closed_by(guard(OrderAction::Close)).with(|case| case.calendar().opens = at("2020-05-04 08:00:02")),
    "2020-05-12 08:00:00",
    None
)]
#[case::silent(planned().with(|case| case.far.reachable = false), "2020-05-04 08:00:00", None)]
#[case::clock(planned().with(|case| case.far.clock_skew_ms = Some(900_000)), "2020-05-04 08:00:00", None)]
#[case::without_calendar(without_calendar(), "2020-05-04 08:00:00", None)]
#[case::a_closing_is_on_its_way(planned().pending(7, OrderAction::Close), "2020-05-04 08:00:00", None)]
#[case::after_a_drift_before_it(
    planned()
        .window(5, "2020-05-03 08:00:00", true, PERSON)
        .judged(Judgement::Refused)
        .window(6, "2020-05-03 08:01:00", false, guard(OrderAction::Close)),
    "2020-05-04 08:00:00",
    OPENS
)]
fn opening(#[case] case: Case, #[case] now: &str, #[case] expected: Expected) {
    check(&case, now, expected);
}

#[rstest]
#[case::without_a_plan(responded(), "2020-05-30 08:00:00", None)]
#[case::before(planning(responded()), "2020-05-29 19:59:59", None)]
#[case::at(planning(responded()), "2020-05-29 20:00:00", REOPENS)]
#[case::as_soon_as_it_can(planning(responded()), "2020-06-02 20:00:00", REOPENS)]
#[case::not_before_24_h(entered_late(planning(responded())), "2020-05-30 08:59:59", None)]
#[case::at_24_h(entered_late(planning(responded())), "2020-05-30 09:00:00", REOPENS)]
#[case::not_in_doubt(
    planning(responded()).with(|case| case.journal.lots[0].in_doubt = true), "2020-05-29 20:00:00", None
)]
#[case::not_after_a_hand(
    planning(responded()).with(|case| case.journal.windows[1].by = hand(OrderAction::Close)),
    "2020-05-29 20:00:00",
    None
)]
#[case::reopened(planning(reopened()), "2020-05-29 20:00:00", None)]
#[case::once(
    planning(responded())
        .window(50, "2020-05-29 20:00:00", true, guard(OrderAction::Reopen))
        .window(60, "2020-05-30 20:00:00", false, guard(OrderAction::Close)),
    "2020-05-31 08:00:00",
    None
)]
#[case::again_for_a_later_plan(
    planning(reopened()).window(60, "2020-05-29 19:00:00", false, guard(OrderAction::Close)),
    "2020-05-29 20:00:00",
    REOPENS
)]
#[case::silent(planning(responded()).with(|case| case.far.reachable = false), "2020-05-29 20:00:00", None)]
fn reopening(#[case] case: Case, #[case] now: &str, #[case] expected: Expected) {
    check(&case, now, expected);
}

#[rstest]
#[case::lasts(reopened(), "2020-06-20 08:00:00", None)]
#[case::until_before_the_end(ending(reopened()), "2020-06-04 23:59:59", None)]
#[case::until_the_end(ending(reopened()), "2020-06-05 00:00:00", ENDED)]
#[case::an_entry_never_closed(ending(opened()), "2020-06-05 00:00:00", ENDED)]
#[case::not_twice(
    ending(reopened()).window(60, "2020-06-05 00:00:01", false, guard(OrderAction::End)), "2020-06-05 00:01:00", None
)]
#[case::drift_after_the_end(
    ending(responded()).window(50, "2020-06-06 00:00:01", true, PERSON).judged(Judgement::Refused),
    "2020-06-06 00:01:00",
    ENDED
)]
#[case::councils_moved_behind_it(moved(reopened()), "2020-06-09 07:59:59", None)]
#[case::nor_does_their_deadline_close(moved(reopened()), "2020-06-09 08:00:00", None)]
#[case::opened_at_the_very_closing(
    moved(responded()).window(50, "2020-06-09 08:00:00", true, guard(OrderAction::Reopen)), "2020-06-09 08:00:00", None
)]
fn a_reopening_lasts_until_its_end(#[case] case: Case, #[case] now: &str, #[case] expected: Expected) {
    check(&case, now, expected);
}

#[rstest]
#[case::before_the_limit(planned(), "2020-05-01 08:00:00")]
#[case::after_the_limit(closed(), "2020-05-26 08:00:00")]
fn what_was_opened_behind_its_back_is_closed(#[case] case: Case, #[case] when: &str) {
    let case = case.window(40, when, true, PERSON).judged(Judgement::Refused);
    check(&case, when, DRIFT);
    check(
        &case.pending(8, OrderAction::Close),
        when,
        DRIFT.map(|(action, motive, cause, _)| (action, motive, cause, Some(8))),
    );
}

#[rstest]
#[case::still_allowed(planned().pending(7, OrderAction::Open), "2020-05-25 17:59:59", Some((OrderAction::Open, Motive::Hand, Cause::OpeningAsked, Some(7))))]
#[case::too_late_now(planned().pending(7, OrderAction::Open), "2020-05-25 18:00:00", WITHDRAWN)]
#[case::reopening_still_allowed(
    responded().pending(7, OrderAction::Reopen),
    "2020-05-29 18:05:00",
    Some((OrderAction::Reopen, Motive::Hand, Cause::OpeningAsked, Some(7)))
)]
#[case::reopening_not_allowed_any_more(carried().pending(7, OrderAction::Reopen), "2020-05-29 18:05:00", WITHDRAWN)]
#[case::asked_by_hand_after_a_hand(
    closed_by(PERSON).pending(7, OrderAction::Open),
    "2020-05-12 08:00:00",
    Some((OrderAction::Open, Motive::Hand, Cause::OpeningAsked, Some(7)))
)]
#[case::without_calendar(without_calendar().pending(7, OrderAction::Open), "2020-05-12 08:00:00", WITHDRAWN)]
fn an_opening_on_its_way(#[case] case: Case, #[case] now: &str, #[case] expected: Expected) {
    check(&case, now, expected);
}

/// A person's opening, judged at its own instant.
#[rstest]
#[case::too_early(planned(), "2020-05-04 07:59:59", Judgement::Refused)]
#[case::at_the_opening(planned(), "2020-05-04 08:00:00", Judgement::Opening)]
#[case::before_the_closing(planned(), "2020-05-25 17:59:59", Judgement::Opening)]
#[case::at_the_closing(planned(), "2020-05-25 18:00:00", Judgement::Refused)]
#[case::responses_received(
    planned().with(|case| case.journal.responses.received = true), "2020-05-05 08:00:00", Judgement::Refused
)]
#[case::undoing_a_hands_closing(closed_by(hand(OrderAction::Close)), "2020-05-11 08:00:00", Judgement::Opening)]
#[case::at_night(closed(), "2020-05-26 02:00:00", Judgement::Refused)]
#[case::reopening_a_second_early(responded(), "2020-05-29 18:04:59", Judgement::Refused)]
#[case::reopening(responded(), "2020-05-29 18:05:00", Judgement::Reopening)]
#[case::before_the_transfer(
    responded().with(|case| case.journal.responses.confirmed_at = Some(at("2020-05-30 03:16:00"))),
    "2020-05-30 03:15:59",
    Judgement::Refused
)]
#[case::after_the_end(ending(responded()), "2020-06-05 00:00:00", Judgement::Refused)]
#[case::open_already(opened(), "2020-05-26 08:00:00", Judgement::Opening)]
#[case::reopened_already(entered_late(reopened()), "2020-05-29 18:06:00", Judgement::Reopening)]
#[case::behind_the_back_already(
    closed().window(40, "2020-05-26 08:00:00", true, PERSON).judged(Judgement::Refused),
    "2020-05-26 08:00:30",
    Judgement::Refused
)]
#[case::the_far_side_is_silent(
    responded().with(|case| case.far.reachable = false), "2020-05-29 18:05:00", Judgement::Reopening
)]
fn judged(#[case] case: Case, #[case] when: &str, #[case] expected: Judgement) {
    assert_eq!(judge(&case.facts(), at(when)), expected);
}

/// The instant of the closing belongs to what comes after it, even where no council holds a reopening back.
#[test]
fn at_the_closing_it_is_a_reopening() {
    let case = responded().with(|case| {
        case.calendar().closes = at("2020-05-29 18:05:00");
        case.calendar().councils.clear();
    });
    assert_eq!(judge(&case.facts(), at("2020-05-29 18:05:00")), Judgement::Reopening);
}

#[test]
fn what_came_after_an_event_judges_it_not() {
    let case = planned()
        .window(3, "2020-05-03 08:00:00", true, PERSON)
        .window(4, "2020-05-03 08:01:00", false, guard(OrderAction::Close))
        .window(5, "2020-05-04 08:00:00", true, guard(OrderAction::Open));
    let judged = judgements(key(), Zone::Europe__Paris, case.calendar.as_ref(), &case.journal, FarSide::WELL);
    assert_eq!(judged, [(3, Judgement::Refused)]);
}

#[test]
fn without_calendar_nothing_is_known() {
    assert_eq!(judge(&without_calendar().facts(), at("2020-05-11 08:00:00")), Judgement::Refused);
}

#[test]
fn each_event_is_judged_once_by_what_came_before() {
    let case = planned()
        .window(3, "2020-05-03 08:00:00", true, PERSON)
        .window(4, "2020-05-03 08:01:00", false, guard(OrderAction::Close))
        .window(5, "2020-05-05 08:00:00", true, PERSON)
        .window(6, "2020-05-26 08:00:00", true, PERSON)
        .window(7, "2020-05-27 08:00:00", false, PERSON)
        .window(8, "2020-05-28 08:00:00", true, PERSON)
        .judged(Judgement::Reopening)
        .window(9, "2020-05-28 08:01:00", false, PERSON)
        .window(10, "2020-05-28 08:02:00", true, guard(OrderAction::Reopen))
        .window(11, "2020-05-28 08:03:00", false, PERSON)
        .window(12, "2020-05-28 08:04:00", true, PERSON);
    let judge = |calendar| judgements(key(), Zone::Europe__Paris, calendar, &case.journal, FarSide::WELL);
    let expected = [
        (3, Judgement::Refused),
        (5, Judgement::Opening),
        // It says what already is, though after the limit: that nobody could close is no drift.
        (6, Judgement::Opening),
        (12, Judgement::Refused),
    ];
    assert_eq!(judge(case.calendar.as_ref()), expected);
    assert_eq!(judge(None), []);
}

#[rstest]
#[case::opens(planned(), "2020-05-01 08:00:00", Some("2020-05-04 08:00:00"))]
#[case::closes(planned(), "2020-05-04 08:00:00", Some("2020-05-25 18:00:00"))]
#[case::a_second_before(planned(), "2020-05-25 17:59:59", Some("2020-05-25 18:00:00"))]
#[case::nothing_more(carried(), "2020-05-25 18:00:00", None)]
#[case::deadline(late(planned()), "2020-05-25 18:00:00", Some("2020-05-27 16:15:00"))]
#[case::in_at(responded(), "2020-05-28 18:05:00", Some("2020-05-29 03:16:00"))]
#[case::earliest_reopening(responded(), "2020-05-29 03:16:00", Some("2020-05-29 18:05:00"))]
#[case::reopens(planning(responded()), "2020-05-29 18:05:00", Some("2020-05-29 20:00:00"))]
#[case::ends(ending(responded()), "2020-05-29 18:05:00", Some("2020-06-05 00:00:00"))]
#[case::without_calendar(without_calendar(), "2020-05-01 08:00:00", None)]
fn the_next_instant(#[case] case: Case, #[case] now: &str, #[case] expected: Option<&str>) {
    assert_eq!(next(&case.facts(), at(now)), expected.map(at));
}

fn closed_by(by: crate::guard::By) -> Case {
    opened().window(20, "2020-05-10 08:00:00", false, by)
}

fn late(case: Case) -> Case {
    case.with(|case| case.calendar().closes = at("2020-05-28 08:00:00"))
}

fn planning(case: Case) -> Case {
    case.with(|case| case.calendar().reopens = Some(at("2020-05-29 20:00:00")))
}

fn ending(case: Case) -> Case {
    case.with(|case| case.calendar().ends = Some(at("2020-06-05 00:00:00")))
}

fn entered_late(case: Case) -> Case {
    case.with(|case| case.journal.responses.latest_entered_at = Some(at("2020-05-29 09:00:00")))
}

/// After the reopening every council was set anew, for 10 June at 8:00.
fn moved(case: Case) -> Case {
    case.with(|case| {
        case.calendar().closes = at("2020-06-20 08:00:00");
        case.calendar().councils.values_mut().for_each(|council| *council = at("2020-06-10 08:00:00"));
    })
}
