//! The ledger and mirror in a database: SQLite, or PostgreSQL for many hosts, by one SQL text. Every function works inside
//! a transaction that its caller began and commits; none sends, asks the guard, or reads a clock.
//!
//! Functions take the transaction first. Those that belong to a run take its [`lease::Lease`], and refuse once another
//! run took the school over. Windows and response files are changed only against a permit of the guard.

pub mod anomalies;
pub mod campaigns;
pub mod db;
pub mod demands;
pub mod feed;
pub mod holds;
pub mod journal;
pub mod lease;
pub mod ledger;
pub mod nights;
mod open;
pub mod orders;
pub mod pupils;
pub mod purge;
pub mod responses;
pub mod secrets;
#[cfg(test)]
pub(crate) mod test_support;
pub(crate) mod texts;
pub mod value;

pub use crate::store::db::Tx;

use crate::crash::Crash;
use crate::domain::school::SchoolKey;
use crate::store::db::{Access, Engine};
use crate::store::lease::Holding;
use std::path::PathBuf;

/// The machine failed. What the guard refuses and what is wrong in a row are values, not errors.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine answered with an error.
    #[error("the database cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought to today's shape.
    #[error("the database's tables cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The folder or file of an SQLite database.
    #[error("the database file {path} cannot be prepared: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Neither `sqlite:` nor `postgres:`.
    #[error("a database is named sqlite:/path/to/navette.db or postgres://host/name")]
    Url,
    /// The program is stopping, and begins no transaction any more.
    #[error("the program is stopping")]
    Stopped,
    /// Another run took the school over: this one must write nothing more.
    #[error("another run has taken over {0}: this one stops here")]
    LeaseLost(SchoolKey),
    /// A column holds what navette never writes.
    #[error("the database is damaged, restore it from a backup: {0}")]
    Damaged(&'static str),
    /// A number already stands for another content.
    #[error("number {number} of {school} already stands for another content")]
    Conflict {
        /// School.
        school: SchoolKey,
        /// Number.
        number: u32,
    },
    /// Another process read the feed meanwhile: what was computed from the older cursor does not hold.
    #[error("another process has read the feed of {0} meanwhile: it is read again at the next tick")]
    FeedMoved(SchoolKey),
    /// All numbers of a school and year are used.
    #[error("{0} has used all its numbers of this year")]
    NumbersUsedUp(SchoolKey),
    /// An operation that the engine does by its own tools.
    #[error("{0}")]
    Elsewhere(&'static str),
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    crash: Crash,
    holding: Holding,
}

impl Store {
    /// Begins a transaction that reads one consistent state.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        Tx::begin(&self.engine, Access::Read, self.crash.clone()).await
    }

    /// Begins a transaction that writes. Writers take turns from its first statement on.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        Tx::begin(&self.engine, Access::Write, self.crash.clone()).await
    }

    pub(crate) const fn holding(&self) -> &Holding {
        &self.holding
    }
}
