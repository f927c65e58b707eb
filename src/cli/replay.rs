//! `navette replay`: scenarios under a simulated clock.

use crate::cli::{Global, exit::Exit, later::Later};
use std::path::PathBuf;

/// Arguments of `navette replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders: one scenario, or every folder beneath that holds a `scenario.toml`
    #[arg(value_name = "PATH", required_unless_present_any = ["random", "points"])]
    pub paths: Vec<PathBuf>,
    /// Rewrite what the scenarios expect
    #[arg(long)]
    pub bless: bool,
    /// Write the reports to this file, as a JSON list
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Play on this database
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Leave the exchanged files in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Play each scenario once for every crash point that it reaches
    #[arg(long)]
    pub crash_everywhere: bool,
    /// Play this many generated scenarios
    #[arg(long, value_name = "SEEDS", conflicts_with_all = ["paths", "bless", "crash_everywhere"])]
    pub random: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "N", requires = "random", default_value_t = 0)]
    pub from: u64,
    /// List the names of the crash points
    #[arg(long, conflicts_with_all = ["paths", "random"])]
    pub points: bool,
}

/// Plays scenarios.
///
/// # Errors
/// When one cannot be read, or a file cannot be written.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Replay.into())
}
