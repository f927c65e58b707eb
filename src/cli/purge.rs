//! `navette purge`: a school year's personal data goes.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers, summary,
    wire::who,
};

use crate::domain::school::SchoolYear;

use crate::run::purge::{NotPurged, PurgedYear, Unended, year};
use serde_json::json;

/// Arguments of `navette purge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Year of the rentrée: 2019 for 2019-2020
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: SchoolYear,
    /// Purge it though a campaign has not ended: navette closes and sends nothing more there
    #[arg(long)]
    pub force: bool,
}

/// Removes the year's personal data.
///
/// # Errors
/// When the configuration is faulty, a campaign has not ended, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let unended = if args.force { Unended::Purge } else { Unended::Refuse };
    let purged = desk.span.around(year(&desk.ctx, args.year, unended, &who(), desk.now())).await?;
    desk.ctx.store.close().await;
    let PurgedYear { schools, rows, contents } = purged.map_err(|why| refusal(args.year, &why))?;
    if global.json {
        print_json(&json!({ "year": args.year.get(), "schools": schools, "rows": rows, "contents": contents }))?;
    } else {
        let (year, schools) = (args.year, summary::counted(schools, "school"));
        print(&format!("{year}: {schools}, {rows} rows and {contents} contents removed; their files too\n"))?;
    }
    Ok(Exit::Done)
}

fn refusal(year: SchoolYear, why: &NotPurged) -> Stop {
    match why {
        NotPurged::Running(key, ends) => {
            let ends = ends.map_or_else(
                || "its calendar names no end".to_owned(),
                |at| format!("it ends on {}", at.rfc3339_utc()),
            );
            Stop::usage(format!(
                "nothing was purged: campaign {key} of {year} has not ended: {ends}; --force purges it all the same, and \
                 navette then closes and sends nothing more there"
            ))
        }
        NotPurged::Busy(school, by) => {
            Stop { exit: Exit::Busy, message: format!("nothing was purged: {school}: {}", summary::busy(by)) }
        }
    }
}
