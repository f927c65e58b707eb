//! Demands: what a lot shows, and what council responses are checked against.

use crate::check::responses::Known;
use crate::domain::{
    campaign::{CampaignKey, Phase},
    demand::{Acknowledgement, Demand, Reply},
    lot::LotPupil,
    pupil::{Private, PupilId},
    time::Zone,
};
use crate::plan::demands::Snapshot;
use crate::store::{
    StoreError, Tx, feed, pupils, responses, texts,
    value::{Row, values},
};
use std::collections::BTreeMap;

/// The campaign as it stands: every pupil present, in procedure (R06) and of the level, with the last valid version, and
/// with what travels in this phase's lots (R15). By division, then by `ELEVE_ID`.
///
/// # Errors
/// When the database cannot be used.
pub async fn snapshot(tx: &mut Tx, key: CampaignKey, zone: Zone) -> Result<Snapshot, StoreError> {
    let cursor = feed::cursor(tx, key.school).await?;
    let sql = "SELECT p.id, p.ine, p.division, p.last_name, p.first_name, \
         d.version, d.representative, d.validated_at_ms, d.level, d.choices, d.late FROM pupil p \
         LEFT JOIN demand d ON d.uai = p.uai AND d.year = p.year AND d.pupil = p.id AND d.phase = $4 AND d.version = \
         (SELECT MAX(version) FROM demand l WHERE l.uai = p.uai AND l.year = p.year AND l.pupil = p.id AND l.phase = $4) \
         WHERE p.uai = $1 AND p.year = $2 AND p.level = $3 AND p.present = 1 AND p.in_procedure = 1";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    let mut found: Vec<LotPupil> = rows.iter().map(|row| lot_pupil(row, key.phase)).collect::<Result<_, _>>()?;
    match key.phase {
        Phase::Provisional => {
            let mut read = acknowledgements(tx, key).await?;
            found.iter_mut().for_each(|pupil| pupil.acknowledgement = read.remove(&pupil.id));
        }
        Phase::Definitive => {
            let mut read = replies(tx, key).await?;
            found.iter_mut().for_each(|pupil| pupil.reply = read.remove(&pupil.id));
        }
    }
    // Sorted here: a server's collation must not reach a file.
    found.sort_by(|one, other| (&one.division, one.id).cmp(&(&other.division, other.id)));
    Ok(Snapshot { key, zone, cut_seq: cursor.seq, epoch: cursor.epoch, pupils: found })
}

fn lot_pupil(row: &Row, phase: Phase) -> Result<LotPupil, StoreError> {
    let mut cells = row.cells();
    let (id, ine, division) = (cells.pupil()?, pupils::ine(&mut cells)?, cells.division()?);
    let (last_name, first_name) = (Private::new(cells.text()?), Private::new(cells.text()?));
    let demand = match cells.opt_u32()? {
        None => None,
        Some(version) => {
            let (representative, validated_at, level) = (cells.representative()?, cells.at()?, cells.level()?);
            let choices = texts::read_choices(level, &cells.text()?)?;
            Some(Demand { pupil: id, phase, version, representative, validated_at, choices, late: cells.flag()? })
        }
    };
    Ok(LotPupil { id, ine, division, last_name, first_name, demand, acknowledgement: None, reply: None })
}

async fn acknowledgements(tx: &mut Tx, key: CampaignKey) -> Result<BTreeMap<PupilId, Acknowledgement>, StoreError> {
    let sql = "SELECT pupil, representative, at_ms FROM acknowledgement WHERE uai = $1 AND year = $2";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok((cells.pupil()?, Acknowledgement { representative: cells.representative()?, at: cells.at()? }))
        })
        .collect()
}

async fn replies(tx: &mut Tx, key: CampaignKey) -> Result<BTreeMap<PupilId, Reply>, StoreError> {
    let sql = "SELECT pupil, representative, at_ms, agrees, accepted FROM reply WHERE uai = $1 AND year = $2";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let (pupil, representative, at) = (cells.pupil()?, cells.representative()?, cells.at()?);
            let agrees = cells.flag()?;
            Ok((pupil, Reply { representative, at, agrees, accepted: texts::read_tracks(&cells.text()?)? }))
        })
        .collect()
}

/// What is known of every pupil of the school in this campaign's phase, for the rows of a response file.
///
/// # Errors
/// When the database cannot be used.
pub async fn known(tx: &mut Tx, key: CampaignKey) -> Result<BTreeMap<PupilId, Known>, StoreError> {
    let own = values![key.school.uai, key.school.year];
    let mut known = BTreeMap::new();
    for row in tx.rows("SELECT id, present, level FROM pupil WHERE uai = $1 AND year = $2", own.clone()).await? {
        let mut cells = row.cells();
        let (pupil, present, level) = (cells.pupil()?, cells.flag()?, cells.level()?);
        let fresh = Known { present, level, demands: BTreeMap::new(), last_version: None, applied: None };
        known.insert(pupil, fresh);
    }
    let sql = "SELECT pupil, version, level, choices FROM demand WHERE uai = $1 AND year = $2 AND phase = $3 \
         ORDER BY pupil, version";
    for row in tx.rows(sql, values![key.school.uai, key.school.year, key.phase]).await? {
        let mut cells = row.cells();
        let (pupil, version, level) = (cells.pupil()?, cells.u32()?, cells.level()?);
        let choices = texts::read_choices(level, &cells.text()?)?;
        if let Some(found) = known.get_mut(&pupil) {
            found.demands.insert(version, choices);
            found.last_version = Some(version);
        }
    }
    for response in responses::standing(tx, key).await? {
        if let Some(found) = known.get_mut(&response.pupil) {
            found.applied = Some(response);
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use crate::domain::{event::EventKind, pupil::RepresentativeId, school::Level, track::Track};
    use crate::store::demands::*;
    use crate::store::facts;
    use crate::store::test_support::{arrives, at, demands, key, noon, pupil, read, stores};

    #[tokio::test]
    async fn a_lot_shows_who_is_in_procedure_with_the_last_good_version() {
        for store in stores().await {
            let outside = EventKind::Pupil(crate::domain::pupil::Pupil { in_procedure: false, ..pupil(103, "3 A") });
            let older = EventKind::Pupil(crate::domain::pupil::Pupil { level: Level::SecondeGt, ..pupil(104, "3 A") });
            let kinds = vec![
                arrives(102, "3 A"),
                arrives(100, "3 B"),
                arrives(99, "3 B"),
                arrives(101, "3 A"),
                outside,
                older,
                demands(100, 1, 1, Track::SecondeGt),
                demands(100, 2, 1, Track::SecondeGt),
                demands(100, 3, 1, Track::Stmg),
                EventKind::PupilLeft(PupilId(101)),
            ];
            read(&store, noon(), kinds).await;
            let reply = EventKind::Replied {
                pupil: PupilId(100),
                level: Level::Troisieme,
                representative: RepresentativeId(2),
                agrees: true,
                accepted: vec![Track::SecondeGt],
            };
            let acknowledged = EventKind::Acknowledged {
                pupil: PupilId(99),
                level: Level::Troisieme,
                representative: RepresentativeId(1),
            };
            read(&store, at("2020-06-02 18:00"), vec![reply, acknowledged]).await;
            let mut tx = store.read().await.unwrap();
            let lot = snapshot(&mut tx, key(), Zone::Europe__Paris).await.unwrap();
            assert_eq!((lot.cut_seq, lot.epoch), (12, 1));
            let found: Vec<(i64, Option<u32>, bool, bool)> = lot
                .pupils
                .iter()
                .map(|it| {
                    let version = it.demand.as_ref().map(|demand| demand.version);
                    (it.id.0, version, it.reply.is_some(), it.acknowledgement.is_some())
                })
                .collect();
            assert_eq!(found, [(102, None, false, false), (99, None, false, false), (100, Some(2), true, false)]);
            let provisional = CampaignKey { phase: Phase::Provisional, ..key() };
            let lot = snapshot(&mut tx, provisional, Zone::Europe__Paris).await.unwrap();
            let found: Vec<(bool, bool)> =
                lot.pupils.iter().map(|it| (it.reply.is_some(), it.acknowledgement.is_some())).collect();
            assert_eq!(found, [(false, false), (false, true), (false, false)], "each phase has its own answers");
            let missing = pupils::without_entry(&mut tx, key()).await.unwrap();
            let missing: Vec<(&str, u32)> =
                missing.iter().map(|(division, count)| (division.as_str(), *count)).collect();
            assert_eq!(missing, [("3 A", 1), ("3 B", 1)]);
            let divisions = facts::of(&mut tx, key()).await.unwrap().journal.divisions;
            assert_eq!(divisions.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["3 A", "3 B"]);
        }
    }
}
