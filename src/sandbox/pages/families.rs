//! Signing in and out at the téléservice, the account's home with its services, and the folder of recaps.

use crate::domain::{
    campaign::Phase,
    pupil::{Division, PupilId, Representative, RepresentativeId},
    school::SchoolKey,
    time::Zone,
};
use crate::sandbox::{
    desk::{Desk, Record},
    hold,
    pages::{
        Pages, Wired, decision, entry,
        form::{self, Fields},
        gate::{go_to, html, nothing_here, plain_page},
        letters::{Letterhead, Recap, name_of},
        session::{Account, Seat, Session},
        view::{Frame, Site},
        words,
    },
    teleservice::{Mail, MailKind},
};
use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc};

/// Pupils shown at once when a name is looked for.
const FOUND_MAX: usize = 50;

/// The families' paths.
pub fn routes() -> Router<Arc<Pages>> {
    Router::new()
        .route("/teleservice", get(sign_in_page))
        .route("/teleservice/connexion", post(sign_in))
        .route("/teleservice/accueil", get(home))
        .route("/teleservice/deconnexion", post(sign_out))
        .route("/teleservice/courriels", get(letters))
        .route("/teleservice/courriels/{number}", get(letter))
        .merge(entry::routes())
        .merge(decision::routes())
}

/// Which pupils the sign-in page lists.
#[derive(Deserialize, Default)]
struct Wanted {
    etablissement: Option<String>,
    division: Option<String>,
    nom: Option<String>,
}

/// The list of accounts.
#[derive(Template)]
#[template(path = "sign_in.html", config = "src/askama.toml")]
struct SignIn {
    frame: Frame,
    schools: Vec<SchoolLink>,
    school: Option<String>,
    school_name: String,
    name: String,
    divisions: Vec<DivisionLink>,
    pupils: Vec<Accounts>,
    more: bool,
    /// Whether the head may look (R14).
    simulation: bool,
}

struct SchoolLink {
    key: String,
    name: String,
    current: bool,
}

struct DivisionLink {
    code: String,
    current: bool,
}

/// The accounts of one pupil.
struct Accounts {
    name: String,
    division: String,
    key: String,
    representatives: Vec<(RepresentativeId, String)>,
}

async fn sign_in_page(State(pages): Wired, Query(wanted): Query<Wanted>) -> Response {
    let teleservice = hold(&pages.teleservice);
    let asked = wanted.etablissement.as_deref();
    let school = teleservice.schools().find(|school| asked.is_none_or(|asked| school.to_string() == asked));
    let link =
        |key: SchoolKey| SchoolLink { key: key.to_string(), name: pages.name(key), current: Some(key) == school };
    let schools = teleservice.schools().map(link).collect();
    let desk = school.and_then(|school| teleservice.school(school));
    let records: Vec<&Record> =
        desk.into_iter().flat_map(|desk| desk.pupils.values()).filter(|it| it.present).collect();
    let divisions: BTreeSet<&Division> = records.iter().map(|record| &record.pupil.division).collect();
    let name = wanted.nom.unwrap_or_default().trim().to_owned();
    let chosen =
        divisions.iter().find(|it| Some(it.as_str()) == wanted.division.as_deref()).or(divisions.iter().next());
    let chosen = chosen.copied().filter(|_| name.is_empty());
    let sought = name.to_lowercase();
    let is_listed = |record: &&&Record| match chosen {
        Some(division) => record.pupil.division == *division,
        None => words::pupil(&record.pupil).to_lowercase().contains(&sought),
    };
    let mut listed: Vec<&Record> = records.iter().filter(is_listed).copied().collect();
    listed.sort_by_key(|record| (record.pupil.last_name.clone(), record.pupil.first_name.clone()));
    let more = !name.is_empty() && FOUND_MAX < listed.len();
    listed.truncate(if more { FOUND_MAX } else { listed.len() });
    let accounts = |record: &Record| Accounts {
        name: words::pupil(&record.pupil),
        division: record.pupil.division.to_string(),
        key: school.map(|school| format!("{school}/{}", record.pupil.id)).unwrap_or_default(),
        representatives: record.pupil.representatives.iter().map(|one| (one.id, words::person(one))).collect(),
    };
    html(&SignIn {
        frame: pages.anywhere(Site::Teleservice, "Se connecter"),
        schools,
        school: school.map(|school| school.to_string()),
        school_name: school.map(|school| pages.name(school)).unwrap_or_default(),
        divisions: divisions
            .into_iter()
            .map(|it| DivisionLink { code: it.to_string(), current: Some(it) == chosen })
            .collect(),
        pupils: listed.into_iter().map(accounts).collect(),
        name,
        more,
        simulation: desk.is_some_and(definitive_begun),
    })
}

/// From the definitive phase on the head of school may look (the guide, introduction).
fn definitive_begun(desk: &Desk) -> bool {
    desk.windows.keys().any(|(_, phase)| *phase == Phase::Definitive)
}

async fn sign_in(State(pages): Wired, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    let Some(session) = account(&pages, form::value(&fields, "compte")) else {
        return plain_page(StatusCode::NOT_FOUND, "Compte introuvable", "Ce compte n'existe pas, ou pas encore.");
    };
    // Whoever sat here before has left: that is the end of a session too (R13).
    leave(&pages, &headers).await;
    let mut answer = go_to("/teleservice/accueil");
    if let Ok(cookie) = HeaderValue::from_str(&pages.begin(session)) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// The session of an account named `{school}/{pupil}/{responsable|eleve|chef}/{representative}`.
fn account(pages: &Pages, named: &str) -> Option<Session> {
    let mut parts = named.split('/');
    let (school, pupil, role, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
    let teleservice = hold(&pages.teleservice);
    let school = teleservice.schools().find(|known| known.to_string() == school)?;
    let desk = teleservice.school(school)?;
    let pupil = PupilId(pupil.parse().ok()?);
    let record = desk.pupils.get(&pupil).filter(|record| record.present)?;
    let representative = || {
        let id = RepresentativeId(id?.parse().ok()?);
        Some(id).filter(|id| record.is_represented_by(*id))
    };
    let account = match role {
        "responsable" => Account::Representative(representative()?),
        "chef" if definitive_begun(desk) => Account::Head(representative()?),
        "eleve" => Account::Pupil,
        _ => return None,
    };
    Some(Session { school, pupil, account, validated: BTreeSet::new() })
}

/// The services of an account.
#[derive(Template)]
#[template(path = "home.html", config = "src/askama.toml")]
struct Home {
    frame: Frame,
    pupil: String,
    division: String,
    simulation: Option<String>,
}

async fn home(State(pages): Wired, seat: Seat) -> Response {
    html(&Home {
        frame: frame(&pages, &seat, "Accueil"),
        pupil: words::pupil(&seat.record.pupil),
        division: seat.record.pupil.division.to_string(),
        simulation: simulation(&seat),
    })
}

/// The frame of a page of somebody who is signed in.
pub fn frame(pages: &Pages, seat: &Seat, title: &str) -> Frame {
    let frame = pages.frame(Site::Teleservice, title, seat.zone);
    Frame { account: Some(seat.account()), active: seat.is_active(), ..frame }
}

/// Whom the head of school looks as; none for everybody else.
pub fn simulation(seat: &Seat) -> Option<String> {
    match seat.session.account {
        Account::Head(id) => Some(seat.name_of(id)),
        Account::Representative(_) | Account::Pupil => None,
    }
}

async fn sign_out(State(pages): Wired, headers: HeaderMap) -> Response {
    leave(&pages, &headers).await;
    go_to("/teleservice")
}

/// Ends a session; when something was validated in it, both representatives get their recap (R13).
async fn leave(pages: &Pages, headers: &HeaderMap) {
    let Some(session) = pages.end(headers) else { return };
    let Account::Representative(by) = session.account else { return };
    let now = pages.clock.now();
    let written = {
        let mut teleservice = hold(&pages.teleservice);
        let before = teleservice.mails().len();
        teleservice.logout(session.school, session.pupil, by, now);
        let record = teleservice.record(session.school, session.pupil);
        let zone = teleservice.school(session.school).map(|desk| desk.zone);
        let sent = (1..).zip(teleservice.mails()).skip(before);
        let texts = sent.filter_map(|(number, mail)| Some((number, recaps(pages, &session, record?, zone?, mail))));
        texts.collect::<Vec<_>>()
    };
    for (number, text) in written.into_iter().filter(|(_, text)| !text.is_empty()) {
        if let Err(fault) = pages.letters.put(number, &text).await {
            tracing::error!(name: "stand_in.failed", "A recap could not be written: {fault}");
        }
    }
}

/// The text of one mail: a recap of each phase that was validated in the session.
fn recaps(pages: &Pages, session: &Session, record: &Record, zone: Zone, mail: &Mail) -> String {
    let unnamed = Letterhead::default();
    let letterhead = pages.schools.get(&session.school).unwrap_or(&unnamed);
    let person = |id| record.pupil.representatives.iter().find(|one: &&Representative| one.id == id);
    let Some(to) = person(mail.to) else { return String::new() };
    let of_phase = |phase: &Phase| {
        let version = record.last_version(*phase)?;
        let by = person(version.by).map(words::person)?;
        let (kind, phase, pupil, by, sent_at) = (mail.kind, *phase, &record.pupil, by.as_str(), mail.at);
        Recap { kind, to, by, pupil, phase, version, zone, sent_at, letterhead }.text()
    };
    session.validated.iter().filter_map(of_phase).collect::<Vec<_>>().join("\n\n")
}

/// The recaps that were sent.
#[derive(Template)]
#[template(path = "letters.html", config = "src/askama.toml")]
struct LettersPage {
    frame: Frame,
    folder: String,
    letters: Vec<LetterLink>,
}

struct LetterLink {
    number: usize,
    file: String,
    to: String,
    pupil: String,
    kind: &'static str,
    at: String,
}

async fn letters(State(pages): Wired) -> Response {
    let teleservice = hold(&pages.teleservice);
    let link = |(number, mail): (usize, &Mail)| {
        let desk = teleservice.school(mail.school)?;
        let record = desk.pupils.get(&mail.pupil)?;
        let to = record.pupil.representatives.iter().find(|one| one.id == mail.to)?;
        Some(LetterLink {
            number,
            file: name_of(number),
            to: words::person(to),
            pupil: words::pupil(&record.pupil),
            kind: match mail.kind {
                MailKind::Owner => "a effectué la saisie",
                MailKind::Reader => "est en lecture seule",
            },
            at: words::stamp(mail.at, desk.zone),
        })
    };
    let mut letters: Vec<_> = (1..).zip(teleservice.mails()).filter_map(link).collect();
    letters.reverse();
    let folder = pages.letters.folder().display().to_string();
    html(&LettersPage { frame: pages.anywhere(Site::Teleservice, "Courriels envoyés"), folder, letters })
}

/// One recap.
#[derive(Template)]
#[template(path = "letter.html", config = "src/askama.toml")]
struct LetterPage {
    frame: Frame,
    text: String,
}

async fn letter(State(pages): Wired, Path(number): Path<usize>) -> Response {
    match pages.letters.read(number).await {
        Some(text) => html(&LetterPage { frame: pages.anywhere(Site::Teleservice, "Courriel"), text }),
        None => nothing_here(),
    }
}
