//! Alerts: what is raised beside the states, in time to act, each with what to do.

use crate::domain::{
    pupil::Division,
    time::{DAY_S, Timestamp, Zone, french},
};
use crate::guard::{OrderAction, enforce::enforce, facts::Facts, state::State};

/// What else is known of the school at that instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whether the latest night failed.
    pub last_night_failed: bool,
    /// The next slot.
    pub next_slot_at: Timestamp,
    /// Whether the feed stopped.
    pub feed_stopped: bool,
    /// Response files of the campaign that were refused, by `NUM_ENVOI`.
    pub refused_files: Vec<u32>,
    /// Lots of the campaign that Siècle refused for good.
    pub rejected_lots: Vec<u32>,
    /// A far side refuses who we say we are (401 or 403).
    pub set_up_refused: bool,
    /// Whether the configuration lets navette order something, or only watch.
    pub enforced: bool,
}

/// The code of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertCode {
    /// The last night before the first council failed.
    NightFailed,
    /// A lot's receipt may not come before the council.
    ReceiptLate,
    /// The téléservice does not answer near the deadline.
    Unreachable,
    /// A division has no council.
    DivisionWithoutCouncil,
    /// A clock is out of step.
    Clock,
    /// The feed stopped.
    FeedStopped,
    /// A response file was refused.
    FileRefused,
    /// A lot was refused for good.
    LotRejected,
    /// A far side refuses who we say we are.
    SetUp,
    /// Something is due that the configuration forbids navette to order.
    NotOrdered,
}

impl AlertCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::NightFailed,
        Self::ReceiptLate,
        Self::Unreachable,
        Self::DivisionWithoutCouncil,
        Self::Clock,
        Self::FeedStopped,
        Self::FileRefused,
        Self::LotRejected,
        Self::SetUp,
        Self::NotOrdered,
    ];

    /// The code as reports and screens name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NightFailed => "NIGHT_FAILED",
            Self::ReceiptLate => "RECEIPT_LATE",
            Self::Unreachable => "UNREACHABLE",
            Self::DivisionWithoutCouncil => "DIVISION_WITHOUT_COUNCIL",
            Self::Clock => "CLOCK",
            Self::FeedStopped => "FEED_STOPPED",
            Self::FileRefused => "FILE_REFUSED",
            Self::LotRejected => "LOT_REJECTED",
            Self::SetUp => "SET_UP",
            Self::NotOrdered => "NOT_ORDERED",
        }
    }
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its code.
    pub code: AlertCode,
    /// What to do, one French sentence.
    pub todo: String,
}

impl Facts {
    /// The alerts at `now`, in the order of their codes.
    pub fn alerts(&self, now: Timestamp, watch: &Watch) -> Vec<Alert> {
        let councils = self.alerts_before_the_councils(now, watch);
        let rest = self.alerts_at_any_time(now, watch);
        let raised = councils.into_iter().flatten().chain(rest.into_iter().flatten());
        raised.map(|(code, todo)| Alert { code, todo }).collect()
    }

    fn alerts_before_the_councils(&self, now: Timestamp, watch: &Watch) -> [Option<(AlertCode, String)>; 3] {
        let uai = self.key().school.uai;
        let local = |at| in_zone(at, self.zone());
        [
            self.night_failed(now, watch).map(local).map(|council| {
                let todo = format!(
                    "La dernière nuit avant le premier conseil ({council}) a échoué : lancez « navette resync {uai} » \
                     dès que les deux services répondent."
                );
                (AlertCode::NightFailed, todo)
            }),
            self.receipt_late(now).map(local).map(|council| {
                let todo = format!(
                    "Siècle n'a pas encore rendu compte du dernier envoi et le premier conseil commence {council} : \
                     faites traiter le dépôt dans Siècle sans attendre son prochain passage."
                );
                (AlertCode::ReceiptLate, todo)
            }),
            self.unreachable_near_closing(now).map(local).map(|closing| {
                let todo = format!(
                    "Le téléservice ne répond pas alors qu'il doit être fermé {closing} : rétablissez la liaison ou \
                     fermez-le sur place."
                );
                (AlertCode::Unreachable, todo)
            }),
        ]
    }

    fn alerts_at_any_time(&self, now: Timestamp, watch: &Watch) -> [Option<(AlertCode, String)>; 7] {
        let uai = self.key().school.uai;
        [
            self.division_lacking(now).map(|divisions| {
                let todo = format!(
                    "Aucun conseil n'est prévu pour {} : complétez le calendrier avec « navette calendar load ».",
                    listed(&divisions)
                );
                (AlertCode::DivisionWithoutCouncil, todo)
            }),
            self.far().excessive_skew_ms().map(|skew_ms| {
                let todo = format!(
                    "L'horloge de cette machine s'écarte de {} s de celle d'un service : remettez-la à l'heure, \
                     car d'ici là rien ne s'ouvre et aucune réponse n'est prise.",
                    skew_ms.unsigned_abs() / 1_000
                );
                (AlertCode::Clock, todo)
            }),
            watch.feed_stopped.then(|| {
                let todo = format!(
                    "Le flux du téléservice est arrêté : consultez « navette anomalies list », puis passez le trou \
                     avec « navette anomalies settle » ou relisez tout avec « navette resync --reread {uai} »."
                );
                (AlertCode::FeedStopped, todo)
            }),
            (!watch.refused_files.is_empty()).then(|| {
                let todo = format!(
                    "Fichier de réponses refusé (envoi {}) : « navette check » en nomme chaque défaut ; faites publier par \
                     Siècle un fichier corrigé sous un nouveau numéro.",
                    numbers(&watch.refused_files)
                );
                (AlertCode::FileRefused, todo)
            }),
            (!watch.rejected_lots.is_empty()).then(|| {
                let todo = format!(
                    "Siècle a refusé l'envoi {} : consultez « navette lots show », corrigez la cause, puis renvoyez-le \
                     avec « navette lots retry ».",
                    numbers(&watch.rejected_lots)
                );
                (AlertCode::LotRejected, todo)
            }),
            watch.set_up_refused.then(|| {
                let todo = "Un service refuse l'identité de navette : renouvelez le certificat ou le jeton, puis \
                            vérifiez avec « navette doctor »."
                    .to_owned();
                (AlertCode::SetUp, todo)
            }),
            enforce(self, now).filter(|_| !watch.enforced).map(|duty| {
                let (what, command) = match duty.action {
                    OrderAction::Open => ("ouvert", "open"),
                    OrderAction::Reopen => ("rouvert", "reopen"),
                    OrderAction::Close | OrderAction::End => ("fermé", "close"),
                };
                let todo = format!(
                    "Le service doit être {what}, et la configuration défend à navette de l'ordonner (enforce = false) : \
                     lancez « navette window {command} {uai} » ou remettez enforce = true."
                );
                (AlertCode::NotOrdered, todo)
            }),
        ]
    }

    /// The first council that the failed night was the last to serve.
    fn night_failed(&self, now: Timestamp, watch: &Watch) -> Option<Timestamp> {
        let first = self.first_council()?;
        let was_the_last = now < first && first <= watch.next_slot_at;
        (watch.last_night_failed && was_the_last && self.demands_in_at().is_none()).then_some(first)
    }

    /// The first council, less than a day away, that an awaited receipt may miss: a Siècle that treats deposits twice a
    /// day can keep a lot for half a day.
    fn receipt_late(&self, now: Timestamp) -> Option<Timestamp> {
        let first = self.first_council()?;
        let eve = now < first && first.plus_s(-DAY_S) < now;
        (eve && !self.open() && self.demands_in_at().is_none() && self.receipt_awaited()).then_some(first)
    }

    /// The closing, less than a day away or past, of a service that is open and cannot be reached.
    fn unreachable_near_closing(&self, now: Timestamp) -> Option<Timestamp> {
        let closing = self.calendar()?.closing();
        let near = closing.plus_s(-DAY_S) <= now;
        (near && self.open() && !self.reopened() && !self.far().reachable).then_some(closing)
    }

    fn division_lacking(&self, now: Timestamp) -> Option<Vec<Division>> {
        let divisions = self.divisions_without_council();
        (!divisions.is_empty() && self.state(now) != State::Ended).then_some(divisions)
    }
}

/// `le jeudi 28 mai 2020 à 16:15`, in the school's zone.
pub fn in_zone(at: Timestamp, zone: Zone) -> String {
    format!("le {}", french(at.civil_in(zone)))
}

/// Divisions as French text.
pub fn listed(divisions: &[Division]) -> String {
    let names: Vec<_> = divisions.iter().map(Division::as_str).collect();
    let noun = if names.len() == 1 { "la division" } else { "les divisions" };
    format!("{noun} {}", names.join(", "))
}

/// Numbers as French text.
pub fn numbers(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
