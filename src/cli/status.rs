//! `navette status`: one screen.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::school::Uai;

/// Arguments of `navette status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this school
    #[arg(value_parser = parsers::uai)]
    pub uai: Option<Uai>,
}

/// Shows where the schools stand.
///
/// # Errors
/// When the configuration is faulty, the school unknown, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Status.into())
}
