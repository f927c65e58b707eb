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

    /// The first code among `choices` that is unknown, or belongs to another track than its choice.
    pub fn misfit<'a>(&self, choices: &'a Choices) -> Option<&'a MefCode> {
        choices.as_slice().iter().find_map(|choice| {
            let code = choice.formation()?.code.as_ref()?;
            let fits = self.0.get(significant(code)) == Some(&Some(choice.track()));
            (!fits).then_some(code)
        })
    }
}

fn significant(code: &MefCode) -> &str {
    code.as_str().get(..SIGNIFICANT_DIGITS).unwrap_or_default()
}
