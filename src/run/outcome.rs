//! What a run did at one school, and the one word and exit code that sum it up.

use crate::domain::{anomaly::Anomaly, campaign::CampaignKey, order::Motive, school::SchoolKey, time::Timestamp};
use crate::guard::verdict::RefusalCode;
use crate::store::{feed::Stop, lease::HeldBy};
use std::collections::{BTreeMap, BTreeSet};

/// A lot that left, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentLot {
    /// Campaign.
    pub key: CampaignKey,
    /// `NUM_ENVOI`.
    pub number: u32,
    /// Demands in it.
    pub demands: u32,
    /// Pupils without entry (R07).
    pub without_entry: u32,
}

/// A far side or a file could not be used; the run goes on with what does not need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which step could not do its work.
    pub step: Step,
    /// Why, without personal data.
    pub why: String,
    /// Whether the set-up is wrong (401, 403): an alert.
    pub set_up: bool,
}

/// The steps of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Reading the feed.
    Feed,
    /// Giving orders to the téléservice.
    Orders,
    /// Settling lots in doubt and asking for receipts.
    Receipts,
    /// Fetching and taking responses.
    Responses,
    /// Sending demands.
    Demands,
    /// None of them: the machine failed, or the program is at fault, which is logged where it is noticed.
    Run,
}

impl Step {
    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Orders => "orders",
            Self::Receipts => "receipts",
            Self::Responses => "responses",
            Self::Demands => "demands",
            Self::Run => "run",
        }
    }
}

/// What one run, or one tick, did at one school.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Events applied.
    pub events: u32,
    /// Orders given to the téléservice, windows and responses.
    pub orders: u32,
    /// Windows that the feed showed opening or closing by an order of ours.
    pub windows: Vec<(bool, Motive)>,
    /// Lots that left.
    pub lots: Vec<SentLot>,
    /// Lots of which it is now known that they arrived, or were refused.
    pub settled: u32,
    /// Receipts taken.
    pub receipts: u32,
    /// Response files taken or newly held.
    pub response_files: u32,
    /// Responses applied here.
    pub responses: u32,
    /// Responses confirmed by the téléservice.
    pub carried: u32,
    /// Anomalies raised for the first time.
    pub anomalies: Vec<Anomaly>,
    /// Numbers that Siècle skipped before a response file that came: the first and the last of each gap.
    pub gaps: Vec<(u32, u32)>,
    /// Files refused whole: number and why.
    pub refused_files: Vec<(u32, String)>,
    /// Plans held by a threshold.
    pub held: u32,
    /// What the guard deferred.
    pub deferred: Option<RefusalCode>,
    /// Numbers of the lots that the far side could not settle.
    pub in_doubt: BTreeSet<u32>,
    /// Lots refused for good.
    pub rejected: u32,
    /// The database is damaged.
    pub damaged: bool,
    /// The database was lost, and is out of reach.
    pub lost: bool,
    /// Why the feed is stopped.
    pub stopped: Option<Stop>,
    /// What could not be used.
    pub failures: Vec<Failure>,
    /// Who holds the school.
    pub busy: Option<HeldBy>,
    /// The night that this run belonged to, and whether it was caught up.
    pub night: Option<(crate::domain::time::Date, bool)>,
    /// How long its steps took, where time passes.
    pub took_ms: BTreeMap<Step, u64>,
}

/// The one word for a run (scenarios.md, `sync`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A lot is in doubt that the far side cannot settle.
    LotInDoubt,
    /// A lot was refused for good.
    Rejected,
    /// The database is damaged.
    Damaged,
    /// The feed is stopped.
    Stopped(Stop),
    /// A far side could not be used.
    Failed,
    /// A threshold holds something.
    Held,
    /// Another run has the school.
    Busy,
    /// Done, with anomalies to read.
    Partial,
    /// The guard deferred something.
    Deferred(RefusalCode),
    /// Done.
    Ok,
    /// Nothing left, came or was raised.
    Nothing,
}

impl Outcome {
    /// The word on the wire of reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LotInDoubt => "LOT_IN_DOUBT",
            Self::Rejected => "REJECTED",
            Self::Damaged => "DAMAGED",
            Self::Stopped(Stop::WentBack) => "FLUX_RECULE",
            Self::Stopped(Stop::Hole { .. }) => "SEQUENCE",
            Self::Failed => "FAILED",
            Self::Held => "HELD",
            Self::Busy => "BUSY",
            Self::Partial => "partial",
            Self::Deferred(code) => code.as_str(),
            Self::Ok => "ok",
            Self::Nothing => "nothing",
        }
    }

    /// The exit code (cli.md).
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::LotInDoubt | Self::Rejected | Self::Damaged | Self::Stopped(_) => 7,
            Self::Failed => 1,
            Self::Held => 5,
            Self::Busy => 6,
            Self::Partial => 3,
            Self::Deferred(_) => 4,
            Self::Ok | Self::Nothing => 0,
        }
    }
}

impl Done {
    /// The first outcome that applies, in the order 7 1 5 6 3 4 0 of exit codes.
    pub fn outcome(&self) -> Outcome {
        if self.damaged {
            Outcome::Damaged
        } else if !self.in_doubt.is_empty() {
            Outcome::LotInDoubt
        } else if let Some(stop) = &self.stopped {
            Outcome::Stopped(*stop)
        } else if 0 < self.rejected {
            Outcome::Rejected
        } else if !self.failures.is_empty() {
            Outcome::Failed
        } else if 0 < self.held {
            Outcome::Held
        } else if self.busy.is_some() {
            Outcome::Busy
        } else if !self.anomalies.is_empty() || !self.refused_files.is_empty() {
            Outcome::Partial
        } else if let Some(code) = self.deferred {
            Outcome::Deferred(code)
        } else if self.changed() {
            Outcome::Ok
        } else {
            Outcome::Nothing
        }
    }

    /// Whether anything left, came or was raised.
    pub fn changed(&self) -> bool {
        let counts =
            [self.events, self.orders, self.settled, self.receipts, self.response_files, self.responses, self.carried];
        counts.iter().any(|count| 0 < *count)
            || !self.lots.is_empty()
            || !self.anomalies.is_empty()
            || !self.refused_files.is_empty()
    }

    /// Whether anybody would miss it in a log or report.
    pub fn is_worth_saying(&self) -> bool {
        self.changed() || self.night.is_some() || self.outcome().exit_code() != 0
    }

    /// Adds what a later part of the same run did.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.orders += other.orders;
        self.windows.extend(other.windows);
        self.lots.extend(other.lots);
        self.settled += other.settled;
        self.receipts += other.receipts;
        self.response_files += other.response_files;
        self.responses += other.responses;
        self.carried += other.carried;
        self.anomalies.extend(other.anomalies);
        self.gaps.extend(other.gaps);
        self.refused_files.extend(other.refused_files);
        self.held += other.held;
        self.deferred = self.deferred.or(other.deferred);
        self.in_doubt.extend(other.in_doubt);
        self.rejected += other.rejected;
        self.damaged |= other.damaged;
        self.lost |= other.lost;
        self.stopped = other.stopped.or_else(|| self.stopped.take());
        self.failures.extend(other.failures);
        self.busy = self.busy.take().or(other.busy);
        self.night = self.night.or(other.night);
        for (step, took_ms) in other.took_ms {
            *self.took_ms.entry(step).or_default() += took_ms;
        }
    }

    /// Notes that a step lasted from one instant to another. A simulated clock stands still inside a run.
    pub fn took(&mut self, step: Step, from: Timestamp, to: Timestamp) {
        let took_ms = u64::try_from(to.epoch_ms() - from.epoch_ms()).unwrap_or_default();
        if 0 < took_ms {
            *self.took_ms.entry(step).or_default() += took_ms;
        }
    }

    /// Notes that a step could not do its work.
    pub fn fail(&mut self, step: Step, why: impl Into<String>) {
        self.failures.push(Failure { step, why: why.into(), set_up: false });
    }
}

/// Several schools: each with what was done, by key.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// School by school.
    pub schools: BTreeMap<SchoolKey, Done>,
    /// How many did not begin, because the database was lost.
    pub not_begun: usize,
}

impl Summary {
    /// Whether any school did something that somebody would miss in a report.
    pub fn is_worth_saying(&self) -> bool {
        self.schools.values().any(Done::is_worth_saying)
    }

    /// The exit code of the whole: the first that applies in the order 7 1 5 6 3 4 0 (cli.md).
    pub fn exit_code(&self) -> u8 {
        const ORDER: [u8; 6] = [7, 1, 5, 6, 3, 4];
        let mut codes: Vec<u8> = self.schools.values().map(|done| done.outcome().exit_code()).collect();
        codes.extend((0 < self.not_begun).then_some(Outcome::Failed.exit_code()));
        ORDER.into_iter().find(|code| codes.contains(code)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn somebody() -> HeldBy {
        let at = Timestamp::from_epoch_ms(0);
        HeldBy { host: "elsewhere".to_owned(), process: 7, since: at, heartbeat_at: at }
    }

    #[test]
    fn the_first_outcome_by_exit_code_wins() {
        let mut done = Done::default();
        let mut check = |change: fn(&mut Done), word: &str, code: u8| {
            change(&mut done);
            assert_eq!((done.outcome().as_str(), done.outcome().exit_code()), (word, code));
        };
        check(|_| (), "nothing", 0);
        check(|done| done.events = 1, "ok", 0);
        check(|done| done.deferred = Some(RefusalCode::ResponsesWhileOpen), "RESPONSES_WHILE_OPEN", 4);
        check(|done| done.refused_files.push((1, "digest".to_owned())), "partial", 3);
        check(|done| done.busy = Some(somebody()), "BUSY", 6);
        check(|done| done.held = 1, "HELD", 5);
        check(|done| done.fail(Step::Feed, "down"), "FAILED", 1);
        check(|done| done.rejected = 1, "REJECTED", 7);
        check(|done| done.stopped = Some(Stop::Hole { from: 3, to: 4 }), "SEQUENCE", 7);
        check(|done| done.stopped = Some(Stop::WentBack), "FLUX_RECULE", 7);
        check(|done| done.in_doubt = [1].into(), "LOT_IN_DOUBT", 7);
        check(|done| done.damaged = !done.damaged, "DAMAGED", 7);
    }

    #[rstest]
    #[case(&[0, 3, 4], 3)]
    #[case(&[4, 0], 4)]
    #[case(&[1, 7], 7)]
    #[case(&[5, 1], 1)]
    #[case(&[6, 5], 5)]
    #[case(&[], 0)]
    fn several_schools(#[case] codes: &[u8], #[case] expected: u8) {
        let uai = |n: u32| crate::domain::school::Uai::of_number(n + 1).unwrap();
        let year = crate::domain::school::SchoolYear::new(2019).unwrap();
        let schools = codes.iter().zip(0..).map(|(code, n)| {
            let mut done = Done::default();
            match code {
                7 => done.in_doubt = [1].into(),
                1 => done.fail(Step::Feed, "down"),
                5 => done.held = 1,
                6 => done.busy = Some(somebody()),
                3 => done.refused_files.push((1, String::new())),
                4 => done.deferred = Some(RefusalCode::NoCalendar),
                _ => (),
            }
            (SchoolKey { uai: uai(n), year }, done)
        });
        assert_eq!(Summary { schools: schools.collect(), not_begun: 0 }.exit_code(), expected);
    }
}
