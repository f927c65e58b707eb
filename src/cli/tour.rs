//! `navette sandbox --tour`: wires the guided tour, with navette's daemon between the two stand-ins.

use crate::cli::{
    exit::Exit,
    output::print,
    sandbox::{Args, letters_folder, stopped},
};

use crate::daemon::{self, Calls, Outlets, Wired, signals::Signal};
use crate::replay::{
    document::Fault,
    tour::{self, Wound},
};
use crate::status;
use anyhow::{Context, anyhow};
use std::time::Duration;
use tokio::sync::mpsc;

/// Serves the guided tour until the program is told to stop.
///
/// # Errors
/// When a folder cannot be written, the address cannot be used, or the daemon ends by itself.
pub async fn serve(args: Args) -> anyhow::Result<Exit> {
    let said = |faults: Vec<Fault>| anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    let scenario = tour::scenario().map_err(said).context("the built-in scenario")?;
    let fresh = tempfile::Builder::new().prefix("navette-courriels-").tempdir()?;
    let letters = letters_folder(args.out.as_deref(), &fresh)?;
    let mut printed = Ok(());
    let ready = |base: &str| printed = print(&format!("The guided tour begins at {base}/\n"));
    let told_to_stop = async {
        // Where signals cannot be listened to there is no way to stop but this.
        while matches!(stopped(Duration::MAX).await, Ok(told) if !told) {}
    };
    tour::serve(&scenario, args.listen, letters, daemon, ready, told_to_stop).await?;
    printed?;
    Ok(Exit::Done)
}

/// navette's daemon, wound up by the tour: all of `navette daemon` but its configuration and the machine's clock.
///
/// # Errors
/// As `daemon::run`.
pub async fn daemon(wound: Wound) -> Result<(), daemon::AlarmGone> {
    let Wound { live, listener, alarm, over, witness } = wound;
    let pages = (listener, status::router(&live, None));
    let reload = |_| async { Err(vec!["the tour has no configuration".to_owned()]) };
    let job = move |ctx, served, part, now| witness.clone().turn(ctx, served, part, now);
    let (stop, signals) = mpsc::channel(1);
    tokio::spawn(async move {
        // Either end may be gone already.
        let _ = over.await;
        let _ = stop.send(Signal::Stop).await;
    });
    let wired = Wired { live, outlets: Outlets::default(), pages, reload, job };
    daemon::run(wired, Calls { alarm, signals }).await
}
