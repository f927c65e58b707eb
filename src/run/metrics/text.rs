//! Prometheus' text format: one family after the other, each with its help, its type, and its samples.

use crate::domain::{
    campaign::Phase,
    school::{Level, School},
    time::Timestamp,
};
use crate::guard::AlertCode;
use crate::nights::NightOutcome;
use crate::run::{
    live::Pulse,
    metrics::{Measured, Process},
    status::CampaignStatus,
};
use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

/// The whole text.
pub fn text(measured: &[Measured], process: &Process, now: Timestamp) -> String {
    let mut page = Page(String::new());
    page.family("navette_build_info", Kind::Gauge, "The version that says all this.");
    page.sample("navette_build_info", &[("version", env!("CARGO_PKG_VERSION").to_owned())], 1);
    page.family("navette_metrics_timestamp_seconds", Kind::Gauge, "When this was measured.");
    page.sample("navette_metrics_timestamp_seconds", &[], seconds(now));
    nights(&mut page, measured);
    schools(&mut page, measured);
    campaigns(&mut page, measured);
    counted(&mut page, measured);
    match process {
        Process::Run { exit_code } => {
            page.family("navette_run_exit_code", Kind::Gauge, "Exit code of the last run that had something to say.");
            page.sample("navette_run_exit_code", &[], exit_code);
        }
        Process::Daemon(pulse) => daemon(&mut page, pulse, now),
    }
    page.0
}

fn nights(page: &mut Page, measured: &[Measured]) {
    let name = "navette_first_calendar_timestamp_seconds";
    page.family(name, Kind::Gauge, "When a school first had a calendar: nights are due from then on.");
    page.each(name, measured, |it| it.counts.first_calendar_at.map(seconds));
    let name = "navette_last_success_timestamp_seconds";
    page.family(name, Kind::Gauge, "When the latest night that was ok ended.");
    page.each(name, measured, |it| it.counts.last_success_at.map(seconds));
    let name = "navette_last_night_ok";
    page.family(name, Kind::Gauge, "Whether the latest night was ok; absent while it runs.");
    page.each(name, measured, |it| {
        let outcome = it.status.last_night.as_ref()?.fact.outcome?;
        Some(u8::from(outcome == NightOutcome::Ok))
    });
    let name = "navette_last_night_seconds";
    page.family(name, Kind::Gauge, "How long the steps of the latest night took.");
    for Measured { status, night_s, .. } in measured {
        for (step, took_s) in night_s {
            page.sample(name, &with(own(&status.school), "step", step), took_s);
        }
    }
}

fn schools(page: &mut Page, measured: &[Measured]) {
    let name = "navette_events_read_total";
    page.family(name, Kind::Counter, "Events of the feed that were applied; begins anew with a new feed.");
    page.each(name, measured, |it| Some(it.status.feed.seq));
    let name = "navette_feed_stopped";
    page.family(name, Kind::Gauge, "Whether the feed is stopped, at a hole or because it went back.");
    page.each(name, measured, |it| Some(u8::from(it.status.feed.stopped.is_some())));
    let name = "navette_held";
    page.family(name, Kind::Gauge, "Plans that wait for an approval, and response files that wait for a closing.");
    for Measured { status, counts, .. } in measured {
        let waits = [("approval", counts.held_plans), ("closing", status.held.saturating_sub(counts.held_plans))];
        for (what, count) in waits {
            page.sample(name, &with(own(&status.school), "for", what), count);
        }
    }
    let name = "navette_lots_in_doubt";
    page.family(name, Kind::Gauge, "Lots of which nobody knows whether they arrived.");
    page.each(name, measured, |it| Some(it.status.in_doubt));
    let name = "navette_anomalies_open";
    page.family(name, Kind::Gauge, "Open anomalies.");
    for Measured { status, counts, .. } in measured {
        for (code, count) in &counts.anomalies {
            page.sample(name, &with(own(&status.school), "code", code), count);
        }
    }
}

fn campaigns(page: &mut Page, measured: &[Measured]) {
    let name = "navette_window_open";
    page.family(name, Kind::Gauge, "Whether the téléservice is open, as far as was read.");
    page.each_campaign(name, measured, |it| u32::from(it.open));
    let name = "navette_at_risk";
    page.family(name, Kind::Gauge, "Whether councils begin within a day and the demands are not in.");
    page.each_campaign(name, measured, |it| u32::from(it.at_risk));
    let name = "navette_pupils_without_entry";
    page.family(name, Kind::Gauge, "Pupils in procedure for whom nothing was entered (R07).");
    page.each_campaign(name, measured, CampaignStatus::without_entry_total);
    let name = "navette_alerts";
    page.family(name, Kind::Gauge, "Alerts of the guard that need a hand now.");
    for Measured { status, .. } in measured {
        for one in &status.campaigns {
            let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
            one.alerts.iter().map(|alert| AlertCode::as_str(alert.code)).for_each(|code| {
                *codes.entry(code).or_default() += 1;
            });
            for (code, count) in codes {
                let own = labels(&status.school, one.key.level, one.key.phase);
                page.sample(name, &with(own, "code", code), count);
            }
        }
    }
}

fn counted(page: &mut Page, measured: &[Measured]) {
    let (lots, demands) = ("navette_lots_total", "navette_demands_total");
    page.family(lots, Kind::Counter, "Lots that Siècle was sent.");
    for Measured { status, counts, .. } in measured {
        for ((level, phase), (count, _)) in &counts.lots {
            page.sample(lots, &labels(&status.school, *level, *phase), count);
        }
    }
    page.family(demands, Kind::Counter, "Demands in the lots that Siècle was sent.");
    for Measured { status, counts, .. } in measured {
        for ((level, phase), (_, count)) in &counts.lots {
            page.sample(demands, &labels(&status.school, *level, *phase), count);
        }
    }
    let name = "navette_responses";
    page.family(name, Kind::Gauge, "Responses of councils that stand.");
    for Measured { status, counts, .. } in measured {
        for ((level, phase), count) in &counts.responses {
            page.sample(name, &labels(&status.school, *level, *phase), count);
        }
    }
}

fn daemon(page: &mut Page, pulse: &Pulse, now: Timestamp) {
    page.family("navette_ticks_total", Kind::Counter, "How often the alarm clock was heard.");
    page.sample("navette_ticks_total", &[], pulse.ticks);
    if let Some(at) = pulse.ticked_at {
        page.family("navette_tick_timestamp_seconds", Kind::Gauge, "When it was heard last.");
        page.sample("navette_tick_timestamp_seconds", &[], seconds(at));
    }
    page.family("navette_panics_total", Kind::Counter, "Jobs that ended by a fault of the program.");
    page.sample("navette_panics_total", &[], pulse.panics);
    page.family("navette_reloads_total", Kind::Counter, "Configurations that were read again.");
    page.sample("navette_reloads_total", &[("result", "taken".to_owned())], pulse.reloads);
    page.sample("navette_reloads_total", &[("result", "refused".to_owned())], pulse.reloads_refused);
    page.family("navette_schools_in_hand", Kind::Gauge, "Schools with a tick in hand.");
    page.sample("navette_schools_in_hand", &[], pulse.in_hand.len());
    let longest_ms = pulse.in_hand.values().map(|since| now.epoch_ms() - since.epoch_ms()).max().unwrap_or_default();
    page.family("navette_longest_in_hand_seconds", Kind::Gauge, "How long the longest of them has lasted.");
    page.sample("navette_longest_in_hand_seconds", &[], in_seconds(longest_ms));
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

type Label = (&'static str, String);

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label], value: impl Display) {
        // UAI, years, codes and versions hold nothing that would need an escape.
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn each<V: Display>(&mut self, name: &str, measured: &[Measured], value: impl Fn(&Measured) -> Option<V>) {
        for it in measured {
            if let Some(value) = value(it) {
                self.sample(name, &own(&it.status.school), value);
            }
        }
    }

    fn each_campaign(&mut self, name: &str, measured: &[Measured], value: impl Fn(&CampaignStatus) -> u32) {
        for Measured { status, .. } in measured {
            for one in &status.campaigns {
                self.sample(name, &labels(&status.school, one.key.level, one.key.phase), value(one));
            }
        }
    }
}

fn own(school: &School) -> Vec<Label> {
    vec![("uai", school.key.uai.to_string()), ("year", school.key.year.to_string())]
}

fn labels(school: &School, level: Level, phase: Phase) -> Vec<Label> {
    with(with(own(school), "level", level.code()), "phase", phase.code())
}

fn with(mut labels: Vec<Label>, name: &'static str, value: &str) -> Vec<Label> {
    labels.push((name, value.to_owned()));
    labels
}

fn seconds(at: Timestamp) -> String {
    in_seconds(at.epoch_ms())
}

fn in_seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000))
}
