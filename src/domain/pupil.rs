//! Pupils and their legal representatives. A pupil's key is (UAI, year, `ELEVE_ID`); the INE is an attribute.

use crate::domain::school::Level;
use std::fmt;

/// Longest division code, in characters (glossary).
const DIVISION_CHARS_MAX: usize = 8;
/// At most two legal representatives (glossary).
pub const REPRESENTATIVES_MAX: usize = 2;
/// Letters of the BEA key, by the number modulo 23: the UAI's.
const BEA_KEYS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";

/// Something about a person: no `Display`, and `Debug` prints an ellipsis, so that it reaches no log, error or metric.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for exchange files, the database and screens whose purpose is to show it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// `ELEVE_ID`: a pupil within one school and year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PupilId(pub i64);

impl fmt::Display for PupilId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A representative's identifier at the téléservice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepresentativeId(pub i64);

impl fmt::Display for RepresentativeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A national pupil identifier, in one of its three shapes, upper case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ine(String);

/// A text that has none of the three shapes of an INE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an INE is 9 digits and 2 letters, 10 digits and a letter, or 4 digits, A, 5 digits and a letter")]
pub struct IneFault;

impl Ine {
    /// Reads an INE in either case.
    ///
    /// # Errors
    /// `IneFault` when it has none of the three shapes.
    pub fn parse(text: &str) -> Result<Self, IneFault> {
        const SHAPES: [&[u8; 11]; 3] = [b"000000000LL", b"0000000000L", b"0000A00000L"];
        let upper = text.to_ascii_uppercase();
        let fits = |shape: &[u8; 11]| {
            shape.len() == upper.len()
                && shape.iter().zip(upper.bytes()).all(|(kind, byte)| match kind {
                    b'0' => byte.is_ascii_digit(),
                    b'L' => byte.is_ascii_uppercase(),
                    letter => *letter == byte,
                })
        };
        if SHAPES.into_iter().any(fits) { Ok(Self(upper)) } else { Err(IneFault) }
    }

    /// The eleven characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the BEA shape (10 digits and a letter) carries another letter than its modulo-23 key (warning `CLE_INE`).
    pub fn key_differs(&self) -> bool {
        let (digits, letter) = self.0.split_at_checked(10).unwrap_or_default();
        let Ok(number) = digits.parse::<u64>() else { return false };
        let key = usize::try_from(number % 23).ok().and_then(|at| BEA_KEYS.get(at)).copied();
        letter.bytes().next() != key
    }
}

impl fmt::Debug for Ine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A class: 1 to 8 characters, inner spaces significant (`3 A`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Division(String);

/// A text that is no division code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a division is 1 to 8 characters without spaces around them")]
pub struct DivisionFault;

impl Division {
    /// Reads a division code.
    ///
    /// # Errors
    /// `DivisionFault` when it is empty, too long, padded, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, DivisionFault> {
        let length = text.chars().count();
        let fits = (1..=DIVISION_CHARS_MAX).contains(&length) && text.trim() == text;
        if fits && !text.chars().any(char::is_control) { Ok(Self(text.to_owned())) } else { Err(DivisionFault) }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A legal representative of a pupil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representative {
    /// Identifier at the téléservice.
    pub id: RepresentativeId,
    /// 1 or 2; both can be legal level 1.
    pub rank: u8,
    /// *Civilité*: `M.` or `Mme`; may be empty.
    pub title: Private<String>,
    /// Family name.
    pub last_name: Private<String>,
    /// First name.
    pub first_name: Private<String>,
    /// E-mail, where known.
    pub email: Option<Private<String>>,
}

/// A pupil as the téléservice describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pupil {
    /// `ELEVE_ID`.
    pub id: PupilId,
    /// INE, where known.
    pub ine: Option<Ine>,
    /// Level.
    pub level: Level,
    /// Class.
    pub division: Division,
    /// Family name.
    pub last_name: Private<String>,
    /// First name.
    pub first_name: Private<String>,
    /// False for exceptional repeats and paths outside the school system (R06).
    pub in_procedure: bool,
    /// One or two, in the order of the feed; none is possible.
    pub representatives: Vec<Representative>,
}
