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
        // What a far side says beside its code may be about people: it stays out of logs and screens.
        Outcome::Refused { code, detail: _, set_up } => {
            let todo = if set_up { ": our token or certificate is not accepted there, have it renewed" } else { "" };
            (format!("refused with {code}{todo}"), set_up)
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::delivery::Problem;
    use rstest::rstest;

    #[rstest]
    #[case::business(Problem::Business { code: "DOUBLON".to_owned(), detail: "LÉGER Noé".to_owned() })]
    #[case::technical(Problem::Technical { code: "PANNE".to_owned(), detail: "LÉGER Noé".to_owned() })]
    fn a_far_sides_own_words_go_no_further(#[case] problem: Problem) {
        for code in [400, 401, 409, 500, 503] {
            let answer = Answer::Status { code, problem: Some(problem.clone()), retry_after_s: None };
            let told = format!("{:?}", failure(Step::Demands, &answer));
            assert!(!told.contains("LÉGER"), "{told}");
        }
    }

    #[rstest]
    #[case(401, true)]
    #[case(403, true)]
    #[case(404, false)]
    fn who_is_not_known_is_told_what_to_renew(#[case] code: u16, #[case] set_up: bool) {
        let failure = failure(Step::Feed, &Answer::Status { code, problem: None, retry_after_s: None });
        assert_eq!((failure.set_up, failure.why.contains("token or certificate")), (set_up, set_up));
    }
}
