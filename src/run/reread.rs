//! Reads the feed again from its beginning (`resync --reread`): first into memory, to tell what differs from what is
//! known, pupil by pupil; then, where a hand wants it, for good, in a new feed epoch.

use crate::check::events::{Context as Rules, PhaseState, PupilState, apply};

use crate::crash::Point;

use crate::domain::{campaign::Phase, pupil::PupilId, time::Timestamp};

use crate::plan::delivery::Answer;

use crate::run::{
    context::{Context, Served},
    step::StepError,
};

use crate::store::{feed, journal, pupils, purge};
use std::collections::{BTreeMap, BTreeSet};

/// Events asked for at a time.
const PAGE_EVENTS: u32 = 1_000;

/// One thing that is known of a pupil otherwise than the feed says it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The pupil.
    pub pupil: PupilId,
    /// What differs: `present`, or a phase's `version`, `locked`, `acknowledged`, `reply`.
    pub what: String,
    /// As it is known.
    pub known: String,
    /// As the feed says it now.
    pub read: String,
}

/// Reads the whole feed into memory, and says what differs from what is known. Writes nothing.
///
/// # Errors
/// The store's; inside, what the téléservice answered when it was no feed.
pub async fn differences(
    ctx: &Context,
    served: &Served,
    now: Timestamp,
) -> Result<Result<Vec<Difference>, Answer>, StepError> {
    let school = served.school.key;
    let mut tx = ctx.store.read().await?;
    let ids = pupils::of_school(&mut tx, school).await?.into_iter().map(|(pupil, _)| pupil.id).collect();
    let known = feed::states(&mut tx, school, &ids).await?;
    drop(tx);
    Ok(read_whole(ctx, served, now).await.map(|read| compare(&known, &read)))
}

async fn read_whole(ctx: &Context, served: &Served, now: Timestamp) -> Result<BTreeMap<PupilId, PupilState>, Answer> {
    let deadlines = BTreeMap::new();
    let nomenclature = ctx.settings.nomenclature.as_ref();
    let rules = Rules { deadlines: &deadlines, carried: &|_, _, _| None, nomenclature, now };
    let mut states = BTreeMap::new();
    let mut seq = 0;
    loop {
        let page = served.far.teleservice.events(served.school.key, seq, PAGE_EVENTS).await?;
        let before = seq;
        for (event, _) in &page.events {
            // Behind a hole nothing is read (SEQUENCE).
            if event.seq == seq + 1 {
                apply(&mut states, event, &rules);
                seq = event.seq;
            }
        }
        if seq == before || page.last <= seq {
            return Ok(states);
        }
    }
}

/// Begins a new feed epoch: the next reading begins at event 1. Journaled.
///
/// # Errors
/// The store's.
pub async fn begin(ctx: &Context, served: &Served, who: &str, now: Timestamp) -> Result<u32, StepError> {
    let school = served.school.key;
    let mut tx = ctx.store.write_for(school).await?;
    let epoch = feed::begin_epoch(&mut tx, school, now).await?;
    let text = format!("the feed is read again from 1, in epoch {epoch}");
    journal::write(&mut tx, Some(school), purge::REREAD, &text, Some(who), now).await?;
    tx.commit(Point::Settled).await?;
    Ok(epoch)
}

fn compare(known: &BTreeMap<PupilId, PupilState>, read: &BTreeMap<PupilId, PupilState>) -> Vec<Difference> {
    let nobody = PupilState::default();
    let pupils: BTreeSet<PupilId> = known.keys().chain(read.keys()).copied().collect();
    let mut differences = Vec::new();
    for pupil in pupils {
        let known = told(known.get(&pupil).unwrap_or(&nobody));
        let read = told(read.get(&pupil).unwrap_or(&nobody));
        let both = known.into_iter().zip(read).filter(|((_, known), (_, read))| known != read);
        differences.extend(both.map(|((what, known), (_, read))| Difference { pupil, what, known, read }));
    }
    differences
}

/// What is compared of a pupil, always in the same order.
fn told(state: &PupilState) -> Vec<(String, String)> {
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let mut told = vec![
        ("present".to_owned(), yes_no(state.present && state.pupil.is_some())),
        ("acknowledged".to_owned(), yes_no(state.acknowledged_seq.is_some())),
    ];
    let nothing = PhaseState::default();
    for phase in Phase::ALL {
        let own = state.phases.get(&phase).unwrap_or(&nothing);
        let version = own.last.map_or_else(|| "none".to_owned(), |(version, _)| version.to_string());
        told.push((format!("{} version", phase.code()), version));
        told.push((format!("{} locked", phase.code()), yes_no(own.locked.is_some())));
        told.push((format!("{} reply", phase.code()), yes_no(own.reply_by.is_some())));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::events::Lock;

    fn state(version: u32, locked: bool) -> PupilState {
        let locked = locked.then_some(Lock { seq: 9, order: 1 });
        let own = PhaseState { last: Some((version, 5)), locked, ..PhaseState::default() };
        PupilState { phases: BTreeMap::from([(Phase::Definitive, own)]), ..PupilState::default() }
    }

    #[test]
    fn versions_and_locks_that_differ_are_told_and_nothing_else() {
        let known = BTreeMap::from([(PupilId(1), state(1, false)), (PupilId(2), state(3, true))]);
        let read = BTreeMap::from([(PupilId(1), state(1, false)), (PupilId(2), state(2, false))]);
        let differences = compare(&known, &read);
        let told: Vec<_> = differences.iter().map(|it| (it.pupil.0, &*it.what, &*it.known, &*it.read)).collect();
        assert_eq!(told, [(2, "DEFINITIVE version", "3", "2"), (2, "DEFINITIVE locked", "yes", "no")]);
        assert_eq!(compare(&known, &known), []);
    }

    #[test]
    fn a_pupil_who_is_in_one_only_is_told() {
        let known = BTreeMap::from([(PupilId(1), state(1, false))]);
        let differences = compare(&known, &BTreeMap::new());
        assert_eq!((&*differences[0].known, &*differences[0].read), ("1", "none"));
    }
}
