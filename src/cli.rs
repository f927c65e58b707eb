//! The face: arguments in, one library call, its result out, an exit code. It decides nothing.

pub mod anomalies;
pub mod backup;
pub mod calendar;
pub mod check;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod exit;
pub mod import;
pub mod journal;
pub mod kinds;
pub mod logging;
pub mod lots;
pub mod output;
pub mod pages;
pub mod parsers;
pub mod preview;
pub mod progress;
pub mod purge;
pub mod replay;
pub mod resync;
pub mod roster;
pub mod run;
pub mod sandbox;
pub mod schema;
pub mod status;
pub mod summary;
pub mod tour;
pub mod window;
pub mod wire;

use crate::cli::{
    exit::{Exit, Stop},
    logging::RunSpan,
    output::complain,
};
use crate::config::{self, ConfigFault, LogFormat, Options};
use crate::crash::{Crash, Point};
use clap::{Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// The nightly shuttle between the téléservice Orientation and Siècle Orientation.
///
/// Results go to standard output, logs to standard error. Nothing asks a question on a terminal.
#[derive(Debug, Parser)]
#[command(name = "navette", version = VERSION, propagate_version = PROPAGATED, after_long_help = FOOT)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Number and commit, as the build script found them.
const VERSION: &str = env!("NAVETTE_VERSION");

/// `navette run --version` answers like `navette --version`.
const PROPAGATED: bool = true;

/// The foot of the long help and of the manual page.
const FOOT: &str = "\
Environment:
  NAVETTE_CONFIG  the configuration file, where --config is not given
  NAVETTE_LOG     what is logged, such as warn or navette=debug (info)

Exit codes:
  0  done, also when there was nothing to do
  1  a passing failure: try again later
  2  usage or configuration
  3  done, with anomalies to read
  4  refused or deferred by the guard
  5  held by a threshold: waits for approval
  6  another run holds the school
  7  needs a human: a lot in doubt, a feed that went back or stopped, a damaged database
With several schools, the first that applies in the order 7 1 5 6 3 4 0.";

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Configuration file
    #[arg(
        long,
        global = GLOBAL,
        env = "NAVETTE_CONFIG",
        value_name = "FILE",
        default_value = "/etc/navette/navette.toml"
    )]
    pub config: PathBuf,
    /// Print the result as one JSON document
    #[arg(long, global = GLOBAL)]
    pub json: bool,
}

/// An option that may stand before or after the command.
const GLOBAL: bool = true;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play one whole definitive phase, with nothing installed and nothing configured
    Demo(demo::Args),
    /// Do what is due, once: what the timer runs
    Run(run::Args),
    /// Do what is due, every minute, with status page and metrics
    Daemon,
    /// Run one school now, whatever was done tonight
    Resync(resync::Args),
    /// Show, open, close or reopen the téléservice, through the guard
    Window(window::Args),
    /// Check, plan or load the calendars of schools
    Calendar(calendar::Args),
    /// Look at what was sent, and settle what needs a hand
    Lots(lots::Args),
    /// Take response files by hand, through the same checks
    Import(import::Args),
    /// Check files of the exchange: prints `file:row:code:message`, writes nothing
    Check(check::Args),
    /// Put SIECLE's own exports beside the téléservice: whom it does not know, who left, what differs
    Roster(roster::Args),
    /// Show schools, nights, next instants, anomalies, what is held or in doubt
    Status(status::Args),
    /// List anomalies, or settle them
    Anomalies(anomalies::Args),
    /// Play scenarios under a simulated clock
    Replay(replay::Args),
    /// Serve the two stand-ins, for trying, teaching and load
    Sandbox(sandbox::Args),
    /// Look at configuration, database, folders, far sides and clocks, and say the remedies
    Doctor,
    /// List or print the schemas of the exchange
    Schema(schema::Args),
    /// Remove a school year's personal data; counts, digests and the journal stay
    Purge(purge::Args),
    /// Write a consistent copy of the database, also while the daemon runs
    Backup(backup::Args),
    /// Print the completions of a shell
    Completions(pages::CompletionsArgs),
    /// Write the manual pages
    Man(pages::ManArgs),
}

impl Global {
    /// Reads the configuration and starts the log that it asks for.
    ///
    /// # Errors
    /// `ConfigFaults`, which ends the program with 2.
    pub fn open(&self) -> anyhow::Result<(Options, RunSpan)> {
        let options = config::load(&self.config).map_err(ConfigFaults)?;
        let span = logging::start(options.log.format);
        Ok((options, span))
    }

    /// The crash point that `NAVETTE_CRASH` arms: for tests, which kill the real program there.
    ///
    /// # Errors
    /// `Stop`, which ends the program with 2, for a name that is none.
    pub fn crash(&self) -> anyhow::Result<Crash> {
        armed(std::env::var(CRASH).ok().as_deref())
    }

    /// Starts the log of a command that needs no configuration.
    pub fn start(&self) -> RunSpan {
        logging::start(LogFormat::Text)
    }
}

/// The variable that arms a crash point.
const CRASH: &str = "NAVETTE_CRASH";

fn armed(point: Option<&str>) -> anyhow::Result<Crash> {
    match point {
        None | Some("") => Ok(Crash::off()),
        Some(name) => match Point::of_name(name) {
            Some(point) => Ok(Crash::kill_at(point)),
            None => Err(Stop::usage(format!("{CRASH}: no crash point is called {name}")).into()),
        },
    }
}

/// Every fault of the configuration, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigFaults(pub Vec<ConfigFault>);

/// Reads the arguments, runs the command, says what went wrong.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version come as "errors" too: those go to standard output and end with 0.
            let written = answer.print();
            let exit = if answer.use_stderr() { Exit::Usage } else { Exit::Done };
            return if written.is_ok() { exit.into() } else { Exit::TryAgain.into() };
        }
    };
    // reqwest's builder panics without a provider (traps.md); a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            complain(&format!("navette: no threads could be started: {fault}"));
            return Exit::TryAgain.into();
        }
    };
    let exit = match runtime.block_on(execute(cli.command, &cli.global)) {
        Ok(exit) => exit,
        Err(fault) => {
            complain(&format!("navette: {}", told(&fault)));
            Exit::of_error(&fault)
        }
    };
    exit.into()
}

/// A fault and its causes; those that are told already are not told again.
fn told(fault: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in fault.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

async fn execute(command: Command, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(args) => demo::execute(args, global).await,
        Command::Run(args) => run::execute(args, global).await,
        Command::Daemon => daemon::execute(global).await,
        Command::Resync(args) => resync::execute(args, global).await,
        Command::Window(args) => window::execute(args, global).await,
        Command::Calendar(args) => calendar::execute(args, global).await,
        Command::Lots(args) => lots::execute(args, global).await,
        Command::Import(args) => import::execute(args, global).await,
        Command::Check(args) => check::execute(&args, global),
        Command::Roster(args) => roster::execute(args, global).await,
        Command::Status(args) => status::execute(args, global).await,
        Command::Anomalies(args) => anomalies::execute(args, global).await,
        Command::Replay(args) => replay::execute(args, global).await,
        Command::Sandbox(args) => sandbox::execute(args, global).await,
        Command::Doctor => doctor::execute(global).await,
        Command::Schema(args) => schema::execute(&args, global),
        Command::Purge(args) => purge::execute(args, global).await,
        Command::Backup(args) => backup::execute(args, global).await,
        Command::Completions(args) => pages::completions(&args),
        Command::Man(args) => pages::man(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_of_commands_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_option_has_its_help() {
        let mut missing = Vec::new();
        walk(&Cli::command(), "navette", &mut missing);
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_cause_is_told_once() {
        let twice = anyhow::anyhow!("disk is full").context("cannot write x: disk is full").context("night");
        assert_eq!(told(&twice), "night: cannot write x: disk is full");
    }

    #[test]
    fn a_crash_point_is_armed_by_its_name() {
        assert!(armed(None).is_ok() && armed(Some("")).is_ok());
        for point in Point::ALL {
            assert!(armed(Some(point.name())).is_ok());
        }
        let fault = armed(Some("lot-lost")).err().unwrap();
        assert_eq!(Exit::of_error(&fault), Exit::Usage);
    }

    fn walk(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
        if command.get_about().is_none() {
            missing.push(path.to_owned());
        }
        let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
        missing.extend(arguments.map(|argument| format!("{path} {}", argument.get_id())));
        for part in command.get_subcommands() {
            walk(part, &format!("{path} {}", part.get_name()), missing);
        }
    }
}
