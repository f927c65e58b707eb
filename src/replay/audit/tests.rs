//! Forged records: each check fires on the one thing that must not be, and on nothing else.

use crate::codec;
use crate::domain::{
    anomaly::Code,
    campaign::{Calendar, CampaignKey, Phase},
    event::RawChoice,
    lot::{Encoding, Format, Lot, LotCounts, LotHead, LotPupil},
    order::{Motive, ResponseOrder, WindowOrder},
    pupil::{Division, Pupil, PupilId, RepresentativeId},
    response::{Proposal, Response, Verdicts},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{DAY_S, Date, HOUR_S, MINUTE_S, Timestamp, Zone},
    track::Track,
};
use crate::replay::{
    audit::{
        Anomalous, Check, Finding, Nights, Records,
        contents::{self, Seen},
        windows::{Class, Ill, Sight},
    },
    golden::Tree,
};
use crate::sandbox::{councils::Council, siecle::Siecle, teleservice::Teleservice, world};
use rstest::rstest;
use std::collections::BTreeMap;

const PUPIL: PupilId = PupilId(100);
const FAMILY: RepresentativeId = RepresentativeId(1);

fn at(hours: i64) -> Timestamp {
    Timestamp::parse("2020-05-04T08:00:00+02:00").unwrap().plus_s(hours * HOUR_S)
}

fn key() -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0750654D").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive }
}

/// Opens at hour 0, closes at hour 24, one council at hour 72: the deadline is hour 48.
fn calendar() -> Calendar {
    let councils = BTreeMap::from([(Division::parse("3 A").unwrap(), at(72))]);
    Calendar { opens: at(0), closes: at(24), reopens: None, ends: None, councils }
}

fn pupil() -> Pupil {
    world::pupil(PUPIL, Level::Troisieme, Division::parse("3 A").unwrap(), None, &[FAMILY])
}

/// A campaign played as it should be: validated at hour 1, closed at 24, carried at 25, answered at 73, transferred at 74.
struct Played {
    teleservice: Teleservice,
    siecle: Siecle,
    lot: Lot,
}

fn window(number: u32, open: bool, motive: Motive) -> WindowOrder {
    WindowOrder { key: key(), number, open, motive }
}

fn played() -> Played {
    let mut teleservice = Teleservice::new();
    let mut siecle = Siecle::new(Format::Xml, Encoding::Utf8);
    teleservice.add_school(key().school, Zone::Europe__Paris);
    siecle.add_school(key().school, Zone::Europe__Paris);
    siecle.enrol(key().school, pupil());
    teleservice.arrive(key().school, pupil(), at(0));
    teleservice.order_window(&window(1, true, Motive::Opening), at(0)).unwrap();
    let choice = RawChoice { rank: 1, track: "2GT".to_owned(), formation: None, code: None, status: None };
    teleservice.validate(key().school, Phase::Definitive, PUPIL, FAMILY, &[choice], at(1)).unwrap();
    teleservice.order_window(&window(2, false, Motive::Closing), at(24)).unwrap();
    let lot = lot(1, at(25));
    deposit(&mut siecle, &lot);
    siecle.respond(key(), &Council::default(), at(73)).unwrap();
    let mut played = Played { teleservice, siecle, lot };
    let order = ResponseOrder { key: key(), number: 3, responses: vec![response(at(73))] };
    played.teleservice.order_responses(&order, [3; 32], at(74)).unwrap();
    played
}

fn lot(number: u32, stamped_at: Timestamp) -> Lot {
    use crate::domain::demand::{Choice, Choices, Demand};
    let Pupil { id, ine, division, last_name, first_name, .. } = pupil();
    let choices = Choices::new(Level::Troisieme, vec![Choice::new(Track::SecondeGt, None).unwrap()]).unwrap();
    let demand = Demand {
        pupil: PUPIL,
        phase: Phase::Definitive,
        version: 1,
        representative: FAMILY,
        validated_at: at(1),
        choices,
        late: false,
    };
    let pupil =
        LotPupil { id, ine, division, last_name, first_name, demand: Some(demand), acknowledgement: None, reply: None };
    let counts = LotCounts::of([&pupil]);
    let head = LotHead { key: key(), number, stamped_at, zone: Zone::Europe__Paris, counts };
    Lot { head, pupils: vec![pupil] }
}

fn deposit(siecle: &mut Siecle, lot: &Lot) {
    let file = codec::encode_lot(lot, Format::Xml, Encoding::Utf8).unwrap();
    siecle.deposit(file.name, &file.bytes, lot.head.stamped_at).unwrap();
}

fn response(entered_at: Timestamp) -> Response {
    let proposal = Proposal { track: Track::SecondeGt, requested: true, accepted: true };
    Response {
        pupil: PUPIL,
        demand_version: Some(1),
        entered_at,
        council: entered_at.date_in(Zone::Europe__Paris),
        verdicts: Verdicts::Proposals(vec![proposal]),
    }
}

impl Played {
    fn records(&self) -> Records {
        let desk = self.teleservice.school(key().school).unwrap().clone();
        Records { desk, office: self.siecle.school(key().school).unwrap().clone() }
    }
}

/// What every check says of a campaign at `now`, openings judged as the auditor does.
fn found(records: &Records, anomalies: &Anomalous, ills: &[Ill], now: Timestamp) -> Vec<Finding> {
    let calendars = [(at(-1), calendar())];
    let Records { desk, office } = records;
    let sight = Sight { key: key(), desk, office, calendars: &calendars, anomalies, read: 0, overrides: false };
    let openings = sight.moves().iter().filter(|one| one.open);
    let classes: BTreeMap<u64, Class> = openings.clone().map(|one| (one.seq, sight.class(one))).collect();
    let mut found: Vec<Finding> = openings.filter_map(|one| sight.early(one)).collect();
    found.extend(sight.open_too_long(&classes, ills, now));
    found.extend(sight.unlocked());
    found.extend(contents::lost_versions(&sight));
    found.extend(contents::invented(&sight));
    found.extend(contents::second_opinions(&sight));
    found.extend(contents::lost_responses(&sight));
    found.extend(contents::out_of_order(office));
    found
}

fn checks(records: &Records, now: Timestamp) -> Vec<Check> {
    found(records, &Anomalous::new(), &[], now).into_iter().map(|finding| finding.check).collect()
}

#[test]
fn a_campaign_as_it_should_be_has_no_finding() {
    assert_eq!(found(&played().records(), &Anomalous::new(), &[], at(90)), []);
}

#[rstest]
#[case::one_second_early(97 * HOUR_S - 1, &[Check::EarlyReopening])]
#[case::just_in_time(97 * HOUR_S, &[])]
fn a_reopening_one_second_early_is_named(#[case] seconds: i64, #[case] expected: &[Check]) {
    let mut played = played();
    let reopened = at(0).plus_s(seconds);
    played.teleservice.order_window(&window(4, true, Motive::Reopening), reopened).unwrap();
    let fired: Vec<Check> = checks(&played.records(), reopened.plus_s(1));
    assert_eq!(fired, expected);
}

#[test]
fn a_reopening_before_the_transfer_is_named() {
    let mut played = played();
    // A correction is entered, and never carried over.
    played.siecle.respond(key(), &Council { value: Some("NON".to_owned()), ..Council::default() }, at(75)).unwrap();
    let mut records = played.records();
    records.office.responses.remove(&1);
    played.teleservice.order_window(&window(4, true, Motive::Reopening), at(75 + 24)).unwrap();
    records.desk = played.records().desk;
    assert_eq!(checks(&records, at(99)), [Check::EarlyReopening]);
}

#[rstest]
#[case::closed_at_the_next_tick(MINUTE_S, &[], &[])]
#[case::open_for_two_ticks(2 * MINUTE_S, &[], &[Check::OpenTooLong])]
#[case::the_program_was_down(2 * MINUTE_S, &[Ill { from: at(49), to: None }], &[])]
fn a_service_open_past_its_deadline_is_named(#[case] open_s: i64, #[case] ills: &[Ill], #[case] expected: &[Check]) {
    let mut played = played();
    let mut records = played.records();
    played.teleservice.switch(key(), true, at(50));
    played.teleservice.switch(key(), false, at(50).plus_s(open_s));
    records.desk = played.records().desk;
    let fired = found(&records, &Anomalous::new(), ills, at(60)).into_iter().map(|finding| finding.check);
    assert_eq!(fired.collect::<Vec<_>>(), expected);
}

#[test]
fn a_missing_lock_is_named() {
    let mut records = played().records();
    records.desk.pupils.get_mut(&PUPIL).unwrap().phases.get_mut(&Phase::Definitive).unwrap().locked_by = None;
    assert_eq!(checks(&records, at(90)), [Check::AppliedUnlocked]);
}

#[test]
fn a_lost_version_is_named_unless_it_stands_in_the_anomalies() {
    let mut records = played().records();
    records.office.held.clear();
    assert_eq!(checks(&records, at(90)), [Check::LostVersion]);
    let excused = Anomalous::from([(PUPIL, Code::Rejet)]);
    assert_eq!(found(&records, &excused, &[], at(90)), []);
    let late = Anomalous::from([(PUPIL, Code::Tardive)]);
    assert_eq!(found(&records, &late, &[], at(90)).len(), 1);
}

#[test]
fn an_invented_demand_is_named() {
    let mut records = played().records();
    let held = records.office.held.get_mut(&key()).unwrap().get_mut(&PUPIL).unwrap();
    held.demand.as_mut().unwrap().validated_at = at(2);
    assert_eq!(checks(&records, at(90)), [Check::LostVersion]);
}

#[test]
fn a_response_that_never_arrived_is_named() {
    let mut records = played().records();
    let entry = records.desk.pupils.get_mut(&PUPIL).unwrap().phases.get_mut(&Phase::Definitive).unwrap();
    (entry.response, entry.locked_by) = (None, None);
    assert_eq!(checks(&records, at(90)), [Check::LostResponse]);
}

#[test]
fn a_refusal_of_what_the_teleservice_let_through_is_named() {
    let anomalies = Anomalous::from([(PUPIL, Code::Choix)]);
    let fired = found(&played().records(), &anomalies, &[], at(90)).into_iter().map(|finding| finding.check);
    assert_eq!(fired.collect::<Vec<_>>(), [Check::SecondOpinion]);
}

#[test]
fn a_lot_sent_twice_with_other_bytes_is_named() {
    let (mut seen, played) = (Seen::default(), played());
    let mut records = played.records();
    let mut look = |records: &Records| {
        seen.two_contents(key().school, &records.desk, &records.office, &Tree::new()).map(|finding| finding.check)
    };
    assert_eq!((look(&records), look(&records)), (None, None));
    records.office.deposits.get_mut(&1).unwrap().file.bytes.push(b'\n');
    assert_eq!(look(&records), Some(Check::TwoContents));
}

#[test]
fn a_lot_that_siecle_turned_away_is_kept_as_a_conflict() {
    let mut played = played();
    let other = Lot { head: LotHead { stamped_at: at(26), ..played.lot.head }, ..played.lot.clone() };
    let file = codec::encode_lot(&other, Format::Xml, Encoding::Utf8).unwrap();
    assert!(played.siecle.deposit(file.name, &file.bytes, at(26)).is_err());
    assert_eq!(played.siecle.conflicts(), [file.name]);
    deposit(&mut played.siecle, &played.lot);
    assert_eq!(played.siecle.conflicts().len(), 1);
}

#[test]
fn an_order_under_a_number_that_is_taken_is_named() {
    let mut played = played();
    let answer = played.teleservice.order_window(&window(2, true, Motive::Hand), at(80));
    assert!(answer.is_err());
    let records = played.records();
    let found = Seen::default().two_contents(key().school, &records.desk, &records.office, &Tree::new());
    assert_eq!(found.map(|finding| finding.check), Some(Check::TwoContents));
}

#[test]
fn a_lot_that_is_not_kept_and_a_lower_number_that_came_later_are_named() {
    let mut played = played();
    let records = played.records();
    assert!(contents::not_kept(&records.office, &Tree::new()).is_some());
    let name = records.office.deposits[&1].file.name.to_string();
    assert_eq!(contents::not_kept(&records.office, &Tree::from([(name.into(), Vec::new())])), None);
    deposit(&mut played.siecle, &lot(2, at(25).plus_s(-1)));
    assert_eq!(contents::out_of_order(&played.records().office).map(|found| found.check), Some(Check::TwoContents));
}

#[rstest]
#[case::the_same(&[(4, 3)], &[(4, 3), (5, 27)], None)]
#[case::another_end(&[(4, 3)], &[(4, 5)], Some(Check::NightTwice))]
#[case::two_rows(&[], &[(4, 3), (4, 3)], Some(Check::NightTwice))]
#[case::no_more_ok(&[(4, 3)], &[], Some(Check::NightTwice))]
fn a_night_that_is_ok_twice_is_named(
    #[case] before: &[(u32, i64)],
    #[case] after: &[(u32, i64)],
    #[case] expected: Option<Check>,
) {
    let rows = |nights: &[(u32, i64)]| -> Vec<(Date, Option<Timestamp>)> {
        nights.iter().map(|(day, end)| (Date::from_ymd_opt(2020, 5, *day).unwrap(), Some(at(*end)))).collect()
    };
    let mut nights = Nights::default();
    assert_eq!(nights.twice(key().school, &rows(before)), None);
    assert_eq!(nights.twice(key().school, &rows(after)).map(|found| found.check), expected);
}

#[test]
fn a_day_is_elapsed_time() {
    assert_eq!(at(97), at(73).plus_s(DAY_S));
}
