//! `navette run`: one tick of all schools, or of those named.

use crate::cli::{
    Global,
    exit::Exit,
    output::{print, print_json},
    parsers, preview, progress, summary,
    wire::{self, Desk, has_database},
};

use crate::domain::school::{SchoolKey, Uai};

use crate::run::{
    self,
    bell::Bell,
    metrics::{self, Process},
    rehearsal, rounds,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Arguments of `navette run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this school; may be given several times
    #[arg(long = "school", value_name = "UAI", value_parser = parsers::uai)]
    pub schools: Vec<Uai>,
    /// Do all but write and send, and print the plan
    #[arg(long)]
    pub dry_run: bool,
}

/// Does what is due.
///
/// # Errors
/// When the configuration is faulty or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    if args.dry_run {
        return dry(&args, global).await;
    }
    let desk = global.connect().await?;
    let only = wanted(&desk, &args.schools)?;
    let bell = Bell::new(wire::pings(&desk.options)?.as_ref());
    let bar = progress::bar("schools");
    let work = async {
        let mut seen = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        let summary = run::tick_seen(&desk.ctx, &only, &bell, &mut seen).await;
        bar.finish_and_clear();
        if let Some(path) = desk.options.health.metrics_file.as_ref().filter(|_| summary.is_worth_saying()) {
            metrics::publish(&desk.ctx, &Process::Run { exit_code: summary.exit_code() }, path).await;
        }
        summary
    };
    let summary = desk.span.around(work).await;
    desk.ctx.store.close().await;
    if global.json {
        print_json(&summary::json(&summary))?;
    } else {
        print(&summary::text(&summary))?;
    }
    // Everything is done and said: only now may a ping be waited for.
    desk.span.around(bell.silence()).await;
    Ok(Exit::of_code(summary.exit_code()))
}

/// The schools named; none means all.
fn wanted(desk: &Desk, uais: &[Uai]) -> anyhow::Result<BTreeSet<SchoolKey>> {
    let mut wanted = BTreeSet::new();
    for uai in uais {
        wanted.extend(desk.schools(Some(*uai))?.iter().map(|served| served.school.key));
    }
    Ok(wanted)
}

/// What is told of many schools fits on a few screens: those at which nothing would be done are counted.
const SCHOOLS_TOLD_ALL: usize = 20;

async fn dry(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.look().await?;
    let is_there = has_database(&desk.options.store);
    let only = wanted(&desk, &args.schools)?;
    let schools = rounds::in_order(&desk.ctx, &only, desk.now()).await;
    let told = desk.span.around(rehearsal::ticks(&desk.ctx, schools, desk.now(), preview::told)).await;
    desk.ctx.store.close().await;
    let told = told?;
    let exit = Exit::first(told.iter().map(|one| Exit::of_code(one.exit_code)));
    if global.json {
        let documents: Vec<&Value> = told.iter().map(|one| &one.document).collect();
        print_json(&json!({ "dry_run": true, "database": is_there, "exit": exit.code(), "schools": documents }))?;
        return Ok(exit);
    }
    if !is_there {
        print(preview::NO_DATABASE)?;
    }
    let all = told.len() <= SCHOOLS_TOLD_ALL;
    for one in told.iter().filter(|one| all || !one.is_quiet) {
        print(&one.text)?;
    }
    let quiet = told.iter().filter(|one| !all && one.is_quiet).count();
    if 0 < quiet {
        let schools = summary::counted(u32::try_from(quiet).unwrap_or(u32::MAX), "school");
        print(&format!("nothing would be done at {schools}\n"))?;
    }
    Ok(exit)
}
