//! SIECLE's own exports, brought by hand: put beside the mirror of the feed, or kept for the status as well. Nothing here
//! reaches a demand, a window or a far side: absence is no instruction.

use crate::check::{
    nomenclature::Nomenclature,
    roster::{ByDivision, Counts, Finding, compare, count, place},
};
use crate::codec::{
    Fault,
    xml::roster::{Content, Export},
};
use crate::crash::Point;
use crate::domain::{
    pupil::Division,
    roster::{Roster, RosterPeople, RosterPupil},
    school::{Level, School, SchoolKey},
    time::{Timestamp, instant_of},
};
use crate::run::{
    context::{Context, Served},
    step::StepError,
};
use crate::store::{Tx, journal, pupils, roster};
use serde_json::{Value, json};
use std::{borrow::Cow, collections::BTreeMap};

/// Kind of the journal's entries.
const JOURNAL_KIND: &str = "roster";

/// What was brought of one school, a part a file.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    exported_at: Option<Timestamp>,
    pupils: Option<Vec<RosterPupil>>,
    people: Option<RosterPeople>,
    nomenclature: Option<Nomenclature>,
}

/// What a roster says beside the feed.
#[derive(Clone, Debug)]
pub struct Compared {
    /// When SIECLE wrote it.
    pub exported_at: Option<Timestamp>,
    /// How many pupils of each level it has; none where no pupils were brought.
    pub pupils: Option<BTreeMap<Level, u32>>,
    /// What differs.
    pub findings: Vec<Finding>,
}

/// The roster that was loaded for a school, counted for screens that name nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterStatus {
    /// When SIECLE wrote it, where it says so.
    pub exported_at: Option<Timestamp>,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// What differs from the téléservice now, by level and class; classes without a difference are left out.
    pub by_division: ByDivision,
}

/// Why an export is not taken: it is of a school, or of a school year, that is not served.
pub fn refusal(export: &Export, served: impl IntoIterator<Item = SchoolKey>) -> Option<Fault> {
    let SchoolKey { uai, year } = export.school;
    let years: Vec<String> = served.into_iter().filter(|own| own.uai == uai).map(|own| own.year.to_string()).collect();
    if years.is_empty() {
        let message = format!("of {uai}, a school that is not served here: bring the export of the right school");
        return Some(Fault::new(0, "ETABLISSEMENT", message));
    }
    if years.contains(&year.to_string()) {
        return None;
    }
    let years = years.join(" and ");
    let message = format!("of the school year {year}, and {uai} is served for {years}: export the base of that year");
    Some(Fault::new(0, "ANNEE", message))
}

impl Brought {
    /// Adds an export of the school.
    ///
    /// # Errors
    /// `DOUBLON` for a second one of its kind.
    pub fn add(&mut self, export: Export, school: &School) -> Result<(), Fault> {
        let kind = export.content.kind();
        let taken = match export.content {
            Content::Pupils(pupils) => {
                // A moment that the clocks skipped is only not told.
                self.exported_at = export.exported_at.and_then(|civil| instant_of(school.zone, civil).ok());
                self.pupils.replace(pupils).is_some()
            }
            Content::People(people) => self.people.replace(people).is_some(),
            Content::Formations(nomenclature) => self.nomenclature.replace(nomenclature).is_some(),
        };
        let message = format!("a second export of {kind} of the same school: bring one");
        if taken { Err(Fault::new(0, "DOUBLON", message)) } else { Ok(()) }
    }

    async fn roster(&mut self, ctx: &Context, tx: &mut Tx, school: SchoolKey) -> Result<Roster, StepError> {
        let known = match &self.nomenclature {
            Some(brought) => Some(Cow::Borrowed(brought)),
            None => nomenclature(ctx, tx, school).await?,
        };
        let pupils = self.pupils.take().map(|pupils| place(pupils, known.as_deref()));
        Ok(Roster { exported_at: self.exported_at, pupils, people: self.people.take() })
    }
}

/// Puts what was brought beside the feed, and leaves no trace.
///
/// # Errors
/// The store's.
pub async fn check(
    ctx: &Context,
    served: &Served,
    mut brought: Brought,
    now: Timestamp,
) -> Result<Compared, StepError> {
    let mut tx = ctx.store.read().await?;
    let roster = brought.roster(ctx, &mut tx, served.school.key).await?;
    compared(&mut tx, &served.school, &roster, now).await
}

/// Keeps what was brought, each part in the place of the one before, and puts the whole beside the feed.
///
/// # Errors
/// The store's.
pub async fn load(
    ctx: &Context,
    served: &Served,
    mut brought: Brought,
    who: &str,
    now: Timestamp,
) -> Result<Compared, StepError> {
    let school = served.school.key;
    let mut tx = ctx.store.write().await?;
    let new = brought.roster(ctx, &mut tx, school).await?;
    let mut parts = Vec::new();
    if let Some(nomenclature) = &brought.nomenclature {
        roster::put_nomenclature(&mut tx, school, nomenclature).await?;
        parts.push("nomenclature".to_owned());
    }
    if let Some(pupils) = &new.pupils {
        roster::put_pupils(&mut tx, school, new.exported_at, pupils, now).await?;
        parts.push(format!("{} pupils", pupils.len()));
    }
    if let Some(people) = &new.people {
        roster::put_people(&mut tx, school, people, now).await?;
        parts.push(format!("representatives of {} pupils", people.len()));
    }
    let text = format!("loaded from SIECLE's exports: {}", parts.join(", "));
    journal::write(&mut tx, Some(school), JOURNAL_KIND, &text, Some(who), now).await?;
    let whole = roster::read(&mut tx, school).await?.map(|loaded| loaded.roster).unwrap_or_default();
    let compared = compared(&mut tx, &served.school, &whole, now).await?;
    tx.commit(Point::Settled).await?;
    Ok(compared)
}

/// What the roster that was loaded last says now; none where none was.
///
/// # Errors
/// The store's.
pub async fn show(ctx: &Context, served: &Served, now: Timestamp) -> Result<Option<Compared>, StepError> {
    let mut tx = ctx.store.read().await?;
    match roster::read(&mut tx, served.school.key).await? {
        Some(loaded) => compared(&mut tx, &served.school, &loaded.roster, now).await.map(Some),
        None => Ok(None),
    }
}

/// The counts of the roster that was loaded last, against the feed as it is now; none where none was loaded. For the
/// status, the page and the nightly report.
///
/// # Errors
/// The store's.
pub async fn counts(tx: &mut Tx, school: &School, now: Timestamp) -> Result<Option<RosterStatus>, StepError> {
    let Some(loaded) = roster::read(tx, school.key).await? else { return Ok(None) };
    let by_division = count(&compared(tx, school, &loaded.roster, now).await?.findings);
    Ok(Some(RosterStatus { exported_at: loaded.roster.exported_at, loaded_at: loaded.loaded_at, by_division }))
}

async fn compared(tx: &mut Tx, school: &School, roster: &Roster, now: Timestamp) -> Result<Compared, StepError> {
    let feed = pupils::of_school(tx, school.key).await?;
    let today = now.date_in(school.zone);
    let by_level = roster.pupils.as_ref().map(|pupils| {
        let mut levels = BTreeMap::new();
        for (level, _) in pupils.values() {
            *levels.entry(*level).or_default() += 1;
        }
        levels
    });
    Ok(Compared { exported_at: roster.exported_at, pupils: by_level, findings: compare(roster, &feed, today) })
}

/// The nomenclature that a school's demands are judged with: the one that was loaded for it, else the configuration's.
///
/// # Errors
/// The store's.
pub async fn nomenclature<'a>(
    ctx: &'a Context,
    tx: &mut Tx,
    school: SchoolKey,
) -> Result<Option<Cow<'a, Nomenclature>>, StepError> {
    let loaded = roster::nomenclature(tx, school).await?.map(Cow::Owned);
    Ok(loaded.or_else(|| ctx.settings.nomenclature.as_ref().map(Cow::Borrowed)))
}

impl RosterStatus {
    /// Pupils of a level whom the téléservice does not know, by class; none is no class. R07 lists them apart: their
    /// families cannot have entered anything.
    pub fn unknown(&self, level: Level) -> BTreeMap<Option<&Division>, u32> {
        let own = self.by_division.iter().filter(|((of, _), counts)| *of == level && 0 < counts.unknown);
        own.map(|((_, division), counts)| (division.as_ref(), counts.unknown)).collect()
    }

    /// All classes together.
    pub fn total(&self) -> Counts {
        self.by_division.values().fold(Counts::default(), |all, own| Counts {
            unknown: all.unknown + own.unknown,
            left: all.left + own.left,
            division: all.division + own.division,
            ine: all.ine + own.ine,
            representatives: all.representatives + own.representatives,
        })
    }

    /// The key `roster` of a school in `status --json`.
    pub fn json(&self) -> Value {
        let row = |((level, division), own): (&(Level, Option<Division>), &Counts)| {
            let division = division.as_ref().map(Division::as_str);
            json!({ "level": level.code(), "division": division, "counts": counted(*own) })
        };
        json!({
            "exported_at": self.exported_at.map(Timestamp::rfc3339_utc),
            "loaded_at": self.loaded_at.rfc3339_utc(),
            "counts": counted(self.total()),
            "divisions": self.by_division.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn counted(counts: Counts) -> Value {
    json!({
        "unknown": counts.unknown,
        "left": counts.left,
        "other_division": counts.division,
        "other_ine": counts.ine,
        "other_representatives": counts.representatives,
    })
}
