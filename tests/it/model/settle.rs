//! Brings a state to its one form, so that states which nothing can tell apart, now or later, are one.

use crate::model::{
    guards::{OFFSETS_S, window_event},
    world::{Action, Event, LotState, PUPILS, World},
};
use navette::{
    domain::time::DAY_S,
    guard::{WindowEvent, window::Window},
};

/// More window events than any bound leaves room for.
const EVENTS_MAX: usize = 12;
/// An instant of entry or confirmation that lies back far enough, as index + 1.
const LONG_AGO: u8 = 1;
/// A response applied there that is not the one taken here any more.
const REPLACED: u8 = 2;
/// Instants of openings between which no calendar of the world tells.
const SAME_INSTANT: [u8; 8] = [0, 1, 2, 3, 3, 5, 5, 7];

impl World {
    /// The one form, after an action: what it did not touch is in that form already.
    pub fn settle(&mut self, action: Action) {
        let (reads, positions, entries, versions) = match action {
            Action::Advance => (false, false, true, false),
            Action::Validate(_) | Action::Leave(_) => (false, true, false, true),
            Action::Respond(_) | Action::DeclareEntryComplete => (false, false, true, false),
            Action::Switch | Action::Send => (false, true, true, false),
            Action::Import | Action::IntendTransfer | Action::ConfirmTransfer => (false, false, true, false),
            Action::SendTransfer => (false, true, true, false),
            Action::CutLot | Action::SendLot(_) | Action::SettleLot => (false, true, false, true),
            Action::Enforce | Action::HandCommits => (true, true, true, false),
            Action::Tick | Action::Read | Action::Hand(_) => (true, true, true, true),
        };
        self.legal &= self.open;
        if reads {
            self.forget_windows();
        }
        if positions {
            self.blur_positions();
        }
        if entries {
            self.blur_entries();
        }
        if versions {
            self.rank_versions();
        }
        self.sort_pupils();
    }

    /// History that the guard's fold no longer sees is forgotten; the fold itself says so.
    fn forget_windows(&mut self) {
        let read = usize::from(self.read);
        for event in &mut self.events[..read] {
            // Nothing asks when a closing was, nor exactly when an opening was that is judged.
            event.at = if event.open { SAME_INSTANT[usize::from(event.at)] } else { 0 };
        }
        if read < 2 {
            return;
        }
        let fold = |events: &[Event]| {
            let events: Vec<WindowEvent> = events.iter().map(window_event).collect();
            Window::fold(&events)
        };
        let mut kept = self.events[..read].to_vec();
        let whole = fold(&kept);
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.remove(at);
            if fold(&fewer) == whole {
                kept = fewer;
            } else {
                at += 1;
            }
        }
        self.read = kept.len() as u8;
        kept.extend_from_slice(&self.events[read..]);
        self.events = kept;
        assert!(self.events.len() <= EVENTS_MAX, "more window events than the world was made for");
    }

    /// Positions in the feed are compared only: a lot was cut before the latest closing or not, the feed was read to its
    /// end or not; else their ranks will do.
    fn blur_positions(&mut self) {
        let closed_seq = self.events[..usize::from(self.read)].iter().rev().find(|event| !event.open).map(|it| it.seq);
        let since_closing = |seq: u8| closed_seq.filter(|closed| *closed <= seq);
        self.acknowledged_seq = self.acknowledged_seq.map(|seq| since_closing(seq).unwrap_or(0));
        self.lot.cut_seq = match self.lot.state {
            LotState::Intended | LotState::InDoubt => since_closing(self.lot.cut_seq).unwrap_or(0),
            LotState::None | LotState::Acknowledged => 0,
        };
        let mut positions: Vec<u8> = self.events.iter().map(|event| event.seq).collect();
        positions.extend([0, self.seq, self.read_seq]);
        positions.sort_unstable();
        positions.dedup();
        let rank = |seq: u8| positions.iter().position(|other| *other == seq).map_or(0, |at| at as u8);
        self.events.iter_mut().for_each(|event| event.seq = rank(event.seq));
        self.seq = rank(self.seq);
        self.read_seq = rank(self.read_seq);
        self.lot.cut_seq = rank(self.lot.cut_seq);
        self.acknowledged_seq = self.acknowledged_seq.map(rank);
    }

    /// Of the instants at which responses were entered the latest counts, until 24 h have passed; of the others only
    /// which are the same. A confirmation counts for openings that are not judged yet.
    fn blur_entries(&mut self) {
        let unjudged = self.events.iter().any(|event| event.open && event.order.is_none() && event.judged.is_none());
        let latest = self.taken.into_iter().max().unwrap_or(0).max(self.taken_complete);
        let at_s = |index_and_one: u8| OFFSETS_S[usize::from(index_and_one - 1)];
        let waited = 0 < latest && !unjudged && at_s(latest) + DAY_S <= OFFSETS_S[usize::from(self.now)];
        let is_blurred = |entry: u8| LONG_AGO < entry && (waited || entry < latest);
        if 0 < self.confirmed && !unjudged {
            self.confirmed = LONG_AGO;
        }
        for pupil in 0..PUPILS {
            let taken = self.taken[pupil];
            // Applied, and replaced here since.
            if self.applied[pupil] != 0 && self.applied[pupil] != taken {
                self.applied[pupil] = REPLACED;
            }
            if is_blurred(taken) {
                let blur = |entry: &mut u8| *entry = if *entry == taken { LONG_AGO } else { *entry };
                blur(&mut self.taken[pupil]);
                blur(&mut self.entered[pupil]);
                blur(&mut self.applied[pupil]);
                blur(&mut self.transfer[pupil]);
            }
        }
        let declared = self.taken_complete;
        if is_blurred(declared) {
            self.complete = if self.complete == declared { LONG_AGO } else { self.complete };
            self.taken_complete = LONG_AGO;
        }
    }

    /// Versions are compared only.
    fn rank_versions(&mut self) {
        for pupil in 0..PUPILS {
            let mut versions = [
                self.versions[pupil],
                self.read_versions[pupil],
                self.lot.versions[pupil],
                self.acknowledged_versions[pupil],
                self.holds[pupil],
            ];
            let mut known = [0, 0, 0, 0, 0, 0];
            known[1..].copy_from_slice(&versions);
            known.sort_unstable();
            for version in &mut versions {
                let below = known
                    .iter()
                    .enumerate()
                    .filter(|(at, other)| **other < *version && known[..*at].iter().all(|earlier| earlier != *other));
                *version = below.count() as u8;
            }
            let [current, read, lot, acknowledged, held] = versions;
            self.versions[pupil] = current;
            self.read_versions[pupil] = read;
            self.lot.versions[pupil] = lot;
            self.acknowledged_versions[pupil] = acknowledged;
            self.holds[pupil] = held;
        }
    }

    /// Nothing tells the two pupils apart but what happened to them.
    fn sort_pupils(&mut self) {
        let row = |world: &Self, pupil: usize| {
            (
                (world.versions[pupil], world.left[pupil], world.applied[pupil], world.locked[pupil]),
                (world.holds[pupil], world.entered[pupil], world.read_versions[pupil], world.read_left[pupil]),
                (world.lot.versions[pupil], world.acknowledged_versions[pupil], world.taken[pupil]),
                (world.to_carry[pupil], world.transfer[pupil]),
            )
        };
        if row(self, 1) < row(self, 0) {
            self.versions.swap(0, 1);
            self.left.swap(0, 1);
            self.applied.swap(0, 1);
            self.locked.swap(0, 1);
            self.holds.swap(0, 1);
            self.entered.swap(0, 1);
            self.read_versions.swap(0, 1);
            self.read_left.swap(0, 1);
            self.lot.versions.swap(0, 1);
            self.acknowledged_versions.swap(0, 1);
            self.taken.swap(0, 1);
            self.to_carry.swap(0, 1);
            self.transfer.swap(0, 1);
        }
    }
}
