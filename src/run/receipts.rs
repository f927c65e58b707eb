//! Settles lots in doubt by asking for their receipt, sends again what never arrived, and takes the receipts that are awaited.

use crate::codec::{self, ExchangeFile};
use crate::crash::Point;
use crate::domain::{lot::FileName, time::Timestamp};
use crate::files::FileFault;
use crate::plan::{
    delivery::{Answer, Outcome, judge},
    receipts::{self, LotRecord},
};
use crate::run::{
    context::{Context, Served},
    outcome::{Done, SentLot, Step},
    step::{StepError, failure},
};
use crate::store::{
    anomalies,
    lease::Lease,
    ledger::{self, LotRow, LotState},
};
use crate::transport::siecle::ReceiptAnswer;
use std::time::Duration;

/// How often a run asks for the receipt of a lot that it has just sent, at most.
const ASKED_MAX: u32 = 6;

/// Asks once for every lot that waits, in doubt or sent: settles it, or sends the same bytes again.
///
/// # Errors
/// The store's; a lost lease.
pub async fn settle(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let waiting = ledger::waiting(&mut ctx.store.read().await?, served.school.key).await?;
    for row in waiting {
        one(ctx, served, lease, &row, now, done).await?;
    }
    Ok(())
}

/// Waits for the receipts of this school's lots, at most for the configured time. Others may work meanwhile.
///
/// # Errors
/// The store's; a lost lease.
pub async fn wait(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let pause: Duration = ctx.settings.receipt_wait / ASKED_MAX;
    let mut waiting = ledger::waiting(&mut ctx.store.read().await?, served.school.key).await?;
    for asked in 0..ASKED_MAX {
        let told = done.clone();
        for row in &waiting {
            one(ctx, served, lease, row, now, done).await?;
        }
        if *done != told {
            waiting = ledger::waiting(&mut ctx.store.read().await?, served.school.key).await?;
        }
        // Nobody waits for no time at all: asked once is asked enough.
        if waiting.is_empty() || asked + 1 == ASKED_MAX || !done.failures.is_empty() || pause.is_zero() {
            return Ok(());
        }
        ctx.clock.wait(pause).await;
    }
    Ok(())
}

/// Asks for one lot: settles it, or sends the same bytes again.
///
/// # Errors
/// The store's; a lost lease.
pub async fn one(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    row: &LotRow,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let answer = served.far.siecle.receipt(&row.name).await;
    if answer.is_ok() {
        // Its far side could not settle it earlier in this run, and does now.
        done.in_doubt.remove(&row.record.number);
    }
    match answer {
        Ok(ReceiptAnswer::Receipt(bytes, name)) => take(ctx, lease, row, name, &bytes, now, done).await,
        Ok(ReceiptAnswer::NotTreated) => arrived(ctx, lease, row, &Outcome::Delivered, now, done).await,
        Ok(ReceiptAnswer::Replaced) => {
            let mut tx = ctx.store.write_for(row.record.key.school).await?;
            ledger::replaced(&mut tx, lease, row.record.key, row.record.number, now).await?;
            tx.commit(Point::ReceiptRecorded).await?;
            done.receipts += 1;
            Ok(())
        }
        Ok(ReceiptAnswer::RejectedFile) => {
            done.rejected += 1;
            let code = "REJETE".to_owned();
            let refused = Outcome::Refused { code, detail: String::new(), set_up: false };
            arrived(ctx, lease, row, &refused, now, done).await
        }
        Ok(ReceiptAnswer::NeverReceived) => {
            let mut tx = ctx.store.write_for(row.record.key.school).await?;
            if ledger::again::overtaken(&mut tx, lease, row.record.key.school, row.record.number, now).await? {
                tx.commit(Point::ReceiptRecorded).await?;
                done.settled += 1;
                return Ok(());
            }
            drop(tx);
            again(ctx, served, lease, row, now, done).await
        }
        Err(answer) => {
            match row.state {
                // A lot in doubt fails no night; it needs a human only while its far side cannot settle it.
                LotState::InDoubt => {
                    done.in_doubt.insert(row.record.number);
                }
                LotState::Intended | LotState::Sent => done.failures.push(failure(Step::Receipts, &answer)),
                LotState::Acknowledged | LotState::Rejected | LotState::Replaced | LotState::Abandoned => (),
            }
            Ok(())
        }
    }
}

/// Records where a lot stands, where that is news.
async fn arrived(
    ctx: &Context,
    lease: &Lease,
    row: &LotRow,
    outcome: &Outcome,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    if row.state == LotState::Sent && *outcome == Outcome::Delivered {
        return Ok(());
    }
    let mut tx = ctx.store.write_for(row.record.key.school).await?;
    ledger::record(&mut tx, lease, row.record.key, row.record.number, outcome, now).await?;
    tx.commit(Point::LotRecorded).await?;
    done.settled += 1;
    Ok(())
}

/// Keeps a lot in its folder, then hands it to Siècle. A number that stands there with other bytes was used, by the
/// database from before a restoration: Siècle has it too, and it is refused here as there (a number has one content).
///
/// # Errors
/// When the folder cannot be written.
pub async fn deliver(ctx: &Context, served: &Served, file: &ExchangeFile) -> Result<Answer, StepError> {
    match ctx.keep(&file.name, &file.bytes).await {
        Err(FileFault::Conflict(_)) => Ok(Answer::TAKEN),
        kept => {
            kept?;
            Ok(served.far.siecle.publish(file).await)
        }
    }
}

/// Siècle never received it, or a person wants it to look again: the same bytes go, under the same number and name.
///
/// # Errors
/// The store's; a lost lease.
pub async fn again(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    row: &LotRow,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    // Purged only once acknowledged: what waits has its bytes.
    let Some(bytes) = row.bytes.clone() else {
        done.fail(Step::Demands, format!("the bytes of lot {} are gone", row.record.number));
        return Ok(());
    };
    let file = ExchangeFile { name: row.name, bytes, sha256: row.sha256 };
    let answer = deliver(ctx, served, &file).await?;
    let outcome = judge(&answer);
    let mut tx = ctx.store.write_for(row.record.key.school).await?;
    ledger::record(&mut tx, lease, row.record.key, row.record.number, &outcome, now).await?;
    tx.commit(Point::LotRecorded).await?;
    match outcome {
        Outcome::Delivered => {
            done.lots.push(sent(row));
            if let Ok(ReceiptAnswer::Receipt(bytes, name)) = served.far.siecle.receipt(&row.name).await {
                take(ctx, lease, row, name, &bytes, now, done).await?;
            }
        }
        Outcome::InDoubt { .. } => {
            done.in_doubt.insert(row.record.number);
        }
        Outcome::Refused { set_up, .. } if !set_up => done.rejected += 1,
        Outcome::Refused { .. } | Outcome::TryAgain { .. } => done.failures.push(failure(Step::Demands, &answer)),
    }
    Ok(())
}

fn sent(row: &LotRow) -> SentLot {
    let LotRecord { key, number, counts, .. } = &row.record;
    SentLot { key: *key, number: *number, demands: counts.demands, without_entry: counts.without_entry }
}

/// Takes a receipt: checked against its lot, kept as a file, recorded with what Siècle now holds.
async fn take(
    ctx: &Context,
    lease: &Lease,
    row: &LotRow,
    name: FileName,
    bytes: &[u8],
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let read = codec::decode_receipt(name, bytes).map_err(|fault| fault.to_string());
    let holds = ledger::siecle_holds(&mut ctx.store.read().await?, row.record.key).await?;
    let settled =
        read.and_then(|receipt| receipts::settle(&row.record, &receipt, &holds).map_err(|fault| fault.to_string()));
    let plan = match settled {
        Ok(plan) => plan,
        Err(why) => {
            done.fail(Step::Receipts, format!("receipt of lot {}: {why}", row.record.number));
            return Ok(());
        }
    };
    // The file first: were the run to die here, the same bytes would be fetched and published again.
    ctx.keep(&name, bytes).await?;
    let mut tx = ctx.store.write_for(row.record.key.school).await?;
    ledger::receipt(&mut tx, lease, row.record.key, row.record.number, &plan, now).await?;
    for anomaly in &plan.anomalies {
        anomalies::raise(&mut tx, row.record.key.school, anomaly).await?;
    }
    tx.commit(Point::ReceiptRecorded).await?;
    done.receipts += 1;
    Ok(())
}
