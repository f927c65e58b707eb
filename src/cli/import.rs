//! `navette import`: response files brought by hand.

use crate::cli::{Global, exit::Exit, later::Later};
use std::path::PathBuf;

/// Arguments of `navette import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files: XML, CSV, or a ZIP with exactly one of them
    #[arg(required = NEEDED, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take files without their `.sha256`
    #[arg(long)]
    pub unverified: bool,
}

const NEEDED: bool = true;

/// Takes the files, through the same checks as those of a night.
///
/// # Errors
/// When the configuration is faulty, a file cannot be opened, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Import.into())
}
