//! Receipts: what Siècle says of a lot, judged against the lot itself.

use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::CampaignKey,
    lot::{LotCounts, Receipt, ReceiptKind},
    pupil::PupilId,
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the ledger keeps of a lot that awaits its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotRecord {
    /// Campaign.
    pub key: CampaignKey,
    /// `NUM_ENVOI`.
    pub number: u32,
    /// `HORODATAGE`.
    pub stamped_at: Timestamp,
    /// Its declared counts.
    pub counts: LotCounts,
    /// The version that it carries for each pupil with a demand.
    pub versions: BTreeMap<PupilId, u32>,
}

/// What a receipt changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptPlan {
    /// When Siècle treated the lot.
    pub treated_at: Timestamp,
    /// What Siècle holds from now on.
    pub holds_after: BTreeMap<PupilId, u32>,
    /// One `REJET` for each pupil refused.
    pub anomalies: Vec<Anomaly>,
    /// The pupils refused.
    pub rejected: BTreeSet<PupilId>,
    /// Pupils whom Siècle held and this lot no longer carries (`ABS`).
    pub absent: u32,
    /// Taken whole.
    pub complete: u32,
    /// Taken in part.
    pub partial: u32,
}

/// Why a receipt is not this lot's: it is refused, and the lot goes on waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Another campaign.
    #[error("this receipt names another campaign than the lot")]
    Campaign,
    /// Another number.
    #[error("this receipt names another NUM_ENVOI than the lot")]
    Number,
    /// Another `HORODATAGE`.
    #[error("this receipt names another HORODATAGE than the lot")]
    Stamp,
    /// Other counts.
    #[error("this receipt names other counts than the lot")]
    Counts,
    /// A `BILAN` that contradicts itself or its lines.
    #[error("the BILAN of this receipt contradicts its lines")]
    Summary,
}

/// Judges a receipt against its lot. A treated lot replaces all that Siècle held of its campaign, but for a pupil whom
/// it refused (`REJ`) Siècle keeps what it had.
///
/// # Errors
/// What contradicts the lot.
pub fn settle(
    lot: &LotRecord,
    receipt: &Receipt,
    holds_before: &BTreeMap<PupilId, u32>,
) -> Result<ReceiptPlan, ReceiptFault> {
    contradiction(lot, receipt).map_or(Ok(()), Err)?;
    let mut refusals: BTreeMap<PupilId, BTreeSet<&str>> = BTreeMap::new();
    for line in receipt.lines.iter().filter(|line| line.kind == ReceiptKind::Rejected) {
        let pupil = line.pupil.ok_or(ReceiptFault::Summary)?;
        refusals.entry(pupil).or_default().insert(&line.code);
    }
    if usize::try_from(receipt.rejected) != Ok(refusals.len()) {
        return Err(ReceiptFault::Summary);
    }
    let taken = lot.versions.iter().filter(|(pupil, _)| !refusals.contains_key(pupil));
    let kept = holds_before.iter().filter(|(pupil, _)| refusals.contains_key(pupil));
    let anomalies = refusals.iter().map(|(pupil, codes)| Anomaly {
        code: Code::Rejet,
        subject: Subject::Pupil(*pupil, Some(lot.key.phase)),
        at: receipt.treated_at,
        detail: codes.iter().copied().collect::<Vec<_>>().join(", "),
    });
    Ok(ReceiptPlan {
        treated_at: receipt.treated_at,
        holds_after: taken.chain(kept).map(|(pupil, version)| (*pupil, *version)).collect(),
        anomalies: anomalies.collect(),
        rejected: refusals.keys().copied().collect(),
        absent: receipt.absent,
        complete: receipt.complete,
        partial: receipt.partial,
    })
}

/// The first thing in which a receipt contradicts its lot, or itself.
fn contradiction(lot: &LotRecord, receipt: &Receipt) -> Option<ReceiptFault> {
    let treated = [receipt.complete, receipt.partial, receipt.rejected].map(u64::from).iter().sum::<u64>();
    [
        (receipt.key != lot.key, ReceiptFault::Campaign),
        (receipt.number != lot.number, ReceiptFault::Number),
        (receipt.stamped_at != lot.stamped_at, ReceiptFault::Stamp),
        (receipt.counts != lot.counts, ReceiptFault::Counts),
        (treated != u64::from(receipt.treated), ReceiptFault::Summary),
    ]
    .into_iter()
    .find_map(|(differs, fault)| differs.then_some(fault))
}
