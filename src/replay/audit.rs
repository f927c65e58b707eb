//! The auditor: a second opinion on what was played. It reads the stand-ins' records and the exchanged files, and of
//! navette's own only the nights, the anomalies and, once at the end, whether reading everything again changes anything.

pub mod contents;
pub mod windows;

use crate::domain::{
    anomaly::{Code, Subject},
    campaign::{Calendar, CampaignKey},
    pupil::PupilId,
    school::SchoolKey,
    time::{Date, Timestamp},
};
use crate::nights::NightOutcome;
use crate::replay::{
    audit::{
        contents::Seen,
        windows::{Class, Ill, Sight},
    },
    golden,
    scenario::{Action, Scenario, Step},
    stage::{Stage, StageFault},
};
use crate::run;
use crate::sandbox::{desk::Desk, faults::Topic, hold, siecle::Office};
use crate::store::{anomalies, campaigns, demands, feed, nights};
use std::collections::{BTreeMap, BTreeSet};

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Proof 1.
    OpenTooLong,
    /// Proof 2.
    AppliedUnlocked,
    /// Proof 3, and every validated version.
    LostVersion,
    /// Proof 4.
    EarlyReopening,
    /// A number has two contents.
    TwoContents,
    /// A night was recorded ok twice.
    NightTwice,
    /// A response is neither at the téléservice nor in the anomalies.
    LostResponse,
    /// navette refused what the téléservice's rules let through.
    SecondOpinion,
    /// Reading everything again changed something.
    RereadChanges,
    /// The player could not go on.
    Stopped,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check fired.
    pub check: Check,
    /// One sentence.
    pub sentence: String,
}

impl Finding {
    /// A finding.
    pub const fn new(check: Check, sentence: String) -> Self {
        Self { check, sentence }
    }
}

/// What the auditor remembers from step to step.
pub struct Auditor {
    ticks: bool,
    overrides: bool,
    calendars: BTreeMap<CampaignKey, Vec<(Timestamp, Calendar)>>,
    classes: BTreeMap<CampaignKey, BTreeMap<u64, Class>>,
    ills: Vec<Ill>,
    ill_since: Option<Timestamp>,
    read: BTreeMap<SchoolKey, u32>,
    seen: Seen,
    nights: Nights,
}

impl Auditor {
    /// An auditor of a scenario that begins at `start`, with the calendars that its schools load.
    pub fn new(scenario: &Scenario, stage: &Stage, start: Timestamp) -> Self {
        let mut calendars: BTreeMap<CampaignKey, Vec<(Timestamp, Calendar)>> = BTreeMap::new();
        for spec in &scenario.campaigns {
            if let (Some(key), Ok(calendar)) = (stage.campaign(spec.uai, spec.phase), &spec.calendar) {
                calendars.entry(key).or_default().push((start.plus_s(-1), calendar.clone()));
            }
        }
        Self {
            ticks: scenario.daemon,
            overrides: scenario.overrides,
            calendars,
            classes: BTreeMap::new(),
            ills: Vec::new(),
            ill_since: None,
            read: BTreeMap::new(),
            seen: Seen::default(),
            nights: Nights::default(),
        }
    }

    /// Takes note of a step that was played, `went_well` when its outcome was ok, none when the program died under it.
    ///
    /// # Errors
    /// The store's.
    pub async fn note(&mut self, stage: &Stage, step: &Step, went_well: Option<bool>) -> Result<(), StageFault> {
        let key = step.phase.and_then(|phase| stage.campaign(step.uai, phase));
        if let (Some(key), Action::Calendar { change: Ok(change), .. }) = (key, &step.action) {
            let history = self.calendars.entry(key).or_default();
            let changed = match went_well {
                Some(true) => change.clone().onto(history.last().map(|(_, calendar)| calendar)),
                Some(false) => None,
                // Only the ledger knows whether the change was committed before the program died.
                None => campaigns::calendar(&mut stage.ctx.store.read().await?, key).await?,
            };
            history.extend(changed.map(|calendar| (step.at, calendar)));
        }
        let is_well = {
            let faults = &hold(&stage.teleservice).faults;
            faults.is_calm(Topic::Feed) && faults.is_calm(Topic::Orders)
        };
        if !is_well {
            self.ill_since.get_or_insert(step.at);
        } else if let Some(from) = self.ill_since.take() {
            self.ills.push(Ill { from, to: Some(step.at) });
        }
        Ok(())
    }

    /// Looks at everything once, after a step; `downs` are the times in which the program did not run.
    ///
    /// # Errors
    /// The store's, the file system's.
    pub async fn look(&mut self, stage: &Stage, downs: &[Ill]) -> Result<Vec<Finding>, StageFault> {
        let now = stage.clock.now();
        let files = golden::tree(&stage.folder().join("files"))?;
        let mut found = Vec::new();
        let lasting = self.ill_since.map(|from| Ill { from, to: None });
        let ills: Vec<Ill> = self.ills.iter().copied().chain(lasting).chain(downs.iter().copied()).collect();
        for school in stage.schools.keys().copied() {
            let Some(records) = Records::of(stage, school) else { continue };
            let known = Known::of(stage, school).await?;
            found.extend(self.nights.twice(school, &known.ok_nights));
            found.extend(self.seen.two_contents(school, &records.desk, &records.office, &files));
            found.extend(contents::not_kept(&records.office, &files));
            for key in self.keys(school) {
                found.extend(self.campaign(&records, key, &known.anomalies_of(key), &ills, now));
            }
            self.read.insert(school, contents::read_up_to(school, &files));
        }
        let conflict = hold(&stage.siecle).conflicts().first().copied();
        found.extend(conflict.map(|name| Finding::new(Check::TwoContents, format!("{name} came with other bytes"))));
        Ok(found)
    }

    fn keys(&self, school: SchoolKey) -> Vec<CampaignKey> {
        self.calendars.keys().filter(|key| key.school == school).copied().collect()
    }

    fn sight<'a>(&'a self, records: &'a Records, key: CampaignKey, anomalies: &'a Anomalous) -> Sight<'a> {
        Sight {
            key,
            desk: &records.desk,
            office: &records.office,
            calendars: self.calendars.get(&key).map(Vec::as_slice).unwrap_or_default(),
            anomalies,
            read: self.read.get(&key.school).copied().unwrap_or_default(),
            overrides: self.overrides,
        }
    }

    fn campaign(
        &mut self,
        records: &Records,
        key: CampaignKey,
        anomalies: &Anomalous,
        ills: &[Ill],
        now: Timestamp,
    ) -> Vec<Finding> {
        let mut known = self.classes.remove(&key).unwrap_or_default();
        let sight = self.sight(records, key, anomalies);
        let mut found = Vec::new();
        for opening in sight.moves().iter().filter(|one| one.open) {
            known.entry(opening.seq).or_insert_with(|| {
                found.extend(sight.early(opening));
                sight.class(opening)
            });
        }
        if self.ticks {
            found.extend(sight.open_too_long(&known, ills, now));
        }
        found.extend(sight.unlocked());
        self.classes.insert(key, known);
        found
    }

    /// Looks at the end, after quiet nights with all faults lifted.
    ///
    /// # Errors
    /// The store's, the file system's.
    pub async fn finish(&self, stage: &Stage) -> Result<Vec<Finding>, StageFault> {
        let mut found = Vec::new();
        for school in stage.schools.keys().copied() {
            let Some(records) = Records::of(stage, school) else { continue };
            let known = Known::of(stage, school).await?;
            found.extend(contents::out_of_order(&records.office));
            for key in self.keys(school) {
                let anomalies = known.anomalies_of(key);
                let sight = self.sight(&records, key, &anomalies);
                if !contents::is_rejected(&records.office, key) {
                    found.extend(contents::lost_versions(&sight));
                }
                found.extend(contents::invented(&sight));
                found.extend(contents::second_opinions(&sight));
                found.extend(contents::lost_responses(&sight));
            }
        }
        found.extend(self.reread(stage).await?);
        Ok(found)
    }

    /// Reads every feed again, from the cursor and then from its beginning: the same must be known.
    async fn reread(&self, stage: &Stage) -> Result<Vec<Finding>, StageFault> {
        let mut found = Vec::new();
        let now = stage.clock.now();
        // A crash that was asked for and never came must not come now: nobody would start the program again.
        stage.crash.disarm();
        for (school, served) in stage.ctx.schools.iter() {
            let before = self.known(stage, *school).await?;
            run::feed::read(&stage.ctx, served, now).await?;
            let after = self.known(stage, *school).await?;
            let again =
                Finding::new(Check::RereadChanges, format!("reading the feed of {school} again changed what is known"));
            found.extend((before != after).then_some(again));
            let mut tx = stage.ctx.store.write().await?;
            feed::begin_epoch(&mut tx, *school, now).await?;
            tx.commit(crate::crash::Point::Settled).await?;
            run::feed::read(&stage.ctx, served, now).await?;
            let whole = self.known(stage, *school).await?;
            found.extend(difference(*school, &after, &whole));
        }
        Ok(found)
    }

    /// What is known of a school: pupils with their last valid versions, and anomalies.
    async fn known(&self, stage: &Stage, school: SchoolKey) -> Result<Vec<String>, StageFault> {
        let mut known = Vec::new();
        let mut tx = stage.ctx.store.read().await?;
        for key in self.keys(school) {
            let mut pupils = demands::snapshot(&mut tx, key, stage.ctx.zone(school)).await?.pupils;
            pupils.sort_by_key(|pupil| pupil.id);
            known.extend(pupils.into_iter().map(|pupil| format!("{key} {pupil:?}")));
        }
        let rows = anomalies::list(&mut tx, Some(school), !ALL).await?;
        known.extend(rows.into_iter().map(|(.., anomaly, settled)| format!("{anomaly:?} {settled:?}")));
        Ok(known)
    }
}

/// Settled anomalies as well.
const ALL: bool = true;

fn difference(school: SchoolKey, before: &[String], after: &[String]) -> Option<Finding> {
    let gone = before.iter().find(|line| !after.contains(line));
    let new = after.iter().find(|line| !before.contains(line));
    (gone.is_some() || new.is_some()).then(|| {
        let said = format!("reading all of {school} from its beginning changed {gone:?} into {new:?}");
        Finding::new(Check::RereadChanges, said)
    })
}

/// What both stand-ins keep of a school.
pub struct Records {
    /// The téléservice.
    pub desk: Desk,
    /// Siècle.
    pub office: Office,
}

impl Records {
    fn of(stage: &Stage, school: SchoolKey) -> Option<Self> {
        let desk = hold(&stage.teleservice).school(school)?.clone();
        let office = hold(&stage.siecle).school(school)?.clone();
        Some(Self { desk, office })
    }
}

/// Pupils in the anomalies of one campaign.
pub type Anomalous = BTreeSet<(PupilId, Code)>;

/// What is read of navette's own.
struct Known {
    /// Nights that ended ok, with the instant of that end.
    ok_nights: Vec<(Date, Option<Timestamp>)>,
    anomalies: Vec<(Code, Subject)>,
}

impl Known {
    async fn of(stage: &Stage, school: SchoolKey) -> Result<Self, StageFault> {
        let mut tx = stage.ctx.store.read().await?;
        let rows = nights::list(&mut tx, school, u32::MAX).await?;
        let ok = rows.into_iter().filter(|row| row.fact.outcome == Some(NightOutcome::Ok));
        let ok_nights = ok.map(|row| (row.date, row.ended_at)).collect();
        let rows = anomalies::list(&mut tx, Some(school), !ALL).await?;
        Ok(Self { ok_nights, anomalies: rows.into_iter().map(|(.., one, _)| (one.code, one.subject)).collect() })
    }

    fn anomalies_of(&self, key: CampaignKey) -> Anomalous {
        let of_pupil = |subject: &Subject| match subject {
            Subject::Pupil(pupil, phase) => phase.is_none_or(|phase| phase == key.phase).then_some(*pupil),
            Subject::Event(_) | Subject::Hole(..) | Subject::Epoch(_) | Subject::File(_) => None,
        };
        self.anomalies.iter().filter_map(|(code, subject)| Some((of_pupil(subject)?, *code))).collect()
    }
}

/// The nights that were seen to be ok, and when they ended.
#[derive(Clone, Debug, Default)]
pub struct Nights(BTreeMap<(SchoolKey, Date), Option<Timestamp>>);

impl Nights {
    /// A night that is ok and ended at another instant than before, stands twice, or is ok no more.
    pub fn twice(&mut self, school: SchoolKey, ok: &[(Date, Option<Timestamp>)]) -> Option<Finding> {
        let said = |date: Date, what: &str| {
            Some(Finding::new(Check::NightTwice, format!("the night of {date} at {school} {what}")))
        };
        for (nth, (date, ended_at)) in ok.iter().enumerate() {
            let known = *self.0.entry((school, *date)).or_insert(*ended_at);
            if known != *ended_at || ok.iter().skip(nth + 1).any(|(other, _)| other == date) {
                return said(*date, "was recorded ok twice");
            }
        }
        let gone = self.0.keys().find(|(at, date)| *at == school && !ok.iter().any(|(still, _)| still == date));
        gone.and_then(|(_, date)| said(*date, "is ok no more"))
    }
}

#[cfg(test)]
mod tests;
