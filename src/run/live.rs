//! What a program that stays works with: the context, which a reload replaces, and the pulse of its work, which the daemon
//! keeps and the status pages read. Decides nothing.

use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::run::context::Context;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

/// The context of the day and the pulse. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<(watch::Sender<Context>, watch::Sender<Pulse>)>);

/// How the work goes, since the program began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// When the alarm clock was heard last.
    pub ticked_at: Option<Timestamp>,
    /// How often.
    pub ticks: u64,
    /// Schools in hand, each since when.
    pub in_hand: BTreeMap<SchoolKey, Timestamp>,
    /// Jobs that ended by a panic.
    pub panics: u64,
    /// Configurations that were taken.
    pub reloads: u64,
    /// Configurations that were refused, the old one staying.
    pub reloads_refused: u64,
    /// Whether the program is about to end.
    pub stopping: bool,
}

impl Live {
    /// Begins with a context and a pulse that was not felt yet.
    pub fn new(ctx: Context) -> Self {
        Self(Arc::new((watch::Sender::new(ctx), watch::Sender::new(Pulse::default()))))
    }

    /// The context to work with now. What is in hand goes on with the one that it was given.
    pub fn ctx(&self) -> Context {
        self.0.0.borrow().clone()
    }

    /// Puts another context in its place.
    pub fn replace(&self, ctx: Context) {
        self.0.0.send_replace(ctx);
    }

    /// The pulse, as it is now and as it changes.
    pub fn pulse(&self) -> watch::Receiver<Pulse> {
        self.0.1.subscribe()
    }

    /// Notes a change of the pulse.
    pub fn note(&self, change: impl FnOnce(&mut Pulse)) {
        self.0.1.send_modify(change);
    }
}
