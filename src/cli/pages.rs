//! `navette completions` and `navette man`: the program's own help in other shapes.

use crate::cli::{Cli, exit::Exit, output::print_bytes};
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use std::{fs, path::PathBuf};

/// Arguments of `navette completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Arguments of `navette man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The folder to write them to; made where it is missing
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Prints the completions of a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "navette", &mut script);
    print_bytes(&script)?;
    Ok(Exit::Done)
}

/// Writes one manual page a command.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let folder = args.folder.display();
    fs::create_dir_all(&args.folder).with_context(|| format!("{folder} cannot be made"))?;
    clap_mangen::generate_to(Cli::command(), &args.folder).with_context(|| format!("{folder} cannot be written"))?;
    Ok(Exit::Done)
}
