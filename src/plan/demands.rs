//! Whether a campaign sends a lot now, and which.

use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::{CampaignKey, Phase},
    lot::{Lot, LotCounts, LotHead, LotPupil, NUMBER_MAX},
    pupil::PupilId,
    time::{Timestamp, Zone},
};
use crate::plan::{
    content,
    thresholds::{Gate, Loss, PlanDigest, Thresholds},
};
use std::collections::BTreeMap;

/// The pupils of a campaign as the feed shows them: present, in procedure, of the level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Campaign.
    pub key: CampaignKey,
    /// The school's zone.
    pub zone: Zone,
    /// The feed position that it shows.
    pub cut_seq: u64,
    /// The feed epoch of that position.
    pub epoch: u32,
    /// Pupils, in any order, with the last valid version of each.
    pub pupils: Vec<LotPupil>,
}

/// What the ledger says of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The number that the next lot of the school and year would get.
    pub next_number: u32,
    /// Whether the campaign was ever open.
    pub ever_opened: bool,
    /// `seq` of its latest closing.
    pub closed_seq: Option<u64>,
    /// A lot acknowledged or still waiting was cut at or after the campaign's `ends`.
    pub ended: bool,
    /// The last lot acknowledged or still waiting.
    pub last: Option<LastLot>,
    /// Whether a lot acknowledged or still waiting was cut at or after `closed_seq`, in the same feed epoch. Lots
    /// rejected or abandoned do not count: no receipt of theirs will come.
    pub cut_since_closing: bool,
    /// A lot of the campaign in doubt.
    pub in_doubt: Option<u32>,
    /// The lots that Siècle refused for good, and their contents.
    pub rejected: Vec<(u32, [u8; 32])>,
    /// The version that Siècle holds of each pupil's demand.
    pub siecle_holds: BTreeMap<PupilId, u32>,
    /// A plan that a person approved, and that did not leave yet.
    pub approved: Option<PlanDigest>,
    /// A hand asks for a lot, changed or not (`resync`).
    pub force: bool,
}

/// What is remembered of a lot, to tell whether anything changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastLot {
    /// `NUM_ENVOI`.
    pub number: u32,
    /// Digest of everything but `NUM_ENVOI` and `HORODATAGE`.
    pub content: [u8; 32],
    /// Digest of its acknowledgements alone.
    pub acknowledgements: [u8; 32],
    /// Whether it was cut where the feed stands now, and carried everybody: then the next one would say the same.
    pub is_current: bool,
}

/// Whether a snapshot must be compared with the last lot. It need not where the feed stands where that lot was cut, and
/// nothing but a change would make another one due: most nights of most schools.
pub fn needs_snapshot(phase: Phase, ledger: &Ledger) -> bool {
    let Some(last) = ledger.last.filter(|last| last.is_current) else { return true };
    ledger.in_doubt.is_some() || is_due(phase, ledger, last.content, last.acknowledgements)
}

/// What to do about the demands of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DemandPlan {
    /// Nothing is new.
    Nothing,
    /// This lot is in doubt: no other is cut before that is settled.
    InDoubt(u32),
    /// Siècle refused this lot for good, and nothing changed since.
    Rejected(u32),
    /// Held until a person approves it.
    TooMuchWouldVanish(Loss),
    /// Something is wrong on this side.
    Fault(PlanFault),
    /// A lot leaves.
    Lot(Box<Planned>),
}

/// Why no lot can be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// An empty mirror never means that all are gone.
    #[error("no pupil is known in this campaign while Siècle holds {0} demands: check the feed, nothing was sent")]
    EmptySnapshot(u32),
    /// All numbers are used up.
    #[error("NUM_ENVOI 99999 is used up for this school and year: no lot can be numbered")]
    NumbersExhausted,
}

/// A lot that is to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The lot, sorted and complete.
    pub lot: Lot,
    /// The feed position at which it is cut.
    pub cut_seq: u64,
    /// The feed epoch of that position.
    pub epoch: u32,
    /// Digest of everything but `NUM_ENVOI` and `HORODATAGE`.
    pub content: [u8; 32],
    /// Digest of its acknowledgements alone.
    pub acknowledgements: [u8; 32],
    /// What it does to what Siècle holds.
    pub difference: Difference,
    /// One `ENCODAGE` for each pupil who had to be left out.
    pub anomalies: Vec<Anomaly>,
    /// Whether it leaves by an approval, which is used up by it.
    pub uses_approval: bool,
}

/// What a lot does to what Siècle holds: for the report, and for whoever asks before sending.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Difference {
    /// Demands that Siècle does not hold yet.
    pub added: u32,
    /// Demands that it holds in another version.
    pub changed: u32,
    /// Demands that it holds just so.
    pub unchanged: u32,
    /// Demands that it holds and that the lot does not carry, by pupil.
    pub vanished: Vec<(PupilId, u32)>,
}

/// Decides about a campaign's demands. `carries` tells whether the file's encoding can carry a text: in XML always.
pub fn plan(
    snapshot: Snapshot,
    ledger: &Ledger,
    thresholds: Thresholds,
    carries: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> DemandPlan {
    if !ledger.ever_opened {
        return DemandPlan::Nothing;
    }
    if let Some(number) = ledger.in_doubt {
        return DemandPlan::InDoubt(number);
    }
    let anomalies = unencodable(&snapshot, carries, now);
    let Snapshot { key, zone, cut_seq, epoch, pupils } = snapshot;
    let pupils = complete(key.phase, pupils, carries);
    if pupils.is_empty() {
        let held = count(ledger.siecle_holds.len());
        // Pupils of whom none can be written are known, and stand in the anomalies one by one: the feed is not in doubt.
        let is_doubtful = 0 < held && anomalies.is_empty();
        return if is_doubtful { DemandPlan::Fault(PlanFault::EmptySnapshot(held)) } else { DemandPlan::Nothing };
    }
    let (content, acknowledgements) = (content::digest(key, zone, &pupils), content::acknowledgements(&pupils));
    if !is_due(key.phase, ledger, content, acknowledgements) {
        return DemandPlan::Nothing;
    }
    if let Some((number, _)) = ledger.rejected.iter().find(|(_, rejected)| *rejected == content) {
        return DemandPlan::Rejected(*number);
    }
    if NUMBER_MAX < ledger.next_number {
        return DemandPlan::Fault(PlanFault::NumbersExhausted);
    }
    let difference = Difference::between(&ledger.siecle_holds, &pupils);
    let loss = Loss::new(difference.vanished.clone(), count(ledger.siecle_holds.len()));
    let uses_approval = match thresholds.judge(loss, ledger.approved) {
        Gate::Held(loss) => return DemandPlan::TooMuchWouldVanish(loss),
        Gate::Approved => true,
        Gate::Pass => false,
    };
    let counts = LotCounts::of(&pupils);
    let head = LotHead { key, number: ledger.next_number, stamped_at: now, zone, counts };
    DemandPlan::Lot(Box::new(Planned {
        lot: Lot { head, pupils },
        cut_seq,
        epoch,
        content,
        acknowledgements,
        difference,
        anomalies,
        uses_approval,
    }))
}

/// One `ENCODAGE` for each pupil of whom a text cannot be carried: the row is left out, and the school is told even when
/// nothing leaves.
pub fn unencodable(snapshot: &Snapshot, carries: &dyn Fn(&str) -> bool, now: Timestamp) -> Vec<Anomaly> {
    let refused = snapshot.pupils.iter().filter_map(|pupil| Some((pupil.id, uncarried(pupil, carries)?)));
    let anomaly = |(id, field): (PupilId, &str)| Anomaly {
        code: Code::Encodage,
        subject: Subject::Pupil(id, Some(snapshot.key.phase)),
        at: now,
        detail: field.to_owned(),
    };
    refused.map(anomaly).collect()
}

impl Difference {
    /// Compares what Siècle holds with what a lot carries.
    pub fn between(holds: &BTreeMap<PupilId, u32>, pupils: &[LotPupil]) -> Self {
        let mut difference = Self::default();
        let mut gone = holds.clone();
        for demand in pupils.iter().filter_map(|pupil| pupil.demand.as_ref()) {
            match gone.remove(&demand.pupil) {
                None => difference.added += 1,
                Some(version) if version == demand.version => difference.unchanged += 1,
                Some(_) => difference.changed += 1,
            }
        }
        difference.vanished = gone.into_iter().collect();
        difference
    }
}

/// Whether a lot is to be cut (siecle.md, "Every lot is complete").
fn is_due(phase: Phase, ledger: &Ledger, content: [u8; 32], acknowledgements: [u8; 32]) -> bool {
    if ledger.force {
        return true;
    }
    let Some(last) = ledger.last else { return !ledger.ended || phase == Phase::Provisional };
    if ledger.ended {
        // After the lot that follows the end, acknowledgements alone still travel.
        return phase == Phase::Provisional && last.acknowledgements != acknowledgements;
    }
    // R09: the receipt of a lot cut since the closing is what tells that the councils are ready.
    last.content != content || (ledger.closed_seq.is_some() && !ledger.cut_since_closing)
}

/// The pupils of a lot, sorted, with what a lot of that phase carries.
fn complete(phase: Phase, pupils: Vec<LotPupil>, carries: &dyn Fn(&str) -> bool) -> Vec<LotPupil> {
    let of_phase = |pupil: LotPupil| match phase {
        Phase::Provisional => LotPupil { reply: None, ..pupil },
        Phase::Definitive => LotPupil { acknowledgement: None, ..pupil },
    };
    let carried = pupils.into_iter().filter(|pupil| uncarried(pupil, carries).is_none());
    let mut pupils: Vec<LotPupil> = carried.map(of_phase).collect();
    pupils.sort_by(|a, b| (&a.division, a.id).cmp(&(&b.division, b.id)));
    pupils
}

/// The first field of a pupil that the encoding cannot carry.
fn uncarried(pupil: &LotPupil, carries: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    let own = [
        ("division", pupil.division.as_str()),
        ("nom", pupil.last_name.reveal().as_str()),
        ("prenom", pupil.first_name.reveal().as_str()),
    ];
    let choices = pupil.demand.iter().flat_map(|demand| demand.choices.as_slice());
    let labels = choices.filter_map(|choice| choice.formation()).map(|it| ("formation", it.label.as_str()));
    own.into_iter().chain(labels).find(|(_, text)| !carries(text)).map(|(field, _)| field)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{
        DemandPlan, Difference, LastLot, Ledger, PlanFault, Planned, Snapshot, needs_snapshot, plan, unencodable,
    };
    use crate::domain::{
        anomaly::{Anomaly, Code, Subject},
        campaign::{CampaignKey, Phase},
        demand::{Acknowledgement, Choice, Choices, Demand, Formation, Reply},
        lot::{LotCounts, LotPupil, NUMBER_MAX},
        pupil::{Division, Private, PupilId, RepresentativeId},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, Zone},
        track::{Status, Track},
    };
    use crate::plan::thresholds::{Loss, Thresholds};
    use Phase::{Definitive, Provisional};
    use proptest::prelude::*;
    use rstest::rstest;
    use std::collections::{BTreeMap, BTreeSet};

    const NOW: Timestamp = Timestamp::from_epoch_ms(9_000_000);

    fn key(phase: Phase) -> CampaignKey {
        let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
        CampaignKey { school, level: Level::Troisieme, phase }
    }

    fn pupil(id: i64, division: &str) -> LotPupil {
        LotPupil {
            id: PupilId(id),
            ine: None,
            division: Division::parse(division).unwrap(),
            last_name: Private::new("DUPOND".to_owned()),
            first_name: Private::new("Jules".to_owned()),
            demand: None,
            acknowledgement: None,
            reply: None,
        }
    }

    fn with_version(id: i64, version: u32) -> LotPupil {
        let formation = Formation { label: "Bois".to_owned(), code: None, status: Status::School };
        let choice = Choice::new(Track::SecondePro, Some(formation)).unwrap();
        let demand = Demand {
            pupil: PupilId(id),
            phase: Definitive,
            version,
            representative: RepresentativeId(1),
            validated_at: Timestamp::from_epoch_ms(1_000),
            choices: Choices::new(Level::Troisieme, vec![choice]).unwrap(),
            late: false,
        };
        LotPupil { demand: Some(demand), ..pupil(id, "3 A") }
    }

    fn acknowledgement(by: i64) -> Option<Acknowledgement> {
        Some(Acknowledgement { representative: RepresentativeId(by), at: Timestamp::from_epoch_ms(2_000) })
    }

    fn reply() -> Option<Reply> {
        let at = Timestamp::from_epoch_ms(3_000);
        Some(Reply { representative: RepresentativeId(1), at, agrees: true, accepted: vec![Track::SecondePro] })
    }

    fn snapshot(phase: Phase, pupils: Vec<LotPupil>) -> Snapshot {
        Snapshot { key: key(phase), zone: Zone::Europe__Paris, cut_seq: 40, epoch: 2, pupils }
    }

    /// One pupil without a demand.
    fn nobody(phase: Phase) -> Snapshot {
        snapshot(phase, vec![pupil(100, "3 A")])
    }

    /// An open campaign whose first lot is still to come.
    fn open() -> Ledger {
        Ledger {
            next_number: 12,
            ever_opened: true,
            closed_seq: None,
            ended: false,
            last: None,
            cut_since_closing: false,
            in_doubt: None,
            rejected: Vec::new(),
            siecle_holds: BTreeMap::new(),
            approved: None,
            force: false,
        }
    }

    fn planned_with(snapshot: Snapshot, ledger: &Ledger, carries: &dyn Fn(&str) -> bool) -> DemandPlan {
        plan(snapshot, ledger, Thresholds::default(), carries, NOW)
    }

    fn planned(snapshot: Snapshot, ledger: &Ledger) -> DemandPlan {
        planned_with(snapshot, ledger, &|_| true)
    }

    fn lot_of(snapshot: Snapshot, ledger: &Ledger) -> Planned {
        match planned(snapshot, ledger) {
            DemandPlan::Lot(planned) => *planned,
            other => panic!("{other:?}"),
        }
    }

    /// What the ledger remembers of the lot that this snapshot gives.
    fn remembered(snapshot: Snapshot) -> Option<LastLot> {
        let planned = lot_of(snapshot, &Ledger { force: true, ..open() });
        Some(LastLot {
            number: 11,
            content: planned.content,
            acknowledgements: planned.acknowledgements,
            is_current: false,
        })
    }

    fn name(plan: &DemandPlan) -> &'static str {
        match plan {
            DemandPlan::Nothing => "nothing",
            DemandPlan::InDoubt(_) => "in doubt",
            DemandPlan::Rejected(_) => "rejected",
            DemandPlan::TooMuchWouldVanish(_) => "held",
            DemandPlan::Fault(_) => "fault",
            DemandPlan::Lot(_) => "lot",
        }
    }

    #[rstest]
    // Never before its opening, and from then on even when nobody has validated.
    #[case(Ledger { ever_opened: false, ..open() }, "nothing")]
    #[case(Ledger { ever_opened: false, force: true, ..open() }, "nothing")]
    #[case(open(), "lot")]
    // Nothing changed, open and closed.
    #[case(Ledger { last: remembered(nobody(Definitive)), ..open() }, "nothing")]
    #[case(Ledger { last: remembered(nobody(Definitive)), closed_seq: Some(30), cut_since_closing: true, ..open() }, "nothing")]
    #[case(Ledger { last: remembered(nobody(Definitive)), force: true, ..open() }, "lot")]
    // R09: one after each closing, changed or not.
    #[case(Ledger { last: remembered(nobody(Definitive)), closed_seq: Some(30), ..open() }, "lot")]
    // Something changed.
    #[case(Ledger { last: remembered(snapshot(Definitive, vec![with_version(100, 1)])), ..open() }, "lot")]
    #[case(Ledger { last: remembered(snapshot(Definitive, vec![with_version(100, 1)])), closed_seq: Some(30), cut_since_closing: true, ..open() }, "lot")]
    // After the lot that follows the end, a definitive campaign sends none.
    #[case(Ledger { last: remembered(snapshot(Definitive, vec![with_version(100, 1)])), closed_seq: Some(30), cut_since_closing: true, ended: true, ..open() }, "nothing")]
    #[case(Ledger { closed_seq: Some(30), ended: true, ..open() }, "nothing")]
    #[case(Ledger { closed_seq: Some(30), ended: true, force: true, ..open() }, "lot")]
    fn when_a_definitive_lot_leaves(#[case] ledger: Ledger, #[case] expected: &str) {
        assert_eq!(name(&planned(nobody(Definitive), &ledger)), expected);
    }

    /// Where the last lot was cut from this very snapshot, one is needed just when a lot would leave, or one is in doubt.
    #[rstest]
    #[case(open(), false)]
    #[case(Ledger { closed_seq: Some(30), cut_since_closing: true, ..open() }, false)]
    #[case(Ledger { closed_seq: Some(30), ended: true, ..open() }, false)]
    #[case(Ledger { closed_seq: Some(30), ..open() }, true)]
    #[case(Ledger { force: true, ..open() }, true)]
    #[case(Ledger { in_doubt: Some(11), ..open() }, true)]
    fn a_snapshot_is_needed_where_it_tells_more_than_the_ledger(#[case] ledger: Ledger, #[case] needed: bool) {
        let last = remembered(nobody(Definitive));
        let current = last.map(|last| LastLot { is_current: true, ..last });
        assert_eq!(needs_snapshot(Definitive, &Ledger { last: current, ..ledger.clone() }), needed);
        assert_eq!(name(&planned(nobody(Definitive), &Ledger { last, ..ledger.clone() })) != "nothing", needed);
        // Elsewhere in the feed, and before the first lot, only a snapshot tells.
        assert!(needs_snapshot(Definitive, &Ledger { last, ..ledger.clone() }));
        assert!(needs_snapshot(Definitive, &Ledger { last: None, ..ledger }));
    }

    #[rstest]
    // After its end a provisional campaign sends only when its acknowledgements changed.
    #[case(nobody(Provisional), "nothing")]
    #[case(snapshot(Provisional, vec![pupil(100, "3 B")]), "nothing")]
    #[case(snapshot(Provisional, vec![LotPupil { acknowledgement: acknowledgement(1), ..pupil(100, "3 A") }]), "lot")]
    fn when_a_provisional_lot_leaves_after_the_end(#[case] snapshot: Snapshot, #[case] expected: &str) {
        let last = remembered(nobody(Provisional));
        let ledger = Ledger { last, closed_seq: Some(30), cut_since_closing: true, ended: true, ..open() };
        assert_eq!(name(&planned(snapshot.clone(), &ledger)), expected);
        assert_eq!(name(&planned(snapshot, &Ledger { last: None, ..ledger })), "lot");
    }

    #[test]
    fn a_lot_in_doubt_blocks_the_others() {
        let ledger = Ledger { in_doubt: Some(11), force: true, ..open() };
        assert_eq!(planned(nobody(Definitive), &ledger), DemandPlan::InDoubt(11));
    }

    #[test]
    fn rejected_content_does_not_go_again_but_changed_content_does() {
        let content = |version| lot_of(snapshot(Definitive, vec![with_version(100, version)]), &open()).content;
        let rejected = vec![(9, content(1)), (10, content(2))];
        let after = |version, force| {
            let ledger = Ledger { rejected: rejected.clone(), force, ..open() };
            planned(snapshot(Definitive, vec![with_version(100, version)]), &ledger)
        };
        assert_eq!(after(1, false), DemandPlan::Rejected(9));
        assert_eq!(after(2, true), DemandPlan::Rejected(10));
        assert_eq!(name(&after(3, false)), "lot");
    }

    #[rstest]
    #[case(NUMBER_MAX, "lot")]
    #[case(NUMBER_MAX + 1, "fault")]
    fn numbers_end(#[case] next_number: u32, #[case] expected: &str) {
        let plan = planned(nobody(Definitive), &Ledger { next_number, ..open() });
        assert_eq!(name(&plan), expected);
        assert!(expected == "lot" || plan == DemandPlan::Fault(PlanFault::NumbersExhausted));
    }

    #[test]
    fn an_empty_mirror_never_means_all_gone() {
        let held = Ledger { siecle_holds: BTreeMap::from([(PupilId(100), 1), (PupilId(101), 1)]), ..open() };
        let empty = || snapshot(Definitive, Vec::new());
        assert_eq!(planned(empty(), &held), DemandPlan::Fault(PlanFault::EmptySnapshot(2)));
        assert_eq!(planned(empty(), &Ledger { force: true, ..open() }), DemandPlan::Nothing);
        // Nor does one of which nothing can be written: its pupils stand in the anomalies, and no night fails for them.
        assert_eq!(planned_with(nobody(Definitive), &held, &|_| false), DemandPlan::Nothing);
    }

    /// Siècle holds a demand of pupils 100 to 100 + `held`; the lot carries all but the first `gone`.
    fn vanishing(held: i64, gone: i64) -> (Snapshot, Ledger) {
        let pupils = (gone..held).map(|nth| with_version(100 + nth, 1)).chain([pupil(500, "3 A")]).collect();
        let siecle_holds = (0..held).map(|nth| (PupilId(100 + nth), 1)).collect();
        (snapshot(Definitive, pupils), Ledger { siecle_holds, ..open() })
    }

    #[rstest]
    #[case(5, 5, "lot")]
    #[case(6, 6, "held")]
    #[case(30, 6, "lot")]
    #[case(29, 6, "held")]
    fn much_that_would_vanish_is_held(#[case] held: i64, #[case] gone: i64, #[case] expected: &str) {
        let (snapshot, ledger) = vanishing(held, gone);
        assert_eq!(name(&planned(snapshot, &ledger)), expected);
    }

    #[test]
    fn an_approval_lets_exactly_that_through() {
        let (snapshot, ledger) = vanishing(6, 6);
        let loss = Loss::new(ledger.siecle_holds.clone().into_iter().collect(), 6);
        assert_eq!(planned(snapshot.clone(), &ledger), DemandPlan::TooMuchWouldVanish(loss.clone()));
        let approved = Ledger { approved: Some(loss.digest), ..ledger };
        let lot = lot_of(snapshot.clone(), &approved);
        assert!(lot.uses_approval);
        assert_eq!(lot.difference.vanished, loss.pupils);
        let (more, _) = vanishing(7, 7);
        let siecle_holds = (0..7).map(|nth| (PupilId(100 + nth), 1)).collect();
        assert_eq!(name(&planned(more, &Ledger { siecle_holds, ..approved })), "held");
        let (few, ledger) = vanishing(5, 5);
        assert!(!lot_of(few, &Ledger { approved: Some(loss.digest), ..ledger }).uses_approval);
    }

    #[test]
    fn a_demand_that_becomes_without_entry_vanishes() {
        let siecle_holds = (100..106).map(|id| (PupilId(id), 1)).collect();
        let pupils = (100..106).map(|id| pupil(id, "3 A")).collect();
        let plan = planned(snapshot(Definitive, pupils), &Ledger { siecle_holds, ..open() });
        assert_eq!(name(&plan), "held");
    }

    #[test]
    fn a_lot_is_sorted_complete_and_of_its_phase() {
        let all =
            |id, division| LotPupil { acknowledgement: acknowledgement(1), reply: reply(), ..pupil(id, division) };
        let pupils =
            || vec![all(9, "3 B"), all(100, "3 A"), all(11, "3 A"), LotPupil { reply: reply(), ..with_version(9, 2) }];
        let definitive = lot_of(snapshot(Definitive, pupils()), &open());
        let ids: Vec<i64> = definitive.lot.pupils.iter().map(|pupil| pupil.id.0).collect();
        assert_eq!(ids, [9, 11, 100, 9]);
        assert!(definitive.lot.pupils.iter().all(|pupil| pupil.acknowledgement.is_none() && pupil.reply.is_some()));
        let counts = LotCounts { demands: 1, without_entry: 3, acknowledgements: 0, replies: 4 };
        let head = definitive.lot.head;
        assert_eq!((head.key, head.number, head.stamped_at, head.counts), (key(Definitive), 12, NOW, counts));
        assert_eq!((head.zone, definitive.cut_seq, definitive.epoch), (Zone::Europe__Paris, 40, 2));
        let provisional = lot_of(snapshot(Provisional, pupils()), &open());
        assert!(provisional.lot.pupils.iter().all(|pupil| pupil.reply.is_none()));
        assert_eq!(provisional.lot.head.counts.acknowledgements, 3);
    }

    #[rstest]
    #[case("3 Ł", "DUPOND", "Jules", "Bois", Some("division"))]
    #[case("3 A", "DUPŁ", "Jules", "Bois", Some("nom"))]
    #[case("3 A", "DUPOND", "Julł", "Bois", Some("prenom"))]
    #[case("3 A", "DUPOND", "Jules", "Bois ł", Some("formation"))]
    #[case("3 A", "DUPOND", "Jules", "Bois", None)]
    fn a_row_that_the_encoding_cannot_carry_is_left_out(
        #[case] division: &str,
        #[case] last_name: &str,
        #[case] first_name: &str,
        #[case] label: &str,
        #[case] field: Option<&str>,
    ) {
        let formation = Formation { label: label.to_owned(), code: None, status: Status::School };
        let choice = Choice::new(Track::SecondePro, Some(formation)).unwrap();
        let choices = Choices::new(Level::Troisieme, vec![choice]).unwrap();
        let odd = with_version(100, 1);
        let odd = LotPupil {
            division: Division::parse(division).unwrap(),
            last_name: Private::new(last_name.to_owned()),
            first_name: Private::new(first_name.to_owned()),
            demand: odd.demand.clone().map(|demand| Demand { choices, ..demand }),
            ..odd
        };
        let carries = |text: &str| !text.contains(['ł', 'Ł']);
        let both = snapshot(Definitive, vec![odd, pupil(101, "3 A")]);
        let expected: Vec<Anomaly> = field
            .map(|field| {
                let subject = Subject::Pupil(PupilId(100), Some(Definitive));
                Anomaly { code: Code::Encodage, subject, at: NOW, detail: field.to_owned() }
            })
            .into_iter()
            .collect();
        assert_eq!(unencodable(&both, &carries, NOW), expected);
        let ledger = Ledger { siecle_holds: BTreeMap::from([(PupilId(100), 1)]), ..open() };
        let DemandPlan::Lot(lot) = planned_with(both, &ledger, &carries) else { panic!() };
        assert_eq!(lot.anomalies, expected);
        assert_eq!(lot.difference.vanished.len(), expected.len());
        assert_eq!(lot.lot.pupils.len(), 2 - expected.len());
    }

    #[test]
    fn what_a_lot_does_is_counted() {
        let holds =
            BTreeMap::from([(100, 1), (101, 1), (102, 1), (103, 7)].map(|(id, version)| (PupilId(id), version)));
        let pupils =
            [with_version(100, 1), with_version(101, 2), with_version(102, 1), with_version(104, 1), pupil(105, "3 A")];
        let expected = Difference { added: 1, changed: 1, unchanged: 2, vanished: vec![(PupilId(103), 7)] };
        assert_eq!(Difference::between(&holds, &pupils), expected);
    }

    fn any_pupils() -> impl Strategy<Value = Vec<LotPupil>> {
        let one =
            (any::<bool>(), prop_oneof![Just("3 A"), Just("3 B"), Just("10")], 0..3_u32, any::<bool>(), any::<bool>());
        proptest::collection::vec(one, 1..12).prop_map(|drawn| {
            let pupil = |(id, (_, division, version, acked, replied)): (i64, (bool, &str, u32, bool, bool))| LotPupil {
                demand: with_version(id, version).demand.filter(|_| version > 0),
                acknowledgement: acknowledgement(1).filter(|_| acked),
                reply: reply().filter(|_| replied),
                ..pupil(id, division)
            };
            (95..).zip(drawn).map(pupil).collect()
        })
    }

    proptest! {
        #[test]
        fn every_pupil_is_in_the_lot_once_in_order(pupils in any_pupils()) {
            let ids: BTreeSet<PupilId> = pupils.iter().map(|pupil| pupil.id).collect();
            let lot = lot_of(snapshot(Definitive, pupils), &open()).lot;
            let order: Vec<(&Division, PupilId)> = lot.pupils.iter().map(|pupil| (&pupil.division, pupil.id)).collect();
            prop_assert!(order.is_sorted());
            prop_assert_eq!(order.len(), ids.len());
            prop_assert_eq!(order.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>(), ids);
        }

        #[test]
        fn the_order_of_the_snapshot_does_not_matter(pupils in any_pupils(), turn in 0..12_usize) {
            let mut turned = pupils.clone();
            turned.rotate_left(turn.min(pupils.len()));
            turned.reverse();
            prop_assert_eq!(lot_of(snapshot(Definitive, turned), &open()), lot_of(snapshot(Definitive, pupils), &open()));
        }

        #[test]
        fn what_was_sent_is_not_sent_again(pupils in any_pupils()) {
            let last = remembered(snapshot(Definitive, pupils.clone()));
            let plan = planned(snapshot(Definitive, pupils), &Ledger { last, ..open() });
            prop_assert_eq!(plan, DemandPlan::Nothing);
        }
    }
}
