//! `navette lots`: the ledger of what was sent, what is in doubt, what is held.

use crate::cli::{Global, exit::Exit, later::Later, parsers};
use crate::domain::{
    lot::NUMBER_MAX,
    school::{SchoolYear, Uai},
};

/// Arguments of `navette lots`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with lots.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List the lots and what is held, of all schools or of one
    List {
        /// Only this school
        #[arg(value_parser = parsers::uai)]
        uai: Option<Uai>,
    },
    /// Show one lot: its states, instants, digest and receipt
    Show(Lot),
    /// Ask the far side what became of a lot in doubt
    Settle(Lot),
    /// Send the content of a rejected lot once more
    Retry(Lot),
    /// Give a lot up
    Abandon {
        /// The lot.
        #[command(flatten)]
        lot: Lot,
        /// Why: journaled with who and when
        #[arg(long, value_name = "TEXT", value_parser = parsers::reason)]
        reason: String,
    },
    /// Let exactly the held plan through
    Approve {
        /// The school
        #[arg(value_parser = parsers::uai)]
        uai: Uai,
        /// Digest of the plan, as `lots list` prints it
        #[arg(long, value_name = "SHA256", value_parser = parsers::sha256)]
        plan: [u8; 32],
    },
}

/// Which lot.
#[derive(Debug, clap::Args)]
pub struct Lot {
    /// The school
    #[arg(value_parser = parsers::uai)]
    pub uai: Uai,
    /// Its NUM_ENVOI
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(NUMBER_MAX)))]
    pub number: u32,
    /// The school year, where the school is configured with two
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: Option<SchoolYear>,
}

/// Shows the ledger, or settles what needs a hand.
///
/// # Errors
/// When the configuration is faulty, the lot unknown, or the database cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Lots.into())
}
