//! Assertions: what is left out is not compared, and a failing one says every difference.

use crate::domain::school::SchoolKey;
use crate::nights::NightOutcome;
use crate::replay::{
    scenario::{Expected, Step},
    stage::{Stage, StageFault},
    summary,
};
use crate::sandbox::hold;
use crate::store::{holds, ledger, nights};
use std::{collections::BTreeMap, fmt::Debug};

/// Every difference between what is expected and what is.
///
/// # Errors
/// The store's; a name, school or campaign that the scenario does not know.
pub async fn differences(stage: &Stage, step: &Step, expected: &Expected) -> Result<Vec<String>, StageFault> {
    let mut said = Vec::new();
    let found = stage.schools.keys().find(|school| school.uai == step.uai).copied();
    let school = found.ok_or_else(|| StageFault::SetUp("no such school".to_owned()))?;
    pupils(stage, step, school, expected, &mut said)?;
    windows(stage, step, expected, &mut said).await?;
    if let Some(wanted) = &expected.anomalies {
        let rows = summary::anomalies_of(stage, school).await?;
        let mut came: Vec<String> = rows.iter().map(|row| format!("{}:{}", row.code, row.pupil)).collect();
        came.sort();
        let mut wanted = wanted.clone();
        wanted.sort();
        compare("anomalies", &wanted, &came, &mut said);
    }
    let counted = counted_nights(stage, school).await?;
    for (kind, came) in &counted {
        if let Some(wanted) = expected.nights.get(*kind) {
            compare(&format!("nights.{kind}"), wanted, came, &mut said);
        }
    }
    if let Some(wanted) = expected.held {
        let mut tx = stage.ctx.store.read().await?;
        let came = i64::from(holds::count(&mut tx, school).await?);
        compare("held", &wanted, &came, &mut said);
    }
    Ok(said)
}

fn compare<T: PartialEq + Debug>(what: &str, wanted: &T, came: &T, said: &mut Vec<String>) {
    if wanted != came {
        said.push(format!("{what}: expected {wanted:?}, is {came:?}"));
    }
}

fn pupils(
    stage: &Stage,
    step: &Step,
    school: SchoolKey,
    expected: &Expected,
    said: &mut Vec<String>,
) -> Result<(), StageFault> {
    if expected.siecle.is_empty() && expected.locked.is_empty() {
        return Ok(());
    }
    let key = step.phase.and_then(|phase| stage.campaign(school.uai, phase));
    let key = key.ok_or_else(|| StageFault::SetUp("`phase` is missing in an `expect` of pupils".to_owned()))?;
    for (name, wanted) in &expected.siecle {
        match stage.names.pupil(school, name) {
            Some((_, pupil)) => {
                compare(&format!("siecle.{name}"), wanted, &hold(&stage.siecle).version(key, pupil), said)
            }
            None => said.push(format!("siecle.{name}: no pupil has this name")),
        }
    }
    for (name, wanted) in &expected.locked {
        match stage.names.pupil(school, name) {
            Some((_, pupil)) => {
                let came = hold(&stage.teleservice).is_locked(school, pupil, key.phase);
                compare(&format!("locked.{name}"), wanted, &came, said);
            }
            None => said.push(format!("locked.{name}: no pupil has this name")),
        }
    }
    Ok(())
}

async fn windows(stage: &Stage, step: &Step, expected: &Expected, said: &mut Vec<String>) -> Result<(), StageFault> {
    let Expected { state, at_risk, open, lots, .. } = expected;
    if state.is_none() && at_risk.is_none() && open.is_none() && lots.is_none() {
        return Ok(());
    }
    let key = step.phase.and_then(|phase| stage.campaign(step.uai, phase));
    let key = key.ok_or_else(|| StageFault::SetUp("`phase` is missing in an `expect` of a campaign".to_owned()))?;
    let shown = summary::shown(stage, key).await?;
    if let Some(wanted) = state {
        compare("state", wanted, &shown.state.to_owned(), said);
    }
    if let Some(wanted) = at_risk {
        compare("at_risk", wanted, &shown.at_risk, said);
    }
    if let Some(wanted) = open {
        compare("open", wanted, &shown.open, said);
    }
    if let Some(wanted) = lots {
        let rows = ledger::list(&mut stage.ctx.store.read().await?, Some(key.school)).await?;
        let came = rows.iter().filter(|row| row.record.key == key).count();
        compare("lots", wanted, &i64::try_from(came).unwrap_or(i64::MAX), said);
    }
    Ok(())
}

/// Civil dates by last outcome; `ok` includes those caught up.
async fn counted_nights(stage: &Stage, school: SchoolKey) -> Result<BTreeMap<&'static str, i64>, StageFault> {
    let rows = nights::list(&mut stage.ctx.store.read().await?, school, u32::MAX).await?;
    let mut counted = BTreeMap::from([("ok", 0), ("failed", 0), ("caught_up", 0)]);
    let mut add = |kind| *counted.entry(kind).or_default() += 1;
    for row in rows {
        match row.fact.outcome {
            Some(NightOutcome::Ok) => {
                add("ok");
                if row.caught_up {
                    add("caught_up");
                }
            }
            Some(NightOutcome::Failed) => add("failed"),
            None => (),
        }
    }
    Ok(counted)
}
