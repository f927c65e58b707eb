//! `navette check`: the faults of files of the exchange.

use crate::cli::{Global, exit::Exit, later::Later};
use std::path::PathBuf;

/// Arguments of `navette check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files
    #[arg(required = NEEDED, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

const NEEDED: bool = true;

/// Prints each fault.
///
/// # Errors
/// When standard output cannot be written.
pub fn execute(_args: &Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Check.into())
}
