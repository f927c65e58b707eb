//! Tables and properties of the words.

use crate::domain::{
    demand::{Choice, Choices, ChoicesFault, Formation},
    lot::FileName,
    pupil::{Division, Ine},
    school::{Level, SchoolYear, Uai, UaiFault},
    time::{Timestamp, Zone, french, instant_of, parse_date, parse_time_of_day, slot_instant},
    track::{MefCode, Status, Track},
};
use proptest::prelude::*;
use rstest::rstest;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[rstest]
#[case("0750654D", Ok("0750654D"))]
#[case("0540001h", Ok("0540001H"))]
#[case("0590181B", Ok("0590181B"))]
#[case("6200003J", Ok("6200003J"))]
#[case("9711252J", Ok("9711252J"))]
#[case("0380001V", Ok("0380001V"))]
#[case("0751234X", Err(UaiFault::Key('Y')))]
#[case("1237457A", Err(UaiFault::Key('J')))]
#[case("0000000A", Err(UaiFault::Zero))]
#[case("075065D", Err(UaiFault::Shape))]
#[case("O750654D", Err(UaiFault::Shape))]
#[case("0750654É", Err(UaiFault::Shape))]
#[case("075065é", Err(UaiFault::Shape))]
#[case("", Err(UaiFault::Shape))]
fn uai(#[case] text: &str, #[case] expected: Result<&str, UaiFault>) {
    let read = Uai::parse(text);
    match expected {
        Ok(right) => assert_eq!(read.unwrap().as_str(), right),
        Err(UaiFault::Key(_)) => assert!(matches!(read, Err(UaiFault::Key(_))), "{read:?}"),
        Err(fault) => assert_eq!(read.unwrap_err(), fault),
    }
}

#[rstest]
#[case("0380001V", Zone::Europe__Paris)]
#[case("9711252J", Zone::America__Guadeloupe)]
#[case("6200003J", Zone::Europe__Paris)]
#[case("9840396H", Zone::Pacific__Tahiti)]
fn zones(#[case] uai: &str, #[case] zone: Zone) {
    assert_eq!(Uai::parse(uai).unwrap().zone(), zone);
}

#[rstest]
#[case("123456789AB", true, false)]
#[case("123456789ab", true, false)]
#[case("1234A12345B", true, false)]
#[case("0000000001B", true, false)]
#[case("0000000001C", true, true)]
#[case("12345678901", false, false)]
#[case("1234B12345C", false, false)]
#[case("123456789A", false, false)]
fn ine(#[case] text: &str, #[case] right: bool, #[case] warns: bool) {
    let read = Ine::parse(text);
    assert_eq!(read.is_ok(), right);
    assert_eq!(read.is_ok_and(|ine| ine.key_differs()), warns);
}

#[rstest]
#[case("3 A", true)]
#[case("3EME AB1", true)]
#[case("3EME ABC1", false)]
#[case(" 3A", false)]
#[case("", false)]
#[case("3\tA", false)]
fn division(#[case] text: &str, #[case] right: bool) {
    assert_eq!(Division::parse(text).is_ok(), right);
}

fn vocational(track: Track, label: &str, status: Status) -> Choice {
    Choice::new(track, Some(Formation { label: label.to_owned(), code: None, status })).unwrap()
}

#[test]
fn choices_that_cannot_stand() {
    let gt = Choice::new(Track::SecondeGt, None).unwrap();
    let pro = vocational(Track::SecondePro, "Mécanique", Status::Apprentice);
    let pro_st = vocational(Track::SecondePro, "Mécanique", Status::School);
    let cap = vocational(Track::Cap, "Carrosserie", Status::School);
    let first = Choice::new(Track::Generale, None).unwrap();
    let check = |list: &[&Choice], expected: Result<usize, ChoicesFault>| {
        let made = Choices::new(Level::Troisieme, list.iter().map(|choice| (*choice).clone()).collect());
        assert_eq!(made.map(|choices| choices.as_slice().len()), expected);
    };
    check(&[&gt, &pro, &cap], Ok(3));
    check(&[&pro, &pro_st], Ok(2));
    check(&[], Err(ChoicesFault::Count));
    check(&[&gt, &pro, &cap, &pro_st], Err(ChoicesFault::Count));
    check(&[&gt, &pro, &gt], Err(ChoicesFault::Alike));
    check(&[&gt, &first], Err(ChoicesFault::Level));
    let bare = Formation { label: String::new(), code: None, status: Status::School };
    assert_eq!(Choice::new(Track::Cap, None), Err(ChoicesFault::Formation));
    assert_eq!(Choice::new(Track::Cap, Some(bare.clone())), Err(ChoicesFault::Formation));
    assert_eq!(Choice::new(Track::SecondeGt, Some(bare)), Err(ChoicesFault::Formation));
}

#[test]
fn every_code_reads_back() {
    for track in Track::ALL {
        assert_eq!(Track::of_code(track.code()), Some(track));
    }
    for code in crate::domain::anomaly::Code::ALL {
        assert_eq!(crate::domain::anomaly::Code::of_str(code.as_str()), Some(code));
        assert!(code.as_str().len() <= 20);
    }
    for motive in crate::domain::order::Motive::ALL {
        assert_eq!(crate::domain::order::Motive::of_code(motive.code()), Some(motive));
    }
}

#[rstest]
#[case("2472541231", true)]
#[case("24725412312", true)]
#[case("247254123", false)]
#[case("247254123A", false)]
fn mef(#[case] text: &str, #[case] right: bool) {
    assert_eq!(MefCode::parse(text).is_ok(), right);
}

#[rstest]
#[case("2020-05-26T03:15:00+02:00", Some("2020-05-26T01:15:00Z"))]
#[case("2020-05-26T03:15:00.25Z", Some("2020-05-26T03:15:00.250Z"))]
#[case("2020-05-26T03:15:00", None)]
#[case("2020-05-26 03:15:00Z", None)]
#[case("2020-05-26t03:15:00z", None)]
#[case("2020-05-26T24:00:00Z", None)]
#[case("2016-12-31T23:59:60Z", None)]
#[case("2020-02-30T00:00:00Z", None)]
#[case("2020-05-26T03:15:00+15:00", None)]
#[case("0000-05-26T03:15:00Z", None)]
fn instants(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(Timestamp::parse(text).ok().map(Timestamp::rfc3339_utc).as_deref(), expected);
}

#[test]
fn instants_are_written_in_the_schools_offset() {
    let instant = at("2020-05-26T01:15:00Z");
    assert_eq!(instant.rfc3339_in(Zone::Europe__Paris), "2020-05-26T03:15:00+02:00");
    assert_eq!(instant.rfc3339_in(Zone::Pacific__Marquesas), "2020-05-25T15:45:00-09:30");
}

#[rstest]
#[case(Zone::Europe__Paris, "2027-03-28T02:30:00", "GAP")]
#[case(Zone::Europe__Paris, "2027-10-31T02:30:00", "FOLD")]
#[case(Zone::Europe__Paris, "2027-10-31T03:00:00", "2027-10-31T02:00:00Z")]
#[case(Zone::America__Cayenne, "2027-03-28T02:30:00", "2027-03-28T05:30:00Z")]
fn civil_times(#[case] zone: Zone, #[case] civil: &str, #[case] expected: &str) {
    use crate::domain::time::CivilFault;
    let said = match instant_of(zone, civil.parse().unwrap()) {
        Ok(instant) => instant.rfc3339_utc(),
        Err(CivilFault::Gap(..)) => "GAP".to_owned(),
        Err(CivilFault::Fold(..)) => "FOLD".to_owned(),
    };
    assert_eq!(said, expected);
}

#[rstest]
#[case("2027-03-28", "02:30", "2027-03-28T01:00:00Z")]
#[case("2027-03-28", "03:15", "2027-03-28T01:15:00Z")]
#[case("2027-10-31", "02:30", "2027-10-31T00:30:00Z")]
#[case("2027-10-31", "03:15", "2027-10-31T02:15:00Z")]
fn slots(#[case] date: &str, #[case] slot: &str, #[case] expected: &str) {
    let found = slot_instant(Zone::Europe__Paris, parse_date(date).unwrap(), parse_time_of_day(slot).unwrap());
    assert_eq!(found, at(expected));
}

#[test]
fn file_names_read_back() {
    let name = "0380001V-2019-DEM-3E-DEFINITIVE-00012.xml";
    assert_eq!(FileName::parse(name).unwrap().to_string(), name);
    for wrong in [
        "0380001V-2019-DEM-3E-DEFINITIVE-12.xml",
        "0380001v-2019-DEM-3E-DEFINITIVE-00012.xml",
        "0380001V-2019-DEM-3E-DEFINITIVE-00012.xml.sha256",
        "0380001V-2019-DEM-4E-DEFINITIVE-00012.xml",
        "0380001V-2019-DEM-3E-DEFINITIVE-00012-1.xml",
    ] {
        assert_eq!(FileName::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn french_dates() {
    let civil = at("2020-06-01T06:05:00Z").civil_in(Zone::Europe__Paris);
    assert_eq!(french(civil), "lundi 1er juin 2020 à 08:05");
}

proptest! {
    #[test]
    fn a_uai_has_exactly_one_key(number in 1u32..9_999_999) {
        let digits = format!("{number:07}");
        let right = ('A'..='Z').filter(|letter| Uai::parse(&format!("{digits}{letter}")).is_ok()).count();
        prop_assert_eq!(right, 1);
    }

    #[test]
    fn instants_read_back_in_any_zone(ms in 946_684_800_000i64..4_102_444_800_000, zone in 0usize..chrono_tz::TZ_VARIANTS.len()) {
        // Zones with offsets of seconds ended before 2000.
        let instant = Timestamp::from_epoch_ms(ms);
        prop_assert_eq!(Timestamp::parse(&instant.rfc3339_in(chrono_tz::TZ_VARIANTS[zone])), Ok(instant));
    }

    #[test]
    fn years_have_four_digits(year in 0u16..3000) {
        prop_assert_eq!(SchoolYear::parse(&format!("{year:04}")).is_ok(), (2000..=2099).contains(&year));
    }
}
