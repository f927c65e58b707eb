//! `navette schema`: the schemas of the exchange.

use crate::cli::{Global, exit::Exit, later::Later};

/// Arguments of `navette schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one; without it all names are listed
    pub name: Option<String>,
}

/// Lists or prints schemas.
///
/// # Errors
/// When the name is unknown, or standard output cannot be written.
pub fn execute(_args: &Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Schema.into())
}
