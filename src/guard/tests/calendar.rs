//! The first row of the table: what instants may stand together.

use crate::domain::{campaign::Calendar, pupil::Division, time::Timestamp};
use crate::guard::{
    CalendarChange, LoadCalendar, RefusalCode, Verdict,
    calendar::faults,
    decide,
    tests::{Case, LAX, at, calendar, closed, division, opened, planned, plea, reopened, without_calendar},
    verdict::{Order, Why},
};
use rstest::rstest;

fn codes(case: &Case, calendar: &Calendar, now: &str) -> Vec<RefusalCode> {
    faults(&case.facts(), calendar, at(now)).iter().map(Why::code).collect()
}

fn changed(change: impl FnOnce(&mut Calendar)) -> Calendar {
    let mut calendar = calendar();
    change(&mut calendar);
    calendar
}

#[rstest]
#[case::right(|_: &mut Calendar| (), &[])]
#[case::opens_one_second_before(|it: &mut Calendar| it.opens = at("2020-05-25 17:59:59"), &[])]
#[case::opens_at_the_closing(|it: &mut Calendar| it.opens = at("2020-05-25 18:00:00"), &[RefusalCode::CalendarOrder])]
#[case::closes_at_the_deadline(|it: &mut Calendar| it.closes = at("2020-05-27 16:15:00"), &[])]
#[case::closes_a_second_late(|it: &mut Calendar| it.closes = at("2020-05-27 16:15:01"), &[RefusalCode::ClosesTooLate])]
#[case::reopens_at_24_h(|it: &mut Calendar| it.reopens = Some(at("2020-05-29 17:30:00")), &[])]
#[case::reopens_a_second_early(
    |it: &mut Calendar| it.reopens = Some(at("2020-05-29 17:29:59")), &[RefusalCode::ReopensTooEarly]
)]
#[case::ends_after_the_reopening(
    |it: &mut Calendar| {
        it.reopens = Some(at("2020-05-29 17:30:00"));
        it.ends = Some(at("2020-05-29 17:30:01"));
    },
    &[]
)]
#[case::ends_at_the_reopening(
    |it: &mut Calendar| {
        it.reopens = Some(at("2020-05-29 17:30:00"));
        it.ends = Some(at("2020-05-29 17:30:00"));
    },
    &[RefusalCode::CalendarOrder]
)]
#[case::ends_after_the_closing(|it: &mut Calendar| it.ends = Some(at("2020-05-25 18:00:01")), &[])]
#[case::ends_at_the_closing(
    |it: &mut Calendar| it.ends = Some(at("2020-05-25 18:00:00")), &[RefusalCode::CalendarOrder]
)]
#[case::a_division_is_forgotten(
    |it: &mut Calendar| { it.councils.remove(&division("3 A")); }, &[RefusalCode::DivisionWithoutCouncil]
)]
#[case::a_council_too_many(
    |it: &mut Calendar| { it.councils.insert(division("3 Z"), at("2020-05-29 08:00:00")); }, &[]
)]
#[case::no_council_at_all(|it: &mut Calendar| it.councils.clear(), &[RefusalCode::DivisionWithoutCouncil])]
#[case::everything_at_once(
    |it: &mut Calendar| {
        it.opens = at("2020-05-28 09:00:00");
        it.closes = at("2020-05-28 08:00:00");
        it.reopens = Some(at("2020-05-28 18:00:00"));
        it.ends = Some(at("2020-05-28 17:00:00"));
        it.councils.remove(&division("3 A"));
    },
    &[
        RefusalCode::CalendarOrder,
        RefusalCode::CalendarOrder,
        RefusalCode::ClosesTooLate,
        RefusalCode::ReopensTooEarly,
        RefusalCode::DivisionWithoutCouncil,
    ]
)]
fn every_fault_in_order(#[case] change: impl FnOnce(&mut Calendar), #[case] expected: &[RefusalCode]) {
    assert_eq!(codes(&planned(), &changed(change), "2020-05-01 08:00:00"), expected);
}

#[test]
fn no_council_is_a_fault_even_without_pupils() {
    let empty = changed(|it| it.councils.clear());
    let faults = faults(&without_calendar().facts(), &empty, at("2020-05-01 08:00:00"));
    assert_eq!(faults, [Why::DivisionWithoutCouncil(Vec::new())]);
}

#[rstest]
#[case(Some("2020-05-29 17:30:00"), Order::ReopensBeforeEnds)]
#[case(None, Order::ClosesBeforeEnds)]
fn an_end_that_comes_too_soon_says_after_what(#[case] reopens: Option<&str>, #[case] order: Order) {
    let early = changed(|it| {
        it.reopens = reopens.map(at);
        it.ends = Some(at("2020-05-25 17:00:00"));
    });
    assert_eq!(faults(&planned().facts(), &early, at("2020-05-01 08:00:00")), [Why::CalendarOrder(order)]);
}

/// Over the changes of time 24 h are elapsed seconds, never the same time of day.
#[rstest]
#[case::spring_short("2027-03-27 09:30:00", "2027-03-28 09:30:00", true)]
#[case::spring_exact("2027-03-27 08:30:00", "2027-03-28 09:30:00", false)]
#[case::autumn_long("2027-10-30 09:30:00", "2027-10-31 09:30:00", false)]
#[case::autumn_exact("2027-10-30 10:30:00", "2027-10-31 09:30:00", false)]
#[case::autumn_short("2027-10-30 10:30:01", "2027-10-31 09:30:00", true)]
#[case::cayenne("2027-03-27T09:30:00-03:00", "2027-03-28T09:30:00-03:00", false)]
#[case::tahiti_short("2027-03-27T09:30:01-10:00", "2027-03-28T09:30:00-10:00", true)]
#[case::marquesas("2027-10-30T09:30:00-09:30", "2027-10-31T09:30:00-09:30", false)]
fn a_day_is_86_400_seconds(#[case] closes: &str, #[case] council: &str, #[case] too_late: bool) {
    let calendar = Calendar {
        opens: at("2027-01-04 08:00:00"),
        closes: at(closes),
        reopens: None,
        ends: None,
        councils: [(division("3 A"), at(council))].into(),
    };
    let expected: &[RefusalCode] = if too_late { &[RefusalCode::ClosesTooLate] } else { &[] };
    assert_eq!(codes(&without_calendar(), &calendar, "2027-01-01 08:00:00"), expected);
}

/// A council is moved so near that its deadline has passed while the service is open: close first.
#[rstest]
#[case::moved_to_exactly_24_h(opened(), "3 A", "2020-05-27 08:00:00", "2020-05-26 08:00:00", false)]
#[case::moved_a_second_nearer(opened(), "3 A", "2020-05-27 07:59:59", "2020-05-26 08:00:00", true)]
#[case::added_too_near(opened(), "3 C", "2020-05-27 07:59:59", "2020-05-26 08:00:00", true)]
#[case::closed_meanwhile(closed(), "3 A", "2020-05-27 07:59:59", "2020-05-26 08:00:00", false)]
#[case::left_where_it_is(opened(), "3 A", "2020-05-28 17:30:00", "2020-05-28 08:00:00", false)]
#[case::first_calendar_while_open(
    opened().with(|case| case.calendar = None), "3 A", "2020-05-27 07:59:59", "2020-05-26 08:00:00", true
)]
#[case::second_council_while_reopened(reopened(), "3 A", "2020-06-10 08:00:00", "2020-06-01 08:00:00", false)]
fn councils_brought_near(
    #[case] case: Case,
    #[case] name: &str,
    #[case] council: &str,
    #[case] now: &str,
    #[case] too_soon: bool,
) {
    let moved = changed(|it| {
        it.closes = at("2020-05-26 07:00:00");
        it.councils.insert(division(name), at(council));
    });
    let expected: &[RefusalCode] = if too_soon { &[RefusalCode::CouncilTooSoon] } else { &[] };
    assert_eq!(codes(&case, &moved, now), expected);
}

#[test]
fn each_council_too_near_is_named() {
    let moved = changed(|it| {
        it.closes = at("2020-05-25 08:00:00");
        it.councils.values_mut().for_each(|council| *council = at("2020-05-26 12:00:00"));
    });
    let named: Vec<Division> = faults(&opened().facts(), &moved, at("2020-05-26 08:00:00"))
        .into_iter()
        .filter_map(|why| if let Why::CouncilTooSoon(council) = why { Some(council.division) } else { None })
        .collect();
    assert_eq!(named, [division("3 A"), division("3 B")]);
}

#[test]
fn the_councils_named_are_the_first_and_the_last() {
    let wrong = changed(|it| {
        it.closes = at("2020-05-28 08:00:00");
        it.reopens = Some(at("2020-05-28 20:00:00"));
    });
    let faults = faults(&planned().facts(), &wrong, at("2020-05-01 08:00:00"));
    let named: Vec<(&str, Timestamp)> = faults
        .iter()
        .map(|why| match why {
            Why::ClosesTooLate { council, latest } => (council.division.as_str(), *latest),
            Why::ReopensTooEarly { council, earliest } => (council.division.as_str(), *earliest),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(named, [("3 B", at("2020-05-27 16:15:00")), ("3 A", at("2020-05-29 17:30:00"))]);
}

#[test]
fn a_derogation_lets_a_late_closing_be_recorded() {
    let late = changed(|it| it.closes = at("2020-05-28 08:00:00"));
    let verdict =
        decide(&planned().facts(), LoadCalendar { calendar: late.clone() }, at("2020-05-01 08:00:00"), plea(), LAX);
    let Verdict::Allowed(permit) = verdict else { panic!("{verdict:?}") };
    assert_eq!(permit.derogation(), plea().as_ref());
    assert_eq!(permit.into_action().calendar, late);
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let current = changed(|it| {
        it.reopens = Some(at("2020-05-30 08:00:00"));
        it.ends = Some(at("2020-06-05 08:00:00"));
    });
    assert_eq!(CalendarChange::default().onto(Some(&current)), Some(current.clone()));
    let councils = [(division("3 A"), at("2020-05-29 08:00:00")), (division("3 C"), at("2020-05-29 09:00:00"))];
    let change = CalendarChange {
        opens: Some(at("2020-05-05 08:00:00")),
        closes: Some(at("2020-05-26 08:00:00")),
        reopens: Some(at("2020-05-31 08:00:00")),
        ends: Some(at("2020-06-06 08:00:00")),
        councils: councils.clone().into(),
    };
    let merged = Calendar {
        opens: at("2020-05-05 08:00:00"),
        closes: at("2020-05-26 08:00:00"),
        reopens: Some(at("2020-05-31 08:00:00")),
        ends: Some(at("2020-06-06 08:00:00")),
        councils: councils.into_iter().chain([(division("3 B"), at("2020-05-28 16:15:00"))]).collect(),
    };
    assert_eq!(change.onto(Some(&current)), Some(merged));
}

#[rstest]
#[case(Some("2020-05-05 08:00:00"), Some("2020-05-26 08:00:00"), true)]
#[case(None, Some("2020-05-26 08:00:00"), false)]
#[case(Some("2020-05-05 08:00:00"), None, false)]
fn a_first_calendar_needs_opening_and_closing(
    #[case] opens: Option<&str>,
    #[case] closes: Option<&str>,
    #[case] whole: bool,
) {
    let change = CalendarChange { opens: opens.map(at), closes: closes.map(at), ..CalendarChange::default() };
    assert_eq!(change.onto(None).is_some(), whole);
}
