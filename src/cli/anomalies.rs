//! `navette anomalies`: what needs a reader, and who has read it.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers,
    wire::{Desk, who},
};

use crate::domain::{
    anomaly::{Anomaly, Subject},
    school::{SchoolKey, Uai},
};

use crate::run::anomalies::settle;

use crate::store::anomalies;
use serde_json::{Value, json};

/// Arguments of `navette anomalies`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with anomalies.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List the open ones, of all schools or of one
    List {
        /// Only this school
        #[arg(value_parser = parsers::uai)]
        uai: Option<Uai>,
        /// Those that are settled too
        #[arg(long)]
        all: bool,
        /// Tell pupils by ELEVE_ID, instead of the references that logs carry
        #[arg(long)]
        pupils: bool,
    },
    /// Settle some; for a SEQUENCE this passes exactly that hole
    Settle {
        /// Their numbers, as `anomalies list` prints them
        #[arg(required = NEEDED, value_name = "ID")]
        ids: Vec<u64>,
        /// Why: journaled with who and when
        #[arg(long, value_name = "TEXT", value_parser = parsers::reason)]
        reason: String,
    },
}

const NEEDED: bool = true;

/// Lists or settles anomalies.
///
/// # Errors
/// When the configuration is faulty, an anomaly unknown, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let exit = match args.action {
        Action::List { uai, all, pupils } => desk.span.around(list(&desk, uai, all, pupils, global)).await?,
        Action::Settle { ids, reason } => desk.span.around(settle_all(&desk, &ids, &reason, global)).await?,
    };
    desk.ctx.store.close().await;
    Ok(exit)
}

async fn list(desk: &Desk, uai: Option<Uai>, all: bool, pupils: bool, global: &Global) -> anyhow::Result<Exit> {
    let schools: Vec<SchoolKey> = desk.schools(uai)?.iter().map(|served| served.school.key).collect();
    let references = desk.references().await?;
    let listed = anomalies::list(&mut desk.ctx.store.read().await?, None, !all).await?;
    let listed: Vec<_> = listed.into_iter().filter(|(school, ..)| schools.contains(school)).collect();
    let pupil = |school: SchoolKey, anomaly: &Anomaly| match &anomaly.subject {
        Subject::Pupil(pupil, _) if pupils => Some(pupil.to_string()),
        Subject::Pupil(pupil, _) => Some(references.of(school, *pupil)),
        Subject::Event(_) | Subject::Hole(..) | Subject::Epoch(_) | Subject::File(_) => None,
    };
    if global.json {
        let listed: Vec<Value> = listed
            .iter()
            .map(|(school, id, it, settled)| document(*school, *id, it, pupil(*school, it), settled.as_deref()))
            .collect();
        print_json(&listed)?;
    } else {
        for (school, id, it, settled) in &listed {
            let subject = subject(&it.subject, pupil(*school, it));
            let settled = settled.as_ref().map_or_else(String::new, |reason| format!(" [settled: {reason}]"));
            let (at, code, detail) = (it.at.rfc3339_utc(), it.code.as_str(), &it.detail);
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            print(&format!("{id} {school} {at} {code} {subject}{detail}{settled}\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// What an anomaly stands for; a pupil as the caller names it.
pub fn subject(subject: &Subject, pupil: Option<String>) -> String {
    match subject {
        Subject::Pupil(_, phase) => {
            let phase = phase.map_or_else(String::new, |phase| format!(" {}", phase.code()));
            format!("pupil {}{phase}", pupil.unwrap_or_default())
        }
        Subject::Event(seq) => format!("event {seq}"),
        Subject::Hole(from, to) => format!("events {from} to {to}"),
        Subject::Epoch(epoch) => format!("feed epoch {epoch}"),
        Subject::File(number) => format!("response file {number}"),
    }
}

fn document(school: SchoolKey, id: i64, it: &Anomaly, pupil: Option<String>, settled: Option<&str>) -> Value {
    let (phase, event, hole, file) = match &it.subject {
        Subject::Pupil(_, phase) => (phase.map(|phase| phase.code()), None, None, None),
        Subject::Event(seq) => (None, Some(*seq), None, None),
        Subject::Hole(from, to) => (None, None, Some([*from, *to]), None),
        Subject::Epoch(_) => (None, None, None, None),
        Subject::File(number) => (None, None, None, Some(*number)),
    };
    json!({
        "id": id, "uai": school.uai.as_str(), "year": school.year.get(), "at": it.at.rfc3339_utc(),
        "code": it.code.as_str(), "warning": it.code.is_warning(), "pupil": pupil, "phase": phase, "event": event,
        "hole": hole, "file": file, "detail": it.detail, "settled": settled,
    })
}

async fn settle_all(desk: &Desk, ids: &[u64], reason: &str, global: &Global) -> anyhow::Result<Exit> {
    let ids: Vec<i64> = ids.iter().map(|id| i64::try_from(*id).unwrap_or(i64::MAX)).collect();
    let settled = match settle(&desk.ctx, &ids, reason, &who(), desk.now()).await? {
        Ok(settled) => settled,
        Err(id) => return Err(Stop::usage(format!("there is no anomaly {id}: nothing was settled")).into()),
    };
    if global.json {
        let settled: Vec<Value> = settled
            .iter()
            .map(|it| json!({ "id": it.id, "new": it.new, "passed": it.passed.map(|(from, to)| [from, to]) }))
            .collect();
        print_json(&settled)?;
        return Ok(Exit::Done);
    }
    for one in settled {
        let word = if one.new { "settled" } else { "was settled before" };
        let passed =
            one.passed.map_or_else(String::new, |(from, to)| format!(", events {from} to {to} are passed over"));
        print(&format!("{} {word}{passed}\n", one.id))?;
    }
    Ok(Exit::Done)
}
