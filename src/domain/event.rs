//! Events of the téléservice's feed, as they arrive: shapes and types are right, rules are not yet checked.

use crate::domain::{
    campaign::Phase,
    pupil::{Pupil, PupilId, RepresentativeId},
    school::Level,
    time::Timestamp,
    track::Track,
};

/// One event of a school's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Place in the feed, from 1, without holes.
    pub seq: u64,
    /// When it happened there.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// What happened at the téléservice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// `ELEVE`: the pupil as of now.
    Pupil(Pupil),
    /// `ELEVE_SORTI`: the pupil left the school.
    PupilLeft(PupilId),
    /// `DEMANDE`: one validated version, its choices as typed.
    Demand(RawDemand),
    /// `ACCUSE`: the provisional opinion was acknowledged.
    Acknowledged {
        /// The pupil.
        pupil: PupilId,
        /// Level named by the event.
        level: Level,
        /// Who read it.
        representative: RepresentativeId,
    },
    /// `REPONSE_FAMILLE`: the reply to the proposals.
    Replied {
        /// The pupil.
        pupil: PupilId,
        /// Level named by the event.
        level: Level,
        /// Who replied.
        representative: RepresentativeId,
        /// Agreement or disagreement.
        agrees: bool,
        /// Accepted tracks, in the event's order.
        accepted: Vec<Track>,
    },
    /// `OUVERTURE`: the service opened or closed.
    Window {
        /// Level.
        level: Level,
        /// Phase.
        phase: Phase,
        /// Whether it is open from now on.
        open: bool,
        /// The reason given.
        motive: String,
        /// The number of navette's order that made it so; none when a person did it.
        order: Option<u32>,
    },
    /// `VERROU`: the response was applied and the demand locked (R11).
    Locked {
        /// The pupil.
        pupil: PupilId,
        /// Level.
        level: Level,
        /// Phase.
        phase: Phase,
        /// The number of the order that carried the response.
        order: u32,
    },
    /// An event whose type is unknown or whose fields are missing or wrong: anomaly `EVENEMENT`.
    Unreadable {
        /// The pupil it seems to be about, where one can be told.
        pupil: Option<PupilId>,
        /// The phase, where one can be told.
        phase: Option<Phase>,
        /// Which field is wrong, without its value.
        why: String,
    },
}

/// A validated demand as it arrives; `check::events` makes a `Demand` of it, or names the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawDemand {
    /// The pupil.
    pub pupil: PupilId,
    /// Level named by the event.
    pub level: Level,
    /// Phase.
    pub phase: Phase,
    /// Version.
    pub version: u32,
    /// Who validated it.
    pub representative: RepresentativeId,
    /// Choices as typed.
    pub choices: Vec<RawChoice>,
}

/// A choice as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawChoice {
    /// Rank as given.
    pub rank: i64,
    /// Track code as given.
    pub track: String,
    /// Formation label.
    pub formation: Option<String>,
    /// Formation code.
    pub code: Option<String>,
    /// Status code.
    pub status: Option<String>,
}
