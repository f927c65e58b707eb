//! A dry run (`--dry-run`): all that a run does, done to a private copy of what is known of one school, between far sides
//! that are asked and given nothing. What it did there is what the run would do; no trace of it is left anywhere.

use crate::crash::{Crash, Point};
use crate::domain::{campaign::CampaignKey, pupil::PupilId, school::SchoolKey, time::Timestamp};
use crate::files::Files;
use crate::nights::Due;
use crate::plan::demands::DemandPlan;
use crate::run::{
    self, Asked, Plans, abreast,
    context::{Context, FarSides, Served, Settings},
    demands::Wish,
    night,
    outcome::Done,
    reference::{self, References},
    step::StepError,
};
use crate::store::{
    facts,
    feed::{self, Cursor},
    lease::{self, HeldBy},
    ledger::{self, LotRow, LotState},
    responses::{self, FileRow},
};
use crate::transport::{
    rehearsal::{GivenOrder, RehearsedSiecle, RehearsedTeleservice},
    siecle::Siecle,
    teleservice::Teleservice,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
    time::Duration,
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

/// What a run of one school would do now.
#[derive(Debug)]
pub struct Plan {
    /// What it would have done, as it would say it itself.
    pub done: Done,
    /// The night that is due.
    pub due: Option<Due>,
    /// Whether a campaign has a calendar.
    pub has_calendar: bool,
    /// How far the feed is known.
    pub known: Cursor,
    /// How far it would be.
    pub read: Cursor,
    /// Whether the téléservice answered with its feed.
    pub is_feed_read: bool,
    /// The orders that the téléservice would be given.
    pub orders: Vec<GivenOrder>,
    /// The lots that wait for Siècle's word, and what it says of each.
    pub awaited: Vec<Awaited>,
    /// Response files that are held, by number.
    pub held_files: Vec<u32>,
    /// Response files of which something would become that is not recorded yet, by number.
    pub files: Vec<FileRow>,
    /// What the demands of each campaign would do; empty when no run is due.
    pub demands: Vec<CampaignPlan>,
}

/// A lot that waits for its receipt, or is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Its number.
    pub number: u32,
    /// Where it stands.
    pub state: LotState,
    /// Where it would stand.
    pub becomes: LotState,
}

/// What would become of the demands of one campaign.
#[derive(Debug)]
pub struct CampaignPlan {
    /// The campaign.
    pub key: CampaignKey,
    /// What is planned.
    pub plan: DemandPlan,
    /// How the lot would differ from what Siècle holds, pupil by pupil: the version held and the version it carries.
    pub pupils: Vec<(PupilId, Option<u32>, Option<u32>)>,
}

/// One school's dry run.
pub struct Rehearsal {
    ctx: Context,
    served: Served,
    teleservice: Arc<RehearsedTeleservice>,
    held_by: Option<HeldBy>,
    known: Cursor,
}

impl Rehearsal {
    /// Takes the copy, and puts itself between us and the far sides.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(ctx: &Context, served: &Served, now: Timestamp) -> Result<Self, StepError> {
        let store = ctx.store.rehearsal(served.school.key).await?;
        let teleservice = Arc::new(RehearsedTeleservice::new(Arc::clone(&served.far.teleservice), now));
        let siecle = Arc::new(RehearsedSiecle::new(Arc::clone(&served.far.siecle)));
        let far = FarSides {
            teleservice: Arc::new(Teleservice::Rehearsed(Arc::clone(&teleservice))),
            siecle: Arc::new(Siecle::Rehearsed(siecle)),
        };
        let served = Served { school: served.school.clone(), far: Arc::new(far) };
        // No receipt comes for what does not leave, and no old file goes.
        let settings = Settings { receipt_wait: Duration::ZERO, keep_files_days: None, ..ctx.settings.clone() };
        let (files, crash) = (Files::for_a_dry_run(), Crash::off());
        let ctx = Context { store, files, settings, crash, mail: None, ..ctx.clone() };
        let held_by = free(&ctx, &served, now).await?;
        let known = feed::cursor(&mut ctx.store.read().await?, served.school.key).await?;
        Ok(Self { ctx, served, teleservice, held_by, known })
    }

    /// What the steps are handed, on the copy.
    pub const fn ctx(&self) -> &Context {
        &self.ctx
    }

    /// The school, with far sides that are given nothing.
    pub const fn served(&self) -> &Served {
        &self.served
    }

    /// The references of this installation; where it has no key yet, one that is forgotten.
    ///
    /// # Errors
    /// The store's.
    pub async fn references(&self) -> Result<References, StepError> {
        Ok(reference::references(&self.ctx).await?)
    }

    /// What a tick would do: whatever is due.
    ///
    /// # Errors
    /// The store's.
    pub async fn tick(&self, now: Timestamp) -> Result<Plan, StepError> {
        let plans = Plans::default();
        let before = Before::of(&self.ctx, &self.served, now).await?;
        let made = run::try_tick(&self.ctx, &self.served, Some(&plans), now);
        let done = run::settled(&self.ctx, &self.served, made).with_subscriber(NoSubscriber::default()).await;
        // Between two nights a school that another run has is left to that one without a word.
        let is_refused = done.night.is_some();
        self.told(before, done, plans, is_refused).await
    }

    /// What a whole run by hand would do.
    ///
    /// # Errors
    /// The store's.
    pub async fn by_hand(&self, wish: Wish, only: Option<CampaignKey>, now: Timestamp) -> Result<Plan, StepError> {
        let plans = Plans::default();
        let before = Before::of(&self.ctx, &self.served, now).await?;
        let made = run::whole(&self.ctx, &self.served, Asked { wish, only, plans: Some(&plans) }, now);
        let done = run::settled(&self.ctx, &self.served, made).with_subscriber(NoSubscriber::default()).await;
        self.told(before, done, plans, REFUSED).await
    }

    async fn told(&self, before: Before, mut done: Done, plans: Plans, is_refused: bool) -> Result<Plan, StepError> {
        if is_refused {
            done.busy = self.held_by.clone();
        }
        let school = self.served.school.key;
        let mut tx = self.ctx.store.read().await?;
        let read = feed::cursor(&mut tx, school).await?;
        let stand: BTreeMap<u32, LotState> =
            ledger::list(&mut tx, Some(school)).await?.iter().map(|lot| (lot.record.number, lot.state)).collect();
        let awaited = before.waiting.into_iter().map(|lot| {
            let (number, state) = (lot.record.number, lot.state);
            Awaited { number, state, becomes: stand.get(&number).copied().unwrap_or(state) }
        });
        let mut files = responses::files(&mut tx, school).await?;
        files.retain(|file| !before.files.contains(file));
        files.reverse();
        drop(tx);
        let mut demands = Vec::new();
        for (key, plan) in plans.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let pupils = differences(&self.ctx, key, &plan).await?;
            demands.push(CampaignPlan { key, plan, pupils });
        }
        Ok(Plan {
            done,
            due: before.due,
            has_calendar: before.has_calendar,
            known: self.known.clone(),
            read,
            is_feed_read: self.teleservice.is_read(),
            orders: self.teleservice.given(),
            awaited: awaited.collect(),
            held_files: before.held_files,
            files,
            demands,
        })
    }
}

/// What the ticks of these schools would do, several at once, each told by `tell` before the next begins; in the order of
/// their names.
///
/// # Errors
/// The store's.
pub async fn ticks<T: Send + 'static>(
    ctx: &Context,
    schools: Vec<Served>,
    now: Timestamp,
    tell: fn(SchoolKey, &Plan, &References) -> T,
) -> Result<Vec<T>, StepError> {
    let count = schools.len();
    let looked_at = abreast::each(ctx.settings.schools_at_once, schools, |served| {
        let ctx = ctx.clone();
        async move {
            let school = served.school.key;
            let rehearsal = Rehearsal::begin(&ctx, &served, now).await?;
            let plan = Box::pin(rehearsal.tick(now)).await?;
            Ok((school, tell(school, &plan, &rehearsal.references().await?)))
        }
    });
    let looked_at = looked_at.await;
    if looked_at.len() < count {
        return Err(StepError::Plan(
            "a fault of the program ended the dry run of a school: please report it".to_owned(),
        ));
    }
    let mut told = looked_at.into_iter().collect::<Result<Vec<_>, StepError>>()?;
    told.sort_by_key(|(school, _)| *school);
    Ok(told.into_iter().map(|(_, told)| told).collect())
}

/// A run by hand that finds its school held says so.
const REFUSED: bool = true;

/// The school is free in the copy, which is nobody else's. Answers who holds it, and would be left to it.
async fn free(ctx: &Context, served: &Served, now: Timestamp) -> Result<Option<HeldBy>, StepError> {
    let school = served.school.key;
    let taken = lease::take(&ctx.store, school, &ctx.holder, now, ctx.settings.lease_stale_s()).await?;
    let mut tx = ctx.store.write_for(school).await?;
    lease::let_go(&mut tx, school).await?;
    tx.commit(Point::LeaseReleased).await?;
    Ok(taken.err())
}

/// What was known before.
struct Before {
    due: Option<Due>,
    has_calendar: bool,
    waiting: Vec<LotRow>,
    held_files: Vec<u32>,
    files: Vec<FileRow>,
}

impl Before {
    async fn of(ctx: &Context, served: &Served, now: Timestamp) -> Result<Self, StepError> {
        let school = served.school.key;
        let mut tx = ctx.store.read().await?;
        let known = facts::of_school(&mut tx, school).await?;
        Ok(Self {
            has_calendar: known.iter().any(|known| known.calendar.is_some()),
            due: night::due(ctx, &mut tx, served, now).await?,
            waiting: ledger::waiting(&mut tx, school).await?,
            held_files: responses::held_files(&mut tx, school).await?.iter().map(|file| file.number).collect(),
            files: responses::files(&mut tx, school).await?,
        })
    }
}

async fn differences(
    ctx: &Context,
    key: CampaignKey,
    plan: &DemandPlan,
) -> Result<Vec<(PupilId, Option<u32>, Option<u32>)>, StepError> {
    let DemandPlan::Lot(planned) = plan else { return Ok(Vec::new()) };
    let held = ledger::siecle_holds(&mut ctx.store.read().await?, key).await?;
    let carried = planned.lot.pupils.iter().filter_map(|pupil| Some((pupil.id, pupil.demand.as_ref()?.version)));
    let carried: BTreeMap<PupilId, u32> = carried.collect();
    let pupils: BTreeSet<PupilId> = held.keys().chain(carried.keys()).copied().collect();
    let both = pupils.into_iter().map(|pupil| (pupil, held.get(&pupil).copied(), carried.get(&pupil).copied()));
    Ok(both.filter(|(_, held, carried)| held != carried).collect())
}
