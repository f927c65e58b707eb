//! The facts of a campaign: what navette has read, folded from the calendar and the journal. What they mean for a state
//! is in `state`, for a verdict in `action`.

use crate::domain::{
    campaign::{Calendar, CampaignKey},
    pupil::Division,
    time::{Timestamp, Zone},
};
use crate::guard::window::{How, Window};
use std::collections::{BTreeMap, BTreeSet};

/// Our clock may stand this far from a far side's, in milliseconds (guard.md: more is `CLOCK`).
pub const SKEW_MS_MAX: u64 = 120_000;

/// What the store has read of one campaign.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Journal {
    /// The campaign's `OUVERTURE` events, by `seq`.
    pub windows: Vec<WindowEvent>,
    /// The feed epoch in force.
    pub feed_epoch: u32,
    /// Every lot of the campaign, by number.
    pub lots: Vec<LotFact>,
    /// What is known of the council responses.
    pub responses: ResponseFacts,
    /// Divisions with pupils in procedure: present, and of the campaign's level.
    pub divisions: BTreeSet<Division>,
    /// The latest window order given that is neither shown by the feed, nor refused, nor lost.
    pub pending: Option<PendingOrder>,
}

/// One `OUVERTURE` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowEvent {
    /// Its place in the feed.
    pub seq: u64,
    /// When it happened (`le`).
    pub at: Timestamp,
    /// Whether the service is open since.
    pub open: bool,
    /// Who made it so.
    pub by: By,
    /// What the guard said of a person's opening; recorded once.
    pub judged: Option<Judgement>,
}

/// Who opened or closed the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An order of navette's.
    Order {
        /// What was ordered.
        action: OrderAction,
        /// Whether a person asked navette for it.
        by_hand: bool,
    },
    /// A person, at the téléservice itself.
    Person,
}

/// What a window order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderAction {
    /// Opens for the entry of demands.
    Open,
    /// Closes.
    Close,
    /// Opens again for acknowledgements and replies.
    Reopen,
    /// Closes for good.
    End,
}

impl OrderAction {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Open, Self::Close, Self::Reopen, Self::End];

    /// The name under which the store and the reports keep it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::End => "end",
        }
    }

    /// The action of a name.
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// Whether the service is open once it is obeyed.
    pub const fn opens(self) -> bool {
        match self {
            Self::Open | Self::Reopen => true,
            Self::Close | Self::End => false,
        }
    }
}

/// What a person's opening counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    /// A permitted opening.
    Opening,
    /// A permitted reopening.
    Reopening,
    /// Not permitted: the guard closes again, `DERIVE`.
    Refused,
}

impl Judgement {
    /// Every judgement.
    pub const ALL: [Self; 3] = [Self::Opening, Self::Reopening, Self::Refused];

    /// The name under which the store keeps it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Reopening => "reopening",
            Self::Refused => "refused",
        }
    }

    /// The judgement of a name.
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|judgement| judgement.as_str() == text)
    }
}

/// What the guard needs to know of one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotFact {
    /// `NUM_ENVOI`.
    pub number: u32,
    /// The feed position at which it was cut.
    pub cut_seq: u64,
    /// The feed epoch in which it was cut.
    pub epoch: u32,
    /// When Siècle's receipt was read.
    pub acknowledged_at: Option<Timestamp>,
    /// Whether nobody knows if it arrived.
    pub in_doubt: bool,
}

/// What is known of a campaign's council responses.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ResponseFacts {
    /// Any response of the campaign was read, held files included.
    pub received: bool,
    /// The latest `SAISIE_TERMINEE_LE`.
    pub entry_complete_at: Option<Timestamp>,
    /// The latest `SAISIE_LE` received, anomalous rows included.
    pub latest_entered_at: Option<Timestamp>,
    /// Pupils in procedure with a demand in the last acknowledged lot and without a received response, by division.
    pub missing: BTreeMap<Division, u32>,
    /// The last acknowledged lot holds at least one such demand, received or not; not asked once the entry was declared
    /// finished.
    pub some_expected: bool,
    /// Applied here, neither confirmed nor refused there.
    pub pending_transfer: u32,
    /// The latest confirmation, or the import's instant when nothing had to be carried.
    pub confirmed_at: Option<Timestamp>,
    /// Files held until the campaign is closed.
    pub held_files: u32,
}

/// A window order that the feed does not show yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingOrder {
    /// Its number.
    pub number: u32,
    /// What it does.
    pub action: OrderAction,
    /// When it was intended.
    pub given_at: Timestamp,
}

/// What is known of the far sides at the instant of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarSide {
    /// Whether the téléservice answers.
    pub reachable: bool,
    /// How far our clock is from a far side's `Date`; unknown over folders.
    pub clock_skew_ms: Option<i64>,
}

impl FarSide {
    /// A téléservice that answers, with a clock that agrees with ours.
    pub const WELL: Self = Self { reachable: true, clock_skew_ms: None };

    /// The skew, when it is more than the guard accepts.
    pub fn excessive_skew_ms(self) -> Option<i64> {
        self.clock_skew_ms.filter(|skew| SKEW_MS_MAX < skew.unsigned_abs())
    }
}

/// The facts of one campaign (guard.md, "Facts of a campaign").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    key: CampaignKey,
    zone: Zone,
    calendar: Option<Calendar>,
    window: Window,
    feed_epoch: u32,
    lots: Vec<LotFact>,
    responses: ResponseFacts,
    divisions: BTreeSet<Division>,
    pending: Option<PendingOrder>,
    far: FarSide,
    next_fetch_at: Option<Timestamp>,
}

impl Facts {
    /// Folds what was read into facts.
    pub fn fold(key: CampaignKey, zone: Zone, calendar: Option<Calendar>, journal: &Journal, far: FarSide) -> Self {
        Self {
            key,
            zone,
            calendar,
            window: Window::fold(&journal.windows),
            feed_epoch: journal.feed_epoch,
            lots: journal.lots.clone(),
            responses: journal.responses.clone(),
            divisions: journal.divisions.clone(),
            pending: journal.pending,
            far,
            next_fetch_at: None,
        }
    }

    /// The same facts, knowing when responses are fetched next, so that a refusal can say it.
    #[must_use]
    pub fn fetching_at(self, at: Timestamp) -> Self {
        Self { next_fetch_at: Some(at), ..self }
    }

    /// The campaign.
    pub const fn key(&self) -> CampaignKey {
        self.key
    }

    /// The school's zone.
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The calendar, once one was loaded.
    pub const fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()
    }

    /// Whether the feed shows the service open.
    pub const fn open(&self) -> bool {
        self.window.opening.is_some()
    }

    /// Since when the service is open.
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.window.opening.map(|opening| opening.at)
    }

    /// How the service came to be open.
    pub fn how(&self) -> Option<How> {
        self.window.opening.map(|opening| opening.how)
    }

    /// Whether it ever was open.
    pub const fn ever_opened(&self) -> bool {
        self.window.ever_opened
    }

    /// When the latest closing was.
    pub const fn closed_at(&self) -> Option<Timestamp> {
        self.window.closed_at
    }

    /// At which `seq` the latest closing was.
    pub const fn closed_seq(&self) -> Option<u64> {
        self.window.closed_seq
    }

    /// Whether it is open by a permitted reopening.
    pub fn reopened(&self) -> bool {
        self.how() == Some(How::Reopening)
    }

    /// Whether a hand closed it, and none has opened it with permission since: then the guard opens nothing by itself.
    pub const fn hand_closed(&self) -> bool {
        self.window.hand_closed
    }

    /// When the latest permitted opening or reopening was.
    pub const fn permitted_opening_at(&self) -> Option<Timestamp> {
        self.window.permitted_opening_at
    }

    /// The earliest council.
    pub fn first_council(&self) -> Option<Timestamp> {
        self.calendar.as_ref().and_then(Calendar::first_council)
    }

    /// The latest council.
    pub fn last_council(&self) -> Option<Timestamp> {
        self.calendar.as_ref().and_then(Calendar::last_council)
    }

    /// The latest legal closing (R08).
    pub fn deadline(&self) -> Option<Timestamp> {
        self.calendar.as_ref().and_then(Calendar::deadline)
    }

    /// When Siècle acknowledged the first lot cut at or after the latest closing, in this feed epoch (R09).
    pub fn demands_in_at(&self) -> Option<Timestamp> {
        let acknowledged = self.carrying_lots().filter(|lot| lot.acknowledged_at.is_some());
        acknowledged.min_by_key(|lot| lot.number).and_then(|lot| lot.acknowledged_at)
    }

    /// Whether a lot cut at or after the latest closing still waits for its receipt.
    pub fn receipt_awaited(&self) -> bool {
        self.carrying_lots().any(|lot| lot.acknowledged_at.is_none())
    }

    /// When the responses were entered, once they all are.
    pub fn responses_entered_at(&self) -> Option<Timestamp> {
        let ResponseFacts { entry_complete_at, latest_entered_at, missing, some_expected, .. } = &self.responses;
        match entry_complete_at {
            Some(declared) => Some(latest_entered_at.map_or(*declared, |entered| entered.max(*declared))),
            None if *some_expected && missing.is_empty() => *latest_entered_at,
            None => None,
        }
    }

    /// When the téléservice had every response received; unknown while a file is held.
    pub fn responses_in_at(&self) -> Option<Timestamp> {
        let ResponseFacts { received, entry_complete_at, pending_transfer, confirmed_at, held_files, .. } =
            &self.responses;
        let begun = *received || entry_complete_at.is_some();
        let nothing_waits = *held_files == 0 && *pending_transfer == 0;
        confirmed_at.filter(|_| begun && nothing_waits)
    }

    /// What is known of the responses.
    pub const fn responses(&self) -> &ResponseFacts {
        &self.responses
    }

    /// The lots of which nobody knows whether they arrived.
    pub fn lots_in_doubt(&self) -> Vec<u32> {
        self.lots.iter().filter(|lot| lot.in_doubt).map(|lot| lot.number).collect()
    }

    /// Divisions with pupils in procedure and no council in the calendar; none while there is no calendar.
    pub fn divisions_without_council(&self) -> Vec<Division> {
        let Some(calendar) = &self.calendar else { return Vec::new() };
        self.divisions_beside(calendar)
    }

    /// Divisions with pupils in procedure that `calendar` gives no council.
    pub fn divisions_beside(&self, calendar: &Calendar) -> Vec<Division> {
        self.divisions.iter().filter(|division| !calendar.councils.contains_key(division)).cloned().collect()
    }

    /// The window order that the feed does not show yet.
    pub const fn pending(&self) -> Option<PendingOrder> {
        self.pending
    }

    /// Whether an opening was ordered that the feed does not show yet.
    pub fn opening_ordered(&self) -> bool {
        self.pending.is_some_and(|order| order.action.opens())
    }

    /// Whether a closing was ordered that the feed does not show yet.
    pub fn closing_ordered(&self) -> bool {
        self.pending.is_some_and(|order| !order.action.opens())
    }

    /// What is known of the far sides.
    pub const fn far(&self) -> FarSide {
        self.far
    }

    /// When responses are fetched next, where it is known.
    pub const fn next_fetch_at(&self) -> Option<Timestamp> {
        self.next_fetch_at
    }

    /// Lots of this feed epoch cut at or after the latest closing.
    fn carrying_lots(&self) -> impl Iterator<Item = &LotFact> {
        let since = self.closed_seq();
        let carries = move |lot: &&LotFact| {
            lot.epoch == self.feed_epoch && since.is_some_and(|closed_seq| closed_seq <= lot.cut_seq)
        };
        self.lots.iter().filter(carries)
    }
}
