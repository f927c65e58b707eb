//! The guard as the model's parameter: the real one, and broken ones. Its answers are remembered by what it was asked, as
//! a pure function's may be.

use crate::model::world::{Ask, CALENDARS, Event, INSTANTS, Judged, LotState, OrderKind, PUPILS, World};
use navette::{
    domain::{
        campaign::{Calendar, CampaignKey, Phase},
        pupil::Division,
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{DAY_S, Timestamp, Zone},
    },
    guard::{
        Action, By, Close, Derogation, Facts, FarSide, Import, Journal, Judgement, LoadCalendar, LotFact, Open,
        OrderAction, PendingOrder, Policy, Reopen, ResponseFacts, Verdict, WindowEvent, decide, enforce, judgements,
    },
};
use std::{collections::HashMap, sync::Mutex};

/// What the guard says to an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Allowed { derogation: bool },
    Already,
    Refused,
}

/// Everything the guard says of one set of facts at one instant.
#[derive(Clone, Copy)]
pub struct Answers {
    /// By ask, one bit each.
    allowed: u32,
    by_derogation: u32,
    already: u32,
    pub duty: Option<OrderKind>,
    /// By event, at most this many at once.
    judgements: [Option<(u8, Judged)>; 6],
    /// Whether it holds the demands to be in Siècle.
    pub demands_in: bool,
}

impl Answers {
    pub const fn to(&self, ask: Ask) -> Said {
        let bit = 1 << index(ask);
        if self.allowed & bit != 0 {
            Said::Allowed { derogation: self.by_derogation & bit != 0 }
        } else if self.already & bit != 0 {
            Said::Already
        } else {
            Said::Refused
        }
    }

    pub fn judgements(self) -> impl Iterator<Item = (u8, Judged)> {
        self.judgements.into_iter().flatten()
    }
}

/// A guard under test.
pub struct Guard {
    pub name: &'static str,
    /// How far ahead of the clock it believes to be.
    ahead_s: i64,
    /// Whether a response is applied and its demand locked in one.
    pub locks: bool,
    /// Whether facts, verdict and change share a transaction.
    pub reads_in_transaction: bool,
    enforces: bool,
    /// Whether a lot counts only when it was cut at or after the closing.
    minds_the_closing: bool,
    remembered: Vec<Mutex<HashMap<Packed, Answers>>>,
}

impl Guard {
    pub fn real() -> Self {
        Self {
            name: "the real guard",
            ahead_s: 0,
            locks: true,
            reads_in_transaction: true,
            enforces: true,
            minds_the_closing: true,
            remembered: (0..INSTANTS).map(|_| Mutex::default()).collect(),
        }
    }

    pub fn one_second_short() -> Self {
        Self { name: "one second short", ahead_s: 1, ..Self::real() }
    }

    pub fn that_forgets_the_lock() -> Self {
        Self { name: "lock forgotten", locks: false, ..Self::real() }
    }

    pub fn that_reads_the_facts_before_the_transaction() -> Self {
        Self { name: "facts read before the transaction", reads_in_transaction: false, ..Self::real() }
    }

    pub fn that_never_closes() -> Self {
        Self { name: "never closes by itself", enforces: false, ..Self::real() }
    }

    pub fn that_takes_any_lot_for_the_last() -> Self {
        Self { name: "takes any lot for the last", minds_the_closing: false, ..Self::real() }
    }

    pub fn is_whole(&self) -> bool {
        self.ahead_s == 0 && self.locks && self.reads_in_transaction && self.enforces && self.minds_the_closing
    }

    /// What it says of what navette's database holds now.
    pub fn answers(&self, world: &World) -> Answers {
        let key = packed(world);
        let shard = &self.remembered[usize::from(world.now)];
        if let Some(known) = shard.lock().unwrap().get(&key) {
            return *known;
        }
        let answers = self.ask(&Key::of(world));
        shard.lock().unwrap().insert(key, answers);
        answers
    }

    fn ask(&self, key: &Key) -> Answers {
        let journal = self.journal(key);
        let calendar = Some(calendar(key.calendar));
        let now = instant(key.now).plus_s(self.ahead_s);
        let facts = Facts::fold(campaign(), Zone::Europe__Paris, calendar.clone(), &journal, FarSide::WELL);
        let duty = enforce(&facts, now).filter(|_| self.enforces).map(|duty| duty.action.into());
        let judged = judgements(campaign(), Zone::Europe__Paris, calendar.as_ref(), &journal, FarSide::WELL);
        assert!(judged.len() <= 6, "more openings at once than the world was made for");
        let mut judged = judged.into_iter().map(|(seq, judgement)| (seq as u8, judgement.into()));
        let demands_in = facts.demands_in_at().is_some();
        let judgements = std::array::from_fn(|_| judged.next());
        let mut answers = Answers { allowed: 0, by_derogation: 0, already: 0, duty, judgements, demands_in };
        for ask in all_asks() {
            let bit = 1 << index(ask);
            match say(&facts, ask, now) {
                Said::Allowed { derogation } => {
                    answers.allowed |= bit;
                    answers.by_derogation |= if derogation { bit } else { 0 };
                }
                Said::Already => answers.already |= bit,
                Said::Refused => (),
            }
        }
        answers
    }

    fn journal(&self, key: &Key) -> Journal {
        let closed_seq = key.events.iter().rev().find(|event| !event.open).map(|event| u64::from(event.seq));
        let cut_seq = |seq: u8| if self.minds_the_closing { u64::from(seq) } else { closed_seq.unwrap_or(0) };
        let lot = |number, cut_seq, acknowledged_at, in_doubt| LotFact {
            number,
            cut_seq,
            epoch: 0,
            acknowledged_at,
            in_doubt,
        };
        let acknowledged = key.acknowledged_seq.map(|seq| lot(1, cut_seq(seq), Some(instant(0)), false));
        let doubtful = key.in_doubt.then(|| lot(2, 0, None, true));
        let division = |pupil: usize| Division::parse(["3 A", "3 B"][pupil]).unwrap();
        let pupils = 0..PUPILS;
        let missing = pupils.clone().filter(|pupil| key.expected[*pupil] && key.taken[*pupil] == 0);
        Journal {
            windows: key.events.iter().map(window_event).collect(),
            feed_epoch: 0,
            lots: acknowledged.into_iter().chain(doubtful).collect(),
            responses: ResponseFacts {
                received: key.received,
                entry_complete_at: some_instant(key.taken_complete),
                latest_entered_at: some_instant(key.taken.into_iter().max().unwrap()),
                missing: missing.map(|pupil| (division(pupil), 1)).collect(),
                some_expected: key.expected.contains(&true),
                pending_transfer: key.waiting,
                confirmed_at: some_instant(key.confirmed),
                held_files: u32::from(key.held),
            },
            divisions: pupils.map(division).collect(),
            pending: key.pending.map(|kind| PendingOrder { number: 1, action: kind.into(), given_at: instant(0) }),
        }
    }
}

/// A `Key` in a few words.
type Packed = (u128, u64);

/// What the guard's answers depend on, packed: what `Key::of` reads, and nothing else.
fn packed(world: &World) -> Packed {
    let events = &world.events[..usize::from(world.read)];
    assert!(events.len() <= 7, "more window events than a key has room for");
    let windows = events.iter().fold(1, |bits: u128, event| bits << 16 | u128::from(event.packed()));
    let expected = |pupil: usize| 0 < world.acknowledged_versions[pupil] && !world.read_left[pupil];
    let fields = [
        world.now,
        world.calendar,
        world.acknowledged_seq.map_or(0, |seq| seq + 1),
        u8::from(matches!(world.lot.state, LotState::InDoubt)),
        u8::from(expected(0)) | u8::from(expected(1)) << 1 | u8::from(world.received) << 2 | u8::from(world.held) << 3,
        world.taken[0],
        world.taken[1],
        world.taken_complete,
        u8::from(world.to_carry[0]) + u8::from(world.to_carry[1]),
        world.confirmed,
        world.pending.map_or(0, |pending| 1 + pending.kind as u8),
    ];
    (windows, fields.into_iter().fold(0, |bits, field| bits << 4 | u64::from(field)))
}

/// What the guard's answers depend on.
struct Key {
    now: u8,
    calendar: u8,
    events: Vec<Event>,
    acknowledged_seq: Option<u8>,
    in_doubt: bool,
    expected: [bool; PUPILS],
    taken: [u8; PUPILS],
    taken_complete: u8,
    received: bool,
    held: bool,
    waiting: u32,
    confirmed: u8,
    pending: Option<OrderKind>,
}

impl Key {
    fn of(world: &World) -> Self {
        let expected = |pupil: usize| 0 < world.acknowledged_versions[pupil] && !world.read_left[pupil];
        Self {
            now: world.now,
            calendar: world.calendar,
            events: world.events[..usize::from(world.read)].to_vec(),
            acknowledged_seq: world.acknowledged_seq,
            in_doubt: matches!(world.lot.state, LotState::InDoubt),
            expected: std::array::from_fn(expected),
            taken: world.taken,
            taken_complete: world.taken_complete,
            received: world.received,
            held: world.held,
            waiting: world.to_carry.iter().filter(|waits| **waits).count() as u32,
            confirmed: world.confirmed,
            pending: world.pending.map(|pending| pending.kind),
        }
    }
}

fn all_asks() -> impl Iterator<Item = Ask> {
    let windows = [Ask::Open, Ask::Close, Ask::Import];
    let reopenings = [false, true].map(|derogation| Ask::Reopen { derogation });
    let calendars =
        (0..CALENDARS).flat_map(|number| [false, true].map(|derogation| Ask::Calendar { number, derogation }));
    windows.into_iter().chain(reopenings).chain(calendars)
}

/// The place of an ask among `all_asks`.
const fn index(ask: Ask) -> usize {
    match ask {
        Ask::Open => 0,
        Ask::Close => 1,
        Ask::Import => 2,
        Ask::Reopen { derogation } => 3 + derogation as usize,
        Ask::Calendar { number, derogation } => 5 + 2 * number as usize + derogation as usize,
    }
}

fn say(facts: &Facts, ask: Ask, now: Timestamp) -> Said {
    match ask {
        Ask::Open => said(facts, Open, now, false),
        Ask::Close => said(facts, Close, now, false),
        Ask::Import => said(facts, Import, now, false),
        Ask::Reopen { derogation } => said(facts, Reopen, now, derogation),
        Ask::Calendar { number, derogation } => {
            said(facts, LoadCalendar { calendar: calendar(number) }, now, derogation)
        }
    }
}

fn said<A: Action>(facts: &Facts, action: A, now: Timestamp, derogation: bool) -> Said {
    let plea = derogation.then(|| Derogation { reason: "modèle".to_owned(), who: "modèle".to_owned() });
    match decide(facts, action, now, plea, Policy { overrides: true, enforce: true }) {
        Verdict::Allowed(permit) => Said::Allowed { derogation: permit.derogation().is_some() },
        Verdict::Already => Said::Already,
        Verdict::Refused(_) => Said::Refused,
    }
}

fn campaign() -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive }
}

/// The first council of the first calendar.
const COUNCIL: Timestamp = Timestamp::from_epoch_ms(1_590_674_400_000);

/// The eight instants, around the first council: two days before; one second before, and exactly, 24 h before; the
/// council; one second before, and exactly, 24 h after; and the same 48 h after.
pub const OFFSETS_S: [i64; 8] = [-2 * DAY_S, -DAY_S - 1, -DAY_S, 0, DAY_S - 1, DAY_S, 2 * DAY_S - 1, 2 * DAY_S];

pub fn instant(index: u8) -> Timestamp {
    COUNCIL.plus_s(OFFSETS_S[usize::from(index)])
}

fn some_instant(index_and_one: u8) -> Option<Timestamp> {
    index_and_one.checked_sub(1).map(instant)
}

/// The councils of each calendar, relative to the first council of the first one.
pub const COUNCILS_S: [[i64; PUPILS]; CALENDARS as usize] = [
    [0, 0],
    // One council is brought nearer by a second.
    [0, -1],
    // Both are put off by a day.
    [DAY_S, DAY_S],
    [0, 0],
    // One is brought so near that only a dérogation records it.
    [0, -DAY_S],
];

fn calendar(number: u8) -> Calendar {
    let councils = COUNCILS_S[usize::from(number)];
    let (closes, reopens, ends) = match number {
        0 => (2, Some(5), None),
        1 => (1, Some(5), Some(7)),
        2 => (3, Some(7), None),
        3 => (2, None, Some(7)),
        _ => (1, None, None),
    };
    let name = |pupil: usize| Division::parse(["3 A", "3 B"][pupil]).unwrap();
    Calendar {
        opens: instant(0),
        closes: instant(closes),
        reopens: reopens.map(instant),
        ends: ends.map(instant),
        councils: councils.into_iter().enumerate().map(|(pupil, at)| (name(pupil), COUNCIL.plus_s(at))).collect(),
    }
}

pub fn window_event(event: &Event) -> WindowEvent {
    WindowEvent {
        seq: u64::from(event.seq),
        at: instant(event.at),
        open: event.open,
        by: event.order.map_or(By::Person, |(kind, by_hand)| By::Order { action: kind.into(), by_hand }),
        judged: event.judged.map(Judgement::from),
    }
}

impl From<OrderKind> for OrderAction {
    fn from(kind: OrderKind) -> Self {
        match kind {
            OrderKind::Open => Self::Open,
            OrderKind::Close => Self::Close,
            OrderKind::Reopen => Self::Reopen,
            OrderKind::End => Self::End,
        }
    }
}

impl From<Judged> for Judgement {
    fn from(judged: Judged) -> Self {
        match judged {
            Judged::Opening => Self::Opening,
            Judged::Reopening => Self::Reopening,
            Judged::Refused => Self::Refused,
        }
    }
}

impl From<Judgement> for Judged {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Opening => Self::Opening,
            Judgement::Reopening => Self::Reopening,
            Judgement::Refused => Self::Refused,
        }
    }
}
