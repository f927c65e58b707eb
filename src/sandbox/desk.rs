//! What the téléservice keeps of one school and year: pupils with their demands, locks, replies; windows; orders obeyed.

use crate::domain::{
    campaign::Phase,
    demand::{Acknowledgement, Reply},
    event::{Event, EventKind, RawChoice},
    pupil::{Pupil, PupilId, RepresentativeId},
    response::{Response, Verdicts},
    school::Level,
    time::{Timestamp, Zone},
    track::Track,
};
use crate::sandbox::{
    feed::{Feed, Line},
    orders::Obeyed,
};
use std::collections::{BTreeMap, BTreeSet};

/// One school and year.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Zone of its instants.
    pub zone: Zone,
    /// Pupils, those who left among them.
    pub pupils: BTreeMap<PupilId, Record>,
    /// Its feed.
    pub feed: Feed,
    /// Windows that were ever opened.
    pub windows: BTreeMap<(Level, Phase), Window>,
    /// Orders obeyed, by number.
    pub obeyed: BTreeMap<u32, Obeyed>,
    /// Numbers under which another order came.
    pub conflicts: BTreeSet<u32>,
}

/// One pupil.
#[derive(Clone, Debug)]
pub struct Record {
    /// The pupil as of now.
    pub pupil: Pupil,
    /// False once the pupil left.
    pub present: bool,
    /// What was entered, by phase.
    pub phases: BTreeMap<Phase, PhaseRecord>,
    /// Who read the provisional opinion, and when.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Replies to the proposals, all by the same representative; the last one stands.
    pub replies: Vec<Reply>,
    /// Representatives who validated in a session that has not ended (R13).
    pub sessions: BTreeSet<RepresentativeId>,
}

/// What was entered for one pupil in one phase.
#[derive(Clone, Debug, Default)]
pub struct PhaseRecord {
    /// Who validated first (R04).
    pub owner: Option<RepresentativeId>,
    /// Every validated version, the first first.
    pub versions: Vec<Version>,
    /// The response applied last.
    pub response: Option<Response>,
    /// The order that applied it; once there, the demand is locked (R11, R12).
    pub locked_by: Option<u32>,
}

/// One validated version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 1, 2, …
    pub number: u32,
    /// Who validated it.
    pub by: RepresentativeId,
    /// When.
    pub at: Timestamp,
    /// What is asked for.
    pub choices: Vec<RawChoice>,
}

/// One window, with all that happened to it.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Every time it was opened or closed.
    pub moves: Vec<Move>,
}

/// One opening or closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Open from then on.
    pub open: bool,
    /// When.
    pub at: Timestamp,
    /// The `seq` of its event.
    pub seq: u64,
    /// The order that made it so; none for a person.
    pub order: Option<u32>,
}

impl Desk {
    /// A school without pupils.
    pub fn new(zone: Zone) -> Self {
        let (pupils, feed) = (BTreeMap::new(), Feed::default());
        let (windows, obeyed, conflicts) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { zone, pupils, feed, windows, obeyed, conflicts }
    }

    /// Whether families can enter.
    pub fn is_open(&self, level: Level, phase: Phase) -> bool {
        self.last_move(level, phase).is_some_and(|last| last.open)
    }

    /// The latest opening or closing.
    pub fn last_move(&self, level: Level, phase: Phase) -> Option<&Move> {
        self.windows.get(&(level, phase)).and_then(|window| window.moves.last())
    }

    /// Adds an event to the feed, and answers its `seq`.
    pub fn tell(&mut self, at: Timestamp, kind: EventKind) -> u64 {
        self.feed.push(|seq| Line::Meant(Event { seq, at, kind }))
    }
}

impl Record {
    /// A pupil who arrives.
    pub const fn new(pupil: Pupil) -> Self {
        Self {
            pupil,
            present: true,
            phases: BTreeMap::new(),
            acknowledgements: Vec::new(),
            replies: Vec::new(),
            sessions: BTreeSet::new(),
        }
    }

    /// Whether `by` is one of the pupil's representatives.
    pub fn is_represented_by(&self, by: RepresentativeId) -> bool {
        self.pupil.representatives.iter().any(|representative| representative.id == by)
    }

    /// Whether the council proposes `track`.
    pub fn is_proposed(&self, track: Track) -> bool {
        let response = self.phases.get(&Phase::Definitive).and_then(|entry| entry.response.as_ref());
        match response.map(|response| &response.verdicts) {
            Some(Verdicts::Proposals(all)) => all.iter().any(|one| one.track == track && one.accepted),
            Some(Verdicts::Opinions(_)) | None => false,
        }
    }

    /// The latest validated version of a phase.
    pub fn last_version(&self, phase: Phase) -> Option<&Version> {
        self.phases.get(&phase).and_then(|entry| entry.versions.last())
    }

    /// Whether the demand of a phase is locked.
    pub fn is_locked(&self, phase: Phase) -> bool {
        self.phases.get(&phase).is_some_and(|entry| entry.locked_by.is_some())
    }
}
