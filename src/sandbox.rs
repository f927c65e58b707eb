//! The two stand-ins: a téléservice and a Siècle, as plain values with methods that are handed their instant, then
//! served over HTTP or over folders. They are the second opinion on the rules: neither check nor plan is used here.

pub mod councils;
pub mod desk;
pub mod exports;
pub mod faults;
pub mod feed;
pub mod folders;
pub mod http;
pub mod orders;
pub mod pages;
pub mod rules;
pub mod siecle;
pub mod teleservice;
pub mod world;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A stand-in that a server, a folder and a player act on together.
pub type Shared<T> = Arc<Mutex<T>>;

/// Makes a stand-in shareable.
pub fn share<T>(stand_in: T) -> Shared<T> {
    Arc::new(Mutex::new(stand_in))
}

/// Takes hold of a shared stand-in. A holder that died leaves it as it is: every method changes it whole or not at all.
pub fn hold<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a far side answers when it does not do what was asked (RFC 9457 over HTTP).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Whether `type` ends in `/metier` (final) or `/technique`.
    pub kind: ProblemKind,
    /// Code, as refusals over folders carry it.
    pub code: String,
    /// One sentence.
    pub detail: String,
}

/// The two types of problem of this family of systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// `/technique`.
    Technical,
    /// `/metier`: final, whatever the status.
    Business,
}

impl Problem {
    /// A `/metier` problem.
    pub fn business(status: u16, code: &str, detail: &str) -> Self {
        Self { status, kind: ProblemKind::Business, code: code.to_owned(), detail: detail.to_owned() }
    }

    /// A `/technique` problem.
    pub fn technical(status: u16, code: &str, detail: &str) -> Self {
        Self { status, kind: ProblemKind::Technical, code: code.to_owned(), detail: detail.to_owned() }
    }
}
