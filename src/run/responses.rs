//! Fetches the councils' response files, takes each through the guard and the checks, and carries what stands to the téléservice.

use crate::check::responses::{Checked, FileContext, check};
use crate::codec::{self, Fault};
use crate::crash::Point;
use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::CampaignKey,
    lot::FileName,
    pupil::{Ine, PupilId},
    response::{RawResponse, Response, ResponseHead},
    school::SchoolKey,
    time::Timestamp,
};
use crate::guard::{
    self,
    action::Import,
    facts::FarSide,
    verdict::{Permit, RefusalCode, Verdict},
};
use crate::plan::{delivery::Answer, responses as carrying, thresholds::Gate};
use crate::run::{
    context::{Context, Served},
    facts,
    outcome::{Done, Step},
    step::{StepError, failure},
};
use crate::store::{
    Tx, anomalies, demands,
    holds::{self, HoldKind},
    lease::Lease,
    orders, pupils,
    responses::{self, FileState, HeldFile},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Why a file that a threshold holds is held.
const HELD_BY_THRESHOLD: &str = "HELD";

/// A response file in hand: its name and its bytes, digest verified.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Its name, which says the campaign and the number.
    pub name: FileName,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What became of one response file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Every row applied or in a named anomaly.
    Imported,
    /// The guard holds it whole.
    HeldByGuard(RefusalCode),
    /// A threshold holds it: it would change too much that was transferred.
    HeldByThreshold,
    /// Refused whole, with the reason.
    Refused(String),
    /// The same number with the same digest was taken before.
    Known,
}

/// Fetches every response file that Siècle published and that was not read yet, and takes each.
///
/// # Errors
/// The store's; a lost lease. A Siècle that does not answer is a failure in `Done`.
pub async fn fetch(
    ctx: &Context,
    served: &Served,
    lease: &Lease,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let school = served.school.key;
    let listed = match served.far.siecle.response_files(school, 0).await {
        Ok(listed) => listed,
        Err(answer) => {
            done.failures.push(failure(Step::Responses, &answer));
            return Ok(());
        }
    };
    let seen = responses::response_files_seen(&mut ctx.store.read().await?, school).await?;
    done.gaps = gaps(seen.keys().copied().max().unwrap_or_default(), listed.iter().map(|file| file.number));
    for file in listed {
        if file.name.key.school != school {
            stray(ctx, school, &file.name, now, done).await?;
            continue;
        }
        if file.name.number != file.number {
            let why =
                format!("fichier de réponses {} : annoncé sous le nom du numéro {}", file.number, file.name.number);
            if refuse_number(ctx, school, file.number, why.clone(), now).await? {
                done.refused_files.push((file.number, why));
            }
            continue;
        }
        match seen.get(&file.number) {
            Some((digest, _)) if *digest == file.sha256 => continue,
            Some(_) => {
                refuse_number(ctx, school, file.number, other_content(file.number), now).await?;
                continue;
            }
            None => (),
        }
        let bytes = match served.far.siecle.response_file(school, &file).await {
            Ok(bytes) => bytes,
            // Damaged: it is refused whole as it lies there, and read again until it is whole.
            Err(Answer::Unusable { why }) => {
                done.refused_files.push((file.number, why));
                continue;
            }
            Err(answer) => {
                done.failures.push(failure(Step::Responses, &answer));
                continue;
            }
        };
        take(ctx, lease, far, Arrived { name: file.name, bytes }, now, done).await?;
    }
    Ok(())
}

/// The numbers that are missing before those that are new: a gap is accepted and reported (siecle.md).
fn gaps(highest_seen: u32, listed: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut before = highest_seen;
    let mut gaps = Vec::new();
    for number in listed.filter(|number| highest_seen < *number) {
        if before + 1 < number {
            gaps.push((before + 1, number - 1));
        }
        before = number;
    }
    gaps
}

/// A file whose name is of another school year: refused by name, unless this installation serves that year as well.
async fn stray(
    ctx: &Context,
    school: SchoolKey,
    name: &FileName,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let found = name.key.school;
    if found.uai != school.uai || ctx.schools.contains_key(&found) {
        return Ok(());
    }
    let mut tx = ctx.store.write_for(school).await?;
    let detail = format!("fichier de réponses {} de l'année {} au lieu de {}", name.number, found.year, school.year);
    let anomaly = Anomaly { code: Code::Annee, subject: Subject::File(name.number), at: now, detail: detail.clone() };
    if anomalies::raise(&mut tx, school, &anomaly).await? {
        tx.commit(Point::ResponsesImported).await?;
        done.refused_files.push((name.number, detail));
    }
    Ok(())
}

/// What is said of the same `NUM_ENVOI` with another digest.
fn other_content(number: u32) -> String {
    format!("fichier de réponses {number} : autre contenu sous le même numéro")
}

/// A `NUM_ENVOI` that is not what it should be: refused, once; answers whether that is news.
async fn refuse_number(
    ctx: &Context,
    school: SchoolKey,
    number: u32,
    detail: String,
    now: Timestamp,
) -> Result<bool, StepError> {
    let mut tx = ctx.store.write_for(school).await?;
    let anomaly = Anomaly { code: Code::NumEnvoi, subject: Subject::File(number), at: now, detail };
    let raised = anomalies::raise(&mut tx, school, &anomaly).await?;
    tx.commit(Point::ResponsesImported).await?;
    Ok(raised)
}

/// Takes one response file: envelope, guard, rows, threshold, then everything in one transaction.
///
/// # Errors
/// The store's; a lost lease.
pub async fn take(
    ctx: &Context,
    lease: &Lease,
    far: FarSide,
    file: Arrived,
    now: Timestamp,
    done: &mut Done,
) -> Result<Taken, StepError> {
    let school = lease.school();
    let digest: [u8; 32] = Sha256::digest(&file.bytes).into();
    let number = file.name.number;
    let seen = responses::response_files_seen(&mut ctx.store.read().await?, school).await?;
    match seen.get(&number) {
        Some((known, FileState::Taken | FileState::Refused)) if *known == digest => return Ok(Taken::Known),
        Some((known, _)) if *known != digest => {
            refuse_number(ctx, school, number, other_content(number), now).await?;
            return Ok(Taken::Refused(Code::NumEnvoi.as_str().to_owned()));
        }
        Some(_) | None => (),
    }
    let decoded = codec::decode_responses(file.name, &file.bytes).and_then(|read| belongs(school, &file.name, read));
    let whole = match decoded {
        Ok((head, rows)) => Whole { head, rows, file, digest },
        Err(fault) => return refuse(ctx, school, &file, digest, &fault, now, done).await,
    };
    let Whole { head, file, .. } = &whole;
    // Not known is not taken, and not kept either: the file stays where it is, counts as unread, and is fetched again.
    if let Some(code) = undecided(ctx, head.key, far, now).await? {
        done.deferred = done.deferred.or(Some(code));
        return Ok(Taken::HeldByGuard(code));
    }
    ctx.keep(&file.name, &file.bytes).await?;
    let held_before = matches!(seen.get(&number), Some((_, FileState::Held)));
    let mut tx = ctx.store.write_for(school).await?;
    let (known, _) = facts::of(ctx, &mut tx, head.key, far).await?;
    // A file that is held blocks the later ones of its campaign, so that they are taken in their order.
    let earlier = responses::held_files(&mut tx, school).await?;
    let blocked = earlier.iter().any(|held| held.key == head.key && held.number < number);
    let permit = match guard::decide(&known, Import, now, None, ctx.settings.policy) {
        Verdict::Allowed(permit) if !blocked => permit,
        // The campaign is closed: what is before it waits for an approval.
        Verdict::Allowed(_) | Verdict::Already => {
            done.held += 1;
            hold(tx, &whole, HELD_BY_THRESHOLD, held_before, now, done).await?;
            return Ok(Taken::HeldByThreshold);
        }
        Verdict::Refused(refusal) if refusal.code == RefusalCode::ResponsesWhileOpen => {
            done.deferred = done.deferred.or(Some(refusal.code));
            hold(tx, &whole, refusal.code.as_str(), held_before, now, done).await?;
            return Ok(Taken::HeldByGuard(refusal.code));
        }
        // The facts changed since they were asked for above: the next run asks again.
        Verdict::Refused(refusal) => {
            done.deferred = done.deferred.or(Some(refusal.code));
            return Ok(Taken::HeldByGuard(refusal.code));
        }
    };
    import(ctx, tx, lease, permit, whole, now, done).await
}

/// Why the guard can say nothing of an import now: without calendar, with a téléservice or a clock that is not known.
async fn undecided(
    ctx: &Context,
    key: CampaignKey,
    far: FarSide,
    now: Timestamp,
) -> Result<Option<RefusalCode>, StepError> {
    let (known, _) = facts::of(ctx, &mut ctx.store.read().await?, key, far).await?;
    Ok(match guard::decide(&known, Import, now, None, ctx.settings.policy) {
        Verdict::Refused(refusal) if refusal.code != RefusalCode::ResponsesWhileOpen => Some(refusal.code),
        Verdict::Allowed(_) | Verdict::Already | Verdict::Refused(_) => None,
    })
}

/// A file with a right envelope.
struct Whole {
    head: ResponseHead,
    rows: Vec<RawResponse>,
    file: Arrived,
    digest: [u8; 32],
}

async fn import(
    ctx: &Context,
    mut tx: Tx,
    lease: &Lease,
    permit: Permit<Import>,
    whole: Whole,
    now: Timestamp,
    done: &mut Done,
) -> Result<Taken, StepError> {
    let Whole { head, rows, file, digest } = whole;
    let checked = checked(&mut tx, &head, file.name, rows, now).await?;
    let changes = changes(&mut tx, head.key, &checked).await?;
    let transferred = responses::transferred_count(&mut tx, head.key).await?;
    let approved = holds::approved(&mut tx, head.key, HoldKind::Responses).await?;
    if let Gate::Held(loss) = carrying::judge(&changes, transferred, ctx.settings.thresholds, approved) {
        let name = file.name.to_string();
        responses::hold_file(&mut tx, &head, digest, &name, &file.bytes, HELD_BY_THRESHOLD, now).await?;
        holds::hold_responses(&mut tx, lease, head.key, &loss, now).await?;
        tx.commit(Point::HeldRecorded).await?;
        done.held += 1;
        return Ok(Taken::HeldByThreshold);
    }
    holds::clear_hold(&mut tx, lease, head.key, HoldKind::Responses).await?;
    for anomaly in &checked.anomalies {
        anomalies::raise(&mut tx, head.key.school, anomaly).await?;
    }
    done.responses += u32::try_from(checked.apply.len()).unwrap_or(u32::MAX);
    responses::import(&mut tx, Some(lease), permit, &head, digest, &checked, now).await?;
    tx.commit(Point::ResponsesImported).await?;
    done.response_files += 1;
    Ok(Taken::Imported)
}

/// The responses of a file, each with whether it would change one that was transferred already.
async fn changes(tx: &mut Tx, key: CampaignKey, checked: &Checked) -> Result<Vec<(Response, bool)>, StepError> {
    let standing = responses::to_carry(tx, key).await?;
    let untold: BTreeSet<PupilId> = standing.iter().filter(|(_, told)| !told).map(|(one, _)| one.pupil).collect();
    let changes = |response: &Response| checked.changes.contains(&response.pupil) && !untold.contains(&response.pupil);
    Ok(checked.apply.iter().map(|response| (response.clone(), changes(response))).collect())
}

/// Checks the rows of a file on what is known of its pupils.
async fn checked(
    tx: &mut Tx,
    head: &ResponseHead,
    name: FileName,
    rows: Vec<RawResponse>,
    now: Timestamp,
) -> Result<Checked, StepError> {
    let known = demands::known(tx, head.key).await?;
    let strangers = rows.iter().filter(|row| !known.contains_key(&row.pupil));
    let mut elsewhere = BTreeSet::new();
    let SchoolKey { uai, year } = head.key.school;
    for row in strangers {
        if pupils::elsewhere(tx, year, uai, row.pupil, row.ine.as_ref()).await? {
            elsewhere.insert(row.pupil);
        }
    }
    let elsewhere = |pupil: PupilId, _: Option<&Ine>| elsewhere.contains(&pupil);
    let context = FileContext { key: head.key, format: name.format, pupils: &known, elsewhere: &elsewhere, now };
    Ok(check(rows, &context))
}

/// A file of another school or year than the one whose folder it came from is refused by name.
fn belongs(
    school: SchoolKey,
    name: &FileName,
    read: (ResponseHead, Vec<RawResponse>),
) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    let found = name.key.school;
    if found.uai != school.uai {
        let message = format!("this file is of school {}, not of {}: bring it there", found.uai, school.uai);
        return Err(Fault { row: 0, code: Code::Etablissement.as_str(), message });
    }
    if found.year != school.year {
        let message =
            format!("this file is of school year {}, not of {}: bring the right one", found.year, school.year);
        return Err(Fault { row: 0, code: Code::Annee.as_str(), message });
    }
    Ok(read)
}

/// A wrong envelope refuses the whole file; it stands as an anomaly where its code is one, and as an alert in any case.
async fn refuse(
    ctx: &Context,
    school: SchoolKey,
    file: &Arrived,
    digest: [u8; 32],
    fault: &Fault,
    now: Timestamp,
    done: &mut Done,
) -> Result<Taken, StepError> {
    let number = file.name.number;
    let mut tx = ctx.store.write_for(school).await?;
    responses::refuse_file(&mut tx, school, number, digest, fault.code, &fault.message, now).await?;
    if let Some(code) = Code::of_str(fault.code) {
        let anomaly = Anomaly { code, subject: Subject::File(number), at: now, detail: fault.message.clone() };
        anomalies::raise(&mut tx, school, &anomaly).await?;
    }
    tx.commit(Point::ResponsesImported).await?;
    done.refused_files.push((number, fault.to_string()));
    Ok(Taken::Refused(fault.to_string()))
}

/// Holds a file whole until its campaign is closed.
async fn hold(
    mut tx: Tx,
    whole: &Whole,
    reason: &str,
    held_before: bool,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let Whole { head, file, digest, .. } = whole;
    if !held_before {
        responses::hold_file(&mut tx, head, *digest, &file.name.to_string(), &file.bytes, reason, now).await?;
        tx.commit(Point::HeldRecorded).await?;
        done.response_files += 1;
    }
    Ok(())
}

/// What of the held files is taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Those that waited for a closing: at the first tick after it.
    WaitsForClosing,
    /// Those that an approval lets through as well: with a night, or at once by a hand's run.
    Everything,
}

/// Whether a held file waits for the closing of its campaign, not for an approval.
pub fn waits_for_closing(file: &HeldFile) -> bool {
    file.reason != HELD_BY_THRESHOLD
}

/// Takes up what was held, oldest first, as far as the guard and approvals let it.
///
/// # Errors
/// The store's; a lost lease.
pub async fn take_up(
    ctx: &Context,
    lease: &Lease,
    which: Held,
    far: FarSide,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), StepError> {
    let mut held = responses::held_files(&mut ctx.store.read().await?, lease.school()).await?;
    held.retain(|file| which == Held::Everything || waits_for_closing(file));
    for HeldFile { name, bytes, .. } in held {
        // Only names that were read from a file of the exchange are held.
        let Some(name) = FileName::parse(&name) else { continue };
        take(ctx, lease, far, Arrived { name, bytes }, now, done).await?;
    }
    Ok(())
}

/// When responses leave for the téléservice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// With a night, or with a hand's run: an order that was refused is given again under a new number.
    Everything,
    /// Between two nights: not what was refused whole, while nothing changed since.
    Soon,
}

/// Intends the orders that carry what stands and is not yet at the téléservice. `run/orders.rs` sends them.
///
/// # Errors
/// The store's; a lost lease.
pub async fn carry(ctx: &Context, lease: &Lease, which: Carry, now: Timestamp) -> Result<(), StepError> {
    let school = lease.school();
    let uncarried = responses::uncarried(&mut ctx.store.read().await?, school).await?;
    for (key, soon) in uncarried {
        if which == Carry::Soon && !soon {
            continue;
        }
        while let Some(order) = next_order(ctx, key).await? {
            let mut tx = ctx.store.write_for(school).await?;
            orders::intend_responses(&mut tx, lease, &order, now).await?;
            tx.commit(Point::OrderIntended).await?;
        }
    }
    Ok(())
}

async fn next_order(ctx: &Context, key: CampaignKey) -> Result<Option<crate::domain::order::ResponseOrder>, StepError> {
    let mut tx = ctx.store.read().await?;
    let waiting: Vec<Response> =
        responses::to_carry(&mut tx, key).await?.into_iter().map(|(response, _)| response).collect();
    if waiting.is_empty() {
        return Ok(None);
    }
    let number = orders::next_number(&mut tx, key.school).await?;
    Ok(carrying::plan(key, number, waiting))
}

#[cfg(test)]
mod tests {
    use super::gaps;
    use rstest::rstest;

    #[rstest]
    #[case(0, &[], &[])]
    #[case(0, &[1, 2], &[])]
    #[case(0, &[4], &[(1, 3)])]
    #[case(2, &[1, 2, 3, 5, 9], &[(4, 4), (6, 8)])]
    #[case(9, &[1, 5, 9], &[])]
    fn numbers_that_siecle_skipped(#[case] seen: u32, #[case] listed: &[u32], #[case] expected: &[(u32, u32)]) {
        assert_eq!(gaps(seen, listed.iter().copied()), expected);
    }
}
