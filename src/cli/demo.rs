//! `navette demo`: the main job with nothing installed and nothing configured.

use crate::cli::{
    exit::Exit,
    logging,
    output::{complain, print},
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
use std::path::PathBuf;

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
pub async fn execute(args: Args) -> anyhow::Result<Exit> {
    let _span = logging::start_of_play();
    let scenario = demo::scenario(args.format).map_err(said).context("the built-in scenario")?;
    let timeline = Timeline::of(&scenario);
    print(&format!("{}\n\n", scenario.name))?;
    let mut printed = Ok(());
    let how = player::How { database: Database::File, ..player::How::plain() };
    let ended = player::play(&scenario, &how, &mut |happening| {
        for line in timeline.tell(happening) {
            if printed.is_ok() {
                printed = print(&format!("{line}\n"));
            }
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
    print(&format!("\n{} fichiers échangés, chacun avec son .sha256, dans {}\n", files.len() / 2, kept.display()))?;
    print(&format!("{}, dans {}\n", said_of_base.join("\n"), base.display()))?;
    if !ended.failures.is_empty() {
        ended.failures.iter().for_each(|failure| complain(failure));
        bail!("the demonstration did not end as it should");
    }
    Ok(Exit::Done)
}

fn said(faults: Vec<Fault>) -> anyhow::Error {
    anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
