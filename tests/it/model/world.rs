//! The state of the bounded world: what is true at the far sides, what navette's database holds, and what may come next.

use crate::model::guards::{Answers, Guard, Said};
use navette::guard::OrderAction;
use std::hash::{Hash, Hasher};

pub const PUPILS: usize = 2;
/// Instants are indices here; `None` and "never" are 0 where an instant is kept as index + 1.
pub const INSTANTS: u8 = 8;
pub const WITH_REOPENING: u8 = 0;
pub const WITHOUT_REOPENING: u8 = 3;
pub const CALENDARS: u8 = 5;
/// What may happen next: one write, or one effect at a far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    // The clock.
    Advance,
    // Families, councils, persons.
    Validate(usize),
    Leave(usize),
    Respond(usize),
    DeclareEntryComplete,
    Switch,
    // Hands at navette; `true` asks with a dérogation.
    Hand(Ask),
    HandCommits,
    // navette's own writes and orders.
    Tick,
    Read,
    Enforce,
    Send,
    Import,
    IntendTransfer,
    SendTransfer,
    ConfirmTransfer,
    CutLot,
    SendLot(Sending),
    SettleLot,
}

/// What a hand asks of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    Open,
    Close,
    Reopen { derogation: bool },
    Import,
    Calendar { number: u8, derogation: bool },
}

impl Ask {
    pub const fn with_derogation(self) -> bool {
        match self {
            Self::Open | Self::Close | Self::Import => false,
            Self::Reopen { derogation } | Self::Calendar { derogation, .. } => derogation,
        }
    }
}

/// What becomes of a request that carries a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Answered,
    RequestLost,
    AnswerLost,
}

/// One `OUVERTURE` event of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    pub seq: u8,
    pub at: u8,
    pub open: bool,
    /// The order that made it so, and whether by hand; none: a person.
    pub order: Option<(OrderKind, bool)>,
    pub judged: Option<Judged>,
}

impl Event {
    /// All of it in 16 bits.
    pub fn packed(&self) -> u16 {
        let order = self.order.map_or(0, |(kind, by_hand)| 1 + 2 * kind as u16 + u16::from(by_hand));
        let judged = self.judged.map_or(0, |judged| 1 + judged as u16);
        u16::from(self.seq) << 9 | u16::from(self.at) << 6 | order << 2 | judged | u16::from(self.open) << 15
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderKind {
    Open,
    Close,
    Reopen,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judged {
    Opening,
    Reopening,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    pub kind: OrderKind,
    pub by_hand: bool,
    /// The téléservice obeyed.
    pub obeyed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LotState {
    None,
    Intended,
    InDoubt,
    Acknowledged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lot {
    pub state: LotState,
    pub cut_seq: u8,
    pub versions: [u8; PUPILS],
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub now: u8,
    /// How much more may happen from outside.
    pub outside_events: u8,
    // The téléservice.
    pub seq: u8,
    pub open: bool,
    pub versions: [u8; PUPILS],
    pub left: [bool; PUPILS],
    /// The response applied, named by its instant of entry + 1.
    pub applied: [u8; PUPILS],
    pub locked: [bool; PUPILS],
    // Siècle.
    pub holds: [u8; PUPILS],
    pub entered: [u8; PUPILS],
    pub complete: u8,
    // navette's database.
    pub calendar: u8,
    /// Window events; those from `read` on are in the feed and not read yet.
    pub events: Vec<Event>,
    pub read: u8,
    pub read_seq: u8,
    pub read_versions: [u8; PUPILS],
    pub read_left: [bool; PUPILS],
    pub pending: Option<Pending>,
    pub lot: Lot,
    pub acknowledged_seq: Option<u8>,
    pub acknowledged_versions: [u8; PUPILS],
    pub received: bool,
    pub held: bool,
    pub taken: [u8; PUPILS],
    pub taken_complete: u8,
    /// Responses that the téléservice must still confirm.
    pub to_carry: [bool; PUPILS],
    pub confirmed: u8,
    /// The transfer order on its way, and whether it was obeyed.
    pub transfer: [u8; PUPILS],
    pub transferred: bool,
    // A hand's verdict, kept outside the transaction by a broken guard only.
    pub verdict: Option<(Ask, bool)>,
    // What the second opinion remembers.
    /// The opening that lasts is a permitted reopening.
    pub legal: bool,
    pub broken: u8,
}

impl World {
    pub fn new(calendar: u8) -> Self {
        Self {
            now: 0,
            outside_events: 0,
            seq: 0,
            open: false,
            versions: [0; PUPILS],
            left: [false; PUPILS],
            applied: [0; PUPILS],
            locked: [false; PUPILS],
            holds: [0; PUPILS],
            entered: [0; PUPILS],
            complete: 0,
            calendar,
            events: Vec::new(),
            read: 0,
            read_seq: 0,
            read_versions: [0; PUPILS],
            read_left: [false; PUPILS],
            pending: None,
            lot: Lot { state: LotState::None, cut_seq: 0, versions: [0; PUPILS] },
            acknowledged_seq: None,
            acknowledged_versions: [0; PUPILS],
            received: false,
            held: false,
            taken: [0; PUPILS],
            taken_complete: 0,
            to_carry: [false; PUPILS],
            confirmed: 0,
            transfer: [0; PUPILS],
            transferred: false,
            verdict: None,
            legal: false,
            broken: 0,
        }
    }

    /// Everything that can happen next.
    pub fn actions(&self, guard: &Guard, actions: &mut Vec<Action>) {
        let own = [
            Action::Advance,
            Action::Tick,
            Action::Read,
            Action::Enforce,
            Action::Send,
            Action::HandCommits,
            Action::Import,
            Action::IntendTransfer,
            Action::SendTransfer,
            Action::ConfirmTransfer,
            Action::CutLot,
            Action::SendLot(Sending::Answered),
            Action::SendLot(Sending::RequestLost),
            Action::SendLot(Sending::AnswerLost),
            Action::SettleLot,
        ];
        actions.extend(own.into_iter().filter(|action| self.can(*action)));
        if self.outside_events == 0 {
            return;
        }
        for pupil in 0..PUPILS {
            let theirs = [Action::Validate(pupil), Action::Leave(pupil), Action::Respond(pupil)];
            actions.extend(theirs.into_iter().filter(|action| self.can(*action)));
        }
        actions.extend([Action::DeclareEntryComplete, Action::Switch].into_iter().filter(|action| self.can(*action)));
        let answers = self.seen_by_a_hand(guard);
        let reopenings = [false, true].map(|derogation| Ask::Reopen { derogation });
        let calendars =
            (0..CALENDARS).flat_map(|number| [false, true].map(|derogation| Ask::Calendar { number, derogation }));
        let asks = [Ask::Open, Ask::Close].into_iter().chain(reopenings).chain(calendars);
        // A dérogation that lifts nothing makes no other state.
        let matters = |ask: &Ask| match answers.to(*ask) {
            Said::Allowed { derogation } => derogation == ask.with_derogation(),
            Said::Already | Said::Refused => false,
        };
        actions.extend(asks.filter(matters).map(Action::Hand));
    }

    /// What the guard says to a hand, which reads the feed first.
    fn seen_by_a_hand(&self, guard: &Guard) -> Answers {
        let mut seen = self.clone();
        seen.look(guard);
        guard.answers(&seen)
    }

    pub fn is_broken(&self, statement: u8) -> bool {
        self.broken & (1 << statement) != 0
    }

    pub fn breaks(&mut self, statement: u8) {
        self.broken |= 1 << statement;
    }

    pub fn reopening_ordered(&self, by_hand: bool) -> bool {
        self.pending.is_some_and(|order| order.kind == OrderKind::Reopen && order.by_hand == by_hand)
    }

    pub fn has_judged(&self, judged: Judged) -> bool {
        self.events.iter().any(|event| event.judged == Some(judged))
    }
}

/// By hand: one call for many fields, since the checker hashes every state that it meets.
impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let flags = |flags: &[bool]| flags.iter().fold(0, |bits: u8, flag| bits << 1 | u8::from(*flag));
        let pending = self.pending.map_or(0, |it| 1 + (it.kind as u8) * 4 + flags(&[it.by_hand, it.obeyed]));
        let ([v0, v1], [r0, r1], [l0, l1]) = (self.versions, self.read_versions, self.lot.versions);
        let ([a0, a1], [h0, h1], [e0, e1]) = (self.acknowledged_versions, self.holds, self.entered);
        let ([p0, p1], [t0, t1], [o0, o1]) = (self.applied, self.taken, self.transfer);
        let [left0, left1] = self.left;
        let [gone0, gone1] = self.read_left;
        hasher.write(&[
            self.now,
            self.outside_events,
            self.calendar,
            self.read,
            self.seq,
            self.read_seq,
            self.acknowledged_seq.map_or(0, |seq| seq + 1),
            pending,
            self.lot.state as u8,
            self.lot.cut_seq,
            self.complete,
            self.taken_complete,
            self.confirmed,
            self.broken,
            flags(&[self.open, self.received, self.held, self.transferred, self.legal]),
            flags(&[left0, left1, gone0, gone1, self.locked[0], self.locked[1], self.to_carry[0], self.to_carry[1]]),
            v0 << 4 | v1,
            r0 << 4 | r1,
            l0 << 4 | l1,
            a0 << 4 | a1,
            h0 << 4 | h1,
            e0 << 4 | e1,
            p0 << 4 | p1,
            t0 << 4 | t1,
            o0 << 4 | o1,
        ]);
        self.events.iter().for_each(|event| hasher.write_u16(event.packed()));
        self.verdict.hash(hasher);
    }
}

impl From<OrderAction> for OrderKind {
    fn from(action: OrderAction) -> Self {
        match action {
            OrderAction::Open => Self::Open,
            OrderAction::Close => Self::Close,
            OrderAction::Reopen => Self::Reopen,
            OrderAction::End => Self::End,
        }
    }
}

impl OrderKind {
    pub const fn opens(self) -> bool {
        matches!(self, Self::Open | Self::Reopen)
    }
}
