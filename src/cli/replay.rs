//! `navette replay`: plays scenarios under a simulated clock.

use crate::{
    cli::{
        Global,
        exit::Exit,
        later::Later,
        output::{complain, print, print_json},
    },
    crash::Point,
    replay::{
        report::{Report, to_json},
        suite::{self, Unreadable, Verdict, Wishes},
    },
};
use std::{fs, path::PathBuf};

/// Arguments of `navette replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders: one scenario, or every folder beneath that holds a `scenario.toml`
    #[arg(value_name = "PATH", required_unless_present_any = ["points", "random"])]
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
    /// Play this many generated scenarios, and audit the four proofs after every step
    #[arg(long, value_name = "SEEDS", conflicts_with_all = ["paths", "bless", "crash_everywhere", "points"])]
    pub random: Option<u32>,
    /// The first seed
    #[arg(long, value_name = "N", requires = "random", default_value_t = 1)]
    pub from: u64,
    /// List the names of the crash points
    #[arg(long, conflicts_with = "paths")]
    pub points: bool,
}

/// Plays scenarios: 0 when all hold, 1 when one does not, 2 when one cannot be read.
///
/// # Errors
/// When a file cannot be written.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let _span = global.start();
    if args.random.is_some() {
        return Err(Later::Random.into());
    }
    if args.points {
        Point::ALL.iter().try_for_each(|point| print(&format!("{}\n", point.name())))?;
        return Ok(Exit::Done);
    }
    let scenarios = match read(&args.paths) {
        Ok(scenarios) => scenarios,
        Err(faults) => {
            faults.iter().for_each(|fault| complain(&fault.to_string()));
            return Ok(Exit::Usage);
        }
    };
    let Args { bless, keep, database, crash_everywhere, .. } = args;
    let wishes = Wishes { bless, keep, database, crash_everywhere };
    let mut reports: Vec<Report> = Vec::new();
    let mut exit = Exit::Done;
    for (folder, scenario) in scenarios {
        let verdict = suite::one(&folder, &scenario, &wishes).await?;
        if !verdict.failures.is_empty() {
            exit = Exit::TryAgain;
        }
        if !global.json {
            tell(&verdict)?;
        }
        reports.push(verdict.report);
    }
    if global.json {
        print_json(&reports)?;
    }
    if let Some(path) = args.report {
        fs::write(path, to_json(&reports))?;
    }
    Ok(exit)
}

/// Every scenario of the paths, read whole before the first is played.
fn read(paths: &[PathBuf]) -> Result<Vec<(PathBuf, crate::replay::scenario::Scenario)>, Vec<Unreadable>> {
    let (mut scenarios, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match suite::folders(path) {
            Ok(folders) => {
                for folder in folders {
                    match suite::read(&folder) {
                        Ok(scenario) => scenarios.push((folder, scenario)),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(scenarios) } else { Err(faults) }
}

fn tell(verdict: &Verdict) -> std::io::Result<()> {
    let word = if verdict.failures.is_empty() { "ok    " } else { "FAILED" };
    print(&format!("{word} {} — {}\n", verdict.folder.display(), verdict.report.scenario))?;
    verdict.failures.iter().try_for_each(|failure| print(&format!("       {}\n", failure.replace('\n', "\n       "))))
}
