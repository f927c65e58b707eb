//! Reads the téléservice's feed: events in order, checked on arrival, applied with the cursor in one transaction.
//! Needs no lease: reading again changes nothing.

use crate::check::events::{Change, Context as Rules, apply};
use crate::crash::Point;
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    event::{Event, EventKind},
    order::Motive,
    pupil::PupilId,
    school::SchoolKey,
    time::Timestamp,
};
use crate::plan::delivery::Answer;
use crate::run::{
    context::{Context, Served},
    outcome::{Done, Failure, Step},
    roster,
    step::{StepError, failure},
};
use crate::store::{
    Tx, anomalies, campaigns,
    feed::{self, Cursor, Stop},
    responses,
};
use crate::transport::teleservice::FeedPage;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Events asked for at a time: a page is applied in one transaction.
const PAGE_EVENTS: u32 = 1_000;

/// One event as the transport hands it: parsed, and as canonical JSON.
type Arrived = (Event, String);

/// Reads all that is new at one school.
///
/// # Errors
/// The store's. A far side that does not answer is a failure in `Done`.
pub async fn read(ctx: &Context, served: &Served, now: Timestamp) -> Result<Done, StepError> {
    let school = served.school.key;
    let mut done = Done::default();
    loop {
        let cursor = feed::cursor(&mut ctx.store.read().await?, school).await?;
        let page = match page(served, &cursor).await {
            Ok(page) => page,
            Err(answer) => {
                done.failures.push(failure(Step::Feed, &answer));
                return Ok(done);
            }
        };
        let more = take_page(ctx, school, &cursor, page, now, &mut done).await?;
        if !more {
            return Ok(done);
        }
    }
}

/// A page from one before the cursor. How many events a page holds is the téléservice's to say (teleservice.md, `limite`):
/// where it holds none behind the cursor though there are some, what comes next is asked for.
async fn page(served: &Served, cursor: &Cursor) -> Result<FeedPage, Answer> {
    let (school, teleservice) = (served.school.key, &served.far.teleservice);
    let mut page = teleservice.events(school, cursor.seq.saturating_sub(1), PAGE_EVENTS).await?;
    if page.events.last().is_some_and(|(event, _)| event.seq == cursor.seq) && cursor.seq < page.last {
        let next = teleservice.events(school, cursor.seq, PAGE_EVENTS).await?;
        page.events.extend(next.events);
        (page.last, page.date) = (next.last, next.date);
        page.went_back |= next.went_back;
    }
    Ok(page)
}

/// Applies one page; whether there may be more.
async fn take_page(
    ctx: &Context,
    school: SchoolKey,
    before: &Cursor,
    page: FeedPage,
    now: Timestamp,
    done: &mut Done,
) -> Result<bool, StepError> {
    // Most pages hold nothing new: that is told without a turn at writing.
    if let Ok(Sorted::Next(next)) = sort(before, &page)
        && next.changes_nothing(before)
    {
        done.stopped = next.stop;
        return Ok(false);
    }
    let mut tx = ctx.store.write_for(school).await?;
    // Read again inside the writing transaction: a tick beside a night may have applied this page already.
    let cursor = feed::cursor(&mut tx, school).await?;
    let sorted = match sort(&cursor, &page) {
        Ok(sorted) => sorted,
        Err(why) => {
            done.failures.push(Failure { step: Step::Feed, why, set_up: false });
            return Ok(false);
        }
    };
    let next = match sorted {
        Sorted::WentBack => {
            went_back(&mut tx, school, &cursor, now, done).await?;
            tx.commit(Point::FeedApplied).await?;
            return Ok(false);
        }
        Sorted::Next(next) => next,
    };
    let Next { last, stop, .. } = next;
    if next.changes_nothing(&cursor) {
        done.stopped = stop;
        return Ok(false);
    }
    let reached = apply_events(ctx, &mut tx, school, &cursor, &next, now, done).await?;
    if let Some(Stop::Hole { from, to }) = stop {
        let anomaly =
            Anomaly { code: Code::Sequence, subject: Subject::Hole(from, to), at: now, detail: hole(from, to) };
        anomalies::raise(&mut tx, school, &anomaly).await?;
        feed::stop(&mut tx, school, Stop::Hole { from, to }, now).await?;
        done.stopped = stop;
    }
    tx.commit(Point::FeedApplied).await?;
    Ok(stop.is_none() && reached < last)
}

fn hole(from: u64, to: u64) -> String {
    format!("seq {from} à {to}")
}

/// A page, put beside the cursor.
enum Sorted<'a> {
    /// The feed is not the one that was read before (`FLUX_RECULE`).
    WentBack,
    /// It goes on.
    Next(Next<'a>),
}

/// What follows the cursor without a hole, the last `seq` that exists, and the hole behind, if there is one.
struct Next<'a> {
    events: &'a [Arrived],
    last: u64,
    stop: Option<Stop>,
}

impl Next<'_> {
    /// Whether everything stays as the cursor has it.
    fn changes_nothing(&self, cursor: &Cursor) -> bool {
        self.events.is_empty() && self.stop == cursor.stopped && !cursor.reread
    }
}

/// Compares the overlap, and takes what follows without a hole (teleservice.md, the feed).
fn sort<'a>(cursor: &Cursor, page: &'a FeedPage) -> Result<Sorted<'a>, String> {
    if page.went_back || page.last < cursor.seq {
        return Ok(Sorted::WentBack);
    }
    let (mut next, mut hole) = (cursor.seq + 1, None);
    let (mut known, mut fresh) = (0, 0);
    let mut overlap = cursor.last.is_none();
    for (event, raw) in &page.events {
        if event.seq < next {
            if cursor.seq < event.seq || 0 < fresh {
                return Err(format!("event {} stands twice in one page of the feed", event.seq));
            }
            if event.seq == cursor.seq {
                if cursor.last.is_some_and(|known| known != digest(raw)) {
                    return Ok(Sorted::WentBack);
                }
                overlap = true;
            }
            known += 1;
            continue;
        }
        if next < event.seq {
            hole = Some(Stop::Hole { from: next, to: event.seq - 1 });
            break;
        }
        next += 1;
        fresh += 1;
    }
    // The event that was applied last is no longer there, though later ones are.
    if hole.is_none() && !overlap && 0 < cursor.seq {
        return Ok(Sorted::WentBack);
    }
    let events = page.events.get(known..known + fresh).unwrap_or_default();
    let behind = || (events.is_empty() && next <= page.last).then_some(Stop::Hole { from: next, to: page.last });
    Ok(Sorted::Next(Next { events, last: page.last, stop: hole.or_else(behind) }))
}

fn digest(raw: &str) -> [u8; 32] {
    Sha256::digest(raw.as_bytes()).into()
}

/// Checks and applies events in order; the cursor moves in the same transaction. Answers where it stands then.
async fn apply_events(
    ctx: &Context,
    tx: &mut Tx,
    school: SchoolKey,
    cursor: &Cursor,
    Next { events, last, .. }: &Next<'_>,
    now: Timestamp,
    done: &mut Done,
) -> Result<u64, StepError> {
    let ids: BTreeSet<PupilId> = events.iter().filter_map(|(event, _)| pupil_of(&event.kind)).collect();
    let mut states = feed::states(tx, school, &ids).await?;
    let deadlines = campaigns::deadlines(tx, school).await?;
    let carried = responses::carried_versions(tx, school, &orders_in(events)).await?;
    let nomenclature = roster::nomenclature(ctx, tx, school).await?;
    let rules = Rules {
        deadlines: &deadlines,
        carried: &|order, pupil, phase| carried.get(&(order, pupil, phase)).copied(),
        nomenclature: nomenclature.as_deref(),
        now,
    };
    let mut changes = Vec::new();
    let mut kept = Vec::new();
    for (event, raw) in *events {
        let made = apply(&mut states, event, &rules);
        if made.iter().any(|change| matches!(change, Change::Anomaly(anomaly) if !anomaly.code.is_warning())) {
            kept.push((event.seq, raw.clone()));
        }
        changes.extend(made.into_iter().map(|change| (event.seq, change)));
    }
    let reached = events.last().map_or(cursor.seq, |(event, _)| event.seq);
    let after = Cursor {
        seq: reached,
        last: events.last().map(|(_, raw)| digest(raw)).or(cursor.last),
        stopped: None,
        // A new epoch is over once the feed was read to its end.
        reread: cursor.reread && reached < *last,
        read_at: Some(now),
        ..cursor.clone()
    };
    feed::apply(tx, school, &changes, &kept, &after, now).await?;
    let locks = events.iter().filter(|(event, _)| matches!(event.kind, EventKind::Locked { .. })).count();
    done.carried += u32::try_from(locks).unwrap_or(u32::MAX);
    done.windows.extend(events.iter().filter_map(|(event, _)| window_of(&event.kind)));
    done.events += u32::try_from(events.len()).unwrap_or(u32::MAX);
    Ok(reached)
}

/// The orders whose responses the page confirms.
fn orders_in(events: &[Arrived]) -> BTreeSet<u32> {
    let order = |(event, _): &Arrived| match event.kind {
        EventKind::Locked { order, .. } => Some(order),
        EventKind::Pupil(_)
        | EventKind::PupilLeft(_)
        | EventKind::Demand(_)
        | EventKind::Acknowledged { .. }
        | EventKind::Replied { .. }
        | EventKind::Window { .. }
        | EventKind::Unreadable { .. } => None,
    };
    events.iter().filter_map(order).collect()
}

/// An opening or closing by an order of ours.
fn window_of(kind: &EventKind) -> Option<(bool, Motive)> {
    match kind {
        EventKind::Window { open, motive, order: Some(_), .. } => Some((*open, Motive::of_code(motive)?)),
        EventKind::Window { .. }
        | EventKind::Pupil(_)
        | EventKind::PupilLeft(_)
        | EventKind::Demand(_)
        | EventKind::Acknowledged { .. }
        | EventKind::Replied { .. }
        | EventKind::Locked { .. }
        | EventKind::Unreadable { .. } => None,
    }
}

/// The pupil that an event is about.
fn pupil_of(kind: &EventKind) -> Option<PupilId> {
    match kind {
        EventKind::Pupil(pupil) => Some(pupil.id),
        EventKind::Demand(demand) => Some(demand.pupil),
        EventKind::PupilLeft(pupil)
        | EventKind::Acknowledged { pupil, .. }
        | EventKind::Replied { pupil, .. }
        | EventKind::Locked { pupil, .. } => Some(*pupil),
        EventKind::Window { .. } => None,
        EventKind::Unreadable { pupil, .. } => *pupil,
    }
}

/// A téléservice restored from a copy: nothing more is applied until a hand begins a new feed epoch.
async fn went_back(
    tx: &mut Tx,
    school: SchoolKey,
    cursor: &Cursor,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let subject = Subject::Epoch(cursor.epoch);
    let detail = format!("dernier événement lu : {}", cursor.seq);
    let anomaly = Anomaly { code: Code::FluxRecule, subject, at: now, detail };
    anomalies::raise(tx, school, &anomaly).await?;
    feed::stop(tx, school, Stop::WentBack, now).await?;
    done.stopped = Some(Stop::WentBack);
    Ok(())
}
