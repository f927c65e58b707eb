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
    /// The latest closing was by `ends`, and `cut_since_closing`.
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
        return if held == 0 { DemandPlan::Nothing } else { DemandPlan::Fault(PlanFault::EmptySnapshot(held)) };
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
