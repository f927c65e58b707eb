//! Orders: what navette tells the téléservice to do. One counter numbers them all for a school and year.

use crate::domain::{campaign::CampaignKey, response::Response};

/// Why a window is opened or closed (`motif` on the wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Motive {
    /// Closing before the councils (R08).
    Closing,
    /// Reopening after the responses (R10).
    Reopening,
    /// Opening at the beginning.
    Opening,
    /// Closing for good.
    End,
    /// By hand.
    Hand,
}

impl Motive {
    /// Every motive.
    pub const ALL: [Self; 5] = [Self::Closing, Self::Reopening, Self::Opening, Self::End, Self::Hand];

    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closing => "R08",
            Self::Reopening => "R10",
            Self::Opening => "OUVERTURE",
            Self::End => "FIN",
            Self::Hand => "MAIN",
        }
    }

    /// The motive of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|motive| motive.code() == code)
    }
}

/// Opens or closes one campaign's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOrder {
    /// Campaign.
    pub key: CampaignKey,
    /// Its number (`ordre`).
    pub number: u32,
    /// Whether the service is to be open.
    pub open: bool,
    /// Why.
    pub motive: Motive,
}

/// Carries responses to the téléservice, which applies each and locks the pupil's demand (R11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseOrder {
    /// Campaign.
    pub key: CampaignKey,
    /// Its number (`num`).
    pub number: u32,
    /// The responses, by `ELEVE_ID`.
    pub responses: Vec<Response>,
}
