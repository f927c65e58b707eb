//! Personal data goes: exchanged files some days after they are over, at the end of each night; everything of a school
//! year when a person asks for it. Counts, digests and the journal stay.

use crate::crash::Point;
use crate::domain::{
    campaign::CampaignKey,
    lot::{Document, FileName},
    school::{SchoolKey, SchoolYear},
    time::{DAY_S, Timestamp},
};
use crate::files::FileFault;
use crate::guard::{FarSide, State};
use crate::run::{context::Context, facts, step::StepError};
use crate::store::{
    campaigns, journal,
    lease::{self, HeldBy, Lease},
    purge,
};
use tracing::{error, info};

/// What the purge of a school year removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PurgedYear {
    /// Schools that had the year.
    pub schools: u32,
    /// Rows of personal data.
    pub rows: u64,
    /// Contents of lots and response files in the database.
    pub contents: u64,
}

/// Why nothing was purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPurged {
    /// A campaign has not ended; when it will, where its calendar says so.
    Running(CampaignKey, Option<Timestamp>),
    /// A run has one of its schools.
    Busy(SchoolKey, HeldBy),
}

/// What is done about campaigns that have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unended {
    /// They keep the year from being purged.
    Refuse,
    /// They are purged with it, and end here.
    Purge,
}

/// Removes all personal data of a school year, of every school that the database knows. Again, it finishes what a crash
/// left. Its schools are served no more, configured or not: their feeds would bring back what was removed.
///
/// # Errors
/// The store's; a folder that cannot be removed.
pub async fn year(
    ctx: &Context,
    year: SchoolYear,
    unended: Unended,
    who: &str,
    now: Timestamp,
) -> Result<Result<PurgedYear, NotPurged>, StepError> {
    let schools = campaigns::schools(&mut ctx.store.read().await?).await?;
    let schools: Vec<SchoolKey> = schools.into_iter().filter(|school| school.year == year).collect();
    if unended == Unended::Refuse
        && let Some((key, ends)) = running(ctx, &schools, now).await?
    {
        return Ok(Err(NotPurged::Running(key, ends)));
    }
    // A run may be at work.
    let mut leases: Vec<Lease> = Vec::new();
    let mut busy = None;
    for school in &schools {
        match lease::take(&ctx.store, *school, &ctx.holder, now, ctx.settings.lease_stale_s()).await? {
            Ok(lease) => leases.push(lease),
            Err(by) => {
                busy = Some(NotPurged::Busy(*school, by));
                break;
            }
        }
    }
    let purged = match busy {
        Some(busy) => Err(busy),
        None => Ok(remove(ctx, year, &schools, who, now).await?),
    };
    let mut tx = ctx.store.write().await?;
    for lease in &leases {
        lease::release(&mut tx, lease).await?;
    }
    tx.commit(Point::LeaseReleased).await?;
    Ok(purged)
}

async fn remove(
    ctx: &Context,
    year: SchoolYear,
    schools: &[SchoolKey],
    who: &str,
    now: Timestamp,
) -> Result<PurgedYear, StepError> {
    // The files first: a purge that died is asked for again, and finds in the database what is left to do.
    for school in schools {
        ctx.files.purge(&ctx.year_folder(*school)).await?;
    }
    let mut tx = ctx.store.write().await?;
    let removed = purge::year(&mut tx, year, now).await?;
    let text = format!("{year}: {} rows, {} contents", removed.rows, removed.contents);
    journal::write(&mut tx, None, purge::PURGE, &text, Some(who), now).await?;
    for school in schools {
        let text = format!("{school} is purged, and served no more");
        journal::write(&mut tx, Some(*school), purge::PURGE, &text, Some(who), now).await?;
    }
    tx.commit(Point::Settled).await?;
    ctx.store.compact().await?;
    let schools = u32::try_from(schools.len()).unwrap_or(u32::MAX);
    Ok(PurgedYear { schools, rows: removed.rows, contents: removed.contents })
}

/// The first campaign of these schools that has not ended. Years end when their campaigns do: no month is assumed.
async fn running(
    ctx: &Context,
    schools: &[SchoolKey],
    now: Timestamp,
) -> Result<Option<(CampaignKey, Option<Timestamp>)>, StepError> {
    let mut tx = ctx.store.read().await?;
    let purged = purge::schools(&mut tx).await?;
    for school in schools.iter().filter(|school| !purged.contains(school)) {
        for key in campaigns::keys(&mut tx, *school).await? {
            let (known, _) = facts::of(ctx, &mut tx, key, FarSide::WELL).await?;
            let begins = known.calendar().is_some() || known.open();
            if begins && known.state(now) != State::Ended {
                return Ok(Some((key, known.calendar().and_then(|calendar| calendar.ends))));
            }
        }
    }
    Ok(None)
}

/// Whether a year of the school was purged and its feed not read again since.
///
/// # Errors
/// The store's.
pub async fn is_purged(ctx: &Context, school: SchoolKey) -> Result<bool, StepError> {
    Ok(purge::schools(&mut ctx.store.read().await?).await?.contains(&school))
}

/// Removes the exchanged files of a school that are over since the configured days; a failure fails no night, and the
/// next one finds the same files.
pub async fn expire_logged(ctx: &Context, school: SchoolKey, now: Timestamp) {
    match expire(ctx, school, now).await {
        Ok(0) => (),
        Ok(count) => {
            info!(name: "files.expired", { school.uai = %school.uai, files = count }, "Removed {count} old files of {school}");
        }
        Err(fault) => {
            error!(name: "files.not_expired", { school.uai = %school.uai }, "Could not remove old files of {school}: {fault}");
        }
    }
}

/// Removes the exchanged files of a school that are over since the configured days, never one that still waits for its
/// receipt. Answers how many.
///
/// # Errors
/// The store's; a file or folder that cannot be read or removed.
pub async fn expire(ctx: &Context, school: SchoolKey, now: Timestamp) -> Result<u32, StepError> {
    let Some(days) = ctx.settings.keep_files_days else { return Ok(0) };
    let before = now.plus_s(-i64::from(days) * DAY_S);
    let over = purge::over(&mut ctx.store.read().await?, school, before).await?;
    let mut removed = 0;
    for document in Document::ALL {
        let numbers = match document {
            Document::Demands | Document::Receipt => &over.lots,
            Document::Responses => &over.responses,
        };
        let folder = ctx.folder(school, document);
        for name in names(ctx.files.list(&folder).await)? {
            let number = FileName::parse(&name).map(|name| name.number);
            if number.is_some_and(|number| numbers.contains(&number)) {
                ctx.files.remove_published(&folder, &name).await?;
                removed += 1;
            }
        }
    }
    // The bytes last: a night that died here finds them again.
    let mut tx = ctx.store.write().await?;
    if 0 < purge::expire(&mut tx, school, before).await? {
        tx.commit(Point::Settled).await?;
    }
    Ok(removed)
}

/// A folder that nothing was kept in yet holds nothing.
fn names(listed: Result<Vec<String>, FileFault>) -> Result<Vec<String>, FileFault> {
    match listed {
        Err(missing) if missing.is_missing() => Ok(Vec::new()),
        listed => listed,
    }
}
