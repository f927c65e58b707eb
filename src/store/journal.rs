//! The journal: what people and the guard did, for ever. No names of pupils.

use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::store::{StoreError, Tx, value::values};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// School, where it is about one.
    pub school: Option<SchoolKey>,
    /// When.
    pub at: Timestamp,
    /// What kind of thing was done.
    pub kind: String,
    /// What was done, and why.
    pub text: String,
    /// Who did it, where a person did.
    pub who: Option<String>,
}

/// Writes an entry.
///
/// # Errors
/// When the database cannot be used.
pub async fn write(
    tx: &mut Tx,
    school: Option<SchoolKey>,
    kind: &str,
    text: &str,
    who: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (uai, year) = (school.map(|school| school.uai), school.map(|school| school.year));
    let sql = "INSERT INTO journal (uai, year, at_ms, kind, text, who) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, values![uai, year, now, kind, text, who]).await?;
    Ok(())
}

/// Entries of a school, or of all, oldest first.
///
/// # Errors
/// When the database cannot be used.
pub async fn list(tx: &mut Tx, school: Option<SchoolKey>) -> Result<Vec<Entry>, StoreError> {
    let (uai, year) = (school.map(|school| school.uai), school.map(|school| school.year));
    let sql = "SELECT at_ms, kind, text, who, uai, year FROM journal \
         WHERE ($1 IS NULL OR uai = $1) AND ($2 IS NULL OR year = $2) ORDER BY id";
    let rows = tx.rows(sql, values![uai, year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (at, kind, text, who) = (cells.at()?, cells.text()?, cells.text()?, cells.opt_text()?);
            Ok(Entry { school: cells.opt_school()?, at, kind, text, who })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::store::journal::*;
    use crate::store::test_support::{noon, other_school, school, stores};

    #[tokio::test]
    async fn entries_come_back_in_order_and_by_school() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            write(&mut tx, Some(school()), "settle", "wrong school", Some("head"), noon()).await.unwrap();
            write(&mut tx, None, "purge", "2018", None, noon().plus_s(-60)).await.unwrap();
            let (text, who) = ("wrong school".to_owned(), Some("head".to_owned()));
            let first = Entry { school: Some(school()), at: noon(), kind: "settle".to_owned(), text, who };
            let all = list(&mut tx, None).await.unwrap();
            assert_eq!((all.len(), &all[0], all[1].school), (2, &first, None));
            assert_eq!(list(&mut tx, Some(school())).await.unwrap(), [first]);
            assert_eq!(list(&mut tx, Some(other_school())).await.unwrap(), []);
        }
    }
}
