//! Words of the pages for what the store and the nights call by code, and the page for what is not there.

use crate::domain::time::{DAY_S, HOUR_S, MINUTE_S, Timestamp};
use crate::nights::NightOutcome;
use crate::store::{
    ledger::{HoldKind, LotState},
    responses::FileState,
};
use askama::Template;

/// No such school.
#[derive(Template)]
#[template(path = "unknown.html", config = "src/askama.toml")]
pub struct Unknown;

/// Where a lot stands.
pub const fn lot(state: LotState) -> &'static str {
    match state {
        LotState::Intended => "à envoyer",
        LotState::Sent => "envoyé, compte rendu attendu",
        LotState::Acknowledged => "reçu par Siècle",
        LotState::Rejected => "refusé par Siècle",
        LotState::InDoubt => "en doute",
        LotState::Replaced => "remplacé par un envoi plus récent",
        LotState::Abandoned => "abandonné",
    }
}

/// What became of a response file.
pub const fn file(state: FileState) -> &'static str {
    match state {
        FileState::Taken => "pris",
        FileState::Held => "retenu jusqu'à la fermeture",
        FileState::Refused => "refusé",
    }
}

/// What is held.
pub const fn hold(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::Demands => "Des demandes disparaîtraient de Siècle",
        HoldKind::Responses => "Des réponses déjà transmises changeraient",
    }
}

/// How a night ended.
pub const fn night(outcome: Option<NightOutcome>) -> &'static str {
    match outcome {
        Some(NightOutcome::Ok) => "réussie",
        Some(NightOutcome::Failed) => "échouée, reprise d'elle-même",
        None => "en cours",
    }
}

/// How far off an instant is, in its largest unit.
pub fn away(at: Timestamp, now: Timestamp) -> String {
    let distance_s = at.since_ms(now) / 1_000;
    let size_s = distance_s.abs();
    let (count, unit) = if 2 * DAY_S <= size_s {
        (size_s / DAY_S, "jours")
    } else if 2 * HOUR_S <= size_s {
        (size_s / HOUR_S, "heures")
    } else {
        (size_s / MINUTE_S, "min")
    };
    if 0 <= distance_s { format!("dans {count} {unit}") } else { format!("il y a {count} {unit}") }
}
