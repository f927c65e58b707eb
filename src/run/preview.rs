//! What a run would do now (`--dry-run`): reads the store, writes and sends nothing. The feed is not read, so that what
//! families did since it was read last is not in it.

use crate::domain::{campaign::CampaignKey, pupil::PupilId, time::Timestamp};

use crate::guard::{self, Duty, FarSide};

use crate::nights::Due;

use crate::plan::demands::DemandPlan;

use crate::run::{
    context::{Context, Served},
    demands::{self, Wish},
    facts, night,
    step::StepError,
};

use crate::store::{feed, ledger, responses};
use std::collections::{BTreeMap, BTreeSet};

/// What a run of one school would do now.
#[derive(Clone, Debug)]
pub struct Preview {
    /// When the feed was read last, and up to which event.
    pub feed_read: (Option<Timestamp>, u64),
    /// The night that is due.
    pub due: Option<Due>,
    /// What the guard would order.
    pub orders: Vec<(CampaignKey, Duty)>,
    /// Lots that are asked after.
    pub awaited: Vec<u32>,
    /// Response files that are held, by number.
    pub held_files: Vec<u32>,
    /// What the demands of each campaign would do; empty when no run is due.
    pub demands: Vec<(CampaignKey, DemandPlan)>,
}

/// What a tick (no `wish`), or a run by hand, would do at one school.
///
/// # Errors
/// The store's.
pub async fn preview(
    ctx: &Context,
    served: &Served,
    wish: Option<Wish>,
    only: Option<CampaignKey>,
    now: Timestamp,
) -> Result<Preview, StepError> {
    let school = served.school.key;
    let mut tx = ctx.store.read().await?;
    let due = night::due(ctx, &mut tx, served, now).await?;
    let cursor = feed::cursor(&mut tx, school).await?;
    let mut orders = Vec::new();
    for (facts, _) in facts::of_school(ctx, &mut tx, school, FarSide::WELL).await? {
        let duty = guard::enforce(&facts, now).filter(|_| ctx.settings.policy.enforce);
        orders.extend(duty.map(|duty| (facts.key(), duty)));
    }
    let awaited = ledger::list(&mut tx, Some(school)).await?;
    let awaited = awaited.iter().filter(|lot| lot.state.waits()).map(|lot| lot.record.number).collect();
    let held_files = responses::held_files(&mut tx, school).await?.iter().map(|file| file.number).collect();
    drop(tx);
    let mut plans = Vec::new();
    let wish = wish.or(due.map(|_| Wish::Changed));
    if let Some(wish) = wish {
        for key in night::campaigns_by_urgency(ctx, school, FarSide::WELL).await? {
            if only.is_none_or(|only| only == key) {
                plans.push((key, demands::planned(ctx, key, wish, now).await?.0));
            }
        }
    }
    Ok(Preview { feed_read: (cursor.read_at, cursor.seq), due, orders, awaited, held_files, demands: plans })
}

/// How a lot would differ from what Siècle holds, pupil by pupil: the version held and the version it carries.
///
/// # Errors
/// The store's.
pub async fn differences(
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
