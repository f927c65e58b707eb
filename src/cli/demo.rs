//! `navette demo`: the main job, played with nothing installed.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::lot::Format;
use std::path::PathBuf;

/// Arguments of `navette demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the exchanged files in this folder instead of a fresh one
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Format of the lots and responses: xml or csv
    #[arg(long, value_name = "FORMAT", default_value = "xml", value_parser = parsers::format)]
    pub format: Format,
}

/// Plays the built-in scenario.
///
/// # Errors
/// When it does not come to its end.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Demo.into())
}
