//! SQLite's writers share commits: those that wait for their turn join the transaction that is open, each in a savepoint
//! of its own, and one `COMMIT`, with its one fsync, makes them all durable. None is told so before.

use crate::store::StoreError;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

/// Writers that one commit makes durable, at most: the first of them waits for the last.
const MEMBERS_MAX: usize = 64;

/// The only connection that writes, and those who take turns at it.
#[derive(Debug)]
pub(crate) struct Group {
    pool: SqlitePool,
    turn: Arc<Mutex<Shared>>,
    waiting: AtomicUsize,
}

/// The transaction that is open, and those who are to be told how it ended.
#[derive(Debug, Default)]
struct Shared {
    open: Option<PoolConnection<Sqlite>>,
    members: Vec<oneshot::Sender<Result<(), Arc<StoreError>>>>,
}

/// One writer's turn. Dropped without `commit` its own savepoint is rolled back, and nobody else's.
pub(crate) struct Turn {
    group: Arc<Group>,
    shared: Option<OwnedMutexGuard<Shared>>,
}

impl Group {
    /// Writers through the one connection of `pool`.
    pub fn new(pool: SqlitePool) -> Self {
        Self { pool, turn: Arc::default(), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a turn. Not to be dropped while it waits: `Tx::begin` calls it in a task of its own.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn begin(self: &Arc<Self>) -> Result<Turn, StoreError> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let shared = Arc::clone(&self.turn).lock_owned().await;
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        // From here on dropping it ends the turn, by a fault too.
        let mut turn = Turn { group: Arc::clone(self), shared: Some(shared) };
        if turn.shared()?.open.is_none() {
            let mut connection = self.pool.acquire().await?;
            // IMMEDIATE: a transaction that turns from reading to writing fails at once (traps.md, code 517).
            run(&mut connection, "BEGIN IMMEDIATE").await?;
            turn.shared()?.open = Some(connection);
        }
        run(turn.connection()?, "SAVEPOINT member").await?;
        Ok(turn)
    }

    /// Whether the transaction goes on with the next writer.
    fn goes_on(&self, shared: &Shared) -> bool {
        0 < self.waiting.load(Ordering::Acquire) && shared.members.len() < MEMBERS_MAX
    }
}

impl Shared {
    /// Ends the transaction as `how` says, and tells its members.
    async fn end(&mut self, how: Result<(), StoreError>) -> Result<(), Arc<StoreError>> {
        let mut ended = how.map_err(Arc::new);
        if let Some(mut connection) = self.open.take() {
            if ended.is_ok() {
                ended = run(&mut connection, "COMMIT").await.map_err(Arc::new);
            }
            if ended.is_err() {
                // Nothing of it stays: the connection, whatever state it is in, is not used again.
                drop(connection.detach());
            }
        }
        for member in self.members.drain(..) {
            // One that was dropped meanwhile needs no answer.
            let _ = member.send(ended.clone());
        }
        ended
    }
}

impl Turn {
    fn shared(&mut self) -> Result<&mut Shared, StoreError> {
        self.shared.as_deref_mut().ok_or(StoreError::Stopped)
    }

    /// The connection, for this writer's statements.
    ///
    /// # Errors
    /// When the turn is over.
    pub fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.shared()?.open.as_deref_mut().ok_or(StoreError::Stopped)
    }

    /// Makes what was written durable, together with what others write meanwhile. In a task of its own: the others wait for
    /// it, whoever drops this writer.
    ///
    /// # Errors
    /// When the database cannot commit.
    pub async fn commit(self) -> Result<(), StoreError> {
        tokio::spawn(self.committed()).await.map_err(|_| StoreError::Stopped)?
    }

    async fn committed(mut self) -> Result<(), StoreError> {
        let released = run(self.connection()?, "RELEASE member").await;
        let group = Arc::clone(&self.group);
        let Some(mut shared) = self.shared.take() else { return Err(StoreError::Stopped) };
        if released.is_ok() && group.goes_on(&shared) {
            let (tell, told) = oneshot::channel();
            shared.members.push(tell);
            drop(shared);
            return told.await.map_err(|_| StoreError::Stopped)?.map_err(StoreError::Together);
        }
        shared.end(released).await.map_err(StoreError::Together)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut shared) = self.shared.take() else { return };
        let group = Arc::clone(&self.group);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // The program is ending: closing the connection rolls everything back, and those who wait are told so.
            drop(shared.open.take().map(PoolConnection::detach));
            shared.members.clear();
            return;
        };
        runtime.spawn(async move {
            let Some(connection) = shared.open.as_deref_mut() else { return };
            // It fails where the engine rolled everything back by itself (a full disk): then nobody's writing stands.
            let undone = run(connection, "ROLLBACK TO member; RELEASE member").await;
            if undone.is_err() || !group.goes_on(&shared) {
                // Whoever has to know is told by `end`.
                let _ = shared.end(undone).await;
            }
        });
    }
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::crash::{Crash, Point};
    use crate::store::test_support::{noon, own_file};
    use crate::store::{Store, StoreError, journal};

    const WRITERS: usize = 40;

    async fn write(store: Store, n: usize) -> Result<(), StoreError> {
        let mut tx = store.write().await?;
        journal::write(&mut tx, None, "test", &n.to_string(), None, noon()).await?;
        if n.is_multiple_of(3) {
            return Ok(());
        }
        tx.commit(Point::Settled).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_writers_share_commits_and_only_what_was_committed_stands() {
        let place = own_file();
        let store = place.open(Crash::off()).await;
        let writers: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(write(store.clone(), n))).collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        store.close().await;
        let store = place.open(Crash::off()).await;
        let entries = journal::list(&mut store.read().await.unwrap(), None).await.unwrap();
        let mut found: Vec<usize> = entries.iter().map(|entry| entry.text.parse().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, (0..WRITERS).filter(|n| !n.is_multiple_of(3)).collect::<Vec<_>>());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_writer_that_is_dropped_while_it_commits_holds_up_nobody() {
        let place = own_file();
        let store = place.open(Crash::off()).await;
        let writers: Vec<_> = (1..WRITERS).map(|n| tokio::spawn(write(store.clone(), n))).collect();
        writers.iter().step_by(2).for_each(tokio::task::JoinHandle::abort);
        for writer in writers {
            // Those that were dropped have no answer.
            let _ = writer.await;
        }
        let mut tx = store.write().await.unwrap();
        journal::write(&mut tx, None, "test", "last", None, noon()).await.unwrap();
        tx.commit(Point::Settled).await.unwrap();
        let entries = journal::list(&mut store.read().await.unwrap(), None).await.unwrap();
        assert_eq!(entries.last().unwrap().text, "last");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn when_the_engine_rolls_all_back_nobody_is_told_that_it_stands() {
        let place = own_file();
        let store = place.open(Crash::off()).await;
        let mut first = store.write().await.unwrap();
        journal::write(&mut first, None, "test", "first", None, noon()).await.unwrap();
        let second = tokio::spawn({
            let store = store.clone();
            async move {
                let mut second = store.write().await.unwrap();
                // As a full disk does.
                second.execute("ROLLBACK", Vec::new()).await.unwrap();
                drop(second);
            }
        });
        // The second one waits already, or comes later: then the first commits alone.
        let told = first.commit(Point::Settled).await;
        second.await.unwrap();
        let mut third = store.write().await.unwrap();
        journal::write(&mut third, None, "test", "third", None, noon()).await.unwrap();
        third.commit(Point::Settled).await.unwrap();
        let entries = journal::list(&mut store.read().await.unwrap(), None).await.unwrap();
        let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts, if told.is_ok() { vec!["first", "third"] } else { vec!["third"] });
    }
}
