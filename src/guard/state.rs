//! The state of a campaign at an instant, the flag `AtRisk`, and the instants that come next.

use crate::domain::time::{DAY_S, Timestamp};
use crate::guard::{
    action::{Action, Reopen},
    facts::Facts,
};

/// Where a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Never opened.
    Planned,
    /// Open for the entry of demands.
    Open,
    /// Closed, the demands not yet carried.
    Closed,
    /// Closed, and Siècle acknowledged a lot cut since (R09).
    CouncilsReady,
    /// The councils were held and the responses entered; the way back or the 24 h are still missing.
    WaitingTransfer,
    /// A reopening would be allowed now.
    Reopenable,
    /// Open again.
    Reopened,
    /// Closed for good.
    Ended,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Planned,
        Self::Open,
        Self::Closed,
        Self::CouncilsReady,
        Self::WaitingTransfer,
        Self::Reopenable,
        Self::Reopened,
        Self::Ended,
    ];

    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "Planned",
            Self::Open => "Open",
            Self::Closed => "Closed",
            Self::CouncilsReady => "CouncilsReady",
            Self::WaitingTransfer => "WaitingTransfer",
            Self::Reopenable => "Reopenable",
            Self::Reopened => "Reopened",
            Self::Ended => "Ended",
        }
    }

    /// What staff read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Planned => "prévue, pas encore ouverte",
            Self::Open => "ouverte aux familles",
            Self::Closed => "fermée, demandes pas encore reçues par Siècle",
            Self::CouncilsReady => "fermée, les conseils peuvent se tenir",
            Self::WaitingTransfer => "fermée, réponses saisies, transfert ou délai de 24 heures en cours",
            Self::Reopenable => "fermée, la réouverture est permise",
            Self::Reopened => "rouverte aux familles",
            Self::Ended => "terminée",
        }
    }
}

impl State {
    /// The rule that holds now, one French sentence.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Planned => "Le service reste fermé jusqu'à l'ouverture prévue au calendrier.",
            Self::Open => {
                "Les familles saisissent leurs demandes, et navette ferme le service à la fermeture prévue, au plus tard \
                 24 heures avant le premier conseil (R08)."
            }
            Self::Closed => {
                "Le service est fermé avant les conseils (R08), et un passage doit encore porter les dernières demandes \
                 à Siècle (R09)."
            }
            Self::CouncilsReady => {
                "Siècle a toutes les demandes (R09) : les conseils peuvent se tenir, et navette reprend chaque nuit les \
                 réponses saisies."
            }
            Self::WaitingTransfer => {
                "Les conseils sont tenus et les réponses saisies : la réouverture attend leur transfert au téléservice \
                 et 24 heures après leur saisie (R10)."
            }
            Self::Reopenable => "Tout est en place pour rouvrir (R10) : la réouverture est permise dès maintenant.",
            Self::Reopened => {
                "Le service est rouvert jusqu'à la fin de la campagne : les familles prennent connaissance des réponses \
                 et y répondent (R15), une demande qui a reçu sa réponse ne change plus (R11)."
            }
            Self::Ended => "La campagne est terminée : le service ne s'ouvre plus.",
        }
    }
}

/// An instant of a campaign that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The service opens.
    Opening,
    /// The guard closes it.
    Closing,
    /// The latest legal closing (R08).
    Deadline,
    /// The first council.
    FirstCouncil,
    /// The last council.
    LastCouncil,
    /// A reopening is allowed, as far as time is concerned (R10).
    EarliestReopening,
    /// The planned reopening.
    Reopening,
    /// The end.
    End,
}

impl What {
    /// Every kind of instant.
    pub const ALL: [Self; 8] = [
        Self::Opening,
        Self::Closing,
        Self::Deadline,
        Self::FirstCouncil,
        Self::LastCouncil,
        Self::EarliestReopening,
        Self::Reopening,
        Self::End,
    ];

    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Closing => "closing",
            Self::Deadline => "deadline",
            Self::FirstCouncil => "first_council",
            Self::LastCouncil => "last_council",
            Self::EarliestReopening => "earliest_reopening",
            Self::Reopening => "reopening",
            Self::End => "end",
        }
    }

    /// What staff read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Opening => "ouverture",
            Self::Closing => "fermeture",
            Self::Deadline => "dernière fermeture permise (R08)",
            Self::FirstCouncil => "premier conseil",
            Self::LastCouncil => "dernier conseil",
            Self::EarliestReopening => "première réouverture permise (R10)",
            Self::Reopening => "réouverture prévue",
            Self::End => "fin de la campagne",
        }
    }
}

impl Facts {
    /// The state at `now`: the first that holds.
    pub fn state(&self, now: Timestamp) -> State {
        let ended = self.calendar().and_then(|it| it.ends).is_some_and(|ends| ends <= now);
        if self.open() {
            if self.reopened() { State::Reopened } else { State::Open }
        } else if ended {
            State::Ended
        } else if !self.ever_opened() {
            State::Planned
        } else if Reopen.refusals(self, now).is_empty() {
            State::Reopenable
        } else if self.last_council().is_some_and(|last| last <= now) && self.responses_entered_at().is_some() {
            State::WaitingTransfer
        } else if self.demands_in_at().is_some() {
            State::CouncilsReady
        } else {
            State::Closed
        }
    }

    /// Whether the first council is less than 24 h away, or has begun, without demands carried or responses entered.
    pub fn at_risk(&self, now: Timestamp) -> bool {
        let near = self.first_council().is_some_and(|first| first.since_ms(now) < DAY_S * 1_000);
        near && self.demands_in_at().is_none() && self.responses_entered_at().is_none()
    }

    /// The earliest reopening as far as time is concerned, once the responses are entered (R10).
    pub fn earliest_reopening(&self) -> Option<Timestamp> {
        let after_entry = self.responses_entered_at()?.plus_s(DAY_S);
        Some(self.last_council()?.max(after_entry))
    }

    /// The instants still to come, in order.
    pub fn next_instants(&self, now: Timestamp) -> Vec<(What, Timestamp)> {
        let Some(calendar) = self.calendar() else { return Vec::new() };
        let instants = [
            (What::Opening, Some(calendar.opens)),
            (What::Closing, Some(calendar.closing())),
            (What::Deadline, self.deadline()),
            (What::FirstCouncil, self.first_council()),
            (What::LastCouncil, self.last_council()),
            (What::EarliestReopening, self.earliest_reopening()),
            (What::Reopening, calendar.reopens),
            (What::End, calendar.ends),
        ];
        let known = instants.into_iter().filter_map(|(what, at)| at.map(|at| (what, at)));
        let mut coming: Vec<_> = known.filter(|(_, at)| now < *at).collect();
        coming.sort_by_key(|(what, at)| (*at, *what));
        coming
    }
}
