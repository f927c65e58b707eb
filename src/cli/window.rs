//! `navette window`: the guard by hand.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::{
    campaign::Phase,
    school::{SchoolYear, Uai},
};

/// Arguments of `navette window`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with a window.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Explain every fact, the rule that holds now and the next instants
    Show(Campaign),
    /// Open the téléservice
    Open(Order),
    /// Close the téléservice
    Close(Order),
    /// Reopen the téléservice for acknowledgements and replies
    Reopen(Order),
}

/// Which campaign.
#[derive(Debug, clap::Args)]
pub struct Campaign {
    /// The school
    #[arg(value_parser = parsers::uai)]
    pub uai: Uai,
    /// The school year, where the school is configured with two
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: Option<SchoolYear>,
    /// The phase, where the school has several campaigns: PROVISOIRE or DEFINITIVE
    #[arg(long, value_name = "PHASE", value_parser = parsers::phase)]
    pub phase: Option<Phase>,
}

/// An order to the guard.
#[derive(Debug, clap::Args)]
pub struct Order {
    /// Which campaign.
    #[command(flatten)]
    pub campaign: Campaign,
    /// Whether a refusal is lifted.
    #[command(flatten)]
    pub derogation: Derogation,
}

/// A dérogation: both options, or none.
#[derive(Clone, Debug, clap::Args)]
pub struct Derogation {
    /// Lift a refusal of the guard, where the configuration permits it
    #[arg(long = "override", requires = "reason")]
    pub lift: bool,
    /// Why: journaled with who and when
    #[arg(long, value_name = "TEXT", requires = "lift", value_parser = parsers::reason)]
    pub reason: Option<String>,
}

/// Asks the guard, and gives the order where it permits.
///
/// # Errors
/// When the configuration is faulty, the school unknown, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Window.into())
}
