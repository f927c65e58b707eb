//! navette's daemon between the stand-ins of the tour, wound up by it: whoever wires the program begins the daemon with
//! what is handed over here; the tour sets the clock to each minute at which something may be due, and rings its alarm.

use crate::domain::time::{MINUTE_S, Timestamp};
use crate::replay::{
    demo::Timeline,
    stage::{Stage, StageFault},
};
use crate::run::{
    context::{Context, Served},
    live::{Live, Pulse},
    next,
    outcome::Done,
    rounds::{self, Part},
};
use std::{
    mem,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
};

/// What the daemon is begun with.
pub struct Wound {
    /// The context, by the tour's clock.
    pub live: Live,
    /// Where its pages are served.
    pub listener: TcpListener,
    /// Its alarm clock.
    pub alarm: mpsc::Receiver<()>,
    /// Told, or dropped, when it is to end.
    pub over: oneshot::Receiver<()>,
    /// Its job.
    pub witness: Witness,
}

/// Does what the daemon's own job does, and sees what came of it. Cheap to clone.
#[derive(Clone)]
pub struct Witness(Arc<(Timeline, Mutex<Seen>)>);

/// What was seen.
#[derive(Default)]
struct Seen {
    /// What happened, in words.
    lines: Vec<String>,
    /// Whether a tick did anything since this was asked last.
    busy: bool,
}

impl Witness {
    /// One tick of one school.
    pub async fn turn(self, ctx: Context, served: Served, part: Part, now: Timestamp) -> Done {
        let done = rounds::turn(ctx, served, part, now).await;
        let mut seen = self.seen();
        seen.lines.extend(Timeline::ticked(now, &done).iter().map(|told| self.0.0.line(told)));
        seen.busy |= done.changed();
        drop(seen);
        done
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The daemon, as the tour holds it.
pub struct Works {
    /// Where its pages are.
    pub pages: String,
    witness: Witness,
    pulse: watch::Receiver<Pulse>,
    alarm: mpsc::Sender<()>,
    over: oneshot::Sender<()>,
    /// The minute of its latest tick.
    ticked: Timestamp,
}

impl Works {
    /// Winds a daemon up on a stage, with pages at a free port of this host.
    ///
    /// # Errors
    /// When there is no such port.
    pub async fn wind(
        stage: &Stage,
        timeline: Timeline,
        lines: Vec<String>,
        host: IpAddr,
    ) -> Result<(Self, Wound), StageFault> {
        let listener = TcpListener::bind(SocketAddr::new(host, 0)).await?;
        let pages = format!("http://{}", listener.local_addr()?);
        let live = Live::new(stage.ctx.clone());
        let witness = Witness(Arc::new((timeline, Mutex::new(Seen { lines, busy: false }))));
        let (ring, alarm) = mpsc::channel(1);
        let (end, over) = oneshot::channel();
        let pulse = live.pulse();
        let works = Self {
            pages,
            witness: witness.clone(),
            pulse,
            alarm: ring,
            over: end,
            ticked: stage.clock.now().floor_minute(),
        };
        Ok((works, Wound { live, listener, alarm, over, witness }))
    }

    /// Waits for the round that a daemon begins with.
    ///
    /// # Errors
    /// When the daemon is gone.
    pub async fn begun(&mut self) -> Result<(), StageFault> {
        self.idle_after(1).await
    }

    /// Lets time pass: the daemon ticks at every minute at which something may be due, whatever people did meanwhile.
    ///
    /// # Errors
    /// When the daemon is gone, or the ledger cannot be read.
    pub async fn pass(&mut self, stage: &Stage, until: Timestamp) -> Result<(), StageFault> {
        // People may have done anything since.
        let mut awake = true;
        loop {
            let now = stage.clock.now();
            let soon = now.ceil_minute().max(self.ticked.plus_s(MINUTE_S));
            let next = if awake { Some(soon) } else { named(stage, now).await?.map(|at| at.max(soon)) };
            let Some(next) = next.filter(|next| *next <= until) else { break };
            stage.clock.set(next);
            let ticks = self.pulse.borrow().ticks + 1;
            // A daemon that is gone is found out by waiting for it.
            let _ = self.alarm.send(()).await;
            self.idle_after(ticks).await?;
            self.ticked = next;
            // What a tick did may make another due at once.
            awake = mem::take(&mut self.witness.seen().busy);
        }
        stage.clock.set(until);
        Ok(())
    }

    /// What happened, the earliest first.
    pub fn lines(&self) -> Vec<String> {
        self.witness.seen().lines.clone()
    }

    /// Notes what else happened.
    pub fn note(&self, lines: Vec<String>) {
        self.witness.seen().lines.extend(lines);
    }

    /// Tells the daemon to end. Its alarm clock is kept until it has: without one it would end by a fault.
    pub fn end(self) -> mpsc::Sender<()> {
        // One that is gone needs no telling.
        let _ = self.over.send(());
        self.alarm
    }

    /// Waits until the alarm was heard so often, and nothing is in hand any more.
    async fn idle_after(&mut self, ticks: u64) -> Result<(), StageFault> {
        let idle = self.pulse.wait_for(|pulse| ticks <= pulse.ticks && pulse.in_hand.is_empty()).await;
        idle.map(drop).map_err(|_| StageFault::SetUp("the daemon is gone".to_owned()))
    }
}

/// The minute of the next instant that guard, nights and calendars name.
async fn named(stage: &Stage, now: Timestamp) -> Result<Option<Timestamp>, StageFault> {
    let mut first = None;
    for served in stage.ctx.schools.values() {
        first = [first, next::instant(&stage.ctx, served, now).await?].into_iter().flatten().min();
    }
    Ok(first.map(Timestamp::ceil_minute))
}
