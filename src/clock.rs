//! The one way to the time: a value with two functions, `now` and `wait`. The machine's is made in cli and daemon, the
//! player's in replay, where waits return at once.

use crate::domain::time::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A clock.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's.
    Machine,
    /// A simulated one: it stands still until it is set.
    Player(Arc<AtomicI64>),
}

impl Clock {
    /// A simulated clock that shows `start`.
    pub fn player(start: Timestamp) -> Self {
        Self::Player(Arc::new(AtomicI64::new(start.epoch_ms())))
    }

    /// Whether it is the machine's, which moves by itself.
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Machine)
    }

    /// The instant that it shows.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Machine => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_epoch_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Player(ms) => Timestamp::from_epoch_ms(ms.load(Ordering::SeqCst)),
        }
    }

    /// Sets a simulated clock; the machine's is left alone.
    pub fn set(&self, now: Timestamp) {
        match self {
            Self::Machine => (),
            Self::Player(ms) => ms.store(now.epoch_ms(), Ordering::SeqCst),
        }
    }

    /// Waits; a simulated clock does not (scenarios.md: waits inside a run take no simulated time).
    pub async fn wait(&self, duration: Duration) {
        match self {
            Self::Machine => tokio::time::sleep(duration).await,
            Self::Player(_) => tokio::task::yield_now().await,
        }
    }
}
