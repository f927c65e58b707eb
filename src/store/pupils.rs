//! Pupils as the feed describes them.

use crate::domain::{
    campaign::CampaignKey,
    pupil::{Division, Ine, Private, Pupil, PupilId},
    school::{SchoolKey, SchoolYear, Uai},
};
use crate::store::{
    StoreError, Tx, texts,
    value::{Cells, Value, values},
};
use std::collections::{BTreeMap, BTreeSet};

/// Head of the statement that writes pupils; its rows are the key, the epoch and `columns`.
pub(crate) const PUT: &str = "INSERT INTO pupil (uai, year, epoch, id, ine, level, division, last_name, first_name, \
     in_procedure, present, representatives)";
/// Its tail.
pub(crate) const PUT_OVER: &str = "ON CONFLICT (uai, year, id) DO UPDATE SET epoch = excluded.epoch, \
     ine = excluded.ine, level = excluded.level, division = excluded.division, last_name = excluded.last_name, \
     first_name = excluded.first_name, in_procedure = excluded.in_procedure, present = excluded.present, \
     representatives = excluded.representatives";
/// What `read` takes.
const COLUMNS: &str = "id, ine, level, division, last_name, first_name, in_procedure, representatives, present";

/// A pupil's own columns, in the order of `PUT`.
pub(crate) fn columns(pupil: &Pupil, present: bool) -> Result<Vec<Value>, StoreError> {
    Ok(values![
        pupil.id,
        pupil.ine.as_ref().map(Ine::as_str),
        pupil.level,
        &pupil.division,
        pupil.last_name.reveal(),
        pupil.first_name.reveal(),
        pupil.in_procedure,
        present,
        texts::write_representatives(&pupil.representatives)?,
    ])
}

fn read(cells: &mut Cells<'_>) -> Result<(Pupil, bool), StoreError> {
    let pupil = Pupil {
        id: cells.pupil()?,
        ine: ine(cells)?,
        level: cells.level()?,
        division: cells.division()?,
        last_name: Private::new(cells.text()?),
        first_name: Private::new(cells.text()?),
        in_procedure: cells.flag()?,
        representatives: texts::read_representatives(&cells.text()?)?,
    };
    Ok((pupil, cells.flag()?))
}

/// The next cell as an INE.
pub(crate) fn ine(cells: &mut Cells<'_>) -> Result<Option<Ine>, StoreError> {
    let ine = cells.opt_text()?.map(|text| Ine::parse(&text)).transpose();
    ine.map_err(|_| StoreError::Damaged("unusable INE"))
}

/// The pupils of a list that were read in the epoch; `fixed` is UAI, year and epoch.
pub(crate) async fn in_epoch(
    tx: &mut Tx,
    fixed: Vec<Value>,
    list: &[PupilId],
) -> Result<Vec<(Pupil, bool)>, StoreError> {
    let head = format!("SELECT {COLUMNS} FROM pupil WHERE uai = $1 AND year = $2 AND epoch = $3 AND id");
    let rows = tx.rows_in(&head, fixed, list, "ORDER BY id").await?;
    rows.iter().map(|row| read(&mut row.cells())).collect()
}

/// Every pupil of the school by `ELEVE_ID`, and whether the pupil is still there.
///
/// # Errors
/// When the database cannot be used.
pub async fn of_school(tx: &mut Tx, school: SchoolKey) -> Result<Vec<(Pupil, bool)>, StoreError> {
    let sql = "SELECT id, ine, level, division, last_name, first_name, in_procedure, representatives, present \
         FROM pupil WHERE uai = $1 AND year = $2 ORDER BY id";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter().map(|row| read(&mut row.cells())).collect()
}

/// Whether another school than `not_uai` has this pupil in that year: the same `ELEVE_ID`, and the same INE where both
/// are known (anomaly `ETABLISSEMENT`).
///
/// # Errors
/// When the database cannot be used.
pub async fn elsewhere(
    tx: &mut Tx,
    year: SchoolYear,
    not_uai: Uai,
    id: PupilId,
    ine: Option<&Ine>,
) -> Result<bool, StoreError> {
    let found = elsewhere_among(tx, year, not_uai, &BTreeSet::from([id])).await?;
    Ok(found.get(&id).is_some_and(|others| fits(others, ine)))
}

/// Whether one of these pupils elsewhere can be the one who bears `ine`.
pub fn fits(others: &[Option<Ine>], ine: Option<&Ine>) -> bool {
    others.iter().any(|other| match (other, ine) {
        (Some(other), Some(ine)) => other == ine,
        (None, _) | (_, None) => true,
    })
}

/// The INE of each pupil who bears one of these `ELEVE_ID` at another school, for `fits`.
///
/// # Errors
/// When the database cannot be used.
pub async fn elsewhere_among(
    tx: &mut Tx,
    year: SchoolYear,
    not_uai: Uai,
    ids: &BTreeSet<PupilId>,
) -> Result<BTreeMap<PupilId, Vec<Option<Ine>>>, StoreError> {
    let ids: Vec<PupilId> = ids.iter().copied().collect();
    let head = "SELECT id, ine FROM pupil WHERE year = $1 AND uai <> $2 AND id";
    let mut found: BTreeMap<PupilId, Vec<Option<Ine>>> = BTreeMap::new();
    let (own, tail) = (values![year, not_uai], "ORDER BY id, uai");
    let rows = match tx.original() {
        Some(original) => original.read().await?.rows_in(head, own, &ids, tail).await?,
        None => tx.rows_in(head, own, &ids, tail).await?,
    };
    for row in rows {
        let mut cells = row.cells();
        found.entry(cells.pupil()?).or_default().push(ine(&mut cells)?);
    }
    Ok(found)
}

/// Pupils in procedure without a validated demand, counted by division (R07).
///
/// # Errors
/// When the database cannot be used.
pub async fn without_entry(tx: &mut Tx, key: CampaignKey) -> Result<BTreeMap<Division, u32>, StoreError> {
    let sql = "SELECT division, COUNT(*) FROM pupil p \
         WHERE uai = $1 AND year = $2 AND level = $3 AND present = 1 AND in_procedure = 1 AND NOT EXISTS \
         (SELECT 1 FROM demand d WHERE d.uai = p.uai AND d.year = p.year AND d.pupil = p.id AND d.phase = $4) \
         GROUP BY division";
    let rows = tx.rows(sql, values![key.school.uai, key.school.year, key.level, key.phase]).await?;
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            Ok((cells.division()?, cells.u32()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::event::EventKind;
    use crate::store::pupils::*;
    use crate::store::test_support::{noon, other_school, pupil, read, school, stores};
    use rstest::rstest;

    fn ine(text: &str) -> Option<Ine> {
        Some(Ine::parse(text).unwrap())
    }

    #[tokio::test]
    async fn a_pupil_comes_back_as_the_feed_described_it_last() {
        for store in stores().await {
            let mut jules = pupil(100, "3 A");
            jules.ine = ine("123456789AB");
            jules.representatives[1].email = Some(Private::new("m.leger@example.org".to_owned()));
            let changed = Pupil { division: Division::parse("3 B").unwrap(), ..jules.clone() };
            read(&store, noon(), vec![EventKind::Pupil(jules), EventKind::PupilLeft(PupilId(100))]).await;
            let mut tx = store.read().await.unwrap();
            assert!(!of_school(&mut tx, school()).await.unwrap()[0].1);
            drop(tx);
            read(&store, noon(), vec![EventKind::Pupil(changed.clone())]).await;
            let mut tx = store.read().await.unwrap();
            assert_eq!(of_school(&mut tx, school()).await.unwrap(), [(changed, true)]);
            assert_eq!(of_school(&mut tx, other_school()).await.unwrap(), []);
        }
    }

    #[rstest]
    #[case::same_ine(100, ine("123456789AB"), true)]
    #[case::other_ine(100, ine("123456790AB"), false)]
    #[case::ine_not_given(100, None, true)]
    #[case::ine_not_known(101, ine("123456790AB"), true)]
    #[case::nobody(102, None, false)]
    #[tokio::test]
    async fn a_pupil_of_another_school_is_told_by_id_and_ine(
        #[case] id: i64,
        #[case] given: Option<Ine>,
        #[case] expected: bool,
    ) {
        for store in stores().await {
            let known = Pupil { ine: ine("123456789AB"), ..pupil(100, "3 A") };
            read(&store, noon(), vec![EventKind::Pupil(known), EventKind::Pupil(pupil(101, "3 A"))]).await;
            let mut tx = store.read().await.unwrap();
            let (year, there) = (school().year, other_school().uai);
            let found = elsewhere(&mut tx, year, there, PupilId(id), given.as_ref()).await.unwrap();
            assert_eq!(found, expected);
            let own = elsewhere(&mut tx, year, school().uai, PupilId(id), given.as_ref()).await.unwrap();
            assert!(!own, "the school itself is not elsewhere");
        }
    }
}
