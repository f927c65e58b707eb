//! `navette schema`: the schemas of the exchange.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
};
use crate::codec::SCHEMAS;

/// Arguments of `navette schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one; without it all names are listed
    pub name: Option<String>,
}

/// Lists the names of the schemas, or prints one as it is. With `--json` the output is one JSON document: an XSD, which
/// is none, is then a JSON string.
///
/// # Errors
/// When the name is unknown, or standard output cannot be written.
pub fn execute(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let names: Vec<_> = SCHEMAS.iter().map(|(name, _)| *name).collect();
    match &args.name {
        None if global.json => print_json(&names)?,
        None => print(&format!("{}\n", names.join("\n")))?,
        Some(wanted) => {
            let found = SCHEMAS.iter().find(|(name, _)| name == wanted);
            let known = || Stop::usage(format!("no schema of that name; there are {}", names.join(", ")));
            let (_, schema) = found.ok_or_else(known)?;
            if global.json && schema.starts_with('<') {
                print_json(schema)?;
            } else {
                print(schema)?;
            }
        }
    }
    Ok(Exit::Done)
}
