//! The rules of entry, each broken once, the téléservice's orders, and what the other tests of the stand-ins begin with.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    event::{EventKind, RawChoice},
    order::{Motive, ResponseOrder, WindowOrder},
    pupil::{Division, Private, Pupil, PupilId, RepresentativeId},
    response::{Opinion, OpinionValue, Proposal, Response, Verdicts},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone},
    track::Track,
};
use crate::sandbox::{
    feed::Line,
    orders::ResponseAnswer,
    rules::EntryCode,
    teleservice::{MailKind, Teleservice},
    world,
};
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const JULES: PupilId = PupilId(100);
pub const REPEATER: PupilId = PupilId(101);
pub const ZOE: PupilId = PupilId(102);
pub const STRANGER: PupilId = PupilId(999);
/// Representatives of Jules, then of Zoé.
pub const MARTINE: RepresentativeId = RepresentativeId(1);
pub const PAUL: RepresentativeId = RepresentativeId(2);
pub const INES: RepresentativeId = RepresentativeId(5);

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_in(text, Zone::Europe__Paris).unwrap()
}

pub fn noon() -> Timestamp {
    at("2020-05-12T12:00:00")
}

pub fn school() -> SchoolKey {
    SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
}

pub fn key(phase: Phase) -> CampaignKey {
    CampaignKey { school: school(), level: Level::Troisieme, phase }
}

pub fn definitive() -> CampaignKey {
    key(Phase::Definitive)
}

pub fn pupils() -> Vec<Pupil> {
    let division = Division::parse("3 A").unwrap();
    let pupil = |id: PupilId, first: i64| {
        let representatives = [RepresentativeId(first), RepresentativeId(first + 1)];
        world::pupil(id, Level::Troisieme, division.clone(), None, &representatives)
    };
    let repeater = Pupil { in_procedure: false, ..pupil(REPEATER, 3) };
    vec![pupil(JULES, 1), repeater, pupil(ZOE, 5)]
}

/// A téléservice with three pupils, closed.
pub fn closed() -> Teleservice {
    let mut teleservice = Teleservice::new();
    teleservice.add_school(school(), Zone::Europe__Paris);
    for pupil in pupils() {
        teleservice.arrive(school(), pupil, at("2020-05-01T08:00:00"));
    }
    teleservice
}

/// The same with the windows of both phases open.
pub fn open() -> Teleservice {
    let mut teleservice = closed();
    for phase in Phase::ALL {
        teleservice.switch(key(phase), true, at("2020-05-04T08:00:00"));
    }
    teleservice
}

pub fn choice(rank: i64, track: &str) -> RawChoice {
    let vocational = matches!(track, "2PRO" | "1CAP");
    let text = |text: &str| vocational.then(|| text.to_owned());
    RawChoice { rank, track: track.to_owned(), formation: text("Mécanique"), code: None, status: text("AP") }
}

pub fn general() -> Vec<RawChoice> {
    vec![choice(1, "2GT")]
}

pub fn window(number: u32, open: bool) -> WindowOrder {
    let motive = if open { Motive::Reopening } else { Motive::Closing };
    WindowOrder { key: definitive(), number, open, motive }
}

pub fn response(pupil: PupilId, phase: Phase, entered_at: Timestamp) -> Response {
    let verdicts = match phase {
        Phase::Provisional => {
            let opinion = Opinion {
                track: Track::SecondeGt,
                value: OpinionValue::Reserved,
                reason: Some(Private::new("à travailler".to_owned())),
            };
            Verdicts::Opinions(vec![opinion])
        }
        Phase::Definitive => {
            let proposal = |track, accepted| Proposal { track, requested: true, accepted };
            Verdicts::Proposals(vec![proposal(Track::SecondeGt, true), proposal(Track::Cap, false)])
        }
    };
    let council = entered_at.date_in(Zone::Europe__Paris);
    Response { pupil, demand_version: None, entered_at, council, verdicts }
}

pub fn responses(number: u32, phase: Phase, pupils: &[PupilId]) -> ResponseOrder {
    let responses = pupils.iter().map(|pupil| response(*pupil, phase, noon())).collect();
    ResponseOrder { key: key(phase), number, responses }
}

/// Applies a response to Jules in a phase, closing the window for it.
fn answer(teleservice: &mut Teleservice, phase: Phase, number: u32) {
    teleservice.switch(key(phase), false, noon());
    let order = responses(number, phase, &[JULES]);
    assert_eq!(teleservice.order_responses(&order, [0; 32], noon()).unwrap().applied, 1);
    teleservice.switch(key(phase), true, noon());
}

fn validate(teleservice: &mut Teleservice, pupil: PupilId, by: RepresentativeId) -> Result<u32, EntryCode> {
    teleservice.validate(school(), Phase::Definitive, pupil, by, &general(), noon())
}

fn changed(choice: RawChoice, change: impl FnOnce(&mut RawChoice)) -> Vec<RawChoice> {
    let mut choice = choice;
    change(&mut choice);
    vec![choice]
}

#[test]
fn every_entry_code_says_itself() {
    for code in EntryCode::ALL {
        assert_eq!(code.to_string(), code.as_str());
    }
}

#[rstest]
#[case::none(vec![], EntryCode::Choices)]
#[case::four(vec![choice(1, "2GT"), choice(2, "2PRO"), choice(3, "1CAP"), choice(4, "2GT")], EntryCode::Choices)]
#[case::rank_hole(vec![choice(1, "2GT"), choice(3, "2PRO")], EntryCode::Choices)]
#[case::rank_zero(vec![choice(0, "2GT")], EntryCode::Choices)]
#[case::alike(vec![choice(1, "2PRO"), choice(2, "2PRO")], EntryCode::Choices)]
#[case::alike_but_for_spaces(
    vec![choice(1, "2PRO"), RawChoice { formation: Some(" Mécanique\u{a0} ".to_owned()), ..choice(2, "2PRO") }],
    EntryCode::Choices
)]
#[case::unknown_track(vec![choice(1, "BTS")], EntryCode::Track)]
#[case::other_level(vec![choice(1, "STMG")], EntryCode::Track)]
#[case::no_label(changed(choice(1, "2PRO"), |one| one.formation = None), EntryCode::Track)]
#[case::blank_label(changed(choice(1, "2PRO"), |one| one.formation = Some(" ".to_owned())), EntryCode::Track)]
#[case::no_status(changed(choice(1, "1CAP"), |one| one.status = None), EntryCode::Track)]
#[case::unknown_status(changed(choice(1, "1CAP"), |one| one.status = Some("XX".to_owned())), EntryCode::Track)]
#[case::malformed_code(changed(choice(1, "2PRO"), |one| one.code = Some("247".to_owned())), EntryCode::Track)]
#[case::label_too_much(changed(choice(1, "2GT"), |one| one.formation = Some("x".to_owned())), EntryCode::Track)]
#[case::status_too_much(changed(choice(1, "2GT"), |one| one.status = Some("ST".to_owned())), EntryCode::Track)]
#[case::choices_before_track(vec![choice(2, "BTS")], EntryCode::Choices)]
fn choices_that_no_demand_has(#[case] choices: Vec<RawChoice>, #[case] expected: EntryCode) {
    let mut teleservice = open();
    let last = teleservice.school(school()).unwrap().feed.last();
    // By a stranger too: CHOICES and TRACK come before NOT_OWNER.
    for by in [MARTINE, INES] {
        let refused = teleservice.validate(school(), Phase::Definitive, JULES, by, &choices, noon());
        assert_eq!(refused, Err(expected));
    }
    assert_eq!(teleservice.school(school()).unwrap().feed.last(), last);
}

#[rstest]
#[case(vec![choice(1, "2PRO"), choice(2, "1CAP"), choice(3, "2GT")])]
#[case(vec![choice(1, "2PRO"), RawChoice { status: Some("ST".to_owned()), ..choice(2, "2PRO") }])]
#[case(changed(choice(1, "2PRO"), |one| one.code = Some("2472541231".to_owned())))]
fn choices_that_a_demand_can_have(#[case] choices: Vec<RawChoice>) {
    assert_eq!(open().validate(school(), Phase::Definitive, JULES, MARTINE, &choices, noon()), Ok(1));
}

#[rstest]
#[case::closed_comes_first(false, REPEATER, INES, EntryCode::Closed)]
#[case::closed(false, JULES, MARTINE, EntryCode::Closed)]
#[case::out_of_procedure(true, REPEATER, RepresentativeId(3), EntryCode::OutOfProcedure)]
#[case::unknown(true, STRANGER, MARTINE, EntryCode::OutOfProcedure)]
#[case::of_somebody_else(true, JULES, INES, EntryCode::NotOwner)]
fn who_may_not_validate(
    #[case] is_open: bool,
    #[case] pupil: PupilId,
    #[case] by: RepresentativeId,
    #[case] expected: EntryCode,
) {
    let mut teleservice = if is_open { open() } else { closed() };
    assert_eq!(validate(&mut teleservice, pupil, by), Err(expected));
    assert_eq!(teleservice.draft(school(), Phase::Definitive, pupil, by, &general()), Err(expected));
}

#[test]
fn who_left_is_out_of_procedure_until_back() {
    let mut teleservice = open();
    teleservice.leave(school(), JULES, noon());
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Err(EntryCode::OutOfProcedure));
    teleservice.arrive(school(), pupils().swap_remove(0), noon());
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Ok(1));
}

#[test]
fn r01_a_draft_leaves_no_trace() {
    let mut teleservice = open();
    validate(&mut teleservice, JULES, MARTINE).unwrap();
    let last = teleservice.school(school()).unwrap().feed.last();
    assert_eq!(teleservice.draft(school(), Phase::Definitive, JULES, MARTINE, &[choice(1, "1CAP")]), Ok(()));
    let desk = teleservice.school(school()).unwrap();
    assert_eq!((desk.feed.last(), desk.pupils[&JULES].last_version(Phase::Definitive).unwrap().number), (last, 1));
}

#[test]
fn r04_a_phase_belongs_to_who_validated_it_first_and_another_can_be_the_others() {
    let mut teleservice = open();
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Ok(1));
    assert_eq!(validate(&mut teleservice, JULES, PAUL), Err(EntryCode::NotOwner));
    let provisional = teleservice.validate(school(), Phase::Provisional, JULES, PAUL, &general(), noon());
    assert_eq!(provisional, Ok(1));
}

#[test]
fn r05_a_definitive_demand_waits_for_the_acknowledgement_by_either() {
    let mut teleservice = open();
    answer(&mut teleservice, Phase::Provisional, 1);
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Err(EntryCode::AckMissing));
    assert_eq!(validate(&mut teleservice, ZOE, INES), Ok(1), "no opinion, nothing to acknowledge");
    assert_eq!(teleservice.acknowledge(school(), JULES, PAUL, noon()), Ok(()));
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Ok(1));
}

#[test]
fn r12_a_locked_demand_never_changes_and_r16_each_validation_is_a_version() {
    let mut teleservice = open();
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Ok(1));
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Ok(2));
    answer(&mut teleservice, Phase::Definitive, 1);
    assert_eq!(validate(&mut teleservice, JULES, MARTINE), Err(EntryCode::Locked));
    assert!(teleservice.is_locked(school(), JULES, Phase::Definitive));
    assert!(!teleservice.is_locked(school(), JULES, Phase::Provisional));
    assert_eq!(validate(&mut teleservice, ZOE, INES), Ok(1), "R18: without response, entry goes on after a reopening");
}

#[test]
fn r13_recaps_go_to_both_when_something_was_validated() {
    let mut teleservice = open();
    teleservice.logout(school(), JULES, MARTINE, noon());
    validate(&mut teleservice, JULES, MARTINE).unwrap();
    validate(&mut teleservice, JULES, MARTINE).unwrap();
    teleservice.logout(school(), JULES, PAUL, noon());
    assert_eq!(teleservice.mails(), []);
    teleservice.logout(school(), JULES, MARTINE, noon());
    teleservice.logout(school(), JULES, MARTINE, noon());
    let mails: Vec<_> = teleservice.mails().iter().map(|mail| (mail.to, mail.kind.as_str(), mail.pupil)).collect();
    let reader = MailKind::Reader.as_str();
    assert_eq!(mails, [(MARTINE, "owner", JULES), (PAUL, reader, JULES)]);
}

#[test]
fn r14_what_a_representative_sees_can_be_seen() {
    let mut teleservice = open();
    validate(&mut teleservice, JULES, MARTINE).unwrap();
    let may_change =
        |teleservice: &Teleservice, by| teleservice.seen_by(school(), JULES, Phase::Definitive, by).unwrap().may_change;
    assert!(may_change(&teleservice, MARTINE) && !may_change(&teleservice, PAUL));
    assert_eq!(teleservice.seen_by(school(), JULES, Phase::Definitive, INES), None);
    answer(&mut teleservice, Phase::Definitive, 1);
    let seen = teleservice.seen_by(school(), JULES, Phase::Definitive, PAUL).unwrap();
    assert_eq!((seen.demand.unwrap().number, seen.may_change), (1, false));
    assert_eq!(seen.verdicts, ["2GT=OUI", "1CAP=NON"]);
}

#[test]
fn acknowledging_needs_an_open_window_an_opinion_and_a_representative() {
    let mut teleservice = open();
    let acknowledge = |teleservice: &mut Teleservice, by| teleservice.acknowledge(school(), JULES, by, noon());
    assert_eq!(acknowledge(&mut teleservice, MARTINE), Err(EntryCode::NoResponse));
    answer(&mut teleservice, Phase::Provisional, 1);
    assert_eq!(acknowledge(&mut teleservice, INES), Err(EntryCode::NotOwner));
    teleservice.switch(definitive(), false, noon());
    assert_eq!(acknowledge(&mut teleservice, MARTINE), Ok(()), "the provisional campaign is reopened");
    teleservice.switch(definitive(), true, noon());
    teleservice.switch(key(Phase::Provisional), false, noon());
    let last = teleservice.school(school()).unwrap().feed.last();
    assert_eq!(acknowledge(&mut teleservice, MARTINE), Ok(()), "once is enough");
    assert_eq!(teleservice.school(school()).unwrap().feed.last(), last);
    assert_eq!(acknowledge(&mut teleservice, PAUL), Ok(()), "the definitive campaign is open");
    teleservice.switch(definitive(), false, noon());
    assert_eq!(acknowledge(&mut teleservice, PAUL), Err(EntryCode::Closed));
}

#[test]
fn replying_needs_an_open_window_proposals_and_whoever_replied_first() {
    let mut teleservice = open();
    let reply = |teleservice: &mut Teleservice, by, accepted: &[Track]| {
        teleservice.reply(school(), JULES, by, accepted, noon())
    };
    assert_eq!(reply(&mut teleservice, MARTINE, &[]), Err(EntryCode::NoResponse));
    answer(&mut teleservice, Phase::Definitive, 1);
    assert_eq!(reply(&mut teleservice, INES, &[]), Err(EntryCode::NotOwner));
    assert_eq!(reply(&mut teleservice, PAUL, &[Track::Cap]), Err(EntryCode::NoResponse), "the council said no");
    assert_eq!(reply(&mut teleservice, PAUL, &[]), Ok(()));
    assert_eq!(reply(&mut teleservice, PAUL, &[Track::SecondeGt]), Ok(()));
    assert_eq!(reply(&mut teleservice, MARTINE, &[Track::SecondeGt]), Err(EntryCode::NotOwner));
    let agreed: Vec<_> = teleservice.record(school(), JULES).unwrap().replies.iter().map(|one| one.agrees).collect();
    assert_eq!(agreed, [false, true]);
    teleservice.switch(definitive(), false, noon());
    assert_eq!(reply(&mut teleservice, PAUL, &[]), Err(EntryCode::Closed));
}

#[test]
fn all_at_once_takes_those_who_have_not_by_their_first_representative() {
    let mut teleservice = open();
    validate(&mut teleservice, JULES, PAUL).unwrap();
    let other = Division::parse("3 B").unwrap();
    assert_eq!(teleservice.validate_all(definitive(), Some(&other), "2GT", noon()), Ok(0));
    assert_eq!(teleservice.validate_all(definitive(), None, "STMG", noon()), Err(EntryCode::Track));
    assert_eq!(teleservice.validate_all(definitive(), None, "2GT", noon()), Ok(1));
    assert_eq!(teleservice.record(school(), ZOE).unwrap().phases[&Phase::Definitive].owner, Some(INES));
    answer(&mut teleservice, Phase::Provisional, 1);
    assert_eq!(teleservice.acknowledge_all(school(), Level::Troisieme, noon()), Ok(1));
    assert_eq!(teleservice.acknowledge_all(school(), Level::Troisieme, noon()), Ok(0));
}

#[test]
fn a_switch_says_that_no_order_made_it_so_and_only_when_it_moves() {
    let mut teleservice = closed();
    let last = |teleservice: &Teleservice| teleservice.school(school()).unwrap().feed.after(3).to_vec();
    teleservice.switch(definitive(), false, noon());
    assert_eq!(last(&teleservice), []);
    teleservice.switch(definitive(), true, noon());
    teleservice.switch(definitive(), true, noon());
    let events = last(&teleservice);
    assert_eq!(events.len(), 1);
    let Line::Meant(event) = &events[0].line else { panic!("no hand wrote it") };
    assert!(matches!(&event.kind, EventKind::Window { open: true, order: None, .. }));
}

#[test]
fn an_order_is_obeyed_once_and_saying_what_is_answers_the_event_that_made_it_so() {
    let mut teleservice = closed();
    let order = |teleservice: &mut Teleservice, order| teleservice.order_window(&order, noon());
    assert_eq!(order(&mut teleservice, window(1, false)).unwrap().seq, 0, "it never was open");
    let opened = order(&mut teleservice, window(2, true)).unwrap();
    assert_eq!((opened.open, opened.seq), (true, 4));
    assert_eq!(order(&mut teleservice, window(3, true)).unwrap(), opened);
    teleservice.switch(definitive(), false, noon());
    assert_eq!(order(&mut teleservice, window(2, true)).unwrap(), opened, "the same order again does not open again");
    assert!(!teleservice.is_open(school(), Level::Troisieme, Phase::Definitive));
    assert_eq!(order(&mut teleservice, window(2, false)).unwrap_err().status, 409);
}

#[test]
fn an_order_that_a_later_one_overtook_is_refused() {
    let mut teleservice = closed();
    teleservice.order_window(&window(7, true), noon()).unwrap();
    assert_eq!(teleservice.order_window(&window(6, false), noon()).unwrap_err().code, "DEPASSE");
    let other_campaign = WindowOrder { key: key(Phase::Provisional), ..window(5, true) };
    assert!(teleservice.order_window(&other_campaign, noon()).is_ok());
}

#[test]
fn responses_are_refused_while_open_then_applied_pupil_by_pupil_and_locked() {
    let mut teleservice = open();
    let order = responses(1, Phase::Definitive, &[JULES, STRANGER, ZOE]);
    assert_eq!(teleservice.order_responses(&order, [1; 32], noon()).unwrap_err().code, "OUVERT");
    assert!(!teleservice.is_locked(school(), JULES, Phase::Definitive));
    teleservice.switch(definitive(), false, noon());
    let answered = teleservice.order_responses(&order, [1; 32], noon()).unwrap();
    assert_eq!(answered, ResponseAnswer { applied: 2, refused: vec![(STRANGER, "INCONNU")] });
    let desk = teleservice.school(school()).unwrap();
    let last = desk.feed.last();
    let locks = desk.feed.after(last - 2).iter().filter(|entry| entry.line.json(desk.zone).contains("VERROU"));
    assert_eq!(locks.count(), 2);
    assert_eq!(teleservice.order_responses(&order, [1; 32], noon()).unwrap(), answered);
    assert_eq!(teleservice.school(school()).unwrap().feed.last(), last, "the same again changes nothing");
    assert_eq!(teleservice.order_responses(&order, [2; 32], noon()).unwrap_err().status, 409);
}

#[rstest]
#[case::other_phase(|one: &mut Response| one.verdicts = response(JULES, Phase::Provisional, noon()).verdicts, "PHASE")]
#[case::older(|one: &mut Response| one.entered_at = one.entered_at.plus_s(-1), "ANCIENNE")]
#[case::other_level(
    |one: &mut Response| {
        let stmg = Proposal { track: Track::Stmg, requested: false, accepted: true };
        one.verdicts = Verdicts::Proposals(vec![stmg]);
    },
    "VOIE"
)]
fn responses_that_the_teleservice_refuses(#[case] change: fn(&mut Response), #[case] code: &str) {
    let mut teleservice = closed();
    teleservice.order_responses(&responses(1, Phase::Definitive, &[JULES]), [1; 32], noon()).unwrap();
    let mut order = responses(2, Phase::Definitive, &[JULES]);
    change(&mut order.responses[0]);
    let answered = teleservice.order_responses(&order, [2; 32], noon()).unwrap();
    assert_eq!((answered.applied, answered.refused[0].1), (0, code));
}

#[test]
fn an_opinion_without_its_reason_is_refused() {
    let mut teleservice = closed();
    let mut order = responses(1, Phase::Provisional, &[JULES]);
    let unreasoned = Opinion { track: Track::SecondeGt, value: OpinionValue::Unfavourable, reason: None };
    order.responses[0].verdicts = Verdicts::Opinions(vec![unreasoned]);
    assert_eq!(teleservice.order_responses(&order, [1; 32], noon()).unwrap().refused, [(JULES, "MOTIF")]);
}

#[test]
fn an_emitted_event_is_in_the_feed_and_nowhere_else() {
    let mut teleservice = closed();
    let event = json!({"type": "OUVERTURE", "palier": "3E", "phase": "DEFINITIVE", "ouvert": true, "motif": "MAIN"});
    let Value::Object(event) = event else { panic!("an object") };
    let without = BTreeSet::from(["motif".to_owned()]);
    assert_eq!(teleservice.emit(school(), event, &without, noon()), 4);
    assert!(!teleservice.is_open(school(), Level::Troisieme, Phase::Definitive));
    let desk = teleservice.school(school()).unwrap();
    let told: Value = serde_json::from_str(&desk.feed.after(3)[0].line.json(desk.zone)).unwrap();
    let expected = json!({
        "type": "OUVERTURE", "palier": "3E", "phase": "DEFINITIVE", "ouvert": true,
        "seq": 4, "le": "2020-05-12T12:00:00+02:00",
    });
    assert_eq!(told, expected);
}

#[test]
fn an_emitted_seq_moves_the_feed() {
    let mut teleservice = closed();
    let event = |seq: u64| {
        let Value::Object(event) = json!({"type": "X", "seq": seq, "le": "hier"}) else { panic!("an object") };
        event
    };
    assert_eq!(teleservice.emit(school(), event(9), &BTreeSet::new(), noon()), 9);
    teleservice.leave(school(), JULES, noon());
    assert_eq!(teleservice.school(school()).unwrap().feed.last(), 10);
    assert_eq!(teleservice.emit(school(), event(2), &BTreeSet::new(), noon()), 2);
    assert_eq!(teleservice.school(school()).unwrap().feed.last(), 2);
    assert!(!teleservice.record(school(), JULES).unwrap().present, "records stay as they are");
}
