//! `navette demo`: the main job with nothing installed and nothing configured.

use crate::cli::{
    Global,
    exit::Exit,
    logging,
    output::{complain, print, print_json},
    parsers,
};
use crate::domain::lot::Format;
use crate::replay::{
    demo::{self, Timeline},
    document::Fault,
    golden, player,
    stage::Database,
    suite,
};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `navette demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the exchanged files in this folder instead of a fresh one
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Format of the lots and responses: xml or csv
    #[arg(long, value_name = "FORMAT", default_value = "xml", value_parser = parsers::format)]
    pub format: Format,
}

/// Plays the built-in scenario.
///
/// # Errors
/// When it does not come to its end.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let _span = logging::start_of_play();
    let scenario = demo::scenario(args.format).map_err(said).context("the built-in scenario")?;
    let timeline = Timeline::of(&scenario);
    let as_lines = !global.json;
    if as_lines {
        print(&format!("{}\n\n", scenario.name))?;
    }
    let (mut happened, mut printed) = (Vec::new(), Ok(()));
    let how = player::How { database: Database::File, ..player::How::plain() };
    let ended = player::play(&scenario, &how, &mut |happening| {
        for told in Timeline::tell(happening) {
            if as_lines && printed.is_ok() {
                printed = print(&format!("{}\n", timeline.line(&told)));
            }
            happened.push(told);
        }
    })
    .await?;
    printed?;
    let files = golden::tree(&ended.stage.folder().join("files"))?;
    let keep = match args.keep {
        Some(keep) => keep,
        None => tempfile::Builder::new().prefix("navette-demo-").tempdir()?.keep(),
    };
    let (kept, base) = (keep.join("files"), keep.join("base-eleves"));
    suite::copy(&files, &kept)?;
    let said_of_base = demo::exports(&ended.stage, &base).await?;
    ended.stage.strike().await;
    let count = files.len() / 2;
    if as_lines {
        print(&format!("\n{count} fichiers échangés, chacun avec son .sha256, dans {}\n", kept.display()))?;
        print(&format!("{}, dans {}\n", said_of_base.join("\n"), base.display()))?;
    } else {
        let timeline: Vec<Value> =
            happened.iter().map(|told| json!({ "at": told.at.rfc3339_utc(), "text": told.text })).collect();
        let place = |folder: &Path| folder.display().to_string();
        print_json(&json!({
            "scenario": scenario.name,
            "ok": ended.failures.is_empty(),
            "timeline": timeline,
            "files": { "folder": place(&kept), "count": count },
            "base_eleves": { "folder": place(&base), "compared": said_of_base },
        }))?;
    }
    if !ended.failures.is_empty() {
        ended.failures.iter().for_each(|failure| complain(failure));
        bail!("the demonstration did not end as it should");
    }
    Ok(Exit::Done)
}

fn said(faults: Vec<Fault>) -> anyhow::Error {
    anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
