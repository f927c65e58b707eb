//! Events of the feed, judged on arrival: each becomes changes to the mirror, anomalies, or both.
//!
//! The téléservice applies R01 to R06 and R12; navette trusts none of it and checks again. Holes in the feed and its
//! epochs are not judged here.

use crate::check::{
    demands,
    nomenclature::{Nomenclature, misfit},
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
    // A division is a code and stays as it is; but no file could carry such a character in it either.
    text::normalise(pupil.division.as_str())?;
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
    let misfit = misfit(context.nomenclature, &choices, event.at);
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

#[cfg(test)]
mod tests {
    use super::{Change, Context, Lock, PupilState, apply, pupils};
    use crate::check::nomenclature::{Class, Mef, Nomenclature};
    use crate::domain::{
        anomaly::Subject,
        campaign::Phase,
        event::{Event, EventKind, RawChoice, RawDemand},
        pupil::{Division, Ine, Private, Pupil, PupilId, Representative, RepresentativeId},
        school::Level,
        time::Timestamp,
        track::{MefCode, Track},
    };
    use Phase::{Definitive, Provisional};
    use proptest::prelude::*;
    use rstest::rstest;
    use std::collections::{BTreeMap, BTreeSet};

    const NOW: Timestamp = Timestamp::from_epoch_ms(9_000_000);
    /// `seq` of the last event that is in time for the definitive deadline: an event happens at its `seq`, in seconds.
    const DEADLINE: i64 = 50;

    type States = BTreeMap<PupilId, PupilState>;

    fn person(id: i64) -> Representative {
        Representative {
            id: RepresentativeId(id),
            rank: 1,
            title: Private::new("Mme".to_owned()),
            last_name: Private::new("DURAND".to_owned()),
            first_name: Private::new("Anne".to_owned()),
            email: Some(Private::new("anne@exemple.fr".to_owned())),
        }
    }

    fn pupil(id: i64) -> Pupil {
        Pupil {
            id: PupilId(id),
            ine: Some(Ine::parse("123456789AB").unwrap()),
            level: Level::Troisieme,
            division: Division::parse("3 A").unwrap(),
            last_name: Private::new("DUPOND".to_owned()),
            first_name: Private::new("Jules".to_owned()),
            in_procedure: true,
            representatives: vec![person(1), person(2)],
        }
    }

    fn arrives() -> EventKind {
        EventKind::Pupil(pupil(100))
    }

    fn plain(rank: i64, track: &str) -> RawChoice {
        RawChoice { rank, track: track.to_owned(), formation: None, code: None, status: None }
    }

    fn raw(phase: Phase, version: u32, by: i64, choices: Vec<RawChoice>) -> RawDemand {
        let representative = RepresentativeId(by);
        RawDemand { pupil: PupilId(100), level: Level::Troisieme, phase, version, representative, choices }
    }

    fn validates(phase: Phase, version: u32, by: i64) -> EventKind {
        EventKind::Demand(raw(phase, version, by, vec![plain(1, "2GT")]))
    }

    fn locks(phase: Phase, order: u32) -> EventKind {
        EventKind::Locked { pupil: PupilId(100), level: Level::Troisieme, phase, order }
    }

    fn acknowledges(by: i64) -> EventKind {
        EventKind::Acknowledged { pupil: PupilId(100), level: Level::Troisieme, representative: RepresentativeId(by) }
    }

    fn replies(by: i64, accepted: &[Track]) -> EventKind {
        EventKind::Replied {
            pupil: PupilId(100),
            level: Level::Troisieme,
            representative: RepresentativeId(by),
            agrees: !accepted.is_empty(),
            accepted: accepted.to_vec(),
        }
    }

    fn unreadable(pupil: Option<i64>, phase: Option<Phase>) -> EventKind {
        EventKind::Unreadable { pupil: pupil.map(PupilId), phase, why: "version".to_owned() }
    }

    fn event(seq: u64, kind: EventKind) -> Event {
        Event { seq, at: Timestamp::from_epoch_ms(i64::try_from(seq).unwrap() * 1_000), kind }
    }

    /// Order 1 carried version 1, order 2 version 2, order 9 a paper demand's response; others carried none.
    fn carried(order: u32, _: PupilId, _: Phase) -> Option<Option<u32>> {
        match order {
            1 | 2 => Some(Some(order)),
            9 => Some(None),
            _ => None,
        }
    }

    fn play_on(states: &mut States, events: &[Event]) -> Vec<Change> {
        let deadline = Timestamp::from_epoch_ms(DEADLINE * 1_000);
        let deadlines = BTreeMap::from([((Level::Troisieme, Definitive), deadline)]);
        let code = MefCode::parse("2470000001").unwrap();
        let formation = Mef { class: Some(Class::Track(Track::SecondePro)), closes: None };
        let nomenclature = Nomenclature::new([(code, formation)]);
        let context = Context { deadlines: &deadlines, carried: &carried, nomenclature: Some(&nomenclature), now: NOW };
        events.iter().flat_map(|event| apply(states, event, &context)).collect()
    }

    fn play(kinds: Vec<(u64, EventKind)>) -> (States, Vec<Change>) {
        let events: Vec<Event> = kinds.into_iter().map(|(seq, kind)| event(seq, kind)).collect();
        let mut states = States::new();
        let changes = play_on(&mut states, &events);
        (states, changes)
    }

    /// What changes, in short: `P1` is version 1 of the provisional phase, `D2!` a late definitive one.
    fn short(changes: &[Change]) -> Vec<String> {
        let phase = |phase: &Phase| match phase {
            Provisional => "P",
            Definitive => "D",
        };
        let one = |change: &Change| match change {
            Change::PutPupil(pupil) => format!("+{}", pupil.id),
            Change::PupilLeft(pupil) => format!("-{pupil}"),
            Change::PutDemand { demand, .. } => {
                format!("{}{}{}", phase(&demand.phase), demand.version, if demand.late { "!" } else { "" })
            }
            Change::PutAcknowledgement { ack, seq, .. } => format!("ack {} {seq}", ack.representative),
            Change::PutReply { reply, .. } => format!("reply {} {}", reply.representative, reply.accepted.len()),
            Change::Window { phase: of, event, .. } => format!("{} open {} {:?}", phase(of), event.open, event.order),
            Change::Locked { phase: of, order, seq, .. } => format!("{} lock {order} {seq}", phase(of)),
            Change::Anomaly(anomaly) => match &anomaly.subject {
                Subject::Pupil(_, of) => {
                    format!("{}:{}", anomaly.code.as_str(), of.as_ref().map_or("", phase))
                }
                Subject::Event(seq) => format!("{}@{seq}", anomaly.code.as_str()),
                Subject::Hole(..) | Subject::Epoch(_) | Subject::File(_) => panic!("not of the feed: {anomaly:?}"),
            },
        };
        changes.iter().map(one).collect()
    }

    #[rstest]
    // R16: each validation is a new version.
    #[case(vec![(1, arrives()), (2, validates(Definitive, 1, 1)), (3, validates(Definitive, 2, 1))], "+100 D1 D2")]
    // Versions may skip, never repeat, go back or be 0.
    #[case(vec![(1, arrives()), (2, validates(Definitive, 4, 1)), (3, validates(Definitive, 4, 1))], "+100 D4 EVENEMENT:D")]
    #[case(vec![(1, arrives()), (2, validates(Definitive, 4, 1)), (3, validates(Definitive, 3, 1))], "+100 D4 EVENEMENT:D")]
    #[case(vec![(1, arrives()), (2, validates(Definitive, 0, 1))], "+100 EVENEMENT:D")]
    #[case(vec![(2, validates(Definitive, 1, 1))], "EVENEMENT:D")]
    // R04: the owner of a phase is whoever validated it first; another phase can be the other's.
    #[case(vec![(1, arrives()), (2, validates(Definitive, 1, 1)), (3, validates(Definitive, 2, 2))], "+100 D1 PROPRIETAIRE:D")]
    #[case(vec![(1, arrives()), (2, validates(Provisional, 1, 1)), (3, validates(Definitive, 1, 2))], "+100 P1 D1")]
    #[case(vec![(1, arrives()), (2, validates(Definitive, 1, 3)), (3, validates(Definitive, 1, 2))], "+100 PROPRIETAIRE:D D1")]
    // R05: the other representative may have acknowledged; without an opinion nobody has to.
    #[case(vec![(1, arrives()), (2, locks(Provisional, 7)), (3, validates(Definitive, 1, 1))], "+100 P lock 7 2 ACCUSE_MANQUANT:D")]
    #[case(vec![(1, arrives()), (2, locks(Provisional, 7)), (3, acknowledges(2)), (4, validates(Definitive, 1, 1))], "+100 P lock 7 2 ack 2 3 D1")]
    #[case(vec![(1, arrives()), (2, acknowledges(2)), (3, acknowledges(1))], "+100 ack 2 2")]
    #[case(vec![(1, arrives()), (2, acknowledges(3))], "+100 PROPRIETAIRE:P")]
    #[case(vec![(2, acknowledges(1))], "EVENEMENT:P")]
    // R12: a lock ends its own phase only.
    #[case(vec![(1, arrives()), (2, locks(Definitive, 7)), (3, validates(Definitive, 1, 1))], "+100 D lock 7 2 VERROUILLEE:D")]
    #[case(vec![(1, arrives()), (2, locks(Provisional, 7)), (3, validates(Provisional, 1, 1))], "+100 P lock 7 2 VERROUILLEE:P")]
    #[case(vec![(1, arrives()), (2, locks(Definitive, 7)), (3, validates(Provisional, 1, 1))], "+100 D lock 7 2 P1")]
    // R05 is named before R12.
    #[case(vec![(1, arrives()), (2, locks(Provisional, 7)), (3, locks(Definitive, 8)), (4, validates(Definitive, 1, 1))],
        "+100 P lock 7 2 D lock 8 3 ACCUSE_MANQUANT:D")]
    #[case(vec![(2, locks(Definitive, 7))], "EVENEMENT:D")]
    // R17: judged again at the lock, on the last demand before it.
    #[case(vec![(1, arrives()), (2, validates(Definitive, 1, 1)), (3, locks(Definitive, 1))], "+100 D1 D lock 1 3")]
    #[case(vec![(1, arrives()), (2, validates(Definitive, 2, 1)), (3, locks(Definitive, 1))], "+100 D2 D lock 1 3 PERIMEE:D")]
    #[case(vec![(1, arrives()), (2, validates(Definitive, 1, 1)), (3, locks(Definitive, 9))], "+100 D1 D lock 9 3 PERIMEE:D")]
    #[case(vec![(1, arrives()), (3, locks(Definitive, 9))], "+100 D lock 9 3")]
    #[case(vec![(1, arrives()), (3, locks(Definitive, 1))], "+100 D lock 1 3 PERIMEE:D")]
    #[case(vec![(1, arrives()), (2, validates(Definitive, 1, 1)), (3, locks(Definitive, 8))], "+100 D1 D lock 8 3")]
    // R18: exactly at the deadline is in time; the other phase has no calendar here.
    #[case(vec![(1, arrives()), (50, validates(Definitive, 1, 1))], "+100 D1")]
    #[case(vec![(1, arrives()), (51, validates(Definitive, 1, 1))], "+100 D1! TARDIVE:D")]
    #[case(vec![(1, arrives()), (51, validates(Provisional, 1, 1))], "+100 P1")]
    // R15: a reply belongs to whoever gave it first, and its last word stands.
    #[case(vec![(1, arrives()), (2, replies(2, &[Track::Cap])), (3, replies(2, &[]))], "+100 reply 2 1 reply 2 0")]
    #[case(vec![(1, arrives()), (2, replies(2, &[])), (3, replies(1, &[]))], "+100 reply 2 0 PROPRIETAIRE:D")]
    #[case(vec![(1, arrives()), (2, replies(3, &[]))], "+100 PROPRIETAIRE:D")]
    #[case(vec![(2, replies(1, &[]))], "EVENEMENT:D")]
    // Leaving and coming back; an unknown pupil cannot leave.
    #[case(vec![(1, arrives()), (2, EventKind::PupilLeft(PupilId(100))), (3, arrives())], "+100 -100 +100")]
    #[case(vec![(2, EventKind::PupilLeft(PupilId(100)))], "EVENEMENT:")]
    // Unreadable events stand for a pupil where one can be told, else for themselves.
    #[case(vec![(4, unreadable(None, None))], "EVENEMENT@4")]
    #[case(vec![(4, unreadable(Some(100), Some(Definitive)))], "EVENEMENT:D")]
    #[case(vec![(4, unreadable(Some(100), None))], "EVENEMENT:")]
    fn rules(#[case] history: Vec<(u64, EventKind)>, #[case] expected: &str) {
        assert_eq!(short(&play(history).1).join(" "), expected);
    }

    #[rstest]
    #[case(EventKind::Acknowledged { pupil: PupilId(100), level: Level::SecondeGt, representative: RepresentativeId(1) })]
    #[case(EventKind::Locked { pupil: PupilId(100), level: Level::SecondeGt, phase: Provisional, order: 1 })]
    fn another_level_than_the_pupils_is_a_wrong_field(#[case] kind: EventKind) {
        assert_eq!(short(&play(vec![(1, arrives()), (2, kind)]).1), ["+100", "EVENEMENT:P"]);
    }

    #[test]
    fn windows_are_passed_on_whole() {
        let kind = |order| EventKind::Window {
            level: Level::Troisieme,
            phase: Definitive,
            open: order == Some(12),
            motive: "R08".to_owned(),
            order,
        };
        let (_, changes) = play(vec![(6, kind(Some(12))), (7, kind(None))]);
        assert_eq!(short(&changes), ["D open true Some(12)", "D open false None"]);
        let Some(Change::Window { level, event, .. }) = changes.first() else { panic!("{changes:?}") };
        assert_eq!(
            (*level, event.seq, event.at.epoch_ms(), event.motive.as_str()),
            (Level::Troisieme, 6, 6_000, "R08")
        );
    }

    #[test]
    fn a_demand_is_kept_as_it_was_validated() {
        let choices = vec![
            RawChoice {
                formation: Some("\tMécanique  auto ".to_owned()),
                status: Some("AP".to_owned()),
                ..plain(2, "2PRO")
            },
            plain(1, "2GT"),
        ];
        let kind = EventKind::Demand(raw(Provisional, 3, 2, choices));
        let (states, changes) = play(vec![(1, arrives()), (60, kind)]);
        let Some(Change::PutDemand { demand, level, seq }) = changes.get(1) else { panic!("{changes:?}") };
        assert_eq!((*level, *seq, demand.version, demand.late), (Level::Troisieme, 60, 3, false));
        assert_eq!((demand.pupil, demand.representative), (PupilId(100), RepresentativeId(2)));
        assert_eq!(demand.validated_at, Timestamp::from_epoch_ms(60_000));
        let tracks: Vec<Track> = demand.choices.as_slice().iter().map(|choice| choice.track()).collect();
        assert_eq!(tracks, [Track::SecondeGt, Track::SecondePro]);
        let label = demand.choices.as_slice().get(1).and_then(|choice| choice.formation()).map(|it| it.label.as_str());
        assert_eq!(label, Some("Mécanique auto"));
        let phase = states.get(&PupilId(100)).and_then(|state| state.phases.get(&Provisional)).unwrap();
        assert_eq!((phase.owner, phase.last, phase.locked), (Some(RepresentativeId(2)), Some((3, 60)), None));
    }

    #[test]
    fn a_wrong_formation_code_warns_and_the_demand_goes_on() {
        let vocational = |code: &str| RawChoice {
            formation: Some("Bois".to_owned()),
            code: Some(code.to_owned()),
            status: Some("ST".to_owned()),
            ..plain(1, "2PRO")
        };
        let validates = |version, code| EventKind::Demand(raw(Definitive, version, 1, vec![vocational(code)]));
        let (_, changes) =
            play(vec![(1, arrives()), (2, validates(1, "2470000001")), (51, validates(2, "2470000002"))]);
        assert_eq!(short(&changes), ["+100", "D1", "D2!", "TARDIVE:D", "MEF:D"]);
        let Some(Change::Anomaly(mef)) = changes.last() else { panic!("{changes:?}") };
        assert_eq!((mef.detail.as_str(), mef.at), ("version 2, code 2470000002", NOW));
    }

    #[test]
    fn out_of_procedure_pupils_are_followed_in_silence() {
        let repeats = EventKind::Pupil(Pupil { in_procedure: false, ..pupil(100) });
        assert_eq!(short(&play(vec![(1, repeats), (2, validates(Definitive, 1, 1))]).1), ["+100", "D1"]);
    }

    #[test]
    fn a_pupils_texts_are_normalised() {
        let odd = Pupil {
            division: Division::parse("3  A").unwrap(),
            last_name: Private::new(" DU\u{a0}PONT ".to_owned()),
            first_name: Private::new("Zoé\n".to_owned()),
            representatives: vec![Representative { email: None, ..person(1) }, person(2)],
            ..pupil(100)
        };
        let (states, changes) = play(vec![(1, EventKind::Pupil(odd))]);
        let expected = Pupil {
            division: Division::parse("3  A").unwrap(),
            last_name: Private::new("DU PONT".to_owned()),
            first_name: Private::new("Zoé".to_owned()),
            representatives: vec![Representative { email: None, ..person(1) }, person(2)],
            ..pupil(100)
        };
        assert_eq!(changes, [Change::PutPupil(expected.clone())]);
        assert_eq!(states.get(&PupilId(100)).unwrap().pupil, Some(expected));
    }

    #[rstest]
    #[case(|pupil: &mut Pupil, odd| pupil.last_name = odd)]
    #[case(|pupil: &mut Pupil, odd| pupil.first_name = odd)]
    #[case(|pupil: &mut Pupil, odd: Private<String>| pupil.representatives.iter_mut().for_each(|it| it.title = odd.clone()))]
    #[case(|pupil: &mut Pupil, odd: Private<String>| pupil.representatives.iter_mut().for_each(|it| it.last_name = odd.clone()))]
    #[case(|pupil: &mut Pupil, odd: Private<String>| pupil.representatives.iter_mut().for_each(|it| it.first_name = odd.clone()))]
    #[case(|pupil: &mut Pupil, odd: Private<String>| pupil.representatives.iter_mut().for_each(|it| it.email = Some(odd.clone())))]
    #[case(|pupil: &mut Pupil, _| pupil.division = Division::parse("3\u{fffe}A").unwrap())]
    fn a_control_character_keeps_a_pupil_out(#[case] spoil: fn(&mut Pupil, Private<String>)) {
        let mut spoilt = pupil(100);
        spoil(&mut spoilt, Private::new("a\u{1}b".to_owned()));
        let (states, changes) = play(vec![(1, arrives()), (2, EventKind::Pupil(spoilt))]);
        assert_eq!(short(&changes), ["+100", "TEXTE:"]);
        assert_eq!(states.get(&PupilId(100)).unwrap().pupil, Some(pupil(100)));
    }

    #[rstest]
    #[case("0000000001B", false)]
    #[case("0000000001C", true)]
    fn a_bea_key_that_differs_warns(#[case] ine: &str, #[case] warns: bool) {
        let odd = Pupil { ine: Ine::parse(ine).ok(), ..pupil(100) };
        let expected: &[&str] = if warns { &["+100", "CLE_INE:"] } else { &["+100"] };
        assert_eq!(short(&play(vec![(1, EventKind::Pupil(odd))]).1), expected);
    }

    #[test]
    fn states_follow() {
        let (mut states, _) = play(vec![
            (1, arrives()),
            (2, locks(Provisional, 1)),
            (3, locks(Provisional, 2)),
            (4, acknowledges(2)),
            (5, acknowledges(1)),
            (6, replies(2, &[])),
            (7, EventKind::PupilLeft(PupilId(100))),
        ]);
        let state = states.get(&PupilId(100)).unwrap();
        assert!(!state.present);
        assert_eq!(state.acknowledged_seq, Some(4));
        assert_eq!(state.phases.get(&Provisional).unwrap().locked, Some(Lock { seq: 2, order: 1 }));
        assert_eq!(state.phases.get(&Definitive).unwrap().reply_by, Some(RepresentativeId(2)));
        play_on(&mut states, &[event(8, arrives())]);
        assert!(states.get(&PupilId(100)).unwrap().present);
    }

    #[test]
    fn rules_compare_places_in_the_feed_not_progress() {
        // Lock and acknowledgement were read already, and stand behind these demands.
        let (mut states, _) = play(vec![(1, arrives()), (20, locks(Provisional, 7)), (30, acknowledges(1))]);
        let at = |seq, phase| event(seq, validates(phase, 1, 1));
        let mut early = states.clone();
        assert_eq!(short(&play_on(&mut early, &[at(19, Provisional), at(19, Definitive)])), ["P1", "D1"]);
        assert_eq!(short(&play_on(&mut early, &[at(19, Provisional)])), Vec::<String>::new());
        assert_eq!(short(&play_on(&mut states, &[at(25, Definitive)])), ["ACCUSE_MANQUANT:D"]);
        assert_eq!(short(&play_on(&mut states, &[at(30, Definitive)])), ["ACCUSE_MANQUANT:D"]);
        assert_eq!(short(&play_on(&mut states, &[at(20, Provisional)])), ["P1"]);
        assert_eq!(short(&play_on(&mut states, &[at(31, Definitive)])), ["D1"]);
    }

    #[test]
    fn a_lock_is_judged_by_the_demands_before_it() {
        let (mut states, _) = play(vec![(1, arrives()), (10, validates(Definitive, 1, 1))]);
        assert_eq!(
            short(&play_on(&mut states.clone(), &[event(10, locks(Definitive, 1))])),
            ["D lock 1 10", "PERIMEE:D"]
        );
        assert_eq!(short(&play_on(&mut states, &[event(11, locks(Definitive, 1))])), ["D lock 1 11"]);
    }

    #[test]
    fn the_pupils_of_a_page_are_known_beforehand() {
        let kinds = [
            EventKind::Pupil(pupil(1)),
            EventKind::PupilLeft(PupilId(2)),
            EventKind::Demand(RawDemand { pupil: PupilId(3), ..raw(Definitive, 1, 1, Vec::new()) }),
            EventKind::Window {
                level: Level::Troisieme,
                phase: Definitive,
                open: true,
                motive: String::new(),
                order: None,
            },
            acknowledges(1),
            unreadable(Some(5), None),
        ];
        let events: Vec<Event> = kinds.into_iter().map(|kind| event(1, kind)).collect();
        assert_eq!(pupils(&events), BTreeSet::from([1, 2, 3, 100].map(PupilId)));
    }

    fn any_kind() -> impl Strategy<Value = EventKind> {
        let phase = prop_oneof![Just(Provisional), Just(Definitive)];
        prop_oneof![
            2 => (100..103_i64).prop_map(|id| EventKind::Pupil(pupil(id))),
            1 => (100..103_i64).prop_map(|id| EventKind::PupilLeft(PupilId(id))),
            6 => (phase.clone(), 0..5_u32, 1..4_i64, 0..3_usize, 100..103_i64).prop_map(|(phase, version, by, many, id)| {
                let choices = ["2GT", "1G"].into_iter().zip(1..).take(many).map(|(track, rank)| plain(rank, track));
                EventKind::Demand(RawDemand { pupil: PupilId(id), ..raw(phase, version, by, choices.collect()) })
            }),
            1 => (1..4_i64).prop_map(acknowledges),
            1 => (1..4_i64).prop_map(|by| replies(by, &[])),
            1 => (phase, 1..4_u32).prop_map(|(phase, order)| locks(phase, order)),
        ]
    }

    proptest! {
        #[test]
        fn reading_again_changes_nothing(kinds in proptest::collection::vec(any_kind(), 0..40)) {
            let arrivals = (100..103).map(|id| EventKind::Pupil(pupil(id)));
            let events: Vec<Event> = arrivals.chain(kinds).zip(1..).map(|(kind, seq)| event(seq, kind)).collect();
            let mut states = States::new();
            let first = play_on(&mut states, &events);
            let once = states.clone();
            let again = play_on(&mut states, &events);
            prop_assert_eq!(&states, &once);
            let anew = |change: &&Change| matches!(change, Change::PutDemand { .. } | Change::PutAcknowledgement { .. });
            prop_assert_eq!(again.iter().find(anew), None);
            // A page boundary anywhere gives the same as one page.
            let mut paged = States::new();
            let by_page: Vec<Change> = events.chunks(7).flat_map(|page| play_on(&mut paged, page)).collect();
            prop_assert_eq!(by_page, first);
        }

        #[test]
        fn versions_rise_and_belong_to_one_owner(kinds in proptest::collection::vec(any_kind(), 0..60)) {
            let (_, changes) = play((1..).zip(kinds).collect());
            let mut seen: BTreeMap<(PupilId, Phase), (u32, RepresentativeId)> = BTreeMap::new();
            for change in changes {
                if let Change::PutDemand { demand, .. } = change {
                    let key = (demand.pupil, demand.phase);
                    if let Some((version, owner)) = seen.insert(key, (demand.version, demand.representative)) {
                        prop_assert!(version < demand.version);
                        prop_assert_eq!(owner, demand.representative);
                    }
                }
            }
        }
    }
}
