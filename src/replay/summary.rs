//! A scenario's report: what the stand-ins and the ledger hold at the end.

use crate::domain::{anomaly::Subject, campaign::CampaignKey, school::SchoolKey};
use crate::guard::FarSide;
use crate::nights::NightOutcome;
use crate::replay::{
    report::{AnomalyReport, HeldReport, LotReport, MailReport, NightReport, Report, StepReport, WindowReport},
    scenario::Scenario,
    stage::{Stage, StageFault},
};
use crate::run::facts;
use crate::sandbox::hold;
use crate::store::{anomalies, ledger, nights};
use std::collections::BTreeMap;

/// Everything a scenario reports.
///
/// # Errors
/// The store's.
pub async fn report(
    scenario: &Scenario,
    stage: &Stage,
    steps: Vec<StepReport>,
    ok: bool,
) -> Result<Report, StageFault> {
    let mut report = Report { scenario: scenario.name.clone(), ok, steps, ..Report::default() };
    for spec in &scenario.campaigns {
        let Some(key) = stage.campaign(spec.uai, spec.phase) else { continue };
        let (uai, phase) = (spec.uai.to_string(), spec.phase.code().to_owned());
        report.siecle.entry(uai.clone()).or_default().insert(phase.clone(), held(stage, key));
        report.teleservice.entry(uai).or_default().insert(phase, shown(stage, key).await?);
    }
    for school in stage.schools.keys() {
        report.lots.extend(lots(stage, *school).await?);
        report.nights.extend(nights_of(stage, *school).await?);
        report.anomalies.extend(anomalies_of(stage, *school).await?);
    }
    report.anomalies.sort_by(|a, b| (a.at, a.code, &a.pupil).cmp(&(b.at, b.code, &b.pupil)));
    report.mails = hold(&stage.teleservice)
        .mails()
        .iter()
        .map(|mail| MailReport {
            to: stage.names.of_representative(mail.to),
            kind: mail.kind.as_str(),
            pupil: stage.names.of_pupil(mail.school, mail.pupil),
            at: mail.at,
        })
        .collect();
    Ok(report)
}

/// What Siècle holds of a campaign, by pupil.
pub fn held(stage: &Stage, key: CampaignKey) -> BTreeMap<String, HeldReport> {
    let siecle = hold(&stage.siecle);
    let pupils = stage.names.pupils().filter(|(_, school, _)| *school == key.school);
    let known = pupils.map(|(name, _, pupil)| (name, siecle.version(key, pupil), siecle.choices(key, pupil)));
    let known = known.filter(|(_, version, _)| 0 <= *version);
    known.map(|(name, version, choices)| (name.clone(), HeldReport { version, choices })).collect()
}

/// What the téléservice shows of a campaign, beside navette's state.
///
/// # Errors
/// The store's.
pub async fn shown(stage: &Stage, key: CampaignKey) -> Result<WindowReport, StageFault> {
    let now = stage.clock.now();
    let mut tx = stage.ctx.store.read().await?;
    let (facts, _) = facts::of(&stage.ctx, &mut tx, key, FarSide::WELL).await?;
    drop(tx);
    let teleservice = hold(&stage.teleservice);
    let mut locked = Vec::new();
    let mut responses = BTreeMap::new();
    for (name, _, pupil) in stage.names.pupils().filter(|(_, school, _)| *school == key.school) {
        if teleservice.is_locked(key.school, pupil, key.phase) {
            locked.push(name.clone());
        }
        let verdicts = teleservice.verdicts(key.school, pupil, key.phase);
        if !verdicts.is_empty() {
            responses.insert(name.clone(), verdicts);
        }
    }
    let open = teleservice.is_open(key.school, key.level, key.phase);
    Ok(WindowReport { state: facts.state(now).as_str(), open, at_risk: facts.at_risk(now), locked, responses })
}

async fn lots(stage: &Stage, school: SchoolKey) -> Result<Vec<LotReport>, StageFault> {
    let rows = ledger::list(&mut stage.ctx.store.read().await?, Some(school)).await?;
    let report = |row: &ledger::LotRow| LotReport {
        uai: school.uai.to_string(),
        num_envoi: row.record.number,
        phase: row.record.key.phase.code(),
        cut_seq: row.cut_seq,
        cut_at: row.record.stamped_at,
        state: row.state.as_str(),
        demands: row.record.counts.demands,
        without_entry: row.record.counts.without_entry,
        sha256: crate::codec::envelope::hex(&row.sha256),
    };
    Ok(rows.iter().map(report).collect())
}

async fn nights_of(stage: &Stage, school: SchoolKey) -> Result<Vec<NightReport>, StageFault> {
    let rows = nights::list(&mut stage.ctx.store.read().await?, school, u32::MAX).await?;
    let mut nights: Vec<_> = rows
        .into_iter()
        .map(|row| NightReport {
            uai: school.uai.to_string(),
            date: row.date.to_string(),
            at: row.fact.last_attempt_at,
            outcome: row.fact.outcome.map_or("", NightOutcome::as_str),
            caught_up: row.caught_up,
        })
        .collect();
    nights.sort_by(|a, b| a.date.cmp(&b.date));
    Ok(nights)
}

/// Settled anomalies count as well.
const OPEN_ONLY: bool = false;

/// Every anomaly ever raised at a school, settled or not.
///
/// # Errors
/// The store's.
pub async fn anomalies_of(stage: &Stage, school: SchoolKey) -> Result<Vec<AnomalyReport>, StageFault> {
    let mut tx = stage.ctx.store.read().await?;
    let rows = anomalies::list(&mut tx, Some(school), OPEN_ONLY).await?;
    Ok(rows
        .into_iter()
        .map(|(_, _, anomaly, _)| AnomalyReport {
            code: anomaly.code.as_str(),
            pupil: match anomaly.subject {
                Subject::Pupil(pupil, _) => stage.names.of_pupil(school, pupil),
                Subject::Event(_) | Subject::Hole(..) | Subject::Epoch(_) | Subject::File(_) => String::new(),
            },
            at: anomaly.at,
        })
        .collect())
}
