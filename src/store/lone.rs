//! SQLite in memory: one connection, which lives as long as its database and is nobody else's. Whoever has it reads one
//! state without a transaction, and none has to be opened, ended, or handed back to a pool.

use crate::store::StoreError;
use sqlx::SqliteConnection;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The only connection.
#[derive(Clone, Debug)]
pub(crate) struct Lone(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    connection: SqliteConnection,
    /// Whether a writer's transaction is open: it dropped it, unless it still has the connection.
    open: bool,
}

/// One reader's or writer's turn. What a writer dropped without `commit` is rolled back before the next turn.
pub(crate) struct Turn(OwnedMutexGuard<Shared>);

impl Lone {
    /// The database behind this connection.
    pub fn new(connection: SqliteConnection) -> Self {
        let open = false;
        Self(Arc::new(Mutex::new(Shared { connection, open })))
    }

    /// Waits for a turn at reading.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn read(&self) -> Result<Turn, StoreError> {
        let mut turn = Turn(Arc::clone(&self.0).lock_owned().await);
        if turn.0.open {
            turn.run("ROLLBACK").await?;
            turn.0.open = false;
        }
        Ok(turn)
    }

    /// Waits for a turn at writing. Not to be dropped while it waits: `Tx::begin` calls it in a task of its own.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn write(&self) -> Result<Turn, StoreError> {
        let mut turn = self.read().await?;
        turn.run("BEGIN IMMEDIATE").await?;
        turn.0.open = true;
        Ok(turn)
    }
}

impl Turn {
    /// The connection, for this turn's statements.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0.connection
    }

    /// Makes what was written stand.
    ///
    /// # Errors
    /// When the database cannot commit.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.0.open {
            self.run("COMMIT").await?;
            self.0.open = false;
        }
        Ok(())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql).execute(self.connection()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::store::journal;
    use crate::store::test_support::{memory, noon};

    #[tokio::test]
    async fn what_is_dropped_is_gone_for_the_next_and_what_is_committed_stays() {
        let store = memory().await;
        for (commits, expected) in [(false, 0), (true, 1), (false, 1), (true, 2)] {
            let mut tx = store.write().await.unwrap();
            journal::write(&mut tx, None, "test", "", None, noon()).await.unwrap();
            if commits {
                tx.commit(Point::Settled).await.unwrap();
            } else {
                drop(tx);
            }
            let mut tx = store.read().await.unwrap();
            assert_eq!(journal::list(&mut tx, None).await.unwrap().len(), expected);
        }
    }

    #[tokio::test]
    async fn one_waits_for_the_other() {
        let store = memory().await;
        let mut tx = store.write().await.unwrap();
        journal::write(&mut tx, None, "test", "", None, noon()).await.unwrap();
        let reader = tokio::spawn({
            let store = store.clone();
            async move { journal::list(&mut store.read().await.unwrap(), None).await.unwrap().len() }
        });
        tx.commit(Point::Settled).await.unwrap();
        assert_eq!(reader.await.unwrap(), 1);
    }
}
