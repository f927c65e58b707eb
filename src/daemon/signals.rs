//! Signals of the machine, as calls to the loop.

use std::io;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Signals wait here while the loop is at something else; more than a few are the same again.
const WAITING_MAX: usize = 4;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Listens for SIGTERM, SIGINT and SIGHUP from now on.
///
/// # Errors
/// When the machine lets nobody listen.
pub fn listen() -> io::Result<mpsc::Receiver<Signal>> {
    let (tell, heard) = mpsc::channel(WAITING_MAX);
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                _ = term.recv() => Signal::Stop,
                _ = int.recv() => Signal::Stop,
                _ = hup.recv() => Signal::Reload,
            };
            if tell.send(signal).await.is_err() {
                return;
            }
        }
    });
    Ok(heard)
}
