//! A response file's rows, judged against what is known of its pupils: every row ends applied, unchanged, or in a named
//! anomaly. The envelope was judged before; whether the campaign is closed is the guard's to say.

use crate::domain::{
    anomaly::Anomaly,
    campaign::CampaignKey,
    demand::Choices,
    lot::Format,
    pupil::{Ine, PupilId},
    response::{RawResponse, Response},
    school::Level,
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a pupil in the campaign of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// False once the pupil left.
    pub present: bool,
    /// The pupil's level.
    pub level: Level,
    /// Every version accepted in this phase.
    pub demands: BTreeMap<u32, Choices>,
    /// The last of them.
    pub last_version: Option<u32>,
    /// The response that stands.
    pub applied: Option<Response>,
}

/// What the rows of a file are judged with.
#[derive(Clone, Copy)]
pub struct FileContext<'a> {
    /// Campaign of the file.
    pub key: CampaignKey,
    /// Its format: in CSV a row is one pupil and track.
    pub format: Format,
    /// The pupils of the school.
    pub pupils: &'a BTreeMap<PupilId, Known>,
    /// Whether another school of this installation has this pupil.
    pub elsewhere: &'a (dyn Fn(PupilId, Option<&Ine>) -> bool + Sync),
    /// Now.
    pub now: Timestamp,
}

/// What becomes of a file's rows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Checked {
    /// New and changed responses, by pupil.
    pub apply: Vec<Response>,
    /// Pupils whose response already stands just so.
    pub unchanged: u32,
    /// Pupils among `apply` whose council did not see the last validated version (R17).
    pub stale: Vec<PupilId>,
    /// One for each pupil refused, and a `PERIMEE` for each of `stale`.
    pub anomalies: Vec<Anomaly>,
    /// Every pupil of this school whom the file answers for, refused ones included.
    pub received: BTreeSet<PupilId>,
    /// The latest `SAISIE_LE`, rows refused included.
    pub latest_entered_at: Option<Timestamp>,
    /// Pupils among `apply` whose standing response would read otherwise.
    pub changes: Vec<PupilId>,
}

/// Judges a file's rows, in whatever order they come.
pub fn check(rows: Vec<RawResponse>, context: &FileContext<'_>) -> Checked {
    let _ = (rows, context);
    todo!()
}
