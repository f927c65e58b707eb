//! The alarm clock: tokio-cron-scheduler, and nothing of it but one job that wakes the loop. Zones, missed runs, overlaps
//! and panics are not its affair (traps.md says why).

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every whole minute, in UTC.
pub const EVERY_MINUTE: &str = "0 * * * * *";

/// Rings as long as it is kept.
pub struct Alarm {
    _scheduler: JobScheduler,
}

/// Starts an alarm clock on a schedule. An alarm that nobody has heard yet is not doubled by the next one.
///
/// # Errors
/// When the schedule can't be read, or the scheduler not be started.
pub async fn start(schedule: &str) -> Result<(Alarm, mpsc::Receiver<()>), JobSchedulerError> {
    let (ring, heard) = mpsc::channel(1);
    let scheduler = JobScheduler::new().await?;
    let job = Job::new(schedule, move |_, _| match ring.try_send(()) {
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Closed(())) => (),
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok((Alarm { _scheduler: scheduler }, heard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_rings_again_and_again() {
        let (_alarm, mut heard) = start("* * * * * *").await.unwrap();
        assert_eq!((heard.recv().await, heard.recv().await), (Some(()), Some(())));
    }
}
