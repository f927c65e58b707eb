//! Demands: what one representative validated for one pupil in one phase, as numbered, immutable versions.

use crate::domain::{
    anomaly::Code,
    campaign::Phase,
    pupil::{PupilId, RepresentativeId},
    school::Level,
    time::Timestamp,
    track::{MefCode, Status, Track},
};

/// A demand has one to three choices (R02).
pub const CHOICES_MAX: usize = 3;

/// The *métier ou formation* of a vocational choice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Formation {
    /// Label as the family wrote it, normalised on arrival.
    pub label: String,
    /// MEF code, where the family picked one.
    pub code: Option<MefCode>,
    /// Wished status.
    pub status: Status,
}

/// One ranked choice: its formation is there exactly when its track needs one (R03).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    track: Track,
    formation: Option<Formation>,
}

/// One to three choices in order of preference, all of one level, no two alike (R02, R03).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices(Vec<Choice>);

/// Why choices cannot stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoicesFault {
    /// None, or more than three (R02).
    #[error("a demand has one to three choices")]
    Count,
    /// Two alike (R02).
    #[error("two choices of this demand are alike")]
    Alike,
    /// A track of another level (R03).
    #[error("a choice's track does not belong to the pupil's level")]
    Level,
    /// Formation and status missing or unexpected (R03).
    #[error("formation and status are there exactly when the track needs them")]
    Formation,
}

impl ChoicesFault {
    /// The code of the rule that is broken: `CHOIX` for R02, `VOIE` for R03.
    pub const fn code(self) -> Code {
        match self {
            Self::Count | Self::Alike => Code::Choix,
            Self::Level | Self::Formation => Code::Voie,
        }
    }
}

impl Choice {
    /// A choice.
    ///
    /// # Errors
    /// `Formation` when `formation` is missing, unexpected for the track, or has an empty label (R03).
    pub fn new(track: Track, formation: Option<Formation>) -> Result<Self, ChoicesFault> {
        let labelled = formation.as_ref().is_none_or(|formation| !formation.label.is_empty());
        if formation.is_some() == track.needs_formation() && labelled {
            Ok(Self { track, formation })
        } else {
            Err(ChoicesFault::Formation)
        }
    }

    /// Its track.
    pub const fn track(&self) -> Track {
        self.track
    }

    /// Its formation, for a vocational track.
    pub const fn formation(&self) -> Option<&Formation> {
        self.formation.as_ref()
    }
}

impl Choices {
    /// Choices of one demand, in order of preference.
    ///
    /// # Errors
    /// `Count`, `Alike` (R02) or `Level` (R03), in this order.
    pub fn new(level: Level, choices: Vec<Choice>) -> Result<Self, ChoicesFault> {
        if choices.is_empty() || CHOICES_MAX < choices.len() {
            return Err(ChoicesFault::Count);
        }
        let alike = |(at, choice)| choices.iter().skip(at + 1).any(|other| other == choice);
        if choices.iter().enumerate().any(alike) {
            return Err(ChoicesFault::Alike);
        }
        if choices.iter().any(|choice| choice.track.level() != level) {
            return Err(ChoicesFault::Level);
        }
        Ok(Self(choices))
    }

    /// The choices, rank 1 first.
    pub fn as_slice(&self) -> &[Choice] {
        &self.0
    }

    /// Whether one of them asks for `track`.
    pub fn ask_for(&self, track: Track) -> bool {
        self.0.iter().any(|choice| choice.track == track)
    }
}

/// One validated version (R01, R16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The pupil.
    pub pupil: PupilId,
    /// The phase it belongs to.
    pub phase: Phase,
    /// 1, 2, …; rises with each validation.
    pub version: u32,
    /// Who validated it, and so owns the phase (R04).
    pub representative: RepresentativeId,
    /// When.
    pub validated_at: Timestamp,
    /// What is asked for.
    pub choices: Choices,
    /// Validated after the legal deadline by the calendar in force on arrival (R18, `TARDIVE`).
    pub late: bool,
}

/// A representative has read the provisional opinion (R05, R15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who read it.
    pub representative: RepresentativeId,
    /// When.
    pub at: Timestamp,
}

/// The family's answer to the proposals (R15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Who answered.
    pub representative: RepresentativeId,
    /// When.
    pub at: Timestamp,
    /// Whether the family agrees; silence is no reply at all.
    pub agrees: bool,
    /// The accepted proposals; empty for a disagreement.
    pub accepted: Vec<Track>,
}
