//! Alerts: when each is raised, and what it tells to do.

use crate::guard::{
    Alert, AlertCode, OrderAction, Watch,
    tests::{Case, at, carried, closed, division, opened, planned, reopened, without_calendar},
};
use rstest::rstest;

fn quiet() -> Watch {
    Watch {
        last_night_failed: false,
        next_slot_at: at("2020-05-29 03:15:00"),
        feed_stopped: false,
        refused_files: Vec::new(),
        rejected_lots: Vec::new(),
        set_up_refused: false,
        enforced: true,
    }
}

fn codes(case: &Case, now: &str, watch: &Watch) -> Vec<AlertCode> {
    case.facts().alerts(at(now), watch).into_iter().map(|alert| alert.code).collect()
}

#[rstest]
#[case::the_last_night_failed(closed(), "2020-05-28 08:00:00", "2020-05-29 03:15:00", true)]
#[case::it_was_ok(closed(), "2020-05-28 08:00:00", "2020-05-29 03:15:00", false)]
#[case::one_more_comes(closed(), "2020-05-27 08:00:00", "2020-05-28 03:15:00", true)]
#[case::one_more_comes_just_before(closed(), "2020-05-28 08:00:00", "2020-05-28 16:14:59", true)]
#[case::the_next_comes_with_the_council(closed(), "2020-05-28 08:00:00", "2020-05-28 16:15:00", true)]
#[case::the_council_has_begun(closed(), "2020-05-28 16:15:00", "2020-05-29 03:15:00", true)]
#[case::a_second_before(closed(), "2020-05-28 16:14:59", "2020-05-29 03:15:00", true)]
#[case::carried_all_the_same(carried(), "2020-05-28 08:00:00", "2020-05-29 03:15:00", true)]
#[case::without_calendar(without_calendar(), "2020-05-28 08:00:00", "2020-05-29 03:15:00", true)]
fn a_failed_last_night(#[case] case: Case, #[case] now: &str, #[case] next_slot: &str, #[case] failed: bool) {
    let watch = Watch { last_night_failed: failed, next_slot_at: at(next_slot), ..quiet() };
    let first = at("2020-05-28 16:15:00");
    let was_the_last = at(now) < first && first <= at(next_slot);
    let uncarried = case.journal.lots.is_empty() && case.calendar.is_some();
    let expected: &[AlertCode] = if failed && was_the_last && uncarried { &[AlertCode::NightFailed] } else { &[] };
    assert_eq!(codes(&case, now, &watch), expected);
}

#[rstest]
#[case::a_day_before(awaited(), "2020-05-27 16:15:00", false)]
#[case::less_than_a_day(awaited(), "2020-05-27 16:15:01", true)]
#[case::until_the_council(awaited(), "2020-05-28 16:14:59", true)]
#[case::not_after(awaited(), "2020-05-28 16:15:00", false)]
#[case::acknowledged(carried(), "2020-05-28 08:00:00", false)]
#[case::nothing_was_cut(closed(), "2020-05-28 08:00:00", false)]
#[case::cut_before_the_closing(awaited().with(|case| case.journal.lots[0].cut_seq = 29), "2020-05-28 08:00:00", false)]
#[case::one_lot_came_through(
    awaited().with(|case| {
        let second = case.journal.lots[0];
        case.journal.lots.push(crate::guard::LotFact { number: 2, acknowledged_at: Some(at("2020-05-27 03:15:00")), ..second });
    }),
    "2020-05-28 08:00:00",
    false
)]
#[case::open_again(
    awaited().window(40, "2020-05-28 07:00:00", true, crate::guard::tests::guard(OrderAction::Open)),
    "2020-05-28 08:00:00",
    false
)]
fn a_receipt_that_may_come_too_late(#[case] case: Case, #[case] now: &str, #[case] raised: bool) {
    let expected: &[AlertCode] = if raised { &[AlertCode::ReceiptLate] } else { &[] };
    assert_eq!(codes(&case, now, &quiet()), expected);
}

#[rstest]
#[case::a_second_more_than_a_day(opened(), "2020-05-24 17:59:59", false)]
#[case::a_day_before(opened(), "2020-05-24 18:00:00", true)]
#[case::past(opened(), "2020-05-26 18:00:00", true)]
#[case::closed(closed(), "2020-05-26 18:00:00", false)]
#[case::reopened(reopened(), "2020-05-30 18:00:00", false)]
#[case::without_calendar(opened().with(|case| case.calendar = None), "2020-05-26 18:00:00", false)]
fn a_silent_teleservice_near_the_closing(#[case] case: Case, #[case] now: &str, #[case] raised: bool) {
    let silent = case.clone().with(|case| case.far.reachable = false);
    let expected: &[AlertCode] = if raised { &[AlertCode::Unreachable] } else { &[] };
    assert_eq!(codes(&silent, now, &quiet()), expected);
    assert_eq!(codes(&case, now, &quiet()), []);
}

#[rstest]
#[case::late_arrival(planned(), "2020-05-20 08:00:00", true)]
#[case::before_the_end(ended(), "2020-06-04 23:59:59", true)]
#[case::ended(ended(), "2020-06-05 00:00:00", false)]
fn a_division_without_council(#[case] case: Case, #[case] now: &str, #[case] raised: bool) {
    let case = case.with(|case| case.journal.divisions.extend([division("3 C")]));
    let expected: &[AlertCode] = if raised { &[AlertCode::DivisionWithoutCouncil] } else { &[] };
    assert_eq!(codes(&case, now, &quiet()), expected);
}

fn ended() -> Case {
    planned().with(|case| case.calendar().ends = Some(at("2020-06-05 00:00:00")))
}

/// A lot cut at the closing waits for its receipt.
fn awaited() -> Case {
    carried().with(|case| case.journal.lots[0].acknowledged_at = None)
}

#[rstest]
#[case(Watch { feed_stopped: true, ..quiet() }, AlertCode::FeedStopped)]
#[case(Watch { refused_files: vec![4, 6], ..quiet() }, AlertCode::FileRefused)]
#[case(Watch { rejected_lots: vec![3], ..quiet() }, AlertCode::LotRejected)]
#[case(Watch { set_up_refused: true, ..quiet() }, AlertCode::SetUp)]
fn what_the_watch_alone_shows(#[case] watch: Watch, #[case] code: AlertCode) {
    assert_eq!(codes(&planned(), "2020-05-20 08:00:00", &watch), [code]);
}

#[rstest]
#[case::before_the_closing("2020-05-25 17:59:59", false, &[])]
#[case::at_the_closing("2020-05-25 18:00:00", false, &[AlertCode::NotOrdered])]
#[case::ordered_by_itself("2020-05-25 18:00:00", true, &[])]
fn what_is_due_and_forbidden(#[case] now: &str, #[case] enforced: bool, #[case] expected: &[AlertCode]) {
    assert_eq!(codes(&opened(), now, &Watch { enforced, ..quiet() }), expected);
}

/// Everything at once: each alert says what to do, in the order of the codes.
#[test]
fn each_says_what_to_do() {
    let watch = Watch {
        last_night_failed: true,
        feed_stopped: true,
        refused_files: vec![4, 6],
        rejected_lots: vec![3],
        set_up_refused: true,
        ..quiet()
    };
    let wrong = |case: &mut Case| {
        case.journal.divisions.extend([division("3 C"), division("3 D")]);
        case.far = crate::guard::FarSide { reachable: false, clock_skew_ms: Some(-181_500) };
    };
    let only_open = |it: &Alert| matches!(it.code, AlertCode::Unreachable | AlertCode::NotOrdered);
    let now = at("2020-05-28 08:00:00");
    let mut alerts = awaited().with(wrong).facts().alerts(now, &watch);
    alerts.extend(
        opened().with(wrong).facts().alerts(now, &Watch { enforced: false, ..quiet() }).into_iter().filter(only_open),
    );
    alerts.sort_by_key(|alert| alert.code);
    let codes: Vec<_> = alerts.iter().map(|alert| alert.code).collect();
    assert_eq!(codes, AlertCode::ALL);
    let lines = alerts.iter().map(|alert| format!("{}: {}", alert.code.as_str(), alert.todo));
    insta::assert_snapshot!("alerts", lines.collect::<Vec<_>>().join("\n"));
}
