//! Anomalies that a person has read: settled for good, and journaled. Settling a `SEQUENCE` passes exactly its hole.

use crate::crash::Point;

use crate::domain::{
    anomaly::{Code, Subject},
    time::Timestamp,
};

use crate::run::{context::Context, step::StepError};

use crate::store::{anomalies, feed, journal};

/// Kind of the journal's entries.
const JOURNAL_KIND: &str = "anomaly";

/// What settling one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its id.
    pub id: i64,
    /// False when it was settled before.
    pub new: bool,
    /// The hole that the feed passed.
    pub passed: Option<(u64, u64)>,
}

/// Settles all of `ids`, or none when one of them does not exist: that one is answered.
///
/// # Errors
/// The store's.
pub async fn settle(
    ctx: &Context,
    ids: &[i64],
    reason: &str,
    who: &str,
    now: Timestamp,
) -> Result<Result<Vec<Settled>, i64>, StepError> {
    let mut tx = ctx.store.write().await?;
    let mut settled = Vec::new();
    for id in ids {
        let Some((school, _, anomaly, _)) = anomalies::find(&mut tx, *id).await? else { return Ok(Err(*id)) };
        let new = anomalies::settle(&mut tx, *id, reason, who, now).await?;
        let passed = match (anomaly.code, &anomaly.subject) {
            (Code::Sequence, Subject::Hole(from, to)) if feed::pass_hole(&mut tx, school, *from, *to).await? => {
                Some((*from, *to))
            }
            (_, _) => None,
        };
        if new || passed.is_some() {
            let hole = passed.map_or_else(String::new, |(from, to)| format!(", events {from} to {to} passed over"));
            let text = format!("{} {id} settled{hole}: {reason}", anomaly.code.as_str());
            journal::write(&mut tx, Some(school), JOURNAL_KIND, &text, Some(who), now).await?;
        }
        settled.push(Settled { id: *id, new, passed });
    }
    tx.commit(Point::Settled).await?;
    Ok(Ok(settled))
}
