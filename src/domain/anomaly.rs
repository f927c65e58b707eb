//! Anomalies: what is wrong with one row, event or file, as data. The next row goes on.

use crate::domain::{campaign::Phase, pupil::PupilId, time::Timestamp};

/// The code of an anomaly, at most 20 characters on the wire (domain.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Feed: a type, field or version that is wrong.
    Evenement,
    /// Feed: a hole.
    Sequence,
    /// Feed: it went back.
    FluxRecule,
    /// R02.
    Choix,
    /// R03, and response tracks that do not fit.
    Voie,
    /// R04.
    Proprietaire,
    /// R05.
    AccuseManquant,
    /// R12.
    Verrouillee,
    /// R18: validated after the legal deadline; exported all the same.
    Tardive,
    /// A control character in a text.
    Texte,
    /// A character that the CSV's encoding cannot carry.
    Encodage,
    /// A response for a pupil who is not there.
    Inconnu,
    /// A response of another school.
    Etablissement,
    /// A response of another school year.
    Annee,
    /// A reason is missing.
    Motif,
    /// The same pupil twice.
    Doublon,
    /// Older than the response applied.
    Ancienne,
    /// Same instant, other content.
    Conflit,
    /// R17: the council saw another version; applied all the same.
    Perimee,
    /// A response file's number with another digest.
    NumEnvoi,
    /// Siècle refused the pupil, or the téléservice refused the response.
    Rejet,
    /// The service was opened behind the guard's back.
    Derive,
    /// Warning: the BEA key of an INE does not fit.
    CleIne,
    /// Warning: the formation code does not fit its track.
    Mef,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 24] = [
        Self::Evenement,
        Self::Sequence,
        Self::FluxRecule,
        Self::Choix,
        Self::Voie,
        Self::Proprietaire,
        Self::AccuseManquant,
        Self::Verrouillee,
        Self::Tardive,
        Self::Texte,
        Self::Encodage,
        Self::Inconnu,
        Self::Etablissement,
        Self::Annee,
        Self::Motif,
        Self::Doublon,
        Self::Ancienne,
        Self::Conflit,
        Self::Perimee,
        Self::NumEnvoi,
        Self::Rejet,
        Self::Derive,
        Self::CleIne,
        Self::Mef,
    ];

    /// The code as reports and screens name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evenement => "EVENEMENT",
            Self::Sequence => "SEQUENCE",
            Self::FluxRecule => "FLUX_RECULE",
            Self::Choix => "CHOIX",
            Self::Voie => "VOIE",
            Self::Proprietaire => "PROPRIETAIRE",
            Self::AccuseManquant => "ACCUSE_MANQUANT",
            Self::Verrouillee => "VERROUILLEE",
            Self::Tardive => "TARDIVE",
            Self::Texte => "TEXTE",
            Self::Encodage => "ENCODAGE",
            Self::Inconnu => "INCONNU",
            Self::Etablissement => "ETABLISSEMENT",
            Self::Annee => "ANNEE",
            Self::Motif => "MOTIF",
            Self::Doublon => "DOUBLON",
            Self::Ancienne => "ANCIENNE",
            Self::Conflit => "CONFLIT",
            Self::Perimee => "PERIMEE",
            Self::NumEnvoi => "NUM_ENVOI",
            Self::Rejet => "REJET",
            Self::Derive => "DERIVE",
            Self::CleIne => "CLE_INE",
            Self::Mef => "MEF",
        }
    }

    /// The code of a text.
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Whether it only warns: the demand or response goes on as if it were not there.
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::CleIne | Self::Mef)
    }
}

/// What an anomaly is raised once for: per code, pupil and phase, or per event, hole or file (scenarios.md, `expect`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A pupil, in one phase or in none.
    Pupil(PupilId, Option<Phase>),
    /// One event of the feed, by its `seq`.
    Event(u64),
    /// A hole in the feed: first and last missing `seq`.
    Hole(u64, u64),
    /// A feed that went back, in one feed epoch.
    Epoch(u32),
    /// A response file, by its `NUM_ENVOI`.
    File(u32),
}

/// One anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Its code.
    pub code: Code,
    /// What it stands for; raised once for each.
    pub subject: Subject,
    /// When it was found.
    pub at: Timestamp,
    /// Parameters for people, without names: a version, a track, Siècle's own code.
    pub detail: String,
}
