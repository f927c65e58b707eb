//! Proofs 1, 2 and 4 of guard.md, judged on the stand-ins' own records.

use crate::codec;
use crate::domain::{
    anomaly::Code,
    campaign::{Calendar, CampaignKey},
    event::EventKind,
    lot::FileName,
    order::Motive,
    pupil::PupilId,
    response::RawResponse,
    time::{DAY_S, HOUR_S, MINUTE_S, Timestamp},
};
use crate::replay::audit::{Check, Finding};
use crate::sandbox::{
    desk::{Desk, Move},
    feed::Line,
    orders::Obeyed,
    siecle::{DepositState, Office},
};
use std::collections::{BTreeMap, BTreeSet};

/// The next night has surely come by then.
const NIGHT_AFTER_S: i64 = DAY_S + 3 * HOUR_S;

/// A time in which the program or the téléservice could not be used; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ill {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end; none while it lasts.
    pub to: Option<Timestamp>,
}

/// A response file as Siècle published it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// When the entry was declared finished.
    pub complete_at: Option<Timestamp>,
    /// Its rows.
    pub rows: Vec<RawResponse>,
}

/// What is looked at of one campaign.
pub struct Sight<'a> {
    /// Which.
    pub key: CampaignKey,
    /// The téléservice's records.
    pub desk: &'a Desk,
    /// Siècle's.
    pub office: &'a Office,
    /// The calendars that people loaded, each with the instant from which it is in force.
    pub calendars: &'a [(Timestamp, Calendar)],
    /// Anomalies of pupils: what stands in them is not waited for.
    pub anomalies: &'a BTreeSet<(PupilId, Code)>,
    /// The highest response file that navette had surely read when the latest moves were made.
    pub read: u32,
    /// Whether dérogations are permitted.
    pub overrides: bool,
}

/// Whether an opening was permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As an opening: it ends at the deadline.
    Opening,
    /// As a reopening.
    Reopening,
    /// By nothing.
    Nothing,
}

impl Sight<'_> {
    /// The moves of its window.
    pub fn moves(&self) -> &[Move] {
        self.desk
            .windows
            .get(&(self.key.level, self.key.phase))
            .map(|window| window.moves.as_slice())
            .unwrap_or_default()
    }

    /// What an opening was.
    pub fn class(&self, opening: &Move) -> Class {
        let at = opening.at;
        let in_force = calendars_at(self.calendars, at);
        if in_force.iter().any(|(_, calendar)| calendar.opens <= at && at < calendar.closing()) {
            return Class::Opening;
        }
        let held = in_force.iter().any(|(_, one)| one.last_council().is_some_and(|last| last <= at));
        if held && self.responses_allow(opening) { Class::Reopening } else { Class::Nothing }
    }

    /// Proof 4: an opening that navette ordered and that nothing permitted.
    pub fn early(&self, opening: &Move) -> Option<Finding> {
        opening.order.filter(|_| self.class(opening) == Class::Nothing).map(|order| {
            let said =
                format!("order {order} opened {} at {} and nothing permitted it", self.key, opening.at.rfc3339_utc());
            Finding::new(Check::EarlyReopening, said)
        })
    }

    /// Whether one of the response files that navette may have read by then allows the reopening.
    fn responses_allow(&self, opening: &Move) -> bool {
        let derogation = self.overrides && self.motive(opening) == Some(Motive::Hand);
        let files = self.files();
        let surely = files.range(..=self.read).next_back();
        let maybe = files.range(self.read.saturating_add(1)..);
        surely.into_iter().chain(maybe).any(|(_, file)| {
            let entered = self.entered_at(file, opening.at);
            let waited = entered.is_some_and(|entered| derogation || entered.plus_s(DAY_S) <= opening.at);
            waited && file.rows.iter().all(|row| self.is_transferred(row, opening.seq))
        })
    }

    fn motive(&self, opening: &Move) -> Option<Motive> {
        match self.desk.obeyed.get(&opening.order?) {
            Some(Obeyed::Window(order, _)) => Some(order.motive),
            Some(Obeyed::Responses(..)) | None => None,
        }
    }

    /// The campaign's response files, by number.
    pub fn files(&self) -> BTreeMap<u32, Answered> {
        let published = self.office.responses.iter().filter(|(_, file)| file.sha256.is_some());
        let own = published.filter_map(|(number, file)| {
            let name = FileName::parse(&file.name).filter(|name| name.key == self.key)?;
            let (head, rows) = codec::decode_responses(name, &file.bytes).ok()?;
            Some((*number, Answered { complete_at: head.entry_complete_at, rows }))
        });
        own.collect()
    }

    /// When the responses were entered: known by the school's word, or once every demand that Siècle held has its answer.
    fn entered_at(&self, file: &Answered, at: Timestamp) -> Option<Timestamp> {
        let latest = file.rows.iter().map(|row| row.entered_at).max();
        if file.complete_at.is_some() {
            return latest.max(file.complete_at);
        }
        let answered: BTreeSet<PupilId> = file.rows.iter().map(|row| row.pupil).collect();
        let is_answered =
            |pupil: &PupilId| answered.contains(pupil) || self.ever_left(*pupil) || !self.in_procedure(*pupil);
        let lots = self.office.deposits.values().filter(|deposit| deposit.file.name.key == self.key);
        let treated = lots.filter(|one| matches!(one.state, DepositState::Treated { at: then, .. } if then <= at));
        let covered = treated
            .filter_map(|one| codec::decode_lot(one.file.name, &one.file.bytes).ok())
            .any(|lot| lot.pupils.iter().filter(|pupil| pupil.demand.is_some()).all(|pupil| is_answered(&pupil.id)));
        latest.filter(|_| covered)
    }

    fn in_procedure(&self, pupil: PupilId) -> bool {
        self.desk.pupils.get(&pupil).is_some_and(|record| record.pupil.in_procedure)
    }

    fn ever_left(&self, pupil: PupilId) -> bool {
        self.events().any(|(_, kind)| matches!(kind, EventKind::PupilLeft(gone) if *gone == pupil))
    }

    fn events(&self) -> impl Iterator<Item = (u64, &EventKind)> {
        self.desk.feed.after(0).iter().filter_map(|entry| match &entry.line {
            Line::Meant(event) => Some((event.seq, &event.kind)),
            Line::Raw(_) => None,
        })
    }

    /// Whether a response, or a later one of the pupil, was applied before `seq`, or will never be.
    fn is_transferred(&self, row: &RawResponse, seq: u64) -> bool {
        let carries = |order: u32| match self.desk.obeyed.get(&order) {
            Some(Obeyed::Responses(order, ..)) => {
                order.responses.iter().any(|one| one.pupil == row.pupil && row.entered_at <= one.entered_at)
            }
            Some(Obeyed::Window(..)) | None => false,
        };
        let locks = |kind: &EventKind| match kind {
            EventKind::Locked { pupil, phase, order, .. } => {
                *pupil == row.pupil && *phase == self.key.phase && carries(*order)
            }
            EventKind::Pupil(_)
            | EventKind::PupilLeft(_)
            | EventKind::Demand(_)
            | EventKind::Acknowledged { .. }
            | EventKind::Replied { .. }
            | EventKind::Window { .. }
            | EventKind::Unreadable { .. } => false,
        };
        let applied = self.events().take_while(|(at, _)| *at < seq).any(|(_, kind)| locks(kind));
        applied || self.is_refused(row.pupil) || self.ever_left(row.pupil) || !self.desk.pupils.contains_key(&row.pupil)
    }

    /// Whether the pupil's response ended as an anomaly, here or at the téléservice.
    pub fn is_refused(&self, pupil: PupilId) -> bool {
        const REFUSED: [Code; 8] = [
            Code::Inconnu,
            Code::Etablissement,
            Code::Voie,
            Code::Motif,
            Code::Doublon,
            Code::Ancienne,
            Code::Conflit,
            Code::Rejet,
        ];
        let there = |obeyed: &Obeyed| match obeyed {
            Obeyed::Responses(_, _, answer) => answer.refused.iter().any(|(refused, _)| *refused == pupil),
            Obeyed::Window(..) => false,
        };
        REFUSED.iter().any(|code| self.anomalies.contains(&(pupil, *code))) || self.desk.obeyed.values().any(there)
    }

    /// Proof 1: open between the deadline and a permitted reopening, across a tick at which all was well.
    pub fn open_too_long(&self, classes: &BTreeMap<u64, Class>, ills: &[Ill], now: Timestamp) -> Option<Finding> {
        let moves = self.moves();
        let openings = moves.iter().enumerate().filter(|(_, one)| one.open);
        openings.filter(|(_, one)| classes.get(&one.seq) != Some(&Class::Reopening)).find_map(|(nth, one)| {
            let end = moves.get(nth + 1).map_or(now, |closing| closing.at);
            let tick = self.first_tick_past(one.at, end, ills)?;
            let said = format!(
                "{} was open at {}, past the deadline, since {}",
                self.key,
                tick.rfc3339_utc(),
                one.at.rfc3339_utc()
            );
            Some(Finding::new(Check::OpenTooLong, said))
        })
    }

    /// The first whole minute, all well, at which the window was open although it should have been closed a tick before.
    fn first_tick_past(&self, opened: Timestamp, end: Timestamp, ills: &[Ill]) -> Option<Timestamp> {
        let mut tick = opened.plus_s(1).ceil_minute();
        while tick < end {
            let over = calendars_at(self.calendars, tick).into_iter().all(|(from, calendar)| {
                // Of a campaign that has ended only nights read the feed (guard.md, ticks).
                let unread = calendar.ends.is_some_and(|ends| ends <= opened && tick <= opened.plus_s(NIGHT_AFTER_S));
                calendar.deadline().is_some_and(|deadline| deadline.max(from) < tick) && !unread
            });
            let well = |at: Timestamp| !ills.iter().any(|ill| ill.from <= at && ill.to.is_none_or(|to| at <= to));
            if over && well(tick) {
                return Some(tick);
            }
            tick = tick.plus_s(MINUTE_S);
        }
        None
    }

    /// Proof 2: an applied response whose demand is not locked, and a demand that changed after its lock (R11, R12).
    pub fn unlocked(&self) -> Option<Finding> {
        let phase = self.key.phase;
        let applied = self.desk.pupils.values().filter(|record| {
            record.phases.get(&phase).is_some_and(|entry| entry.response.is_some() && entry.locked_by.is_none())
        });
        if let Some(record) = applied.into_iter().next() {
            let said = format!("pupil {} of {} has an applied response and no lock", record.pupil.id, self.key);
            return Some(Finding::new(Check::AppliedUnlocked, said));
        }
        let mut locked = BTreeSet::new();
        for (seq, kind) in self.events() {
            match kind {
                EventKind::Locked { pupil, phase, .. } if *phase == self.key.phase => _ = locked.insert(*pupil),
                EventKind::Demand(demand) if demand.phase == self.key.phase && locked.contains(&demand.pupil) => {
                    let said = format!("event {seq} of {} changes a locked demand", self.key);
                    return Some(Finding::new(Check::AppliedUnlocked, said));
                }
                EventKind::Locked { .. }
                | EventKind::Demand(_)
                | EventKind::Pupil(_)
                | EventKind::PupilLeft(_)
                | EventKind::Acknowledged { .. }
                | EventKind::Replied { .. }
                | EventKind::Window { .. }
                | EventKind::Unreadable { .. } => (),
            }
        }
        None
    }
}

/// The calendars that may be in force at an instant, with the instant each came into force: of one that was loaded just
/// then, the one before as well.
fn calendars_at(calendars: &[(Timestamp, Calendar)], at: Timestamp) -> Vec<(Timestamp, &Calendar)> {
    let before = calendars.iter().rev().find(|(from, _)| *from < at);
    let then = calendars.iter().filter(|(from, _)| *from == at);
    before.into_iter().chain(then).map(|(from, calendar)| (*from, calendar)).collect()
}
