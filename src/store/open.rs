//! Opening a database: the file and its rights, connections, migrations. What is done for one that is there: `upkeep`.

use crate::crash::Crash;
use crate::store::db::Engine;
use crate::store::lease::Holding;
use crate::store::{
    Store, StoreError,
    group::Group,
    lone::{self, Lone},
    scratch,
};
use sqlx::{
    PgPool, SqlitePool,
    migrate::Migrator,
    pool::PoolOptions,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

/// How long a writer waits for another process's transaction: far longer than any of ours lasts.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a task waits for its turn at a connection: longer than a busy writer may wait for another process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a server may be out of reach, as while it begins anew or another one takes its place, before a run stops.
const SERVER_AWAY_MAX: Duration = Duration::from_secs(30);
/// Connections that read an SQLite file: the pages and the steps of a few schools at once.
const READERS_MAX: u32 = 4;
/// Connections to a PostgreSQL server, for the schools at once of one host (8 by default) and its pages.
const SERVER_CONNECTIONS_MAX: u32 = 12;
/// Rows that SQLite's driver hands over at once (traps.md: 577 k rows a second instead of 169 k).
const ROW_BUFFER: usize = 500;
/// Statements that a connection keeps prepared: more than we have, and the lists of many lengths (100 by default).
const STATEMENTS_KEPT: usize = 500;
/// Owner only: pupils are minors (domain.md).
const FILE_MODE: u32 = 0o600;
/// Owner only.
const FOLDER_MODE: u32 = 0o700;

/// Connections are tried out.
const TRIED: bool = true;
/// Migrations are run, not marked as run.
pub(crate) const MARKS_ONLY: bool = false;

pub(crate) static SQLITE: Migrator = sqlx::migrate!("src/store/migrations/sqlite");
pub(crate) static POSTGRES: Migrator = sqlx::migrate!("src/store/migrations/postgres");
/// `Migrator::set_locking`.
const LOCKS_THE_SESSION: bool = false;
/// Seed of the lock under which a server's tables are brought up to date.
const MIGRATING: i64 = 1;

impl Store {
    /// Opens the database of `url` (`sqlite:PATH`, `sqlite::memory:`, `postgres://…`) and brings its tables up to date.
    /// An SQLite file is created 0600, its folder 0700.
    ///
    /// # Errors
    /// When the URL is neither, or the database cannot be prepared.
    pub async fn open(url: &str, crash: Crash) -> Result<Self, StoreError> {
        Self::opened(url, crash, SqliteSynchronous::Full).await
    }

    /// Opens the database of a play, in which programs die and the machine does not: an SQLite file does not wait for the
    /// disk.
    ///
    /// # Errors
    /// As `open`.
    pub async fn open_for_a_play(url: &str, crash: Crash) -> Result<Self, StoreError> {
        Self::opened(url, crash, SqliteSynchronous::Off).await
    }

    async fn opened(url: &str, crash: Crash, synchronous: SqliteSynchronous) -> Result<Self, StoreError> {
        let engine = if scratch::is_server(url) {
            open_server(url).await?
        } else if url == scratch::MEMORY {
            open_memory(None).await?
        } else {
            open_file(&file_of(url).ok_or(StoreError::Url)?, synchronous).await?
        };
        Ok(Self { engine, crash, holding: Holding::default(), original: None })
    }

    /// Opens a database that is there as it is, without making it or bringing its tables up to date; none where there is
    /// no SQLite file. A file is opened to read only.
    ///
    /// # Errors
    /// When the URL is none of ours, or the database cannot be used.
    pub async fn existing(url: &str, crash: Crash) -> Result<Option<Self>, StoreError> {
        let read_only = true;
        Self::there(url, crash, |options, _| Ok(options.read_only(read_only))).await
    }

    /// The same for who leaves no trace: not even the write-ahead log that whoever may only read an SQLite file makes
    /// beside it, and cannot take away again.
    ///
    /// # Errors
    /// As `existing`.
    pub async fn untouched(url: &str, crash: Crash) -> Result<Option<Self>, StoreError> {
        Self::there(url, crash, |options, path| {
            // A log that is there is another's, or was left by a crash: it stays as it is.
            let log = format!("{}-wal", path.display());
            let read_only = Path::new(&log).try_exists().map_err(fault_at(path))?;
            Ok(if read_only { options.read_only(read_only) } else { options.pragma("query_only", "on") })
        })
        .await
    }

    async fn there(
        url: &str,
        crash: Crash,
        opening: impl FnOnce(SqliteConnectOptions, &Path) -> Result<SqliteConnectOptions, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let engine = if scratch::is_server(url) {
            Engine::Postgres(connect(url).await?)
        } else {
            let path = file_of(url).ok_or(StoreError::Url)?;
            if !path.try_exists().map_err(fault_at(&path))? {
                return Ok(None);
            }
            let options = connecting(opening(SqliteConnectOptions::new().filename(&path), &path)?);
            let pool = one_connection().connect_with(options).await?;
            Engine::Sqlite { writer: pool.clone(), readers: pool, group: None }
        };
        Ok(Some(Self { engine, crash, holding: Holding::default(), original: None }))
    }

    /// An empty database in memory, with the tables that migration `version` left; all of them where that is none.
    pub(crate) async fn memory_of(version: Option<i64>) -> Result<Self, StoreError> {
        Ok(Self {
            engine: open_memory(version).await?,
            crash: Crash::off(),
            holding: Holding::default(),
            original: None,
        })
    }

    /// Closes all connections; an SQLite file is left without its write-ahead log.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            // It goes with the last who has it.
            Engine::Memory(_) => (),
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

/// `sqlite:PATH`, also written `sqlite://PATH`, with or without options after a question mark.
fn file_of(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let path = rest.split('?').next().filter(|path| !path.is_empty())?;
    Some(PathBuf::from(path))
}

async fn connect(url: &str) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)?;
    let pool = PgPoolOptions::new().max_connections(SERVER_CONNECTIONS_MAX).acquire_timeout(SERVER_AWAY_MAX);
    Ok(pool.connect_with(options).await?)
}

async fn open_server(url: &str) -> Result<Engine, StoreError> {
    let pool = connect(url).await?;
    migrate_server(&pool).await?;
    Ok(Engine::Postgres(pool))
}

async fn open_memory(version: Option<i64>) -> Result<Engine, StoreError> {
    let options = connecting(SqliteConnectOptions::from_str(scratch::MEMORY)?);
    let pool = one_connection().connect_with(options).await?;
    migrate(&pool, version).await?;
    Ok(Engine::Memory(Lone::new(pool.acquire().await?.detach())))
}

async fn open_file(path: &Path, synchronous: SqliteSynchronous) -> Result<Engine, StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder).map_err(fault_at(&folder))?;
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path).map_err(fault_at(path))?;
    // Changing to WAL and the first migration do not wait for each other as transactions do: one process at a time.
    let turn = {
        let folder = folder.clone();
        let locked =
            tokio::task::spawn_blocking(move || File::open(&folder).and_then(|file| file.lock().map(|()| file)));
        locked.await.map_err(|_| StoreError::Stopped)?.map_err(fault_at(path))?
    };
    let options = connecting(SqliteConnectOptions::new().filename(path));
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
    let writer = one_connection().connect_with(options.clone()).await?;
    migrate(&writer, None).await?;
    drop(turn);
    let readers = pool_options().max_connections(READERS_MAX);
    let readers = readers.connect_lazy_with(options.pragma("query_only", "on"));
    let group = Some(Arc::new(Group::new(writer.clone())));
    Ok(Engine::Sqlite { writer, readers, group })
}

fn connecting(options: SqliteConnectOptions) -> SqliteConnectOptions {
    let enforced = true;
    let options = options.foreign_keys(enforced).busy_timeout(BUSY_TIMEOUT);
    // What is deleted is overwritten: names of minors do not linger in free pages.
    let options = options.pragma("secure_delete", "on");
    options.row_buffer_size(ROW_BUFFER).statement_cache_capacity(STATEMENTS_KEPT)
}

fn one_connection() -> PoolOptions<sqlx::Sqlite> {
    pool_options().min_connections(1).max_connections(1).idle_timeout(None).max_lifetime(None)
}

/// A connection to a file or to memory does not break while it rests: it is not tried out before each use.
fn pool_options() -> PoolOptions<sqlx::Sqlite> {
    SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(!TRIED)
}

/// As below, one host at a time: sqlx's own lock belongs to a session, which a connection pooler hands to others.
async fn migrate_server(pool: &PgPool) -> Result<(), StoreError> {
    let mut migrator = sqlx::migrate!("src/store/migrations/postgres");
    migrator.set_locking(LOCKS_THE_SESSION);
    let mut open = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), $1))")
        .bind(MIGRATING)
        .execute(&mut *open)
        .await?;
    migrator.run_direct(None, &mut *open, MARKS_ONLY).await?;
    open.commit().await?;
    Ok(())
}

/// All migrations that are missing, or those up to `version`, in one transaction: a crash leaves the old shape or the new
/// one.
async fn migrate(writer: &SqlitePool, version: Option<i64>) -> Result<(), StoreError> {
    let mut open = writer.begin_with("BEGIN IMMEDIATE").await?;
    SQLITE.run_direct(version, &mut *open, MARKS_ONLY).await?;
    open.commit().await?;
    Ok(())
}

/// The same of a database in memory.
pub(crate) async fn migrate_memory(turn: &mut lone::Turn) -> Result<(), StoreError> {
    SQLITE.run_direct(None, turn.connection(), MARKS_ONLY).await?;
    Ok(())
}

pub(crate) fn fault_at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { path, source }
}

#[cfg(test)]
mod tests {
    use crate::crash::{Crash, Point};
    use crate::domain::time::{DAY_S, Zone};
    use crate::store::db::Engine;
    use crate::store::open::*;
    use crate::store::test_support::{arrives, dump, file, key, left_by, noon, own_file, places, read, school, url};
    use crate::store::{anomalies, demands, facts, feed, journal, ledger, nights, outbox, responses, roster};
    use rstest::rstest;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[rstest]
    #[case("sqlite:/var/lib/navette.db", Some("/var/lib/navette.db"))]
    #[case("sqlite:///var/lib/navette.db", Some("/var/lib/navette.db"))]
    #[case("sqlite:navette.db?mode=rwc", Some("navette.db"))]
    #[case("sqlite:", None)]
    #[case("mysql://host/navette", None)]
    fn a_file_is_named_by_its_url(#[case] url: &str, #[case] expected: Option<&str>) {
        assert_eq!(file_of(url), expected.map(PathBuf::from));
    }

    #[tokio::test]
    async fn what_is_no_url_of_ours_is_refused() {
        assert!(matches!(Store::open("mysql://host/navette", Crash::off()).await, Err(StoreError::Url)));
    }

    #[tokio::test]
    async fn only_the_owner_reads_the_files() {
        let place = own_file();
        let store = place.open(Crash::off()).await;
        read(&store, noon(), vec![arrives(100, "3 A")]).await;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let own = place.folder.path().join("own");
        assert_eq!(mode(&own), 0o700);
        let names: Vec<PathBuf> = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(names.len() > 1, "the write-ahead log lies beside the database");
        assert!(names.iter().all(|path| mode(path) == 0o600));
    }

    #[tokio::test]
    async fn a_database_with_rows_opens_again_and_keeps_them() {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            read(&store, noon(), vec![arrives(100, "3 A")]).await;
            let before = dump(&store).await;
            store.close().await;
            let again = place.open(Crash::off()).await;
            assert_eq!(dump(&again).await, before);
            assert_eq!(again.integrity().await.unwrap(), Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn a_database_is_looked_at_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Store::existing(&url(&folder), Crash::off()).await.unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "looking makes nothing");
        let (folder, store) = file(Crash::off()).await;
        read(&store, noon(), vec![arrives(100, "3 A")]).await;
        // Beside a writer, and after it has gone and taken its write-ahead log along.
        for _ in 0..2 {
            let seen = Store::existing(&url(&folder), Crash::off()).await.unwrap().unwrap();
            assert_eq!(dump(&seen).await["pupil"], 1);
            let mut tx = seen.write().await.unwrap();
            assert!(journal::write(&mut tx, None, "test", "", None, noon()).await.is_err());
            drop(tx);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn many_may_open_and_write_at_once() {
        for place in places().await {
            let first = place.open(Crash::off()).await;
            let mut tasks = Vec::new();
            for process in 0..6 {
                let url = place.url.clone();
                tasks.push(tokio::spawn(async move {
                    let store = Store::open(&url, Crash::off()).await.unwrap();
                    for round in 0..20 {
                        let mut tx = store.write().await.unwrap();
                        let before = tx.number("SELECT COUNT(*) FROM journal", Vec::new()).await.unwrap();
                        journal::write(&mut tx, None, "test", &format!("{process} {round} {before}"), None, noon())
                            .await
                            .unwrap();
                        tx.commit(Point::Settled).await.unwrap();
                        let mut tx = store.read().await.unwrap();
                        assert!(journal::list(&mut tx, None).await.unwrap().len() > usize::try_from(before).unwrap());
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            // Each saw all that was written before it: nobody wrote on the strength of an older state.
            let mut tx = first.read().await.unwrap();
            let entries = journal::list(&mut tx, None).await.unwrap();
            let seen = entries.iter().map(|entry| entry.text.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
            assert_eq!(seen.collect::<Vec<_>>(), (0..120).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            let mut tx = store.read().await.unwrap();
            assert!(journal::write(&mut tx, None, "test", "", None, noon()).await.is_err());
        }
    }

    #[tokio::test]
    async fn what_is_dropped_is_rolled_back_and_what_died_after_its_commit_stays() {
        for place in places().await {
            let crash = Crash::counting();
            let store = place.open(crash.clone()).await;
            let mut tx = store.write().await.unwrap();
            feed::ensure(&mut tx, school()).await.unwrap();
            drop(tx);
            let mut tx = store.write().await.unwrap();
            assert_eq!(tx.number("SELECT COUNT(*) FROM school", Vec::new()).await.unwrap(), 0);
            feed::ensure(&mut tx, school()).await.unwrap();
            crash.arm(Point::FeedApplied, 1);
            tokio::select! {
                _ = tx.commit(Point::FeedApplied) => panic!("it passed the point"),
                () = crash.died() => (),
            }
            crash.disarm();
            let mut tx = store.write().await.unwrap();
            assert_eq!(tx.number("SELECT COUNT(*) FROM school", Vec::new()).await.unwrap(), 1);
        }
    }

    /// The migration that made the outbox.
    const LETTERS_SINCE: i64 = 3;

    #[tokio::test]
    async fn every_migration_finds_rows_and_what_they_say_is_read_today() {
        for migration in SQLITE.iter() {
            let store = left_by(migration.version).await;
            let Engine::Sqlite { writer, .. } = store.engine() else { panic!("not SQLite") };
            migrate(writer, None).await.unwrap();
            assert_eq!(store.integrity().await.unwrap(), Vec::<String>::new());
            let mut tx = store.read().await.unwrap();
            let cursor = feed::cursor(&mut tx, school()).await.unwrap();
            assert_eq!((cursor.epoch, cursor.seq, cursor.stopped), (2, 7, Some(feed::Stop::Hole { from: 8, to: 9 })));
            let snapshot = demands::snapshot(&mut tx, key(), Zone::Europe__Paris).await.unwrap();
            let versions = snapshot.pupils.iter().map(|it| it.demand.as_ref().map(|demand| demand.version));
            assert_eq!(versions.collect::<Vec<_>>(), [Some(1), None]);
            let facts = facts::of(&mut tx, key()).await.unwrap().journal;
            assert_eq!((facts.windows.len(), facts.lots.len(), facts.responses.held_files), (2, 1, 1));
            assert_eq!((facts.responses.pending_transfer, facts.responses.missing.len()), (0, 0));
            let ledger = ledger::plan_ledger(&mut tx, key()).await.unwrap();
            assert_eq!((ledger.next_number, ledger.cut_since_closing), (2, true));
            assert_eq!(ledger::held(&mut tx, school()).await.unwrap().len(), 1);
            assert_eq!(anomalies::list(&mut tx, None, true).await.unwrap().len(), 1);
            assert_eq!(nights::list(&mut tx, school(), 9).await.unwrap().len(), 1);
            assert_eq!(responses::held_files(&mut tx, school()).await.unwrap().len(), 1);
            assert_eq!(demands::known(&mut tx, key()).await.unwrap().len(), 2);
            let letter = outbox::due(&mut tx, school(), noon().plus_s(30 * DAY_S)).await.unwrap();
            assert_eq!(letter.is_some(), LETTERS_SINCE <= migration.version);
            let roster = roster::read(&mut tx, school()).await.unwrap().map(|it| it.roster);
            let rows = roster.and_then(|it| Some((it.pupils?.len(), it.people?.len())));
            let expected = (2 <= migration.version).then_some((2, 1));
            let nomenclature = roster::nomenclature(&mut tx, school()).await.unwrap();
            assert_eq!((rows, nomenclature.is_some()), (expected, expected.is_some()));
        }
    }

    #[tokio::test]
    async fn what_a_newer_version_made_is_left_alone() {
        let store = left_by(1).await;
        let Engine::Sqlite { writer, .. } = store.engine() else { panic!("not SQLite") };
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, '', 1, '', 0)";
        sqlx::query(sql).execute(writer).await.unwrap();
        assert!(matches!(migrate(writer, None).await, Err(StoreError::Newer(9999))));
    }

    #[test]
    fn both_engines_have_the_same_migrations() {
        let changed = [
            (" INTEGER PRIMARY KEY", " BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
            (" INTEGER", " BIGINT"),
            (" BLOB", " BYTEA"),
            ("\n) STRICT;", "\n);"),
        ];
        let migrations = |migrator: &Migrator| -> Vec<(i64, String)> {
            migrator.iter().map(|it| (it.version, it.sql.as_str().to_owned())).collect()
        };
        let expected = migrations(&SQLITE)
            .into_iter()
            .map(|(version, sql)| (version, changed.iter().fold(sql, |sql, (from, to)| sql.replace(from, to))));
        assert_eq!(expected.collect::<Vec<_>>(), migrations(&sqlx::migrate!("src/store/migrations/postgres")));
    }
}
