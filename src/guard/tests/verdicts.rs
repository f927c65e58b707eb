//! The rows of the verdicts' table, each with the instant before and the instant of its edge.

use crate::domain::{campaign::Calendar, time::Timestamp};
use crate::guard::{
    Action, Close, Derogation, End, FarSide, Import, LoadCalendar, Open, OrderAction, Policy, Refusal, RefusalCode,
    Reopen, Verdict, WindowAction, decide,
    tests::{
        Case, LAX, PERSON, STRICT, at, calendar, carried, closed, division, hand, key, opened, planned, plea, reopened,
        responded, without_calendar,
    },
    verdict::{Plea, Shut, Why},
};
use rstest::rstest;

/// A verdict in one word.
fn word<A>(verdict: &Verdict<A>) -> &'static str {
    match verdict {
        Verdict::Allowed(_) => "ok",
        Verdict::Already => "already",
        Verdict::Refused(refusal) => refusal.code.as_str(),
    }
}

fn ask<A: Action>(case: &Case, action: A, now: &str) -> Verdict<A> {
    decide(&case.facts(), action, at(now), None, STRICT)
}

fn refused<A: Action>(case: &Case, action: A, now: &str) -> Refusal {
    match ask(case, action, now) {
        Verdict::Refused(refusal) => refusal,
        other @ (Verdict::Allowed(_) | Verdict::Already) => panic!("{}", word(&other)),
    }
}

#[rstest]
#[case::before(planned(), "2020-05-04 07:59:59", "NOT_YET")]
#[case::at_the_opening(planned(), "2020-05-04 08:00:00", "ok")]
#[case::before_the_closing(planned(), "2020-05-25 17:59:59", "ok")]
#[case::at_the_closing(planned(), "2020-05-25 18:00:00", "WINDOW_CLOSED")]
#[case::long_after(planned(), "2020-06-25 18:00:00", "WINDOW_CLOSED")]
#[case::before_the_deadline(late_closing(), "2020-05-27 16:14:59", "ok")]
#[case::at_the_deadline(late_closing(), "2020-05-27 16:15:00", "WINDOW_CLOSED")]
#[case::responses_received(received(), "2020-05-05 08:00:00", "WINDOW_CLOSED")]
#[case::before_and_responses_received(received(), "2020-05-04 07:59:59", "NOT_YET")]
#[case::open_already(opened(), "2020-05-05 08:00:00", "already")]
#[case::open_after_the_limit(opened(), "2020-05-26 08:00:00", "already")]
#[case::open_and_closing(opened().pending(4, OrderAction::Close), "2020-05-05 08:00:00", "ok")]
#[case::an_opening_is_ordered(planned().pending(4, OrderAction::Open), "2020-05-05 08:00:00", "ok")]
#[case::closed_by_mistake(closed_by_hand(), "2020-05-11 08:00:00", "ok")]
#[case::after_postponed_councils(postponed(), "2020-05-28 08:00:00", "ok")]
fn open(#[case] case: Case, #[case] now: &str, #[case] expected: &str) {
    assert_eq!(word(&ask(&case, Open, now)), expected);
}

#[rstest]
#[case::open(opened(), "ok")]
#[case::reopened(reopened(), "ok")]
#[case::closed(closed(), "already")]
#[case::never_opened(planned(), "already")]
#[case::an_opening_is_ordered(closed().pending(4, OrderAction::Reopen), "ok")]
#[case::a_closing_is_ordered(closed().pending(4, OrderAction::Close), "already")]
#[case::open_and_a_closing_is_ordered(opened().pending(4, OrderAction::Close), "ok")]
#[case::unknown_whether_closed(closed().with(silent), "ok")]
#[case::open_and_silent(opened().with(silent), "ok")]
#[case::clock_and_no_calendar(opened().with(ahead).with(|case| case.calendar = None), "ok")]
fn close(#[case] case: Case, #[case] expected: &str) {
    assert_eq!(word(&ask(&case, Close, "2020-05-26 08:00:00")), expected);
    assert_eq!(word(&ask(&case, End, "2020-05-26 08:00:00")), expected);
}

#[rstest]
#[case::closed(closed(), "ok")]
#[case::never_opened(planned(), "ok")]
#[case::open(opened(), "RESPONSES_WHILE_OPEN")]
#[case::reopened(reopened(), "RESPONSES_WHILE_OPEN")]
#[case::open_and_closing(opened().pending(4, OrderAction::Close), "RESPONSES_WHILE_OPEN")]
#[case::an_opening_is_ordered(closed().pending(4, OrderAction::Reopen), "RESPONSES_WHILE_OPEN")]
fn import(#[case] case: Case, #[case] expected: &str) {
    assert_eq!(word(&ask(&case, Import, "2020-05-29 03:15:00")), expected);
}

#[rstest]
#[case::one_second_short(responded(), "2020-05-29 18:04:59", "WAIT_24H")]
#[case::exactly_24_h(responded(), "2020-05-29 18:05:00", "ok")]
#[case::before_the_last_council(responded(), "2020-05-28 17:29:59", "COUNCIL_NOT_HELD")]
#[case::at_the_last_council(responded(), "2020-05-28 17:30:00", "TRANSFER_MISSING")]
#[case::entered_early_before_the_last_council(entered_early(), "2020-05-28 17:29:59", "COUNCIL_NOT_HELD")]
#[case::entered_early_at_the_last_council(entered_early(), "2020-05-28 17:30:00", "ok")]
#[case::some_missing(carried(), "2020-05-30 08:00:00", "RESPONSES_MISSING")]
#[case::nothing_known(closed(), "2020-05-30 08:00:00", "RESPONSES_MISSING")]
#[case::not_there(responded().with(|case| case.journal.responses.pending_transfer = 1), "2020-05-30 08:00:00", "TRANSFER_MISSING")]
#[case::not_there_and_too_early(
    responded().with(|case| case.journal.responses.held_files = 1), "2020-05-29 08:00:00", "TRANSFER_MISSING"
)]
#[case::in_doubt(doubt(responded()), "2020-05-30 08:00:00", "LOT_IN_DOUBT")]
#[case::in_doubt_and_too_early(doubt(responded()), "2020-05-29 18:04:59", "WAIT_24H")]
#[case::before_the_end(ending(), "2020-06-04 23:59:59", "ok")]
#[case::ended(ending(), "2020-06-05 00:00:00", "WINDOW_CLOSED")]
#[case::ended_comes_first(ending().with(|case| case.journal.responses.received = false), "2020-06-05 00:00:00", "WINDOW_CLOSED")]
#[case::open_already(reopened(), "2020-05-30 08:00:00", "already")]
#[case::open_for_entry(opened(), "2020-05-05 08:00:00", "already")]
#[case::without_council(responded().with(|case| case.calendar().councils.clear()), "2020-05-30 08:00:00", "ok")]
fn reopen(#[case] case: Case, #[case] now: &str, #[case] expected: &str) {
    assert_eq!(word(&ask(&case, Reopen, now)), expected);
}

/// 24 h between entry and reopening are elapsed seconds, in every zone and over both changes of time.
#[rstest]
#[case::spring("2027-03-27 09:30:00", "2027-03-28 09:30:00", "2027-03-28 10:30:00")]
#[case::autumn("2027-10-30 09:30:00", "2027-10-31 08:29:59", "2027-10-31 08:30:00")]
#[case::autumn_fold("2027-10-30T02:30:00+02:00", "2027-10-31T02:29:59+02:00", "2027-10-31T01:30:00+01:00")]
#[case::cayenne("2027-03-27T17:00:00-03:00", "2027-03-28T16:59:59-03:00", "2027-03-28T17:00:00-03:00")]
#[case::tahiti("2027-03-27T17:00:00-10:00", "2027-03-28T16:59:59-10:00", "2027-03-28T17:00:00-10:00")]
#[case::marquesas("2027-10-30T17:00:00-09:30", "2027-10-31T16:59:59-09:30", "2027-10-31T17:00:00-09:30")]
fn reopening_is_granted_at_its_earliest(#[case] entered: &str, #[case] early: &str, #[case] granted: &str) {
    let case = responded().with(|case| {
        case.calendar().councils = [(division("3 A"), at(entered))].into();
        case.journal.responses.latest_entered_at = Some(at(entered));
        case.journal.responses.confirmed_at = Some(at(entered));
    });
    let refusal = refused(&case, Reopen, early);
    assert_eq!((refusal.code, refusal.earliest), (RefusalCode::Wait24h, Some(at(granted))));
    assert_eq!(word(&ask(&case, Reopen, granted)), "ok");
}

#[rstest]
#[case::not_yet(refused(&planned(), Open, "2020-05-01 08:00:00"), Some("2020-05-04 08:00:00"))]
#[case::window_closed(refused(&planned(), Open, "2020-06-01 08:00:00"), None)]
#[case::not_held(refused(&responded(), Reopen, "2020-05-26 08:00:00"), Some("2020-05-28 17:30:00"))]
#[case::missing(refused(&carried(), Reopen, "2020-05-30 08:00:00"), None)]
#[case::transfer(refused(&responded(), Reopen, "2020-05-28 20:00:00"), None)]
#[case::wait(refused(&responded(), Reopen, "2020-05-29 08:00:00"), Some("2020-05-29 18:05:00"))]
#[case::in_doubt(refused(&doubt(responded()), Reopen, "2020-05-30 08:00:00"), None)]
#[case::while_open(refused(&opened(), Import, "2020-05-05 08:00:00"), None)]
fn the_earliest_instant_is_given_when_time_alone_is_missing(#[case] refusal: Refusal, #[case] earliest: Option<&str>) {
    assert_eq!(refusal.earliest, earliest.map(at));
}

/// `NO_CALENDAR`, `UNREACHABLE`, `CLOCK` come before the codes of a row, in this order, and before `Already`.
#[rstest]
#[case::no_calendar(|case: &mut Case| { case.calendar = None; silent(case); ahead(case) }, "NO_CALENDAR", "UNREACHABLE")]
#[case::unreachable(|case: &mut Case| { silent(case); ahead(case) }, "UNREACHABLE", "UNREACHABLE")]
#[case::clock(ahead, "CLOCK", "CLOCK")]
#[case::clock_behind(|case: &mut Case| case.far.clock_skew_ms = Some(-120_001), "CLOCK", "CLOCK")]
fn what_it_does_not_know_it_refuses(
    #[case] change: impl Fn(&mut Case),
    #[case] expected: &str,
    #[case] of_a_calendar: &str,
) {
    let [closed, open] = [planned().with(&change), opened().with(&change)];
    let now = "2020-05-05 08:00:00";
    assert_eq!(word(&ask(&closed, Open, now)), expected);
    assert_eq!(word(&ask(&open, Open, now)), expected);
    assert_eq!(word(&ask(&open, Reopen, now)), expected);
    assert_eq!(word(&ask(&closed, Reopen, now)), expected);
    assert_eq!(word(&ask(&open, Import, now)), expected);
    let same = LoadCalendar { calendar: calendar() };
    assert_eq!(word(&ask(&closed, same, now)), of_a_calendar);
}

#[test]
fn two_minutes_of_skew_still_count_as_in_step() {
    let case = planned().with(|case| case.far = FarSide { reachable: true, clock_skew_ms: Some(120_000) });
    assert_eq!(word(&ask(&case, Open, "2020-05-05 08:00:00")), "ok");
}

#[test]
fn the_same_calendar_again_changes_nothing() {
    let now = "2020-05-30 08:00:00";
    assert_eq!(word(&ask(&opened(), LoadCalendar { calendar: calendar() }, now)), "already");
    assert_eq!(word(&ask(&without_calendar(), LoadCalendar { calendar: calendar() }, now)), "ok");
    let later = Calendar { closes: at("2020-05-25 18:00:01"), ..calendar() };
    assert_eq!(word(&ask(&closed(), LoadCalendar { calendar: later }, now)), "ok");
}

#[test]
fn a_permit_says_what_for_whom_and_by_what_leave() {
    let Verdict::Allowed(permit) = ask(&planned(), Open, "2020-05-05 08:00:00") else { panic!("allowed") };
    assert_eq!((permit.action(), permit.campaign(), permit.derogation()), (&Open, key(), None));
    let orders = [Open::ORDER, Close::ORDER, Reopen::ORDER, End::ORDER];
    assert_eq!(orders, OrderAction::ALL);
}

#[rstest]
#[case::lifted("2020-05-29 08:00:00", LAX, responded(), "ok", Plea::None, true)]
#[case::not_needed("2020-05-29 18:05:00", LAX, responded(), "ok", Plea::None, false)]
#[case::forbidden("2020-05-29 08:00:00", STRICT, responded(), "WAIT_24H", Plea::Forbidden, false)]
#[case::transfer_stands("2020-05-28 20:00:00", LAX, responded(), "TRANSFER_MISSING", Plea::Powerless, false)]
#[case::transfer_stands_either_way(
    "2020-05-28 20:00:00",
    STRICT,
    responded(),
    "TRANSFER_MISSING",
    Plea::Powerless,
    false
)]
#[case::doubt_stands_behind_what_is_lifted(
    "2020-05-29 08:00:00",
    LAX,
    doubt(responded()),
    "LOT_IN_DOUBT",
    Plea::Powerless,
    false
)]
#[case::the_unknown_stands("2020-05-30 08:00:00", LAX, responded().with(silent), "UNREACHABLE", Plea::Powerless, false)]
fn derogations(
    #[case] now: &str,
    #[case] policy: Policy,
    #[case] case: Case,
    #[case] expected: &str,
    #[case] pleaded: Plea,
    #[case] recorded: bool,
) {
    let verdict = decide(&case.facts(), Reopen, at(now), plea(), policy);
    assert_eq!(word(&verdict), expected);
    match verdict {
        Verdict::Allowed(permit) => assert_eq!(permit.derogation().cloned(), plea().filter(|_: &Derogation| recorded)),
        Verdict::Refused(refusal) => assert_eq!(refusal.plea, pleaded),
        Verdict::Already => panic!("already"),
    }
}

#[test]
fn no_derogation_no_plea_though_they_are_permitted() {
    let verdict = decide(&responded().facts(), Reopen, at("2020-05-29 08:00:00"), None, LAX);
    let Verdict::Refused(refusal) = verdict else { panic!("refused") };
    assert_eq!((refusal.code, refusal.plea), (RefusalCode::Wait24h, Plea::None));
}

#[test]
fn a_refusal_names_what_the_sentence_needs() {
    assert_eq!(
        refused(&late_closing(), Open, "2020-05-27 16:15:00").why,
        Why::WindowClosed(Shut::Closed(at("2020-05-27 16:15:00")))
    );
    assert_eq!(refused(&received(), Open, "2020-05-05 08:00:00").why, Why::WindowClosed(Shut::Responses));
    assert_eq!(
        refused(&ending(), Reopen, "2020-06-05 00:00:00").why,
        Why::WindowClosed(Shut::Ended(at("2020-06-05 00:00:00")))
    );
    assert_eq!(refused(&doubt(responded()), Reopen, "2020-05-30 08:00:00").why, Why::LotInDoubt(vec![1]));
    let held = responded().with(|case| {
        case.journal.responses.held_files = 2;
        case.journal.responses.pending_transfer = 3;
    });
    let transfer = Why::TransferMissing { waiting: 3, held_files: 2 };
    assert_eq!(refused(&held, Reopen, "2020-05-30 08:00:00").why, transfer);
    let fetch: Timestamp = at("2020-05-31 03:15:00");
    let verdict = decide(&carried().facts().fetching_at(fetch), Reopen, at("2020-05-30 08:00:00"), None, STRICT);
    let Verdict::Refused(refusal) = verdict else { panic!("refused") };
    let missing = vec![(division("3 A"), 2), (division("3 B"), 1)];
    assert_eq!(refusal.why, Why::ResponsesMissing { missing, next_fetch_at: Some(fetch) });
}

#[test]
fn codes_are_read_back_and_four_can_be_lifted() {
    for code in RefusalCode::ALL {
        assert_eq!(RefusalCode::of_str(code.as_str()), Some(code));
    }
    assert_eq!(RefusalCode::of_str("CLOSED"), None);
    let lifted: Vec<_> = RefusalCode::ALL.into_iter().filter(|code| code.can_be_lifted()).collect();
    let expected =
        [RefusalCode::ClosesTooLate, RefusalCode::ReopensTooEarly, RefusalCode::CouncilTooSoon, RefusalCode::Wait24h];
    assert_eq!(lifted, expected);
}

fn late_closing() -> Case {
    planned().with(|case| case.calendar().closes = at("2020-05-28 08:00:00"))
}

fn received() -> Case {
    planned().with(|case| case.journal.responses.received = true)
}

fn closed_by_hand() -> Case {
    opened().window(20, "2020-05-10 08:00:00", false, hand(OrderAction::Close))
}

/// Closed in time, then councils and closing were moved by a week.
fn postponed() -> Case {
    closed().with(|case| {
        case.calendar().closes = at("2020-06-01 18:00:00");
        case.calendar().councils.values_mut().for_each(|council| *council = council.plus_s(7 * 86_400));
    })
}

fn entered_early() -> Case {
    responded().with(|case| {
        case.journal.responses.latest_entered_at = Some(at("2020-05-26 18:05:00"));
        case.journal.responses.confirmed_at = Some(at("2020-05-27 03:16:00"));
    })
}

fn ending() -> Case {
    responded().with(|case| case.calendar().ends = Some(at("2020-06-05 00:00:00")))
}

fn doubt(case: Case) -> Case {
    case.with(|case| case.journal.lots[0].in_doubt = true)
}

fn silent(case: &mut Case) {
    case.far.reachable = false;
}

fn ahead(case: &mut Case) {
    case.far.clock_skew_ms = Some(120_001);
}

/// A person's opening is no order of ours: it is open, and asking for it is asking for what already is.
#[test]
fn open_behind_the_guards_back_is_open() {
    let case = closed().window(40, "2020-05-26 08:00:00", true, PERSON);
    assert_eq!(word(&ask(&case, Open, "2020-05-26 08:00:30")), "already");
    assert_eq!(word(&ask(&case, Close, "2020-05-26 08:00:30")), "ok");
}
