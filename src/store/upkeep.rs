//! Upkeep of a database that is there: whether it is whole, of this program's shape and open to our role; a copy of it;
//! its free space given back.

use crate::store::{
    Store, StoreError, Tx,
    db::Engine,
    open::{POSTGRES, SQLITE, fault_at},
    value::values,
};
use sqlx::AssertSqlSafe;
use std::{collections::BTreeSet, fs::File, path::Path};

/// How a database's tables stand to those that this program works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The same.
    Current,
    /// So many migrations are missing: the next run applies them.
    Behind(usize),
    /// So many migrations are there that this program does not know: a newer one made them.
    Ahead(usize),
}

impl Store {
    /// What is wrong with the database's structure, a sentence each; none when it is whole. A server checks itself.
    ///
    /// # Errors
    /// When it cannot even be asked.
    pub async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        match self.engine() {
            Engine::Sqlite { .. } | Engine::Memory(_) => (),
            Engine::Postgres(_) => return Ok(Vec::new()),
        }
        let mut tx = self.read().await?;
        let mut faults = Vec::new();
        for row in tx.rows("PRAGMA integrity_check", Vec::new()).await? {
            faults.push(row.cells().text()?);
        }
        faults.retain(|fault| fault != "ok");
        for row in tx.rows("PRAGMA foreign_key_check", Vec::new()).await? {
            faults.push(format!("a row of table {} refers to a row that is missing", row.cells().text()?));
        }
        Ok(faults)
    }

    /// Whether its tables are those that this program works with.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn shape(&self) -> Result<Shape, StoreError> {
        let known = match self.engine() {
            Engine::Sqlite { .. } | Engine::Memory(_) => &SQLITE,
            Engine::Postgres(_) => &POSTGRES,
        };
        let known: BTreeSet<i64> = known.iter().map(|migration| migration.version).collect();
        let applied = self.applied(&mut self.read().await?).await?;
        let strange = applied.difference(&known).count();
        Ok(match known.difference(&applied).count() {
            _ if 0 < strange => Shape::Ahead(strange),
            0 => Shape::Current,
            missing => Shape::Behind(missing),
        })
    }

    /// The migrations that made its tables, as this transaction sees them.
    pub(crate) async fn applied(&self, tx: &mut Tx) -> Result<BTreeSet<i64>, StoreError> {
        let there = match self.engine() {
            Engine::Sqlite { .. } | Engine::Memory(_) => {
                "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'"
            }
            Engine::Postgres(_) => "SELECT COUNT(to_regclass('_sqlx_migrations'))",
        };
        if tx.number(there, Vec::new()).await? == 0 {
            return Ok(BTreeSet::new());
        }
        let rows = tx.rows("SELECT version FROM _sqlx_migrations", Vec::new()).await?;
        rows.iter().map(|row| row.cells().int()).collect()
    }

    /// What our role of a PostgreSQL server may not do and must, such as `UPDATE of lot`; nothing for SQLite.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn lacking(&self) -> Result<Vec<String>, StoreError> {
        match self.engine() {
            Engine::Sqlite { .. } | Engine::Memory(_) => return Ok(Vec::new()),
            Engine::Postgres(_) => (),
        }
        let mut tx = self.read().await?;
        let sql = "SELECT COALESCE(current_schema()::TEXT, ''), \
             CASE WHEN has_schema_privilege(COALESCE(current_schema(), 'public'), 'CREATE') THEN 1 ELSE 0 END::BIGINT";
        let Some(row) = tx.row(sql, Vec::new()).await? else { return Ok(Vec::new()) };
        let mut cells = row.cells();
        let (schema, may_create) = (cells.text()?, cells.flag()?);
        if schema.is_empty() {
            return Ok(vec!["USAGE of schema public".to_owned()]);
        }
        let mut lacking = Vec::new();
        if !may_create {
            lacking.push(format!("CREATE in schema {schema}"));
        }
        // navette's database is its own: every table of the schema is ours. A later version changes them, which takes
        // their owner.
        let sql = "SELECT wanted.name || ' of ' || COUNT(*) || ' tables, such as ' || MIN(tablename::TEXT) FROM pg_tables, \
             (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('ownership')) AS wanted (name) \
             WHERE schemaname = $1 AND NOT CASE wanted.name WHEN 'ownership' THEN pg_has_role(tableowner, 'MEMBER') \
             ELSE has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), wanted.name) END \
             GROUP BY wanted.name ORDER BY 1";
        for row in tx.rows(sql, values![schema]).await? {
            lacking.push(row.cells().text()?);
        }
        Ok(lacking)
    }

    /// Copies an SQLite database into the new file `target`, 0600, consistent while others write. What stands there
    /// already is left alone, and nothing is left behind by a copy that failed.
    ///
    /// # Errors
    /// `Elsewhere` for PostgreSQL, whose own tool does it; `File` when `target` exists or cannot be made.
    pub async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        let writer = match self.engine() {
            Engine::Sqlite { writer, .. } => writer,
            Engine::Memory(_) => return Err(StoreError::Elsewhere("a database in memory ends with its program")),
            Engine::Postgres(_) => {
                return Err(StoreError::Elsewhere(
                    "a PostgreSQL database is copied by its own tool: pg_dump --format=custom --file=FILE DATABASE",
                ));
            }
        };
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        // For the owner only, as all temporary files are.
        let copy = tempfile::Builder::new().prefix(".navette-").tempfile_in(folder).map_err(fault_at(target))?;
        let name = copy.path().to_string_lossy().into_owned();
        sqlx::query("VACUUM INTO $1").bind(name).execute(writer).await?;
        copy.as_file().sync_all().map_err(fault_at(target))?;
        copy.persist_noclobber(target).map_err(|lost| fault_at(target)(lost.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault_at(target))
    }

    /// Gives the free space of an SQLite file back, its write-ahead log's too, so that nothing deleted can be read in
    /// either. A server does that by itself.
    ///
    /// # Errors
    /// When the database cannot be used, or others keep reading it.
    pub async fn compact(&self) -> Result<(), StoreError> {
        if let Engine::Sqlite { writer, .. } = self.engine() {
            for sql in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
                sqlx::query(AssertSqlSafe(sql)).execute(writer).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::crash::Crash;
    use crate::store::db::Engine;
    use crate::store::test_support::{arrives, dump, file, memory, noon, read};
    use crate::store::upkeep::*;
    use rstest::rstest;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[tokio::test]
    async fn damage_is_told() {
        let (_folder, store) = file(Crash::off()).await;
        read(&store, noon(), vec![arrives(100, "3 A")]).await;
        assert_eq!(store.integrity().await.unwrap(), Vec::<String>::new());
        let Engine::Sqlite { writer, .. } = &store.engine() else { panic!("not SQLite") };
        for sql in ["PRAGMA foreign_keys = off", "INSERT INTO council VALUES ('0380001V', 2019, '3E', 'X', '3 A', 0)"] {
            sqlx::query(sql).execute(writer).await.unwrap();
        }
        let faults = store.integrity().await.unwrap();
        assert_eq!(faults, ["a row of table council refers to a row that is missing"]);
    }

    #[tokio::test]
    async fn a_copy_holds_what_the_database_held() {
        let (folder, store) = file(Crash::off()).await;
        read(&store, noon(), vec![arrives(100, "3 A")]).await;
        let target = folder.path().join("copy.db");
        store.backup(&target).await.unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        let copy = Store::open(&format!("sqlite:{}", target.display()), Crash::off()).await.unwrap();
        assert_eq!(dump(&copy).await, dump(&store).await);
        assert!(matches!(store.backup(&target).await, Err(StoreError::File { .. })), "a copy replaces nothing");
    }

    #[tokio::test]
    async fn a_copy_that_fails_leaves_nothing_behind() {
        let (folder, store) = file(Crash::off()).await;
        let nowhere = folder.path().join("nowhere/copy.db");
        assert!(matches!(store.backup(&nowhere).await, Err(StoreError::File { .. })));
        fs::write(folder.path().join("copy.db"), "mine").unwrap();
        assert!(store.backup(&folder.path().join("copy.db")).await.is_err());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(fs::read_to_string(folder.path().join("copy.db")).unwrap(), "mine");
    }

    #[rstest]
    #[case::as_it_is("", Shape::Current)]
    #[case::older("DELETE FROM _sqlx_migrations WHERE version = 1", Shape::Behind(1))]
    #[case::never("DROP TABLE _sqlx_migrations", Shape::Behind(SQLITE.iter().count()))]
    #[case::newer(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, '', 1, '', 0)",
        Shape::Ahead(1)
    )]
    #[tokio::test]
    async fn the_shape_tells_who_made_it(#[case] sql: &'static str, #[case] expected: Shape) {
        let (_folder, store) = file(Crash::off()).await;
        let Engine::Sqlite { writer, .. } = store.engine() else { panic!("not SQLite") };
        sqlx::query(AssertSqlSafe(sql)).execute(writer).await.unwrap();
        assert_eq!(store.shape().await.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_is_deleted_can_be_read_nowhere() {
        let (folder, store) = file(Crash::off()).await;
        read(&store, noon(), vec![arrives(100, "3 A")]).await;
        let Engine::Sqlite { writer, .. } = store.engine() else { panic!("not SQLite") };
        sqlx::query("DELETE FROM pupil").execute(writer).await.unwrap();
        store.compact().await.unwrap();
        for entry in fs::read_dir(folder.path().join("own")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == "LÉGER".as_bytes()), "{}", path.display());
        }
    }

    #[tokio::test]
    async fn a_role_of_sqlite_lacks_nothing() {
        let store = memory().await;
        assert_eq!(store.lacking().await.unwrap(), Vec::<String>::new());
    }
}
