//! Named points at every effect, and the handle by which files, store and transport pass them.
//!
//! In production the handle does nothing. Armed by `NAVETTE_CRASH=point` it ends the process by SIGKILL; armed by
//! replay it never returns, and tells the player, who then drops the run without any clean-up.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// A place where a crash would fall between two effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A file's bytes are on disk under a temporary name.
    FileWritten,
    /// It has its name, and no digest yet.
    FileRenamed,
    /// Its digest is published: the file exists.
    DigestPublished,
    /// A request is about to leave.
    RequestSent,
    /// Its answer was read.
    AnswerReceived,
    /// Commit: the lease is taken.
    LeaseTaken,
    /// Commit: the lease is given back.
    LeaseReleased,
    /// Commit: a page of the feed was applied.
    FeedApplied,
    /// Commit: an order was intended.
    OrderIntended,
    /// Commit: what became of an order.
    OrderRecorded,
    /// Commit: a lot was intended.
    LotIntended,
    /// Commit: what became of a lot.
    LotRecorded,
    /// Commit: a receipt.
    ReceiptRecorded,
    /// Commit: a response file was taken or refused.
    ResponsesImported,
    /// Commit: a response file, or a plan, is held.
    HeldRecorded,
    /// Commit: a calendar.
    CalendarLoaded,
    /// Commit: a night, or an attempt at one.
    NightRecorded,
    /// Commit: anything an operator settles.
    Settled,
}

impl Point {
    /// Every point.
    pub const ALL: [Self; 18] = [
        Self::FileWritten,
        Self::FileRenamed,
        Self::DigestPublished,
        Self::RequestSent,
        Self::AnswerReceived,
        Self::LeaseTaken,
        Self::LeaseReleased,
        Self::FeedApplied,
        Self::OrderIntended,
        Self::OrderRecorded,
        Self::LotIntended,
        Self::LotRecorded,
        Self::ReceiptRecorded,
        Self::ResponsesImported,
        Self::HeldRecorded,
        Self::CalendarLoaded,
        Self::NightRecorded,
        Self::Settled,
    ];

    /// The name by which scenarios and `NAVETTE_CRASH` arm it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileWritten => "file-written",
            Self::FileRenamed => "file-renamed",
            Self::DigestPublished => "digest-published",
            Self::RequestSent => "request-sent",
            Self::AnswerReceived => "answer-received",
            Self::LeaseTaken => "lease-taken",
            Self::LeaseReleased => "lease-released",
            Self::FeedApplied => "feed-applied",
            Self::OrderIntended => "order-intended",
            Self::OrderRecorded => "order-recorded",
            Self::LotIntended => "lot-intended",
            Self::LotRecorded => "lot-recorded",
            Self::ReceiptRecorded => "receipt-recorded",
            Self::ResponsesImported => "responses-imported",
            Self::HeldRecorded => "held-recorded",
            Self::CalendarLoaded => "calendar-loaded",
            Self::NightRecorded => "night-recorded",
            Self::Settled => "settled",
        }
    }

    /// The point of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }
}

/// The handle: cheap to clone, shared by all that a run touches.
#[derive(Clone, Default)]
pub struct Crash(Option<Arc<Armed>>);

struct Armed {
    plan: Mutex<Plan>,
    died: Notify,
    observer: Option<Observer>,
}

/// Told of each passage before it: replay's stand-ins act at once on what is published.
pub type Observer = Arc<dyn Fn(Point) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Default)]
struct Plan {
    passed: BTreeMap<Point, u32>,
    targets: BTreeSet<(Point, u32)>,
    deaths: Vec<(Point, u32)>,
    dead: bool,
    kills: bool,
}

impl Crash {
    /// A handle that does nothing.
    pub const fn off() -> Self {
        Self(None)
    }

    /// A handle that ends the process by SIGKILL when it passes `point` for the first time.
    pub fn kill_at(point: Point) -> Self {
        Self::with(Plan { targets: BTreeSet::from([(point, 1)]), kills: true, ..Plan::default() })
    }

    /// A handle for replay: it counts passages, and can be armed.
    pub fn counting() -> Self {
        Self::with(Plan::default())
    }

    /// A counting handle that tells `observer` of each passage.
    pub fn observed(observer: Observer) -> Self {
        Self::made(Plan::default(), Some(observer))
    }

    fn with(plan: Plan) -> Self {
        Self::made(plan, None)
    }

    fn made(plan: Plan, observer: Option<Observer>) -> Self {
        Self(Some(Arc::new(Armed { plan: Mutex::new(plan), died: Notify::new(), observer })))
    }

    /// Arms the handle for the `nth` passage of `point` from now on, counted from 1, beside what it is armed for already;
    /// revives a dead one.
    pub fn arm(&self, point: Point, nth: u32) {
        self.change(|plan| {
            let passed = plan.passed.get(&point).copied().unwrap_or_default();
            plan.targets.insert((point, passed + nth));
            plan.dead = false;
        });
    }

    /// Disarms the handle and revives a dead one; counts stay.
    pub fn disarm(&self) {
        self.change(|plan| {
            plan.targets.clear();
            plan.dead = false;
        });
    }

    /// Revives a dead handle, which stays armed for what it has not reached yet.
    pub fn revive(&self) {
        self.change(|plan| plan.dead = false);
    }

    /// Where it died, in order: the point, and which of its passages.
    pub fn deaths(&self) -> Vec<(Point, u32)> {
        self.0.as_ref().map(|armed| lock(&armed.plan).deaths.clone()).unwrap_or_default()
    }

    /// How often each point was passed.
    pub fn passed(&self) -> BTreeMap<Point, u32> {
        self.0.as_ref().map(|armed| lock(&armed.plan).passed.clone()).unwrap_or_default()
    }

    /// Whether it died and was not revived.
    pub fn is_dead(&self) -> bool {
        self.0.as_ref().is_some_and(|armed| lock(&armed.plan).dead)
    }

    /// Returns once it has died.
    pub async fn died(&self) {
        match &self.0 {
            None => std::future::pending().await,
            Some(armed) => {
                while !self.is_dead() {
                    armed.died.notified().await;
                }
            }
        }
    }

    /// Passes `point`: returns at once, or, when armed for this passage, never.
    pub async fn reach(&self, point: Point) {
        let Some(armed) = &self.0 else { return };
        if let Some(observer) = &armed.observer {
            observer(point).await;
        }
        let (dies, kills) = {
            let mut plan = lock(&armed.plan);
            let passed = plan.passed.entry(point).or_default();
            *passed += 1;
            let passage = *passed;
            if plan.targets.remove(&(point, passage)) {
                plan.deaths.push((point, passage));
                plan.dead = true;
            }
            (plan.dead, plan.kills)
        };
        if !dies {
            return;
        }
        if kills {
            let own = rustix::process::getpid();
            // A signal to ourselves can't fail; were it to, waiting for ever below is the same to the caller.
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
        armed.died.notify_one();
        std::future::pending().await
    }

    fn change(&self, change: impl FnOnce(&mut Plan)) {
        if let Some(armed) = &self.0 {
            change(&mut lock(&armed.plan));
        }
    }
}

fn lock(plan: &Mutex<Plan>) -> std::sync::MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for point in Point::ALL {
            assert_eq!(Point::of_name(point.name()), Some(point));
        }
    }

    #[tokio::test]
    async fn an_armed_handle_dies_at_the_nth_passage_and_stays_dead() {
        let crash = Crash::counting();
        crash.reach(Point::FileWritten).await;
        crash.arm(Point::FileWritten, 2);
        crash.reach(Point::FileWritten).await;
        let second = tokio::spawn({
            let crash = crash.clone();
            async move { crash.reach(Point::FileWritten).await }
        });
        crash.died().await;
        assert!(crash.is_dead() && !second.is_finished());
        second.abort();
        crash.disarm();
        crash.reach(Point::FileWritten).await;
        assert_eq!(crash.passed()[&Point::FileWritten], 4);
    }

    #[tokio::test]
    async fn a_handle_that_is_revived_dies_again_at_what_else_it_was_armed_for() {
        let crash = Crash::counting();
        crash.arm(Point::LotIntended, 1);
        crash.arm(Point::LotRecorded, 1);
        for point in [Point::LotIntended, Point::LotRecorded] {
            tokio::select! {
                biased;
                () = crash.reach(point) => panic!("{} was passed", point.name()),
                () = crash.died() => (),
            }
            assert_eq!(crash.deaths().last(), Some(&(point, 1)));
            crash.revive();
            crash.reach(point).await;
        }
    }
}
