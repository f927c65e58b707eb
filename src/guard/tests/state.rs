//! States, `AtRisk`, and the instants that come next.

use crate::guard::{
    Judgement, OrderAction, State, What,
    tests::{Case, PERSON, at, carried, closed, division, opened, planned, reopened, responded, without_calendar},
};
use rstest::rstest;

#[rstest]
#[case::planned(planned(), "2020-05-01 08:00:00", State::Planned)]
#[case::planned_for_ever(planned(), "2020-06-01 08:00:00", State::Planned)]
#[case::open(opened(), "2020-05-05 08:00:00", State::Open)]
#[case::open_behind_the_back(
    closed().window(40, "2020-05-26 08:00:00", true, PERSON).judged(Judgement::Refused), "2020-05-26 08:00:00", State::Open
)]
#[case::closed(closed(), "2020-05-25 18:01:00", State::Closed)]
#[case::closed_after_the_councils(closed(), "2020-05-29 18:01:00", State::Closed)]
#[case::ready(carried(), "2020-05-26 03:16:00", State::CouncilsReady)]
#[case::ready_until_entered(carried(), "2020-05-29 03:16:00", State::CouncilsReady)]
#[case::entered_before_the_last_council(responded(), "2020-05-28 17:29:59", State::CouncilsReady)]
#[case::entered_at_the_last_council(responded(), "2020-05-28 17:30:00", State::WaitingTransfer)]
#[case::waiting_one_second_short(responded(), "2020-05-29 18:04:59", State::WaitingTransfer)]
#[case::reopenable(responded(), "2020-05-29 18:05:00", State::Reopenable)]
#[case::reopened(reopened(), "2020-05-29 18:05:00", State::Reopened)]
#[case::without_calendar(without_calendar(), "2020-05-29 18:05:00", State::Planned)]
#[case::closed_without_calendar(closed().with(|case| case.calendar = None), "2020-05-29 18:05:00", State::Closed)]
#[case::before_its_end(ends(closed()), "2020-06-04 23:59:59", State::Closed)]
#[case::ended(ends(closed()), "2020-06-05 00:00:00", State::Ended)]
#[case::ended_and_never_opened(ends(planned()), "2020-06-05 00:00:00", State::Ended)]
#[case::open_past_its_end(ends(reopened()), "2020-06-05 00:00:00", State::Reopened)]
fn states(#[case] case: Case, #[case] now: &str, #[case] expected: State) {
    assert_eq!(case.facts().state(at(now)), expected);
}

/// The reopening's conditions hold though the far side does not answer: the state is the row's alone.
#[test]
fn a_silent_far_side_changes_no_state() {
    let case = responded().with(|case| case.far.reachable = false);
    assert_eq!(case.facts().state(at("2020-05-29 18:05:00")), State::Reopenable);
}

fn ends(case: Case) -> Case {
    case.with(|case| case.calendar().ends = Some(at("2020-06-05 00:00:00")))
}

#[rstest]
#[case::a_day_and_more(closed(), "2020-05-27 16:14:59", false)]
#[case::exactly_a_day(closed(), "2020-05-27 16:15:00", false)]
#[case::a_second_less(closed(), "2020-05-27 16:15:01", true)]
#[case::begun(closed(), "2020-05-28 16:15:00", true)]
#[case::long_past(closed(), "2020-06-28 16:15:00", true)]
#[case::still_open(opened(), "2020-05-28 16:15:00", true)]
#[case::carried(carried(), "2020-05-28 16:15:00", false)]
#[case::entered_without_being_carried(
    responded().with(|case| case.journal.lots.clear()), "2020-05-29 16:15:00", false
)]
#[case::without_calendar(without_calendar(), "2020-05-28 16:15:00", false)]
fn at_risk(#[case] case: Case, #[case] now: &str, #[case] expected: bool) {
    assert_eq!(case.facts().at_risk(at(now)), expected);
}

#[test]
fn next_instants_come_in_order_and_lie_ahead() {
    let case = responded().with(|case| {
        case.calendar().reopens = Some(at("2020-05-29 20:00:00"));
        case.calendar().ends = Some(at("2020-06-05 00:00:00"));
    });
    let facts = case.facts();
    let all = [
        (What::Opening, at("2020-05-04 08:00:00")),
        (What::Closing, at("2020-05-25 18:00:00")),
        (What::Deadline, at("2020-05-27 16:15:00")),
        (What::FirstCouncil, at("2020-05-28 16:15:00")),
        (What::LastCouncil, at("2020-05-28 17:30:00")),
        (What::EarliestReopening, at("2020-05-29 18:05:00")),
        (What::Reopening, at("2020-05-29 20:00:00")),
        (What::End, at("2020-06-05 00:00:00")),
    ];
    assert_eq!(facts.next_instants(at("2020-05-01 00:00:00")), all);
    assert_eq!(facts.next_instants(at("2020-05-27 16:14:59")), all[2..]);
    assert_eq!(facts.next_instants(at("2020-05-27 16:15:00")), all[3..]);
    assert_eq!(without_calendar().facts().next_instants(at("2020-05-01 00:00:00")), []);
}

#[test]
fn the_earliest_reopening_waits_for_the_last_council_too() {
    let early = responded().with(|case| {
        case.journal.responses.latest_entered_at = Some(at("2020-05-26 18:05:00"));
    });
    assert_eq!(early.facts().earliest_reopening(), Some(at("2020-05-28 17:30:00")));
    assert_eq!(carried().facts().earliest_reopening(), None);
}

#[test]
fn a_reopening_after_a_hands_closing_is_judged_anew() {
    let case = reopened().window(60, "2020-05-30 08:00:00", false, crate::guard::tests::hand(OrderAction::Close));
    assert_eq!(case.facts().state(at("2020-05-30 08:00:00")), State::Reopenable);
    let late = case.with(|case| {
        case.journal.responses.missing = [(division("3 A"), 1)].into();
        case.journal.lots.clear();
    });
    assert_eq!(late.facts().state(at("2020-05-30 08:00:00")), State::Closed);
}

#[test]
fn every_name_is_its_own() {
    let states = ["Planned", "Open", "Closed", "CouncilsReady", "WaitingTransfer", "Reopenable", "Reopened", "Ended"];
    assert_eq!(State::ALL.map(State::as_str), states);
    insta::assert_snapshot!(
        "labels",
        State::ALL
            .map(State::label)
            .into_iter()
            .chain(State::ALL.map(State::rule))
            .chain(What::ALL.map(What::label))
            .collect::<Vec<_>>()
            .join("\n")
    );
    let instants =
        ["opening", "closing", "deadline", "first_council", "last_council", "earliest_reopening", "reopening", "end"];
    assert_eq!(What::ALL.map(What::as_str), instants);
}
