//! The téléservice's stand-in: what families, schools and navette's orders do there, and what can be seen.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    demand::{Acknowledgement, Reply},
    event::{EventKind, RawChoice, RawDemand},
    order::{ResponseOrder, WindowOrder},
    pupil::{Division, Pupil, PupilId, RepresentativeId},
    response::Verdicts,
    school::{Level, SchoolKey},
    time::{Timestamp, Zone},
    track::Track,
};
use crate::sandbox::{
    Problem,
    desk::{Desk, Record, Version},
    faults::Faults,
    feed::Line,
    orders::{ResponseAnswer, WindowAnswer},
    rules::{self, EntryCode},
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// `motif` of a window that a person moved.
const BY_A_PERSON: &str = "MAIN";

/// The stand-in.
#[derive(Clone, Debug, Default)]
pub struct Teleservice {
    /// What goes wrong when it is asked.
    pub faults: Faults,
    desks: BTreeMap<SchoolKey, Desk>,
    mails: Vec<Mail>,
}

/// Which of the two recaps a mail is (R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailKind {
    /// For the representative who entered.
    Owner,
    /// For the one who reads.
    Reader,
}

impl MailKind {
    /// As reports say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Reader => "reader",
        }
    }
}

/// A recap that was sent (R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mail {
    /// School and year.
    pub school: SchoolKey,
    /// To whom.
    pub to: RepresentativeId,
    /// Which of the two texts.
    pub kind: MailKind,
    /// About which pupil.
    pub pupil: PupilId,
    /// When.
    pub at: Timestamp,
}

/// What a representative sees of a pupil in one phase, and the head of school with them, read-only (R14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The last validated version.
    pub demand: Option<Version>,
    /// Whether this representative could still change it.
    pub may_change: bool,
    /// What the council answered, as `2GT=OUI`.
    pub verdicts: Vec<String>,
}

/// What families and schools do.
impl Teleservice {
    /// A téléservice without schools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a school; one that is there keeps all it has.
    pub fn add_school(&mut self, school: SchoolKey, zone: Zone) {
        self.desks.entry(school).or_insert_with(|| Desk::new(zone));
    }

    /// A pupil joins the school, comes back, or changes.
    pub fn arrive(&mut self, school: SchoolKey, pupil: Pupil, now: Timestamp) {
        let desk = self.desk(school);
        desk.tell(now, EventKind::Pupil(pupil.clone()));
        match desk.pupils.get_mut(&pupil.id) {
            Some(record) => (record.pupil, record.present) = (pupil, true),
            None => _ = desk.pupils.insert(pupil.id, Record::new(pupil)),
        }
    }

    /// A pupil leaves the school; one who is not there leaves nothing.
    pub fn leave(&mut self, school: SchoolKey, pupil: PupilId, now: Timestamp) {
        let desk = self.desk(school);
        if let Some(record) = desk.pupils.get_mut(&pupil).filter(|record| record.present) {
            record.present = false;
            desk.tell(now, EventKind::PupilLeft(pupil));
        }
    }

    /// A representative types choices and does not validate them: nothing is saved (R01).
    ///
    /// # Errors
    /// The first rule of entry that forbids it.
    pub fn draft(
        &self,
        school: SchoolKey,
        phase: Phase,
        pupil: PupilId,
        by: RepresentativeId,
        choices: &[RawChoice],
    ) -> Result<(), EntryCode> {
        let record = self.desks.get(&school).and_then(|desk| desk.pupils.get(&pupil));
        let open = record.is_some_and(|record| self.is_open(school, record.pupil.level, phase));
        // A pupil unknown here finds the window of either level: the code that comes then is about the pupil.
        let open = open || (record.is_none() && Level::ALL.into_iter().any(|level| self.is_open(school, level, phase)));
        rules::may_validate(record, phase, by, choices, open)
    }

    /// A representative validates choices: a new version (R16), and the first to do so owns the phase (R04).
    ///
    /// # Errors
    /// The first rule of entry that forbids it; nothing changes then.
    pub fn validate(
        &mut self,
        school: SchoolKey,
        phase: Phase,
        pupil: PupilId,
        by: RepresentativeId,
        choices: &[RawChoice],
        now: Timestamp,
    ) -> Result<u32, EntryCode> {
        self.draft(school, phase, pupil, by, choices)?;
        let desk = self.desk(school);
        let record = desk.pupils.get_mut(&pupil).ok_or(EntryCode::OutOfProcedure)?;
        record.sessions.insert(by);
        let level = record.pupil.level;
        let entry = record.phases.entry(phase).or_default();
        entry.owner.get_or_insert(by);
        let version = entry.versions.last().map_or(1, |last| last.number + 1);
        let choices = choices.to_vec();
        entry.versions.push(Version { number: version, by, at: now, choices: choices.clone() });
        desk.tell(now, EventKind::Demand(RawDemand { pupil, level, phase, version, representative: by, choices }));
        Ok(version)
    }

    /// Every pupil in procedure without a validated demand, of one division or of all, validates one choice by the first
    /// representative. Answers how many did.
    ///
    /// # Errors
    /// The first code that one of them met; the others validated all the same.
    pub fn validate_all(
        &mut self,
        key: CampaignKey,
        division: Option<&Division>,
        track: &str,
        now: Timestamp,
    ) -> Result<u32, EntryCode> {
        let without_demand = |record: &&Record| {
            let of_division = division.is_none_or(|division| record.pupil.division == *division);
            let in_procedure = record.present && record.pupil.in_procedure && record.pupil.level == key.level;
            of_division && in_procedure && record.last_version(key.phase).is_none()
        };
        let (formation, code, status) = (None, None, None);
        let choices = [RawChoice { rank: 1, track: track.to_owned(), formation, code, status }];
        let who = self.first_representatives(key.school, without_demand);
        all(who, |(pupil, by)| self.validate(key.school, key.phase, pupil, by, &choices, now).map(|_| ()))
    }

    /// A representative's entry session ends: when something was validated in it, a recap goes to both (R13).
    pub fn logout(&mut self, school: SchoolKey, pupil: PupilId, by: RepresentativeId, now: Timestamp) {
        let Some(record) = self.desk(school).pupils.get_mut(&pupil) else { return };
        if !record.sessions.remove(&by) {
            return;
        }
        let others = record.pupil.representatives.iter().map(|one| one.id).filter(|id| *id != by);
        let readers = others.map(|to| (to, MailKind::Reader));
        let mails = std::iter::once((by, MailKind::Owner)).chain(readers);
        let mails: Vec<_> = mails.map(|(to, kind)| Mail { school, to, kind, pupil, at: now }).collect();
        self.mails.extend(mails);
    }

    /// A representative acknowledges the provisional opinion (R05, R15), while the provisional campaign is reopened or the
    /// definitive one is open. Whoever did already changes nothing.
    ///
    /// # Errors
    /// `Closed`, `NoResponse` or `NotOwner`.
    pub fn acknowledge(
        &mut self,
        school: SchoolKey,
        pupil: PupilId,
        by: RepresentativeId,
        now: Timestamp,
    ) -> Result<(), EntryCode> {
        let desk = self.desk(school);
        let record = desk.pupils.get(&pupil);
        let levels: Vec<_> = record.map_or(Level::ALL.to_vec(), |record| vec![record.pupil.level]);
        let open = levels.into_iter().any(|level| Phase::ALL.into_iter().any(|phase| desk.is_open(level, phase)));
        rules::may_acknowledge(record, by, open)?;
        let record = desk.pupils.get_mut(&pupil).ok_or(EntryCode::NoResponse)?;
        if record.acknowledgements.iter().any(|known| known.representative == by) {
            return Ok(());
        }
        record.acknowledgements.push(Acknowledgement { representative: by, at: now });
        let level = record.pupil.level;
        desk.tell(now, EventKind::Acknowledged { pupil, level, representative: by });
        Ok(())
    }

    /// Every pupil with a provisional opinion that nobody read acknowledges by the first representative.
    ///
    /// # Errors
    /// The first code that one of them met; the others acknowledged all the same.
    pub fn acknowledge_all(&mut self, school: SchoolKey, level: Level, now: Timestamp) -> Result<u32, EntryCode> {
        let unread = |record: &&Record| {
            let answered = record.phases.get(&Phase::Provisional).is_some_and(|entry| entry.response.is_some());
            record.present && record.pupil.level == level && answered && record.acknowledgements.is_empty()
        };
        let who = self.first_representatives(school, unread);
        all(who, |(pupil, by)| self.acknowledge(school, pupil, by, now))
    }

    /// A representative replies to the proposals: accepts some, or none, which is disagreement (R15).
    ///
    /// # Errors
    /// `Closed`, `NoResponse` or `NotOwner`.
    pub fn reply(
        &mut self,
        school: SchoolKey,
        pupil: PupilId,
        by: RepresentativeId,
        accepted: &[Track],
        now: Timestamp,
    ) -> Result<(), EntryCode> {
        let desk = self.desk(school);
        let record = desk.pupils.get(&pupil);
        let levels: Vec<_> = record.map_or(Level::ALL.to_vec(), |record| vec![record.pupil.level]);
        let open = levels.into_iter().any(|level| desk.is_open(level, Phase::Definitive));
        rules::may_reply(record, by, accepted, open)?;
        let record = desk.pupils.get_mut(&pupil).ok_or(EntryCode::NoResponse)?;
        let (agrees, accepted) = (!accepted.is_empty(), accepted.to_vec());
        record.replies.push(Reply { representative: by, at: now, agrees, accepted: accepted.clone() });
        let level = record.pupil.level;
        desk.tell(now, EventKind::Replied { pupil, level, representative: by, agrees, accepted });
        Ok(())
    }

    /// A person opens or closes the service; what already is stays as it is.
    pub fn switch(&mut self, key: CampaignKey, open: bool, now: Timestamp) {
        let desk = self.desk(key.school);
        if desk.is_open(key.level, key.phase) != open {
            desk.move_window(key, open, BY_A_PERSON, None, now);
        }
    }

    /// Puts a raw event into the feed, and into nothing else: `le` is `now` and `seq` the next one unless given, fields
    /// named in `without` are left out. Answers its place.
    pub fn emit(
        &mut self,
        school: SchoolKey,
        mut event: Map<String, Value>,
        without: &BTreeSet<String>,
        now: Timestamp,
    ) -> u64 {
        let desk = self.desk(school);
        let next = desk.feed.last() + 1;
        let seq = event.get("seq").and_then(Value::as_u64).filter(|seq| *seq > 0).unwrap_or(next);
        event.entry("seq").or_insert_with(|| seq.into());
        event.entry("le").or_insert_with(|| now.rfc3339_in(desk.zone).into());
        event.retain(|field, _| !without.contains(field));
        desk.feed.put(seq, Line::Raw(Value::Object(event).to_string()));
        seq
    }
}

/// What navette orders.
impl Teleservice {
    /// Obeys a window order.
    ///
    /// # Errors
    /// 404 for an unknown school, and what `Desk::obey_window` refuses.
    pub fn order_window(&mut self, order: &WindowOrder, now: Timestamp) -> Result<WindowAnswer, Problem> {
        self.desks.get_mut(&order.key.school).ok_or_else(no_school)?.obey_window(order, now)
    }

    /// Obeys an order that carries responses; `digest` is that of its body.
    ///
    /// # Errors
    /// 404 for an unknown school, and what `Desk::obey_responses` refuses.
    pub fn order_responses(
        &mut self,
        order: &ResponseOrder,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<ResponseAnswer, Problem> {
        self.desks.get_mut(&order.key.school).ok_or_else(no_school)?.obey_responses(order, digest, now)
    }
}

/// What can be seen.
impl Teleservice {
    /// Its schools.
    pub fn schools(&self) -> impl Iterator<Item = SchoolKey> {
        self.desks.keys().copied()
    }

    /// All that it keeps of a school and year.
    pub fn school(&self, school: SchoolKey) -> Option<&Desk> {
        self.desks.get(&school)
    }

    /// All that it keeps of a pupil.
    pub fn record(&self, school: SchoolKey, pupil: PupilId) -> Option<&Record> {
        self.desks.get(&school).and_then(|desk| desk.pupils.get(&pupil))
    }

    /// Whether families can enter.
    pub fn is_open(&self, school: SchoolKey, level: Level, phase: Phase) -> bool {
        self.desks.get(&school).is_some_and(|desk| desk.is_open(level, phase))
    }

    /// Whether the demand of a pupil is locked.
    pub fn is_locked(&self, school: SchoolKey, pupil: PupilId, phase: Phase) -> bool {
        self.record(school, pupil).is_some_and(|record| record.is_locked(phase))
    }

    /// What the council answered a pupil, as `2GT=OUI`, in the order of tracks.
    pub fn verdicts(&self, school: SchoolKey, pupil: PupilId, phase: Phase) -> Vec<String> {
        self.record(school, pupil).map(|record| verdicts(record, phase)).unwrap_or_default()
    }

    /// The recaps sent, in order.
    pub fn mails(&self) -> &[Mail] {
        &self.mails
    }

    /// What `by` sees of a pupil (R14); nothing for people who represent somebody else.
    pub fn seen_by(&self, school: SchoolKey, pupil: PupilId, phase: Phase, by: RepresentativeId) -> Option<Sight> {
        let record = self.record(school, pupil).filter(|record| record.is_represented_by(by))?;
        let owner = record.phases.get(&phase).and_then(|entry| entry.owner);
        let changeable = self.is_open(school, record.pupil.level, phase) && !record.is_locked(phase);
        Some(Sight {
            demand: record.last_version(phase).cloned(),
            may_change: changeable && owner.is_none_or(|owner| owner == by),
            verdicts: verdicts(record, phase),
        })
    }

    fn desk(&mut self, school: SchoolKey) -> &mut Desk {
        self.desks.entry(school).or_insert_with(|| Desk::new(school.uai.zone()))
    }

    fn first_representatives(
        &self,
        school: SchoolKey,
        wanted: impl Fn(&&Record) -> bool,
    ) -> Vec<(PupilId, RepresentativeId)> {
        let records = self.desks.get(&school).into_iter().flat_map(|desk| desk.pupils.values());
        let first = |record: &Record| record.pupil.representatives.first().map(|one| (record.pupil.id, one.id));
        records.filter(wanted).filter_map(first).collect()
    }
}

/// Does `act` for each, counts what went well, and answers the first code met.
fn all<T>(who: Vec<T>, mut act: impl FnMut(T) -> Result<(), EntryCode>) -> Result<u32, EntryCode> {
    let (mut done, mut first) = (0, None);
    for one in who {
        match act(one) {
            Ok(()) => done += 1,
            Err(code) => _ = first.get_or_insert(code),
        }
    }
    first.map_or(Ok(done), Err)
}

fn verdicts(record: &Record, phase: Phase) -> Vec<String> {
    let response = record.phases.get(&phase).and_then(|entry| entry.response.as_ref());
    let answer = |accepted| if accepted { "OUI" } else { "NON" };
    match response.map(|response| &response.verdicts) {
        Some(Verdicts::Opinions(all)) => {
            all.iter().map(|one| format!("{}={}", one.track.code(), one.value.code())).collect()
        }
        Some(Verdicts::Proposals(all)) => {
            all.iter().map(|one| format!("{}={}", one.track.code(), answer(one.accepted))).collect()
        }
        None => Vec::new(),
    }
}

fn no_school() -> Problem {
    Problem::technical(404, "ETABLISSEMENT", "no such school and year here")
}
