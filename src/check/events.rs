//! Events of the feed, judged on arrival: each becomes changes to the mirror, anomalies, or both.
//!
//! The téléservice applies R01 to R06 and R12; navette trusts none of it and checks again. Holes in the feed and its
//! epochs are not judged here.

use crate::check::{
    demands,
    nomenclature::Nomenclature,
    text::{self, ControlCharacter},
};
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::Phase,
    demand::{Acknowledgement, Demand, Reply},
    event::{Event, EventKind, RawDemand},
    pupil::{Ine, Private, Pupil, PupilId, Representative, RepresentativeId},
    school::Level,
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What was read of one pupil in the present feed epoch: after a re-reading has begun it starts empty again.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PupilState {
    /// The pupil as of now; none is an unknown pupil.
    pub pupil: Option<Pupil>,
    /// False once the pupil left the school.
    pub present: bool,
    /// What was validated, locked and replied, by phase.
    pub phases: BTreeMap<Phase, PhaseState>,
    /// `seq` of the acknowledgement that stands: the first one.
    pub acknowledged_seq: Option<u64>,
}

/// One pupil in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PhaseState {
    /// Who first validated it (R04).
    pub owner: Option<RepresentativeId>,
    /// Version and `seq` of the last demand accepted.
    pub last: Option<(u32, u64)>,
    /// The first lock (R11, R12).
    pub locked: Option<Lock>,
    /// Who first replied to the proposals.
    pub reply_by: Option<RepresentativeId>,
}

/// A `VERROU`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its place in the feed.
    pub seq: u64,
    /// The order that carried the response.
    pub order: u32,
}

/// What events are judged with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Latest legal closings, by the calendars in force on arrival (`TARDIVE`).
    pub deadlines: &'a BTreeMap<(Level, Phase), Timestamp>,
    /// The version named by the response that an order carried for a pupil; none when that order carried none.
    pub carried: &'a (dyn Fn(u32, PupilId, Phase) -> Option<Option<u32>> + Sync),
    /// The nomenclature of formations, where the configuration names one.
    pub nomenclature: Option<&'a Nomenclature>,
    /// Now.
    pub now: Timestamp,
}

/// An `OUVERTURE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSwitch {
    /// Its place in the feed.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whether the service is open from then on.
    pub open: bool,
    /// The reason given.
    pub motive: String,
    /// The order of ours that made it so; none when a person did it.
    pub order: Option<u32>,
}

/// One change to the mirror of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The pupil as of now, present.
    PutPupil(Pupil),
    /// The pupil left.
    PupilLeft(PupilId),
    /// A version was accepted.
    PutDemand {
        /// The demand.
        demand: Demand,
        /// Its level.
        level: Level,
        /// Its place in the feed.
        seq: u64,
    },
    /// The provisional opinion was acknowledged for the first time.
    PutAcknowledgement {
        /// The pupil.
        pupil: PupilId,
        /// By whom and when.
        ack: Acknowledgement,
        /// Its place in the feed.
        seq: u64,
    },
    /// The reply that stands from now on.
    PutReply {
        /// The pupil.
        pupil: PupilId,
        /// The reply.
        reply: Reply,
        /// Its place in the feed.
        seq: u64,
    },
    /// The service opened or closed.
    Window {
        /// Level.
        level: Level,
        /// Phase.
        phase: Phase,
        /// What happened.
        event: WindowSwitch,
    },
    /// A response was applied and the demand locked.
    Locked {
        /// The pupil.
        pupil: PupilId,
        /// Level.
        level: Level,
        /// Phase.
        phase: Phase,
        /// The order that carried the response.
        order: u32,
        /// Its place in the feed.
        seq: u64,
        /// When.
        at: Timestamp,
    },
    /// A rule was broken, or something is to be told.
    Anomaly(Anomaly),
}

/// The pupils whose states `apply` looks at for these events.
pub fn pupils(events: &[Event]) -> BTreeSet<PupilId> {
    events.iter().filter_map(|event| pupil_of(&event.kind)).collect()
}

/// Applies one event to the states, and says what changes. An event that breaks a rule gives its anomaly alone.
///
/// A demand at or before the last one accepted was read before, and changes nothing.
pub fn apply(states: &mut BTreeMap<PupilId, PupilState>, event: &Event, context: &Context<'_>) -> Vec<Change> {
    let judged = match &event.kind {
        EventKind::Pupil(pupil) => put_pupil(states, pupil, context.now),
        EventKind::PupilLeft(id) => known(states, *id, None, None, context.now).map(|found| {
            found.state.present = false;
            vec![Change::PupilLeft(*id)]
        }),
        EventKind::Demand(raw) => put_demand(states, raw, event, context),
        EventKind::Acknowledged { pupil, level, representative } => {
            let ack = Acknowledgement { representative: *representative, at: event.at };
            known(states, *pupil, Some(*level), Some(Phase::Provisional), context.now)
                .and_then(|found| put_acknowledgement(found, ack, event.seq))
        }
        EventKind::Replied { pupil, level, representative, agrees, accepted } => {
            let accepted = accepted.clone();
            let reply = Reply { representative: *representative, at: event.at, agrees: *agrees, accepted };
            known(states, *pupil, Some(*level), Some(Phase::Definitive), context.now)
                .and_then(|found| put_reply(found, reply, event.seq))
        }
        EventKind::Window { level, phase, open, motive, order } => {
            let switch =
                WindowSwitch { seq: event.seq, at: event.at, open: *open, motive: motive.clone(), order: *order };
            Ok(vec![Change::Window { level: *level, phase: *phase, event: switch }])
        }
        EventKind::Locked { pupil, level, phase, order } => {
            known(states, *pupil, Some(*level), Some(*phase), context.now)
                .map(|found| lock(found, *level, *phase, Lock { seq: event.seq, order: *order }, event.at, context))
        }
        EventKind::Unreadable { pupil, phase, why } => {
            let subject = pupil.map_or(Subject::Event(event.seq), |pupil| Subject::Pupil(pupil, *phase));
            Err(Anomaly { code: Code::Evenement, subject, at: context.now, detail: why.clone() })
        }
    };
    judged.unwrap_or_else(|anomaly| vec![Change::Anomaly(anomaly)])
}

/// A pupil whom the feed made known, and what an anomaly about this event would stand for.
struct Found<'a> {
    state: &'a mut PupilState,
    pupil: Pupil,
    phase: Option<Phase>,
    now: Timestamp,
}

impl Found<'_> {
    fn anomaly(&self, code: Code, detail: impl Into<String>) -> Anomaly {
        Anomaly { code, subject: Subject::Pupil(self.pupil.id, self.phase), at: self.now, detail: detail.into() }
    }

    fn has(&self, representative: RepresentativeId) -> bool {
        self.pupil.representatives.iter().any(|it| it.id == representative)
    }
}

/// Finds the pupil whom an event names, of the level that it names, where it names one (`EVENEMENT`).
fn known(
    states: &mut BTreeMap<PupilId, PupilState>,
    id: PupilId,
    level: Option<Level>,
    phase: Option<Phase>,
    now: Timestamp,
) -> Result<Found<'_>, Anomaly> {
    let fault = |field: &str| Anomaly {
        code: Code::Evenement,
        subject: Subject::Pupil(id, phase),
        at: now,
        detail: field.to_owned(),
    };
    let found = states.get_mut(&id).and_then(|state| state.pupil.clone().map(|pupil| (state, pupil)));
    let (state, pupil) = found.ok_or_else(|| fault("eleve_id"))?;
    if level.is_some_and(|level| level != pupil.level) {
        return Err(fault("palier"));
    }
    Ok(Found { state, pupil, phase, now })
}

fn put_pupil(
    states: &mut BTreeMap<PupilId, PupilState>,
    pupil: &Pupil,
    now: Timestamp,
) -> Result<Vec<Change>, Anomaly> {
    let subject = Subject::Pupil(pupil.id, None);
    let anomaly = |code, detail: &str| Anomaly { code, subject: subject.clone(), at: now, detail: detail.to_owned() };
    let pupil = normalised(pupil).map_err(|ControlCharacter| anomaly(Code::Texte, ""))?;
    let state = states.entry(pupil.id).or_default();
    state.pupil = Some(pupil.clone());
    state.present = true;
    let warns = pupil.ine.as_ref().is_some_and(Ine::key_differs);
    let mut changes = vec![Change::PutPupil(pupil)];
    changes.extend(warns.then(|| Change::Anomaly(anomaly(Code::CleIne, ""))));
    Ok(changes)
}

fn normalised(pupil: &Pupil) -> Result<Pupil, ControlCharacter> {
    let clean = |text: &Private<String>| text::normalise(text.reveal()).map(Private::new);
    let representative = |it: &Representative| {
        Ok(Representative {
            title: clean(&it.title)?,
            last_name: clean(&it.last_name)?,
            first_name: clean(&it.first_name)?,
            email: it.email.as_ref().map(clean).transpose()?,
            ..it.clone()
        })
    };
    Ok(Pupil {
        last_name: clean(&pupil.last_name)?,
        first_name: clean(&pupil.first_name)?,
        representatives: pupil.representatives.iter().map(representative).collect::<Result<_, _>>()?,
        ..pupil.clone()
    })
}

fn put_demand(
    states: &mut BTreeMap<PupilId, PupilState>,
    raw: &RawDemand,
    event: &Event,
    context: &Context<'_>,
) -> Result<Vec<Change>, Anomaly> {
    let (phase, seq) = (raw.phase, event.seq);
    let found = known(states, raw.pupil, None, Some(phase), context.now)?;
    let last = found.state.phases.get(&phase).and_then(|it| it.last);
    if last.is_some_and(|(_, read)| seq <= read) {
        return Ok(Vec::new());
    }
    let choices = demands::check(raw, seq, &found.pupil, found.state)
        .map_err(|breach| found.anomaly(breach.code, breach.detail))?;
    let late = context.deadlines.get(&(raw.level, phase)).is_some_and(|deadline| *deadline < event.at);
    // R18: exported all the same, and flagged.
    let tardive = late.then(|| found.anomaly(Code::Tardive, format!("version {}", raw.version)));
    let misfit = context.nomenclature.and_then(|nomenclature| nomenclature.misfit(&choices));
    let mef = misfit.map(|code| found.anomaly(Code::Mef, format!("version {}, code {code}", raw.version)));
    let state = found.state.phases.entry(phase).or_default();
    state.owner.get_or_insert(raw.representative);
    state.last = Some((raw.version, seq));
    let demand = Demand {
        pupil: raw.pupil,
        phase,
        version: raw.version,
        representative: raw.representative,
        validated_at: event.at,
        choices,
        late,
    };
    let put = Change::PutDemand { demand, level: raw.level, seq };
    Ok(std::iter::once(put).chain(tardive.into_iter().chain(mef).map(Change::Anomaly)).collect())
}

fn put_acknowledgement(found: Found<'_>, ack: Acknowledgement, seq: u64) -> Result<Vec<Change>, Anomaly> {
    if !found.has(ack.representative) {
        return Err(found.anomaly(Code::Proprietaire, "ACCUSE"));
    }
    if found.state.acknowledged_seq.is_some() {
        return Ok(Vec::new());
    }
    found.state.acknowledged_seq = Some(seq);
    Ok(vec![Change::PutAcknowledgement { pupil: found.pupil.id, ack, seq }])
}

fn put_reply(found: Found<'_>, reply: Reply, seq: u64) -> Result<Vec<Change>, Anomaly> {
    let first = found.state.phases.get(&Phase::Definitive).and_then(|it| it.reply_by);
    // A reply belongs to whoever gave it first (guard.md).
    let owns = first.unwrap_or(reply.representative) == reply.representative;
    if !owns || !found.has(reply.representative) {
        return Err(found.anomaly(Code::Proprietaire, "REPONSE_FAMILLE"));
    }
    found.state.phases.entry(Phase::Definitive).or_default().reply_by = Some(reply.representative);
    Ok(vec![Change::PutReply { pupil: found.pupil.id, reply, seq }])
}

fn lock(found: Found<'_>, level: Level, phase: Phase, lock: Lock, at: Timestamp, context: &Context<'_>) -> Vec<Change> {
    let pupil = found.pupil.id;
    let state = found.state.phases.entry(phase).or_default();
    state.locked.get_or_insert(lock);
    let last = state.last.filter(|(_, seq)| *seq < lock.seq).map(|(version, _)| version);
    let seen = (context.carried)(lock.order, pupil, phase);
    // R17: judged again now that no later version can come.
    let stale = seen.filter(|seen| *seen != last).map(|seen| {
        let subject = Subject::Pupil(pupil, Some(phase));
        Change::Anomaly(Anomaly { code: Code::Perimee, subject, at: context.now, detail: text::stale(seen, last) })
    });
    let locked = Change::Locked { pupil, level, phase, order: lock.order, seq: lock.seq, at };
    std::iter::once(locked).chain(stale).collect()
}

fn pupil_of(kind: &EventKind) -> Option<PupilId> {
    match kind {
        EventKind::Pupil(pupil) => Some(pupil.id),
        EventKind::Demand(raw) => Some(raw.pupil),
        EventKind::PupilLeft(pupil)
        | EventKind::Acknowledged { pupil, .. }
        | EventKind::Replied { pupil, .. }
        | EventKind::Locked { pupil, .. } => Some(*pupil),
        EventKind::Window { .. } | EventKind::Unreadable { .. } => None,
    }
}
