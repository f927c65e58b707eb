//! SIECLE's own exports, as they were loaded last. Each load replaces its part whole, and nothing else is touched.

use crate::check::nomenclature::{Class, Mef, Nomenclature};
use crate::domain::{
    pupil::{Ine, Private, PupilId},
    roster::{Roster, RosterPeople, RosterPerson, RosterPupil, RosterPupils},
    school::{Level, SchoolKey},
    time::{Date, Timestamp, parse_date},
    track::MefCode,
};
use crate::store::{
    StoreError, Tx,
    value::{Cells, Value, values},
};

/// The roster of a school, and when its latest part came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The roster.
    pub roster: Roster,
    /// When.
    pub loaded_at: Timestamp,
}

/// Replaces the pupils.
///
/// # Errors
/// When the database cannot be used.
pub async fn put_pupils(
    tx: &mut Tx,
    school: SchoolKey,
    exported_at: Option<Timestamp>,
    pupils: &RosterPupils,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO roster (uai, year, exported_at_ms, pupils_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (uai, year) DO UPDATE SET exported_at_ms = excluded.exported_at_ms, \
         pupils_at_ms = excluded.pupils_at_ms";
    tx.execute(sql, values![school.uai, school.year, exported_at, now]).await?;
    tx.execute("DELETE FROM roster_pupil WHERE uai = $1 AND year = $2", values![school.uai, school.year]).await?;
    let rows = pupils.values().map(|(level, pupil)| columns(school, *level, pupil)).collect();
    let head = "INSERT INTO roster_pupil (uai, year, id, level, ines, mef, division, last_name, first_name, entered_on, \
         left_on)";
    tx.insert(head, rows, "").await?;
    Ok(())
}

fn columns(school: SchoolKey, level: Level, pupil: &RosterPupil) -> Vec<Value> {
    let ines: Vec<&str> = pupil.ines.iter().map(Ine::as_str).collect();
    values![
        school.uai,
        school.year,
        pupil.id,
        level,
        ines.join(" "),
        pupil.mef.as_ref().map(MefCode::as_str),
        pupil.division.as_ref(),
        pupil.last_name.reveal(),
        pupil.first_name.reveal(),
        pupil.entered_on,
        pupil.left_on,
    ]
}

/// Replaces the representatives.
///
/// # Errors
/// When the database cannot be used.
pub async fn put_people(
    tx: &mut Tx,
    school: SchoolKey,
    people: &RosterPeople,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO roster (uai, year, people_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (uai, year) DO UPDATE SET people_at_ms = excluded.people_at_ms";
    tx.execute(sql, values![school.uai, school.year, now]).await?;
    tx.execute("DELETE FROM roster_person WHERE uai = $1 AND year = $2", values![school.uai, school.year]).await?;
    let row = |pupil: PupilId, one: &RosterPerson| {
        values![school.uai, school.year, pupil, one.last_name.reveal(), one.first_name.reveal()]
    };
    let rows = people.iter().flat_map(|(pupil, list)| list.iter().map(|one| row(*pupil, one))).collect();
    // Two persons of one name stand for one: people are compared by name.
    tx.insert("INSERT INTO roster_person (uai, year, pupil, last_name, first_name)", rows, "ON CONFLICT DO NOTHING")
        .await?;
    Ok(())
}

/// Replaces the nomenclature.
///
/// # Errors
/// When the database cannot be used.
pub async fn put_nomenclature(tx: &mut Tx, school: SchoolKey, nomenclature: &Nomenclature) -> Result<(), StoreError> {
    tx.execute("DELETE FROM roster_mef WHERE uai = $1 AND year = $2", values![school.uai, school.year]).await?;
    let row = |(code, mef): (&str, Mef)| values![school.uai, school.year, code, mef.class.map(Class::code), mef.closes];
    let rows = nomenclature.mefs().map(row).collect();
    tx.insert("INSERT INTO roster_mef (uai, year, code, class, closes)", rows, "").await?;
    Ok(())
}

/// The roster of a school; none where none was loaded.
///
/// # Errors
/// When the database cannot be used.
pub async fn read(tx: &mut Tx, school: SchoolKey) -> Result<Option<Loaded>, StoreError> {
    let sql = "SELECT exported_at_ms, pupils_at_ms, people_at_ms FROM roster WHERE uai = $1 AND year = $2";
    let Some(head) = tx.row(sql, values![school.uai, school.year]).await? else { return Ok(None) };
    let mut cells = head.cells();
    let (exported_at, pupils_at, people_at) = (cells.opt_at()?, cells.opt_at()?, cells.opt_at()?);
    let loaded_at = pupils_at.max(people_at).ok_or(StoreError::Damaged("a roster without a part"))?;
    let pupils = match pupils_at {
        Some(_) => Some(read_pupils(tx, school).await?),
        None => None,
    };
    let people = match people_at {
        Some(_) => Some(read_people(tx, school).await?),
        None => None,
    };
    Ok(Some(Loaded { roster: Roster { exported_at, pupils, people }, loaded_at }))
}

async fn read_pupils(tx: &mut Tx, school: SchoolKey) -> Result<RosterPupils, StoreError> {
    let sql = "SELECT id, level, ines, mef, division, last_name, first_name, entered_on, left_on FROM roster_pupil \
         WHERE uai = $1 AND year = $2 ORDER BY id";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter().map(|row| read_pupil(&mut row.cells())).collect()
}

fn read_pupil(cells: &mut Cells<'_>) -> Result<(PupilId, (Level, RosterPupil)), StoreError> {
    let (id, level) = (cells.pupil()?, cells.level()?);
    let ines = cells.text()?.split_whitespace().map(Ine::parse).collect::<Result<_, _>>();
    let mef = cells.opt_text()?.map(|code| MefCode::parse(&code)).transpose();
    let pupil = RosterPupil {
        id,
        ines: ines.map_err(|_| StoreError::Damaged("unusable INE"))?,
        mef: mef.map_err(|_| StoreError::Damaged("unusable MEF code"))?,
        division: cells.opt_division()?,
        last_name: Private::new(cells.text()?),
        first_name: Private::new(cells.text()?),
        entered_on: day(cells)?,
        left_on: day(cells)?,
    };
    Ok((id, (level, pupil)))
}

fn day(cells: &mut Cells<'_>) -> Result<Option<Date>, StoreError> {
    let day = cells.opt_text()?.map(|text| parse_date(&text)).transpose();
    day.map_err(|_| StoreError::Damaged("unusable date"))
}

async fn read_people(tx: &mut Tx, school: SchoolKey) -> Result<RosterPeople, StoreError> {
    let sql = "SELECT pupil, last_name, first_name FROM roster_person WHERE uai = $1 AND year = $2 \
         ORDER BY pupil, last_name, first_name";
    let mut people = RosterPeople::new();
    for row in tx.rows(sql, values![school.uai, school.year]).await? {
        let mut cells = row.cells();
        let pupil = cells.pupil()?;
        let (last_name, first_name) = (Private::new(cells.text()?), Private::new(cells.text()?));
        people.entry(pupil).or_default().push(RosterPerson { last_name, first_name });
    }
    Ok(people)
}

/// The nomenclature that was loaded for a school; none where none was.
///
/// # Errors
/// When the database cannot be used.
pub async fn nomenclature(tx: &mut Tx, school: SchoolKey) -> Result<Option<Nomenclature>, StoreError> {
    let sql = "SELECT code, class, closes FROM roster_mef WHERE uai = $1 AND year = $2 ORDER BY code";
    let mut codes = Vec::new();
    for row in tx.rows(sql, values![school.uai, school.year]).await? {
        let mut cells = row.cells();
        let code = MefCode::parse(&cells.text()?).map_err(|_| StoreError::Damaged("unusable MEF code"))?;
        let class = cells.opt_text()?.map(|class| Class::of_code(&class).ok_or(StoreError::Damaged("unknown class")));
        codes.push((code, Mef { class: class.transpose()?, closes: day(&mut cells)? }));
    }
    Ok((!codes.is_empty()).then(|| Nomenclature::new(codes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::roster::place;
    use crate::domain::{pupil::Division, track::Track};
    use crate::store::test_support::{memory, noon, other_school, school};

    fn private(text: &str) -> Private<String> {
        Private::new(text.to_owned())
    }

    fn pupil(id: i64) -> RosterPupil {
        RosterPupil {
            id: PupilId(id),
            ines: ["123456789AB", "1234A12345B"].iter().map(|ine| Ine::parse(ine).unwrap()).collect(),
            mef: Some(MefCode::parse("10310019110").unwrap()),
            division: Some(Division::parse("3 A").unwrap()),
            last_name: private("ŒILLET"),
            first_name: private("Ève"),
            entered_on: Some(parse_date("2019-09-02").unwrap()),
            left_on: None,
        }
    }

    #[tokio::test]
    async fn a_part_comes_back_as_it_was_loaded_and_replaces_itself_alone() -> Result<(), StoreError> {
        let store = memory().await;
        let mut tx = store.write().await?;
        assert_eq!(read(&mut tx, school()).await?, None);
        let bare = RosterPupil { ines: Vec::new(), division: None, entered_on: None, ..pupil(101) };
        let pupils = place([pupil(100), bare], None);
        let exported_at = Some(noon().plus_s(-600));
        put_pupils(&mut tx, school(), exported_at, &pupils, noon()).await?;
        let mut roster = Roster { exported_at, pupils: Some(pupils), people: None };
        assert_eq!(read(&mut tx, school()).await?, Some(Loaded { roster: roster.clone(), loaded_at: noon() }));
        let person = |first| RosterPerson { last_name: private("L'HAŸ"), first_name: private(first) };
        let people = RosterPeople::from([(PupilId(100), vec![person("Ada"), person("Zoé")])]);
        let later = noon().plus_s(60);
        put_people(&mut tx, school(), &people, later).await?;
        roster.people = Some(people);
        assert_eq!(read(&mut tx, school()).await?, Some(Loaded { roster: roster.clone(), loaded_at: later }));
        roster.pupils = Some(place([pupil(200)], None));
        for _twice in 0..2 {
            put_pupils(&mut tx, school(), None, &place([pupil(200)], None), later).await?;
        }
        roster.exported_at = None;
        assert_eq!(read(&mut tx, school()).await?.map(|it| it.roster), Some(roster));
        assert_eq!(read(&mut tx, other_school()).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn a_nomenclature_comes_back_and_is_replaced() -> Result<(), StoreError> {
        let store = memory().await;
        let mut tx = store.write().await?;
        assert_eq!(nomenclature(&mut tx, school()).await?, None);
        let closes = Some(parse_date("2020-08-31").unwrap());
        for (code, class, closes) in [
            ("2470000001", Some(Class::Track(Track::Cap)), closes),
            ("2470000002", Some(Class::Level(Level::Troisieme)), None),
            ("2470000003", None, None),
        ] {
            let known = Nomenclature::new([(MefCode::parse(code).unwrap(), Mef { class, closes })]);
            put_nomenclature(&mut tx, school(), &known).await?;
            assert_eq!(nomenclature(&mut tx, school()).await?, Some(known));
        }
        Ok(())
    }
}
