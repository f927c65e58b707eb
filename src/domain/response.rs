//! What class councils answer: opinions in the provisional phase, proposals in the definitive one.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::{Division, Ine, Private, PupilId},
    time::{Date, Timestamp},
    track::Track,
};

/// The value of a provisional opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpinionValue {
    /// In favour.
    Favourable,
    /// With reservations; a reason goes with it.
    Reserved,
    /// Against; a reason goes with it.
    Unfavourable,
}

impl OpinionValue {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Favourable, Self::Reserved, Self::Unfavourable];

    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Favourable => "FAVORABLE",
            Self::Reserved => "RESERVE",
            Self::Unfavourable => "DEFAVORABLE",
        }
    }

    /// The value of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.code() == code)
    }

    /// Whether a reason must go with it.
    pub const fn needs_reason(self) -> bool {
        match self {
            Self::Favourable => false,
            Self::Reserved | Self::Unfavourable => true,
        }
    }
}

/// One track's verdict in a response, as the file gives it; the track may be unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RawVerdict {
    /// `AVIS`.
    Opinion {
        /// Track code as given.
        track: String,
        /// Value.
        value: OpinionValue,
        /// Reason, normalised.
        reason: Option<Private<String>>,
    },
    /// `PROPOSITION`.
    Proposal {
        /// Track code as given.
        track: String,
        /// Whether the family had asked for it, as the council says.
        requested: bool,
        /// `OUI` or `NON`.
        accepted: bool,
    },
}

/// One row of a response file, as the file gives it: in XML one pupil, in CSV one pupil and track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// Rank of the row in the file, from 1.
    pub rank: u32,
    /// `ELEVE_ID`.
    pub pupil: PupilId,
    /// INE, where the file has one.
    pub ine: Option<Ine>,
    /// The version that the council saw; none for a paper demand (R17).
    pub demand_version: Option<u32>,
    /// When the council's answer was entered.
    pub entered_at: Timestamp,
    /// Division.
    pub division: Division,
    /// Date of the council.
    pub council: Date,
    /// Verdicts, in the file's order.
    pub verdicts: Vec<RawVerdict>,
    /// CSV only: the row names another school than the file (anomaly `ETABLISSEMENT`).
    pub other_school: bool,
}

/// A provisional opinion on one track.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opinion {
    /// Track.
    pub track: Track,
    /// Value.
    pub value: OpinionValue,
    /// Reason; there for a reservation or a refusal.
    pub reason: Option<Private<String>>,
}

/// A definitive proposal on one track; a council may propose a track nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposal {
    /// Track.
    pub track: Track,
    /// Whether the family had asked for it.
    pub requested: bool,
    /// `OUI` or `NON`.
    pub accepted: bool,
}

/// The verdicts of one response: of one phase only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdicts {
    /// Provisional phase, sorted by track.
    Opinions(Vec<Opinion>),
    /// Definitive phase, sorted by track.
    Proposals(Vec<Proposal>),
}

impl Verdicts {
    /// The phase they belong to.
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Opinions(_) => Phase::Provisional,
            Self::Proposals(_) => Phase::Definitive,
        }
    }
}

/// A response that was checked and stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The pupil.
    pub pupil: PupilId,
    /// The version that the council saw (R17).
    pub demand_version: Option<u32>,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// Date of the council.
    pub council: Date,
    /// Opinions or proposals.
    pub verdicts: Verdicts,
}

/// The envelope of a response file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Campaign.
    pub key: CampaignKey,
    /// `NUM_ENVOI`, numbered by Siècle for the school and year.
    pub number: u32,
    /// `HORODATAGE`.
    pub stamped_at: Timestamp,
    /// When the school declared the entry finished.
    pub entry_complete_at: Option<Timestamp>,
    /// Number of pupils answered for, as declared (XML) or counted (CSV).
    pub responses: u32,
}
