//! What every step shares: its error, and how an answer becomes a failure of the run.

use crate::files::FileFault;
use crate::plan::delivery::{Answer, Outcome, judge};
use crate::run::outcome::{Failure, Step};
use crate::store::StoreError;

/// Why a step stopped the run of a school. Far sides that fail do not: they are noted, and the other steps go on.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The store, a lost lease among it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of exchanged files.
    #[error(transparent)]
    Files(#[from] FileFault),
    /// A lot that could not be written.
    #[error("{0}")]
    Codec(String),
    /// A plan that cannot be carried out.
    #[error("{0}")]
    Plan(String),
}

impl StepError {
    /// Whether the database is damaged, so that a human must restore it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(fault) => fault.is_damage(),
            Self::Files(_) | Self::Codec(_) | Self::Plan(_) => false,
        }
    }

    /// Whether the database was out of reach.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Store(fault) => fault.is_lost(),
            Self::Files(_) | Self::Codec(_) | Self::Plan(_) => false,
        }
    }
}

/// A far side's answer as a failure of `step`.
pub fn failure(step: Step, answer: &Answer) -> Failure {
    let (why, set_up) = match judge(answer) {
        Outcome::Refused { code, set_up } => (format!("refused with {code}"), set_up),
        Outcome::TryAgain { .. } | Outcome::InDoubt { .. } | Outcome::Delivered => (said(answer), false),
    };
    Failure { step, why, set_up }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Status { code, .. } => format!("answered {code}"),
        Answer::NotSent { why } | Answer::Broken { why } | Answer::Unusable { why } => why.clone(),
    }
}
