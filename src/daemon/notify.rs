//! What the service manager is told (`Type=notify`). Where there is none, nothing is said.

use sd_notify::{NotifyState, notify};
use tracing::warn;

/// The way to the service manager.
pub(in crate::daemon) struct Notify;

impl Notify {
    /// The work begins, or goes on after a reload.
    pub(in crate::daemon) fn ready(&self) {
        say(&[NotifyState::Ready]);
    }

    /// The loop turned: the watchdog is fed, and one line says how it stands.
    pub(in crate::daemon) fn beat(&self, status: &str) {
        say(&[NotifyState::Watchdog, NotifyState::Status(status)]);
    }

    /// The configuration is read again.
    pub(in crate::daemon) fn reloading(&self) {
        let since = NotifyState::monotonic_usec_now().ok();
        let states: Vec<NotifyState<'_>> = [Some(NotifyState::Reloading), since].into_iter().flatten().collect();
        say(&states);
    }

    /// The end has begun.
    pub(in crate::daemon) fn stopping(&self) {
        say(&[NotifyState::Stopping]);
    }
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(fault) = notify(states) {
        warn!(name: "notify.failed", "The service manager could not be told: {fault}");
    }
}
