//! One school: what state, what next, what to do; then the time line, and what stands behind it.

use crate::check::{
    roster::{Counts, class_told},
    sentences,
};
use crate::domain::time::{Timestamp, Zone, french, french_day};
use crate::guard::{Facts, State, sentences::AT_RISK};
use crate::mail::report::{Standing, counted, title};
use crate::run::{
    details::Details,
    roster::RosterStatus,
    status::{CampaignStatus, instant_label},
};
use crate::status::page::{timeline::Timeline, words};
use crate::store::{
    ledger::{LotRow, LotState},
    responses::FileState,
};
use askama::Template;

/// Lots and response files listed: the latest.
const LISTED_MAX: usize = 12;
/// Divisions without entry beyond which the table is folded up.
const OPEN_ROWS_MAX: usize = 40;

/// The page of a school.
#[derive(Template)]
#[template(path = "school.html", config = "src/askama.toml")]
pub struct SchoolPage {
    /// Where it stands still, or goes on.
    pub frame: Frame,
    is_listed: bool,
    name: String,
    uai: String,
    year: String,
    todo: Vec<String>,
    campaigns: Vec<Campaign>,
    roster: Option<Roster>,
    anomalies: Vec<Anomaly>,
    nights: Vec<Vec<String>>,
    lots: Vec<Vec<String>>,
    lots_more: usize,
    files: Vec<Vec<String>>,
    doubts: Vec<String>,
}

/// What stands around every page.
pub struct Frame {
    /// Whether it does not reload itself.
    pub is_still: bool,
    /// The address of the same page that does otherwise.
    pub other: String,
    /// When its numbers were read.
    pub at: String,
}

struct Campaign {
    id: String,
    title: String,
    state: &'static str,
    class: &'static str,
    rule: &'static str,
    is_over: bool,
    next: String,
    risk: Option<&'static str>,
    timeline: Option<Drawing>,
    without_entry: Vec<(String, u32)>,
    without_entry_total: String,
}

struct Drawing {
    timeline: Timeline,
    marks: Vec<(usize, &'static str, String, String, bool)>,
}

/// SIECLE's own exports beside the téléservice.
struct Roster {
    loaded: String,
    columns: [&'static str; 5],
    rows: Vec<(String, [u32; 5])>,
}

struct Anomaly {
    code: &'static str,
    count: u32,
    meaning: &'static str,
    remedy: &'static str,
    pupils: String,
}

impl SchoolPage {
    /// The page at `now`.
    pub fn of(details: &Details, standing: &Standing, is_listed: bool, is_still: bool, now: Timestamp) -> Self {
        let school = &details.status.school;
        let (key, zone) = (school.key, school.zone);
        let still = if is_still { "" } else { "?fige=1" };
        let frame = Frame {
            is_still,
            other: format!("/ecole/{}/{}{still}", key.uai, key.year),
            at: french(now.floor_minute().civil_in(zone)),
        };
        let mut campaigns: Vec<_> = details.status.campaigns.iter().zip(&details.facts).collect();
        // What is over is of the least concern.
        campaigns.sort_by_key(|(it, _)| it.state == State::Ended);
        let lots = details.lots.iter().rev();
        Self {
            frame,
            is_listed,
            name: school.name.clone(),
            uai: key.uai.to_string(),
            year: format!("{}-{}", key.year, key.year.get() + 1),
            todo: todo(details, standing),
            campaigns: campaigns.into_iter().map(|(it, facts)| campaign(it, facts, zone, now)).collect(),
            roster: details.status.roster.as_ref().map(|it| roster(it, zone)),
            anomalies: anomalies(standing),
            nights: nights(details, zone),
            lots: lots.take(LISTED_MAX).map(|row| lot(row, zone)).collect(),
            lots_more: details.lots.len().saturating_sub(LISTED_MAX),
            files: files(details, zone),
            doubts: doubts(details, zone),
        }
    }
}

/// What there is to do, that of the report among it, and a report that does not leave.
fn todo(details: &Details, standing: &Standing) -> Vec<String> {
    let mut todo = standing.todo();
    if let Some(letter) = details.status.undelivered() {
        todo.push(format!(
            "Le compte rendu de la nuit du {} n'est pas parti ({} essais) : vérifiez dans la configuration [mail] \
             et l'adresse de l'établissement.",
            french_day(letter.date),
            letter.attempts
        ));
    }
    todo
}

fn campaign(it: &CampaignStatus, facts: &Facts, zone: Zone, now: Timestamp) -> Campaign {
    let told = |(name, at): (&str, Timestamp)| {
        format!("{}, {} ({})", instant_label(name), french(at.civil_in(zone)), words::away(at, now))
    };
    let next = it.coming().map_or_else(|| "Aucune échéance n'est connue.".to_owned(), told);
    let then = it.coming_after_night().map(|after| format!(" ; puis {}", told(after))).unwrap_or_default();
    let total = it.without_entry_total();
    Campaign {
        id: format!("{}-{}", it.key.level.code(), it.key.phase.code()).to_lowercase(),
        title: title(it.key),
        state: it.state.label(),
        class: class(it),
        rule: it.state.rule(),
        is_over: it.state == State::Ended,
        next: next + &then,
        risk: it.at_risk.then_some(AT_RISK),
        timeline: Timeline::of(facts, now).map(|timeline| drawing(timeline, zone, now)),
        without_entry: it.without_entry.iter().map(|(division, count)| (division.to_string(), *count)).collect(),
        without_entry_total: counted(
            total,
            "élève en procédure n'a rien saisi",
            "élèves en procédure n'ont rien saisi",
        ),
    }
}

/// The colour of a state; its words say the same.
const fn class(it: &CampaignStatus) -> &'static str {
    if it.at_risk {
        return "risk";
    }
    match it.state {
        State::Open | State::Reopened => "open",
        State::Planned | State::Ended => "rest",
        State::Closed | State::CouncilsReady | State::WaitingTransfer | State::Reopenable => "closed",
    }
}

fn drawing(timeline: Timeline, zone: Zone, now: Timestamp) -> Drawing {
    let marks = timeline.marks.iter();
    let marks = marks.map(|mark| {
        let when = french(mark.at.civil_in(zone));
        (mark.number, mark.kind.class(), mark.label.clone(), when, mark.at < now)
    });
    Drawing { marks: marks.collect(), timeline }
}

fn roster(it: &RosterStatus, zone: Zone) -> Roster {
    let rows = it.by_division.iter().map(|((level, division), counts)| {
        let class = format!("{} ({})", class_told(division.as_ref()), level.label());
        (class, counts.told().map(|(_, count)| count))
    });
    Roster {
        loaded: french(it.loaded_at.civil_in(zone)),
        columns: Counts::default().told().map(|(what, _)| what),
        rows: rows.collect(),
    }
}

fn anomalies(standing: &Standing) -> Vec<Anomaly> {
    let found = standing.anomalies.iter().map(|(code, found)| Anomaly {
        code: code.as_str(),
        count: found.count,
        meaning: sentences::meaning(*code),
        remedy: sentences::remedy(*code),
        pupils: found.pupils.join(", "),
    });
    found.collect()
}

/// Date, outcome, then counts as the night's summary gives them; a purged one gives none.
fn nights(details: &Details, zone: Zone) -> Vec<Vec<String>> {
    const COUNTS: [&str; 6] = ["events", "lots", "demands", "receipts", "responses", "anomalies"];
    let rows = details.nights.iter().map(|night| {
        let caught_up = if night.caught_up { ", rattrapée" } else { "" };
        let outcome = format!("{}{caught_up}", words::night(night.fact.outcome));
        let attempts = night.fact.attempts;
        let tried = if attempts < 2 { String::new() } else { format!(" ({attempts} essais)") };
        let ended = night.ended_at.map_or_else(String::new, |at| at.civil_in(zone).format("%H:%M").to_string());
        let summary = night.summary.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let count = |name| summary.as_ref().and_then(|it| it.get(name)).and_then(serde_json::Value::as_u64);
        let counts = COUNTS.map(|name| count(name).map_or_else(|| "–".to_owned(), |count| count.to_string()));
        [french_day(night.date), outcome + &tried, ended].into_iter().chain(counts).collect()
    });
    rows.collect()
}

fn lot(row: &LotRow, zone: Zone) -> Vec<String> {
    let counts = row.record.counts;
    let receipt = row.acknowledged_at.map_or_else(|| "–".to_owned(), |at| french(at.civil_in(zone)));
    vec![
        row.record.number.to_string(),
        title(row.record.key),
        french(row.record.stamped_at.civil_in(zone)),
        words::lot(row.state).to_owned(),
        counts.demands.to_string(),
        counts.without_entry.to_string(),
        receipt,
    ]
}

fn files(details: &Details, zone: Zone) -> Vec<Vec<String>> {
    let rows = details.files.iter().take(LISTED_MAX).map(|file| {
        let code = file.code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
        let state = format!("{}{code}", words::file(file.state));
        vec![file.number.to_string(), french(file.recorded_at.civil_in(zone)), state, file.responses.to_string()]
    });
    rows.collect()
}

/// What is held, and what is in doubt, one sentence each.
fn doubts(details: &Details, zone: Zone) -> Vec<String> {
    let held = details.holds.iter().map(|hold| {
        let pupils = u32::try_from(hold.loss.pupils.len()).unwrap_or(u32::MAX);
        let since = french(hold.held_at.civil_in(zone));
        let fate =
            if hold.approved_at.is_some() { "approuvé, part au prochain passage" } else { "attend une approbation" };
        format!(
            "{} : {} sur {}, depuis le {since} ({}) ; {fate}.",
            words::hold(hold.kind),
            counted(pupils, "élève", "élèves"),
            hold.loss.of,
            title(hold.key)
        )
    });
    // A file that waits for the closing has no plan that could tell of it.
    let waiting = details.files.iter().filter(|file| file.state == FileState::Held);
    let files = waiting.map(|file| {
        let code = file.code.as_deref().unwrap_or_default();
        let since = french(file.recorded_at.civil_in(zone));
        format!("Le fichier de réponses {} est retenu depuis le {since} ({code}).", file.number)
    });
    let doubts = details.lots.iter().filter(|row| row.state == LotState::InDoubt).map(|row| {
        let cut = french(row.record.stamped_at.civil_in(zone));
        format!("L'envoi {} du {cut} est en doute : nul ne sait s'il est arrivé dans Siècle.", row.record.number)
    });
    held.chain(files).chain(doubts).collect()
}

impl Campaign {
    fn is_long(&self) -> bool {
        OPEN_ROWS_MAX < self.without_entry.len()
    }
}
