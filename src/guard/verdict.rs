//! Verdicts: a permit that only the guard can make, or a refusal with its code, instant and parameters.

use crate::domain::{
    campaign::CampaignKey,
    pupil::Division,
    time::{CivilFault, Timestamp},
};
use crate::guard::{action::Action, facts::Facts};

/// What the guard answers.
#[derive(Debug)]
pub enum Verdict<A> {
    /// Do it: the permit goes to the store, which consumes it in the transaction that read the facts.
    Allowed(Permit<A>),
    /// It is so already: nothing changes.
    Already,
    /// No.
    Refused(Refusal),
}

/// Leave to do one thing once. Made here only, and not `Clone`: who holds one asked the guard.
#[derive(Debug)]
pub struct Permit<A> {
    action: A,
    campaign: CampaignKey,
    derogation: Option<Derogation>,
}

impl<A> Permit<A> {
    /// What is permitted.
    pub const fn action(&self) -> &A {
        &self.action
    }

    /// For which campaign.
    pub const fn campaign(&self) -> CampaignKey {
        self.campaign
    }

    /// The dérogation without which it would have been refused; it must be journaled.
    pub const fn derogation(&self) -> Option<&Derogation> {
        self.derogation.as_ref()
    }

    /// What is permitted, by value.
    pub fn into_action(self) -> A {
        self.action
    }
}

/// A request to be let past a rule, with who takes it upon themselves and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derogation {
    /// Why.
    pub reason: String,
    /// Who.
    pub who: String,
}

/// What the configuration lets the guard do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether dérogations lift anything.
    pub overrides: bool,
    /// Whether the guard gives orders, or watches only.
    pub enforce: bool,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its code.
    pub code: RefusalCode,
    /// The instant from which it would be allowed, when time alone is missing.
    pub earliest: Option<Timestamp>,
    /// What the sentence names.
    pub why: Why,
    /// What became of a dérogation that was asked for.
    pub plea: Plea,
}

/// The code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// No calendar was loaded.
    NoCalendar,
    /// The téléservice does not answer.
    Unreachable,
    /// Our clock is out of step with a far side's.
    Clock,
    /// A civil time names no single instant.
    CivilTime,
    /// Instants of a calendar in the wrong order.
    CalendarOrder,
    /// R08.
    ClosesTooLate,
    /// R10.
    ReopensTooEarly,
    /// A division has no council.
    DivisionWithoutCouncil,
    /// A council was brought so near that the open service is already late.
    CouncilTooSoon,
    /// Before the opening.
    NotYet,
    /// After the closing.
    WindowClosed,
    /// Responses are taken once the campaign is closed.
    ResponsesWhileOpen,
    /// The last council has not begun.
    CouncilNotHeld,
    /// Responses are missing.
    ResponsesMissing,
    /// The téléservice does not have every response yet (R10).
    TransferMissing,
    /// 24 h after the entry of the responses (R10).
    Wait24h,
    /// Nobody knows whether a lot arrived.
    LotInDoubt,
}

impl RefusalCode {
    /// Every code, in the order of the verdicts' table.
    pub const ALL: [Self; 17] = [
        Self::NoCalendar,
        Self::Unreachable,
        Self::Clock,
        Self::CivilTime,
        Self::CalendarOrder,
        Self::ClosesTooLate,
        Self::ReopensTooEarly,
        Self::DivisionWithoutCouncil,
        Self::CouncilTooSoon,
        Self::NotYet,
        Self::WindowClosed,
        Self::ResponsesWhileOpen,
        Self::CouncilNotHeld,
        Self::ResponsesMissing,
        Self::TransferMissing,
        Self::Wait24h,
        Self::LotInDoubt,
    ];

    /// The code as reports and screens name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCalendar => "NO_CALENDAR",
            Self::Unreachable => "UNREACHABLE",
            Self::Clock => "CLOCK",
            Self::CivilTime => "CIVIL_TIME",
            Self::CalendarOrder => "CALENDAR_ORDER",
            Self::ClosesTooLate => "CLOSES_TOO_LATE",
            Self::ReopensTooEarly => "REOPENS_TOO_EARLY",
            Self::DivisionWithoutCouncil => "DIVISION_WITHOUT_COUNCIL",
            Self::CouncilTooSoon => "COUNCIL_TOO_SOON",
            Self::NotYet => "NOT_YET",
            Self::WindowClosed => "WINDOW_CLOSED",
            Self::ResponsesWhileOpen => "RESPONSES_WHILE_OPEN",
            Self::CouncilNotHeld => "COUNCIL_NOT_HELD",
            Self::ResponsesMissing => "RESPONSES_MISSING",
            Self::TransferMissing => "TRANSFER_MISSING",
            Self::Wait24h => "WAIT_24H",
            Self::LotInDoubt => "LOT_IN_DOUBT",
        }
    }

    /// The code of a text.
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Whether a dérogation lifts it. Nothing lifts what would lose a response or a demand (guard.md, "Dérogations").
    pub const fn can_be_lifted(self) -> bool {
        match self {
            Self::Wait24h | Self::ClosesTooLate | Self::CouncilTooSoon | Self::ReopensTooEarly => true,
            Self::NoCalendar
            | Self::Unreachable
            | Self::Clock
            | Self::CivilTime
            | Self::CalendarOrder
            | Self::DivisionWithoutCouncil
            | Self::NotYet
            | Self::WindowClosed
            | Self::ResponsesWhileOpen
            | Self::CouncilNotHeld
            | Self::ResponsesMissing
            | Self::TransferMissing
            | Self::LotInDoubt => false,
        }
    }
}

/// One council, as a refusal names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Council {
    /// Its division.
    pub division: Division,
    /// Its start.
    pub at: Timestamp,
}

/// The reason of a refusal, with what its sentence names: one variant a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// `NO_CALENDAR`.
    NoCalendar,
    /// `UNREACHABLE`.
    Unreachable,
    /// `CLOCK`.
    Clock {
        /// How far our clock is ahead.
        skew_ms: i64,
    },
    /// `CIVIL_TIME`.
    CivilTime(CivilFault),
    /// `CALENDAR_ORDER`: what must come first, and what after it.
    CalendarOrder(Order),
    /// `CLOSES_TOO_LATE`.
    ClosesTooLate {
        /// The first council.
        council: Council,
        /// The latest legal closing.
        latest: Timestamp,
    },
    /// `REOPENS_TOO_EARLY`.
    ReopensTooEarly {
        /// The last council.
        council: Council,
        /// The earliest legal reopening.
        earliest: Timestamp,
    },
    /// `DIVISION_WITHOUT_COUNCIL`: the divisions; none when the calendar names no council at all.
    DivisionWithoutCouncil(Vec<Division>),
    /// `COUNCIL_TOO_SOON`.
    CouncilTooSoon(Council),
    /// `NOT_YET`.
    NotYet {
        /// The opening.
        opens: Timestamp,
    },
    /// `WINDOW_CLOSED`.
    WindowClosed(Shut),
    /// `RESPONSES_WHILE_OPEN`.
    ResponsesWhileOpen,
    /// `COUNCIL_NOT_HELD`.
    CouncilNotHeld(Council),
    /// `RESPONSES_MISSING`.
    ResponsesMissing {
        /// How many by division; empty when no acknowledged lot says which are expected.
        missing: Vec<(Division, u32)>,
        /// When responses are fetched next.
        next_fetch_at: Option<Timestamp>,
    },
    /// `TRANSFER_MISSING`.
    TransferMissing {
        /// Responses not confirmed yet.
        waiting: u32,
        /// Files held.
        held_files: u32,
    },
    /// `WAIT_24H`.
    Wait24h {
        /// When the responses were entered.
        entered_at: Timestamp,
        /// 24 h later.
        earliest: Timestamp,
    },
    /// `LOT_IN_DOUBT`: the lots.
    LotInDoubt(Vec<u32>),
}

/// Two instants of a calendar that stand in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The opening comes before the closing.
    OpensBeforeCloses,
    /// The end comes after the reopening.
    ReopensBeforeEnds,
    /// Without reopening, the end comes after the closing.
    ClosesBeforeEnds,
}

/// Why a window is shut for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// Since this closing.
    Closed(Timestamp),
    /// Responses of the campaign were received.
    Responses,
    /// Since the campaign's end.
    Ended(Timestamp),
}

/// What became of a dérogation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plea {
    /// None was asked for.
    None,
    /// The configuration permits none.
    Forbidden,
    /// None lifts this rule.
    Powerless,
}

impl Why {
    /// The code of this reason.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::NoCalendar => RefusalCode::NoCalendar,
            Self::Unreachable => RefusalCode::Unreachable,
            Self::Clock { .. } => RefusalCode::Clock,
            Self::CivilTime(_) => RefusalCode::CivilTime,
            Self::CalendarOrder(_) => RefusalCode::CalendarOrder,
            Self::ClosesTooLate { .. } => RefusalCode::ClosesTooLate,
            Self::ReopensTooEarly { .. } => RefusalCode::ReopensTooEarly,
            Self::DivisionWithoutCouncil(_) => RefusalCode::DivisionWithoutCouncil,
            Self::CouncilTooSoon(_) => RefusalCode::CouncilTooSoon,
            Self::NotYet { .. } => RefusalCode::NotYet,
            Self::WindowClosed(_) => RefusalCode::WindowClosed,
            Self::ResponsesWhileOpen => RefusalCode::ResponsesWhileOpen,
            Self::CouncilNotHeld(_) => RefusalCode::CouncilNotHeld,
            Self::ResponsesMissing { .. } => RefusalCode::ResponsesMissing,
            Self::TransferMissing { .. } => RefusalCode::TransferMissing,
            Self::Wait24h { .. } => RefusalCode::Wait24h,
            Self::LotInDoubt(_) => RefusalCode::LotInDoubt,
        }
    }

    /// The instant from which it would be allowed, when time alone is missing (guard.md: `NOT_YET`, `COUNCIL_NOT_HELD`,
    /// `WAIT_24H`).
    const fn earliest(&self) -> Option<Timestamp> {
        match self {
            Self::NotYet { opens } => Some(*opens),
            Self::CouncilNotHeld(council) => Some(council.at),
            Self::Wait24h { earliest, .. } => Some(*earliest),
            Self::NoCalendar
            | Self::Unreachable
            | Self::Clock { .. }
            | Self::CivilTime(_)
            | Self::CalendarOrder(_)
            | Self::ClosesTooLate { .. }
            | Self::ReopensTooEarly { .. }
            | Self::DivisionWithoutCouncil(_)
            | Self::CouncilTooSoon(_)
            | Self::WindowClosed(_)
            | Self::ResponsesWhileOpen
            | Self::ResponsesMissing { .. }
            | Self::TransferMissing { .. }
            | Self::LotInDoubt(_) => None,
        }
    }
}

impl Refusal {
    /// The refusal for a reason.
    pub const fn new(why: Why) -> Self {
        Self { code: why.code(), earliest: why.earliest(), why, plea: Plea::None }
    }
}

impl From<CivilFault> for Refusal {
    fn from(fault: CivilFault) -> Self {
        Self::new(Why::CivilTime(fault))
    }
}

/// Whether `action` may be done at `now`: the first code that applies, in the order of the table, refuses it.
pub fn decide<A: Action>(
    facts: &Facts,
    action: A,
    now: Timestamp,
    derogation: Option<Derogation>,
    policy: Policy,
) -> Verdict<A> {
    if let Some(why) = action.unknown(facts) {
        return Verdict::Refused(refusal(why, derogation.as_ref(), policy));
    }
    if action.already(facts) {
        return Verdict::Already;
    }
    let lifts = |code: RefusalCode| derogation.is_some() && policy.overrides && code.can_be_lifted();
    let mut lifted = false;
    for why in action.refusals(facts, now) {
        if !lifts(why.code()) {
            return Verdict::Refused(refusal(why, derogation.as_ref(), policy));
        }
        lifted = true;
    }
    // A dérogation that nothing needed is none: the journal shows those that mattered.
    let derogation = derogation.filter(|_| lifted);
    Verdict::Allowed(Permit { action, campaign: facts.key(), derogation })
}

fn refusal(why: Why, derogation: Option<&Derogation>, policy: Policy) -> Refusal {
    let plea = match derogation {
        None => Plea::None,
        Some(_) if why.code().can_be_lifted() && !policy.overrides => Plea::Forbidden,
        Some(_) => Plea::Powerless,
    };
    Refusal { plea, ..Refusal::new(why) }
}
