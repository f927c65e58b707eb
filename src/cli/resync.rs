//! `navette resync`: a complete run of one school, by hand.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers, preview, summary,
    wire::{Desk, has_database, who},
};

use crate::domain::{
    campaign::Phase,
    school::{Level, SchoolKey, SchoolYear, Uai},
};

use crate::run::{
    self,
    context::Served,
    demands::Wish,
    outcome::{Done, Step, Summary},
    purge,
    rehearsal::Rehearsal,
    reread::{self, Difference},
    step::failure,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Arguments of `navette resync`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The school
    #[arg(value_parser = parsers::uai)]
    pub uai: Uai,
    /// Only this school year, where the school is configured with two
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: Option<SchoolYear>,
    /// Only this phase: PROVISOIRE or DEFINITIVE
    #[arg(long, value_name = "PHASE", value_parser = parsers::phase)]
    pub phase: Option<Phase>,
    /// Only this level: 3E or 2GT
    #[arg(long, value_name = "LEVEL", value_parser = parsers::level)]
    pub level: Option<Level>,
    /// A new lot only where something changed
    #[arg(long)]
    pub changed: bool,
    /// Read the feed again from its beginning, and print what differs
    #[arg(long)]
    pub reread: bool,
    /// Do all but write and send, and print the plan
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the school now.
///
/// # Errors
/// When the configuration is faulty, the school unknown, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    if args.dry_run {
        return dry(&args, global).await;
    }
    let desk = global.connect().await?;
    let served = desk.served(args.uai, args.year)?;
    let exit = desk.span.around(resync(&desk, served, None, &args, global)).await?;
    desk.ctx.store.close().await;
    Ok(exit)
}

/// The same on a copy, between far sides that are given nothing.
async fn dry(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let original = global.look().await?;
    let served = original.served(args.uai, args.year)?;
    let rehearsal = original.span.around(Rehearsal::begin(&original.ctx, served, original.now())).await?;
    if !global.json && !has_database(&original.options.store) {
        print(preview::NO_DATABASE)?;
    }
    let store = original.ctx.store.clone();
    let copy = Desk { ctx: rehearsal.ctx().clone(), ..original };
    let resynced = resync(&copy, rehearsal.served(), Some(&rehearsal), args, global);
    let exit = copy.span.around(resynced).await;
    store.close().await;
    exit
}

async fn resync(
    desk: &Desk,
    served: &Served,
    rehearsal: Option<&Rehearsal>,
    args: &Args,
    global: &Global,
) -> anyhow::Result<Exit> {
    let school = served.school.key;
    if !args.reread && purge::is_purged(&desk.ctx, school).await? {
        let message =
            format!("{school} was purged: --reread reads its feed again; else remove it from the configuration");
        return Err(Stop::usage(message).into());
    }
    let wish = if args.changed { Wish::Changed } else { Wish::Whole };
    let only = match (args.phase, args.level) {
        (None, None) => None,
        (phase, level) => Some(desk.campaign(school, phase, level).await?),
    };
    let (mut text, mut differences) = (String::new(), Vec::new());
    if args.reread {
        match reread::differences(&desk.ctx, served, desk.now()).await? {
            Ok(found) => (text, differences) = told(desk, school, &found).await?,
            Err(answer) => {
                let done = Done { failures: vec![failure(Step::Feed, &answer)], ..Done::default() };
                return finish(school, done, String::new(), Vec::new(), global);
            }
        }
        reread::begin(&desk.ctx, served, &who(), desk.now()).await?;
    }
    let Some(rehearsal) = rehearsal else {
        let done = run::by_hand(&desk.ctx, served, wish, only, desk.now()).await;
        return finish(school, done, text, differences, global);
    };
    let plan = rehearsal.by_hand(wish, only, desk.now()).await?;
    let told = preview::told(school, &plan, &desk.references().await?);
    if global.json {
        print_json(&json!({ "dry_run": true, "database": has_database(&desk.options.store), "exit": told.exit_code,
                            "schools": [told.document], "differences": differences }))?;
    } else {
        print(&format!("{text}{}", told.text))?;
    }
    Ok(Exit::of_code(told.exit_code))
}

fn finish(
    school: SchoolKey,
    done: Done,
    text: String,
    differences: Vec<Value>,
    global: &Global,
) -> anyhow::Result<Exit> {
    let exit = Exit::of_code(done.outcome().exit_code());
    let line = summary::line(school, &done);
    if global.json {
        let mut document = summary::json(&Summary { schools: BTreeMap::from([(school, done)]), not_begun: 0 });
        if let Some(fields) = document.as_object_mut() {
            fields.insert("differences".to_owned(), differences.into());
        }
        print_json(&document)?;
    } else {
        print(&format!("{text}{line}"))?;
    }
    Ok(exit)
}

/// What differs between what is known and what the feed says now, pupils by reference.
async fn told(desk: &Desk, school: SchoolKey, found: &[Difference]) -> anyhow::Result<(String, Vec<Value>)> {
    let references = desk.references().await?;
    let differences = summary::counted(u32::try_from(found.len()).unwrap_or(u32::MAX), "difference");
    let mut text = format!("{school}: read again from event 1, {differences}\n");
    let mut documents = Vec::new();
    for Difference { pupil, what, known, read } in found {
        let pupil = references.of(school, *pupil);
        text.push_str(&format!("  pupil {pupil}: {what}: known {known}, read {read}\n"));
        documents.push(json!({ "pupil": pupil, "what": what, "known": known, "read": read }));
    }
    Ok((text, documents))
}
