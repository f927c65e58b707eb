//! Siècle's stand-in: what becomes of lots, and what councils answer.

use crate::codec::{self, ExchangeFile};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    demand::{Choice, Choices, Demand, Formation},
    lot::{Encoding, FileName, Format, Lot, LotCounts, LotHead, LotPupil, ReceiptKind},
    pupil::{Division, PupilId, RepresentativeId},
    response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
    school::Level,
    time::{Timestamp, Zone},
    track::{Status, Track},
};
use crate::sandbox::{
    councils::{Council, CouncilFault, DeliveredDigest},
    siecle::{DepositState, ReceiptState, Siecle},
    tests::{JULES, MARTINE, REPEATER, ZOE, at, definitive, key, noon, pupils, school},
};
use rstest::rstest;
use std::collections::{BTreeMap, BTreeSet};

fn demand(pupil: PupilId, phase: Phase, version: u32) -> Demand {
    let formation = Formation { label: "Mécanique".to_owned(), code: None, status: Status::Apprentice };
    let general = Choice::new(Track::SecondeGt, None).unwrap();
    let vocational = Choice::new(Track::SecondePro, Some(formation)).unwrap();
    let choices = Choices::new(Level::Troisieme, vec![general, vocational]).unwrap();
    let validated_at = at("2020-05-12T10:58:42");
    Demand { pupil, phase, version, representative: MARTINE, validated_at, choices, late: false }
}

/// A lot of these pupils with these versions; 0 is `SANS_SAISIE`.
fn lot(key: CampaignKey, number: u32, versions: &[(PupilId, u32)]) -> Lot {
    let known: BTreeMap<_, _> = pupils().into_iter().map(|pupil| (pupil.id, pupil)).collect();
    let pupil = |(id, version): &(PupilId, u32)| {
        let pupil = &known[id];
        LotPupil {
            id: *id,
            ine: pupil.ine.clone(),
            division: pupil.division.clone(),
            last_name: pupil.last_name.clone(),
            first_name: pupil.first_name.clone(),
            demand: (*version > 0).then(|| demand(*id, key.phase, *version)),
            acknowledgement: None,
            reply: None,
        }
    };
    let pupils: Vec<_> = versions.iter().map(pupil).collect();
    let counts = LotCounts::of(&pupils);
    Lot {
        head: LotHead { key, number, stamped_at: at("2020-05-26T03:15:00"), zone: Zone::Europe__Paris, counts },
        pupils,
    }
}

pub fn file(key: CampaignKey, number: u32, versions: &[(PupilId, u32)]) -> ExchangeFile {
    codec::encode_lot(&lot(key, number, versions), Format::Xml, Encoding::Utf8).unwrap()
}

pub fn siecle() -> Siecle {
    let mut siecle = Siecle::new(Format::Xml, Encoding::Utf8);
    siecle.add_school(school(), Zone::Europe__Paris);
    pupils().into_iter().for_each(|pupil| siecle.enrol(school(), pupil));
    siecle
}

fn deposit(siecle: &mut Siecle, key: CampaignKey, number: u32, versions: &[(PupilId, u32)]) {
    let file = file(key, number, versions);
    siecle.deposit(file.name, &file.bytes, noon()).unwrap();
}

fn versions(siecle: &Siecle) -> [i64; 2] {
    [JULES, ZOE].map(|pupil| siecle.version(definitive(), pupil))
}

fn waits(siecle: &mut Siecle) {
    siecle.treat(false, noon());
}

fn read(siecle: &Siecle, number: u32) -> (ResponseHead, Vec<RawResponse>) {
    let file = &siecle.school(school()).unwrap().responses[&number];
    codec::decode_responses(FileName::parse(&file.name).unwrap(), &file.bytes).unwrap()
}

#[test]
fn a_treated_lot_replaces_all_that_was_held_and_says_so() {
    let mut siecle = siecle();
    assert_eq!(versions(&siecle), [-1, -1]);
    deposit(&mut siecle, definitive(), 1, &[(JULES, 2), (ZOE, 0)]);
    assert_eq!(versions(&siecle), [2, 0]);
    assert_eq!(siecle.choices(definitive(), JULES), ["2GT", "2PRO/Mécanique/AP"]);
    deposit(&mut siecle, definitive(), 2, &[(ZOE, 1)]);
    assert_eq!(versions(&siecle), [-1, 1]);
    let ReceiptState::Treated(receipt) = siecle.receipt(school(), 2) else { panic!("treated at once") };
    let receipt = codec::decode_receipt(receipt.name, &receipt.bytes).unwrap();
    assert_eq!((receipt.treated, receipt.complete, receipt.rejected, receipt.absent), (1, 1, 0, 1));
    let lines: Vec<_> = receipt.lines.iter().map(|line| (line.kind, line.pupil)).collect();
    assert_eq!(lines, [(ReceiptKind::Absent, Some(JULES))]);
    assert_eq!((receipt.stamped_at, receipt.treated_at), (at("2020-05-26T03:15:00"), noon()));
}

#[test]
fn a_rejected_pupil_keeps_what_siecle_had() {
    let mut siecle = siecle();
    deposit(&mut siecle, definitive(), 1, &[(JULES, 1)]);
    siecle.reject(BTreeSet::from([JULES, ZOE]));
    deposit(&mut siecle, definitive(), 2, &[(JULES, 2), (ZOE, 1)]);
    assert_eq!(versions(&siecle), [1, -1]);
    let ReceiptState::Treated(receipt) = siecle.receipt(school(), 2) else { panic!("treated all the same") };
    let receipt = codec::decode_receipt(receipt.name, &receipt.bytes).unwrap();
    assert_eq!((receipt.treated, receipt.complete, receipt.rejected, receipt.absent), (2, 0, 2, 0));
    assert_eq!(receipt.lines.iter().map(|line| line.rank).collect::<Vec<_>>(), [Some(1), Some(2)]);
    siecle.reject(BTreeSet::new());
    deposit(&mut siecle, definitive(), 3, &[(JULES, 2), (ZOE, 1)]);
    assert_eq!(versions(&siecle), [2, 1]);
}

#[test]
fn the_same_lot_again_is_answered_alike_and_another_under_its_number_is_not() {
    let mut siecle = siecle();
    let first = file(definitive(), 1, &[(JULES, 1)]);
    assert_eq!(siecle.receipt(school(), 1), ReceiptState::Unknown);
    siecle.deposit(first.name, &first.bytes, noon()).unwrap();
    let receipt = siecle.receipt(school(), 1);
    siecle.deposit(first.name, &first.bytes, noon().plus_s(60)).unwrap();
    assert_eq!(siecle.receipt(school(), 1), receipt, "it is not treated twice");
    let other = file(definitive(), 1, &[(JULES, 2)]);
    assert_eq!(siecle.deposit(other.name, &other.bytes, noon()).unwrap_err().status, 409);
    let elsewhere = file(key(Phase::Provisional), 1, &[(JULES, 1)]);
    assert_eq!(siecle.deposit(elsewhere.name, &elsewhere.bytes, noon()).unwrap_err().status, 409);
}

#[test]
fn a_lot_replaces_those_of_its_campaign_that_wait_and_all_are_treated_together() {
    let mut siecle = siecle();
    waits(&mut siecle);
    deposit(&mut siecle, definitive(), 1, &[(JULES, 1)]);
    deposit(&mut siecle, key(Phase::Provisional), 2, &[(JULES, 1)]);
    deposit(&mut siecle, definitive(), 3, &[(JULES, 2)]);
    let state = |siecle: &Siecle, number| siecle.receipt(school(), number);
    assert_eq!(state(&siecle, 1), ReceiptState::Replaced);
    assert_eq!((state(&siecle, 2), state(&siecle, 3)), (ReceiptState::Waiting, ReceiptState::Waiting));
    assert_eq!(versions(&siecle), [-1, -1]);
    siecle.treat(true, noon().plus_s(60));
    assert_eq!(versions(&siecle), [2, -1]);
    assert_eq!(siecle.version(key(Phase::Provisional), JULES), 1);
    let treated_at = |number| match siecle.school(school()).unwrap().deposits[&number].state {
        DepositState::Treated { at, .. } => Some(at),
        _ => None,
    };
    assert_eq!([1, 2, 3].map(treated_at), [None, Some(noon().plus_s(60)), Some(noon().plus_s(60))]);
}

#[test]
fn a_lot_that_comes_after_a_later_one_undoes_nothing() {
    let mut siecle = siecle();
    deposit(&mut siecle, definitive(), 5, &[(JULES, 2)]);
    deposit(&mut siecle, definitive(), 4, &[(JULES, 1)]);
    assert_eq!((versions(&siecle)[0], siecle.receipt(school(), 4)), (2, ReceiptState::Replaced));
}

#[test]
fn an_invalid_file_is_refused_for_good_and_replaces_nothing() {
    let mut siecle = siecle();
    waits(&mut siecle);
    deposit(&mut siecle, definitive(), 1, &[(JULES, 1)]);
    let name = file(definitive(), 2, &[(JULES, 2)]).name;
    let problem = siecle.deposit(name, b"<ORIENTATION_DEMANDES", noon()).unwrap_err();
    assert_eq!((problem.status, problem.code.as_str()), (500, "FICHIER_INVALIDE"));
    assert_eq!(siecle.deposit(name, b"<ORIENTATION_DEMANDES", noon()), Err(problem.clone()));
    assert_eq!(siecle.receipt(school(), 2), ReceiptState::Rejected(problem));
    assert_eq!(siecle.receipt(school(), 1), ReceiptState::Waiting);
}

#[rstest]
#[case(None, None, &[("2GT", OpinionValue::Favourable), ("2PRO", OpinionValue::Favourable)])]
#[case(Some("RESERVE"), Some("à travailler"), &[("2GT", OpinionValue::Reserved), ("2PRO", OpinionValue::Reserved)])]
fn a_provisional_council_gives_an_opinion_on_each_track_asked_for(
    #[case] value: Option<&str>,
    #[case] reason: Option<&str>,
    #[case] expected: &[(&str, OpinionValue)],
) {
    let mut siecle = siecle();
    let key = key(Phase::Provisional);
    deposit(&mut siecle, key, 1, &[(JULES, 3), (ZOE, 0)]);
    let council = Council { value: value.map(str::to_owned), reason: reason.map(str::to_owned), ..Council::default() };
    assert_eq!(siecle.respond(key, &council, at("2020-05-28T23:30:00")), Ok(Some(1)));
    let (head, rows) = read(&siecle, 1);
    assert_eq!((head.key, head.number, head.responses, head.entry_complete_at), (key, 1, 1, None));
    let row = &rows[0];
    assert_eq!((row.pupil, row.demand_version, row.entered_at), (JULES, Some(3), at("2020-05-28T23:30:00")));
    assert_eq!(row.council.to_string(), "2020-05-28");
    let verdicts = row.verdicts.iter().map(|verdict| match verdict {
        RawVerdict::Opinion { track, value, reason: given } => {
            assert_eq!(given.as_ref().map(|given| given.reveal().as_str()), reason);
            (track.as_str(), *value)
        }
        RawVerdict::Proposal { .. } => panic!("an opinion"),
    });
    assert_eq!(verdicts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_definitive_council_answers_what_was_asked_and_proposes_more() {
    let mut siecle = siecle();
    deposit(&mut siecle, definitive(), 1, &[(JULES, 1), (ZOE, 0)]);
    let texts =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect();
    let proposals = texts(&[("1CAP", "OUI"), ("2GT", "OUI")]);
    let council = Council { value: Some("NON".to_owned()), proposals, ..Council::default() };
    siecle.respond(definitive(), &council, noon()).unwrap();
    let (_, rows) = read(&siecle, 1);
    let told = |row: &RawResponse| -> Vec<(String, bool, bool)> {
        let told = |verdict: &RawVerdict| match verdict {
            RawVerdict::Proposal { track, requested, accepted } => (track.clone(), *requested, *accepted),
            RawVerdict::Opinion { .. } => panic!("a proposal"),
        };
        row.verdicts.iter().map(told).collect()
    };
    let expected = |verdicts: &[(&str, bool, bool)]| -> Vec<(String, bool, bool)> {
        verdicts.iter().map(|(track, requested, accepted)| ((*track).to_owned(), *requested, *accepted)).collect()
    };
    assert_eq!(told(&rows[0]), expected(&[("2GT", true, true), ("2PRO", true, false), ("1CAP", false, true)]));
    assert_eq!(told(&rows[1]), expected(&[("1CAP", false, true), ("2GT", false, true)]));
    assert_eq!(rows.iter().map(|row| row.demand_version).collect::<Vec<_>>(), [Some(1), None]);
}

#[test]
fn a_council_can_answer_for_a_pupil_whom_no_lot_names_when_it_is_asked_for() {
    let mut siecle = siecle();
    let proposals = BTreeMap::from([("1CAP".to_owned(), "OUI".to_owned())]);
    let all = Council { proposals: proposals.clone(), ..Council::default() };
    assert_eq!(siecle.respond(definitive(), &all, noon()), Ok(None));
    let one = Council { pupil: Some(REPEATER), proposals, ..Council::default() };
    assert_eq!(siecle.respond(definitive(), &one, noon()), Ok(Some(1)));
    assert_eq!(read(&siecle, 1).1[0].pupil, REPEATER);
}

#[test]
fn councils_answer_for_whom_they_are_told_to_and_each_file_is_complete() {
    let mut siecle = siecle();
    deposit(&mut siecle, definitive(), 1, &[(JULES, 1), (ZOE, 1)]);
    let of = |pupil| Council { pupil: Some(pupil), ..Council::default() };
    siecle.respond(definitive(), &of(ZOE), noon()).unwrap();
    siecle.respond(definitive(), &of(JULES), noon().plus_s(60)).unwrap();
    assert_eq!(siecle.entry_complete(definitive(), noon().plus_s(120)), Ok(Some(3)));
    let entered = |number| -> Vec<(PupilId, Timestamp)> {
        read(&siecle, number).1.iter().map(|row| (row.pupil, row.entered_at)).collect()
    };
    assert_eq!(entered(1), [(ZOE, noon())]);
    assert_eq!(entered(2), [(JULES, noon().plus_s(60)), (ZOE, noon())]);
    assert_eq!(entered(3), entered(2));
    assert_eq!(read(&siecle, 3).0.entry_complete_at, Some(noon().plus_s(120)));
    let other = Division::parse("3 B").unwrap();
    let of_other = Council { division: Some(other), ..Council::default() };
    siecle.respond(definitive(), &of_other, noon().plus_s(180)).unwrap();
    assert_eq!(entered_pupils(&siecle, 4), [JULES, ZOE], "nobody of that division: nothing new");
}

fn entered_pupils(siecle: &Siecle, number: u32) -> Vec<PupilId> {
    read(siecle, number).1.iter().map(|row| row.pupil).collect()
}

#[rstest]
#[case(Phase::Provisional, "OUI")]
#[case(Phase::Definitive, "FAVORABLE")]
fn a_value_of_the_other_phase_is_refused(#[case] phase: Phase, #[case] value: &str) {
    let mut siecle = siecle();
    deposit(&mut siecle, key(phase), 1, &[(JULES, 1)]);
    let council = Council { value: Some(value.to_owned()), ..Council::default() };
    assert_eq!(siecle.respond(key(phase), &council, noon()), Err(CouncilFault::Value));
    assert!(siecle.school(school()).unwrap().responses.is_empty());
}

#[test]
fn an_entry_without_responses_can_be_finished_in_xml() {
    let mut siecle = siecle();
    assert_eq!(siecle.entry_complete(definitive(), noon()), Ok(Some(1)));
    assert_eq!(read(&siecle, 1).0.responses, 0);
}

#[test]
fn in_csv_councils_answer_a_row_a_track_and_an_empty_entry_says_nothing() {
    let mut siecle = Siecle::new(Format::Csv, Encoding::Latin9);
    siecle.add_school(school(), Zone::Europe__Paris);
    assert_eq!(siecle.entry_complete(definitive(), noon()), Ok(None));
    let lot = lot(definitive(), 1, &[(JULES, 1), (ZOE, 0)]);
    let file = codec::encode_lot(&lot, Format::Csv, Encoding::Latin9).unwrap();
    siecle.deposit(file.name, &file.bytes, noon()).unwrap();
    assert_eq!(siecle.respond(definitive(), &Council::default(), noon()), Ok(Some(1)));
    let (head, rows) = read(&siecle, 1);
    assert_eq!((head.responses, head.entry_complete_at, rows.len()), (1, Some(noon()), 2));
    assert!(siecle.school(school()).unwrap().responses[&1].name.ends_with("-00001.csv"));
}

#[test]
fn files_are_numbered_above_any_delivered_one() {
    let mut siecle = siecle();
    deposit(&mut siecle, definitive(), 1, &[(JULES, 1)]);
    let name = "0380001V-2019-REP-3E-DEFINITIVE-00007.xml";
    assert_eq!(siecle.deliver(school(), name, b"<x/>", DeliveredDigest::Right), 7);
    assert_eq!(siecle.respond(definitive(), &Council::default(), noon()), Ok(Some(8)));
    assert_eq!(siecle.deliver(school(), "notes.txt", b"x", DeliveredDigest::None), 9);
    assert_eq!(siecle.deliver(school(), "0380001X-2019-REP-3E-DEFINITIVE-00003.xml", b"x", DeliveredDigest::Wrong), 3);
    let digests = siecle.school(school()).unwrap().responses.values();
    let right = digests.map(|file| file.sha256.map(|digest| digest == codec::envelope::sha256(&file.bytes)));
    assert_eq!(right.collect::<Vec<_>>(), [Some(false), Some(true), Some(true), None]);
}

#[test]
fn a_council_takes_a_pupil_once_who_asked_for_a_track_twice() {
    let mut siecle = siecle();
    let mut lot = lot(definitive(), 1, &[(JULES, 1)]);
    let formation = |label: &str| Formation { label: label.to_owned(), code: None, status: Status::School };
    let choice = |label: &str| Choice::new(Track::Cap, Some(formation(label))).unwrap();
    let choices = Choices::new(Level::Troisieme, vec![choice("Pâtissier"), choice("Carrosserie")]).unwrap();
    lot.pupils[0].demand =
        Some(Demand { choices, representative: RepresentativeId(2), ..demand(JULES, Phase::Definitive, 1) });
    let file = codec::encode_lot(&lot, Format::Xml, Encoding::Utf8).unwrap();
    siecle.deposit(file.name, &file.bytes, noon()).unwrap();
    siecle.respond(definitive(), &Council::default(), noon()).unwrap();
    assert_eq!(read(&siecle, 1).1[0].verdicts.len(), 1);
}
