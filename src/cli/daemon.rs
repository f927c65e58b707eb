//! `navette daemon`: wires what stays: context, pages, alarm clock, signals, and how the configuration is read again.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    wire,
};

use crate::config::{self, Options, secret::SecretFile};

use crate::daemon::{self, Calls, Outlets, Wired, alarm, signals};

use crate::run::{context::Context, live::Live, rounds};

use crate::status;

use anyhow::Context as _;
use std::{path::Path, sync::Arc};
use tokio::net::TcpListener;

/// Does what is due, every minute, until SIGTERM or SIGINT.
///
/// # Errors
/// When the configuration is faulty, the database cannot be used, or the address of the pages is taken.
pub async fn execute(global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let listen = desk.options.status.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("status.listen: {listen}"))?;
    let live = Live::new(desk.ctx.clone());
    let password = desk.options.status.password.as_ref().map(SecretFile::read).transpose();
    let password = password.map_err(|fault| Stop::usage(fault.to_string()))?;
    let router = status::router(&live, password.as_ref());
    let outlets = outlets(&desk.options)?;
    let (path, running) = (global.config.clone(), Arc::new(desk.options));
    let reload = move |old: Context| {
        let (path, running) = (path.clone(), Arc::clone(&running));
        async move { again(&path, &running, old) }
    };
    let (_alarm, alarm) = alarm::start(alarm::EVERY_MINUTE).await.context("the alarm clock")?;
    let calls = Calls { alarm, signals: signals::listen()? };
    daemon::run(Wired { live, outlets, pages: (listener, router), reload, job: rounds::turn }, calls).await?;
    desk.ctx.store.close().await;
    Ok(Exit::Done)
}

fn outlets(options: &Options) -> anyhow::Result<Outlets> {
    Ok(Outlets { pings: wire::pings(options)?, metrics_file: options.health.metrics_file.clone() })
}

/// The configuration, read again. Runs in hand hold leases in the open store: another one is taken at a restart only, as
/// are address and log.
fn again(path: &Path, running: &Options, old: Context) -> Result<(Context, Outlets), Vec<String>> {
    let options = config::load(path).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let fixed = [
        ("store.database", options.store.database == running.store.database),
        ("status.listen", options.status.listen == running.status.listen),
        ("log.format", options.log.format == running.log.format),
    ];
    let moved = fixed.iter().filter(|(_, same)| !same);
    let mut faults: Vec<String> = moved.map(|(key, _)| format!("{key}: is changed by a restart only")).collect();
    let outlets = outlets(&options).map_err(|fault| faults.push(format!("{fault:#}"))).ok();
    let ctx = wire::on_store(&options, old.store, old.crash).map_err(|fault| faults.push(format!("{fault:#}"))).ok();
    match ctx.zip(outlets) {
        Some(fresh) if faults.is_empty() => Ok(fresh),
        Some(_) | None => Err(faults),
    }
}
