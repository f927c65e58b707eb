//! How the far sides looked when a run last saw them: what `status` tells of them between two runs.

use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::store::{StoreError, Tx, value::values};

/// How the far sides of one school looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Whether the téléservice answered.
    pub reachable: bool,
    /// How far our clock was from theirs, in ms, where they told.
    pub clock_skew_ms: Option<i64>,
    /// Whether the téléservice refused who we say we are (401, 403).
    pub teleservice_refuses: bool,
    /// Whether Siècle did.
    pub siecle_refuses: bool,
}

impl Sides {
    /// As a school's far sides are that nobody has looked at yet.
    pub const WELL: Self =
        Self { reachable: true, clock_skew_ms: None, teleservice_refuses: false, siecle_refuses: false };
}

/// How they looked the last time.
///
/// # Errors
/// When the database cannot be used.
pub async fn seen(tx: &mut Tx, school: SchoolKey) -> Result<Sides, StoreError> {
    let sql = "SELECT reachable, clock_skew_ms, teleservice_refuses, siecle_refuses FROM far_side \
         WHERE uai = $1 AND year = $2";
    let Some(row) = tx.row(sql, values![school.uai, school.year]).await? else { return Ok(Sides::WELL) };
    let mut cells = row.cells();
    Ok(Sides {
        reachable: cells.flag()?,
        clock_skew_ms: cells.opt_int()?,
        teleservice_refuses: cells.flag()?,
        siecle_refuses: cells.flag()?,
    })
}

/// Keeps how they look now.
///
/// # Errors
/// When the database cannot be used.
pub async fn keep(tx: &mut Tx, school: SchoolKey, sides: &Sides, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO far_side (uai, year, reachable, clock_skew_ms, teleservice_refuses, siecle_refuses, \
         changed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (uai, year) DO UPDATE SET \
         reachable = excluded.reachable, clock_skew_ms = excluded.clock_skew_ms, \
         teleservice_refuses = excluded.teleservice_refuses, siecle_refuses = excluded.siecle_refuses, \
         changed_at_ms = excluded.changed_at_ms";
    let Sides { reachable, clock_skew_ms, teleservice_refuses, siecle_refuses } = *sides;
    let values = values![school.uai, school.year, reachable, clock_skew_ms, teleservice_refuses, siecle_refuses, now];
    tx.execute(sql, values).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Sides, keep, seen};
    use crate::crash::Point;
    use crate::store::test_support::{noon, school, stores};

    #[tokio::test]
    async fn what_was_seen_last_stays() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            assert_eq!(seen(&mut tx, school()).await.unwrap(), Sides::WELL);
            let down = Sides { reachable: false, clock_skew_ms: Some(-300_000), ..Sides::WELL };
            let refused = Sides { teleservice_refuses: true, siecle_refuses: true, ..Sides::WELL };
            for sides in [down, refused, Sides::WELL] {
                keep(&mut tx, school(), &sides, noon()).await.unwrap();
                assert_eq!(seen(&mut tx, school()).await.unwrap(), sides);
            }
            tx.commit(Point::Settled).await.unwrap();
        }
    }
}
