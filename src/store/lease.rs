//! Leases: one run a school at a time, and a run that lost its school writes nothing more.

use crate::crash::Point;
use crate::domain::{school::SchoolKey, time::Timestamp};
use crate::store::{
    Store, StoreError, Tx,
    value::{Row, values},
};
use rustix::process::{Pid, test_kill_process};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Who runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of the host.
    pub host: String,
    /// Process id there.
    pub process: u32,
}

/// Who holds a school already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBy {
    /// Name of the host.
    pub host: String,
    /// Process id there.
    pub process: u32,
    /// Since when.
    pub since: Timestamp,
    /// Last sign of life.
    pub heartbeat_at: Timestamp,
}

/// Proof that this run owns the school. Every write of the run checks its epoch against the row's.
#[derive(Debug)]
pub struct Lease {
    school: SchoolKey,
    epoch: u64,
    holding: Holding,
}

/// The schools that runs of this process hold now: a row with our own process id and not in here was left by a process
/// that died, as happens when a container starts again under the same number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding(Arc<Mutex<BTreeMap<SchoolKey, u64>>>);

impl Holding {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<SchoolKey, u64>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lease {
    /// The school that it proves.
    pub const fn school(&self) -> SchoolKey {
        self.school
    }

    /// Its epoch: it rises with each taking.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Refuses the rest of the transaction once another run took the school over. Until it ends nobody does: on a server
    /// its row is locked, and a claim passes it over.
    pub(crate) async fn check(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let sql = if tx.locks_rows() {
            "SELECT 1 FROM lease WHERE uai = $1 AND year = $2 AND epoch = $3 AND held = 1 FOR SHARE"
        } else {
            "SELECT 1 FROM lease WHERE uai = $1 AND year = $2 AND epoch = $3 AND held = 1"
        };
        let mine = tx.row(sql, values![self.school.uai, self.school.year, self.epoch]).await?;
        mine.map(|_| ()).ok_or(StoreError::LeaseLost(self.school))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.holding.change(|held| {
            if held.get(&self.school) == Some(&self.epoch) {
                held.remove(&self.school);
            }
        });
    }
}

/// Takes the school for a run, and commits that (`Point::LeaseTaken`). It is taken over from a holder on the same host
/// whose process is gone, and from one that gave no sign of life for longer than `stale_after_s`.
///
/// # Errors
/// When the database cannot be used.
pub async fn take(
    store: &Store,
    school: SchoolKey,
    holder: &Holder,
    now: Timestamp,
    stale_after_s: i64,
) -> Result<Result<Lease, HeldBy>, StoreError> {
    let mut tx = store.claim().await?;
    let free = "INSERT INTO lease (uai, year, epoch, held, host, process, since_ms, heartbeat_at_ms) \
         VALUES ($1, $2, 0, 0, '', 0, 0, 0) ON CONFLICT (uai, year) DO NOTHING";
    tx.execute(free, values![school.uai, school.year]).await?;
    let Some((epoch, held, by)) = claim(&mut tx, school).await? else {
        // Its holder writes this very moment, or another claims it: it lives.
        let by = row(&mut tx, school).await?.ok_or(StoreError::Damaged("a lease is missing"))?.2;
        return Ok(Err(by));
    };
    let stale = now > by.heartbeat_at.plus_s(stale_after_s);
    if held && !stale && !is_dead(&by, holder, school, store.holding()) {
        return Ok(Err(by));
    }
    let epoch = epoch + 1;
    let sql = "UPDATE lease SET epoch = $3, held = 1, host = $4, process = $5, since_ms = $6, heartbeat_at_ms = $6 \
         WHERE uai = $1 AND year = $2";
    tx.execute(sql, values![school.uai, school.year, epoch, &holder.host, holder.process, now]).await?;
    let holding = store.holding().clone();
    holding.change(|held| held.insert(school, epoch));
    // From here on the lease itself forgets the school when it is dropped, by a crash in the commit too.
    let lease = Lease { school, epoch, holding };
    tx.commit(Point::LeaseTaken).await?;
    Ok(Ok(lease))
}

/// A lease's epoch, whether it is held, and by whom, of a row that this transaction locks; none where another one does.
async fn claim(tx: &mut Tx, school: SchoolKey) -> Result<Option<(u64, bool, HeldBy)>, StoreError> {
    if !tx.locks_rows() {
        return row(tx, school).await;
    }
    let sql = "SELECT epoch, held, host, process, since_ms, heartbeat_at_ms FROM lease WHERE uai = $1 AND year = $2 \
         FOR UPDATE SKIP LOCKED";
    tx.row(sql, values![school.uai, school.year]).await?.as_ref().map(read).transpose()
}

async fn row(tx: &mut Tx, school: SchoolKey) -> Result<Option<(u64, bool, HeldBy)>, StoreError> {
    let sql = "SELECT epoch, held, host, process, since_ms, heartbeat_at_ms FROM lease WHERE uai = $1 AND year = $2";
    tx.row(sql, values![school.uai, school.year]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<(u64, bool, HeldBy), StoreError> {
    let mut cells = row.cells();
    let (epoch, held) = (cells.u64()?, cells.flag()?);
    let (host, process) = (cells.text()?, cells.u32()?);
    Ok((epoch, held, HeldBy { host, process, since: cells.at()?, heartbeat_at: cells.at()? }))
}

/// Gives a sign of life.
///
/// # Errors
/// `LeaseLost` when another run took the school over.
pub async fn renew(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE lease SET heartbeat_at_ms = CASE WHEN heartbeat_at_ms < $3 THEN $3 ELSE heartbeat_at_ms END \
         WHERE uai = $1 AND year = $2 AND epoch = $4 AND held = 1";
    match tx.execute(sql, values![lease.school.uai, lease.school.year, now, lease.epoch]).await? {
        1 => Ok(()),
        _ => Err(StoreError::LeaseLost(lease.school)),
    }
}

/// Gives the school back. One that another run took over meanwhile is left alone.
///
/// # Errors
/// When the database cannot be used.
pub async fn release(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let sql = "UPDATE lease SET held = 0 WHERE uai = $1 AND year = $2 AND epoch = $3";
    tx.execute(sql, values![lease.school.uai, lease.school.year, lease.epoch]).await?;
    Ok(())
}

/// Lets go of a school, whoever holds it: of a copy that nobody else works on.
///
/// # Errors
/// When the database cannot be used.
pub async fn let_go(tx: &mut Tx, school: SchoolKey) -> Result<(), StoreError> {
    tx.execute("UPDATE lease SET held = 0 WHERE uai = $1 AND year = $2", values![school.uai, school.year]).await?;
    Ok(())
}

/// Who holds a school now.
///
/// # Errors
/// When the database cannot be used.
pub async fn holder(tx: &mut Tx, school: SchoolKey) -> Result<Option<HeldBy>, StoreError> {
    Ok(row(tx, school).await?.filter(|(_, held, _)| *held).map(|(.., by)| by))
}

/// Who holds which school now.
///
/// # Errors
/// When the database cannot be used.
pub async fn holders(tx: &mut Tx) -> Result<BTreeMap<SchoolKey, HeldBy>, StoreError> {
    let sql = "SELECT uai, year, host, process, since_ms, heartbeat_at_ms FROM lease WHERE held = 1";
    let mut holders = BTreeMap::new();
    for row in tx.rows(sql, Vec::new()).await? {
        let mut cells = row.cells();
        let (school, host, process) = (cells.school()?, cells.text()?, cells.u32()?);
        holders.insert(school, HeldBy { host, process, since: cells.at()?, heartbeat_at: cells.at()? });
    }
    Ok(holders)
}

fn is_dead(by: &HeldBy, holder: &Holder, school: SchoolKey, holding: &Holding) -> bool {
    if by.host != holder.host {
        return false;
    }
    if by.process == holder.process {
        return !holding.change(|held| held.contains_key(&school));
    }
    let pid = i32::try_from(by.process).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use crate::crash::Crash;
    use crate::store::lease::*;
    use crate::store::test_support::{holder, noon, other_school, places, school, stores};
    use rstest::rstest;

    const STALE_S: i64 = 600;

    fn other(host: &str, process: u32) -> Holder {
        Holder { host: host.to_owned(), process }
    }

    async fn check(store: &Store, lease: &Lease) -> Result<(), StoreError> {
        lease.check(&mut store.write().await.unwrap()).await
    }

    #[tokio::test]
    async fn one_run_a_school_at_a_time() {
        for store in stores().await {
            let lease = take(&store, school(), &holder(), noon(), STALE_S).await.unwrap().unwrap();
            let by = take(&store, school(), &holder(), noon().plus_s(60), STALE_S).await.unwrap().unwrap_err();
            let Holder { host, process } = holder();
            assert_eq!(by, HeldBy { host, process, since: noon(), heartbeat_at: noon() });
            assert_eq!(current(&store).await, Some(by));
            assert!(take(&store, other_school(), &holder(), noon(), STALE_S).await.unwrap().is_ok());
            let mut tx = store.write().await.unwrap();
            release(&mut tx, &lease).await.unwrap();
            tx.commit(Point::Settled).await.unwrap();
            assert!(matches!(check(&store, &lease).await, Err(StoreError::LeaseLost(_))), "given back is given back");
            drop(lease);
            let again = take(&store, school(), &holder(), noon(), STALE_S).await.unwrap().unwrap();
            assert_eq!(again.epoch(), 2);
        }
    }

    async fn current(store: &Store) -> Option<HeldBy> {
        crate::store::lease::holder(&mut store.read().await.unwrap(), school()).await.unwrap()
    }

    #[rstest]
    #[case::other_host_alive("far", 1, 0, false)]
    #[case::other_host_at_the_limit("far", 1, STALE_S, false)]
    #[case::other_host_silent("far", 1, STALE_S + 1, true)]
    #[case::own_host_alive("server", std::os::unix::process::parent_id(), 0, false)]
    #[case::own_host_dead("server", i32::MAX as u32, 0, true)]
    #[case::own_number_of_a_process_before_us("server", std::process::id(), 0, true)]
    #[tokio::test]
    async fn who_is_dead_or_silent_is_taken_over(
        #[case] host: &str,
        #[case] process: u32,
        #[case] after_s: i64,
        #[case] taken_over: bool,
    ) {
        for place in places().await {
            let store = place.open(Crash::off()).await;
            let before = {
                // Another process has another store, and it died without a word.
                let theirs = place.open(Crash::off()).await;
                take(&theirs, school(), &other(host, process), noon(), STALE_S).await.unwrap().unwrap()
            };
            let now = noon().plus_s(after_s);
            let taken = take(&store, school(), &holder(), now, STALE_S).await.unwrap();
            assert_eq!(taken.is_ok(), taken_over);
            assert_eq!(check(&store, &before).await.is_err(), taken_over);
        }
    }

    #[tokio::test]
    async fn a_sign_of_life_keeps_it_and_a_lost_one_gives_none() {
        for store in stores().await {
            let lease = take(&store, school(), &other("far", 1), noon(), STALE_S).await.unwrap().unwrap();
            let mut tx = store.write().await.unwrap();
            renew(&mut tx, &lease, noon().plus_s(STALE_S)).await.unwrap();
            tx.commit(Point::Settled).await.unwrap();
            let later = noon().plus_s(2 * STALE_S);
            assert!(take(&store, school(), &holder(), later, STALE_S).await.unwrap().is_err());
            let theirs = take(&store, school(), &holder(), later.plus_s(1), STALE_S).await.unwrap().unwrap();
            let mut tx = store.write().await.unwrap();
            assert!(matches!(renew(&mut tx, &lease, later).await, Err(StoreError::LeaseLost(_))));
            release(&mut tx, &lease).await.unwrap();
            assert!(theirs.check(&mut tx).await.is_ok(), "a lost lease gives nothing back");
        }
    }

    #[tokio::test]
    async fn a_crash_at_the_commit_leaves_a_lease_that_is_taken_over() {
        for place in places().await {
            let crash = Crash::counting();
            let store = place.open(crash.clone()).await;
            crash.arm(Point::LeaseTaken, 1);
            let holder = holder();
            tokio::select! {
                _ = take(&store, school(), &holder, noon(), STALE_S) => panic!("it passed the point"),
                () = crash.died() => (),
            }
            crash.disarm();
            let again = take(&store, school(), &holder, noon(), STALE_S).await.unwrap().unwrap();
            assert_eq!(again.epoch(), 2);
        }
    }
}
