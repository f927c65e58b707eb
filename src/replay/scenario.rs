//! A scenario as values: schools, campaigns and steps of a `scenario.toml` (scenarios.md). Reading it is `parse.rs`'s.

use crate::crash::Point;
use crate::domain::{
    campaign::Phase,
    event::RawChoice,
    lot::{Encoding, Format},
    pupil::Division,
    school::{Level, SchoolYear, Uai},
    time::{TimeOfDay, Timestamp, Zone},
    track::Track,
};
use std::{collections::BTreeMap, path::PathBuf};

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its folder's name.
    pub folder_name: String,
    /// Where delivered files lie; none for built-in ones.
    pub folder: Option<PathBuf>,
    /// What it shows.
    pub name: String,
    /// School year of every school in it.
    pub year: SchoolYear,
    /// Format of lots and responses.
    pub format: Format,
    /// Their encoding.
    pub encoding: Encoding,
    /// How both far sides are reached.
    pub transport: Way,
    /// Whether ticks come by themselves.
    pub daemon: bool,
    /// The nightly slot.
    pub slot: TimeOfDay,
    /// Whether the configuration permits dérogations.
    pub overrides: bool,
    /// Where the clock starts, when given.
    pub start: Option<Timestamp>,
    /// Schools, in file order.
    pub schools: Vec<SchoolSpec>,
    /// Campaigns, in file order.
    pub campaigns: Vec<CampaignSpec>,
    /// Steps, in file order, never earlier than the one before.
    pub steps: Vec<Step>,
}

/// How the far sides are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over folders.
    Directory,
    /// Over HTTP on loopback.
    Http,
}

/// A school of a scenario.
#[derive(Clone, Debug)]
pub struct SchoolSpec {
    /// UAI.
    pub uai: Uai,
    /// Name.
    pub name: String,
    /// Zone.
    pub zone: Zone,
    /// Level of all its pupils.
    pub level: Level,
    /// Named pupils, then synthetic ones.
    pub pupils: Vec<PupilSpec>,
}

/// A pupil of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PupilSpec {
    /// Name used by steps.
    pub id: String,
    /// Division.
    pub division: Division,
    /// Names of the representatives, rank 1 first.
    pub representatives: Vec<String>,
    /// R06.
    pub out_of_procedure: bool,
    /// Family name; a synthetic one when absent. Only built-in scenarios give one.
    pub last_name: Option<String>,
}

/// A campaign of a scenario.
#[derive(Clone, Debug)]
pub struct CampaignSpec {
    /// Its school.
    pub uai: Uai,
    /// Its phase.
    pub phase: Phase,
    /// Its calendar, or the civil time that names no instant.
    pub calendar: Result<crate::domain::campaign::Calendar, String>,
    /// The code with which loading it is expected to be refused.
    pub expect: Option<String>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Its `do`.
    pub name: &'static str,
    /// The school that it is about.
    pub uai: Uai,
    /// The phase, when given or when the school has one campaign only.
    pub phase: Option<Phase>,
    /// What is done.
    pub action: Action,
    /// The expected outcome; none where any is fine, which no file can say.
    pub expect: Option<String>,
}

/// A dérogation asked for by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Why.
    pub reason: String,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `draft`.
    Draft(Entry),
    /// `validate`.
    Validate(Entry),
    /// `validate_all`.
    ValidateAll {
        /// Only this division.
        division: Option<Division>,
        /// Track of the one choice.
        track: String,
    },
    /// `logout`.
    Logout(Who),
    /// `acknowledge`.
    Acknowledge(Who),
    /// `acknowledge_all`.
    AcknowledgeAll,
    /// `reply`.
    Reply {
        /// Who replies.
        who: Who,
        /// Accepted tracks; empty for disagreement.
        accept: Vec<Track>,
    },
    /// `emit`.
    Emit {
        /// The raw event.
        event: serde_json::Map<String, serde_json::Value>,
        /// Fields left out.
        without: Vec<String>,
    },
    /// `arrive`.
    Arrive(PupilSpec),
    /// `leave`.
    Leave {
        /// Who.
        pupil: String,
    },
    /// `open`, `close`, `reopen`.
    Window {
        /// Which.
        hand: crate::window::Hand,
        /// Dérogation.
        derogation: Option<Override>,
    },
    /// `calendar`.
    Calendar {
        /// What changes, or the civil time that names no instant.
        change: Result<crate::guard::CalendarChange, String>,
        /// Dérogation.
        derogation: Option<Override>,
    },
    /// `switch`.
    Switch {
        /// The new position.
        open: bool,
    },
    /// `respond`.
    Respond {
        /// Only this division.
        division: Option<Division>,
        /// Only this pupil.
        pupil: Option<String>,
        /// Value of every opinion or asked proposal.
        value: Option<String>,
        /// Reason.
        reason: Option<String>,
        /// Proposals beside what was asked for.
        proposals: BTreeMap<Track, bool>,
    },
    /// `entry_complete`.
    EntryComplete,
    /// `sync`: of one school, or of all.
    Sync {
        /// Whether the step names its school.
        named: bool,
    },
    /// `resync`.
    Resync,
    /// `approve`.
    Approve,
    /// `siecle`, `teleservice`.
    Faults(Side, FaultSpec),
    /// `deliver`.
    Deliver {
        /// File in the scenario's folder.
        file: String,
        /// Name under which it is published.
        publish_as: String,
        /// How its digest is published.
        digest: DigestSpec,
    },
    /// `daemon`.
    Daemon {
        /// Started or stopped.
        up: bool,
    },
    /// `crash`.
    Crash {
        /// Where the next run dies.
        point: Point,
    },
    /// `expect`.
    Expect(Box<Expected>),
}

impl Action {
    /// The pupil that it is about.
    pub const fn pupil(&self) -> Option<&String> {
        match self {
            Self::Draft(entry) | Self::Validate(entry) => Some(&entry.who.pupil),
            Self::Logout(who) | Self::Acknowledge(who) | Self::Reply { who, .. } => Some(&who.pupil),
            Self::Arrive(pupil) => Some(&pupil.id),
            Self::Leave { pupil } => Some(pupil),
            Self::Respond { pupil, .. } => pupil.as_ref(),
            Self::ValidateAll { .. }
            | Self::AcknowledgeAll
            | Self::Emit { .. }
            | Self::Window { .. }
            | Self::Calendar { .. }
            | Self::Switch { .. }
            | Self::EntryComplete
            | Self::Sync { .. }
            | Self::Resync
            | Self::Approve
            | Self::Faults(..)
            | Self::Deliver { .. }
            | Self::Daemon { .. }
            | Self::Crash { .. }
            | Self::Expect(_) => None,
        }
    }

    /// Whether it may change something at every school, and not only at its own.
    pub const fn is_everywhere(&self) -> bool {
        match self {
            Self::Faults(..) | Self::Daemon { .. } | Self::Crash { .. } => EVERYWHERE,
            Self::Sync { named } => !*named,
            Self::Draft(_)
            | Self::Validate(_)
            | Self::ValidateAll { .. }
            | Self::Logout(_)
            | Self::Acknowledge(_)
            | Self::AcknowledgeAll
            | Self::Reply { .. }
            | Self::Emit { .. }
            | Self::Arrive(_)
            | Self::Leave { .. }
            | Self::Window { .. }
            | Self::Calendar { .. }
            | Self::Switch { .. }
            | Self::Respond { .. }
            | Self::EntryComplete
            | Self::Resync
            | Self::Approve
            | Self::Deliver { .. }
            | Self::Expect(_) => !EVERYWHERE,
        }
    }
}

/// At every school.
const EVERYWHERE: bool = true;

/// A pupil and a representative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Pupil.
    pub pupil: String,
    /// Representative.
    pub by: String,
}

/// Choices typed for a pupil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who types.
    pub who: Who,
    /// What.
    pub choices: Vec<RawChoice>,
}

/// A far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Siècle.
    Siecle,
    /// The téléservice.
    Teleservice,
}

/// Faults asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultSpec {
    /// Down or up.
    pub up: Option<bool>,
    /// Latency of every answer.
    pub latency_ms: Option<u64>,
    /// Requests treated, then answered by a broken connection.
    pub lose_reply: Option<u32>,
    /// Status answered instead.
    pub status: Option<u16>,
    /// How often.
    pub times: u32,
    /// Only on this topic.
    pub on: Option<String>,
    /// Siècle: pupils to refuse.
    pub reject: Option<Vec<String>>,
    /// Siècle: whether lots are treated.
    pub treat: Option<bool>,
}

/// How the digest of a delivered file is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestSpec {
    /// As it should be.
    Right,
    /// Of other bytes.
    Wrong,
    /// Not at all.
    None,
}

/// Assertions: what is left out is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Versions held by Siècle.
    pub siecle: BTreeMap<String, i64>,
    /// Locked demands at the téléservice.
    pub locked: BTreeMap<String, bool>,
    /// State.
    pub state: Option<String>,
    /// At risk.
    pub at_risk: Option<bool>,
    /// Whether the téléservice is open.
    pub open: Option<bool>,
    /// Every anomaly ever raised at the school.
    pub anomalies: Option<Vec<String>>,
    /// Nights by last outcome.
    pub nights: BTreeMap<String, i64>,
    /// Numbers used by the campaign.
    pub lots: Option<i64>,
    /// Both kinds of hold.
    pub held: Option<i64>,
}

impl Expected {
    /// Whether it asserts anything of one campaign, which must then be named where there are several.
    pub fn is_of_a_campaign(&self) -> bool {
        let Self { siecle, locked, state, at_risk, open, anomalies: _, nights: _, lots, held: _ } = self;
        let of_pupils = !siecle.is_empty() || !locked.is_empty();
        of_pupils || state.is_some() || at_risk.is_some() || open.is_some() || lots.is_some()
    }
}
