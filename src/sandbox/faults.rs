//! Faults of a far side, on demand (scenarios.md, `siecle` and `teleservice`). Over folders only `up` is felt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// What a fault strikes (`on`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Siècle: deposits of lots.
    Lots,
    /// Siècle: receipts.
    Receipts,
    /// Siècle: response files.
    Responses,
    /// Téléservice: the feed.
    Feed,
    /// Téléservice: orders of both kinds.
    Orders,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] = [Self::Lots, Self::Receipts, Self::Responses, Self::Feed, Self::Orders];

    /// The name by which scenarios say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lots => "lots",
            Self::Receipts => "receipts",
            Self::Responses => "responses",
            Self::Feed => "feed",
            Self::Orders => "orders",
        }
    }

    /// The topic of a name.
    pub fn of_str(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is served.
    Served,
    /// It is treated, then the connection breaks before the answer.
    ReplyLost,
    /// It is not treated; this status answers.
    Status(u16),
    /// It is not treated and the connection breaks: the far side is down.
    Down,
}

/// Called when the far side as a whole goes down (`false`) or comes up: whoever holds a port closes or opens it.
pub type OnUp = Arc<dyn Fn(bool) + Send + Sync>;

/// The faults of one far side. `None` as a topic means any.
#[derive(Clone, Default)]
pub struct Faults {
    down: BTreeSet<Option<Topic>>,
    latency_ms: BTreeMap<Option<Topic>, u64>,
    lost: BTreeMap<Option<Topic>, u32>,
    statuses: BTreeMap<Option<Topic>, (u16, u32)>,
    on_up: Vec<OnUp>,
}

impl Faults {
    /// Makes the far side, or one topic of it, unusable.
    pub fn take_down(&mut self, on: Option<Topic>) {
        self.down.insert(on);
        if on.is_none() {
            self.on_up.iter().for_each(|tell| tell(self.is_up()));
        }
    }

    /// Makes it usable again; without a topic, all of it.
    pub fn bring_up(&mut self, on: Option<Topic>) {
        match on {
            None => self.down.clear(),
            Some(_) => _ = self.down.remove(&on),
        }
        self.on_up.iter().for_each(|tell| tell(self.is_up()));
    }

    /// Whether the far side as a whole is there.
    pub fn is_up(&self) -> bool {
        !self.down.contains(&None)
    }

    /// Whether one topic of it can be used.
    pub fn serves(&self, topic: Topic) -> bool {
        self.is_up() && !self.down.contains(&Some(topic))
    }

    /// Whether a request about `topic` is served just so: neither down, nor a status or a lost reply to come.
    pub fn is_calm(&self, topic: Topic) -> bool {
        let on = [Some(topic), None];
        let fails = on.iter().any(|on| self.statuses.get(on).is_some_and(|(_, times)| 0 < *times));
        let loses = on.iter().any(|on| self.lost.get(on).is_some_and(|times| 0 < *times));
        self.serves(topic) && !fails && !loses
    }

    /// Makes every answer wait.
    pub fn slow_down(&mut self, latency_ms: u64, on: Option<Topic>) {
        self.latency_ms.insert(on, latency_ms);
    }

    /// Treats the next `times` requests, then drops the answer.
    pub fn lose_reply(&mut self, times: u32, on: Option<Topic>) {
        self.lost.insert(on, times);
    }

    /// Answers the next `times` requests with `status`, untreated.
    pub fn fail_with(&mut self, status: u16, times: u32, on: Option<Topic>) {
        self.statuses.insert(on, (status, times));
    }

    /// How long the answer to a request waits.
    pub fn latency_ms(&self, topic: Topic) -> u64 {
        let of = |on| self.latency_ms.get(&on).copied();
        of(Some(topic)).or_else(|| of(None)).unwrap_or_default()
    }

    /// How many failures are still to come, of those that are counted.
    pub fn left(&self) -> u32 {
        let lost = self.lost.values().copied();
        lost.chain(self.statuses.values().map(|(_, times)| *times)).fold(0, u32::saturating_add)
    }

    /// Decides what becomes of the next request, and counts it.
    pub fn next(&mut self, topic: Topic) -> Fate {
        if !self.serves(topic) {
            return Fate::Down;
        }
        for on in [Some(topic), None] {
            if let Some((status, times @ 1..)) = self.statuses.get_mut(&on) {
                *times -= 1;
                return Fate::Status(*status);
            }
        }
        for on in [Some(topic), None] {
            if let Some(times @ 1..) = self.lost.get_mut(&on) {
                *times -= 1;
                return Fate::ReplyLost;
            }
        }
        Fate::Served
    }

    /// Has `tell` called whenever the far side goes down or comes up.
    pub fn on_up(&mut self, tell: OnUp) {
        self.on_up.push(tell);
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { down, latency_ms, lost, statuses, on_up: _ } = self;
        f.debug_struct("Faults")
            .field("down", down)
            .field("latency_ms", latency_ms)
            .field("lost", lost)
            .field("statuses", statuses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_reads_back() {
        for topic in Topic::ALL {
            assert_eq!(Topic::of_str(topic.as_str()), Some(topic));
        }
    }

    #[test]
    fn a_status_comes_as_often_as_told_then_lost_replies_then_service() {
        let mut faults = Faults::default();
        faults.fail_with(503, 2, Some(Topic::Lots));
        faults.lose_reply(1, None);
        assert!(!faults.is_calm(Topic::Lots) && !faults.is_calm(Topic::Receipts));
        let fates: Vec<_> = (0..4).map(|_| faults.next(Topic::Lots)).collect();
        assert_eq!(fates, [Fate::Status(503), Fate::Status(503), Fate::ReplyLost, Fate::Served]);
        assert_eq!(faults.next(Topic::Receipts), Fate::Served);
        assert!(faults.is_calm(Topic::Lots));
    }

    #[test]
    fn a_topic_can_be_down_alone_and_all_comes_up_together() {
        let mut faults = Faults::default();
        faults.take_down(Some(Topic::Receipts));
        assert_eq!(faults.next(Topic::Receipts), Fate::Down);
        assert_eq!(faults.next(Topic::Lots), Fate::Served);
        faults.take_down(None);
        assert_eq!(faults.next(Topic::Lots), Fate::Down);
        faults.bring_up(None);
        assert_eq!(faults.next(Topic::Receipts), Fate::Served);
    }

    #[test]
    fn latency_of_a_topic_goes_before_that_of_all() {
        let mut faults = Faults::default();
        faults.slow_down(500, None);
        faults.slow_down(7, Some(Topic::Feed));
        assert_eq!((faults.latency_ms(Topic::Feed), faults.latency_ms(Topic::Orders)), (7, 500));
    }
}
