//! `navette replay`: plays scenarios under a simulated clock.

use crate::cli::{
    Global,
    exit::Exit,
    logging,
    output::{complain, print, print_json},
    summary,
};
use crate::crash::Point;
use crate::replay::{
    abreast::{self, abreast},
    audit::Finding,
    random::{self, Trial, shrink},
    report::{Report, to_json},
    scenario::Scenario,
    stage::StageFault,
    suite::{self, Unreadable, Verdict, Wishes},
    write,
};
use serde_json::{Value, json};
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
    /// Play beside this database, in a schema or file of its own that is removed afterwards
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Leave the exchanged files in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Play each scenario once for every crash point that it reaches
    #[arg(long)]
    pub crash_everywhere: bool,
    /// List the names of the crash points
    #[arg(long, conflicts_with = "paths")]
    pub points: bool,
    /// Play so many generated scenarios, and audit each after every step
    #[arg(long, value_name = "SEEDS", conflicts_with_all = ["paths", "points", "bless", "report", "database", "keep", "crash_everywhere"])]
    pub random: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, requires = "random")]
    pub from: u64,
}

/// Plays scenarios: 0 when all hold, 1 when one does not, 2 when one cannot be read.
///
/// # Errors
/// When a file cannot be written.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let _span = logging::start_of_play();
    if args.points {
        return points(global);
    }
    if let Some(seeds) = args.random {
        return at_random(args.from, seeds, global).await;
    }
    // What cannot be read is said before the first is played, and costs the others nothing.
    let (scenarios, faults) = read(&args.paths);
    faults.iter().for_each(|fault| complain(&fault.to_string()));
    let Args { bless, keep, database, crash_everywhere, .. } = args;
    let wishes = Wishes { bless, keep, database, crash_everywhere };
    let mut reports: Vec<Report> = Vec::new();
    let mut exit = Exit::Done;
    let told = |verdict: Verdict| {
        if !verdict.report.ok {
            exit = Exit::TryAgain;
        }
        if !global.json {
            tell(&verdict)?;
        }
        reports.push(verdict.report);
        anyhow::Ok(())
    };
    suite::all(scenarios, &wishes, told).await?;
    if global.json {
        print_json(&reports)?;
    }
    if let Some(path) = args.report {
        fs::write(path, to_json(&reports))?;
    }
    Ok(if faults.is_empty() { exit } else { Exit::Usage })
}

fn points(global: &Global) -> anyhow::Result<Exit> {
    let names: Vec<&str> = Point::ALL.iter().map(|point| point.name()).collect();
    if global.json {
        print_json(&names)?;
    } else {
        names.iter().try_for_each(|name| print(&format!("{name}\n")))?;
    }
    Ok(Exit::Done)
}

/// Plays generated scenarios, several at once; those that fail are told by seed, each with the shortest that still fails.
async fn at_random(from: u64, seeds: u64, global: &Global) -> anyhow::Result<Exit> {
    let as_lines = !global.json;
    let mut failed = Vec::new();
    let told = |played: Option<(u64, Scenario, Trial)>| {
        if let Some((seed, scenario, trial)) = played {
            for finding in trial.findings.iter().filter(|_| as_lines) {
                print(&format!("FAILED seed {seed}: {:?}: {}\n", finding.check, finding.sentence))?;
            }
            failed.push((seed, scenario, trial));
        }
        anyhow::Ok(())
    };
    abreast(from..from.saturating_add(seeds), abreast::at_once(), of_seed, told).await?;
    let mut documents = Vec::new();
    for (seed, scenario, trial) in &failed {
        let shrunk = shrink::shrink(scenario.clone(), trial.clone()).await;
        let shortest = write::write(&random::settled(&shrunk.body, &shrunk.trial));
        if as_lines {
            print(&format!("\n# The shortest that fails as seed {seed} does.\n"))?;
            for finding in &shrunk.trial.findings {
                print(&format!("# {:?}: {}\n", finding.check, finding.sentence))?;
            }
            print(&format!("{shortest}\n"))?;
        }
        let shortest = json!({ "findings": findings(&shrunk.trial), "scenario": shortest });
        documents.push(json!({ "seed": seed, "findings": findings(trial), "shortest": shortest }));
    }
    if as_lines {
        let played = summary::counted(u32::try_from(seeds).unwrap_or(u32::MAX), "seed");
        print(&format!("{played} from {from}: {} failed\n", failed.len()))?;
    } else {
        print_json(&json!({ "from": from, "seeds": seeds, "failed": documents }))?;
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::TryAgain })
}

fn findings(trial: &Trial) -> Vec<Value> {
    let document = |it: &Finding| json!({ "check": format!("{:?}", it.check), "sentence": it.sentence });
    trial.findings.iter().map(document).collect()
}

/// Plays the scenario of one seed; what came of it when it failed.
async fn of_seed(seed: u64) -> Result<Option<(u64, Scenario, Trial)>, StageFault> {
    let Some(scenario) = random::scenario(seed) else { return Ok(None) };
    let trial = random::trial(&scenario).await?;
    Ok((!trial.findings.is_empty()).then_some((seed, scenario, trial)))
}

/// Every scenario of the paths that can be read, and why others cannot.
fn read(paths: &[PathBuf]) -> (Vec<(PathBuf, Scenario)>, Vec<Unreadable>) {
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
    (scenarios, faults)
}

fn tell(verdict: &Verdict) -> std::io::Result<()> {
    let word = if verdict.report.ok { "ok    " } else { "FAILED" };
    print(&format!("{word} {} — {}\n", verdict.folder.display(), verdict.report.scenario))?;
    verdict
        .report
        .failures
        .iter()
        .try_for_each(|failure| print(&format!("       {}\n", failure.replace('\n', "\n       "))))
}
