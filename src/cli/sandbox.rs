//! `navette sandbox`: the two stand-ins alone.

use crate::cli::{Global, exit::Exit, later::Later};
use std::{net::SocketAddr, path::PathBuf};

/// Arguments of `navette sandbox`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address to serve on, over http
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8378")]
    pub listen: SocketAddr,
    /// Number of schools
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=SCHOOLS_MAX))]
    pub schools: u32,
    /// Pupils of each school
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=PUPILS_MAX))]
    pub pupils: u32,
    /// Same seed, same world
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// http, or directory with --path
    #[arg(long, value_enum, default_value_t = Transport::Http, requires_if("directory", "path"))]
    pub transport: Transport,
    /// Folder of the exchange, over directory
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Write navette.toml, schools.csv and calendrier.csv to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Over directory: go on serving once all is written
    #[arg(long)]
    pub serve: bool,
}

/// There are about 11 000 collèges and lycées.
const SCHOOLS_MAX: i64 = 20_000;
/// For load: far above any school.
const PUPILS_MAX: i64 = 2_000_000;

/// How the stand-ins are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// Over HTTP
    Http,
    /// Over folders
    Directory,
}

/// Serves the stand-ins.
///
/// # Errors
/// When a folder or file cannot be written, or the address cannot be used.
pub async fn execute(_args: Args, _global: &Global) -> anyhow::Result<Exit> {
    Err(Later::Sandbox.into())
}
