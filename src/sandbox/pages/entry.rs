//! The first two tabs: intentions and definitive choices, with the opinions of the provisional phase (R01 to R06, R12, R16).

use crate::domain::{
    campaign::Phase,
    pupil::RepresentativeId,
    response::{Opinion, Verdicts},
};
use crate::sandbox::{
    hold,
    pages::{
        Pages, Wired, decision, families,
        form::{Draft, Fault, Fields, Gesture, Judged, RowView},
        gate::{go_to, html, plain_page, with_status},
        session::Seat,
        view::Frame,
        words::{self, ChoiceWords},
    },
    rules::EntryCode,
};
use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use std::sync::Arc;

/// Paths of the first two tabs.
pub fn routes() -> Router<Arc<Pages>> {
    let mut router = Router::new().route("/teleservice/accuse", post(acknowledge));
    for phase in Phase::ALL {
        let shown = move |pages: Wired, seat: Seat, asked: Query<Asked>| show(pages, seat, phase, asked);
        let sent = move |pages: Wired, seat: Seat, form: Form<Fields>| submit(pages, seat, phase, form);
        router = router.route(words::address(phase), get(shown).post(sent));
    }
    router
}

/// What the address says beside the tab.
#[derive(Deserialize, Default)]
struct Asked {
    /// What was just done.
    fait: Option<String>,
    /// Whether what stands is to be changed.
    modifier: Option<String>,
}

/// One of the three tabs.
pub struct Tab {
    /// What is read.
    pub label: &'static str,
    /// Where it leads.
    pub address: &'static str,
    /// Whether it is shown now.
    pub current: bool,
    /// Whether it leads anywhere yet.
    pub active: bool,
}

/// The three tabs as those eyes may use them; `current` is the address of one.
pub fn tabs(seat: &Seat, current: &str) -> Vec<Tab> {
    let tab = |label, address, phase| Tab { label, address, current: address == current, active: seat.shows(phase) };
    let of_phase = |phase| tab(words::tab(phase), words::address(phase), phase);
    let decision = tab("3 Décision", decision::ADDRESS, Phase::Definitive);
    Phase::ALL.into_iter().map(of_phase).chain([decision]).collect()
}

/// A tab with its entry.
#[derive(Template)]
#[template(path = "entry.html", config = "src/askama.toml")]
struct EntryPage {
    frame: Frame,
    tabs: Vec<Tab>,
    simulation: Option<String>,
    pupil: String,
    heading: &'static str,
    address: &'static str,
    provisional: bool,
    /// What was just done.
    done: Option<String>,
    /// Why nothing can be typed.
    why: Option<String>,
    /// Whether the opinion is to be acknowledged first (R05).
    acknowledge_first: bool,
    saved: Option<Saved>,
    form: Option<FormView>,
    opinions: Vec<OpinionWords>,
    acknowledged: Vec<String>,
    may_acknowledge: bool,
}

/// What stands.
struct Saved {
    by: String,
    own: bool,
    at: String,
    choices: Vec<ChoiceWords>,
    may_change: bool,
}

/// The form.
struct FormView {
    rows: Vec<RowView>,
    room: bool,
    /// Whether it is only looked at (R14).
    inert: bool,
}

impl FormView {
    fn faults(&self) -> Vec<(usize, &Fault)> {
        self.rows.iter().flat_map(|row| row.faults.iter().map(|fault| (row.n, fault))).collect()
    }
}

struct OpinionWords {
    track: &'static str,
    value: &'static str,
    class: &'static str,
    reason: Option<String>,
}

async fn show(State(pages): Wired, seat: Seat, phase: Phase, Query(asked): Query<Asked>) -> Response {
    if !seat.shows(phase) {
        return go_to("/teleservice/accueil");
    }
    let mut page = page(&pages, &seat, phase);
    page.done = asked.fait.as_deref().and_then(|what| done(&seat, phase, what));
    let nothing_yet = page.saved.is_none();
    if seat.may_enter(phase).is_ok() && (nothing_yet || asked.modifier.is_some()) {
        let draft = seat.record.last_version(phase).map_or_else(Draft::empty, Draft::of);
        page.form = Some(form(&seat, &draft, Judged::NotYet));
    }
    html(&page)
}

fn done(seat: &Seat, phase: Phase, what: &str) -> Option<String> {
    match what {
        "valide" => {
            let at = words::stamp(seat.record.last_version(phase)?.at, seat.zone);
            Some(format!("Vos choix ont bien été enregistrés le {at}."))
        }
        "accuse" => Some("Vous avez accusé réception de l'avis du conseil de classe.".to_owned()),
        _ => None,
    }
}

async fn submit(State(pages): Wired, seat: Seat, phase: Phase, Form(fields): Form<Fields>) -> Response {
    let Some(by) = seat.hand() else { return only_read() };
    let gesture = Gesture::read(&fields);
    let draft = Draft::read(&fields).after(gesture);
    match gesture {
        Gesture::Cancel => go_to(words::address(phase)),
        Gesture::Validate => match validate(&pages, &seat, phase, by, &draft) {
            Ok(()) => go_to(&format!("{}?fait=valide", words::address(phase))),
            Err(code) => refused(&pages, &seat, phase, &draft, code),
        },
        Gesture::Add | Gesture::Remove(_) | Gesture::Raise(_) | Gesture::Reread => match seat.may_enter(phase) {
            Ok(()) => {
                let form = Some(form(&seat, &draft, Judged::NotYet));
                html(&EntryPage { form, ..page(&pages, &seat, phase) })
            }
            Err(code) => refused(&pages, &seat, phase, &draft, code),
        },
    }
}

fn validate(pages: &Pages, seat: &Seat, phase: Phase, by: RepresentativeId, draft: &Draft) -> Result<(), EntryCode> {
    let (school, pupil) = (seat.session.school, seat.session.pupil);
    hold(&pages.teleservice).validate(school, phase, pupil, by, &draft.choices(), seat.now)?;
    pages.validated(seat, phase);
    Ok(())
}

/// What the stand-in refuses is said beside the field it is about, or as the reason why nothing can be typed.
fn refused(pages: &Pages, seat: &Seat, phase: Phase, draft: &Draft, code: EntryCode) -> Response {
    let mut page = page(pages, seat, phase);
    page.frame.faulty = true;
    match code {
        EntryCode::Choices | EntryCode::Track => {
            page.form = Some(form(seat, draft, Judged::Refused));
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        EntryCode::Closed
        | EntryCode::OutOfProcedure
        | EntryCode::NotOwner
        | EntryCode::AckMissing
        | EntryCode::Locked
        | EntryCode::NoResponse => {
            page.why = Some(words::refusal(code).to_owned());
            with_status(StatusCode::CONFLICT, &page)
        }
    }
}

/// An account that only reads sent a form.
pub fn only_read() -> Response {
    plain_page(StatusCode::FORBIDDEN, "Lecture seule", "Ce compte consulte les saisies et n'en modifie aucune.")
}

/// A tab without form.
fn page(pages: &Pages, seat: &Seat, phase: Phase) -> EntryPage {
    let entered = seat.may_enter(phase);
    let provisional = phase == Phase::Provisional;
    let heading = words::heading(phase);
    EntryPage {
        frame: families::frame(pages, seat, words::tab(phase)),
        tabs: tabs(seat, words::address(phase)),
        simulation: families::simulation(seat),
        pupil: words::pupil(&seat.record.pupil),
        heading,
        address: words::address(phase),
        provisional,
        done: None,
        why: entered.err().map(|code| why(seat, phase, code)),
        acknowledge_first: entered == Err(EntryCode::AckMissing) && seat.hand().is_some(),
        saved: saved(seat, phase, entered.is_ok()),
        form: None,
        opinions: if provisional { opinions(seat) } else { Vec::new() },
        acknowledged: if provisional { acknowledged(seat) } else { Vec::new() },
        may_acknowledge: provisional && may_acknowledge(seat),
    }
}

fn form(seat: &Seat, draft: &Draft, judged: Judged) -> FormView {
    let rows = draft.view(seat.record.pupil.level, judged);
    FormView { rows, room: draft.has_room(), inert: seat.hand().is_none() }
}

/// Why nothing can be typed, naming the owner where there is another one (R04).
fn why(seat: &Seat, phase: Phase, code: EntryCode) -> String {
    let owner =
        seat.record.phases.get(&phase).and_then(|entry| entry.owner).filter(|owner| Some(*owner) != seat.eyes());
    match (code, owner) {
        // The other phase is open: this one is read.
        (EntryCode::Closed, _) if seat.is_active() => words::PHASE_CLOSED.to_owned(),
        (EntryCode::NotOwner, Some(owner)) => {
            format!("{} Cette saisie a été effectuée par {}.", words::refusal(code), seat.name_of(owner))
        }
        (EntryCode::NotOwner, None) => {
            "Aucun représentant légal n'a encore validé de choix. L'élève consulte les saisies \
                                        en lecture seule."
                .to_owned()
        }
        (
            EntryCode::Closed
            | EntryCode::OutOfProcedure
            | EntryCode::Choices
            | EntryCode::Track
            | EntryCode::AckMissing
            | EntryCode::Locked
            | EntryCode::NoResponse,
            _,
        ) => words::refusal(code).to_owned(),
    }
}

fn saved(seat: &Seat, phase: Phase, changeable: bool) -> Option<Saved> {
    let version = seat.record.last_version(phase)?;
    Some(Saved {
        by: seat.name_of(version.by),
        own: seat.eyes() == Some(version.by),
        at: words::stamp(version.at, seat.zone),
        choices: words::choices(&version.choices),
        may_change: changeable,
    })
}

fn opinions(seat: &Seat) -> Vec<OpinionWords> {
    let response = seat.record.phases.get(&Phase::Provisional).and_then(|entry| entry.response.as_ref());
    let words = |one: &Opinion| OpinionWords {
        track: one.track.label(),
        value: words::opinion(one.value),
        class: one.value.code(),
        reason: one.reason.as_ref().map(|reason| reason.reveal().clone()),
    };
    match response.map(|response| &response.verdicts) {
        Some(Verdicts::Opinions(all)) => all.iter().map(words).collect(),
        Some(Verdicts::Proposals(_)) | None => Vec::new(),
    }
}

fn acknowledged(seat: &Seat) -> Vec<String> {
    let said = |by: RepresentativeId, at| format!("{}, le {}", seat.name_of(by), words::stamp(at, seat.zone));
    seat.record.acknowledgements.iter().map(|one| said(one.representative, one.at)).collect()
}

/// Either representative may, once (R05).
fn may_acknowledge(seat: &Seat) -> bool {
    let answered = seat.record.phases.get(&Phase::Provisional).is_some_and(|entry| entry.response.is_some());
    let known = |by| seat.record.acknowledgements.iter().any(|one| one.representative == by);
    answered && seat.is_active() && seat.hand().is_some_and(|by| !known(by))
}

async fn acknowledge(State(pages): Wired, seat: Seat) -> Response {
    let Some(by) = seat.hand() else { return only_read() };
    let done = hold(&pages.teleservice).acknowledge(seat.session.school, seat.session.pupil, by, seat.now);
    match done {
        Ok(()) => go_to("/teleservice/intentions?fait=accuse"),
        Err(code) => plain_page(StatusCode::CONFLICT, "Accusé de réception refusé", words::refusal(code)),
    }
}
