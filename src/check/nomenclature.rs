//! The nomenclature of formations: to which track a MEF code leads. Read elsewhere, consulted here (warning `MEF`).

use crate::domain::{
    demand::Choices,
    track::{MefCode, Track},
};
use std::collections::BTreeMap;

/// The digits that name a formation; an eleventh one tells local variants apart and is not compared.
const SIGNIFICANT_DIGITS: usize = 10;

/// MEF codes of first years, each with its track; none for formations of other kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nomenclature(BTreeMap<String, Option<Track>>);

impl Nomenclature {
    /// A nomenclature of codes and the tracks that they lead to.
    pub fn new(codes: impl IntoIterator<Item = (MefCode, Option<Track>)>) -> Self {
        Self(codes.into_iter().map(|(code, track)| (significant(&code).to_owned(), track)).collect())
    }

    /// The track of a `MEFSTAT4` class: 2381 is 2de professionnelle, 2311 and 2321 are 1re année de CAP.
    pub fn track_of_mefstat4(class: &str) -> Option<Track> {
        match class {
            "2381" => Some(Track::SecondePro),
            "2311" | "2321" => Some(Track::Cap),
            _ => None,
        }
    }

    fn fits(&self, code: &MefCode, track: Track) -> bool {
        self.0.get(significant(code)) == Some(&Some(track))
    }
}

/// The first code among `choices` that leads to another track than its choice, or that a nomenclature does not know.
/// Without a nomenclature the kind of diploma tells, which the first three digits of a code name.
pub fn misfit<'a>(nomenclature: Option<&Nomenclature>, choices: &'a Choices) -> Option<&'a MefCode> {
    choices.as_slice().iter().find_map(|choice| {
        let code = choice.formation()?.code.as_ref()?;
        let fits = match nomenclature {
            Some(nomenclature) => nomenclature.fits(code, choice.track()),
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
    use super::{Nomenclature, misfit};
    use crate::domain::{
        demand::{Choice, Choices, Formation},
        school::Level,
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
        let nomenclature = Nomenclature::new([
            (mef("2470000001"), Some(Track::SecondePro)),
            (mef("24000000027"), Some(Track::Cap)),
            (mef("2500000003"), None),
        ]);
        let choices = vocational(track, code);
        assert_eq!(misfit(Some(&nomenclature), &choices).map(MefCode::as_str), code.filter(|_| misfits));
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
        assert_eq!(misfit(None, &choices).is_some(), misfits);
    }

    #[rstest]
    #[case("2381", Some(Track::SecondePro))]
    #[case("2311", Some(Track::Cap))]
    #[case("2321", Some(Track::Cap))]
    #[case("2211", None)]
    fn classes(#[case] class: &str, #[case] track: Option<Track>) {
        assert_eq!(Nomenclature::track_of_mefstat4(class), track);
    }
}
