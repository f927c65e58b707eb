//! The third tab: what the council proposes, and the family's reply (R15). Silence is never turned into agreement.

use crate::domain::{
    campaign::Phase,
    response::{Proposal, Verdicts},
    track::Track,
};
use crate::sandbox::{
    hold,
    pages::{
        Pages, Wired,
        entry::{self, Tab},
        families,
        form::{self, Fields},
        gate::{go_to, html, with_status},
        session::Seat,
        view::Frame,
        words,
    },
};
use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde::Deserialize;
use std::sync::Arc;

/// Where the tab is.
pub const ADDRESS: &str = "/teleservice/decision";

const NO_REPLY: &str = "Vous devez indiquer votre accord ou votre désaccord.";
const NO_PROPOSAL: &str = "Vous devez sélectionner au moins une proposition du conseil de classe.";
const CONTRADICTION: &str = "Vous ne pouvez pas accepter une proposition et signifier votre désaccord.";

/// The path of the tab.
pub fn routes() -> Router<Arc<Pages>> {
    Router::new().route(ADDRESS, get(show).post(reply))
}

/// What the address says beside the tab.
#[derive(Deserialize, Default)]
struct Asked {
    fait: Option<String>,
}

/// The tab.
#[derive(Template)]
#[template(path = "decision.html", config = "src/askama.toml")]
struct DecisionPage {
    frame: Frame,
    tabs: Vec<Tab>,
    simulation: Option<String>,
    pupil: String,
    proposals: Vec<ProposalWords>,
    /// The council has answered.
    answered: bool,
    done: bool,
    fault: Option<String>,
    /// The reply that stands.
    reply: Option<ReplyWords>,
    /// Somebody else replied first, or the account only reads.
    may_reply: bool,
    /// A proposal can be accepted.
    any_yes: bool,
}

struct ProposalWords {
    code: &'static str,
    label: &'static str,
    requested: bool,
    yes: bool,
    checked: bool,
}

struct ReplyWords {
    by: String,
    at: String,
    agrees: bool,
    accepted: Vec<&'static str>,
}

async fn show(State(pages): Wired, seat: Seat, Query(asked): Query<Asked>) -> Response {
    if !seat.shows(Phase::Definitive) {
        return go_to("/teleservice/accueil");
    }
    let done = asked.fait.is_some();
    html(&DecisionPage { done, ..page(&pages, &seat, &[]) })
}

async fn reply(State(pages): Wired, seat: Seat, Form(fields): Form<Fields>) -> Response {
    let Some(by) = seat.hand() else { return entry::only_read() };
    let accepted = fields.iter().filter(|(name, _)| name == "voie").filter_map(|(_, code)| Track::of_code(code));
    let accepted: Vec<Track> = accepted.collect();
    let said = match (form::value(&fields, "accord"), accepted.is_empty()) {
        ("oui", false) | ("non", true) => {
            let (school, pupil) = (seat.session.school, seat.session.pupil);
            let replied = hold(&pages.teleservice).reply(school, pupil, by, &accepted, seat.now);
            replied.map_err(|code| (StatusCode::CONFLICT, words::refusal(code)))
        }
        ("oui", true) => Err((StatusCode::UNPROCESSABLE_ENTITY, NO_PROPOSAL)),
        ("non", false) => Err((StatusCode::UNPROCESSABLE_ENTITY, CONTRADICTION)),
        (_, _) => Err((StatusCode::UNPROCESSABLE_ENTITY, NO_REPLY)),
    };
    match said {
        Ok(()) => go_to(&format!("{ADDRESS}?fait=reponse")),
        Err((status, fault)) => {
            let mut page = page(&pages, &seat, &accepted);
            page.frame.faulty = true;
            with_status(status, &DecisionPage { fault: Some(fault.to_owned()), ..page })
        }
    }
}

fn page(pages: &Pages, seat: &Seat, typed: &[Track]) -> DecisionPage {
    let record = &seat.record;
    let response = record.phases.get(&Phase::Definitive).and_then(|entry| entry.response.as_ref());
    let proposals = match response.map(|response| &response.verdicts) {
        Some(Verdicts::Proposals(all)) => all.clone(),
        Some(Verdicts::Opinions(_)) | None => Vec::new(),
    };
    let stands = record.replies.last();
    let is_checked = |track| match stands {
        Some(reply) if typed.is_empty() => reply.accepted.contains(&track),
        Some(_) | None => typed.contains(&track),
    };
    let proposal = |one: &Proposal| ProposalWords {
        code: one.track.code(),
        label: one.track.label(),
        requested: one.requested,
        yes: one.accepted,
        checked: is_checked(one.track),
    };
    let first = record.replies.first().map(|reply| reply.representative);
    DecisionPage {
        frame: families::frame(pages, seat, "3 Décision"),
        tabs: entry::tabs(seat, ADDRESS),
        simulation: families::simulation(seat),
        pupil: words::pupil(&record.pupil),
        any_yes: proposals.iter().any(|one| one.accepted),
        proposals: proposals.iter().map(proposal).collect(),
        answered: response.is_some(),
        done: false,
        fault: None,
        reply: stands.map(|reply| ReplyWords {
            by: seat.name_of(reply.representative),
            at: words::stamp(reply.at, seat.zone),
            agrees: reply.agrees,
            accepted: reply.accepted.iter().map(|track| track.label()).collect(),
        }),
        may_reply: response.is_some() && seat.hand().is_some_and(|by| first.is_none_or(|first| first == by)),
    }
}
