//! The exit codes, and which of several holds.

use crate::cli::ConfigFaults;

use crate::run::step::StepError;

use crate::store::StoreError;
use std::process::ExitCode;

/// How the program ends (cli.md, exit codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; also "nothing to do".
    Done,
    /// A passing failure: try again later.
    TryAgain,
    /// Usage or configuration.
    Usage,
    /// Done, with anomalies to read.
    Anomalies,
    /// Refused or deferred by the guard.
    Guard,
    /// Held by a threshold, waits for approval.
    Held,
    /// Another run holds the school.
    Busy,
    /// Needs a human.
    Human,
}

impl Exit {
    /// Every exit code in the order in which the first that applies to several schools is taken: 7 1 5 6 3 4 0.
    /// `Usage` stands for no school: it comes before any is looked at.
    pub const ALL: [Self; 8] =
        [Self::Usage, Self::Human, Self::TryAgain, Self::Held, Self::Busy, Self::Anomalies, Self::Guard, Self::Done];

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::TryAgain => 1,
            Self::Usage => 2,
            Self::Anomalies => 3,
            Self::Guard => 4,
            Self::Held => 5,
            Self::Busy => 6,
            Self::Human => 7,
        }
    }

    /// The exit of a number; any other is a passing failure.
    pub fn of_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::TryAgain)
    }

    /// The one of several that holds; `Done` for none.
    pub fn first(exits: impl IntoIterator<Item = Self>) -> Self {
        let rank = |exit: &Self| Self::ALL.iter().position(|other| other == exit);
        exits.into_iter().min_by_key(rank).unwrap_or(Self::Done)
    }

    /// How an error ends the program: a passing failure unless it says otherwise.
    pub fn of_error(error: &anyhow::Error) -> Self {
        if error.is::<ConfigFaults>() {
            return Self::Usage;
        }
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return stop.exit;
        }
        let in_step = error.downcast_ref::<StepError>().is_some_and(StepError::is_damage);
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Url | StoreError::Elsewhere(_) | StoreError::Newer(_)) => Self::Usage,
            Some(fault) if fault.is_damage() => Self::Human,
            Some(_) | None if in_step => Self::Human,
            Some(_) | None => Self::TryAgain,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that knows how it ends the program.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Stop {
    /// The exit.
    pub exit: Exit,
    /// What is said.
    pub message: String,
}

impl Stop {
    /// A fault of usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use rstest::rstest;

    #[rstest]
    #[case(&[], 0)]
    #[case(&[Exit::Done, Exit::Guard], 4)]
    #[case(&[Exit::Guard, Exit::Anomalies], 3)]
    #[case(&[Exit::Anomalies, Exit::Busy], 6)]
    #[case(&[Exit::Busy, Exit::Held], 5)]
    #[case(&[Exit::Held, Exit::TryAgain], 1)]
    #[case(&[Exit::TryAgain, Exit::Human], 7)]
    #[case(&[Exit::Human, Exit::Done], 7)]
    fn the_first_that_applies(#[case] exits: &[Exit], #[case] code: u8) {
        assert_eq!(Exit::first(exits.iter().copied()).code(), code);
        assert_eq!(Exit::first(exits.iter().rev().copied()).code(), code);
    }

    #[test]
    fn every_code_stands_once() {
        let mut codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn an_error_says_how_it_ends_also_with_context_around_it() {
        assert_eq!(Exit::of_error(&anyhow::anyhow!("the disk is full")), Exit::TryAgain);
        let stop = Stop { exit: Exit::Human, message: "the database is damaged".to_owned() };
        let error = Err::<(), _>(stop).context("0380001V").unwrap_err();
        assert_eq!(Exit::of_error(&error), Exit::Human);
        let error = Err::<(), _>(StoreError::Damaged("a row is missing")).context("status").unwrap_err();
        assert_eq!(Exit::of_error(&error), Exit::Human);
        let error = Err::<(), _>(StoreError::Elsewhere("use pg_dump")).context("navette").unwrap_err();
        assert_eq!(Exit::of_error(&error), Exit::Usage);
    }
}
