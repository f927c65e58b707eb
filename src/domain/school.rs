//! Schools: UAI with its key letter, school year, level, time zone.

use crate::domain::time::Zone;
use std::{fmt, num::ParseIntError};

/// Key letters of a UAI, by the number modulo 23 (glossary: no I, O, Q).
const KEY_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
/// Years that a file or a feed may name; outside it is a typing error, not a school year.
const YEARS: std::ops::RangeInclusive<u16> = 2000..=2099;

/// A school's identifier: seven digits and the key letter, always right and in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uai([u8; 8]);

/// Why a text is no UAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UaiFault {
    /// Not seven digits and a letter.
    #[error("a UAI is seven digits and a letter")]
    Shape,
    /// The letter is not the key of the digits.
    #[error("the key letter of this UAI should be {0}")]
    Key(char),
    /// `0000000A` names no school.
    #[error("UAI 0000000A names no school")]
    Zero,
}

impl Uai {
    /// Reads a UAI in either case.
    ///
    /// # Errors
    /// `Shape`, `Key` (with the letter that would be right) or `Zero`.
    pub fn parse(text: &str) -> Result<Self, UaiFault> {
        let bytes: [u8; 8] = text.as_bytes().try_into().map_err(|_| UaiFault::Shape)?;
        let (digits, letter) = text.split_at_checked(7).ok_or(UaiFault::Shape)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !letter.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(UaiFault::Shape);
        }
        let number: usize = digits.parse().map_err(|_: ParseIntError| UaiFault::Shape)?;
        let key = KEY_LETTERS.get(number % KEY_LETTERS.len()).copied().unwrap_or(b'A');
        if !letter.bytes().all(|byte| byte.to_ascii_uppercase() == key) {
            return Err(UaiFault::Key(char::from(key)));
        }
        if number == 0 {
            return Err(UaiFault::Zero);
        }
        Ok(Self(bytes.map(|byte| byte.to_ascii_uppercase())))
    }

    /// The UAI of a seven-digit number, with its key; for synthetic schools.
    pub fn of_number(number: u32) -> Option<Self> {
        let digits = format!("{number:07}");
        let key = KEY_LETTERS.get(number as usize % KEY_LETTERS.len()).copied()?;
        Self::parse(&format!("{digits}{}", char::from(key))).ok()
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The zone of the territory that the first three digits name (domain.md; these are not INSEE codes).
    pub fn zone(&self) -> Zone {
        match self.as_str().get(..3).unwrap_or_default() {
            "971" => Zone::America__Guadeloupe,
            "972" => Zone::America__Martinique,
            "973" => Zone::America__Cayenne,
            "974" => Zone::Indian__Reunion,
            "975" => Zone::America__Miquelon,
            "976" => Zone::Indian__Mayotte,
            "983" => Zone::Pacific__Noumea,
            "984" => Zone::Pacific__Tahiti,
            "987" => Zone::Pacific__Wallis,
            _ => Zone::Europe__Paris,
        }
    }
}

impl fmt::Display for Uai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Uai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A school year, named by the year of its *rentrée*: 2019 for 2019-2020.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchoolYear(u16);

/// A text or number that is no school year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a school year is the year of the rentrée, from 2000 to 2099")]
pub struct YearFault;

impl SchoolYear {
    /// The school year of a *rentrée*.
    ///
    /// # Errors
    /// `YearFault` outside 2000 to 2099.
    pub fn new(year: u16) -> Result<Self, YearFault> {
        if YEARS.contains(&year) { Ok(Self(year)) } else { Err(YearFault) }
    }

    /// Reads four digits.
    ///
    /// # Errors
    /// `YearFault` for any other shape or range.
    pub fn parse(text: &str) -> Result<Self, YearFault> {
        let shaped = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let year = shaped.then(|| text.parse().ok()).flatten();
        year.ok_or(YearFault).and_then(Self::new)
    }

    /// The year of the *rentrée*.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for SchoolYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One school in one school year: what a feed, a counter of numbers and a lease belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchoolKey {
    /// The school.
    pub uai: Uai,
    /// The school year.
    pub year: SchoolYear,
}

impl fmt::Display for SchoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.uai, self.year)
    }
}

/// A school that this installation serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct School {
    /// School and year.
    pub key: SchoolKey,
    /// Name as staff know it; the UAI where none was configured.
    pub name: String,
    /// Zone of its calendars and nights.
    pub zone: Zone,
    /// Where the nightly report goes.
    pub mail: Option<String>,
}

/// The level at whose end orientation is asked (*palier*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Last year of collège.
    Troisieme,
    /// 2de générale et technologique.
    SecondeGt,
}

impl Level {
    /// Both levels.
    pub const ALL: [Self; 2] = [Self::Troisieme, Self::SecondeGt];

    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Troisieme => "3E",
            Self::SecondeGt => "2GT",
        }
    }

    /// What staff read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Troisieme => "classes de 3e",
            Self::SecondeGt => "classes de 2de générale et technologique",
        }
    }

    /// The level of a wire code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }
}
