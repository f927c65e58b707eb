//! Tracks (*voies*) by level, wished statuses and MEF codes.

use crate::domain::school::Level;
use std::fmt;

/// What a pupil may ask for next year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// 2de générale et technologique or 2de STHR: one track.
    SecondeGt,
    /// 2de professionnelle.
    SecondePro,
    /// First year of CAP.
    Cap,
    /// 1re générale.
    Generale,
    /// 1re STMG.
    Stmg,
    /// 1re STI2D.
    Sti2d,
    /// 1re STL.
    Stl,
    /// 1re ST2S.
    St2s,
    /// 1re STHR.
    Sthr,
    /// 1re STAV.
    Stav,
    /// 1re STD2A.
    Std2a,
    /// 1re S2TMD.
    S2tmd,
}

impl Track {
    /// Every track, in the order in which screens list them.
    pub const ALL: [Self; 12] = [
        Self::SecondeGt,
        Self::SecondePro,
        Self::Cap,
        Self::Generale,
        Self::Stmg,
        Self::Sti2d,
        Self::Stl,
        Self::St2s,
        Self::Sthr,
        Self::Stav,
        Self::Std2a,
        Self::S2tmd,
    ];

    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SecondeGt => "2GT",
            Self::SecondePro => "2PRO",
            Self::Cap => "1CAP",
            Self::Generale => "1G",
            Self::Stmg => "STMG",
            Self::Sti2d => "STI2D",
            Self::Stl => "STL",
            Self::St2s => "ST2S",
            Self::Sthr => "STHR",
            Self::Stav => "STAV",
            Self::Std2a => "STD2A",
            Self::S2tmd => "S2TMD",
        }
    }

    /// The track of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|track| track.code() == code)
    }

    /// What families and staff read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SecondeGt => "2de générale et technologique ou 2de STHR",
            Self::SecondePro => "2de professionnelle",
            Self::Cap => "1re année de CAP",
            Self::Generale => "1re générale",
            Self::Stmg => "1re STMG",
            Self::Sti2d => "1re STI2D",
            Self::Stl => "1re STL",
            Self::St2s => "1re ST2S",
            Self::Sthr => "1re STHR",
            Self::Stav => "1re STAV",
            Self::Std2a => "1re STD2A",
            Self::S2tmd => "1re S2TMD",
        }
    }

    /// The level whose pupils may ask for it (R03).
    pub const fn level(self) -> Level {
        match self {
            Self::SecondeGt | Self::SecondePro | Self::Cap => Level::Troisieme,
            Self::Generale
            | Self::Stmg
            | Self::Sti2d
            | Self::Stl
            | Self::St2s
            | Self::Sthr
            | Self::Stav
            | Self::Std2a
            | Self::S2tmd => Level::SecondeGt,
        }
    }

    /// Whether a choice of it carries a formation and a wished status (R03).
    pub const fn needs_formation(self) -> bool {
        matches!(self, Self::SecondePro | Self::Cap)
    }
}

/// The wished status in a vocational track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// *Scolaire*.
    School,
    /// *Apprenti*.
    Apprentice,
}

impl Status {
    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::School => "ST",
            Self::Apprentice => "AP",
        }
    }

    /// The status of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        [Self::School, Self::Apprentice].into_iter().find(|status| status.code() == code)
    }
}

/// A formation's MEF code, 10 or 11 digits. It has no check digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MefCode(String);

/// A text that is no MEF code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a MEF code is 10 or 11 digits")]
pub struct MefFault;

impl MefCode {
    /// Reads 10 or 11 digits.
    ///
    /// # Errors
    /// `MefFault` for any other shape.
    pub fn parse(text: &str) -> Result<Self, MefFault> {
        let shaped = matches!(text.len(), 10 | 11) && text.bytes().all(|byte| byte.is_ascii_digit());
        if shaped { Ok(Self(text.to_owned())) } else { Err(MefFault) }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MefCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
