//! `navette status`: one screen.

use crate::cli::{
    Global,
    exit::Exit,
    output::{print, print_json},
    parsers,
};

use crate::domain::{
    school::Uai,
    time::{Timestamp, Zone},
};

use crate::nights::NightOutcome;

use crate::run::status::{CampaignStatus, SchoolStatus, json, of_school};

/// Arguments of `navette status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this school
    #[arg(value_parser = parsers::uai)]
    pub uai: Option<Uai>,
}

/// Shows where the schools stand.
///
/// # Errors
/// When the configuration is faulty, the school unknown, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let now = desk.now();
    let mut schools = Vec::new();
    for served in desk.schools(args.uai)? {
        schools.push(desk.span.around(of_school(&desk.ctx, served, now)).await?);
    }
    desk.ctx.store.close().await;
    if global.json {
        print_json(&json(&schools, now))?;
    } else {
        let schools: Vec<String> = schools.iter().map(school).collect();
        print(&format!("{}\n\n{}", now.rfc3339_utc(), schools.join("\n")))?;
    }
    Ok(Exit::Done)
}

fn school(status: &SchoolStatus) -> String {
    let key = status.school.key;
    let night = status.last_night.as_ref().map_or_else(
        || "none".to_owned(),
        |night| format!("{} {}", night.date, night.fact.outcome.map_or("running", NightOutcome::as_str)),
    );
    let stopped = if status.feed.stopped.is_some() { " STOPPED" } else { "" };
    let mut text = format!(
        "{key}  {}\n  last night {night} · feed {}{stopped} · anomalies {} · held {} · in doubt {}\n",
        status.school.name, status.feed.seq, status.anomalies, status.held, status.in_doubt
    );
    for one in &status.campaigns {
        text.push_str(&campaign(one, status.school.zone));
    }
    text
}

fn campaign(one: &CampaignStatus, zone: Zone) -> String {
    let open = if one.open { "open" } else { "closed" };
    let risk = if one.at_risk { " · AT RISK" } else { "" };
    let divisions: Vec<String> = one.without_entry.iter().map(|(it, count)| format!("{it} {count}")).collect();
    let divisions = if divisions.is_empty() { String::new() } else { format!(" ({})", divisions.join(", ")) };
    let mut text = format!(
        "  {} {}  {} · {open}{risk} · without entry {}{divisions}\n",
        one.key.level.code(),
        one.key.phase.code(),
        one.state.as_str(),
        one.without_entry_total()
    );
    for (what, at) in &one.next {
        text.push_str(&format!("    {what:<20} {}\n", both(*at, zone)));
    }
    for alert in &one.alerts {
        text.push_str(&format!("    ! {}: {}\n", alert.code.as_str(), alert.todo));
    }
    text
}

/// An instant in local time and UTC.
pub fn both(at: Timestamp, zone: Zone) -> String {
    format!("{} ({})", at.civil_in(zone).format("%Y-%m-%d %H:%M:%S"), at.rfc3339_utc())
}
