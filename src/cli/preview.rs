//! What a run would do, as text and JSON (`--dry-run`). Pupils stand there by reference.

use crate::cli::wire::{Desk, Trace};

use crate::domain::{campaign::CampaignKey, school::SchoolKey};

use crate::plan::demands::DemandPlan;

use crate::run::{
    context::Served,
    demands::Wish,
    preview::{Preview, differences, preview},
    reference::References,
};
use serde_json::{Value, json};

/// Looks at one school and tells what a run would do there: text, and JSON.
///
/// # Errors
/// The store's.
pub async fn told(
    desk: &Desk,
    served: &Served,
    wish: Option<Wish>,
    only: Option<CampaignKey>,
) -> anyhow::Result<(String, Value)> {
    let school = served.school.key;
    let seen = preview(&desk.ctx, served, wish, only, desk.now()).await?;
    let references = desk.references(Trace::None).await?;
    let mut plans = Vec::new();
    for (key, plan) in &seen.demands {
        let differences = differences(&desk.ctx, *key, plan).await?;
        let pupils =
            differences.into_iter().map(|(pupil, held, carried)| (references.of(school, pupil), held, carried));
        plans.push(Campaign { key: *key, plan, pupils: pupils.collect(), held: held(&references, school, plan) });
    }
    Ok((text(school, &seen, &plans), document(school, &seen, &plans)))
}

/// One campaign's plan, with its pupils by reference: the version that Siècle holds, and the one that would leave.
struct Campaign<'a> {
    key: CampaignKey,
    plan: &'a DemandPlan,
    pupils: Vec<(String, Option<u32>, Option<u32>)>,
    held: Vec<String>,
}

fn held(references: &References, school: SchoolKey, plan: &DemandPlan) -> Vec<String> {
    match plan {
        DemandPlan::TooMuchWouldVanish(loss) => {
            loss.pupils.iter().map(|(pupil, _)| references.of(school, *pupil)).collect()
        }
        DemandPlan::Nothing
        | DemandPlan::InDoubt(_)
        | DemandPlan::Rejected(_)
        | DemandPlan::Fault(_)
        | DemandPlan::Lot(_) => Vec::new(),
    }
}

fn text(school: SchoolKey, seen: &Preview, plans: &[Campaign<'_>]) -> String {
    let (read_at, seq) = &seen.feed_read;
    let read_at = read_at.map_or_else(|| "never".to_owned(), |at| at.rfc3339_utc());
    let mut lines = vec![format!("{school}: feed read up to event {seq} ({read_at}); it is not read by a dry run")];
    lines
        .push(seen.due.map_or_else(|| "no night is due".to_owned(), |due| format!("the night of {} is due", due.date)));
    lines.extend(seen.orders.iter().map(|(key, duty)| {
        format!("the guard would order: {} {} ({})", duty.action.as_str(), campaign(*key), duty.motive.code())
    }));
    lines.extend(seen.awaited.iter().map(|number| format!("lot {number} would be asked after")));
    lines
        .extend(seen.held_files.iter().map(|number| format!("response file {number} is held, and would be looked at")));
    for one in plans {
        lines.push(format!("{}: {}", campaign(one.key), said(one.plan)));
        let version = |version: &Option<u32>| version.map_or_else(|| "none".to_owned(), |it| it.to_string());
        lines.extend(one.pupils.iter().map(|(pupil, held, carried)| {
            format!("  pupil {pupil}: version {} at Siècle, {} in the lot", version(held), version(carried))
        }));
        lines.extend(one.held.iter().map(|pupil| format!("  pupil {pupil} would vanish")));
    }
    lines.join("\n  ") + "\n"
}

fn campaign(key: CampaignKey) -> String {
    format!("{} {}", key.level.code(), key.phase.code())
}

fn said(plan: &DemandPlan) -> String {
    match plan {
        DemandPlan::Nothing => "nothing would leave".to_owned(),
        DemandPlan::InDoubt(number) => format!("nothing would leave while lot {number} is in doubt"),
        DemandPlan::Rejected(number) => format!("nothing would leave: lot {number} was rejected with this content"),
        DemandPlan::TooMuchWouldVanish(loss) => {
            format!("held: {} of {} demands would vanish, plan {}", loss.pupils.len(), loss.of, loss.digest)
        }
        DemandPlan::Fault(fault) => fault.to_string(),
        DemandPlan::Lot(planned) => {
            let (head, difference) = (&planned.lot.head, &planned.difference);
            format!(
                "lot {} would leave: {} demands, {} without entry; {} new, {} changed, {} unchanged, {} vanished",
                head.number,
                head.counts.demands,
                head.counts.without_entry,
                difference.added,
                difference.changed,
                difference.unchanged,
                difference.vanished.len()
            )
        }
    }
}

fn document(school: SchoolKey, seen: &Preview, plans: &[Campaign<'_>]) -> Value {
    let orders: Vec<Value> = seen
        .orders
        .iter()
        .map(|(key, duty)| {
            json!({ "level": key.level.code(), "phase": key.phase.code(), "action": duty.action.as_str(),
                    "motive": duty.motive.code() })
        })
        .collect();
    let demands: Vec<Value> = plans.iter().map(one).collect();
    json!({
        "uai": school.uai.as_str(),
        "year": school.year.get(),
        "feed": { "seq": seen.feed_read.1, "read_at": seen.feed_read.0.map(|at| at.rfc3339_utc()), "read_now": false },
        "due": seen.due.map(|due| json!({ "date": due.date.to_string(), "slot": due.slot_at.rfc3339_utc() })),
        "orders": orders,
        "awaited": seen.awaited,
        "held_files": seen.held_files,
        "demands": demands,
    })
}

fn one(campaign: &Campaign<'_>) -> Value {
    let (plan, lot) = match campaign.plan {
        DemandPlan::Nothing => ("nothing", Value::Null),
        DemandPlan::InDoubt(number) => ("in_doubt", json!({ "number": number })),
        DemandPlan::Rejected(number) => ("rejected", json!({ "number": number })),
        DemandPlan::TooMuchWouldVanish(loss) => {
            ("held", json!({ "plan": loss.digest.to_string(), "of": loss.of, "pupils": campaign.held }))
        }
        DemandPlan::Fault(fault) => ("fault", json!({ "why": fault.to_string() })),
        DemandPlan::Lot(planned) => {
            let (head, difference) = (&planned.lot.head, &planned.difference);
            let pupils: Vec<Value> = campaign
                .pupils
                .iter()
                .map(|(pupil, held, carried)| json!({ "pupil": pupil, "siecle": held, "lot": carried }))
                .collect();
            let lot = json!({
                "number": head.number,
                "demands": head.counts.demands,
                "without_entry": head.counts.without_entry,
                "added": difference.added,
                "changed": difference.changed,
                "unchanged": difference.unchanged,
                "vanished": difference.vanished.len(),
                "pupils": pupils,
            });
            ("lot", lot)
        }
    };
    let key = campaign.key;
    json!({ "level": key.level.code(), "phase": key.phase.code(), "plan": plan, "lot": lot })
}
