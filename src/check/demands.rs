//! The rules that one validated demand must keep: R02, R03, R04, R05, R12. The first that it breaks is named.

use crate::check::{events::PupilState, text};
use crate::domain::{
    anomaly::Code,
    campaign::Phase,
    demand::{CHOICES_MAX, Choice, Choices, Formation},
    event::{RawChoice, RawDemand},
    pupil::Pupil,
    track::{MefCode, Status, Track},
};

/// A rule that a demand breaks.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::check) struct Breach {
    /// The rule's code.
    pub(in crate::check) code: Code,
    /// Version and rank, for people.
    pub(in crate::check) detail: String,
}

/// Judges a demand that stands at `seq`, by what was read before it.
///
/// # Errors
/// The first rule that it breaks.
pub(in crate::check) fn check(raw: &RawDemand, seq: u64, pupil: &Pupil, state: &PupilState) -> Result<Choices, Breach> {
    let breach = |code, what: &str| {
        let separator = if what.is_empty() { "" } else { ", " };
        Breach { code, detail: format!("version {}{separator}{what}", raw.version) }
    };
    let phase = state.phases.get(&raw.phase);
    let last = phase.and_then(|it| it.last).map_or(0, |(version, _)| version);
    if raw.version <= last {
        return Err(breach(Code::Evenement, &format!("dernière {last}")));
    }
    let typed = cleaned(&raw.choices).map_err(|rank| breach(Code::Texte, &format!("rang {rank}")))?;
    let ranked = typed.iter().map(|choice| choice.rank).eq(1..=i64::try_from(typed.len()).unwrap_or(i64::MAX));
    if typed.is_empty() || CHOICES_MAX < typed.len() || !ranked || any_alike(&typed) {
        return Err(breach(Code::Choix, ""));
    }
    let choices: Vec<Choice> = typed
        .iter()
        .map(|choice| choice_of(choice).ok_or_else(|| breach(Code::Voie, &format!("rang {}", choice.rank))))
        .collect::<Result<_, _>>()?;
    let choices = Choices::new(pupil.level, choices).map_err(|_| breach(Code::Voie, "palier"))?;
    if raw.level != pupil.level {
        return Err(breach(Code::Voie, "palier"));
    }
    // R04: the phase is its first validator's; before that, any representative's of the pupil.
    let owner = phase.and_then(|it| it.owner).unwrap_or(raw.representative);
    if owner != raw.representative || !pupil.representatives.iter().any(|it| it.id == raw.representative) {
        return Err(breach(Code::Proprietaire, ""));
    }
    let earlier = |at: Option<u64>| at.is_some_and(|at| at < seq);
    let locked = |phase| earlier(state.phases.get(&phase).and_then(|it| it.locked).map(|lock| lock.seq));
    // R05: only a pupil who has a provisional opinion must have acknowledged it.
    if raw.phase == Phase::Definitive && locked(Phase::Provisional) && !earlier(state.acknowledged_seq) {
        return Err(breach(Code::AccuseManquant, ""));
    }
    if locked(raw.phase) {
        return Err(breach(Code::Verrouillee, ""));
    }
    Ok(choices)
}

/// The choices by rank, their texts normalised and blank ones absent; else the rank of the first text that cannot be.
fn cleaned(choices: &[RawChoice]) -> Result<Vec<RawChoice>, i64> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let clean = |choice: &RawChoice| {
        let kept = |text: &Option<String>| text.as_deref().map(text::normalise).transpose().map(filled);
        let all = (kept(&choice.formation), kept(&choice.code), kept(&choice.status));
        let (Ok(formation), Ok(code), Ok(status)) = all else { return Err(choice.rank) };
        Ok(RawChoice { rank: choice.rank, track: choice.track.clone(), formation, code, status })
    };
    let mut cleaned: Vec<RawChoice> = choices.iter().map(clean).collect::<Result<_, _>>()?;
    cleaned.sort_by_key(|choice| choice.rank);
    Ok(cleaned)
}

fn any_alike(choices: &[RawChoice]) -> bool {
    let content = |choice: &RawChoice| RawChoice { rank: 0, ..choice.clone() };
    choices.iter().enumerate().any(|(at, choice)| choices.iter().skip(at + 1).any(|it| content(it) == content(choice)))
}

/// R03: a known track, with formation and status exactly when it needs them.
fn choice_of(raw: &RawChoice) -> Option<Choice> {
    let track = Track::of_code(&raw.track)?;
    let formation = match (&raw.formation, &raw.status) {
        (None, None) if raw.code.is_none() => None,
        (Some(label), Some(status)) => Some(Formation {
            label: label.clone(),
            code: raw.code.as_deref().map(MefCode::parse).transpose().ok()?,
            status: Status::of_code(status)?,
        }),
        (None | Some(_), None | Some(_)) => return None,
    };
    Choice::new(track, formation).ok()
}
