//! The dead man's switch of nights: told when one begins, and when it ended, with its exit code. A ping that fails is
//! logged, and neither fails nor delays anything.

use crate::run::{
    context::{Context, Served},
    night,
};
use crate::transport::ping::{Ping, Pings};
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

/// Exit codes that are a success: anomalies are the school's to read, and the guard defers in every council week.
const SUCCESSES: [u8; 3] = [0, 3, 4];
/// A program that ends waits no longer for its last ping.
const LAST_PING_MAX: Duration = Duration::from_secs(12);

/// The bell of one round, silent where no switch is configured. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bell(Option<Arc<Cord>>);

struct Cord {
    pings: Pings,
    // What is under way: each ping waits for the one before, so that an end never overtakes its beginning.
    last: Mutex<Option<JoinHandle<()>>>,
}

impl Bell {
    /// The bell of a round.
    pub fn new(pings: Option<&Pings>) -> Self {
        Self(pings.map(|pings| Arc::new(Cord { pings: pings.clone(), last: Mutex::new(None) })))
    }

    /// Rings, once a round, when a night of the school is due. A store that can't be read is told of by the tick itself.
    pub async fn ring_if_due(&self, ctx: &Context, served: &Served) {
        let Some(cord) = &self.0 else { return };
        let due = async {
            let mut tx = ctx.store.read().await?;
            night::due(ctx, &mut tx, served, ctx.clock.now()).await
        };
        if matches!(due.await, Ok(Some(_))) {
            let mut last = cord.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_none() {
                *last = Some(tokio::spawn(tell(cord.pings.clone(), Ping::Start, None).in_current_span()));
            }
        }
    }

    /// The round ended; where a night was begun, how.
    pub fn end(&self, exit_code: u8) {
        let Some(cord) = &self.0 else { return };
        let mut last = cord.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = mem::take(&mut *last) {
            let ping = if SUCCESSES.contains(&exit_code) { Ping::Success(exit_code) } else { Ping::Failure(exit_code) };
            *last = Some(tokio::spawn(tell(cord.pings.clone(), ping, Some(before)).in_current_span()));
        }
    }

    /// Waits for the last ping: for a program that is about to end.
    pub async fn silence(&self) {
        let Some(cord) = &self.0 else { return };
        let last = mem::take(&mut *cord.last.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(last) = last
            && tokio::time::timeout(LAST_PING_MAX, last).await.is_err()
        {
            warn!(name: "ping.failed", "The dead man's switch did not answer in time");
        }
    }
}

async fn tell(pings: Pings, ping: Ping, before: Option<JoinHandle<()>>) {
    if let Some(before) = before {
        // Its own failure was logged.
        let _ = before.await;
    }
    if let Err(why) = pings.send(ping).await {
        warn!(name: "ping.failed", "The dead man's switch was not told of {}: {why}", ping.word());
    }
}
