//! Removing personal data: exchange files some time after their receipt, everything of a year on demand. Counts, digests
//! and the journal stay.

use crate::domain::{
    school::{SchoolKey, SchoolYear},
    time::Timestamp,
};
use crate::store::{StoreError, Tx, value::values};
use std::collections::BTreeSet;

/// Tables that hold nothing but personal data, those that refer to others first.
const PERSONAL: [&str; 14] = [
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
    "roster_person",
    "roster_pupil",
    // Without its rows it would say that all have left.
    "roster",
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

/// Lots whose content is over: acknowledged, replaced or given up before an instant. What waits for its receipt, or may go
/// again, is not.
const OVER: &str = "uai = $1 AND year = $2 AND (acknowledged_at_ms < $3 \
     OR state IN ('replaced', 'abandoned') AND changed_at_ms < $3)";

/// What is over, by number: its files can go.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Over {
    /// Lots, and with them their receipts.
    pub lots: BTreeSet<u32>,
    /// Response files that were taken or refused.
    pub responses: BTreeSet<u32>,
}

/// What of a school was over before `before`.
///
/// # Errors
/// When the database cannot be used.
pub async fn over(tx: &mut Tx, school: SchoolKey, before: Timestamp) -> Result<Over, StoreError> {
    let lots = format!("SELECT number FROM lot WHERE {OVER}");
    let responses = "SELECT number FROM response_file \
         WHERE uai = $1 AND year = $2 AND state <> 'held' AND recorded_at_ms < $3";
    let mut over = Over::default();
    for row in tx.rows(sqlx::AssertSqlSafe(lots), values![school.uai, school.year, before]).await? {
        over.lots.insert(row.cells().u32()?);
    }
    for row in tx.rows(responses, values![school.uai, school.year, before]).await? {
        over.responses.insert(row.cells().u32()?);
    }
    Ok(over)
}

/// Removes the content of lots that were over before `before`: their number, digest, counts and versions stay.
///
/// # Errors
/// When the database cannot be used.
pub async fn expire(tx: &mut Tx, school: SchoolKey, before: Timestamp) -> Result<u64, StoreError> {
    let sql = format!("UPDATE lot SET bytes = NULL WHERE bytes IS NOT NULL AND {OVER}");
    tx.execute(sqlx::AssertSqlSafe(sql), values![school.uai, school.year, before]).await
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
    let sql = "UPDATE outbox SET state = 'given_up', subject = NULL, text = NULL, html = NULL \
         WHERE year = $1 AND state = 'waiting'";
    tx.execute(sql, values![year]).await?;
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
    use crate::store::purge::{Over, expire, over, year};
    use crate::store::test_support::{
        arrives, demands, dump, import, key, locked, noon, other_school, places, planned, read, response,
        response_head, school, stores, switched, take,
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
    async fn what_waits_or_may_go_again_never_expires() -> Result<(), StoreError> {
        for store in stores().await {
            let lease = take(&store).await;
            let mut tx = store.write().await?;
            for number in 1..=4 {
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
            ledger::receipt(&mut tx, &lease, key(), 1, &plan, noon()).await?;
            ledger::again::abandon(&mut tx, school(), 2, "replaced on paper", noon()).await?;
            let refused = Outcome::Refused { code: "X".to_owned(), detail: String::new(), set_up: false };
            ledger::record(&mut tx, &lease, key(), 3, &refused, noon()).await?;
            responses::refuse_file(&mut tx, school(), 7, [7; 32], "X", "x", noon()).await?;
            responses::hold_file(&mut tx, &response_head(8, 1), [8; 32], "f.xml", b"x", "X", noon()).await?;
            assert_eq!(over(&mut tx, school(), noon()).await?, Over::default());
            let later = noon().plus_s(1);
            let expected = Over { lots: BTreeSet::from([1, 2]), responses: BTreeSet::from([7]) };
            assert_eq!(over(&mut tx, school(), later).await?, expected);
            assert_eq!(over(&mut tx, other_school(), later).await?, Over::default());
            assert_eq!((expire(&mut tx, school(), later).await?, expire(&mut tx, school(), later).await?), (2, 0));
            let kept = [(1, false), (2, false), (3, true), (4, true)];
            for (number, has_bytes) in kept {
                let lot = ledger::find(&mut tx, school(), number).await?.unwrap();
                assert_eq!(lot.bytes.is_some(), has_bytes, "lot {number}");
            }
        }
        Ok(())
    }
}
