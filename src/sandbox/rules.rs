//! The rules of entry, as the téléservice applies them while families type (domain.md, T). The first that applies is said.

use crate::domain::{
    campaign::Phase,
    event::RawChoice,
    pupil::RepresentativeId,
    school::Level,
    track::{MefCode, Status, Track},
};
use crate::sandbox::desk::Record;

/// A demand has at most three choices (R02).
const CHOICES_MAX: usize = 3;

/// What the téléservice tells a representative who may not do what was tried (guard.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum EntryCode {
    /// The switch is off.
    #[error("CLOSED")]
    Closed,
    /// R06, and pupils who are not at the school.
    #[error("OUT_OF_PROCEDURE")]
    OutOfProcedure,
    /// R02.
    #[error("CHOICES")]
    Choices,
    /// R03.
    #[error("TRACK")]
    Track,
    /// R04, and people who represent somebody else.
    #[error("NOT_OWNER")]
    NotOwner,
    /// R05.
    #[error("ACK_MISSING")]
    AckMissing,
    /// R12.
    #[error("LOCKED")]
    Locked,
    /// There is nothing to acknowledge or to reply to.
    #[error("NO_RESPONSE")]
    NoResponse,
}

impl EntryCode {
    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::Closed,
        Self::OutOfProcedure,
        Self::Choices,
        Self::Track,
        Self::NotOwner,
        Self::AckMissing,
        Self::Locked,
        Self::NoResponse,
    ];

    /// The code as scenarios expect it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::OutOfProcedure => "OUT_OF_PROCEDURE",
            Self::Choices => "CHOICES",
            Self::Track => "TRACK",
            Self::NotOwner => "NOT_OWNER",
            Self::AckMissing => "ACK_MISSING",
            Self::Locked => "LOCKED",
            Self::NoResponse => "NO_RESPONSE",
        }
    }
}

/// Whether `by` may validate `choices` for a pupil while the window is `open`.
///
/// # Errors
/// The first rule that forbids it.
pub fn may_validate(
    record: Option<&Record>,
    phase: Phase,
    by: RepresentativeId,
    choices: &[RawChoice],
    open: bool,
) -> Result<(), EntryCode> {
    let record = before_the_desk(record, open)?;
    if !counts_and_ranks_fit(choices) {
        return Err(EntryCode::Choices);
    }
    if !choices.iter().all(|choice| track_fits(choice, record.pupil.level)) {
        return Err(EntryCode::Track);
    }
    may_change(record, phase, by)
}

/// Whether `by` may type choices for a pupil at all, whatever they are: the same rules but R02 and R03.
///
/// # Errors
/// The first rule that forbids it.
pub fn may_enter(record: Option<&Record>, phase: Phase, by: RepresentativeId, open: bool) -> Result<(), EntryCode> {
    may_change(before_the_desk(record, open)?, phase, by)
}

fn before_the_desk(record: Option<&Record>, open: bool) -> Result<&Record, EntryCode> {
    if !open {
        return Err(EntryCode::Closed);
    }
    record.filter(|record| record.present && record.pupil.in_procedure).ok_or(EntryCode::OutOfProcedure)
}

fn may_change(record: &Record, phase: Phase, by: RepresentativeId) -> Result<(), EntryCode> {
    let entry = record.phases.get(&phase);
    let owned_by_other = entry.and_then(|entry| entry.owner).is_some_and(|owner| owner != by);
    if !record.is_represented_by(by) || owned_by_other {
        return Err(EntryCode::NotOwner);
    }
    let has_opinion = record.phases.get(&Phase::Provisional).is_some_and(|entry| entry.response.is_some());
    if phase == Phase::Definitive && has_opinion && record.acknowledgements.is_empty() {
        return Err(EntryCode::AckMissing);
    }
    if entry.is_some_and(|entry| entry.locked_by.is_some()) {
        return Err(EntryCode::Locked);
    }
    Ok(())
}

/// Whether `by` may acknowledge the provisional opinion while one of the two windows that allow it is `open`.
///
/// # Errors
/// `Closed`, `NoResponse` or `NotOwner`, in this order.
pub fn may_acknowledge(record: Option<&Record>, by: RepresentativeId, open: bool) -> Result<(), EntryCode> {
    if !open {
        return Err(EntryCode::Closed);
    }
    let record = answered(record, Phase::Provisional)?;
    if record.is_represented_by(by) { Ok(()) } else { Err(EntryCode::NotOwner) }
}

/// Whether `by` may reply to the proposals, accepting `accepted`, while the definitive window is `open`. A reply belongs
/// to whoever gave it first.
///
/// # Errors
/// `Closed`, `NoResponse` (no proposals, or none of an accepted track) or `NotOwner`, in this order.
pub fn may_reply(
    record: Option<&Record>,
    by: RepresentativeId,
    accepted: &[Track],
    open: bool,
) -> Result<(), EntryCode> {
    if !open {
        return Err(EntryCode::Closed);
    }
    let record = answered(record, Phase::Definitive)?;
    if !accepted.iter().all(|track| record.is_proposed(*track)) {
        return Err(EntryCode::NoResponse);
    }
    let first = record.replies.first().map(|reply| reply.representative);
    if record.is_represented_by(by) && first.is_none_or(|first| first == by) {
        Ok(())
    } else {
        Err(EntryCode::NotOwner)
    }
}

fn answered(record: Option<&Record>, phase: Phase) -> Result<&Record, EntryCode> {
    let has_response = |record: &&Record| record.phases.get(&phase).is_some_and(|entry| entry.response.is_some());
    record.filter(|record| record.present).filter(has_response).ok_or(EntryCode::NoResponse)
}

/// R02: one to three choices, ranks 1..n without a hole, no two alike.
fn counts_and_ranks_fit(choices: &[RawChoice]) -> bool {
    let counted = (1..=CHOICES_MAX).contains(&choices.len());
    let ranked = (1_i64..).zip(choices).all(|(rank, choice)| choice.rank == rank);
    let alike =
        |(at, choice): (usize, &RawChoice)| choices.iter().skip(at + 1).any(|other| wish(choice) == wish(other));
    counted && ranked && !choices.iter().enumerate().any(alike)
}

/// What a choice asks for: its label as people read it, whatever the spaces in it.
fn wish(choice: &RawChoice) -> (&str, Option<String>, Option<&str>, Option<&str>) {
    let label = choice.formation.as_deref().map(|label| label.split_whitespace().collect::<Vec<_>>().join(" "));
    (&choice.track, label, choice.code.as_deref(), choice.status.as_deref())
}

/// R03: a track of the level, with formation and status exactly when it needs them.
fn track_fits(choice: &RawChoice, level: Level) -> bool {
    let Some(track) = Track::of_code(&choice.track).filter(|track| track.level() == level) else { return false };
    let label = choice.formation.as_deref().map(str::trim);
    if track.needs_formation() {
        label.is_some_and(|label| !label.is_empty())
            && choice.status.as_deref().and_then(Status::of_code).is_some()
            && choice.code.as_deref().is_none_or(|code| MefCode::parse(code).is_ok())
    } else {
        label.is_none() && choice.status.is_none() && choice.code.is_none()
    }
}
