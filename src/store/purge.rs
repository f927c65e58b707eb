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

#[cfg(test)]
mod tests {
    use crate::crash::Crash;
    use crate::crash::Point;
    use crate::domain::track::Track;
    use crate::plan::delivery::Outcome;
    use crate::plan::receipts::ReceiptPlan;
    use crate::store::purge::{expire, expired, year};
    use crate::store::test_support::{
        arrives, demands, dump, import, locked, noon, places, planned, read, response, response_head, school, stores,
        switched, take,
    };
    use crate::store::{StoreError, journal, ledger, responses};
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
    };

    #[tokio::test]
    async fn a_purged_year_leaves_counts_digests_and_the_journal_and_no_name() {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            let lease = take(&store).await;
            let kinds = vec![
                arrives(100, "3 A"),
                switched(true, None),
                demands(100, 1, 1, Track::SecondeGt),
                demands(100, 2, 1, Track::Stmg),
                switched(false, None),
                locked(100, 1),
            ];
            read(&store, noon(), kinds).await;
            import(&store, 1, vec![response(100, noon(), true)], noon()).await;
            let mut tx = store.write().await.unwrap();
            let head = response_head(2, 1);
            responses::hold_file(&mut tx, &head, [2; 32], "f.xml", "LÉGER".as_bytes(), "X", noon()).await.unwrap();
            let (lot, mut sent) = planned(1, &[(100, 1)], 3);
            sent.bytes = "LÉGER".as_bytes().to_vec();
            ledger::intend(&mut tx, &lease, &lot, &sent, noon()).await.unwrap();
            ledger::record(&mut tx, &lease, lot.lot.head.key, 1, &Outcome::Delivered, noon()).await.unwrap();
            tx.commit(Point::LotRecorded).await.unwrap();
            let mut tx = store.write().await.unwrap();
            let purged = year(&mut tx, school().year, noon()).await.unwrap();
            assert_eq!((purged.rows > 5, purged.contents), (true, 2));
            assert_eq!(year(&mut tx, school().year, noon()).await.unwrap(), Default::default(), "twice is once");
            let lots = ledger::list(&mut tx, None).await.unwrap();
            assert_eq!((lots.len(), lots[0].sha256, lots[0].record.counts.demands), (1, sent.sha256, 1));
            assert!(ledger::waiting(&mut tx, school()).await.unwrap()[0].bytes.is_none());
            assert!(!journal::list(&mut tx, None).await.unwrap().is_empty());
            tx.commit(Point::Settled).await.unwrap();
            let rows = dump(&store).await;
            assert_eq!((rows["pupil"], rows["demand"], rows["response"], rows["anomaly"]), (0, 0, 0, 0));
            let copy = place.folder.path().join("copy.db");
            match store.backup(&copy).await {
                Ok(()) => {
                    let bytes = fs::read(copy).unwrap();
                    assert!(
                        !bytes.windows(6).any(|window| window == "LÉGER".as_bytes()),
                        "no name is left in the tables"
                    );
                }
                Err(StoreError::Elsewhere(_)) => assert!(place.url.starts_with("postgres:")),
                Err(fault) => panic!("{fault}"),
            }
        }
    }

    #[tokio::test]
    async fn a_file_expires_some_time_after_its_receipt() -> Result<(), StoreError> {
        for store in stores().await {
            let lease = take(&store).await;
            let mut tx = store.write().await?;
            for number in 1..=2 {
                let (lot, sent) = planned(number, &[(100, 1)], 3);
                ledger::intend(&mut tx, &lease, &lot, &sent, noon()).await?;
            }
            let plan = ReceiptPlan {
                treated_at: noon(),
                holds_after: BTreeMap::new(),
                anomalies: Vec::new(),
                rejected: BTreeSet::new(),
                absent: 0,
                complete: 0,
                partial: 0,
            };
            let key = crate::store::test_support::key();
            ledger::receipt(&mut tx, &lease, key, 1, &plan, noon()).await?;
            assert_eq!((expired(&mut tx, noon()).await?.len(), expire(&mut tx, noon()).await?), (0, 0));
            let later = noon().plus_s(1);
            let names: Vec<u32> = expired(&mut tx, later).await?.iter().map(|name| name.number).collect();
            assert_eq!((names, expire(&mut tx, later).await?), (vec![1], 1));
            assert_eq!((expired(&mut tx, later).await?.len(), expire(&mut tx, later).await?), (0, 0));
        }
        Ok(())
    }
}
