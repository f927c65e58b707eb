//! Rounds: every school looked at, several at once, by whoever ticks. At most one tick of a school is in hand (single
//! flight); while it lasts, the guard's part alone is done again beside it, so that a long night never delays a closing.
//!
//! What a tick does is the job, a function; that it may panic is caught here. When to begin a round is the caller's.

use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::run::{
    self,
    bell::Bell,
    context::{Context, Served},
    outcome::{Done, Step, Summary},
    turn,
};
use crate::store::campaigns;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tokio::{
    sync::Semaphore,
    task::{self, JoinSet},
};
use tracing::{Instrument, error, info_span};

/// How much of a tick is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Whatever is due.
    Whole,
    /// Reading the feed and enforcing: needs no lease, and goes on beside a night.
    Guard,
}

/// The tick of one school, ended.
#[derive(Debug)]
pub struct Ended {
    /// Which.
    pub school: SchoolKey,
    /// How much of it.
    pub part: Part,
    /// What it did. One that ended by a panic has failed.
    pub done: Done,
    /// Whether it ended by a panic. The panic itself was logged where it happened.
    pub panicked: bool,
}

/// The ticks in hand.
pub struct Rounds<J> {
    job: J,
    tasks: JoinSet<Option<Done>>,
    flights: HashMap<task::Id, (SchoolKey, Part, u64)>,
    in_hand: BTreeMap<(SchoolKey, Part), Timestamp>,
    // Nights leave no place to the guard, and so it has its own.
    gates: BTreeMap<Part, (usize, Arc<Semaphore>)>,
    batches: BTreeMap<u64, Batch>,
    begun: u64,
    // Whole ticks that gave way because the database was lost.
    not_begun: usize,
    // The one that rang last, and may still be under way.
    bell: Bell,
}

/// The whole ticks of one round: a night of many schools rings once.
struct Batch {
    left: usize,
    summary: Summary,
    bell: Bell,
}

/// The job of the program itself.
pub async fn turn(ctx: Context, served: Served, part: Part, now: Timestamp) -> Done {
    match part {
        Part::Whole => run::school_tick(&ctx, &served, now).await,
        Part::Guard => run::guard_tick(&ctx, &served, now).await,
    }
}

impl<J, F> Rounds<J>
where
    J: Fn(Context, Served, Part, Timestamp) -> F + Clone + Send + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    /// Nothing in hand.
    pub fn new(job: J) -> Self {
        Self {
            job,
            tasks: JoinSet::new(),
            flights: HashMap::new(),
            in_hand: BTreeMap::new(),
            gates: BTreeMap::new(),
            batches: BTreeMap::new(),
            begun: 0,
            not_begun: 0,
            bell: Bell::default(),
        }
    }

    /// Begins a round of these schools, in their order: a tick of each that is not in hand, the guard's part of the others.
    pub fn begin(&mut self, ctx: &Context, schools: Vec<Served>, bell: Bell) {
        self.begun += 1;
        let round = self.begun;
        let mut left = 0;
        for served in &schools {
            if self.in_hand.contains_key(&(served.school.key, Part::Whole)) {
                self.spawn(ctx, served, Part::Guard, round, &bell);
            } else {
                left += 1;
                self.spawn(ctx, served, Part::Whole, round, &bell);
            }
        }
        if 0 < left {
            self.batches.insert(round, Batch { left, summary: Summary::default(), bell });
        }
    }

    /// Begins the guard's part alone, of the schools named or of all.
    pub fn guard(&mut self, ctx: &Context, only: &BTreeSet<SchoolKey>) {
        for served in wanted(ctx, only) {
            self.spawn(ctx, served, Part::Guard, self.begun, &Bell::default());
        }
    }

    fn spawn(&mut self, ctx: &Context, served: &Served, part: Part, round: u64, bell: &Bell) {
        let school = served.school.key;
        if self.in_hand.contains_key(&(school, part)) {
            return;
        }
        let gate = self.gate(part, ctx.settings.schools_at_once);
        let bell = if part == Part::Whole { bell.clone() } else { Bell::default() };
        let span = info_span!("school", school.uai = %school.uai);
        let since = ctx.clock.now();
        let (job, ctx, served) = (self.job.clone(), ctx.clone(), served.clone());
        let place = turn::ask(gate);
        let flight = async move {
            bell.ring_if_due(&ctx, &served).await;
            // The gate is closed when the program stops: what did not begin does not begin any more.
            let place = place.await.ok()?;
            // Who waited long works by the instant at which its turn came.
            let now = ctx.clock.now();
            // Boxed: of thousands that wait for their turn none has the memory that its work takes.
            Some(turn::within(place, Box::pin(job(ctx, served, part, now))).await)
        };
        let id = self.tasks.spawn(flight.instrument(span)).id();
        self.flights.insert(id, (school, part, round));
        self.in_hand.insert((school, part), since);
    }

    /// As many places as schools may run at once, for each part; a reload may change how many.
    fn gate(&mut self, part: Part, places: usize) -> Arc<Semaphore> {
        let places = places.max(1);
        let gate = self.gates.entry(part).or_insert_with(|| (places, Arc::new(Semaphore::new(places))));
        if gate.0 != places {
            *gate = (places, Arc::new(Semaphore::new(places)));
        }
        Arc::clone(&gate.1)
    }

    /// Waits for the next tick that ends; none when nothing is in hand. It may be dropped at any time.
    pub async fn next(&mut self) -> Option<Ended> {
        loop {
            let (id, joined) = match self.tasks.join_next_with_id().await? {
                Ok((id, done)) => (id, Ok(done)),
                Err(fault) => (fault.id(), Err(fault)),
            };
            let Some((school, part, round)) = self.flights.remove(&id) else { continue };
            self.in_hand.remove(&(school, part));
            let panicked = joined.as_ref().is_err_and(task::JoinError::is_panic);
            let done = joined.unwrap_or_else(|_| {
                let mut done = Done::default();
                done.fail(Step::Run, "ended by a fault of the program: the log names its place");
                Some(done)
            });
            if part == Part::Whole {
                self.leave(round, school, done.as_ref());
            }
            let Some(done) = done else {
                self.not_begun += usize::from(part == Part::Whole);
                continue;
            };
            run::told::log(school, &done);
            if done.lost {
                self.give_way();
            }
            return Some(Ended { school, part, done, panicked });
        }
    }

    fn leave(&mut self, round: u64, school: SchoolKey, done: Option<&Done>) {
        let Some(batch) = self.batches.get_mut(&round) else { return };
        batch.left -= 1;
        batch.summary.schools.extend(done.map(|done| (school, done.clone())));
        if batch.left == 0
            && let Some(batch) = self.batches.remove(&round)
        {
            batch.bell.end(batch.summary.exit_code());
            self.bell = batch.bell;
        }
    }

    /// Whole ticks in hand, each with since when.
    pub fn in_hand(&self) -> BTreeMap<SchoolKey, Timestamp> {
        let whole = self.in_hand.iter().filter(|((_, part), _)| *part == Part::Whole);
        whole.map(|((school, _), since)| (*school, *since)).collect()
    }

    /// The database is lost: what did not begin does not begin in this round. Another round has gates of its own.
    fn give_way(&mut self) {
        self.close();
        if !self.gates.is_empty() {
            error!(name: "round.stopped", "The database is lost: what did not begin waits for the next run");
        }
        self.gates.clear();
    }

    /// How many whole ticks did not begin because the database was lost.
    pub const fn not_begun(&self) -> usize {
        self.not_begun
    }

    /// Lets nothing begin any more; what began goes on.
    pub fn close(&self) {
        self.gates.values().for_each(|(_, gate)| gate.close());
    }

    /// Waits for what was rung last: for a program that is about to end.
    pub async fn silence(&self) {
        self.bell.silence().await;
    }

    /// Drops what is in hand, where it stands: it is left as by a kill, and taken up by the next run.
    pub async fn abandon(mut self) {
        // No bell for a night that did not end.
        self.batches.clear();
        self.tasks.shutdown().await;
    }
}

/// The schools named, or all: whose first council is the next comes first, and those without one come last.
pub async fn in_order(ctx: &Context, only: &BTreeSet<SchoolKey>, now: Timestamp) -> Vec<Served> {
    let councils = async { campaigns::next_councils(&mut ctx.store.read().await?, now).await };
    let councils = councils.await.unwrap_or_else(|fault| {
        error!(name: "round.unordered", "The next councils are not known, schools are taken by name: {fault}");
        BTreeMap::new()
    });
    let mut schools: Vec<Served> = wanted(ctx, only).cloned().collect();
    schools.sort_by_key(|served| {
        let council = councils.get(&served.school.key);
        (council.is_none(), council.copied(), served.school.key)
    });
    schools
}

fn wanted<'a>(ctx: &'a Context, only: &BTreeSet<SchoolKey>) -> impl Iterator<Item = &'a Served> {
    ctx.schools.values().filter(|served| only.is_empty() || only.contains(&served.school.key))
}
