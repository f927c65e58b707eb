//! Thresholds: nothing large happens by surprise (teleservice.md). What touches too much is held until a person approves
//! exactly that.

use crate::domain::pupil::PupilId;
use sha2::{Digest, Sha256};
use std::fmt;

/// When a plan is held: beyond both limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// `vanish_percent`.
    pub vanish_percent: u32,
    /// `vanish_floor`, in pupils.
    pub vanish_floor: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { vanish_percent: 20, vanish_floor: 5 }
    }
}

/// SHA-256 of the pupils and versions that a plan touches: what a person approves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanDigest(pub [u8; 32]);

impl PlanDigest {
    /// Reads 64 hexadecimal digits in either case.
    pub fn parse(text: &str) -> Option<Self> {
        const RADIX: u32 = 16;
        let digit = |byte: u8| char::from(byte).to_digit(RADIX).and_then(|it| u8::try_from(it).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Vec<u8> = text.as_bytes().chunks(2).map(pair).collect::<Option<_>>()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What would vanish or change at a far side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Pupils and the versions that the far side has, by pupil.
    pub pupils: Vec<(PupilId, u32)>,
    /// How many the far side has in that campaign.
    pub of: u32,
    /// What an approval names.
    pub digest: PlanDigest,
}

impl Loss {
    /// What touches these pupils, given in any order.
    pub fn new(mut pupils: Vec<(PupilId, u32)>, of: u32) -> Self {
        pupils.sort_unstable();
        let lines: String = pupils.iter().map(|(pupil, version)| format!("{pupil} {version}\n")).collect();
        let digest = PlanDigest(Sha256::digest(lines.as_bytes()).into());
        Self { pupils, of, digest }
    }
}

/// Whether something may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It touches little.
    Pass,
    /// It touches much, and a person approved exactly that; the approval is used up.
    Approved,
    /// It touches much: it is held.
    Held(Loss),
}

impl Thresholds {
    /// Judges a loss: more than the floor *and* more than the percentage are held, unless exactly that was approved.
    pub fn judge(self, loss: Loss, approved: Option<PlanDigest>) -> Gate {
        const PERCENT: u64 = 100;
        let touched = u64::try_from(loss.pupils.len()).unwrap_or(u64::MAX);
        let much = u64::from(self.vanish_floor) < touched
            && u64::from(self.vanish_percent).saturating_mul(u64::from(loss.of)) < touched.saturating_mul(PERCENT);
        if !much {
            Gate::Pass
        } else if approved == Some(loss.digest) {
            Gate::Approved
        } else {
            Gate::Held(loss)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Loss, PlanDigest, Thresholds};
    use crate::domain::pupil::PupilId;
    use proptest::prelude::*;
    use rstest::rstest;

    fn loss(touched: i64, of: u32) -> Loss {
        Loss::new((0..touched).map(|id| (PupilId(id), 1)).collect(), of)
    }

    #[rstest]
    // The floor alone holds nothing: five of five may go, six may not.
    #[case(5, 5, false)]
    #[case(6, 6, true)]
    // Exactly 20 % may go, a pupil more may not.
    #[case(6, 30, false)]
    #[case(6, 29, true)]
    #[case(7, 30, true)]
    #[case(0, 0, false)]
    #[case(6, 0, true)]
    fn edges(#[case] touched: i64, #[case] of: u32, #[case] held: bool) {
        let loss = loss(touched, of);
        let expected = if held { Gate::Held(loss.clone()) } else { Gate::Pass };
        assert_eq!(Thresholds::default().judge(loss, None), expected);
    }

    #[test]
    fn the_configuration_moves_both_edges() {
        let strict = Thresholds { vanish_percent: 0, vanish_floor: 0 };
        assert_eq!(strict.judge(loss(1, 1000), None), Gate::Held(loss(1, 1000)));
        let lax = Thresholds { vanish_percent: 100, vanish_floor: 0 };
        assert_eq!(lax.judge(loss(50, 50), None), Gate::Pass);
    }

    #[test]
    fn an_approval_lets_exactly_its_plan_through() {
        let loss = loss(6, 6);
        let other = Loss::new(loss.pupils.iter().map(|(pupil, _)| (*pupil, 2)).collect(), 6);
        assert_eq!(Thresholds::default().judge(loss.clone(), Some(loss.digest)), Gate::Approved);
        assert_eq!(Thresholds::default().judge(loss.clone(), Some(other.digest)), Gate::Held(loss));
    }

    #[test]
    fn an_approval_is_not_used_up_by_what_needs_none() {
        let loss = loss(5, 5);
        assert_eq!(Thresholds::default().judge(loss.clone(), Some(loss.digest)), Gate::Pass);
    }

    #[test]
    fn the_digest_is_of_the_sorted_pupils_and_versions_alone() {
        let (a, b) = ((PupilId(9), 1), (PupilId(100), 12));
        let loss = Loss::new(vec![b, a], 7);
        assert_eq!(loss.pupils, [a, b]);
        assert_eq!(loss.digest, Loss::new(vec![a, b], 8).digest);
        // printf '9 1\n100 12\n' | sha256sum
        let expected = "0fcd862fb3da848420712fe8b24943514938528feeaf80520174e36f653cae11";
        assert_eq!(loss.digest.to_string(), expected);
        assert_eq!(format!("{:?}", loss.digest), expected);
    }

    #[rstest]
    #[case(&"0".repeat(64), Some([0; 32]))]
    #[case(&"fF".repeat(32), Some([255; 32]))]
    #[case(&"a1".repeat(32), Some([0xa1; 32]))]
    #[case(&"a".repeat(63), None)]
    #[case(&"a".repeat(65), None)]
    #[case(&"a".repeat(66), None)]
    #[case(&"g".repeat(64), None)]
    #[case("", None)]
    fn digests_are_read(#[case] text: &str, #[case] expected: Option<[u8; 32]>) {
        assert_eq!(PlanDigest::parse(text), expected.map(PlanDigest));
    }

    proptest! {
        #[test]
        fn a_digest_reads_back(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(PlanDigest::parse(&PlanDigest(bytes).to_string()), Some(PlanDigest(bytes)));
        }
    }
}
