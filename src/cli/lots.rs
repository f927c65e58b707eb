//! `navette lots`: the ledger of what was sent, what is in doubt, what is held. No pupil is named here, unless a far side's
//! words are asked for.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers, summary,
    wire::{Desk, who},
};

use crate::codec::envelope::hex;

use crate::domain::{
    lot::NUMBER_MAX,
    school::{SchoolKey, SchoolYear, Uai},
};

use crate::plan::thresholds::PlanDigest;

use crate::run::{
    approve::approve,
    context::Served,
    lots::{Wanted, abandon, hand},
};

use crate::store::{
    holds::{self, HeldPlan},
    ledger::{self, LotRow, LotState},
};
use serde_json::{Value, json};

/// Arguments of `navette lots`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with lots.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List the lots and what is held, of all schools or of one
    List {
        /// Only this school
        #[arg(value_parser = parsers::uai)]
        uai: Option<Uai>,
    },
    /// Show one lot: its states, instants, digest and receipt
    Show {
        /// The lot.
        #[command(flatten)]
        lot: Lot,
        /// Quote what the far side said when it refused the lot: it may name pupils
        #[arg(long)]
        words: bool,
    },
    /// Ask the far side what became of a lot in doubt
    Settle(Lot),
    /// Send the content of a rejected lot once more
    Retry(Lot),
    /// Give a lot up
    Abandon {
        /// The lot.
        #[command(flatten)]
        lot: Lot,
        /// Why: journaled with who and when
        #[arg(long, value_name = "TEXT", value_parser = parsers::reason)]
        reason: String,
    },
    /// Let exactly the held plan through
    Approve {
        /// The school
        #[arg(value_parser = parsers::uai)]
        uai: Uai,
        /// Digest of the plan, as `lots list` prints it
        #[arg(long, value_name = "SHA256", value_parser = parsers::sha256)]
        plan: [u8; 32],
        /// The school year, where the school is configured with two
        #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
        year: Option<SchoolYear>,
    },
}

/// Which lot.
#[derive(Debug, clap::Args)]
pub struct Lot {
    /// The school
    #[arg(value_parser = parsers::uai)]
    pub uai: Uai,
    /// Its NUM_ENVOI
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(NUMBER_MAX)))]
    pub number: u32,
    /// The school year, where the school is configured with two
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: Option<SchoolYear>,
}

/// Shows the ledger, or settles what needs a hand.
///
/// # Errors
/// When the configuration is faulty, the lot unknown, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let exit = match args.action {
        Action::List { uai } => list(&desk, uai, global).await?,
        Action::Show { lot, words } => show(&desk, &lot, words, global).await?,
        Action::Settle(lot) => desk.span.around(by_hand(&desk, &lot, Wanted::Settle, global)).await?,
        Action::Retry(lot) => desk.span.around(by_hand(&desk, &lot, Wanted::Retry, global)).await?,
        Action::Abandon { lot, reason } => give_up(&desk, &lot, &reason, global).await?,
        Action::Approve { uai, plan, year } => {
            let school = desk.served(uai, year)?.school.key;
            let plan = PlanDigest(plan);
            if !approve(&desk.ctx, school, Some(plan), &who(), desk.now()).await? {
                return Err(Stop::usage(format!("{school} holds no plan {plan}: see `navette lots list`")).into());
            }
            if global.json {
                print_json(&json!({ "plan": plan.to_string(), "approved": school.to_string() }))?;
            } else {
                let how = "it leaves with the next night, or at once with `navette resync --changed`";
                print(&format!("{school}: plan {plan} is approved; {how}\n"))?;
            }
            Exit::Done
        }
    };
    desk.ctx.store.close().await;
    Ok(exit)
}

async fn list(desk: &Desk, uai: Option<Uai>, global: &Global) -> anyhow::Result<Exit> {
    let schools: Vec<SchoolKey> = desk.schools(uai)?.iter().map(|served| served.school.key).collect();
    let mut tx = desk.ctx.store.read().await?;
    let (mut lots, mut held) = (Vec::new(), Vec::new());
    for school in schools {
        lots.extend(ledger::list(&mut tx, Some(school)).await?);
        held.extend(holds::held(&mut tx, school).await?);
    }
    drop(tx);
    if global.json {
        let lots: Vec<Value> = lots.iter().map(|lot| document(lot, reason_in_short(lot))).collect();
        let held: Vec<Value> = held.iter().map(held_document).collect();
        print_json(&json!({ "lots": lots, "held": held }))?;
        return Ok(Exit::Done);
    }
    lots.iter().try_for_each(|lot| print(&line(lot)))?;
    held.iter().try_for_each(|plan| print(&held_line(plan)))?;
    Ok(Exit::Done)
}

fn line(lot: &LotRow) -> String {
    let (record, counts) = (&lot.record, lot.record.counts);
    format!(
        "{} {:>5} {} {:<10} {:<12} {} {:>5} demands {:>5} without entry{}\n",
        record.key.school,
        record.number,
        record.key.level.code(),
        record.key.phase.code(),
        lot.state.as_str(),
        record.stamped_at.rfc3339_utc(),
        counts.demands,
        counts.without_entry,
        reason_in_short(lot).map_or_else(String::new, |reason| format!(" ({reason})")),
    )
}

/// Why a lot stands as it does. Of what a far side said only the code is told: its words may be about people.
fn reason_in_short(lot: &LotRow) -> Option<&str> {
    let reason = lot.reason.as_deref()?;
    match lot.state {
        LotState::Rejected => reason.split_whitespace().next(),
        LotState::Intended
        | LotState::Sent
        | LotState::InDoubt
        | LotState::Acknowledged
        | LotState::Replaced
        | LotState::Abandoned => Some(reason),
    }
}

fn held_line(plan: &HeldPlan) -> String {
    let HeldPlan { key, kind, loss, held_at, approved_at } = plan;
    let word = if approved_at.is_some() { "approved" } else { "held" };
    let (kind, touched, since) = (kind.as_str(), loss.pupils.len(), held_at.rfc3339_utc());
    format!("{} {word} {kind} of {key}: {touched} of {} since {since}, plan {}\n", key.school, loss.of, loss.digest)
}

fn held_document(plan: &HeldPlan) -> Value {
    let HeldPlan { key, kind, loss, held_at, approved_at } = plan;
    json!({
        "uai": key.school.uai.as_str(), "year": key.school.year.get(), "level": key.level.code(),
        "phase": key.phase.code(), "kind": kind.as_str(), "touched": loss.pupils.len(), "of": loss.of,
        "plan": loss.digest.to_string(), "held_at": held_at.rfc3339_utc(),
        "approved_at": approved_at.map(|at| at.rfc3339_utc()),
    })
}

fn document(lot: &LotRow, reason: Option<&str>) -> Value {
    let (record, counts) = (&lot.record, lot.record.counts);
    json!({
        "uai": record.key.school.uai.as_str(), "year": record.key.school.year.get(), "number": record.number,
        "level": record.key.level.code(), "phase": record.key.phase.code(), "state": lot.state.as_str(),
        "name": lot.name.to_string(), "sha256": hex(&lot.sha256), "size": lot.size_bytes,
        "cut_at": record.stamped_at.rfc3339_utc(), "cut_seq": lot.cut_seq, "epoch": lot.epoch,
        "acknowledged_at": lot.acknowledged_at.map(|at| at.rfc3339_utc()), "demands": counts.demands,
        "without_entry": counts.without_entry, "acknowledgements": counts.acknowledgements, "replies": counts.replies,
        "reason": reason,
    })
}

/// The lot, or the end of the program with 2.
async fn find(desk: &Desk, lot: &Lot) -> anyhow::Result<(Served, LotRow)> {
    let served = desk.served(lot.uai, lot.year)?.clone();
    let school = served.school.key;
    let row = ledger::find(&mut desk.ctx.store.read().await?, school, lot.number).await?;
    let row = row.ok_or_else(|| Stop::usage(format!("{school} has no lot {}: see `navette lots list`", lot.number)))?;
    Ok((served, row))
}

fn told(row: &LotRow, global: &Global) -> anyhow::Result<()> {
    if global.json {
        return print_json(&document(row, reason_in_short(row)));
    }
    let receipt = row.acknowledged_at.map_or_else(|| "none".to_owned(), |at| at.rfc3339_utc());
    let (name, sha256, counts) = (row.name, hex(&row.sha256), row.record.counts);
    print(&line(row))?;
    print(&format!("  file     {name} ({} bytes)\n  sha256   {sha256}\n", row.size_bytes))?;
    print(&format!("  cut      at event {} of feed epoch {}\n  receipt  {receipt}\n", row.cut_seq, row.epoch))?;
    Ok(print(&format!("  carries  {} acknowledgements, {} replies\n", counts.acknowledgements, counts.replies))?)
}

async fn show(desk: &Desk, lot: &Lot, words: bool, global: &Global) -> anyhow::Result<Exit> {
    let (_, row) = find(desk, lot).await?;
    let reason = row.reason.as_deref().filter(|_| words);
    match reason {
        Some(reason) if global.json => print_json(&document(&row, Some(reason)))?,
        Some(reason) => {
            told(&row, global)?;
            print(&format!("  reason   {reason}\n"))?;
        }
        None => told(&row, global)?,
    }
    Ok(Exit::Done)
}

async fn by_hand(desk: &Desk, lot: &Lot, wanted: Wanted, global: &Global) -> anyhow::Result<Exit> {
    let (served, row) = find(desk, lot).await?;
    let school = served.school.key;
    let Some(done) = hand(&desk.ctx, &served, lot.number, wanted, &who(), desk.now()).await? else {
        let message = format!(
            "lot {} of {school} is {}: only a rejected lot is sent again, and only while no later one of its campaign \
             has left; else give it up with `navette lots abandon`",
            lot.number,
            row.state.as_str()
        );
        return Err(Stop::usage(message).into());
    };
    if let Some(held) = &done.busy {
        return Err(Stop { exit: Exit::Busy, message: summary::busy(held) }.into());
    }
    let (_, after) = find(desk, lot).await?;
    told(&after, global)?;
    if !done.failures.is_empty() {
        let why: Vec<&str> = done.failures.iter().map(|failure| failure.why.as_str()).collect();
        return Err(Stop { exit: Exit::TryAgain, message: why.join("; ") }.into());
    }
    Ok(match after.state {
        LotState::InDoubt | LotState::Rejected => Exit::Human,
        LotState::Intended | LotState::Sent | LotState::Acknowledged | LotState::Replaced | LotState::Abandoned => {
            Exit::of_code(done.outcome().exit_code())
        }
    })
}

async fn give_up(desk: &Desk, lot: &Lot, reason: &str, global: &Global) -> anyhow::Result<Exit> {
    let (served, row) = find(desk, lot).await?;
    if !abandon(&desk.ctx, &served, lot.number, reason, &who(), desk.now()).await? {
        let state = row.state.as_str();
        let message = format!("lot {} of {} is {state}: it can't be given up", lot.number, served.school.key);
        return Err(Stop::usage(message).into());
    }
    let (_, after) = find(desk, lot).await?;
    told(&after, global)?;
    Ok(Exit::Done)
}
