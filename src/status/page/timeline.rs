//! The time line of a campaign, drawn to scale: where each instant stands between the first and the last. Values in,
//! values out; the template draws them, and lists the same marks as text.

use crate::domain::time::{DAY_S, Timestamp};
use crate::guard::{Facts, State};

/// Width of the drawing, in its own units.
pub const WIDTH: f64 = 720.0;
/// Room left and right, so that no mark is cut.
const MARGIN: f64 = 20.0;
/// Closer marks are drawn above each other.
const MARK_WIDTH: f64 = 26.0;
/// Rows of marks above the line.
const ROWS: usize = 5;
/// Height of one.
const ROW_HEIGHT: f64 = 26.0;
/// Where the line is drawn.
pub const LINE_Y: f64 = ROWS as f64 * ROW_HEIGHT + 14.0;
/// Height of the drawing.
pub const HEIGHT: f64 = LINE_Y + 34.0;

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
    /// How high its number stands.
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
}

impl Timeline {
    /// The time line of a campaign at `now`; none without a calendar.
    pub fn of(facts: &Facts, now: Timestamp) -> Option<Self> {
        let mut instants = instants(facts)?;
        instants.push((Kind::Now, "maintenant".to_owned(), now));
        instants.sort_by_key(|(kind, _, at)| (*at, *kind));
        let first = instants.iter().map(|(.., at)| *at).min()?;
        let last = instants.iter().map(|(.., at)| *at).max()?;
        let scale = Scale { first, length_ms: (last.since_ms(first)).max(1) };
        let mut ends = [f64::MIN; ROWS];
        let mut marks = Vec::new();
        for (number, (kind, label, at)) in (1..).zip(instants) {
            let x = scale.x(at);
            // The lowest row that is free there; where all are taken, the one that was taken first.
            let free = ends.iter().position(|end| *end + MARK_WIDTH <= x);
            let row = free.unwrap_or(number % ROWS);
            if let Some(end) = ends.get_mut(row) {
                *end = x;
            }
            marks.push(Mark { number, kind, label, at, x, y: LINE_Y - 22.0 - row as f64 * ROW_HEIGHT });
        }
        Some(Self { marks, spans: spans(facts, &scale, now, last) })
    }
}

/// A scale of time.
struct Scale {
    first: Timestamp,
    length_ms: i64,
}

impl Scale {
    fn x(&self, at: Timestamp) -> f64 {
        let share = at.since_ms(self.first) as f64 / self.length_ms as f64;
        // A tenth of a unit is finer than any screen.
        ((MARGIN + share * (WIDTH - 2.0 * MARGIN)) * 10.0).round() / 10.0
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
    // Councils of the same hour are one mark: thirty divisions must stay readable.
    let mut councils: std::collections::BTreeMap<Timestamp, Vec<&str>> = std::collections::BTreeMap::new();
    for (division, at) in &calendar.councils {
        councils.entry(*at).or_default().push(division.as_str());
    }
    let councils = councils.into_iter().map(|(at, divisions)| {
        let noun = if divisions.len() == 1 { "conseil de" } else { "conseils de" };
        (Kind::Council, format!("{noun} {}", divisions.join(", ")), at)
    });
    found.extend(councils);
    Some(found)
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
