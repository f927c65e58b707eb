//! `navette backup`: a consistent copy of the database, while others write.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    wire::database_url,
};

use crate::store::Store;
use anyhow::Context;
use serde_json::json;
use std::{fs, path::PathBuf};

/// Arguments of `navette backup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write; it may not exist yet
    pub file: PathBuf,
}

/// Writes the copy.
///
/// # Errors
/// When the configuration is faulty, the file exists, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let (options, span) = global.open()?;
    let file = args.file.display();
    if args.file.exists() {
        return Err(Stop::usage(format!("{file} is there already: a backup replaces nothing")).into());
    }
    let url = database_url(&options.store)?;
    let copy = async {
        let Some(store) = Store::existing(&url, global.crash()?).await? else {
            return Err(Stop::usage("there is no database yet: the first run makes it").into());
        };
        store.backup(&args.file).await?;
        store.close().await;
        anyhow::Ok(())
    };
    span.around(copy).await?;
    let size_bytes = fs::metadata(&args.file).with_context(|| file.to_string())?.len();
    if global.json {
        print_json(&json!({ "file": file.to_string(), "size_bytes": size_bytes }))?;
    } else {
        print(&format!("{file}: {size_bytes} bytes\n"))?;
    }
    Ok(Exit::Done)
}
