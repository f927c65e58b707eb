//! What each action does to the world.

use crate::model::{
    guards::{COUNCILS_S, Guard, OFFSETS_S, Said},
    oracle,
    world::{Action, Ask, Event, INSTANTS, Judged, Lot, LotState, OrderKind, PUPILS, Pending, Sending, World},
};

impl World {
    /// Whether an action can happen; what a hand asks, the guard says.
    pub fn can(&self, action: Action) -> bool {
        let nothing_on_its_way = self.transfer == [0; PUPILS];
        match action {
            Action::Advance => self.now + 1 < INSTANTS,
            Action::Validate(pupil) => self.open && !self.locked[pupil] && !self.left[pupil],
            Action::Leave(pupil) => !self.left[pupil],
            // A council enters or corrects a response once councils have begun.
            Action::Respond(pupil) => {
                let first_council_s = COUNCILS_S[usize::from(self.calendar)].into_iter().min();
                let begun = first_council_s.is_some_and(|first| first <= OFFSETS_S[usize::from(self.now)]);
                begun && self.entered[pupil] != self.now + 1
            }
            Action::DeclareEntryComplete => self.complete != self.now + 1,
            Action::HandCommits => self.verdict.is_some(),
            Action::Send => self.pending.is_some_and(|order| !order.obeyed),
            Action::Import => self.entered != self.taken || self.complete != self.taken_complete,
            Action::IntendTransfer => nothing_on_its_way && self.to_carry.contains(&true),
            Action::SendTransfer => !nothing_on_its_way && !self.transferred,
            Action::ConfirmTransfer => self.transferred,
            // Never beside one that is unsettled, and only for a change or a closing that was not carried yet.
            Action::CutLot => {
                let settled = matches!(self.lot.state, LotState::None | LotState::Acknowledged);
                settled && (self.has_uncarried_closing() || self.lot.versions != self.read_versions)
            }
            Action::SendLot(_) => self.lot.state == LotState::Intended,
            Action::SettleLot => self.lot.state == LotState::InDoubt,
            Action::Switch | Action::Hand(_) | Action::Tick | Action::Read | Action::Enforce => true,
        }
    }

    /// Takes an action that can happen; `None` where the guard refuses it.
    pub fn take(&mut self, action: Action, guard: &Guard) -> Option<()> {
        match action {
            Action::Advance => self.now += 1,
            Action::Validate(pupil) => {
                self.outside_events -= 1;
                self.seq += 1;
                self.versions[pupil] += 1;
            }
            Action::Leave(pupil) => {
                self.outside_events -= 1;
                self.seq += 1;
                self.left[pupil] = true;
                // Its demands are no longer exported, and counted as vanished.
                self.versions[pupil] = 0;
            }
            Action::Respond(pupil) => {
                self.outside_events -= 1;
                self.entered[pupil] = self.now + 1;
            }
            Action::DeclareEntryComplete => {
                self.outside_events -= 1;
                self.complete = self.now + 1;
            }
            Action::Switch => {
                self.outside_events -= 1;
                self.turn(!self.open, None);
            }
            Action::Hand(ask) => self.hand(ask, guard)?,
            Action::HandCommits => {
                let (ask, derogation) = self.verdict.take()?;
                self.change(ask, derogation);
            }
            Action::Tick => self.tick(guard),
            Action::Read => self.read_feed(),
            Action::Enforce => {
                self.judge(guard);
                self.enforce(guard);
            }
            Action::Send => self.send(),
            Action::Import => self.import(guard),
            Action::IntendTransfer => self.intend_transfer(),
            Action::SendTransfer => self.send_transfer(guard),
            Action::ConfirmTransfer => self.confirm_transfer(),
            Action::CutLot => self.cut_lot(),
            Action::SendLot(sending) => self.send_lot(sending),
            Action::SettleLot => self.settle_lot(),
        }
        Some(())
    }

    /// The service opens or closes; saying what already is makes no event.
    fn turn(&mut self, open: bool, order: Option<(OrderKind, bool)>) {
        if self.open != open {
            self.open = open;
            self.seq += 1;
            self.events.push(Event { seq: self.seq, at: self.now, open, order, judged: None });
            self.legal = order.is_some_and(|(kind, _)| kind == OrderKind::Reopen);
        }
    }

    /// A hand reads the feed, then asks. A guard that reads its facts too early keeps the verdict for later.
    fn hand(&mut self, ask: Ask, guard: &Guard) -> Option<()> {
        self.look(guard);
        let Said::Allowed { derogation } = guard.answers(self).to(ask) else { return None };
        self.outside_events -= 1;
        if guard.reads_in_transaction {
            self.change(ask, derogation);
        } else {
            self.verdict = Some((ask, derogation));
        }
        Some(())
    }

    /// Reads the feed, and judges what persons did.
    pub fn look(&mut self, guard: &Guard) {
        self.read_feed();
        self.judge(guard);
    }

    /// What a permit is consumed for.
    fn change(&mut self, ask: Ask, derogation: bool) {
        match ask {
            Ask::Open => self.intend(OrderKind::Open, true),
            Ask::Close => self.intend(OrderKind::Close, true),
            Ask::Reopen { .. } => {
                if !oracle::may_reopen(self, self.now, derogation) {
                    self.breaks(4);
                }
                self.intend(OrderKind::Reopen, true);
            }
            Ask::Calendar { number, .. } => self.calendar = number,
            Ask::Import => (),
        }
    }

    /// An order is written down; an earlier one that never left is overtaken.
    fn intend(&mut self, kind: OrderKind, by_hand: bool) {
        self.pending = Some(Pending { kind, by_hand, obeyed: false });
    }

    /// A whole tick at a téléservice that answers: the feed, the guard, the order.
    fn tick(&mut self, guard: &Guard) {
        self.look(guard);
        self.enforce(guard);
        if self.can(Action::Send) {
            self.send();
        }
        if !oracle::may_be_open(self) {
            self.breaks(1);
        }
    }

    fn read_feed(&mut self) {
        self.read = self.events.len() as u8;
        self.read_seq = self.seq;
        self.read_versions = self.versions;
        self.read_left = self.left;
        self.pending = self.pending.filter(|order| !order.obeyed);
        // A `VERROU` confirms by itself; a pupil who left is not waited for.
        for pupil in 0..PUPILS {
            let shown = self.applied[pupil] == self.taken[pupil] || self.left[pupil];
            if self.to_carry[pupil] && shown {
                self.to_carry[pupil] = false;
                self.confirmed = self.now + 1;
            }
        }
        if !self.to_carry.contains(&true) {
            self.transfer = [0; PUPILS];
            self.transferred = false;
        }
    }

    /// Persons' openings are judged once, each at its own instant.
    fn judge(&mut self, guard: &Guard) {
        if self.events.iter().all(|event| event.order.is_some() || event.judged.is_some()) {
            return;
        }
        for (seq, judgement) in guard.answers(self).judgements() {
            let last = self.events.last().is_some_and(|event| event.seq == seq);
            let Some(event) = self.events.iter_mut().find(|event| event.seq == seq) else { continue };
            event.judged = Some(judgement);
            let at = event.at;
            if last {
                self.legal = judgement == Judged::Reopening && oracle::may_reopen(self, at, false);
            }
        }
    }

    fn enforce(&mut self, guard: &Guard) {
        let Some(kind) = guard.answers(self).duty else { return };
        // The same order again keeps its number, and so what it was.
        if self.pending.is_some_and(|order| order.kind == kind) {
            return;
        }
        if kind == OrderKind::Reopen && !oracle::may_reopen(self, self.now, false) {
            self.breaks(4);
        }
        self.intend(kind, false);
    }

    /// The téléservice obeys; whether its answer comes back makes no difference before the feed is read.
    fn send(&mut self) {
        if let Some(order) = &mut self.pending {
            order.obeyed = true;
            let Pending { kind, by_hand, .. } = *order;
            self.turn(kind.opens(), Some((kind, by_hand)));
        }
    }

    /// Siècle's responses are taken, or held while the campaign is open.
    fn import(&mut self, guard: &Guard) {
        self.received = true;
        self.held = !matches!(guard.answers(self).to(Ask::Import), Said::Allowed { .. });
        if self.held {
            return;
        }
        for pupil in 0..PUPILS {
            self.to_carry[pupil] |= self.entered[pupil] != self.taken[pupil] && !self.read_left[pupil];
        }
        self.taken = self.entered;
        self.taken_complete = self.complete;
        if !self.to_carry.contains(&true) {
            self.confirmed = self.now + 1;
        }
    }

    fn intend_transfer(&mut self) {
        self.transfer = std::array::from_fn(|pupil| if self.to_carry[pupil] { self.taken[pupil] } else { 0 });
        self.transferred = false;
    }

    /// The téléservice applies and locks pupil by pupil, each in one; it refuses the whole while it is open.
    fn send_transfer(&mut self, guard: &Guard) {
        if self.open {
            self.transfer = [0; PUPILS];
            return;
        }
        for pupil in 0..PUPILS {
            if 0 < self.transfer[pupil] && !self.left[pupil] {
                self.seq += 1;
                self.applied[pupil] = self.transfer[pupil];
                self.locked[pupil] |= guard.locks;
            }
        }
        self.transferred = true;
    }

    fn confirm_transfer(&mut self) {
        for pupil in 0..PUPILS {
            // A response that changed since is carried by the next order.
            self.to_carry[pupil] &= self.transfer[pupil] != self.taken[pupil];
        }
        self.confirmed = self.now + 1;
        self.transfer = [0; PUPILS];
        self.transferred = false;
    }

    fn has_uncarried_closing(&self) -> bool {
        let closing = self.events[..usize::from(self.read)].iter().rev().find(|event| !event.open);
        closing.is_some_and(|event| self.acknowledged_seq.is_none_or(|seq| seq < event.seq))
    }

    fn cut_lot(&mut self) {
        let (cut_seq, versions) = (self.read_seq, self.read_versions);
        self.lot = Lot { state: LotState::Intended, cut_seq, versions };
    }

    fn send_lot(&mut self, sending: Sending) {
        match sending {
            Sending::Answered => {
                self.arrive();
                self.acknowledge();
            }
            Sending::RequestLost => self.lot.state = LotState::InDoubt,
            Sending::AnswerLost => {
                self.arrive();
                self.lot.state = LotState::InDoubt;
            }
        }
    }

    /// Siècle is asked: it has the lot, or the same bytes go again.
    fn settle_lot(&mut self) {
        self.arrive();
        self.acknowledge();
    }

    fn arrive(&mut self) {
        self.holds = self.lot.versions;
    }

    fn acknowledge(&mut self) {
        self.lot.state = LotState::Acknowledged;
        self.acknowledged_seq = Some(self.lot.cut_seq);
        self.acknowledged_versions = self.lot.versions;
    }
}
