//! Whether a campaign sends a lot now, and which.

use crate::domain::{
    anomaly::Anomaly,
    campaign::CampaignKey,
    lot::{Lot, LotPupil},
    pupil::PupilId,
    time::{Timestamp, Zone},
};
use crate::plan::thresholds::{Loss, PlanDigest, Thresholds};
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
    /// Closed by `ends`, and a lot was cut at or after that closing.
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
    let _ = (snapshot, ledger, thresholds, carries, now);
    todo!()
}
