//! The time line of a campaign, drawn to scale: where each instant stands between the first and the last. Values in,
//! values out; the template draws them, and lists the same marks as text.

use crate::domain::{
    campaign::Calendar,
    time::{DAY_S, Date, Timestamp, Zone},
};
use crate::guard::{Facts, State};
use std::collections::{BTreeMap, BTreeSet};

/// Across, everything is a share of the width in percent: a phone shows the same line, with numbers as large.
const WIDTH: f64 = 100.0;
/// Room left and right, so that no mark is cut on a phone.
pub const MARGIN: f64 = 4.5;
/// Closer marks are drawn above each other: a mark on a phone, which is 330 px wide within its margins.
pub const MARK_WIDTH: f64 = 8.0;
/// Where now is far away, the line is broken off for so much.
const GAP: f64 = 14.0;
/// Height of a row of marks, in px.
const ROW_HEIGHT: f64 = 27.0;
/// What lies below the lowest row of marks: how far the line is, and what it takes.
const LINE_BELOW: f64 = 22.0;
const BELOW: f64 = 20.0;

/// What a mark stands for; it has its own colour and, in print and for who sees no colours, its own shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The service opens, closes, reopens, ends.
    Window,
    /// A limit that the rules set (R08, R10).
    Limit,
    /// Councils.
    Council,
    /// Something that happened.
    Fact,
    /// Now.
    Now,
}

impl Kind {
    /// Its class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Limit => "limit",
            Self::Council => "council",
            Self::Fact => "fact",
            Self::Now => "now",
        }
    }
}

/// One instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Its number in the drawing and in the list.
    pub number: usize,
    /// What it stands for.
    pub kind: Kind,
    /// What staff read.
    pub label: String,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub x: f64,
    /// Where its number stands, in px.
    pub y: f64,
}

/// One stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its class in the style sheet: `open` or `wait`.
    pub class: &'static str,
    /// Where it begins.
    pub x: f64,
    /// How long it is.
    pub width: f64,
}

/// The drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Instants, in order.
    pub marks: Vec<Mark>,
    /// Stretches: when the service is open, and the two spans of 24 hours.
    pub spans: Vec<Span>,
    /// Councils, each where it begins.
    pub councils: Vec<f64>,
    /// Where the line is not to scale, for now is far away.
    pub gap: Option<(f64, f64)>,
    /// Where the line is, in px from above.
    pub line_y: f64,
    /// How high it all is, in px.
    pub height: f64,
}

impl Timeline {
    /// The time line of a campaign at `now`; none without a calendar.
    pub fn of(facts: &Facts, now: Timestamp) -> Option<Self> {
        let mut instants = instants(facts)?;
        let first = instants.iter().map(|(.., at)| *at).min()?;
        let last = instants.iter().map(|(.., at)| *at).max()?;
        let scale = Scale::of(first, last, now);
        let far = if scale.gap.is_some() { " (trop loin pour être à l'échelle)" } else { "" };
        instants.push((Kind::Now, format!("maintenant{far}"), now));
        instants.sort_by_key(|(kind, _, at)| (*at, *kind));
        // Where the last mark of each row stands, from below.
        let mut rows: Vec<f64> = Vec::new();
        let mut marks = Vec::new();
        for (number, (kind, label, at)) in (1..).zip(instants) {
            let x = scale.x(at);
            let free = rows.iter().position(|end| *end + MARK_WIDTH <= x);
            let row = free.unwrap_or(rows.len());
            match rows.get_mut(row) {
                Some(end) => *end = x,
                None => rows.push(x),
            }
            marks.push(Mark { number, kind, label, at, x, y: -(row as f64) * ROW_HEIGHT });
        }
        let line_y = rows.len() as f64 * ROW_HEIGHT + LINE_BELOW - ROW_HEIGHT / 2.0;
        marks.iter_mut().for_each(|mark| mark.y += line_y - LINE_BELOW);
        let councils = facts.calendar().into_iter().flat_map(|calendar| calendar.councils.values());
        let councils: BTreeSet<Timestamp> = councils.copied().collect();
        Some(Self {
            marks,
            spans: spans(facts, &scale, now, last.max(now)),
            councils: councils.into_iter().map(|at| scale.x(at)).collect(),
            gap: scale.gap,
            line_y,
            height: line_y + BELOW,
        })
    }
}

/// A scale of time.
struct Scale {
    first: Timestamp,
    length_ms: i64,
    from: f64,
    to: f64,
    gap: Option<(f64, f64)>,
}

impl Scale {
    /// From the first to the last, now among them; where now is further away than these are long, it stands aside.
    fn of(first: Timestamp, last: Timestamp, now: Timestamp) -> Self {
        let length_ms = last.since_ms(first).max(1);
        let (left, right) = (MARGIN, WIDTH - MARGIN);
        if length_ms < first.since_ms(now) {
            Self { first, length_ms, from: left + GAP, to: right, gap: Some((left, left + GAP)) }
        } else if length_ms < now.since_ms(last) {
            Self { first, length_ms, from: left, to: right - GAP, gap: Some((right - GAP, right)) }
        } else {
            let (first, last) = (first.min(now), last.max(now));
            Self { first, length_ms: last.since_ms(first).max(1), from: left, to: right, gap: None }
        }
    }

    fn x(&self, at: Timestamp) -> f64 {
        let share = at.since_ms(self.first) as f64 / self.length_ms as f64;
        let x = self.from + share * (self.to - self.from);
        // A hundredth is finer than any screen.
        (x.clamp(MARGIN, WIDTH - MARGIN) * 100.0).round() / 100.0
    }
}

fn instants(facts: &Facts) -> Option<Vec<(Kind, String, Timestamp)>> {
    let calendar = facts.calendar()?;
    let mut found = vec![
        (Kind::Window, "ouverture prévue".to_owned(), calendar.opens),
        (Kind::Window, "fermeture prévue".to_owned(), calendar.closes),
    ];
    let mut add = |kind, label: &str, at: Option<Timestamp>| {
        found.extend(at.map(|at| (kind, label.to_owned(), at)));
    };
    add(Kind::Limit, "dernière fermeture permise, 24 h avant le premier conseil (R08)", facts.deadline());
    add(Kind::Window, "fermeture constatée", facts.closed_at().filter(|at| *at != calendar.closes));
    add(Kind::Fact, "demandes reçues par Siècle (R09)", facts.demands_in_at());
    add(Kind::Fact, "réponses toutes saisies", facts.responses_entered_at());
    add(Kind::Fact, "réponses au téléservice (R10)", facts.responses_in_at());
    let reopening = facts.earliest_reopening();
    add(Kind::Limit, "première réouverture permise, 24 h après la saisie (R10)", reopening);
    add(Kind::Window, "réouverture prévue", calendar.reopens);
    add(Kind::Window, "service rouvert", facts.opened_at().filter(|_| facts.reopened()));
    add(Kind::Window, "fin de la campagne", calendar.ends);
    found.extend(councils(calendar, facts.zone()));
    Some(found)
}

/// Councils of the same day are one mark: thirty divisions must stay readable.
fn councils(calendar: &Calendar, zone: Zone) -> Vec<(Kind, String, Timestamp)> {
    let mut days: BTreeMap<Date, BTreeMap<Timestamp, Vec<&str>>> = BTreeMap::new();
    for (division, at) in &calendar.councils {
        days.entry(at.date_in(zone)).or_default().entry(*at).or_default().push(division.as_str());
    }
    let told = days.into_values().filter_map(|hours| {
        let (first, divisions) = hours.first_key_value()?;
        let noun = if hours.len() == 1 && divisions.len() == 1 { "conseil de" } else { "conseils de" };
        let told = hours.iter().map(|(at, divisions)| {
            let divisions = divisions.join(", ");
            if hours.len() == 1 { divisions } else { format!("{divisions} ({})", at.civil_in(zone).format("%H:%M")) }
        });
        Some((Kind::Council, format!("{noun} {}", told.collect::<Vec<_>>().join(", ")), *first))
    });
    told.collect()
}

/// What stretches between the marks.
fn spans(facts: &Facts, scale: &Scale, now: Timestamp, last: Timestamp) -> Vec<Span> {
    let Some(calendar) = facts.calendar() else { return Vec::new() };
    let span = |class, from: Timestamp, to: Timestamp| {
        let x = scale.x(from);
        Span { class, x, width: (scale.x(to) - x).max(0.0) }
    };
    // A closing after the councils is that of a reopening.
    let before_councils = |at: &Timestamp| facts.first_council().is_none_or(|first| *at < first);
    let closed = facts.closed_at().filter(|at| facts.state(now) != State::Open && before_councils(at));
    let mut spans = vec![span("open", calendar.opens, closed.unwrap_or(calendar.closing()).max(calendar.opens))];
    if let Some((deadline, first)) = facts.deadline().zip(facts.first_council()) {
        spans.push(span("wait", deadline, first));
    }
    if let Some(entered) = facts.responses_entered_at() {
        spans.push(span("wait", entered, entered.plus_s(DAY_S)));
    }
    let since = match facts.state(now) {
        State::Reopened => facts.opened_at(),
        State::Planned
        | State::Open
        | State::Closed
        | State::CouncilsReady
        | State::WaitingTransfer
        | State::Reopenable
        | State::Ended => calendar.reopens,
    };
    spans.extend(since.map(|since| span("open", since, calendar.ends.unwrap_or(last).max(since))));
    spans
}
