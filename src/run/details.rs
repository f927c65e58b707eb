//! All that is told of one school, in one consistent reading: for its page, and for the nightly report.

use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    time::Timestamp,
};
use crate::guard::Facts;
use crate::mail::report::Found;
use crate::run::{
    context::{Context, Served},
    reference::References,
    status::{self, SchoolStatus},
    step::StepError,
};
use crate::store::{
    Tx, anomalies, holds,
    holds::HeldPlan,
    ledger::{self, LotRow},
    nights::{self, NightRow},
    responses::{self, FileRow},
};
use std::collections::BTreeMap;

/// Nights that are told: two weeks.
const NIGHTS_MAX: u32 = 14;

/// One school, in full.
#[derive(Clone, Debug)]
pub struct Details {
    /// Where it stands.
    pub status: SchoolStatus,
    /// The facts of its campaigns, in the same order.
    pub facts: Vec<Facts>,
    /// Its latest nights, the latest first.
    pub nights: Vec<NightRow>,
    /// Its lots, by number.
    pub lots: Vec<LotRow>,
    /// Its response files, the latest first.
    pub files: Vec<FileRow>,
    /// Plans that are held.
    pub holds: Vec<HeldPlan>,
    /// Its open anomalies, in the order in which they were raised.
    pub anomalies: Vec<Anomaly>,
}

/// Reads all of it.
///
/// # Errors
/// The store's.
pub async fn of_school(ctx: &Context, tx: &mut Tx, served: &Served, now: Timestamp) -> Result<Details, StepError> {
    let school = served.school.key;
    let (status, facts) = status::with_facts(ctx, tx, served, now).await?;
    let open_only = true;
    let anomalies = anomalies::list(tx, Some(school), open_only).await?;
    Ok(Details {
        status,
        facts,
        nights: nights::list(tx, school, NIGHTS_MAX).await?,
        lots: ledger::list(tx, Some(school)).await?,
        files: responses::files(tx, school).await?,
        holds: holds::held(tx, school).await?,
        anomalies: anomalies.into_iter().map(|(_, _, anomaly, _)| anomaly).collect(),
    })
}

impl Details {
    /// Open anomalies by code, pupils told by reference.
    pub fn found(&self, references: &References) -> BTreeMap<Code, Found> {
        let mut found: BTreeMap<Code, Found> = BTreeMap::new();
        for anomaly in &self.anomalies {
            let own = found.entry(anomaly.code).or_default();
            own.count += 1;
            match &anomaly.subject {
                Subject::Pupil(pupil, _) => own.pupils.push(references.of(self.status.school.key, *pupil)),
                Subject::Event(_) | Subject::Hole(..) | Subject::Epoch(_) | Subject::File(_) => (),
            }
        }
        found
    }
}
