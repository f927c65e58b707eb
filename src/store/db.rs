//! The two engines behind one face: transactions that take one SQL text (`$1`, `ON CONFLICT`, integers, texts, blobs).
//! No table is named here.

use crate::crash::{Crash, Point};
use crate::domain::school::SchoolKey;
use crate::store::{
    Store, StoreError,
    group::{self, Group},
    lone::{self, Lone},
    value::{Row, Value},
};
use sqlx::{AssertSqlSafe, PgPool, Postgres, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::sync::Arc;

/// Rows a statement on PostgreSQL: past this, multi-row inserts gain nothing more (traps.md).
const ROWS_A_STATEMENT: usize = 500;
/// Values a statement on SQLite, which looks each `$N` up among those before it: the cost of a statement grows with its
/// square (measured, rows of 12 values: 153 µs a row by 500 rows a statement, 5 µs by 20).
const VALUES_A_STATEMENT: usize = 240;
/// The advisory lock that makes PostgreSQL's writers take turns, as SQLite's do. It ends with its transaction, so that a
/// connection pooler does no harm. The number is ours alone: `navette` in ASCII.
const WRITERS: i64 = 0x6e_6176_6574_7465;
/// Waits for a lock longer than this end the transaction: far longer than any of ours lasts.
const LOCK_TIMEOUT: &str = "30s";
/// The server ends a transaction whose program fell silent inside it, frozen or its host gone: what it locked is free
/// again long before its lease is stale.
const SILENCE_MAX: &str = "30s";

/// Where the tables lie.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// A file: one connection that writes, a few that read.
    Sqlite {
        /// The only connection that writes.
        writer: SqlitePool,
        /// Those that read.
        readers: SqlitePool,
        /// How writers share its commits; none where nobody writes.
        group: Option<Arc<Group>>,
    },
    /// SQLite in memory.
    Memory(Lone),
    /// A server.
    Postgres(PgPool),
}

/// A transaction. Dropped without `commit` it is rolled back.
pub struct Tx {
    open: Open,
    crash: Crash,
    original: Option<Arc<Store>>,
}

enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    SqliteTurn(group::Turn),
    Memory(lone::Turn),
    Postgres(Transaction<'static, Postgres>),
}

/// What a transaction may do.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Reads one consistent state.
    Read,
    /// Writes anywhere; writers take turns from the first statement on, so that what was read still holds when it is
    /// acted on.
    Write,
    /// Writes what belongs to one school: on a server the others' writers go on beside it.
    WriteSchool(SchoolKey),
    /// Claims by the locks of rows alone, and waits for nobody who holds one.
    Claim,
}

impl Tx {
    /// Begins a transaction, in a task of its own: a caller that is dropped meanwhile must not leave a connection with a
    /// half-begun transaction behind (crates.md).
    pub(crate) async fn begin(
        engine: &Engine,
        access: Access,
        crash: Crash,
        original: Option<Arc<Store>>,
    ) -> Result<Self, StoreError> {
        let engine = engine.clone();
        let begun = tokio::spawn(async move { begin(&engine, access).await }).await;
        let open = begun.map_err(|_| StoreError::Stopped)??;
        Ok(Self { open, crash, original })
    }

    /// The database that knows other schools, where this one is a copy of one school.
    pub(crate) fn original(&self) -> Option<&Store> {
        self.original.as_deref()
    }

    /// Whether rows are locked one by one: SQLite has one writer, who needs no such locks and no words for them.
    pub(crate) const fn locks_rows(&self) -> bool {
        match &self.open {
            Open::Sqlite(_) | Open::SqliteTurn(_) | Open::Memory(_) => false,
            Open::Postgres(_) => true,
        }
    }

    /// Makes what was written durable, then passes `point`.
    ///
    /// # Errors
    /// When the database cannot commit.
    pub async fn commit(self, point: Point) -> Result<(), StoreError> {
        match self.open {
            Open::Sqlite(open) => open.commit().await?,
            Open::SqliteTurn(turn) => turn.commit().await?,
            Open::Memory(turn) => turn.commit().await?,
            Open::Postgres(open) => open.commit().await?,
        }
        self.crash.reach(point).await;
        Ok(())
    }

    /// Runs a statement; answers how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, values: Vec<Value>) -> Result<u64, StoreError> {
        self.run(sql.into_sql_str(), values, Plan::Kept).await
    }

    /// Runs a statement; answers its rows.
    pub(crate) async fn rows(&mut self, sql: impl SqlSafeStr, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into_sql_str();
        Ok(match &mut self.open {
            Open::Sqlite(open) => rows_sqlite(open, sql, values).await?,
            Open::SqliteTurn(turn) => rows_sqlite(turn.connection()?, sql, values).await?,
            Open::Memory(turn) => rows_sqlite(turn.connection(), sql, values).await?,
            Open::Postgres(open) => {
                let found = bind_postgres(sql, values).fetch_all(&mut **open).await?;
                found.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of an answer, if there is one.
    pub(crate) async fn row(&mut self, sql: impl SqlSafeStr, values: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The only integer of an answer with exactly one row, such as a count.
    pub(crate) async fn number(&mut self, sql: impl SqlSafeStr, values: Vec<Value>) -> Result<i64, StoreError> {
        let row = self.row(sql, values).await?;
        row.ok_or(StoreError::Damaged("a count has no row"))?.cells().int()
    }

    /// Runs `head VALUES (…), (…) tail` for all rows, many rows a statement.
    pub(crate) async fn insert(&mut self, head: &str, rows: Vec<Vec<Value>>, tail: &str) -> Result<u64, StoreError> {
        let mut touched = 0;
        let rows_max = self.rows_a_statement(rows.first().map_or(1, Vec::len));
        let mut rows = rows.into_iter();
        loop {
            let chunk: Vec<Vec<Value>> = rows.by_ref().take(rows_max).collect();
            let Some(columns) = chunk.first().map(Vec::len) else { return Ok(touched) };
            let group = |row: usize| match self.open {
                // SQLite looks a numbered place up from the first one on: thousands of them cost millions of steps.
                Open::Sqlite(_) | Open::SqliteTurn(_) | Open::Memory(_) => {
                    format!("({})", vec!["?"; columns].join(","))
                }
                Open::Postgres(_) => placeholders(row * columns, columns),
            };
            let groups: Vec<String> = (0..chunk.len()).map(group).collect();
            let sql = format!("{head} VALUES {} {tail}", groups.join(","));
            let values = chunk.into_iter().flatten().collect();
            // The text holds our own words and placeholders only.
            touched += self.run(AssertSqlSafe(sql).into_sql_str(), values, Plan::Once).await?;
        }
    }

    /// Rows of `head IN (…) tail`, the list in as many statements as it takes. `fixed` are the values of `head`.
    pub(crate) async fn rows_in<T: Copy + Into<Value>>(
        &mut self,
        head: &str,
        fixed: Vec<Value>,
        list: &[T],
        tail: &str,
    ) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for chunk in list.chunks(self.rows_a_statement(1)) {
            let sql = format!("{head} IN {} {tail}", placeholders(fixed.len(), chunk.len()));
            let values = fixed.iter().cloned().chain(chunk.iter().map(|item| (*item).into())).collect();
            found.extend(self.rows(AssertSqlSafe(sql), values).await?);
        }
        Ok(found)
    }

    /// Runs `head FROM (VALUES …) AS given tail` for all rows, many rows a statement: what is updated is told row by row, as
    /// `given.column1` and so on. `fixed` are the values of head and tail.
    pub(crate) async fn update_each(
        &mut self,
        head: &str,
        fixed: Vec<Value>,
        rows: Vec<Vec<Value>>,
        tail: &str,
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for chunk in rows.chunks(self.rows_a_statement(rows.first().map_or(1, Vec::len))) {
            let columns = chunk.first().map_or(0, Vec::len);
            let group = |row: usize| placeholders(fixed.len() + row * columns, columns);
            let groups: Vec<String> = (0..chunk.len()).map(group).collect();
            let sql = format!("{head} FROM (VALUES {}) AS given {tail}", groups.join(","));
            let values = fixed.iter().cloned().chain(chunk.iter().flatten().cloned()).collect();
            touched += self.run(AssertSqlSafe(sql).into_sql_str(), values, Plan::Once).await?;
        }
        Ok(touched)
    }

    fn rows_a_statement(&self, columns: usize) -> usize {
        match self.open {
            Open::Sqlite(_) | Open::SqliteTurn(_) | Open::Memory(_) => (VALUES_A_STATEMENT / columns.max(1)).max(1),
            Open::Postgres(_) => ROWS_A_STATEMENT,
        }
    }

    async fn run(&mut self, sql: SqlStr, values: Vec<Value>, plan: Plan) -> Result<u64, StoreError> {
        let kept = matches!(plan, Plan::Kept);
        Ok(match &mut self.open {
            Open::Sqlite(open) => bind_sqlite(sql, values).persistent(kept).execute(&mut **open).await?.rows_affected(),
            Open::SqliteTurn(turn) => {
                bind_sqlite(sql, values).persistent(kept).execute(turn.connection()?).await?.rows_affected()
            }
            Open::Memory(turn) => {
                bind_sqlite(sql, values).persistent(kept).execute(turn.connection()).await?.rows_affected()
            }
            Open::Postgres(open) => {
                bind_postgres(sql, values).persistent(kept).execute(&mut **open).await?.rows_affected()
            }
        })
    }
}

/// Whether the engine keeps a statement's plan for the next time.
#[derive(Clone, Copy)]
enum Plan {
    Kept,
    Once,
}

async fn begin(engine: &Engine, access: Access) -> Result<Open, StoreError> {
    Ok(match (engine, access) {
        (Engine::Sqlite { readers, .. }, Access::Read) => Open::Sqlite(readers.begin_with("BEGIN").await?),
        (Engine::Sqlite { group: Some(group), .. }, Access::Write | Access::WriteSchool(_) | Access::Claim) => {
            Open::SqliteTurn(group.begin().await?)
        }
        // IMMEDIATE: a transaction that turns from reading to writing fails at once (traps.md, code 517).
        (Engine::Sqlite { writer, group: None, .. }, Access::Write | Access::WriteSchool(_) | Access::Claim) => {
            Open::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
        }
        (Engine::Memory(lone), Access::Read) => Open::Memory(lone.read().await?),
        (Engine::Memory(lone), Access::Write | Access::WriteSchool(_) | Access::Claim) => {
            Open::Memory(lone.write().await?)
        }
        (Engine::Postgres(pool), Access::Read) => {
            Open::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
        }
        (Engine::Postgres(pool), Access::Claim) => Open::Postgres(begin_writing(pool).await?),
        (Engine::Postgres(pool), Access::Write) => {
            let mut open = begin_writing(pool).await?;
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS).execute(&mut *open).await?;
            Open::Postgres(open)
        }
        (Engine::Postgres(pool), Access::WriteSchool(school)) => {
            let mut open = begin_writing(pool).await?;
            let locks = "SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock(hashtextextended($2, 0))";
            sqlx::query(locks).bind(WRITERS).bind(school.to_string()).execute(&mut *open).await?;
            Open::Postgres(open)
        }
    })
}

/// Limits are set for the transaction, not the session: a connection pooler hands that to another program.
async fn begin_writing(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; \
         SET LOCAL idle_in_transaction_session_timeout = '{SILENCE_MAX}'"
    );
    // Our own words only.
    Ok(pool.begin_with(AssertSqlSafe(begin)).await?)
}

async fn rows_sqlite(
    connection: &mut SqliteConnection,
    sql: SqlStr,
    values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    Ok(bind_sqlite(sql, values).fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect())
}

/// `($5,$6,$7)` for three columns after four values.
fn placeholders(before: usize, columns: usize) -> String {
    let list: Vec<String> = (1..=columns).map(|column| format!("${}", before + column)).collect();
    format!("({})", list.join(","))
}

macro_rules! binder {
    ($name:ident, $engine:ty) => {
        fn $name(
            sql: SqlStr,
            values: Vec<Value>,
        ) -> sqlx::query::Query<'static, $engine, <$engine as sqlx::Database>::Arguments> {
            let mut query = sqlx::query(sql);
            for value in values {
                query = match value {
                    Value::Int(number) => query.bind(number),
                    Value::Text(text) => query.bind(text),
                    Value::Blob(bytes) => query.bind(bytes),
                };
            }
            query
        }
    };
}
binder!(bind_sqlite, Sqlite);
binder!(bind_postgres, Postgres);

#[cfg(test)]
mod tests {
    use crate::store::test_support::stores;
    use crate::store::value::{Value, values};

    #[tokio::test]
    async fn many_rows_go_in_by_statements_and_come_out_by_lists() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            let rows = (0..1_201_u32).map(|id| values![format!("secret {id}"), vec![1_u8]]).collect();
            let head = "INSERT INTO secret (name, value)";
            assert_eq!(tx.insert(head, rows, "ON CONFLICT DO NOTHING").await.unwrap(), 1_201);
            let names: Vec<String> = (0..1_300).map(|id| format!("secret {id}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let found =
                tx.rows_in("SELECT name FROM secret WHERE value = $1 AND name", values![vec![1_u8]], &names, "");
            assert_eq!(found.await.unwrap().len(), 1_201);
            assert_eq!(tx.insert(head, Vec::new(), "").await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn every_kind_of_value_comes_back_as_it_went() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            let wanted = values![i64::MIN, "œ €\u{a0}'\"", vec![0_u8, 255], None::<i64>, None::<&str>, None::<&[u8]>];
            let row = tx.row("SELECT $1, $2, $3, $4, $5, $6", wanted.clone()).await.unwrap().unwrap();
            let mut cells = row.cells();
            let found = vec![
                Value::Int(cells.opt_int().unwrap()),
                Value::Text(cells.opt_text().unwrap()),
                Value::Blob(cells.opt_blob().unwrap()),
                Value::Int(cells.opt_int().unwrap()),
                Value::Text(cells.opt_text().unwrap()),
                Value::Blob(cells.opt_blob().unwrap()),
            ];
            assert_eq!(found, wanted);
        }
    }
}
