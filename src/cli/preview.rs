//! What a run would do, as text and JSON (`--dry-run`). Pupils stand there by reference.

use crate::cli::{
    anomalies,
    summary::{self, counted},
};

use crate::domain::{
    anomaly::{Anomaly, Subject},
    campaign::CampaignKey,
    order::{Motive, ResponseOrder, WindowOrder},
    pupil::PupilId,
    school::SchoolKey,
};

use crate::plan::demands::DemandPlan;

use crate::run::{
    reference::References,
    rehearsal::{Awaited, CampaignPlan, Plan},
};

use crate::store::{
    feed::Stop,
    ledger::LotState,
    responses::{FileRow, FileState},
};

use crate::transport::rehearsal::GivenOrder;
use serde_json::{Value, json};

/// Said before a plan that starts from nothing.
pub const NO_DATABASE: &str = "there is no database yet: this is what the first run would do\n";

/// One school's plan, told.
#[derive(Debug)]
pub struct Told {
    /// For people.
    pub text: String,
    /// For machines.
    pub document: Value,
    /// How a run would end.
    pub exit_code: u8,
    /// Whether nothing would be done, and nothing is wrong.
    pub is_quiet: bool,
}

/// Tells what a run would do at one school.
pub fn told(school: SchoolKey, plan: &Plan, references: &References) -> Told {
    let of = |pupil| references.of(school, pupil);
    Told {
        text: text(school, plan, &of),
        document: document(school, plan, &of),
        exit_code: plan.done.outcome().exit_code(),
        is_quiet: !plan.done.is_worth_saying(),
    }
}

/// The reference of a pupil.
type Of<'a> = &'a dyn Fn(PupilId) -> String;

fn text(school: SchoolKey, plan: &Plan, of: Of<'_>) -> String {
    let mut lines = vec![format!("{school}: {}", feed(plan))];
    lines
        .push(plan.due.map_or_else(|| "no night is due".to_owned(), |due| format!("the night of {} is due", due.date)));
    if !plan.has_calendar {
        lines.push("no calendar is loaded: nothing is opened, closed or imported".to_owned());
    }
    lines.extend(plan.orders.iter().flat_map(|order| ordered(order, of)));
    lines.extend(plan.awaited.iter().map(|lot| format!("lot {}: {}", lot.number, heard(lot, plan))));
    let known = |number: &&u32| !plan.files.iter().any(|file| file.number == **number);
    lines.extend(plan.held_files.iter().filter(known).map(|number| format!("response file {number} stays held")));
    lines.extend(plan.files.iter().map(became));
    lines.extend(plan.done.anomalies.iter().map(|anomaly| format!("anomaly {}", named(anomaly, of))));
    for one in &plan.demands {
        lines.push(format!("{}: {}", campaign(one.key), said(&one.plan)));
        let version = |version: &Option<u32>| version.map_or_else(|| "none".to_owned(), |it| it.to_string());
        lines.extend(one.pupils.iter().map(|(pupil, held, carried)| {
            format!("  pupil {}: version {} at Siècle, {} in the lot", of(*pupil), version(held), version(carried))
        }));
        lines.extend(vanishing(&one.plan).map(|pupil| format!("  pupil {} would vanish", of(pupil))));
    }
    let end = summary::line(school, &plan.done);
    let end = end.trim_end().trim_start_matches(&format!("{school}: "));
    lines.push(format!("a run would end: {end}"));
    lines.join("\n  ") + "\n"
}

/// How far the feed is known, and what was found behind that.
fn feed(plan: &Plan) -> String {
    let read_at = plan.known.read_at.map_or_else(|| "never read".to_owned(), |at| format!("read {}", at.rfc3339_utc()));
    let known = format!("feed known up to event {} ({read_at})", plan.known.seq);
    let (events, up_to) = (counted(plan.done.events, "event"), plan.read.seq);
    let read = match plan.done.events {
        0 if plan.is_feed_read => "nothing new is there".to_owned(),
        0 => "it would not be read".to_owned(),
        _ => format!("{events} would be read, up to {up_to}"),
    };
    match plan.done.stopped {
        Some(Stop::Hole { from, to }) => format!("{known}, {read}; events {from} to {to} are missing: nothing behind"),
        Some(Stop::WentBack) => format!("{known}; it went back (FLUX_RECULE): nothing would be read"),
        None => format!("{known}, {read}"),
    }
}

fn ordered(order: &GivenOrder, of: Of<'_>) -> Vec<String> {
    match order {
        GivenOrder::Window(order) => {
            let (action, key) = (action(order), campaign(order.key));
            vec![format!("would order: {action} {key} ({}), order {}", order.motive.code(), order.number)]
        }
        GivenOrder::Responses(ResponseOrder { key, number, responses }) => {
            let count = counted(u32::try_from(responses.len()).unwrap_or(u32::MAX), "response");
            let head = format!("would carry to the téléservice: {count} of {}, order {number}", campaign(*key));
            let pupils = responses.iter().map(|response| format!("  pupil {}", of(response.pupil)));
            std::iter::once(head).chain(pupils).collect()
        }
    }
}

const fn action(order: &WindowOrder) -> &'static str {
    match (order.motive, order.open) {
        (Motive::Reopening, _) => "reopen",
        (Motive::End, _) => "end",
        (Motive::Opening | Motive::Closing | Motive::Hand, true) => "open",
        (Motive::Opening | Motive::Closing | Motive::Hand, false) => "close",
    }
}

/// What Siècle says of a lot.
fn heard(lot: &Awaited, plan: &Plan) -> &'static str {
    match lot.becomes {
        LotState::Acknowledged => "Siècle treated it, its receipt would be taken",
        LotState::Rejected => "Siècle refused it for good",
        LotState::Replaced => "a later lot took its place at Siècle",
        LotState::Abandoned => "it was given up",
        LotState::Sent if goes_again(lot, plan) => "Siècle never received it, the same bytes would go again",
        LotState::Sent if lot.state == LotState::Sent => "no receipt yet",
        LotState::Sent => "Siècle has it, no receipt yet",
        LotState::Intended | LotState::InDoubt => "it would be asked after again",
    }
}

fn goes_again(lot: &Awaited, plan: &Plan) -> bool {
    plan.done.lots.iter().any(|sent| sent.number == lot.number)
}

/// What would become of a response file.
fn became(file: &FileRow) -> String {
    let (number, rows) = (file.number, counted(file.responses, "response"));
    let why = file.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    match file.state {
        FileState::Taken => format!("response file {number}: {rows}, would be taken"),
        FileState::Held => format!("response file {number}: {rows}, would be held{why}"),
        FileState::Refused => format!("response file {number}: would be refused{why}"),
    }
}

fn named(anomaly: &Anomaly, of: Of<'_>) -> String {
    format!("{} {}", anomaly.code.as_str(), anomalies::subject(&anomaly.subject, pupil_of(anomaly, of)))
}

fn pupil_of(anomaly: &Anomaly, of: Of<'_>) -> Option<String> {
    match &anomaly.subject {
        Subject::Pupil(pupil, _) => Some(of(*pupil)),
        Subject::Event(_) | Subject::Hole(..) | Subject::Epoch(_) | Subject::File(_) => None,
    }
}

fn campaign(key: CampaignKey) -> String {
    format!("{} {}", key.level.code(), key.phase.code())
}

/// The pupils for whom a lot is held.
fn vanishing(plan: &DemandPlan) -> impl Iterator<Item = PupilId> {
    let pupils = match plan {
        DemandPlan::TooMuchWouldVanish(loss) => loss.pupils.as_slice(),
        DemandPlan::Nothing
        | DemandPlan::InDoubt(_)
        | DemandPlan::Rejected(_)
        | DemandPlan::Fault(_)
        | DemandPlan::Lot(_) => &[],
    };
    pupils.iter().map(|(pupil, _)| *pupil)
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

fn document(school: SchoolKey, plan: &Plan, of: Of<'_>) -> Value {
    let (mut windows, mut carried) = (Vec::new(), Vec::new());
    for order in &plan.orders {
        match order {
            GivenOrder::Window(order) => windows.push(json!({
                "number": order.number, "level": order.key.level.code(), "phase": order.key.phase.code(),
                "action": action(order), "motive": order.motive.code(),
            })),
            GivenOrder::Responses(order) => carried.push(json!({
                "number": order.number, "level": order.key.level.code(), "phase": order.key.phase.code(),
                "pupils": order.responses.iter().map(|response| of(response.pupil)).collect::<Vec<_>>(),
            })),
        }
    }
    let hole = match plan.done.stopped {
        Some(Stop::Hole { from, to }) => Some([from, to]),
        Some(Stop::WentBack) | None => None,
    };
    json!({
        "uai": school.uai.as_str(),
        "year": school.year.get(),
        "feed": {
            "seq": plan.known.seq,
            "read_at": plan.known.read_at.map(|at| at.rfc3339_utc()),
            "read_now": plan.is_feed_read,
            "events": plan.done.events,
            "up_to": plan.read.seq,
            "hole": hole,
            "went_back": plan.done.stopped == Some(Stop::WentBack),
        },
        "due": plan.due.map(|due| json!({ "date": due.date.to_string(), "slot": due.slot_at.rfc3339_utc() })),
        "orders": windows,
        "awaited": plan.awaited.iter().map(|lot| lot.number).collect::<Vec<_>>(),
        "lots": plan.awaited.iter().map(|lot| awaited(lot, plan)).collect::<Vec<_>>(),
        "held_files": plan.held_files,
        "files": plan.files.iter().map(file).collect::<Vec<_>>(),
        "responses": carried,
        "anomalies": plan.done.anomalies.iter().map(|it| anomaly(it, of)).collect::<Vec<_>>(),
        "demands": plan.demands.iter().map(|it| one(it, of)).collect::<Vec<_>>(),
        "run": summary::school(school, &plan.done),
    })
}

fn awaited(lot: &Awaited, plan: &Plan) -> Value {
    json!({ "number": lot.number, "state": lot.state.as_str(), "becomes": lot.becomes.as_str(),
            "again": goes_again(lot, plan) })
}

fn file(file: &FileRow) -> Value {
    json!({ "number": file.number, "state": file.state.as_str(), "responses": file.responses, "code": file.code })
}

fn anomaly(anomaly: &Anomaly, of: Of<'_>) -> Value {
    json!({ "code": anomaly.code.as_str(), "subject": anomalies::subject(&anomaly.subject, pupil_of(anomaly, of)) })
}

fn one(campaign: &CampaignPlan, of: Of<'_>) -> Value {
    let (plan, lot) = match &campaign.plan {
        DemandPlan::Nothing => ("nothing", Value::Null),
        DemandPlan::InDoubt(number) => ("in_doubt", json!({ "number": number })),
        DemandPlan::Rejected(number) => ("rejected", json!({ "number": number })),
        DemandPlan::TooMuchWouldVanish(loss) => {
            let pupils: Vec<String> = vanishing(&campaign.plan).map(of).collect();
            ("held", json!({ "plan": loss.digest.to_string(), "of": loss.of, "pupils": pupils }))
        }
        DemandPlan::Fault(fault) => ("fault", json!({ "why": fault.to_string() })),
        DemandPlan::Lot(planned) => {
            let (head, difference) = (&planned.lot.head, &planned.difference);
            let pupils: Vec<Value> = campaign
                .pupils
                .iter()
                .map(|(pupil, held, carried)| json!({ "pupil": of(*pupil), "siecle": held, "lot": carried }))
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
