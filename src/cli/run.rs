//! `navette run`: one tick of all schools, or of those named.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers, preview, progress, summary,
    wire::{self, Desk, has_database},
};

use crate::domain::school::{SchoolKey, Uai};

use crate::run::{
    self,
    bell::Bell,
    metrics::{self, Process},
};
use serde_json::json;
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

async fn dry(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let (options, _) = global.open()?;
    let unknown = args.schools.iter().find(|uai| !options.schools.iter().any(|school| school.key.uai == **uai));
    if let Some(uai) = unknown {
        let message = format!("{uai} is not in the configuration: add it there, or correct the UAI");
        return Err(Stop::usage(message).into());
    }
    // Opening a database that is not there would make one.
    if !has_database(&options.store) {
        if global.json {
            print_json(&json!({ "dry_run": true, "schools": [] }))?;
        } else {
            print("there is no database yet: nothing is known, and nothing would be done\n")?;
        }
        return Ok(Exit::Done);
    }
    let desk = global.connect().await?;
    let only = wanted(&desk, &args.schools)?;
    let mut documents = Vec::new();
    for served in desk.ctx.schools.values().filter(|it| only.is_empty() || only.contains(&it.school.key)) {
        let (text, document) = desk.span.around(preview::told(&desk, served, None, None)).await?;
        documents.push(document);
        if !global.json {
            print(&text)?;
        }
    }
    desk.ctx.store.close().await;
    if global.json {
        print_json(&json!({ "dry_run": true, "schools": documents }))?;
    }
    Ok(Exit::Done)
}
