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
