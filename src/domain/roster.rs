//! The roster: what SIECLE's *base élèves* says of a school's pupils, so far as it is compared with the téléservice. It
//! is looked at and never obeyed: it changes no demand and locks nothing.

use crate::domain::{
    pupil::{Division, Ine, Private, PupilId},
    school::Level,
    time::{Date, Timestamp},
    track::MefCode,
};
use std::collections::BTreeMap;

/// A pupil as the base élèves describes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterPupil {
    /// `ELEVE_ID`.
    pub id: PupilId,
    /// Every national identifier that stands there: a pupil may bear an old and a new one.
    pub ines: Vec<Ine>,
    /// Formation; none where the base has none.
    pub mef: Option<MefCode>,
    /// Class; none for a pupil in no class.
    pub division: Option<Division>,
    /// Family name.
    pub last_name: Private<String>,
    /// First name.
    pub first_name: Private<String>,
    /// First day at the school.
    pub entered_on: Option<Date>,
    /// Day of leaving.
    pub left_on: Option<Date>,
}

impl RosterPupil {
    /// Whether the pupil is at the school on `day`.
    pub fn is_there(&self, day: Date) -> bool {
        self.entered_on.is_none_or(|entered| entered <= day) && self.left_on.is_none_or(|left| day < left)
    }
}

/// A legal representative as the base élèves names one. Other contacts are not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RosterPerson {
    /// Family name.
    pub last_name: Private<String>,
    /// First name.
    pub first_name: Private<String>,
}

/// The legal representatives of pupils; no entry for a pupil without any.
pub type RosterPeople = BTreeMap<PupilId, Vec<RosterPerson>>;

/// The pupils of 3e and 2de GT, each with the level that the formation belongs to.
pub type RosterPupils = BTreeMap<PupilId, (Level, RosterPupil)>;

/// What is known of one school and year. A part that no file told is none, and is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// When SIECLE wrote it.
    pub exported_at: Option<Timestamp>,
    /// Its pupils.
    pub pupils: Option<RosterPupils>,
    /// Their representatives.
    pub people: Option<RosterPeople>,
}
