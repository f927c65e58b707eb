//! A private copy, in memory, of what a database holds of one school: a dry run does to it all that a run does. Tables and
//! their columns are asked of the migrations, so that no later one is forgotten: none is named here.

use crate::crash::Point;
use crate::domain::school::SchoolKey;
use crate::store::{
    Store, StoreError, Tx,
    db::Engine,
    open::{SQLITE, migrate_memory},
    value::{Row, Value, values},
};
use sqlx::AssertSqlSafe;
use std::sync::Arc;

/// Whose rows a table with these columns holds.
const OF_A_SCHOOL: [&str; 2] = ["uai", "year"];

/// A table of ours.
struct Table {
    name: String,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    /// As SQLite's migrations declare it.
    kind: String,
}

impl Store {
    /// Copies what the database holds of `school`, and the tables that are no school's, into memory, in one transaction
    /// that only reads and has ended then. A database that an older version made is copied as it is, and the copy alone
    /// brought up to date.
    ///
    /// # Errors
    /// `Newer`; when the database cannot be used.
    pub async fn rehearsal(&self, school: SchoolKey) -> Result<Self, StoreError> {
        let mut from = self.read().await?;
        let applied = self.applied(&mut from).await?;
        let is_known = |version: i64| SQLITE.iter().any(|migration| migration.version == version);
        if let Some(newer) = applied.iter().find(|version| !is_known(**version)) {
            return Err(StoreError::Newer(*newer));
        }
        // Nothing was made yet: nothing is known.
        let Some(version) = applied.last().copied() else { return Self::memory_of(None).await };
        let copy = Self::memory_of(Some(version)).await?;
        let mut to = copy.write().await?;
        for table in tables(&mut to).await? {
            table.copy(&mut from, &mut to, school).await?;
        }
        to.commit(Point::Settled).await?;
        if let Engine::Memory(lone) = copy.engine() {
            migrate_memory(&mut lone.read().await?).await?;
        }
        Ok(Self { original: Some(Arc::new(self.clone())), ..copy })
    }
}

/// The tables of a database in memory, in the order in which they were made: what a row refers to comes before it.
async fn tables(tx: &mut Tx) -> Result<Vec<Table>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
         AND name NOT LIKE 'sqlite%' ORDER BY rowid";
    let mut tables = Vec::new();
    for row in tx.rows(sql, Vec::new()).await? {
        let name = row.cells().text()?;
        let columns = tx.rows("SELECT name, type FROM pragma_table_info($1) ORDER BY cid", values![&name]).await?;
        let columns = columns.iter().map(|row| {
            let mut cells = row.cells();
            Ok(Column { name: cells.text()?, kind: cells.text()? })
        });
        tables.push(Table { name, columns: columns.collect::<Result<_, StoreError>>()? });
    }
    Ok(tables)
}

impl Table {
    fn is_of_schools(&self) -> bool {
        OF_A_SCHOOL.iter().all(|own| self.columns.iter().any(|column| column.name == *own))
    }

    fn list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        names.join(", ")
    }

    async fn copy(&self, from: &mut Tx, to: &mut Tx, school: SchoolKey) -> Result<(), StoreError> {
        let rows = self.rows(from, school).await?;
        to.insert(&format!("INSERT INTO {} ({})", self.name, self.list()), rows, "").await?;
        Ok(())
    }

    /// Its rows that are the school's, or nobody's where the table is no school's.
    async fn rows(&self, tx: &mut Tx, school: SchoolKey) -> Result<Vec<Vec<Value>>, StoreError> {
        let (of_school, own) = if self.is_of_schools() {
            (" WHERE uai = $1 AND year = $2", values![school.uai, school.year])
        } else {
            ("", Vec::new())
        };
        // The names are those of our own migrations.
        let sql = AssertSqlSafe(format!("SELECT {} FROM {}{of_school}", self.list(), self.name));
        let rows = tx.rows(sql, own).await?;
        let value = |row: &Row| {
            let mut cells = row.cells();
            self.columns.iter().map(|column| cells.value(&column.kind)).collect()
        };
        rows.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::crash::Crash;
    use crate::domain::pupil::PupilId;
    use crate::store::rehearsal::*;
    use crate::store::test_support::{left_by, noon, other_school, own_file, places, school, stores, take};
    use crate::store::upkeep::Shape;
    use crate::store::{feed, journal, pupils};
    use std::fs;

    /// Every row that a database has of a school and of nobody, table by table.
    async fn held(store: &Store, school: SchoolKey) -> Vec<(String, Vec<String>)> {
        // The tables are asked of SQLite, whose words for their columns are ours.
        let shape = Store::memory_of(None).await.unwrap();
        let tables = tables(&mut shape.read().await.unwrap()).await.unwrap();
        let mut tx = store.read().await.unwrap();
        let mut held = Vec::new();
        for table in tables {
            let rows = table.rows(&mut tx, school).await.unwrap();
            let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            rows.sort();
            held.push((table.name, rows));
        }
        held
    }

    /// Puts rows into every table: of two schools, and of nobody.
    async fn fill(store: &Store) {
        let source = left_by(SQLITE.iter().map(|it| it.version).max().unwrap()).await;
        let mut from = source.read().await.unwrap();
        let shape = Store::memory_of(None).await.unwrap();
        let tables = tables(&mut shape.read().await.unwrap()).await.unwrap();
        let mut to = store.write().await.unwrap();
        for table in &tables {
            table.copy(&mut from, &mut to, school()).await.unwrap();
        }
        // The same of another school: what is a key of all schools together differs, too.
        for table in tables.iter().filter(|table| table.is_of_schools()) {
            let mut rows = table.rows(&mut from, school()).await.unwrap();
            for value in rows.iter_mut().flatten() {
                if let Value::Text(Some(text)) = value {
                    *text = text.replace(school().uai.as_str(), other_school().uai.as_str());
                }
            }
            // A row's own number, where it is one of all schools together.
            if table.columns[0].name == "id" {
                (1_000_i64..).zip(&mut rows).for_each(|(id, row)| row[0] = id.into());
            }
            to.insert(&format!("INSERT INTO {} ({})", table.name, table.list()), rows, "").await.unwrap();
        }
        to.commit(Point::Settled).await.unwrap();
    }

    #[tokio::test]
    async fn a_copy_holds_every_table_of_its_school_and_nothing_of_another() {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            fill(&store).await;
            let copy = store.rehearsal(school()).await.unwrap();
            let (expected, found) = (held(&store, school()).await, held(&copy, school()).await);
            assert_eq!(found, expected);
            assert!(found.iter().all(|(_, rows)| !rows.is_empty()), "a fixture fills each table");
            let strange = held(&copy, other_school()).await.into_iter().filter(|(_, rows)| !rows.is_empty());
            assert_eq!(strange.map(|(table, _)| table).collect::<Vec<_>>(), ["secret"]);
            assert!(held(&store, other_school()).await.iter().all(|(_, rows)| !rows.is_empty()));
        }
    }

    #[tokio::test]
    async fn what_other_schools_have_is_asked_of_the_original() {
        for store in stores().await {
            fill(&store).await;
            let copy = store.rehearsal(school()).await.unwrap();
            for store in [store, copy] {
                let mut tx = store.read().await.unwrap();
                for (id, expected) in [(100, true), (999, false)] {
                    let found = pupils::elsewhere(&mut tx, school().year, school().uai, PupilId(id), None).await;
                    assert_eq!(found.unwrap(), expected, "{id}");
                }
            }
        }
    }

    /// A table that is no school's would be copied whole for each school of a country.
    #[tokio::test]
    async fn nobodys_tables_are_few_and_small() {
        let store = Store::memory_of(None).await.unwrap();
        let tables = tables(&mut store.read().await.unwrap()).await.unwrap();
        let of_nobody = tables.iter().filter(|table| !table.is_of_schools());
        assert_eq!(of_nobody.map(|table| table.name.as_str()).collect::<Vec<_>>(), ["secret"]);
        let kinds = tables.iter().flat_map(|table| table.columns.iter().map(|column| column.kind.as_str()));
        assert!(kinds.into_iter().all(|kind| ["INTEGER", "TEXT", "BLOB"].contains(&kind)));
    }

    #[tokio::test]
    async fn what_is_done_to_a_copy_stays_there_and_the_original_is_free() {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            fill(&store).await;
            let before = held(&store, school()).await;
            let seen = Store::untouched(&place.url, Crash::off()).await.unwrap().unwrap();
            let copy = seen.rehearsal(school()).await.unwrap();
            let lease = take(&copy).await;
            feed::begin_epoch(&mut copy.write().await.unwrap(), school(), noon()).await.unwrap();
            assert_eq!(lease.school(), school());
            assert_eq!(held(&store, school()).await, before);
            let mut tx = store.write().await.unwrap();
            feed::begin_epoch(&mut tx, school(), noon()).await.unwrap();
            tx.commit(Point::Settled).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_an_older_version_made_is_copied_and_only_the_copy_brought_up_to_date() {
        let versions: Vec<i64> = SQLITE.iter().map(|it| it.version).collect();
        for (at, version) in versions.iter().enumerate() {
            let old = left_by(*version).await;
            let shape = old.shape().await.unwrap();
            let copy = old.rehearsal(school()).await.unwrap();
            assert_eq!(copy.shape().await.unwrap(), Shape::Current);
            assert_eq!(feed::cursor(&mut copy.read().await.unwrap(), school()).await.unwrap().seq, 7);
            assert_eq!(old.shape().await.unwrap(), shape);
            let missing = versions.len() - at - 1;
            assert_eq!(shape, if missing == 0 { Shape::Current } else { Shape::Behind(missing) });
        }
    }

    #[tokio::test]
    async fn what_a_newer_version_made_is_not_read() {
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, '', 1, '', 0)";
        let newer = left_by(1).await;
        let mut tx = newer.write().await.unwrap();
        tx.execute(sql, Vec::new()).await.unwrap();
        tx.commit(Point::Settled).await.unwrap();
        assert!(matches!(newer.rehearsal(school()).await, Err(StoreError::Newer(9999))));
    }

    #[tokio::test]
    async fn looking_leaves_nothing_beside_a_file_and_changes_nothing_in_it() {
        let place = own_file();
        let own = place.folder.path().join("own");
        assert!(Store::untouched(&place.url, Crash::off()).await.unwrap().is_none());
        assert!(!own.exists());
        let store = place.open(Crash::off()).await;
        fill(&store).await;
        let names = || fs::read_dir(&own).unwrap().count();
        // Beside a writer, and after it has gone and taken its write-ahead log along.
        for beside in [3, 1] {
            assert_eq!(names(), beside);
            let before = fs::read(own.join("navette.db")).unwrap();
            let seen = Store::untouched(&place.url, Crash::off()).await.unwrap().unwrap();
            seen.rehearsal(school()).await.unwrap();
            let mut tx = seen.write().await;
            if let Ok(tx) = &mut tx {
                assert!(journal::write(tx, None, "test", "", None, noon()).await.is_err());
            }
            drop(tx);
            seen.close().await;
            assert_eq!((names(), fs::read(own.join("navette.db")).unwrap()), (beside, before));
            store.close().await;
        }
    }
}
