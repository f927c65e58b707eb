//! Siècle's screen of lots: what was received of a campaign, and the receipt of each.

use crate::codec;
use crate::domain::{
    lot::{Receipt, ReceiptKind, ReceiptLine},
    pupil::PupilId,
    time::Zone,
};
use crate::sandbox::{
    hold,
    pages::{
        Wired,
        council::{CampaignHead, Named, frame, head},
        gate::{html, nothing_here},
        view::Frame,
        words,
    },
    siecle::{Deposit, DepositState, Office},
};
use askama::Template;
use axum::{extract::State, response::Response};

/// Lots of a campaign with their receipts, the latest first.
#[derive(Template)]
#[template(path = "receipts.html", config = "src/askama.toml")]
struct ReceiptsPage {
    frame: Frame,
    head: CampaignHead,
    lots: Vec<LotRow>,
    responses: Vec<String>,
}

struct LotRow {
    number: u32,
    received_at: String,
    state: &'static str,
    receipt: Option<ReceiptWords>,
    why: Option<String>,
}

struct ReceiptWords {
    treated_at: String,
    treated: u32,
    complete: u32,
    rejected: u32,
    absent: u32,
    lines: Vec<LineWords>,
}

struct LineWords {
    kind: &'static str,
    code: String,
    pupil: String,
}

/// The screen.
pub async fn list(State(pages): Wired, Named(key): Named) -> Response {
    let (lots, responses) = {
        let siecle = hold(&pages.siecle);
        let Some(office) = siecle.school(key.school) else { return nothing_here() };
        let own = office.deposits.iter().rev().filter(|(_, deposit)| deposit.file.name.key == key);
        let lots: Vec<_> = own.map(|(number, deposit)| lot(office, *number, deposit)).collect();
        let responses = office.responses.values().map(|file| file.name.clone());
        let prefix = format!("{}-REP-{}-{}-", key.school, key.level.code(), key.phase.code());
        (lots, responses.filter(|name| name.starts_with(&prefix)).collect())
    };
    let (frame, head) = (frame(&pages, key, "Envois et comptes rendus"), head(&pages, key));
    html(&ReceiptsPage { frame, head, lots, responses })
}

fn lot(office: &Office, number: u32, deposit: &Deposit) -> LotRow {
    let (state, receipt, why) = match &deposit.state {
        DepositState::Waiting(_) => ("en attente de traitement", None, None),
        DepositState::Replaced => ("remplacé par un envoi suivant", None, None),
        DepositState::Rejected(problem) => ("rejeté", None, Some(problem.detail.clone())),
        DepositState::Treated { receipt, .. } => {
            let read = codec::decode_receipt(receipt.name, &receipt.bytes);
            ("traité", read.ok().map(|receipt| in_words(office, &receipt)), None)
        }
    };
    LotRow { number, received_at: words::stamp(deposit.received_at, office.zone), state, receipt, why }
}

fn in_words(office: &Office, receipt: &Receipt) -> ReceiptWords {
    let zone: Zone = office.zone;
    let line = |line: &ReceiptLine| LineWords {
        kind: match line.kind {
            ReceiptKind::Rejected => "Rejeté",
            ReceiptKind::Partial => "Partiel",
            ReceiptKind::Absent => "Absent de l'envoi",
            ReceiptKind::Modified => "Modifié",
        },
        code: line.code.clone(),
        pupil: line.pupil.map(|id| name_of(office, id)).unwrap_or_default(),
    };
    ReceiptWords {
        treated_at: words::stamp(receipt.treated_at, zone),
        treated: receipt.treated,
        complete: receipt.complete,
        rejected: receipt.rejected,
        absent: receipt.absent,
        lines: receipt.lines.iter().map(line).collect(),
    }
}

fn name_of(office: &Office, id: PupilId) -> String {
    office.pupils.get(&id).map_or_else(|| format!("élève {id}"), words::pupil)
}
