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
    /// A `BILAN` that contradicts its lines.
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

/// The first thing in which a receipt contradicts its lot. What `TRAITES` counts no page says: it blocks no lot.
fn contradiction(lot: &LotRecord, receipt: &Receipt) -> Option<ReceiptFault> {
    [
        (receipt.key != lot.key, ReceiptFault::Campaign),
        (receipt.number != lot.number, ReceiptFault::Number),
        (receipt.stamped_at != lot.stamped_at, ReceiptFault::Stamp),
        (receipt.counts != lot.counts, ReceiptFault::Counts),
    ]
    .into_iter()
    .find_map(|(differs, fault)| differs.then_some(fault))
}

#[cfg(test)]
mod tests {
    use super::{LotRecord, ReceiptFault, ReceiptPlan, settle};
    use crate::domain::{
        anomaly::{Anomaly, Code, Subject},
        campaign::{CampaignKey, Phase},
        lot::{LotCounts, Receipt, ReceiptKind, ReceiptLine},
        pupil::PupilId,
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::Timestamp,
    };
    use rstest::rstest;
    use std::collections::{BTreeMap, BTreeSet};

    const STAMP: Timestamp = Timestamp::from_epoch_ms(1_000);
    const TREATED: Timestamp = Timestamp::from_epoch_ms(2_000);
    const COUNTS: LotCounts = LotCounts { demands: 2, without_entry: 1, acknowledgements: 0, replies: 0 };

    fn key(phase: Phase) -> CampaignKey {
        let uai = Uai::parse("0380001V").unwrap();
        CampaignKey { school: SchoolKey { uai, year: SchoolYear::new(2019).unwrap() }, level: Level::Troisieme, phase }
    }

    fn versions(held: &[(i64, u32)]) -> BTreeMap<PupilId, u32> {
        held.iter().map(|(pupil, version)| (PupilId(*pupil), *version)).collect()
    }

    /// Pupils 100 and 101 with demands, 102 without.
    fn lot() -> LotRecord {
        let versions = versions(&[(100, 3), (101, 1)]);
        LotRecord { key: key(Phase::Definitive), number: 12, stamped_at: STAMP, counts: COUNTS, versions }
    }

    fn line(kind: ReceiptKind, code: &str, pupil: Option<i64>) -> ReceiptLine {
        ReceiptLine { kind, code: code.to_owned(), pupil: pupil.map(PupilId), rank: None, parameters: Vec::new() }
    }

    fn receipt(complete: u32, partial: u32, rejected: u32, lines: Vec<ReceiptLine>) -> Receipt {
        Receipt {
            key: key(Phase::Definitive),
            number: 12,
            stamped_at: STAMP,
            treated_at: TREATED,
            counts: COUNTS,
            treated: 3,
            complete,
            partial,
            rejected,
            absent: 1,
            lines,
        }
    }

    #[test]
    fn a_treated_lot_replaces_all_that_was_held() {
        let lines = vec![line(ReceiptKind::Absent, "A", Some(105)), line(ReceiptKind::Modified, "M", Some(100))];
        let before = versions(&[(100, 2), (105, 4)]);
        let expected = ReceiptPlan {
            treated_at: TREATED,
            holds_after: versions(&[(100, 3), (101, 1)]),
            anomalies: Vec::new(),
            rejected: BTreeSet::new(),
            absent: 1,
            complete: 2,
            partial: 1,
        };
        assert_eq!(settle(&lot(), &receipt(2, 1, 0, lines), &before), Ok(expected));
    }

    #[rstest]
    // Siècle keeps what it had: an older version, nothing, or the demand of a pupil who has none any more.
    #[case(vec![100], &[(100, 2)], &[(100, 2), (101, 1)])]
    #[case(vec![100], &[], &[(101, 1)])]
    #[case(vec![102], &[(102, 5)], &[(100, 3), (101, 1), (102, 5)])]
    #[case(vec![100, 101], &[(101, 1), (105, 1)], &[(101, 1)])]
    fn refused_pupils_stay_as_they_were(
        #[case] refused: Vec<i64>,
        #[case] before: &[(i64, u32)],
        #[case] after: &[(i64, u32)],
    ) {
        let rejected = u32::try_from(refused.len()).unwrap();
        let lines = refused.iter().map(|pupil| line(ReceiptKind::Rejected, "FORMATION", Some(*pupil))).collect();
        let plan = settle(&lot(), &receipt(3 - rejected, 0, rejected, lines), &versions(before)).unwrap();
        assert_eq!(plan.holds_after, versions(after));
        assert_eq!(plan.rejected, refused.iter().copied().map(PupilId).collect());
    }

    #[test]
    fn a_refused_pupil_is_told_once_with_siecles_codes() {
        let rejected = |code| line(ReceiptKind::Rejected, code, Some(100));
        let lines = vec![rejected("VOIE"), rejected("AGE"), rejected("VOIE")];
        let plan = settle(&lot(), &receipt(2, 0, 1, lines), &BTreeMap::new()).unwrap();
        let subject = Subject::Pupil(PupilId(100), Some(Phase::Definitive));
        assert_eq!(
            plan.anomalies,
            [Anomaly { code: Code::Rejet, subject, at: TREATED, detail: "AGE, VOIE".to_owned() }]
        );
    }

    #[rstest]
    #[case(|receipt: &mut Receipt| receipt.key = key(Phase::Provisional), ReceiptFault::Campaign)]
    #[case(|receipt: &mut Receipt| receipt.number = 11, ReceiptFault::Number)]
    #[case(|receipt: &mut Receipt| receipt.stamped_at = TREATED, ReceiptFault::Stamp)]
    #[case(|receipt: &mut Receipt| receipt.counts.demands = 1, ReceiptFault::Counts)]
    #[case(|receipt: &mut Receipt| (receipt.complete, receipt.rejected) = (2, 1), ReceiptFault::Summary)]
    #[case(|receipt: &mut Receipt| receipt.lines = vec![line(ReceiptKind::Rejected, "X", Some(100))], ReceiptFault::Summary)]
    #[case(|receipt: &mut Receipt| {
        (receipt.complete, receipt.rejected) = (2, 1);
        receipt.lines = vec![line(ReceiptKind::Rejected, "X", None)];
    }, ReceiptFault::Summary)]
    fn a_receipt_that_contradicts_its_lot_is_refused(#[case] spoil: fn(&mut Receipt), #[case] fault: ReceiptFault) {
        let mut spoilt = receipt(3, 0, 0, Vec::new());
        spoil(&mut spoilt);
        assert_eq!(settle(&lot(), &spoilt, &BTreeMap::new()), Err(fault));
    }
}
