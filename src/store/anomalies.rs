//! Anomalies: raised once per code and subject, open until a later event or a person settles them.

use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::Phase,
    pupil::PupilId,
    school::SchoolKey,
    time::Timestamp,
};
use crate::store::{
    StoreError, Tx, texts,
    value::{Row, values},
};

/// Reason of an anomaly that a later event of the feed, or a later file, made moot.
const BY_EVENT: &str = "settled by a later event";

/// One anomaly as listed.
pub type Listed = (SchoolKey, i64, Anomaly, Option<String>);

/// Raises an anomaly that no event of the feed caused; answers whether it is new.
///
/// # Errors
/// When the database cannot be used.
pub async fn raise(tx: &mut Tx, school: SchoolKey, anomaly: &Anomaly) -> Result<bool, StoreError> {
    raise_at(tx, school, anomaly, None).await
}

/// Raises an anomaly, `seq` being the event that caused it. One that a person settled stays so; one that a later event
/// made moot is open again.
pub(crate) async fn raise_at(
    tx: &mut Tx,
    school: SchoolKey,
    anomaly: &Anomaly,
    seq: Option<u64>,
) -> Result<bool, StoreError> {
    if raise_again(tx, school, anomaly, seq).await? {
        return Ok(true);
    }
    let (code, subject) = (anomaly.code.as_str(), texts::write_subject(&anomaly.subject));
    let sql = "UPDATE anomaly SET detail = $5, seq = $6, settled_at_ms = NULL, settled_reason = NULL \
         WHERE uai = $1 AND year = $2 AND code = $3 AND subject = $4 AND settled_by IS NULL";
    tx.execute(sql, values![school.uai, school.year, code, subject, anomaly.detail.as_str(), seq]).await?;
    Ok(false)
}

/// Raises an anomaly of an event that was judged before; answers whether it is new. One that stands already stays as it
/// is: what settled it, a response file perhaps, does not come again with the event.
pub(crate) async fn raise_again(
    tx: &mut Tx,
    school: SchoolKey,
    anomaly: &Anomaly,
    seq: Option<u64>,
) -> Result<bool, StoreError> {
    let (code, subject) = (anomaly.code.as_str(), texts::write_subject(&anomaly.subject));
    let sql = "INSERT INTO anomaly (uai, year, code, subject, at_ms, detail, seq) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (uai, year, code, subject) DO NOTHING";
    let values = values![school.uai, school.year, code, subject, anomaly.at, anomaly.detail.as_str(), seq];
    Ok(tx.execute(sql, values).await? == 1)
}

/// Settles what earlier events said of this subject: a later one was accepted.
pub(crate) async fn settle_before(
    tx: &mut Tx,
    school: SchoolKey,
    subject: &Subject,
    seq: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    // PERIMEE is about the response: a later demand does not make it moot (R17).
    let sql = "UPDATE anomaly SET settled_at_ms = $6, settled_reason = $5 WHERE uai = $1 AND year = $2 \
         AND subject = $3 AND seq < $4 AND settled_at_ms IS NULL AND code <> $7";
    let subject = texts::write_subject(subject);
    let stays = Code::Perimee.as_str();
    tx.execute(sql, values![school.uai, school.year, subject, seq, BY_EVENT, now, stays]).await?;
    Ok(())
}

/// Settles `codes` of this pupil and phase that no event of the feed caused: a later file or receipt took the pupil. A
/// `PERIMEE` is about the response, even where its `VERROU` raised it (R17).
pub(crate) async fn settle_codes(
    tx: &mut Tx,
    school: SchoolKey,
    pupil: PupilId,
    phase: Phase,
    codes: &[Code],
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = texts::write_subject(&Subject::Pupil(pupil, Some(phase)));
    let codes = codes.iter().map(|code| values![code.as_str()]).collect();
    let head = "UPDATE anomaly SET settled_at_ms = $5, settled_reason = $4";
    let given = "WHERE uai = $1 AND year = $2 AND subject = $3 AND code = given.column1 \
         AND (seq IS NULL OR code = $6) AND settled_at_ms IS NULL";
    let of_response = Code::Perimee.as_str();
    let fixed = values![school.uai, school.year, subject, BY_EVENT, now, of_response];
    tx.update_each(head, fixed, codes, given).await?;
    Ok(())
}

/// Anomalies of a school, or of all, in the order in which they were raised, with the reason of those settled.
///
/// # Errors
/// When the database cannot be used.
pub async fn list(tx: &mut Tx, school: Option<SchoolKey>, open_only: bool) -> Result<Vec<Listed>, StoreError> {
    let (uai, year) = (school.map(|school| school.uai), school.map(|school| school.year));
    let sql = "SELECT uai, year, id, code, subject, at_ms, detail, settled_reason FROM anomaly \
         WHERE ($1 IS NULL OR uai = $1) AND ($2 IS NULL OR year = $2) AND ($3 = 0 OR settled_at_ms IS NULL) ORDER BY id";
    let rows = tx.rows(sql, values![uai, year, open_only]).await?;
    rows.iter().map(read).collect()
}

/// The id of the anomaly that was raised last at a school; 0 before the first.
///
/// # Errors
/// When the database cannot be used.
pub async fn last_id(tx: &mut Tx, school: SchoolKey) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(id), 0) FROM anomaly WHERE uai = $1 AND year = $2";
    tx.number(sql, values![school.uai, school.year]).await
}

/// The anomalies that were raised at a school after that one.
///
/// # Errors
/// When the database cannot be used.
pub async fn raised_after(tx: &mut Tx, school: SchoolKey, id: i64) -> Result<Vec<Anomaly>, StoreError> {
    let sql = "SELECT uai, year, id, code, subject, at_ms, detail, settled_reason FROM anomaly \
         WHERE uai = $1 AND year = $2 AND id > $3 ORDER BY id";
    let rows = tx.rows(sql, values![school.uai, school.year, id]).await?;
    rows.iter().map(|row| Ok(read(row)?.2)).collect()
}

fn read(row: &Row) -> Result<Listed, StoreError> {
    let mut cells = row.cells();
    let (school, id) = (cells.school()?, cells.int()?);
    let code = Code::of_str(&cells.text()?).ok_or(StoreError::Damaged("unknown code of an anomaly"))?;
    let subject = texts::read_subject(&cells.text()?)?;
    let anomaly = Anomaly { code, subject, at: cells.at()?, detail: cells.text()? };
    Ok((school, id, anomaly, cells.opt_text()?))
}

/// One anomaly by its id.
///
/// # Errors
/// When the database cannot be used.
pub async fn find(tx: &mut Tx, id: i64) -> Result<Option<Listed>, StoreError> {
    let sql = "SELECT uai, year, id, code, subject, at_ms, detail, settled_reason FROM anomaly WHERE id = $1";
    tx.row(sql, values![id]).await?.as_ref().map(read).transpose()
}

/// Settles an open anomaly for good; answers whether there was one. The caller journals it.
///
/// # Errors
/// When the database cannot be used.
pub async fn settle(tx: &mut Tx, id: i64, reason: &str, who: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE anomaly SET settled_at_ms = $2, settled_reason = $3, settled_by = $4 \
         WHERE id = $1 AND settled_at_ms IS NULL";
    Ok(tx.execute(sql, values![id, now, reason, who]).await? == 1)
}

/// How many anomalies of the school are open.
///
/// # Errors
/// When the database cannot be used.
pub async fn count_open(tx: &mut Tx, school: SchoolKey) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) FROM anomaly WHERE uai = $1 AND year = $2 AND settled_at_ms IS NULL";
    let count = tx.number(sql, values![school.uai, school.year]).await?;
    u32::try_from(count).map_err(|_| StoreError::Damaged("a count is out of its range"))
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::track::Track;
    use crate::store::anomalies::*;
    use crate::store::test_support::{arrives, demands, noon, other_school, read, school, stores};

    fn anomaly(code: Code, subject: Subject) -> Anomaly {
        Anomaly { code, subject, at: noon(), detail: "version 2".to_owned() }
    }

    const JULES: Subject = Subject::Pupil(PupilId(100), Some(Phase::Definitive));

    #[tokio::test]
    async fn every_code_is_raised_once_for_each_subject_and_school() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            for code in Code::ALL {
                for subject in [JULES, Subject::Pupil(PupilId(100), None), Subject::Event(3), Subject::File(1)] {
                    assert!(raise(&mut tx, school(), &anomaly(code, subject.clone())).await.unwrap());
                    assert!(!raise(&mut tx, school(), &anomaly(code, subject)).await.unwrap());
                }
            }
            assert!(raise(&mut tx, other_school(), &anomaly(Code::Mef, JULES)).await.unwrap());
            let listed = list(&mut tx, Some(school()), true).await.unwrap();
            let (_, id, first, settled) = listed.first().cloned().unwrap();
            assert_eq!((listed.len(), &first, settled), (96, &anomaly(Code::Evenement, JULES), None));
            assert_eq!(find(&mut tx, id).await.unwrap(), listed.first().cloned());
            assert_eq!(count_open(&mut tx, other_school()).await.unwrap(), 1);
            assert_eq!(list(&mut tx, None, false).await.unwrap().len(), 97);
        }
    }

    #[tokio::test]
    async fn what_a_person_settled_stays_settled() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            raise(&mut tx, school(), &anomaly(Code::Mef, JULES)).await.unwrap();
            let id = list(&mut tx, None, true).await.unwrap()[0].1;
            assert!(settle(&mut tx, id, "seen with the family", "head", noon()).await.unwrap());
            assert!(!settle(&mut tx, id, "twice", "head", noon()).await.unwrap());
            assert!(!raise(&mut tx, school(), &anomaly(Code::Mef, JULES)).await.unwrap());
            assert_eq!(count_open(&mut tx, school()).await.unwrap(), 0);
            let listed = list(&mut tx, None, false).await.unwrap();
            assert_eq!(listed[0].3.as_deref(), Some("seen with the family"));
        }
    }

    #[tokio::test]
    async fn a_demand_that_is_accepted_later_settles_and_one_that_breaks_a_rule_raises_again() {
        for store in stores().await {
            let open = async || list(&mut store.read().await.unwrap(), None, true).await.unwrap().len();
            read(&store, noon(), vec![arrives(100, "3 A"), demands(100, 1, 1, Track::Stmg)]).await;
            assert_eq!(open().await, 1);
            // Good then bad in one page: the last word is the bad one's.
            read(&store, noon(), vec![demands(100, 1, 1, Track::SecondeGt), demands(100, 2, 1, Track::Stmg)]).await;
            assert_eq!(open().await, 1);
            read(&store, noon(), vec![demands(100, 2, 1, Track::Stmg), demands(100, 2, 1, Track::SecondeGt)]).await;
            assert_eq!(open().await, 0);
            read(&store, noon(), vec![demands(100, 3, 1, Track::Stmg)]).await;
            assert_eq!(open().await, 1);
            assert_eq!(list(&mut store.read().await.unwrap(), None, false).await.unwrap().len(), 1, "raised once");
        }
    }

    #[tokio::test]
    async fn a_file_settles_what_files_raised_and_leaves_what_the_feed_raised() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            raise_at(&mut tx, school(), &anomaly(Code::Voie, JULES), Some(5)).await.unwrap();
            raise_at(&mut tx, school(), &anomaly(Code::Perimee, JULES), Some(6)).await.unwrap();
            raise(&mut tx, school(), &anomaly(Code::Motif, JULES)).await.unwrap();
            let codes = [Code::Voie, Code::Motif, Code::Perimee];
            settle_codes(&mut tx, school(), PupilId(100), Phase::Definitive, &codes, noon()).await.unwrap();
            let open: Vec<Code> = list(&mut tx, None, true).await.unwrap().iter().map(|it| it.2.code).collect();
            assert_eq!(open, [Code::Voie]);
            tx.commit(Point::Settled).await.unwrap();
        }
    }
}
