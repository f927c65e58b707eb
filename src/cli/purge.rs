//! `navette purge`: a school year's personal data goes.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers, summary,
    wire::who,
};

use crate::domain::school::SchoolYear;

use crate::run::purge::{NotPurged, PurgedYear, year};
use serde_json::json;

/// Arguments of `navette purge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Year of the rentrée: 2019 for 2019-2020
    #[arg(long, value_name = "AAAA", value_parser = parsers::year)]
    pub year: SchoolYear,
}

/// Removes the year's personal data.
///
/// # Errors
/// When the configuration is faulty, the year is not over or still served, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let purged = desk.span.around(year(&desk.ctx, args.year, &who(), desk.now())).await?;
    desk.ctx.store.close().await;
    let PurgedYear { schools, rows, contents } = purged.map_err(|why| refusal(args.year, &why))?;
    if global.json {
        print_json(&json!({ "year": args.year.get(), "schools": schools, "rows": rows, "contents": contents }))?;
    } else {
        let year = args.year;
        print(&format!("{year}: {schools} schools, {rows} rows and {contents} contents removed; their files too\n"))?;
    }
    Ok(Exit::Done)
}

fn refusal(year: SchoolYear, why: &NotPurged) -> Stop {
    let next = year.get() + 1;
    match why {
        NotPurged::Current => Stop::usage(format!("{year} is not over: it can be purged from 1 September {next}")),
        NotPurged::Served(school) => Stop::usage(format!(
            "{year} is still served: remove {school} and every other school of {year} from the configuration first"
        )),
        NotPurged::Busy(school, by) => {
            Stop { exit: Exit::Busy, message: format!("nothing was purged: {school}: {}", summary::busy(by)) }
        }
    }
}
