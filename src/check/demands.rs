//! The rules that one validated demand must keep: R02, R03, R04, R05, R12. The first that it breaks is named.

use crate::check::{events::PupilState, text};
use crate::domain::{
    anomaly::Code,
    campaign::Phase,
    demand::{CHOICES_MAX, Choice, Choices, Formation},
    event::{RawChoice, RawDemand},
    pupil::Pupil,
    school::Level,
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
    let choices = choices_of(&raw.choices, pupil.level).map_err(|Flaw(code, what)| breach(code, &what))?;
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

/// What choices say against themselves: the rule's code, and where.
pub struct Flaw(pub Code, pub String);

/// The choices of a demand at a level, judged by what they say alone: R02, R03 and their texts.
///
/// # Errors
/// The first rule that they break.
pub fn choices_of(raw: &[RawChoice], level: Level) -> Result<Choices, Flaw> {
    let typed = cleaned(raw).map_err(|rank| Flaw(Code::Texte, format!("rang {rank}")))?;
    let ranked = typed.iter().map(|choice| choice.rank).eq(1..=i64::try_from(typed.len()).unwrap_or(i64::MAX));
    if typed.is_empty() || CHOICES_MAX < typed.len() || !ranked || any_alike(&typed) {
        return Err(Flaw(Code::Choix, String::new()));
    }
    let choices: Vec<Choice> = typed
        .iter()
        .map(|choice| choice_of(choice).ok_or_else(|| Flaw(Code::Voie, format!("rang {}", choice.rank))))
        .collect::<Result<_, _>>()?;
    Choices::new(level, choices).map_err(|fault| Flaw(fault.code(), "palier".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::{Breach, check};
    use crate::check::events::{Lock, PhaseState, PupilState};
    use crate::domain::{
        anomaly::Code,
        campaign::Phase,
        event::{RawChoice, RawDemand},
        pupil::{Division, Private, Pupil, PupilId, Representative, RepresentativeId},
        school::Level,
    };
    use rstest::rstest;
    use std::collections::BTreeMap;

    const SEQ: u64 = 10;

    fn choice(rank: i64, track: &str, vocational: [Option<&str>; 3]) -> RawChoice {
        let [formation, code, status] = vocational.map(|text| text.map(str::to_owned));
        RawChoice { rank, track: track.to_owned(), formation, code, status }
    }

    fn plain(rank: i64, track: &str) -> RawChoice {
        choice(rank, track, [None; 3])
    }

    fn bois(rank: i64) -> RawChoice {
        choice(rank, "2PRO", [Some("Bois"), None, Some("ST")])
    }

    fn pupil(level: Level) -> Pupil {
        let text = || Private::new(String::new());
        let representative = Representative {
            id: RepresentativeId(1),
            rank: 1,
            title: text(),
            last_name: text(),
            first_name: text(),
            email: None,
        };
        Pupil {
            id: PupilId(100),
            ine: None,
            level,
            division: Division::parse("3 A").unwrap(),
            last_name: text(),
            first_name: text(),
            in_procedure: true,
            representatives: vec![representative],
        }
    }

    fn demand(level: Level, version: u32, by: i64, choices: Vec<RawChoice>) -> RawDemand {
        let (pupil, representative) = (PupilId(100), RepresentativeId(by));
        RawDemand { pupil, level, phase: Phase::Definitive, version, representative, choices }
    }

    /// The code and detail of the rule broken, or the codes of the tracks accepted.
    fn judged(raw: &RawDemand, level: Level, state: &PupilState) -> String {
        match check(raw, SEQ, &pupil(level), state) {
            Ok(choices) => choices.as_slice().iter().map(|choice| choice.track().code()).collect::<Vec<_>>().join(" "),
            Err(Breach { code, detail }) => format!("{}: {detail}", code.as_str()),
        }
    }

    #[rstest]
    // R02: one to three, ranks 1..n, no two alike.
    #[case(vec![plain(1, "2GT")], "2GT")]
    #[case(vec![bois(3), plain(1, "2GT"), choice(2, "1CAP", [Some("Bois"), None, Some("AP")])], "2GT 1CAP 2PRO")]
    #[case(vec![], "CHOIX: version 7")]
    #[case(vec![plain(1, "2GT"), bois(2), choice(3, "1CAP", [Some("Bois"), None, Some("ST")]), choice(4, "1CAP", [Some("Fer"), None, Some("ST")])], "CHOIX: version 7")]
    #[case(vec![plain(2, "2GT")], "CHOIX: version 7")]
    #[case(vec![plain(0, "2GT")], "CHOIX: version 7")]
    #[case(vec![plain(1, "2GT"), bois(3)], "CHOIX: version 7")]
    #[case(vec![plain(1, "2GT"), bois(1)], "CHOIX: version 7")]
    #[case(vec![plain(1, "2GT"), plain(2, "2GT")], "CHOIX: version 7")]
    #[case(vec![bois(1), choice(2, "2PRO", [Some(" Bois\t"), None, Some("ST")])], "CHOIX: version 7")]
    #[case(vec![plain(1, "2GT"), bois(2), bois(3)], "CHOIX: version 7")]
    #[case(vec![bois(1), choice(2, "2PRO", [Some("Bois"), None, Some("AP")])], "2PRO 2PRO")]
    #[case(vec![bois(1), choice(2, "2PRO", [Some("Bois"), Some("2470000001"), Some("ST")])], "2PRO 2PRO")]
    // R03: a track of the level, formation and status exactly when it needs them.
    #[case(vec![plain(1, "2gt")], "VOIE: version 7, rang 1")]
    #[case(vec![plain(1, "1G")], "VOIE: version 7, palier")]
    #[case(vec![plain(1, "2GT"), plain(2, "2PRO")], "VOIE: version 7, rang 2")]
    #[case(vec![choice(1, "2PRO", [Some("Bois"), None, None])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2PRO", [None, None, Some("ST")])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2PRO", [None, Some("2470000001"), None])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2PRO", [Some("Bois"), None, Some("XX")])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2PRO", [Some("Bois"), Some("247"), Some("ST")])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2PRO", [Some("Bois"), Some("24700000011"), Some("ST")])], "2PRO")]
    #[case(vec![choice(1, "2PRO", [Some(" \u{a0}"), None, Some("ST")])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2GT", [Some("Bois"), None, Some("ST")])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2GT", [None, Some("2470000001"), None])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2GT", [None, None, Some("ST")])], "VOIE: version 7, rang 1")]
    #[case(vec![choice(1, "2GT", [Some(" "), Some(""), Some("")])], "2GT")]
    // Texts come first, then counts and ranks, then tracks.
    #[case(vec![choice(4, "2PRO", [Some("Bo\u{7}is"), None, Some("ST")])], "TEXTE: version 7, rang 4")]
    #[case(vec![choice(1, "2PRO", [Some("Bois"), Some("2\u{7}"), Some("ST")])], "TEXTE: version 7, rang 1")]
    #[case(vec![choice(1, "2PRO", [Some("Bois"), None, Some("S\u{7}")])], "TEXTE: version 7, rang 1")]
    #[case(vec![plain(1, "?"), plain(2, "?")], "CHOIX: version 7")]
    fn ranks_and_tracks(#[case] choices: Vec<RawChoice>, #[case] expected: &str) {
        let raw = demand(Level::Troisieme, 7, 1, choices);
        assert_eq!(judged(&raw, Level::Troisieme, &PupilState::default()), expected);
    }

    #[rstest]
    #[case(Level::SecondeGt, Level::SecondeGt, "1G", "1G")]
    #[case(Level::SecondeGt, Level::SecondeGt, "2GT", "VOIE: version 7, palier")]
    #[case(Level::Troisieme, Level::SecondeGt, "2GT", "VOIE: version 7, palier")]
    #[case(Level::Troisieme, Level::SecondeGt, "1G", "VOIE: version 7, palier")]
    fn levels(#[case] named: Level, #[case] of_pupil: Level, #[case] track: &str, #[case] expected: &str) {
        let raw = demand(named, 7, 1, vec![plain(1, track)]);
        assert_eq!(judged(&raw, of_pupil, &PupilState::default()), expected);
    }

    #[rstest]
    #[case(6, 1, "2GT")]
    #[case(7, 1, "EVENEMENT: version 7, dernière 7")]
    #[case(8, 2, "EVENEMENT: version 7, dernière 8")]
    #[case(6, 2, "PROPRIETAIRE: version 7")]
    fn owner_and_version(#[case] last: u32, #[case] by: i64, #[case] expected: &str) {
        let phase = PhaseState { owner: Some(RepresentativeId(1)), last: Some((last, 3)), ..PhaseState::default() };
        let phases = BTreeMap::from([(Phase::Definitive, phase)]);
        let raw = demand(Level::Troisieme, 7, by, vec![plain(1, "2GT")]);
        assert_eq!(judged(&raw, Level::Troisieme, &PupilState { phases, ..PupilState::default() }), expected);
    }

    #[test]
    fn an_owner_who_is_no_representative_any_more_changes_nothing() {
        let phase = PhaseState { owner: Some(RepresentativeId(5)), ..PhaseState::default() };
        let phases = BTreeMap::from([(Phase::Definitive, phase)]);
        let state = PupilState { phases, ..PupilState::default() };
        for by in [5, 1] {
            let raw = demand(Level::Troisieme, 7, by, vec![plain(1, "2GT")]);
            assert_eq!(judged(&raw, Level::Troisieme, &state), "PROPRIETAIRE: version 7");
        }
    }

    #[rstest]
    #[case(None, None, None, None)]
    #[case(Some(9), None, None, Some(Code::AccuseManquant))]
    #[case(Some(10), None, None, None)]
    #[case(Some(8), Some(9), None, None)]
    #[case(Some(9), Some(8), None, None)]
    #[case(Some(8), Some(10), None, Some(Code::AccuseManquant))]
    #[case(None, None, Some(9), Some(Code::Verrouillee))]
    #[case(None, None, Some(10), None)]
    #[case(Some(8), None, Some(9), Some(Code::AccuseManquant))]
    #[case(Some(7), Some(8), Some(9), Some(Code::Verrouillee))]
    fn locks_and_acknowledgements(
        #[case] provisional: Option<u64>,
        #[case] acknowledged_seq: Option<u64>,
        #[case] definitive: Option<u64>,
        #[case] expected: Option<Code>,
    ) {
        let phase =
            |seq: Option<u64>| PhaseState { locked: seq.map(|seq| Lock { seq, order: 1 }), ..PhaseState::default() };
        let phases = BTreeMap::from([(Phase::Provisional, phase(provisional)), (Phase::Definitive, phase(definitive))]);
        let state = PupilState { phases, acknowledged_seq, ..PupilState::default() };
        let raw = demand(Level::Troisieme, 7, 1, vec![plain(1, "2GT")]);
        let judged = check(&raw, SEQ, &pupil(Level::Troisieme), &state);
        assert_eq!(judged.err().map(|breach| breach.code), expected);
    }
}
