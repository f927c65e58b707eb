//! Campaigns: one (school, year, level, phase) with its opening, closing, councils and reopening.

use crate::domain::{
    pupil::Division,
    school::{Level, SchoolKey},
    time::{DAY_S, Timestamp},
};
use std::{collections::BTreeMap, fmt};

/// The phase of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// *Intentions provisoires*: 2nd trimester or 1st semester.
    Provisional,
    /// *Choix définitifs*: 3rd trimester or 2nd semester.
    Definitive,
}

impl Phase {
    /// Both phases, in the order of the year.
    pub const ALL: [Self; 2] = [Self::Provisional, Self::Definitive];

    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Provisional => "PROVISOIRE",
            Self::Definitive => "DEFINITIVE",
        }
    }

    /// What staff read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Provisional => "intentions provisoires",
            Self::Definitive => "choix définitifs",
        }
    }

    /// The phase of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.code() == code)
    }
}

/// What names a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignKey {
    /// School and year.
    pub school: SchoolKey,
    /// Level.
    pub level: Level,
    /// Phase.
    pub phase: Phase,
}

impl fmt::Display for CampaignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.school, self.level.code(), self.phase.code())
    }
}

/// The instants of a campaign. Whether they may stand together is the guard's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// When families may begin.
    pub opens: Timestamp,
    /// When the school means to close.
    pub closes: Timestamp,
    /// When navette reopens by itself, once that is allowed.
    pub reopens: Option<Timestamp>,
    /// When navette closes for good.
    pub ends: Option<Timestamp>,
    /// The start of each division's council.
    pub councils: BTreeMap<Division, Timestamp>,
}

impl Calendar {
    /// The earliest council.
    pub fn first_council(&self) -> Option<Timestamp> {
        self.councils.values().min().copied()
    }

    /// The latest council.
    pub fn last_council(&self) -> Option<Timestamp> {
        self.councils.values().max().copied()
    }

    /// The latest legal closing: 24 h before the first council (R08).
    pub fn deadline(&self) -> Option<Timestamp> {
        self.first_council().map(|first| first.plus_s(-DAY_S))
    }

    /// When the guard closes: the planned closing, or the deadline when that comes first.
    pub fn closing(&self) -> Timestamp {
        self.deadline().map_or(self.closes, |deadline| self.closes.min(deadline))
    }
}
