//! The téléservice's feed of one school and year: events in order, numbered from 1.

use crate::codec::json::feed::encode_event;
use crate::domain::{event::Event, time::Zone};

/// What stands at one place of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An event that the téléservice means.
    Meant(Event),
    /// An event as a scenario wrote it (`emit`): its JSON, whatever is wrong with it.
    Raw(String),
}

impl Line {
    /// Its JSON, with instants in `zone`.
    pub fn json(&self, zone: Zone) -> String {
        match self {
            Self::Meant(event) => encode_event(event, zone),
            Self::Raw(json) => json.clone(),
        }
    }

    /// Whether it was put there by hand: over folders such an event is a file of its own.
    pub const fn is_raw(&self) -> bool {
        matches!(self, Self::Raw(_))
    }
}

/// One place of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub seq: u64,
    /// What stands there.
    pub line: Line,
}

/// A feed.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    entries: Vec<Entry>,
    restored: u64,
}

impl Feed {
    /// The last `seq` that exists; 0 for an empty feed.
    pub fn last(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.seq)
    }

    /// The events after `seq`, ascending.
    pub fn after(&self, seq: u64) -> &[Entry] {
        let at = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.get(at..).unwrap_or_default()
    }

    /// How often it was set back to a copy: what was read of it before may have changed.
    pub const fn restored(&self) -> u64 {
        self.restored
    }

    /// Appends what `line` makes of the next `seq`, and answers that `seq`.
    pub fn push(&mut self, line: impl FnOnce(u64) -> Line) -> u64 {
        let seq = self.last() + 1;
        self.put(seq, line(seq));
        seq
    }

    /// Puts an event at `seq` and goes on from there: above the next one it leaves a hole, at or below the last one it
    /// drops what follows, as a restored copy does.
    pub fn put(&mut self, seq: u64, line: Line) {
        if seq <= self.last() {
            self.entries.retain(|entry| entry.seq < seq);
            self.restored += 1;
        }
        self.entries.push(Entry { seq, line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Line {
        Line::Raw(text.to_owned())
    }

    fn seqs(feed: &Feed, after: u64) -> Vec<u64> {
        feed.after(after).iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn it_rises_by_one() {
        let mut feed = Feed::default();
        assert_eq!((feed.push(|_| raw("a")), feed.push(|_| raw("b"))), (1, 2));
        assert_eq!(seqs(&feed, 1), [2]);
    }

    #[test]
    fn a_given_seq_leaves_a_hole_and_the_feed_goes_on_from_there() {
        let mut feed = Feed::default();
        feed.push(|_| raw("a"));
        feed.put(4, raw("b"));
        feed.push(|_| raw("c"));
        assert_eq!(seqs(&feed, 0), [1, 4, 5]);
        assert_eq!(feed.restored(), 0);
    }

    #[test]
    fn a_given_seq_that_exists_drops_what_follows() {
        let mut feed = Feed::default();
        for _ in 0..5 {
            feed.push(|_| raw("a"));
        }
        feed.put(3, raw("b"));
        assert_eq!(seqs(&feed, 0), [1, 2, 3]);
        assert_eq!((feed.after(2).first().map(|entry| &entry.line), feed.restored()), (Some(&raw("b")), 1));
    }
}
