//! `navette calendar`: the calendars of one or many schools, as CSV.

use crate::cli::{Global, exit::Exit, later::Later, window::Derogation};
use std::path::PathBuf;

/// Arguments of `navette calendar`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with a calendar.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Say every fault with its row
    Check(List),
    /// Print each campaign's latest legal closing, the night that carries, the earliest reopening
    Plan(List),
    /// Apply it, each campaign alone
    Load {
        /// The calendar.
        #[command(flatten)]
        list: List,
        /// Whether a refusal is lifted.
        #[command(flatten)]
        derogation: Derogation,
    },
}

/// A calendar.
#[derive(Debug, clap::Args)]
pub struct List {
    /// CSV `uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil`, one row a council
    pub file: PathBuf,
}

/// Checks, explains or loads a calendar.
///
/// # Errors
/// When the configuration is faulty, the file cannot be opened, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Calendar.into())
}
