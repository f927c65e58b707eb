//! The fold: window events, lots, responses.

use crate::domain::time::Timestamp;
use crate::guard::{
    By, FarSide, Judgement, LotFact, OrderAction,
    tests::{Case, PERSON, at, carried, closed, division, guard, hand, opened, planned, reopened, responded},
    window::How,
};
use rstest::rstest;

#[rstest]
#[case::opened(guard(OrderAction::Open), None, How::Opening, true)]
#[case::opened_by_hand(hand(OrderAction::Open), None, How::Opening, true)]
#[case::reopened(guard(OrderAction::Reopen), None, How::Reopening, true)]
#[case::person_as_opening(PERSON, Some(Judgement::Opening), How::Opening, true)]
#[case::person_as_reopening(PERSON, Some(Judgement::Reopening), How::Reopening, true)]
#[case::person_refused(PERSON, Some(Judgement::Refused), How::Refused, false)]
#[case::person_not_judged(PERSON, None, How::Unjudged, false)]
#[case::our_closing_shown_as_open(guard(OrderAction::Close), None, How::Refused, false)]
#[case::our_end_shown_as_open(guard(OrderAction::End), None, How::Refused, false)]
fn an_opening(#[case] by: By, #[case] judged: Option<Judgement>, #[case] how: How, #[case] permitted: bool) {
    let mut case = planned().window(7, "2020-05-05 09:00:00", true, by);
    case.journal.windows[0].judged = judged;
    let facts = case.facts();
    assert_eq!(facts.how(), Some(how));
    assert_eq!(how.permitted(), permitted);
    assert!(facts.open() && facts.ever_opened());
    assert_eq!(facts.reopened(), how == How::Reopening);
    assert_eq!(facts.opened_at(), Some(at("2020-05-05 09:00:00")));
    assert_eq!(facts.permitted_opening_at(), permitted.then(|| at("2020-05-05 09:00:00")));
    assert_eq!((facts.closed_at(), facts.closed_seq()), (None, None));
}

#[test]
fn nothing_happened_yet() {
    let facts = planned().facts();
    assert!(!facts.open() && !facts.ever_opened() && !facts.reopened() && !facts.hand_closed());
    assert_eq!((facts.opened_at(), facts.how(), facts.permitted_opening_at()), (None, None, None));
}

#[test]
fn the_latest_closing_counts() {
    let facts = closed()
        .window(40, "2020-05-26 08:00:00", true, PERSON)
        .judged(Judgement::Refused)
        .window(41, "2020-05-26 08:01:00", false, guard(OrderAction::Close))
        .facts();
    assert_eq!((facts.closed_at(), facts.closed_seq()), (Some(at("2020-05-26 08:01:00")), Some(41)));
    assert!(!facts.open() && facts.ever_opened());
    assert_eq!(facts.permitted_opening_at(), Some(at("2020-05-04 08:00:02")));
}

#[test]
fn saying_what_already_is_changes_nothing() {
    let again = closed().window(31, "2020-05-25 19:00:00", false, PERSON);
    assert_eq!(again.facts(), closed().facts());
    let never = planned().window(3, "2020-05-01 19:00:00", false, PERSON);
    assert_eq!(never.facts(), planned().facts());
    let open = opened().window(11, "2020-05-05 19:00:00", true, PERSON).judged(Judgement::Opening);
    assert_eq!(open.facts(), opened().facts());
}

#[test]
fn a_permitted_opening_takes_the_place_of_one_that_was_not() {
    let facts = planned()
        .window(3, "2020-05-03 08:00:00", true, PERSON)
        .judged(Judgement::Refused)
        .window(4, "2020-05-04 08:00:00", true, guard(OrderAction::Open))
        .facts();
    assert_eq!((facts.how(), facts.opened_at()), (Some(How::Opening), Some(at("2020-05-04 08:00:00"))));
}

#[rstest]
#[case::by_the_guard(opened().window(20, "2020-05-10 08:00:00", false, guard(OrderAction::Close)), false)]
#[case::by_hand(opened().window(20, "2020-05-10 08:00:00", false, hand(OrderAction::Close)), true)]
#[case::by_a_person(opened().window(20, "2020-05-10 08:00:00", false, PERSON), true)]
#[case::opened_by_hand(by_hand_closed().window(21, "2020-05-11 08:00:00", true, hand(OrderAction::Open)), false)]
#[case::opened_by_a_person(
    by_hand_closed().window(21, "2020-05-11 08:00:00", true, PERSON).judged(Judgement::Opening), false
)]
#[case::opened_behind_the_back(
    by_hand_closed().window(21, "2020-05-11 08:00:00", true, PERSON).judged(Judgement::Refused), true
)]
#[case::drift_undone_by_the_guard(
    by_hand_closed()
        .window(21, "2020-05-11 08:00:00", true, PERSON)
        .judged(Judgement::Refused)
        .window(22, "2020-05-11 08:01:00", false, guard(OrderAction::Close)),
    true
)]
#[case::opened_by_the_guard(by_hand_closed().window(21, "2020-05-11 08:00:00", true, guard(OrderAction::Open)), true)]
fn a_hand_that_closed(#[case] case: Case, #[case] hand_closed: bool) {
    assert_eq!(case.facts().hand_closed(), hand_closed);
}

fn by_hand_closed() -> Case {
    opened().window(20, "2020-05-10 08:00:00", false, hand(OrderAction::Close))
}

/// R09: the first acknowledged lot of this epoch, cut at or after the closing (`seq` 30, epoch 1).
#[rstest]
#[case::cut_at_the_closing(&[(1, 30, 1, Some("03:16"))], Some("03:16"))]
#[case::cut_after(&[(1, 31, 1, Some("03:16"))], Some("03:16"))]
#[case::cut_one_before(&[(1, 29, 1, Some("03:16"))], None)]
#[case::of_another_epoch(&[(1, 30, 0, Some("03:16"))], None)]
#[case::not_acknowledged(&[(1, 30, 1, None)], None)]
#[case::none(&[], None)]
#[case::the_lowest_number(&[(3, 31, 1, Some("05:00")), (2, 30, 1, Some("04:00"))], Some("04:00"))]
#[case::the_lowest_number_even_if_later(&[(2, 30, 1, Some("05:00")), (3, 31, 1, Some("04:00"))], Some("05:00"))]
#[case::the_first_acknowledged(&[(2, 30, 1, None), (3, 31, 1, Some("05:00"))], Some("05:00"))]
fn demands_in(#[case] lots: &[(u32, u64, u32, Option<&str>)], #[case] expected: Option<&str>) {
    let on_the_26th = |time: &&str| at(&format!("2020-05-26 {time}:00"));
    let mut case = closed();
    case.journal.lots = lots
        .iter()
        .map(|(number, cut_seq, epoch, acknowledged)| LotFact {
            number: *number,
            cut_seq: *cut_seq,
            epoch: *epoch,
            acknowledged_at: acknowledged.as_ref().map(on_the_26th),
            in_doubt: false,
        })
        .collect();
    assert_eq!(case.facts().demands_in_at(), expected.as_ref().map(on_the_26th));
    let waits = |(_, cut_seq, epoch, acknowledged): &(u32, u64, u32, Option<&str>)| {
        *cut_seq >= 30 && *epoch == 1 && acknowledged.is_none()
    };
    assert_eq!(case.facts().receipt_awaited(), lots.iter().any(waits));
}

#[test]
fn no_lot_counts_before_the_first_closing() {
    let mut case = carried();
    case.journal.windows.truncate(1);
    assert_eq!(case.facts().demands_in_at(), None);
    assert!(!case.facts().receipt_awaited());
}

#[rstest]
#[case::nothing(None, None, false, 0, None)]
#[case::declared_alone(Some("18:10"), None, false, 0, Some("18:10"))]
#[case::declared_after_the_latest(Some("18:10"), Some("18:05"), true, 0, Some("18:10"))]
#[case::declared_before_the_latest(Some("18:00"), Some("18:05"), true, 0, Some("18:05"))]
#[case::declared_though_some_are_missing(Some("18:10"), Some("18:05"), true, 3, Some("18:10"))]
#[case::every_pupil_has_one(None, Some("18:05"), true, 0, Some("18:05"))]
#[case::one_is_missing(None, Some("18:05"), true, 1, None)]
#[case::no_demand_was_acknowledged(None, Some("18:05"), false, 0, None)]
fn responses_entered(
    #[case] declared: Option<&str>,
    #[case] latest: Option<&str>,
    #[case] some_expected: bool,
    #[case] missing: u32,
    #[case] expected: Option<&str>,
) {
    let on_the_28th = |time: &str| at(&format!("2020-05-28 {time}:00"));
    let case = carried().with(|case| {
        let responses = &mut case.journal.responses;
        responses.entry_complete_at = declared.map(on_the_28th);
        responses.latest_entered_at = latest.map(on_the_28th);
        responses.some_expected = some_expected;
        responses.missing = if missing == 0 { [].into() } else { [(division("3 A"), missing)].into() };
    });
    assert_eq!(case.facts().responses_entered_at(), expected.map(on_the_28th));
}

#[rstest]
#[case::all_confirmed(true, false, 0, 0, true)]
#[case::declared_without_any(false, true, 0, 0, true)]
#[case::neither(false, false, 0, 0, false)]
#[case::one_waits(true, true, 1, 0, false)]
#[case::a_file_is_held(true, true, 0, 1, false)]
fn responses_in(
    #[case] received: bool,
    #[case] declared: bool,
    #[case] pending_transfer: u32,
    #[case] held_files: u32,
    #[case] there: bool,
) {
    let case = responded().with(|case| {
        let responses = &mut case.journal.responses;
        responses.received = received;
        responses.entry_complete_at = declared.then(|| at("2020-05-28 18:10:00"));
        responses.pending_transfer = pending_transfer;
        responses.held_files = held_files;
    });
    assert_eq!(case.facts().responses_in_at(), there.then(|| at("2020-05-29 03:16:00")));
}

#[test]
fn responses_never_confirmed_are_not_in() {
    let case = responded().with(|case| case.journal.responses.confirmed_at = None);
    assert_eq!(case.facts().responses_in_at(), None);
}

#[test]
fn what_the_calendar_says() {
    let facts = planned().facts();
    assert_eq!(facts.first_council(), Some(at("2020-05-28 16:15:00")));
    assert_eq!(facts.last_council(), Some(at("2020-05-28 17:30:00")));
    assert_eq!(facts.deadline(), Some(at("2020-05-27 16:15:00")));
    assert!(facts.divisions_without_council().is_empty());
    let late = planned().with(|case| case.journal.divisions.extend([division("3 C")])).facts();
    assert_eq!(late.divisions_without_council(), [division("3 C")]);
    let bare = planned().with(|case| case.calendar = None).facts();
    assert_eq!((bare.first_council(), bare.last_council(), bare.deadline()), (None, None, None));
    assert!(bare.divisions_without_council().is_empty());
}

#[test]
fn facts_say_what_they_were_told() {
    let case = reopened().pending(9, OrderAction::Close).with(|case| {
        case.journal.lots[0].in_doubt = true;
        case.far = FarSide { reachable: false, clock_skew_ms: Some(3) };
    });
    let facts = case.facts();
    assert_eq!(facts.key(), crate::guard::tests::key());
    assert_eq!(facts.zone(), case.zone);
    assert_eq!(facts.calendar(), case.calendar.as_ref());
    assert_eq!(facts.responses(), &case.journal.responses);
    assert_eq!(facts.far(), case.far);
    assert_eq!(facts.pending(), case.journal.pending);
    assert_eq!(facts.lots_in_doubt(), [1]);
    assert_eq!(carried().facts().lots_in_doubt(), [0; 0]);
    assert_eq!(facts.next_fetch_at(), None);
    let fetch = Timestamp::from_epoch_ms(5);
    assert_eq!(facts.fetching_at(fetch).next_fetch_at(), Some(fetch));
}

#[rstest]
#[case(OrderAction::Open, true)]
#[case(OrderAction::Reopen, true)]
#[case(OrderAction::Close, false)]
#[case(OrderAction::End, false)]
fn orders_on_their_way(#[case] action: OrderAction, #[case] opens: bool) {
    let facts = closed().pending(9, action).facts();
    assert_eq!((facts.opening_ordered(), facts.closing_ordered()), (opens, !opens));
    assert_eq!(action.opens(), opens);
    let none = closed().facts();
    assert!(!none.opening_ordered() && !none.closing_ordered());
}

#[rstest]
#[case(None, None)]
#[case(Some(0), None)]
#[case(Some(120_000), None)]
#[case(Some(-120_000), None)]
#[case(Some(120_001), Some(120_001))]
#[case(Some(-120_001), Some(-120_001))]
fn two_minutes_of_skew_are_enough(#[case] clock_skew_ms: Option<i64>, #[case] excessive: Option<i64>) {
    assert_eq!(FarSide { reachable: true, clock_skew_ms }.excessive_skew_ms(), excessive);
}

#[test]
fn names_are_read_back() {
    for action in OrderAction::ALL {
        assert_eq!(OrderAction::of_str(action.as_str()), Some(action));
    }
    for judgement in Judgement::ALL {
        assert_eq!(Judgement::of_str(judgement.as_str()), Some(judgement));
    }
    assert_eq!(OrderAction::ALL.map(OrderAction::as_str), ["open", "close", "reopen", "end"]);
    assert_eq!(Judgement::ALL.map(Judgement::as_str), ["opening", "reopening", "refused"]);
    assert_eq!((OrderAction::of_str("ouvrir"), Judgement::of_str("derive")), (None, None));
}
