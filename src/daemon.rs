//! The program that stays: every minute a round, until it is told to stop. The alarm clock only wakes it; what is due is
//! decided by the steps, and that a school has one tick at a time by `run::rounds`. It decides nothing itself.
//!
//! Everything happens in one loop, and the watchdog is fed from there and nowhere else: where the loop hangs, or the alarm
//! clock stands still (as after the machine's clock was set back), the service manager begins the program anew.

pub mod alarm;
mod notify;
pub mod signals;

use crate::daemon::{notify::Notify, signals::Signal};
use crate::domain::time::Timestamp;
use crate::run::{
    bell::Bell,
    context::{Context, Served},
    live::Live,
    metrics::{self, Process},
    outcome::Done,
    rounds::{self, Ended, Part, Rounds},
};
use crate::transport::ping::Pings;
use axum::Router;
use std::{collections::BTreeSet, io, path::PathBuf, time::Duration};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

/// What is in hand may go on for so long after a signal to stop; then it is left as by a kill. Below the 20 s of cli.md,
/// with room for what follows.
const GRACE: Duration = Duration::from_secs(15);
/// How long a round waits to know whose council is next.
const ORDER_WAIT: Duration = Duration::from_secs(5);
/// The ping of a night that has just ended may take so long.
const LAST_PING_GRACE: Duration = Duration::from_secs(1);
/// A page that is being read may end for so long.
const PAGE_GRACE: Duration = Duration::from_secs(2);

/// What a configuration gives beside the context.
#[derive(Clone, Default)]
pub struct Outlets {
    /// The dead man's switch.
    pub pings: Option<Pings>,
    /// Where the metrics are written too.
    pub metrics_file: Option<PathBuf>,
}

/// What the daemon is wired with.
pub struct Wired<R, J> {
    /// The context of the day and the pulse.
    pub live: Live,
    /// Switch and textfile.
    pub outlets: Outlets,
    /// Where the pages are served, and which.
    pub pages: (TcpListener, Router),
    /// Reads the configuration again, on the store of the context that it replaces.
    pub reload: R,
    /// One tick of one school: the program's own is `rounds::turn`.
    pub job: J,
}

/// What wakes the loop.
pub struct Calls {
    /// The alarm clock, each minute.
    pub alarm: mpsc::Receiver<()>,
    /// Signals.
    pub signals: mpsc::Receiver<Signal>,
}

/// The alarm clock is gone, and nobody would wake the loop any more.
#[derive(Debug, thiserror::Error)]
#[error("the alarm clock stopped: the program must begin anew")]
pub struct AlarmGone;

/// Works until it is told to stop: a round at once, then one whenever the alarm clock is heard.
///
/// # Errors
/// `AlarmGone`.
pub async fn run<R, L, J, F>(wired: Wired<R, J>, mut calls: Calls) -> Result<(), AlarmGone>
where
    R: Fn(Context) -> L + Send,
    L: Future<Output = Result<(Context, Outlets), Vec<String>>> + Send,
    J: Fn(Context, Served, Part, Timestamp) -> F + Clone + Send + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    let Wired { live, outlets, pages: (listener, router), reload, job } = wired;
    let closing = CancellationToken::new();
    let pages = serve(listener, router, closing.clone());
    let mut work = Work { live, outlets, rounds: Rounds::new(job), notify: Notify, textfile: None, stale: false };
    let schools = work.live.ctx().schools.len();
    info!(name: "daemon.began", { schools }, "The daemon begins, with {schools} schools");
    work.notify.ready();
    work.round().await;
    let ended = loop {
        tokio::select! {
            signal = calls.signals.recv() => match signal {
                Some(Signal::Reload) => work.reload(&reload).await,
                Some(Signal::Stop) | None => break Ok(()),
            },
            heard = calls.alarm.recv() => match heard {
                Some(()) => work.round().await,
                None => break Err(AlarmGone),
            },
            Some(ended) = work.rounds.next() => work.note(&ended),
        }
        work.beat();
    };
    work.stop().await;
    closing.cancel();
    let _ = time::timeout(PAGE_GRACE, pages).await;
    info!(name: "daemon.ended", "The daemon ended");
    ended
}

fn serve(listener: TcpListener, router: Router, closing: CancellationToken) -> JoinHandle<()> {
    if let Ok(address) = listener.local_addr() {
        info!(name: "pages.served", "The pages are served on http://{address}/");
    }
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { closing.cancelled().await });
    tokio::spawn(async move {
        let ended: io::Result<()> = served.await;
        if let Err(fault) = ended {
            error!(name: "pages.failed", "The pages are served no more: {fault}");
        }
    })
}

struct Work<J> {
    live: Live,
    outlets: Outlets,
    rounds: Rounds<J>,
    notify: Notify,
    textfile: Option<JoinHandle<()>>,
    // Something happened that the textfile does not say yet.
    stale: bool,
}

impl<J, F> Work<J>
where
    J: Fn(Context, Served, Part, Timestamp) -> F + Clone + Send + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    /// One round of all schools, under an id of its own in the log.
    async fn round(&mut self) {
        let ctx = self.live.ctx();
        let now = ctx.clock.now();
        // A database that hangs must not hang the loop: then they are taken by name.
        let ordered = time::timeout(ORDER_WAIT, rounds::in_order(&ctx, &BTreeSet::new(), now)).await;
        let schools = ordered.unwrap_or_else(|_| ctx.schools.values().cloned().collect());
        info_span!("run", run.id = crate::run::id()).in_scope(|| {
            self.rounds.begin(&ctx, schools, Bell::new(self.outlets.pings.as_ref()));
        });
        self.live.note(|pulse| {
            pulse.ticked_at = Some(now);
            pulse.ticks += 1;
            pulse.in_hand = self.rounds.in_hand();
        });
        self.write_metrics(ctx);
    }

    /// Writes the textfile where it is wanted and not up to date, beside the loop and one at a time.
    fn write_metrics(&mut self, ctx: Context) {
        let busy = self.textfile.as_ref().is_some_and(|task| !task.is_finished());
        if let Some(path) = self.outlets.metrics_file.clone().filter(|_| self.stale && !busy) {
            let process = Process::Daemon(self.live.pulse().borrow().clone());
            self.stale = false;
            let writing = async move { metrics::publish(&ctx, &process, &path).await };
            self.textfile = Some(tokio::spawn(writing.in_current_span()));
        }
    }

    fn note(&mut self, Ended { school, part, done, panicked }: &Ended) {
        self.stale |= done.is_worth_saying();
        self.live.note(|pulse| {
            pulse.panics += u64::from(*panicked);
            if *part == Part::Whole {
                pulse.in_hand.remove(school);
            }
        });
    }

    fn beat(&self) {
        let (ticked_at, in_hand) = {
            let pulse = self.live.pulse();
            let pulse = pulse.borrow();
            (pulse.ticked_at, pulse.in_hand.len())
        };
        let at = ticked_at.map(Timestamp::rfc3339_utc).unwrap_or_default();
        let schools = self.live.ctx().schools.len();
        self.notify.beat(&format!("ticked at {at}; {in_hand} of {schools} schools in hand"));
    }

    /// Takes a new configuration, or says all its faults and keeps the old one.
    async fn reload<R, L>(&mut self, reload: &R)
    where
        R: Fn(Context) -> L,
        L: Future<Output = Result<(Context, Outlets), Vec<String>>>,
    {
        self.notify.reloading();
        match reload(self.live.ctx()).await {
            Ok((ctx, outlets)) => {
                let schools = ctx.schools.len();
                self.live.replace(ctx);
                self.outlets = outlets;
                self.live.note(|pulse| pulse.reloads += 1);
                info!(name: "config.reloaded", { schools }, "The new configuration is taken, with {schools} schools");
            }
            Err(faults) => {
                self.live.note(|pulse| pulse.reloads_refused += 1);
                let count = faults.len();
                error!(name: "config.refused", "The new configuration is refused and the old one stays; faults: {count}");
                for fault in faults {
                    error!(name: "config.fault", "{fault}");
                }
            }
        }
        self.notify.ready();
    }

    /// Lets what is in hand end, as long as there is time; what is left then is taken up by the next run.
    async fn stop(mut self) {
        self.notify.stopping();
        self.live.note(|pulse| pulse.stopping = true);
        self.rounds.close();
        let in_hand = self.rounds.in_hand().len();
        info!(name: "daemon.stopping", "The daemon stops; schools in hand: {in_hand}");
        let orderly = async {
            while let Some(ended) = self.rounds.next().await {
                self.note(&ended);
            }
        };
        if time::timeout(GRACE, orderly).await.is_err() {
            let left: Vec<String> = self.rounds.in_hand().keys().map(ToString::to_string).collect();
            warn!(name: "run.abandoned", "Left as they stand, for the next run to take up: {}", left.join(", "));
        }
        // The service manager waits no longer than 20 s, and a ping delays nothing.
        let _ = time::timeout(LAST_PING_GRACE, self.rounds.silence()).await;
        self.rounds.abandon().await;
    }
}
