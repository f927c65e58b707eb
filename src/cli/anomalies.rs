//! `navette anomalies`: what needs a reader, and who has read it.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::school::Uai;

/// Arguments of `navette anomalies`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with anomalies.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List the open ones, of all schools or of one
    List {
        /// Only this school
        #[arg(value_parser = parsers::uai)]
        uai: Option<Uai>,
        /// Those that are settled too
        #[arg(long)]
        all: bool,
    },
    /// Settle some; for a SEQUENCE this passes exactly that hole
    Settle {
        /// Their numbers, as `anomalies list` prints them
        #[arg(required = NEEDED, value_name = "ID")]
        ids: Vec<u64>,
        /// Why: journaled with who and when
        #[arg(long, value_name = "TEXT", value_parser = parsers::reason)]
        reason: String,
    },
}

const NEEDED: bool = true;

/// Lists or settles anomalies.
///
/// # Errors
/// When the configuration is faulty, an anomaly unknown, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Anomalies.into())
}
