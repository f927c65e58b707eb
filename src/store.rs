//! The ledger and mirror in a database: SQLite, or PostgreSQL for many hosts, by one SQL text. Every function works inside
//! a transaction that its caller began and commits; none sends, asks the guard, or reads a clock.
//!
//! Functions take the transaction first. Those that belong to a run take its [`lease::Lease`], and refuse once another
//! run took the school over. Windows and response files are changed only against a permit of the guard.

pub mod anomalies;
pub mod campaigns;
pub mod counts;
pub mod db;
pub mod demands;
pub mod facts;
pub mod feed;
mod group;
pub mod holds;
pub mod journal;
pub mod lease;
pub mod ledger;
mod lone;
pub mod nights;
mod open;
pub mod orders;
pub mod outbox;
pub mod pupils;
pub mod purge;
mod rehearsal;
pub mod responses;
pub mod roster;
pub mod scratch;
pub mod secrets;
pub mod sides;
#[cfg(test)]
pub(crate) mod test_support;
pub(crate) mod texts;
pub mod upkeep;
pub mod value;

pub use crate::store::db::Tx;

use crate::crash::Crash;
use crate::domain::school::SchoolKey;
use crate::store::db::{Access, Engine};
use crate::store::lease::Holding;
use sqlx::migrate::MigrateError;
use std::{path::PathBuf, sync::Arc};

/// The machine failed. What the guard refuses and what is wrong in a row are values, not errors.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine answered with an error.
    #[error("the database cannot be used: {}", in_plain_words(.0))]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought to today's shape.
    #[error("the database's tables cannot be brought up to date: {0}")]
    Migration(#[source] MigrateError),
    /// The tables have a later version's shape.
    #[error(
        "a newer navette made this database (migration {0}): install that version again, or restore the backup made before it"
    )]
    Newer(i64),
    /// The folder or file of an SQLite database.
    #[error("the database file {path} cannot be prepared: {source}; `navette doctor` tells what to do")]
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
    /// The commit that this writer shared with others.
    #[error(transparent)]
    Together(Arc<Self>),
    /// An operation that the engine does by its own tools.
    #[error("{0}")]
    Elsewhere(&'static str),
}

impl From<MigrateError> for StoreError {
    fn from(fault: MigrateError) -> Self {
        match fault {
            MigrateError::VersionMissing(version) => Self::Newer(version),
            fault => Self::Migration(fault),
        }
    }
}

impl StoreError {
    /// What the engine's driver said, whoever shared it.
    fn driver(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database(fault) => Some(fault),
            Self::Together(fault) => fault.driver(),
            Self::Damaged(_)
            | Self::Migration(_)
            | Self::Newer(_)
            | Self::File { .. }
            | Self::Url
            | Self::Stopped
            | Self::LeaseLost(_)
            | Self::Conflict { .. }
            | Self::FeedMoved(_)
            | Self::NumbersUsedUp(_)
            | Self::Elsewhere(_) => None,
        }
    }

    /// Whether the database is out of reach, or its connection broke: what was begun is to be taken up once it is back.
    pub fn is_lost(&self) -> bool {
        self.driver().is_some_and(is_lost)
    }

    /// Whether its disk is full or fails: what is on it can't be written, and may be well.
    pub fn is_full(&self) -> bool {
        self.driver().is_some_and(|fault| matches!(primary_code(fault), Some(sqlite::FULL | sqlite::IO)))
    }

    /// Whether the database itself is damaged: waiting does not mend it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Database(fault) => is_corrupt(fault),
            Self::Migration(MigrateError::Execute(fault)) => is_corrupt(fault),
            Self::Together(fault) => fault.is_damage(),
            Self::Migration(_)
            | Self::Newer(_)
            | Self::File { .. }
            | Self::Url
            | Self::Stopped
            | Self::LeaseLost(_)
            | Self::Conflict { .. }
            | Self::FeedMoved(_)
            | Self::NumbersUsedUp(_)
            | Self::Elsewhere(_) => false,
        }
    }
}

/// Whether a server is out of reach, or ended our connection: another server may answer in its place, or the same one later.
fn is_lost(fault: &sqlx::Error) -> bool {
    /// The classes of connection faults and of an operator's intervention, shutting the server down among them.
    const CLASSES: [&str; 2] = ["08", "57P"];
    match fault {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(fault) => {
            let of_server = fault.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
            of_server.is_some_and(|fault| CLASSES.iter().any(|class| fault.code().starts_with(class)))
        }
        // What remains is about one statement, or about ourselves; sqlx may add to it.
        _ => false,
    }
}

/// SQLite's primary result codes that an operator can do something about.
mod sqlite {
    pub const BUSY: i64 = 5;
    pub const READ_ONLY: i64 = 8;
    pub const IO: i64 = 10;
    pub const CORRUPT: i64 = 11;
    pub const FULL: i64 = 13;
    pub const CANNOT_OPEN: i64 = 14;
    pub const NOT_A_DATABASE: i64 = 26;
}

/// SQLite says `CORRUPT` or `NOTADB`.
fn is_corrupt(fault: &sqlx::Error) -> bool {
    matches!(primary_code(fault), Some(sqlite::CORRUPT | sqlite::NOT_A_DATABASE))
}

/// The result code of SQLite; the upper bits of its codes only tell where it noticed.
fn primary_code(fault: &sqlx::Error) -> Option<i64> {
    const PRIMARY: i64 = 0xff;
    let sqlx::Error::Database(fault) = fault else { return None };
    fault.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    Some(fault.code()?.parse::<i64>().ok()? & PRIMARY)
}

/// What went wrong, and what to look at where that is known.
fn in_plain_words(fault: &sqlx::Error) -> String {
    let todo = match primary_code(fault) {
        Some(sqlite::BUSY) => "another program holds it for longer than is waited for; try again once it is done",
        Some(sqlite::FULL | sqlite::IO) => "its disk is full or fails; `navette doctor` tells, and nothing is lost",
        Some(sqlite::READ_ONLY | sqlite::CANNOT_OPEN) => "this user may not write its file or its folder",
        Some(_) => return fault.to_string(),
        None if is_lost(fault) => "it does not answer, or ended the connection; what was begun is taken up later",
        None => return fault.to_string(),
    };
    format!("{todo} ({fault})")
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    crash: Crash,
    holding: Holding,
    /// Where a copy of one school was taken: what other schools have is asked there.
    original: Option<Arc<Self>>,
}

impl Store {
    /// Begins a transaction that reads one consistent state. Drop it before you begin to write: in memory both need the
    /// only connection.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        self.begin(Access::Read).await
    }

    /// Begins a transaction that writes. Writers take turns from its first statement on.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        self.begin(Access::Write).await
    }

    /// Begins a transaction that writes what belongs to one school. On a server, those of other schools go on beside it.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn write_for(&self, school: SchoolKey) -> Result<Tx, StoreError> {
        self.begin(Access::WriteSchool(school)).await
    }

    /// Begins a transaction that claims rows, by their locks alone.
    pub(crate) async fn claim(&self) -> Result<Tx, StoreError> {
        self.begin(Access::Claim).await
    }

    async fn begin(&self, access: Access) -> Result<Tx, StoreError> {
        Tx::begin(&self.engine, access, self.crash.clone(), self.original.clone()).await
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) const fn holding(&self) -> &Holding {
        &self.holding
    }
}

#[cfg(test)]
mod tests {
    use crate::check::responses::Checked;
    use crate::crash::{Crash, Point};
    use crate::domain::{pupil::PupilId, time::Zone, track::Track};
    use crate::guard::Import;
    use crate::plan::delivery::Outcome;
    use crate::store::test_support::{
        arrives, demands as demanded, import, key, noon, permit, places, planned, read, response, response_head,
        school, take,
    };
    use crate::store::{StoreError, demands, facts, feed, ledger, nights, orders, responses};
    use std::collections::BTreeSet;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_step_may_move_between_threads() {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            read(&store, noon(), vec![arrives(100, "3 A"), demanded(100, 1, 1, Track::SecondeGt)]).await;
            let step = tokio::spawn(async move {
                let lease = take(&store).await;
                let mut tx = store.write().await?;
                feed::states(&mut tx, school(), &BTreeSet::from([PupilId(100)])).await?;
                let cursor = feed::cursor(&mut tx, school()).await?;
                feed::apply(&mut tx, school(), &[], &[], &cursor, noon()).await?;
                let snapshot = demands::snapshot(&mut tx, key(), Zone::Europe__Paris).await?;
                demands::known(&mut tx, key()).await?;
                facts::of(&mut tx, key()).await?;
                nights::closings(&mut tx, school()).await?;
                let (lot, sent) = planned(1, &[(100, 1)], snapshot.cut_seq);
                ledger::intend(&mut tx, &lease, &lot, &sent, noon()).await?;
                ledger::record(&mut tx, &lease, key(), 1, &Outcome::Delivered, noon()).await?;
                orders::pending(&mut tx, school()).await?;
                tx.commit(Point::LotRecorded).await?;
                Ok::<usize, StoreError>(snapshot.pupils.len())
            });
            assert_eq!(step.await.unwrap().unwrap(), 1);
        }
    }

    /// A commit that died at its point is durable; one that did not come so far left nothing.
    #[tokio::test]
    async fn between_two_commits_a_crash_leaves_all_or_nothing() {
        for place in places().await {
            let crash = Crash::counting();
            let store = place.open(crash.clone()).await;
            import(&store, 1, vec![response(100, noon(), true)], noon()).await;
            for (reaches_commit, expected) in [(false, 1), (true, 2)] {
                let permit = permit(&store, Import, noon()).await;
                let checked = Checked { apply: vec![response(101, noon(), true)], ..Checked::default() };
                let head = response_head(2, 1);
                crash.arm(Point::ResponsesImported, 1);
                let run = async {
                    let mut tx = store.write().await?;
                    responses::import(&mut tx, None, permit, &head, [2; 32], &checked, noon()).await?;
                    if reaches_commit {
                        tx.commit(Point::ResponsesImported).await?;
                    }
                    Ok::<(), StoreError>(())
                };
                tokio::select! {
                    done = run => assert!(done.is_ok() && !reaches_commit),
                    () = crash.died() => assert!(reaches_commit),
                }
                crash.disarm();
                let mut tx = store.write().await.unwrap();
                assert_eq!(responses::standing(&mut tx, key()).await.unwrap().len(), expected);
            }
        }
    }
}
