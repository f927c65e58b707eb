//! Removing personal data: exchange files some time after their receipt, everything of a year on demand. Counts, digests
//! and the journal stay.

use crate::domain::{lot::FileName, school::SchoolYear, time::Timestamp};
use crate::store::{StoreError, Tx, value::values};

/// Tables that hold nothing but personal data, those that refer to others first.
const PERSONAL: [&str; 11] = [
    "reply",
    "acknowledgement",
    "demand",
    "pupil_lock",
    "kept_event",
    "order_pupil",
    "response_received",
    "response",
    "hold",
    "anomaly",
    "pupil",
];

/// What a purge removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Purged {
    /// Rows of personal tables.
    pub rows: u64,
    /// Lots and response files whose content was removed.
    pub contents: u64,
}

/// Lots acknowledged before `before` whose file is still here.
///
/// # Errors
/// When the database cannot be used.
pub async fn expired(tx: &mut Tx, before: Timestamp) -> Result<Vec<FileName>, StoreError> {
    let sql = "SELECT name FROM lot WHERE acknowledged_at_ms < $1 AND bytes IS NOT NULL ORDER BY name";
    let rows = tx.rows(sql, values![before]).await?;
    let read = |text: String| FileName::parse(&text).ok_or(StoreError::Damaged("unusable name of a lot"));
    rows.iter().map(|row| row.cells().text().and_then(read)).collect()
}

/// Removes the content of lots acknowledged before `before`: their number, digest, counts and versions stay.
///
/// # Errors
/// When the database cannot be used.
pub async fn expire(tx: &mut Tx, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE lot SET bytes = NULL WHERE acknowledged_at_ms < $1 AND bytes IS NOT NULL";
    tx.execute(sql, values![before]).await
}

/// Removes a year's personal data. A file that is still held goes with it, and counts as refused.
///
/// # Errors
/// When the database cannot be used.
pub async fn year(tx: &mut Tx, year: SchoolYear, now: Timestamp) -> Result<Purged, StoreError> {
    let mut purged = Purged::default();
    for table in PERSONAL {
        let sql = format!("DELETE FROM {table} WHERE year = $1");
        purged.rows += tx.execute(sqlx::AssertSqlSafe(sql), values![year]).await?;
    }
    let sql = "UPDATE lot SET bytes = NULL, versions = NULL, holds = NULL \
         WHERE year = $1 AND (bytes IS NOT NULL OR versions IS NOT NULL)";
    purged.contents += tx.execute(sql, values![year]).await?;
    let sql = "UPDATE response_file SET state = 'refused', bytes = NULL, code = 'PURGE', recorded_at_ms = $2 \
         WHERE year = $1 AND state = 'held'";
    purged.contents += tx.execute(sql, values![year, now]).await?;
    let sql = "UPDATE far_order SET state = 'lost', payload = NULL, changed_at_ms = $2 \
         WHERE year = $1 AND kind = 'responses' AND state IN ('intended', 'sent')";
    tx.execute(sql, values![year, now]).await?;
    let sql = "UPDATE night SET summary = NULL WHERE year = $1";
    tx.execute(sql, values![year]).await?;
    Ok(purged)
}
