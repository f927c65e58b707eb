//! `navette resync`: a complete run of one school, by hand.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::{
    campaign::Phase,
    school::{SchoolYear, Uai},
};

/// Arguments of `navette resync`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The school
    #[arg(value_parser = parsers::uai)]
    pub uai: Uai,
    /// Only this school year, where the school is configured with two
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: Option<SchoolYear>,
    /// Only this phase: PROVISOIRE or DEFINITIVE
    #[arg(long, value_name = "PHASE", value_parser = parsers::phase)]
    pub phase: Option<Phase>,
    /// A new lot only where something changed
    #[arg(long)]
    pub changed: bool,
    /// Read the feed again from its beginning, and print what differs
    #[arg(long)]
    pub reread: bool,
    /// Do all but write and send, and print the plan
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the school now.
///
/// # Errors
/// When the configuration is faulty, the school unknown, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Resync.into())
}
