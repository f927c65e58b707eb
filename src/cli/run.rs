//! `navette run`: one tick of all schools, or of those named.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::school::Uai;

/// Arguments of `navette run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this school; may be given several times
    #[arg(long = "school", value_name = "UAI", value_parser = parsers::uai)]
    pub schools: Vec<Uai>,
    /// Do all but write and send, and print the plan
    #[arg(long)]
    pub dry_run: bool,
}

/// Does what is due.
///
/// # Errors
/// When the configuration is faulty or the database cannot be used.
pub async fn execute(_args: Args, global: &Global) -> anyhow::Result<Exit> {
    global.open()?;
    Err(Later::Run.into())
}
