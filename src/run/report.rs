//! The nightly report to the school: written in the transaction that ends the night, so that no crash loses it or makes a
//! second one; handed over at the ends of ticks, and tried again. A letter that does not leave fails no night.

use crate::crash::Point;
use crate::domain::time::{Date, MINUTE_S, Timestamp};
use crate::mail::{
    Post, Undelivered,
    letter::{Envelope, Letter},
    report::{Campaign, Happened, Report, Standing},
};
use crate::nights::NightOutcome;
use crate::run::{
    context::{Context, Served},
    details::{self, Details},
    reference::{self, References},
    status,
    step::StepError,
};
use crate::store::{
    Tx, campaigns,
    lease::Lease,
    ledger::LotState,
    outbox::{self, LetterState, Written},
    responses::{self, FileState},
};
use tracing::{error, info, warn};

/// A night that failed this often has failed for more than an hour (5, 10, 20 and 40 min): the school is told before it
/// succeeds, and not of what the second attempt puts right.
const FAILED_ATTEMPTS: u32 = 5;
/// Waits after each attempt at a letter; the last one repeats.
const RETRY_AFTER_MIN: [i64; 5] = [5, 10, 20, 40, 60];
/// Attempts at a letter: until the next night has one of its own.
const ATTEMPTS_MAX: u32 = 24;

/// Writes the report of a night that has just ended, when something happened or something needs a hand.
///
/// # Errors
/// The store's; a lost lease.
pub async fn write(ctx: &Context, tx: &mut Tx, lease: &Lease, date: Date, now: Timestamp) -> Result<(), StepError> {
    let school = lease.school();
    let Some((post, served)) = ctx.mail.as_ref().zip(ctx.schools.get(&school)) else { return Ok(()) };
    if served.school.mail.is_none() || outbox::has(tx, school, date).await? {
        return Ok(());
    }
    let Some(report) = report(ctx, tx, served, date, now).await? else { return Ok(()) };
    let letter = report.letter().map_err(|fault| StepError::Plan(format!("the nightly report: {fault}")))?;
    let message_id = format!("<navette.{}.{}.{date}@{}>", school.uai, school.year, post.domain());
    let Letter { subject, text, html } = letter;
    outbox::put(tx, lease, date, &Written { message_id, subject, text, html }, now).await?;
    Ok(())
}

/// The facts of a night; none when there is nothing to tell, or not yet.
async fn report(
    ctx: &Context,
    tx: &mut Tx,
    served: &Served,
    date: Date,
    now: Timestamp,
) -> Result<Option<Report>, StepError> {
    let details = details::of_school(ctx, tx, served, now).await?;
    let Some(night) = details.nights.iter().find(|night| night.date == date) else { return Ok(None) };
    let failed = night.fact.outcome != Some(NightOutcome::Ok);
    if failed && night.fact.attempts < FAILED_ATTEMPTS {
        return Ok(None);
    }
    let references = reference::references_in(ctx, tx).await?;
    let report = Report {
        school: served.school.clone(),
        date,
        failed,
        caught_up: night.caught_up,
        happened: happened(tx, &details, date).await?,
        standing: standing(&details, &references),
    };
    Ok((report.needs_a_hand() || !report.happened.is_nothing()).then_some(report))
}

/// What happened since the night before `date` ended. Ticks between the nights did most of it, so that the ledger tells
/// it better than the run of the night.
async fn happened(tx: &mut Tx, details: &Details, date: Date) -> Result<Happened, StepError> {
    let school = details.status.school.key;
    let before = details.nights.iter().filter(|night| night.date < date).find_map(|night| night.ended_at);
    let since = before.unwrap_or(Timestamp::from_epoch_ms(0));
    let mut happened =
        Happened { carried: responses::confirmed_after(tx, school, since).await?, ..Happened::default() };
    for lot in &details.lots {
        let left = match lot.state {
            LotState::Sent | LotState::Acknowledged | LotState::InDoubt | LotState::Replaced => true,
            LotState::Intended | LotState::Rejected | LotState::Abandoned => false,
        };
        if left && since < lot.record.stamped_at {
            happened.lots.push((lot.record.number, lot.record.counts.demands, lot.record.counts.without_entry));
        }
        happened.receipts += u32::from(lot.acknowledged_at.is_some_and(|at| since < at));
    }
    for file in details.files.iter().filter(|file| since < file.recorded_at) {
        happened.files += 1;
        happened.responses += if file.state == FileState::Taken { file.responses } else { 0 };
    }
    let raised = details.anomalies.iter().filter(|anomaly| since < anomaly.at).count();
    happened.anomalies = u32::try_from(raised).unwrap_or(u32::MAX);
    for facts in &details.facts {
        let events = campaigns::windows(tx, facts.key()).await?;
        let events = events.into_iter().filter(|event| since < event.at);
        happened.windows.extend(events.map(|event| (facts.key(), event.open, event.at)));
    }
    Ok(happened)
}

/// Where a school stands, as its report and its page tell it.
pub fn standing(details: &Details, references: &References) -> Standing {
    Standing {
        campaigns: details.status.campaigns.iter().map(campaign).collect(),
        anomalies: details.found(references),
        held: details.status.held,
        in_doubt: details.status.in_doubt,
        roster: details.status.roster.as_ref().map(|it| it.by_division.clone()).unwrap_or_default(),
    }
}

fn campaign(it: &status::CampaignStatus) -> Campaign {
    Campaign {
        key: it.key,
        state: it.state,
        at_risk: it.at_risk,
        next: it.coming().map(|(name, at)| (status::instant_label(name), at)),
        without_entry: it.without_entry.clone(),
        alerts: it.alerts.clone(),
    }
}

/// Hands over a letter to the school whose attempt is due. What fails is logged, recorded and tried again, and fails
/// nothing else.
pub async fn hand_over(ctx: &Context, served: &Served, now: Timestamp) {
    let Some(post) = ctx.mail.as_ref().filter(|post| !post.rests(now)) else { return };
    if let Err(fault) = attempt(ctx, post, served, now).await {
        error!(name: "outbox.failed", { school.uai = %served.school.key.uai }, "The outbox cannot be used: {fault}");
    }
}

/// One attempt: begun on record, made, ended on record.
async fn attempt(ctx: &Context, post: &Post, served: &Served, now: Timestamp) -> Result<(), StepError> {
    let Some(letter) = outbox::due(&mut ctx.store.read().await?, served.school.key, now).await? else { return Ok(()) };
    let uai = letter.school.uai;
    let mut tx = ctx.store.write().await?;
    if !outbox::begin(&mut tx, &letter, now.plus_s(wait_s(letter.attempts))).await? {
        return Ok(());
    }
    tx.commit(Point::NightRecorded).await?;
    let Written { message_id, subject, text, html } = &letter.written;
    let name = format!("{}-{}", letter.school, letter.date);
    let written = Letter { subject: subject.clone(), text: text.clone(), html: html.clone() };
    let sent = match served.school.mail.as_deref() {
        Some(to) => {
            let envelope = Envelope { to, message_id, name: &name, written_at: letter.written_at };
            post.hand_over(&envelope, &written).await
        }
        None => Err(Undelivered::Letter),
    };
    let over = ATTEMPTS_MAX <= letter.attempts + 1;
    let (state, why) = match &sent {
        Ok(()) => (LetterState::HandedOver, None),
        Err(fault) if over => (LetterState::GivenUp, Some(fault.to_string())),
        Err(fault) => (LetterState::Waiting, Some(fault.to_string())),
    };
    let mut tx = ctx.store.write().await?;
    outbox::end(&mut tx, &letter, state, why.as_deref()).await?;
    tx.commit(Point::NightRecorded).await?;
    match &why {
        None => info!(name: "letter.left", { school.uai = %uai }, "Handed over the report of {} to {uai}", letter.date),
        Some(why) => {
            warn!(name: "letter.waits", { school.uai = %uai }, "Could not hand over the report of {} to {uai}: {why}", letter.date)
        }
    }
    if sent.is_err_and(|fault| fault.concerns_all()) {
        post.rest_until(now.plus_s(wait_s(0)));
    }
    Ok(())
}

fn wait_s(attempts: u32) -> i64 {
    let [.., longest] = RETRY_AFTER_MIN;
    let wait_min = usize::try_from(attempts).ok().and_then(|done| RETRY_AFTER_MIN.get(done)).copied();
    wait_min.unwrap_or(longest) * MINUTE_S
}
