//! Council responses: the files that were read, the responses that stand, and how far they got at the téléservice.

use crate::check::responses::Checked;
use crate::domain::{
    anomaly::Code,
    campaign::{CampaignKey, Phase},
    pupil::PupilId,
    response::{Response, ResponseHead},
    school::SchoolKey,
    time::Timestamp,
};
use crate::guard::{Import, Permit};
use crate::store::{
    StoreError, Tx, anomalies, campaigns,
    lease::Lease,
    texts,
    value::{Cells, values},
};
use std::collections::{BTreeMap, BTreeSet};

/// What became of a response file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Its rows were applied, or stand as anomalies.
    Taken,
    /// It waits for the closing.
    Held,
    /// Its envelope was wrong.
    Refused,
}

impl FileState {
    /// Every state.
    const ALL: [Self; 3] = [Self::Taken, Self::Held, Self::Refused];

    /// The name in the database and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }

    /// The state of a name; the table holds no other.
    fn of_str(text: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Refused)
    }
}

/// A file that is held whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldFile {
    /// Campaign.
    pub key: CampaignKey,
    /// `NUM_ENVOI`.
    pub number: u32,
    /// SHA-256.
    pub digest: [u8; 32],
    /// Name.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// What it waits for, as `hold_file` was told.
    pub reason: String,
    /// Since when.
    pub held_at: Timestamp,
}

/// Anomalies of a file's rows, moot once a later file's response of the pupil was applied.
const ROW_CODES: [Code; 7] =
    [Code::Inconnu, Code::Etablissement, Code::Voie, Code::Motif, Code::Doublon, Code::Ancienne, Code::Conflit];

/// The response files of the school that were read, by `NUM_ENVOI`.
///
/// # Errors
/// When the database cannot be used.
pub async fn response_files_seen(
    tx: &mut Tx,
    school: SchoolKey,
) -> Result<BTreeMap<u32, ([u8; 32], FileState)>, StoreError> {
    let sql = "SELECT number, digest, state FROM response_file WHERE uai = $1 AND year = $2";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (number, digest) = (cells.u32()?, cells.digest()?);
            Ok((number, (digest, FileState::of_str(&cells.text()?))))
        })
        .collect()
}

/// A response file as pages list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// `NUM_ENVOI`.
    pub number: u32,
    /// What became of it.
    pub state: FileState,
    /// Responses in it.
    pub responses: u32,
    /// Why it is held or refused.
    pub code: Option<String>,
    /// When that was recorded.
    pub recorded_at: Timestamp,
}

/// The response files of the school, the latest first.
///
/// # Errors
/// When the database cannot be used.
pub async fn files(tx: &mut Tx, school: SchoolKey) -> Result<Vec<FileRow>, StoreError> {
    let sql = "SELECT number, state, responses, code, recorded_at_ms FROM response_file \
         WHERE uai = $1 AND year = $2 ORDER BY number DESC";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (number, state) = (cells.u32()?, FileState::of_str(&cells.text()?));
            let (responses, code) = (cells.u32()?, cells.opt_text()?);
            Ok(FileRow { number, state, responses, code, recorded_at: cells.at()? })
        })
        .collect()
}

/// How many responses the téléservice confirmed after that instant.
///
/// # Errors
/// When the database cannot be used.
pub async fn confirmed_after(tx: &mut Tx, school: SchoolKey, since: Timestamp) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) FROM response WHERE uai = $1 AND year = $2 AND confirmed_at_ms > $3";
    let count = tx.number(sql, values![school.uai, school.year, since]).await?;
    u32::try_from(count).map_err(|_| StoreError::Damaged("a count is out of its range"))
}

/// Takes a checked file: its responses stand from now on, the others are anomalies. The same file again changes nothing.
/// A run gives its lease; an import by hand has none.
///
/// # Errors
/// `LeaseLost`; `Conflict` when the number was taken with another digest.
pub async fn import(
    tx: &mut Tx,
    lease: Option<&Lease>,
    permit: Permit<Import>,
    head: &ResponseHead,
    digest: [u8; 32],
    checked: &Checked,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(lease) = lease {
        lease.check(tx).await?;
    }
    let (key, school) = (permit.campaign(), permit.campaign().school);
    if key != head.key {
        return Err(StoreError::Conflict { school, number: head.number });
    }
    campaigns::journal_derogation(tx, &permit, &format!("import {}", texts::campaign_words(key)), now).await?;
    if !put_taken(tx, head, digest, checked.latest_entered_at, now).await? {
        let seen = response_files_seen(tx, school).await?;
        let same = seen.get(&head.number) == Some(&(digest, FileState::Taken));
        return if same { Ok(()) } else { Err(StoreError::Conflict { school, number: head.number }) };
    }
    put_received(tx, key, &checked.received).await?;
    put_responses(tx, key, head.number, &checked.apply, now).await?;
    // Most schools have nothing open: that is asked once, not for each row.
    if 0 < anomalies::count_open(tx, school).await? {
        let stale: BTreeSet<PupilId> = checked.stale.iter().copied().collect();
        for response in &checked.apply {
            let perimee = (!stale.contains(&response.pupil)).then_some(Code::Perimee);
            let codes: Vec<Code> = ROW_CODES.into_iter().chain(perimee).collect();
            anomalies::settle_codes(tx, school, response.pupil, key.phase, &codes, now).await?;
        }
    }
    for anomaly in &checked.anomalies {
        anomalies::raise(tx, school, anomaly).await?;
    }
    Ok(())
}

/// Writes the file down as taken, unless it was before; answers whether it did.
async fn put_taken(
    tx: &mut Tx,
    head: &ResponseHead,
    digest: [u8; 32],
    latest_entered_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (key, school) = (head.key, head.key.school);
    let sql = "INSERT INTO response_file (uai, year, number, digest, state, level, phase, responses, \
         entry_complete_at_ms, latest_entered_at_ms, recorded_at_ms) \
         VALUES ($1, $2, $3, $4, 'taken', $5, $6, $7, $8, $9, $10) ON CONFLICT (uai, year, number) DO UPDATE SET \
         digest = excluded.digest, state = 'taken', level = excluded.level, phase = excluded.phase, bytes = NULL, \
         responses = excluded.responses, entry_complete_at_ms = excluded.entry_complete_at_ms, \
         latest_entered_at_ms = excluded.latest_entered_at_ms, code = NULL, message = NULL, \
         recorded_at_ms = excluded.recorded_at_ms \
         WHERE response_file.state = 'held' AND response_file.digest = excluded.digest";
    let own = values![school.uai, school.year, head.number, digest, key.level, key.phase, head.responses];
    let instants = values![head.entry_complete_at, latest_entered_at, now];
    Ok(tx.execute(sql, own.into_iter().chain(instants).collect()).await? == 1)
}

async fn put_received(tx: &mut Tx, key: CampaignKey, received: &BTreeSet<PupilId>) -> Result<(), StoreError> {
    let school = key.school;
    let rows = received.iter().map(|pupil| values![school.uai, school.year, key.level, key.phase, *pupil]);
    let head = "INSERT INTO response_received (uai, year, level, phase, pupil)";
    tx.insert(head, rows.collect(), "ON CONFLICT DO NOTHING").await?;
    Ok(())
}

async fn put_responses(
    tx: &mut Tx,
    key: CampaignKey,
    file: u32,
    list: &[Response],
    now: Timestamp,
) -> Result<(), StoreError> {
    let school = key.school;
    let mut rows = Vec::with_capacity(list.len());
    for it in list {
        let verdicts = texts::write_verdicts(&it.verdicts)?;
        let (pupil, version, entered_at, council) = (it.pupil, it.demand_version, it.entered_at, it.council);
        rows.push(values![
            school.uai,
            school.year,
            key.level,
            key.phase,
            pupil,
            version,
            entered_at,
            council,
            verdicts,
            file,
            now
        ]);
    }
    let head = "INSERT INTO response (uai, year, level, phase, pupil, demand_version, entered_at_ms, council, verdicts, \
         file_number, applied_at_ms)";
    // A new content begins its way to the téléservice anew; that an older one is there stays known.
    let over = "ON CONFLICT (uai, year, phase, pupil) DO UPDATE SET level = excluded.level, \
         demand_version = excluded.demand_version, entered_at_ms = excluded.entered_at_ms, council = excluded.council, \
         verdicts = excluded.verdicts, file_number = excluded.file_number, applied_at_ms = excluded.applied_at_ms, \
         order_number = NULL, confirmed_at_ms = NULL, refused_code = NULL, refused_at_ms = NULL";
    tx.insert(head, rows, over).await?;
    Ok(())
}

/// Holds a file whole until its campaign is closed; `reason` is the guard's code. A number that was read stays as it is.
///
/// # Errors
/// When the database cannot be used.
pub async fn hold_file(
    tx: &mut Tx,
    head: &ResponseHead,
    digest: [u8; 32],
    name: &str,
    bytes: &[u8],
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (key, school) = (head.key, head.key.school);
    let sql = "INSERT INTO response_file (uai, year, number, digest, state, level, phase, name, bytes, responses, \
         entry_complete_at_ms, code, recorded_at_ms) VALUES ($1, $2, $3, $4, 'held', $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (uai, year, number) DO NOTHING";
    let own = values![school.uai, school.year, head.number, digest, key.level, key.phase, name, bytes];
    let rest = values![head.responses, head.entry_complete_at, reason, now];
    tx.execute(sql, own.into_iter().chain(rest).collect()).await?;
    Ok(())
}

/// Files of the school that are held, by `NUM_ENVOI`.
///
/// # Errors
/// When the database cannot be used.
pub async fn held_files(tx: &mut Tx, school: SchoolKey) -> Result<Vec<HeldFile>, StoreError> {
    let sql = "SELECT level, phase, number, digest, name, bytes, COALESCE(code, ''), recorded_at_ms FROM response_file \
         WHERE uai = $1 AND year = $2 AND state = 'held' ORDER BY number";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (key, number, digest) = (cells.campaign(school)?, cells.u32()?, cells.digest()?);
            let (name, bytes, reason) = (cells.text()?, cells.blob()?, cells.text()?);
            Ok(HeldFile { key, number, digest, name, bytes, reason, held_at: cells.at()? })
        })
        .collect()
}

/// Refuses a file whole. A number that was taken or refused stays as it is: it stands for one content for ever.
///
/// # Errors
/// When the database cannot be used.
pub async fn refuse_file(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    digest: [u8; 32],
    code: &str,
    message: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO response_file (uai, year, number, digest, state, responses, code, message, recorded_at_ms) \
         VALUES ($1, $2, $3, $4, 'refused', 0, $5, $6, $7) ON CONFLICT (uai, year, number) DO UPDATE SET \
         digest = excluded.digest, state = 'refused', bytes = NULL, responses = 0, code = excluded.code, \
         message = excluded.message, recorded_at_ms = excluded.recorded_at_ms \
         WHERE response_file.state = 'held' AND response_file.digest = excluded.digest";
    tx.execute(sql, values![school.uai, school.year, number, digest, code, message, now]).await?;
    Ok(())
}

fn read(cells: &mut Cells<'_>) -> Result<Response, StoreError> {
    Ok(Response {
        pupil: cells.pupil()?,
        demand_version: cells.opt_u32()?,
        entered_at: cells.at()?,
        council: cells.date()?,
        verdicts: texts::read_verdicts(&cells.text()?)?,
    })
}

/// The responses that stand in the campaign, by `ELEVE_ID`.
///
/// # Errors
/// When the database cannot be used.
pub async fn standing(tx: &mut Tx, key: CampaignKey) -> Result<Vec<Response>, StoreError> {
    let sql = "SELECT pupil, demand_version, entered_at_ms, council, verdicts FROM response \
         WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 ORDER BY pupil";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    rows.iter().map(|row| read(&mut row.cells())).collect()
}

/// Responses that no order carries yet, by `ELEVE_ID`; and whether an older one of the pupil is there already.
///
/// # Errors
/// When the database cannot be used.
pub async fn to_carry(tx: &mut Tx, key: CampaignKey) -> Result<Vec<(Response, bool)>, StoreError> {
    let sql = "SELECT pupil, demand_version, entered_at_ms, council, verdicts, transferred FROM response r \
         WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 AND confirmed_at_ms IS NULL \
         AND refused_code IS NULL AND NOT EXISTS (SELECT 1 FROM far_order o WHERE o.uai = r.uai AND o.year = r.year \
         AND o.number = r.order_number AND o.state IN ('intended', 'sent')) ORDER BY pupil";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok((read(&mut cells)?, cells.flag()?))
        })
        .collect()
}

/// Campaigns of the school with responses that no order carries, each with whether one of them may leave between two
/// nights. One whose order was refused whole waits for the next night, for a correction, or for the window to move: the
/// same order again would meet the same refusal.
///
/// # Errors
/// When the database cannot be used.
pub async fn uncarried(tx: &mut Tx, school: SchoolKey) -> Result<BTreeMap<CampaignKey, bool>, StoreError> {
    let sql = "SELECT r.level, r.phase, CAST(MAX(CASE WHEN o.state = 'refused' AND NOT EXISTS (SELECT 1 FROM window_event w \
         WHERE w.uai = o.uai AND w.year = o.year AND w.level = o.level AND w.phase = o.phase \
         AND w.read_at_ms >= o.changed_at_ms) THEN 0 ELSE 1 END) AS BIGINT) FROM response r \
         LEFT JOIN far_order o ON o.uai = r.uai AND o.year = r.year AND o.number = r.order_number \
         WHERE r.uai = $1 AND r.year = $2 AND r.confirmed_at_ms IS NULL AND r.refused_code IS NULL \
         AND COALESCE(o.state, '') NOT IN ('intended', 'sent') GROUP BY r.level, r.phase";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok((cells.campaign(school)?, cells.flag()?))
        })
        .collect()
}

/// How many pupils of the campaign have a response at the téléservice.
///
/// # Errors
/// When the database cannot be used.
pub async fn transferred_count(tx: &mut Tx, key: CampaignKey) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) FROM response WHERE uai = $1 AND year = $2 AND level = $3 AND phase = $4 \
         AND transferred = 1";
    let count = tx.number(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    u32::try_from(count).map_err(|_| StoreError::Damaged("a count is out of its range"))
}

/// The version that the response named which this order carried for the pupil; none when it carried none (R17).
///
/// # Errors
/// When the database cannot be used.
pub async fn carried_version(
    tx: &mut Tx,
    school: SchoolKey,
    order: u32,
    pupil: PupilId,
    phase: Phase,
) -> Result<Option<Option<u32>>, StoreError> {
    let carried = carried_versions(tx, school, &BTreeSet::from([order])).await?;
    Ok(carried.get(&(order, pupil, phase)).copied())
}

/// The versions named by all responses of these orders, for a page of the feed.
///
/// # Errors
/// When the database cannot be used.
pub async fn carried_versions(
    tx: &mut Tx,
    school: SchoolKey,
    orders: &BTreeSet<u32>,
) -> Result<BTreeMap<(u32, PupilId, Phase), Option<u32>>, StoreError> {
    let orders: Vec<u32> = orders.iter().copied().collect();
    let head = "SELECT number, pupil, phase, demand_version FROM order_pupil WHERE uai = $1 AND year = $2 AND number";
    let rows = tx.rows_in(head, values![school.uai, school.year], &orders, "").await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok(((cells.u32()?, cells.pupil()?, cells.phase()?), cells.opt_u32()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::{
        anomaly::{Anomaly, Subject},
        pupil::Division,
        track::Track,
    };
    use crate::guard::ResponseFacts;
    use crate::plan::receipts::ReceiptPlan;
    use crate::store::responses::*;
    use crate::store::test_support::{
        arrives, at, demands, import as import_all, key, noon, permit_import, planned, read as read_feed, response,
        response_head, school, stores, take,
    };
    use crate::store::{Store, demands as demand_table, facts, ledger};

    async fn facts_of(store: &Store) -> ResponseFacts {
        facts::of(&mut store.read().await.unwrap(), key()).await.unwrap().journal.responses
    }

    async fn taken(store: &Store, head: &ResponseHead, digest: [u8; 32], checked: &Checked) -> Result<(), StoreError> {
        let permit = permit_import(store, noon()).await;
        let mut tx = store.write().await.unwrap();
        import(&mut tx, None, permit, head, digest, checked, noon()).await?;
        tx.commit(Point::ResponsesImported).await
    }

    fn anomaly(code: Code, id: i64) -> Anomaly {
        let subject = Subject::Pupil(PupilId(id), Some(key().phase));
        Anomaly { code, subject, at: noon(), detail: "rang 1".to_owned() }
    }

    #[tokio::test]
    async fn nothing_was_read_of_a_campaign_without_files() {
        for store in stores().await {
            assert_eq!(facts_of(&store).await, ResponseFacts::default());
        }
    }

    #[tokio::test]
    async fn rows_that_ended_as_anomalies_count_as_received_and_not_as_carried() {
        for store in stores().await {
            let checked = Checked {
                anomalies: vec![anomaly(Code::Motif, 100)],
                received: BTreeSet::from([PupilId(100)]),
                latest_entered_at: Some(at("2020-05-28 18:05")),
                ..Checked::default()
            };
            let head = ResponseHead { entry_complete_at: Some(at("2020-05-28 18:30")), ..response_head(1, 1) };
            for _ in 0..2 {
                taken(&store, &head, [1; 32], &checked).await.unwrap();
            }
            let expected = ResponseFacts {
                received: true,
                entry_complete_at: Some(at("2020-05-28 18:30")),
                latest_entered_at: Some(at("2020-05-28 18:05")),
                confirmed_at: Some(noon()),
                ..ResponseFacts::default()
            };
            assert_eq!(facts_of(&store).await, expected);
            assert_eq!(anomalies::count_open(&mut store.read().await.unwrap(), school()).await.unwrap(), 1);
            // A file after it that applies the pupil settles what this one raised.
            import_all(&store, 2, vec![response(100, noon(), true)], noon()).await;
            assert_eq!(anomalies::count_open(&mut store.read().await.unwrap(), school()).await.unwrap(), 0);
            let later = facts_of(&store).await;
            assert_eq!(
                (later.pending_transfer, later.confirmed_at, later.latest_entered_at),
                (1, None, expected.latest_entered_at)
            );
        }
    }

    #[tokio::test]
    async fn an_entry_declared_finished_without_any_response_has_received_none() {
        for store in stores().await {
            let head = ResponseHead { entry_complete_at: Some(noon()), ..response_head(1, 0) };
            taken(&store, &head, [1; 32], &Checked::default()).await.unwrap();
            let facts = facts_of(&store).await;
            assert_eq!(
                (facts.received, facts.entry_complete_at, facts.confirmed_at),
                (false, Some(noon()), Some(noon()))
            );
        }
    }

    #[tokio::test]
    async fn a_number_is_taken_with_one_digest() {
        for store in stores().await {
            let checked = Checked { apply: vec![response(100, noon(), true)], ..Checked::default() };
            taken(&store, &response_head(1, 1), [1; 32], &checked).await.unwrap();
            let other = taken(&store, &response_head(1, 1), [2; 32], &checked).await;
            assert!(matches!(other, Err(StoreError::Conflict { number: 1, .. })));
            let mut tx = store.write().await.unwrap();
            refuse_file(&mut tx, school(), 1, [2; 32], "NUM_ENVOI", "other digest", noon()).await.unwrap();
            hold_file(&mut tx, &response_head(1, 1), [2; 32], "x.xml", b"x", "RESPONSES_WHILE_OPEN", noon())
                .await
                .unwrap();
            let seen = response_files_seen(&mut tx, school()).await.unwrap();
            assert_eq!(seen, BTreeMap::from([(1, ([1; 32], FileState::Taken))]));
        }
    }

    #[tokio::test]
    async fn a_permit_of_another_campaign_takes_nothing() {
        for store in stores().await {
            let head = ResponseHead { key: CampaignKey { phase: Phase::Provisional, ..key() }, ..response_head(1, 1) };
            let refused = taken(&store, &head, [1; 32], &Checked::default()).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })));
        }
    }

    #[tokio::test]
    async fn a_file_is_held_whole_until_it_is_taken_or_refused() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            for number in [7, 5, 6] {
                for _ in 0..2 {
                    let digest = [u8::try_from(number).unwrap(); 32];
                    let head = response_head(number, 1);
                    hold_file(&mut tx, &head, digest, "f.xml", b"<x/>", "RESPONSES_WHILE_OPEN", noon()).await.unwrap();
                }
            }
            tx.commit(Point::HeldRecorded).await.unwrap();
            let facts = facts_of(&store).await;
            assert_eq!((facts.received, facts.held_files), (true, 3));
            let mut tx = store.write().await.unwrap();
            let held = held_files(&mut tx, school()).await.unwrap();
            assert_eq!(held.iter().map(|file| file.number).collect::<Vec<_>>(), [5, 6, 7]);
            let bytes = b"<x/>".to_vec();
            let (name, reason, held_at) = ("f.xml".to_owned(), "RESPONSES_WHILE_OPEN".to_owned(), noon());
            assert_eq!(held[0], HeldFile { key: key(), number: 5, digest: [5; 32], name, bytes, reason, held_at });
            refuse_file(&mut tx, school(), 6, [6; 32], "ANNEE", "another year", noon()).await.unwrap();
            refuse_file(&mut tx, school(), 7, [9; 32], "NUM_ENVOI", "other digest", noon()).await.unwrap();
            tx.commit(Point::HeldRecorded).await.unwrap();
            taken(&store, &response_head(5, 1), [5; 32], &Checked::default()).await.unwrap();
            // The number of a refused file stands for that file: the corrected one has the next number.
            let corrected = taken(&store, &response_head(6, 1), [8; 32], &Checked::default()).await;
            assert!(matches!(corrected, Err(StoreError::Conflict { number: 6, .. })));
            let mut tx = store.read().await.unwrap();
            let states: Vec<FileState> =
                response_files_seen(&mut tx, school()).await.unwrap().values().map(|(_, state)| *state).collect();
            assert_eq!(states, [FileState::Taken, FileState::Refused, FileState::Held]);
        }
    }

    #[tokio::test]
    async fn who_is_missing_is_counted_on_what_the_lot_carried() {
        for store in stores().await {
            let lease = take(&store).await;
            let mut kinds: Vec<_> = [(100, "3 A"), (101, "3 A"), (102, "3 B"), (103, "3 B")]
                .into_iter()
                .map(|(id, division)| arrives(id, division))
                .collect();
            kinds.extend((100..104).map(|id| demands(id, 1, 1, Track::SecondeGt)));
            read_feed(&store, noon(), kinds).await;
            assert!(!facts_of(&store).await.some_expected, "no lot was acknowledged");
            let (lot, file) = planned(1, &[(100, 1), (101, 1), (102, 1), (103, 0)], 8);
            let mut tx = store.write().await.unwrap();
            ledger::intend(&mut tx, &lease, &lot, &file, noon()).await.unwrap();
            // 102 was rejected, and Siècle had nothing before: the lot carried that demand all the same.
            let plan = ReceiptPlan {
                treated_at: noon(),
                holds_after: BTreeMap::from([(PupilId(100), 1), (PupilId(101), 1)]),
                anomalies: Vec::new(),
                rejected: BTreeSet::from([PupilId(102)]),
                absent: 0,
                complete: 2,
                partial: 0,
            };
            ledger::receipt(&mut tx, &lease, key(), 1, &plan, noon()).await.unwrap();
            tx.commit(Point::ReceiptRecorded).await.unwrap();
            let (a, b) = (Division::parse("3 A").unwrap(), Division::parse("3 B").unwrap());
            let facts = facts_of(&store).await;
            assert_eq!((facts.missing, facts.some_expected), (BTreeMap::from([(a.clone(), 2), (b, 1)]), true));
            import_all(&store, 1, vec![response(100, noon(), true), response(102, noon(), true)], noon()).await;
            assert_eq!(facts_of(&store).await.missing, BTreeMap::from([(a, 1)]));
            read_feed(&store, noon(), vec![crate::domain::event::EventKind::PupilLeft(PupilId(101))]).await;
            let facts = facts_of(&store).await;
            assert_eq!((facts.missing, facts.some_expected), (BTreeMap::new(), true), "who left is not waited for");
        }
    }

    #[tokio::test]
    async fn what_stands_is_what_the_next_file_is_checked_against() {
        for store in stores().await {
            let kinds =
                vec![arrives(100, "3 A"), demands(100, 1, 1, Track::SecondeGt), demands(100, 2, 1, Track::SecondeGt)];
            read_feed(&store, noon(), kinds).await;
            import_all(&store, 1, vec![response(100, noon(), true)], noon()).await;
            let mut tx = store.read().await.unwrap();
            let known = demand_table::known(&mut tx, key()).await.unwrap().remove(&PupilId(100)).unwrap();
            assert_eq!((known.demands.len(), known.last_version, known.present), (2, Some(2), true));
            assert_eq!(known.applied, Some(response(100, noon(), true)));
            assert_eq!(standing(&mut tx, key()).await.unwrap(), [response(100, noon(), true)]);
            let nothing = carried_version(&mut tx, school(), 1, PupilId(100), key().phase).await.unwrap();
            assert_eq!(nothing, None, "no order carried it yet");
        }
    }
}
