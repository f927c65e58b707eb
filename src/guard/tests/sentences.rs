//! The French sentence of every refusal.

use crate::domain::time::{CivilFault, Zone, instant_of};
use crate::guard::{
    Refusal, RefusalCode,
    tests::{at, division},
    verdict::{Council, Order, Plea, Shut, Why},
};

fn civil_fault(text: &str) -> CivilFault {
    let civil = text.parse().unwrap();
    instant_of(Zone::Europe__Paris, civil).unwrap_err()
}

fn samples() -> Vec<Why> {
    let council = || Council { division: division("3 A"), at: at("2020-05-28 16:15:00") };
    let missing = || vec![(division("3 A"), 2), (division("3 B"), 1)];
    vec![
        Why::NoCalendar,
        Why::Unreachable,
        Why::Clock { skew_ms: 181_500 },
        Why::Clock { skew_ms: -181_500 },
        Why::CivilTime(civil_fault("2027-03-28T02:30:00")),
        Why::CivilTime(civil_fault("2027-10-31T02:30:00")),
        Why::CalendarOrder(Order::OpensBeforeCloses),
        Why::CalendarOrder(Order::ReopensBeforeEnds),
        Why::CalendarOrder(Order::ClosesBeforeEnds),
        Why::ClosesTooLate { council: council(), latest: at("2020-05-27 16:15:00") },
        Why::ReopensTooEarly { council: council(), earliest: at("2020-05-29 16:15:00") },
        Why::DivisionWithoutCouncil(Vec::new()),
        Why::DivisionWithoutCouncil(vec![division("3 C")]),
        Why::DivisionWithoutCouncil(vec![division("3 C"), division("3 D")]),
        Why::CouncilTooSoon(council()),
        Why::NotYet { opens: at("2020-05-04 08:00:00") },
        Why::WindowClosed(Shut::Closed(at("2020-05-25 18:00:00"))),
        Why::WindowClosed(Shut::Responses),
        Why::WindowClosed(Shut::Ended(at("2020-06-05 00:00:00"))),
        Why::ResponsesWhileOpen,
        Why::CouncilNotHeld(council()),
        Why::ResponsesMissing { missing: Vec::new(), next_fetch_at: None },
        Why::ResponsesMissing { missing: vec![(division("3 A"), 1)], next_fetch_at: None },
        Why::ResponsesMissing { missing: missing(), next_fetch_at: Some(at("2020-05-29 03:15:00")) },
        Why::TransferMissing { waiting: 0, held_files: 0 },
        Why::TransferMissing { waiting: 12, held_files: 0 },
        Why::TransferMissing { waiting: 12, held_files: 2 },
        Why::Wait24h { entered_at: at("2020-05-28 18:05:00"), earliest: at("2020-05-29 18:05:00") },
        Why::LotInDoubt(vec![4]),
    ]
}

/// Walks the enum, so that no code is forgotten.
#[test]
fn every_code_has_its_sentence() {
    let refusals: Vec<_> = samples().into_iter().map(Refusal::new).collect();
    let mut codes: Vec<_> = refusals.iter().map(|refusal| refusal.code).collect();
    codes.dedup();
    assert_eq!(codes, RefusalCode::ALL);
    let sentence = |refusal: &Refusal| format!("{}: {}", refusal.code.as_str(), refusal.sentence(Zone::Europe__Paris));
    insta::assert_snapshot!("sentences", refusals.iter().map(sentence).collect::<Vec<_>>().join("\n"));
}

#[test]
fn each_is_one_sentence() {
    for why in samples() {
        let sentence = Refusal::new(why).sentence(Zone::Europe__Paris);
        assert!(sentence.ends_with('.') && !sentence.contains(". "), "{sentence}");
    }
}

#[test]
fn instants_are_local_ones() {
    let why = Why::Wait24h { entered_at: at("2020-05-28 18:05:00"), earliest: at("2020-05-29 18:05:00") };
    let sentence = Refusal::new(why).sentence(Zone::Pacific__Marquesas);
    assert!(sentence.contains("vendredi 29 mai 2020 à 06:35"), "{sentence}");
}

#[test]
fn a_derogation_that_lifts_nothing_is_answered() {
    let why = || Why::Wait24h { entered_at: at("2020-05-28 18:05:00"), earliest: at("2020-05-29 18:05:00") };
    let pleas = [Plea::None, Plea::Forbidden, Plea::Powerless];
    let sentence = |plea| Refusal { plea, ..Refusal::new(why()) }.sentence(Zone::Europe__Paris);
    insta::assert_snapshot!("pleas", pleas.map(sentence).join("\n"));
}

#[test]
fn a_civil_fault_is_a_refusal() {
    let fault = civil_fault("2027-03-28T02:30:00");
    let refusal = Refusal::from(fault);
    assert_eq!((refusal.code, refusal.earliest), (RefusalCode::CivilTime, None));
    assert_eq!(refusal.why, Why::CivilTime(fault));
}
