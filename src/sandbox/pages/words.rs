//! What families and staff read: the guide's own words, and ours where it has none.

use crate::domain::{
    campaign::Phase,
    event::RawChoice,
    pupil::{Pupil, Representative},
    response::OpinionValue,
    time::{Timestamp, Zone},
    track::{Status, Track},
};
use crate::sandbox::rules::EntryCode;

/// Above a form with errors (the guide, § 2).
pub const CORRECT: &str = "Veuillez corriger le formulaire avant de valider vos choix.";
/// A choice without track (the guide, § 2).
pub const NO_TRACK: &str = "Vous devez sélectionner une voie.";
/// A vocational choice without its wish (R03).
pub const NO_FORMATION: &str = "Vous devez indiquer un métier ou une formation.";
/// A vocational choice without status (R03).
pub const NO_STATUS: &str = "Vous devez sélectionner un statut.";
/// The procedure's limits (the guide, § 2; R06).
pub const OUT_OF_PROCEDURE: &str = "Cette procédure de dialogue ne s'applique pas au redoublement exceptionnel décidé par \
    le chef d'établissement, ni aux parcours particuliers hors système éducatif (services médicalisés, sociaux...) pour \
    lesquels une procédure spécifique existe par ailleurs. Si vous êtes dans une de ces situations, veuillez contacter le \
    chef d'établissement.";

/// A phase that is only read while the other one is open.
pub const PHASE_CLOSED: &str = "La saisie de cette phase est fermée : elle reste consultable.";

/// The tab of a phase.
pub const fn tab(phase: Phase) -> &'static str {
    match phase {
        Phase::Provisional => "1 Intentions provisoires",
        Phase::Definitive => "2 Choix définitifs",
    }
}

/// The heading of the entry of a phase.
pub const fn heading(phase: Phase) -> &'static str {
    match phase {
        Phase::Provisional => {
            "Deuxième trimestre ou premier semestre : DEMANDE(S) DES REPRÉSENTANTS LÉGAUX / Intention(s) provisoire(s)"
        }
        Phase::Definitive => {
            "Troisième trimestre ou second semestre : DEMANDE(S) DES REPRÉSENTANTS LÉGAUX / Choix définitif(s)"
        }
    }
}

/// A phase, as the council names it.
pub const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Provisional => "Phase provisoire",
        Phase::Definitive => "Phase définitive",
    }
}

/// Where the entry of a phase is.
pub const fn address(phase: Phase) -> &'static str {
    match phase {
        Phase::Provisional => "/teleservice/intentions",
        Phase::Definitive => "/teleservice/choix",
    }
}

/// Why a representative may not do what was tried.
pub const fn refusal(code: EntryCode) -> &'static str {
    match code {
        EntryCode::Closed => "Le service Orientation est fermé : aucune saisie n'est possible.",
        EntryCode::OutOfProcedure => OUT_OF_PROCEDURE,
        EntryCode::Choices | EntryCode::Track => CORRECT,
        EntryCode::NotOwner => {
            "Une phase renseignée par un représentant ne peut être modifiée que par ce représentant : sa saisie est en \
             lecture seule pour le second parent et l'élève."
        }
        EntryCode::AckMissing => {
            "La saisie des choix définitifs est possible uniquement après avoir accusé réception de l'avis du conseil de \
             classe pour la phase provisoire."
        }
        EntryCode::Locked => {
            "La réponse du conseil de classe a été transmise : ces choix ne peuvent plus être modifiés."
        }
        EntryCode::NoResponse => "Il n'y a pas encore de réponse du conseil de classe.",
    }
}

/// An opinion.
pub const fn opinion(value: OpinionValue) -> &'static str {
    match value {
        OpinionValue::Favourable => "Favorable",
        OpinionValue::Reserved => "Réservé",
        OpinionValue::Unfavourable => "Défavorable",
    }
}

/// A wished status, as the recap says it.
pub const fn status(status: Status) -> &'static str {
    match status {
        Status::School => "Sous statut scolaire",
        Status::Apprentice => "Sous statut d'apprenti",
    }
}

/// What a track is called; a code that is none stands for itself.
pub fn track(code: &str) -> String {
    Track::of_code(code).map_or_else(|| code.to_owned(), |track| track.label().to_owned())
}

/// One choice as it is read.
pub struct ChoiceWords {
    /// Its rank.
    pub rank: i64,
    /// Its track.
    pub track: String,
    /// *Métier ou formation*, where there is one.
    pub formation: Option<String>,
    /// The wished status, where there is one.
    pub status: Option<&'static str>,
}

/// Choices as they are read.
pub fn choices(choices: &[RawChoice]) -> Vec<ChoiceWords> {
    let words = |choice: &RawChoice| ChoiceWords {
        rank: choice.rank,
        track: track(&choice.track),
        formation: choice.formation.clone(),
        status: choice.status.as_deref().and_then(Status::of_code).map(status),
    };
    choices.iter().map(words).collect()
}

/// An instant to the second, as the recap says it: `12/12/2019 à 10:58:42`.
pub fn stamp(at: Timestamp, zone: Zone) -> String {
    at.civil_in(zone).format("%d/%m/%Y à %H:%M:%S").to_string()
}

/// A pupil's name.
pub fn pupil(pupil: &Pupil) -> String {
    format!("{} {}", pupil.first_name.reveal(), pupil.last_name.reveal())
}

/// A representative's name.
pub fn person(one: &Representative) -> String {
    let name = format!("{} {} {}", one.title.reveal(), one.first_name.reveal(), one.last_name.reveal());
    name.trim().to_owned()
}
