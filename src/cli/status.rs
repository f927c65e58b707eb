//! `navette status`: one screen.

use crate::cli::{
    Global,
    exit::Exit,
    output::{print, print_json},
    parsers,
    roster::NO_CLASS,
};

use crate::check::roster::Counts;

use crate::domain::{
    pupil::Division,
    school::Uai,
    time::{Timestamp, Zone},
};

use crate::nights::NightOutcome;

use crate::run::{
    roster::RosterStatus,
    status::{CampaignStatus, SchoolStatus, json, of_school},
};

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
    if let Some(letter) = status.undelivered() {
        let (fault, state) = (letter.fault.as_deref().unwrap_or_default(), letter.state.as_str());
        text.push_str(&format!("  ! report of {} {state}: {fault}, attempts {}\n", letter.date, letter.attempts));
    }
    if let Some(roster) = &status.roster {
        text.push_str(&exports(roster));
    }
    for one in &status.campaigns {
        text.push_str(&campaign(one, status.school.zone, status.roster.as_ref()));
    }
    text
}

/// What the base élèves says otherwise than the téléservice; whom that does not know stands with R07.
fn exports(roster: &RosterStatus) -> String {
    let Counts { unknown, left, division, ine, representatives } = roster.total();
    format!(
        "  base élèves loaded {} · unknown {unknown} · left {left} · other class {division} · other INE {ine} · other \
         representatives {representatives}\n",
        roster.loaded_at.rfc3339_utc()
    )
}

fn by_division<'a>(counts: impl IntoIterator<Item = (Option<&'a Division>, u32)>) -> String {
    let named = |(division, count): (Option<&Division>, u32)| {
        format!("{} {count}", division.map_or(NO_CLASS, Division::as_str))
    };
    let named: Vec<String> = counts.into_iter().map(named).collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

fn campaign(one: &CampaignStatus, zone: Zone, roster: Option<&RosterStatus>) -> String {
    let open = if one.open { "open" } else { "closed" };
    let risk = if one.at_risk { " · AT RISK" } else { "" };
    let divisions = by_division(one.without_entry.iter().map(|(division, count)| (Some(division), *count)));
    let unknown = roster.map_or_else(String::new, |roster| {
        let unknown = roster.unknown(one.key.level);
        format!(" · unknown to the téléservice {}{}", unknown.values().sum::<u32>(), by_division(unknown))
    });
    let mut text = format!(
        "  {} {}  {} · {open}{risk} · without entry {}{divisions}{unknown}\n",
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
