//! The nomenclature of formations: what year a MEF code is, and until when it is open. Read elsewhere, consulted here
//! (warning `MEF`), and by the roster to tell pupils of 3e and 2de GT from the others.

use crate::domain::{
    demand::Choices,
    school::Level,
    time::{Date, Timestamp, Zone},
    track::{MefCode, Track},
};
use chrono::Datelike;
use std::collections::BTreeMap;

/// The digits that name a formation; an eleventh one tells local variants apart and is not compared.
const SIGNIFICANT_DIGITS: usize = 10;
/// How many digits of a MEFSTAT name its class.
const CLASS_DIGITS: usize = 4;
/// School years begin in September.
const FIRST_MONTH: u32 = 9;

/// What year of schooling a formation is, so far as orientation asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A year at whose end orientation is asked.
    Level(Level),
    /// The first year of a vocational track.
    Track(Track),
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::Level(Level::Troisieme),
        Self::Level(Level::SecondeGt),
        Self::Track(Track::SecondePro),
        Self::Track(Track::Cap),
    ];

    /// How it is written: the code of the level or track.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Level(level) => level.code(),
            Self::Track(track) => track.code(),
        }
    }

    /// The class of a code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }

    /// The class of a MEFSTAT of four digits or more: 2116 is 3e and 2211 2de GT, 2381 is 2de professionnelle, 2311 and
    /// 2321 are 1re année de CAP.
    pub fn of_mefstat(digits: &str) -> Option<Self> {
        match digits.get(..CLASS_DIGITS)? {
            "2116" => Some(Self::Level(Level::Troisieme)),
            "2211" => Some(Self::Level(Level::SecondeGt)),
            "2381" => Some(Self::Track(Track::SecondePro)),
            "2311" | "2321" => Some(Self::Track(Track::Cap)),
            _ => None,
        }
    }
}

/// What is known of one code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mef {
    /// Its class; none for formations of other kinds.
    pub class: Option<Class>,
    /// Its last day; none where none is known.
    pub closes: Option<Date>,
}

/// Formations by code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nomenclature(BTreeMap<String, Mef>);

impl Nomenclature {
    /// A nomenclature of codes. Variants of one formation are one: it is open as long as one of them is.
    pub fn new(codes: impl IntoIterator<Item = (MefCode, Mef)>) -> Self {
        let mut mefs: BTreeMap<String, Mef> = BTreeMap::new();
        for (code, Mef { class, closes }) in codes {
            let both = |known: &mut Mef| {
                known.class = known.class.or(class);
                known.closes = known.closes.zip(closes).map(|(one, other)| one.max(other));
            };
            let mef = Mef { class, closes };
            mefs.entry(significant(&code).to_owned()).and_modify(both).or_insert(mef);
        }
        Self(mefs)
    }

    /// What is known of each code, by the digits that are compared, in order.
    pub fn mefs(&self) -> impl Iterator<Item = (&str, Mef)> {
        self.0.iter().map(|(code, mef)| (code.as_str(), *mef))
    }

    /// The level whose pupils are in a formation.
    pub fn level(&self, code: &MefCode) -> Option<Level> {
        match self.0.get(significant(code))?.class? {
            Class::Level(level) => Some(level),
            Class::Track(_) => None,
        }
    }

    /// Whether the code leads to the track, and can still be begun on `day`.
    fn fits(&self, code: &MefCode, track: Track, day: Date) -> bool {
        let mef = self.0.get(significant(code));
        let open = |mef: &Mef| mef.closes.is_none_or(|last| day <= last);
        mef.is_some_and(|mef| mef.class == Some(Class::Track(track)) && open(mef))
    }
}

/// The first day of the school year that follows `at`: what families ask for begins then.
fn next_year(at: Timestamp) -> Date {
    let day = at.date_in(Zone::Europe__Paris);
    let year = day.year() + i32::from(FIRST_MONTH <= day.month());
    Date::from_ymd_opt(year, FIRST_MONTH, 1).unwrap_or(day)
}

/// The first code among `choices` that leads to another track than its choice, that is closed when the next school year
/// begins, or that a nomenclature does not know. Without a nomenclature the kind of diploma tells, which the first three
/// digits of a code name.
pub fn misfit<'a>(
    nomenclature: Option<&Nomenclature>,
    choices: &'a Choices,
    validated_at: Timestamp,
) -> Option<&'a MefCode> {
    let begins = next_year(validated_at);
    choices.as_slice().iter().find_map(|choice| {
        let code = choice.formation()?.code.as_ref()?;
        let fits = match nomenclature {
            Some(nomenclature) => nomenclature.fits(code, choice.track(), begins),
            None => track_of_diploma(code).is_none_or(|track| track == choice.track()),
        };
        (!fits).then_some(code)
    })
}

/// The track of a first year, by the kind of diploma: 240, 241 and 271 are CAP, 247 and 276 lead to the baccalauréat
/// professionnel (all 501 first years of the State's open list follow this).
fn track_of_diploma(code: &MefCode) -> Option<Track> {
    match code.as_str().get(..3)? {
        "240" | "241" | "271" => Some(Track::Cap),
        "247" | "276" => Some(Track::SecondePro),
        _ => None,
    }
}

fn significant(code: &MefCode) -> &str {
    code.as_str().get(..SIGNIFICANT_DIGITS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Class, Mef, Nomenclature, misfit};
    use crate::domain::{
        demand::{Choice, Choices, Formation},
        school::Level,
        time::{Timestamp, parse_date},
        track::{MefCode, Status, Track},
    };
    use rstest::rstest;

    fn mef(digits: &str) -> MefCode {
        MefCode::parse(digits).unwrap()
    }

    fn vocational(track: Track, code: Option<&str>) -> Choices {
        let formation = Formation { label: "Bois".to_owned(), code: code.map(mef), status: Status::School };
        let plain = Choice::new(Track::SecondeGt, None).unwrap();
        let choice = Choice::new(track, Some(formation)).unwrap();
        Choices::new(Level::Troisieme, vec![plain, choice]).unwrap()
    }

    #[rstest]
    #[case(Track::SecondePro, Some("2470000001"), false)]
    #[case(Track::SecondePro, Some("24700000019"), false)]
    #[case(Track::SecondePro, None, false)]
    #[case(Track::Cap, Some("2470000001"), true)]
    #[case(Track::Cap, Some("24000000021"), false)]
    #[case(Track::SecondePro, Some("2400000002"), true)]
    #[case(Track::Cap, Some("2500000003"), true)]
    #[case(Track::Cap, Some("9999999999"), true)]
    fn codes_that_do_not_fit_their_track(#[case] track: Track, #[case] code: Option<&str>, #[case] misfits: bool) {
        let of = |class| Mef { class, closes: None };
        let nomenclature = Nomenclature::new([
            (mef("2470000001"), of(Some(Class::Track(Track::SecondePro)))),
            (mef("24000000027"), of(Some(Class::Track(Track::Cap)))),
            (mef("2500000003"), of(None)),
        ]);
        let choices = vocational(track, code);
        assert_eq!(misfit(Some(&nomenclature), &choices, may()).map(MefCode::as_str), code.filter(|_| misfits));
    }

    fn may() -> Timestamp {
        Timestamp::parse("2020-05-12T12:00:00Z").unwrap()
    }

    #[rstest]
    #[case::open_for_ever(&["9999-12-31"], "2020-05-12T12:00:00Z", false)]
    #[case::closed_before_it_could_begin(&["2020-08-31"], "2020-05-12T12:00:00Z", true)]
    #[case::closes_on_the_first_day(&["2020-09-01"], "2020-05-12T12:00:00Z", false)]
    #[case::asked_in_autumn_for_the_next_year(&["2021-08-31"], "2020-10-01T12:00:00Z", true)]
    #[case::the_last_evening_of_august_in_paris(&["2020-12-31"], "2020-08-31T21:59:59Z", false)]
    #[case::the_first_of_september_in_paris(&["2020-12-31"], "2020-08-31T22:00:00Z", true)]
    #[case::one_variant_is_open(&["2010-08-31", "9999-12-31"], "2020-05-12T12:00:00Z", false)]
    fn a_closed_formation(#[case] closings: &[&str], #[case] at: &str, #[case] misfits: bool) {
        let formation = |day: &&str| {
            let closes = Some(parse_date(day).unwrap());
            (mef("24700000011"), Mef { class: Some(Class::Track(Track::SecondePro)), closes })
        };
        let nomenclature = Nomenclature::new(closings.iter().map(formation));
        let choices = vocational(Track::SecondePro, Some("2470000001"));
        assert_eq!(misfit(Some(&nomenclature), &choices, Timestamp::parse(at).unwrap()).is_some(), misfits);
    }

    #[rstest]
    #[case(Track::SecondePro, "2472541231", false)]
    #[case(Track::SecondePro, "2760000001", false)]
    #[case(Track::SecondePro, "2402010111", true)]
    #[case(Track::SecondePro, "2410000001", true)]
    #[case(Track::SecondePro, "2710000001", true)]
    #[case(Track::Cap, "24020101110", false)]
    #[case(Track::Cap, "2410000001", false)]
    #[case(Track::Cap, "2710000001", false)]
    #[case(Track::Cap, "2472541231", true)]
    #[case(Track::Cap, "2760000001", true)]
    #[case(Track::Cap, "9990000001", false)]
    fn without_a_nomenclature_the_diploma_tells(#[case] track: Track, #[case] code: &str, #[case] misfits: bool) {
        let choices = vocational(track, Some(code));
        assert_eq!(misfit(None, &choices, may()).is_some(), misfits);
    }

    #[rstest]
    #[case("2116", Some(Class::Level(Level::Troisieme)))]
    #[case("22110010001", Some(Class::Level(Level::SecondeGt)))]
    #[case("2381", Some(Class::Track(Track::SecondePro)))]
    #[case("2311", Some(Class::Track(Track::Cap)))]
    #[case("23210010001", Some(Class::Track(Track::Cap)))]
    #[case("2212", None)]
    #[case("211", None)]
    fn classes(#[case] mefstat: &str, #[case] class: Option<Class>) {
        assert_eq!(Class::of_mefstat(mefstat), class);
    }

    #[test]
    fn only_a_level_has_pupils_whose_orientation_is_asked() {
        let of = |class| Mef { class: Some(class), closes: None };
        let codes = Class::ALL.iter().zip(["1031001911", "2001001811", "2470000001", "2400000002"]);
        let nomenclature = Nomenclature::new(codes.map(|(class, code)| (mef(code), of(*class))));
        assert_eq!(nomenclature.level(&mef("10310019110")), Some(Level::Troisieme));
        assert_eq!(nomenclature.level(&mef("20010018110")), Some(Level::SecondeGt));
        assert_eq!(nomenclature.level(&mef("24700000010")), None);
        assert_eq!(nomenclature.level(&mef("99999999999")), None);
    }
}
