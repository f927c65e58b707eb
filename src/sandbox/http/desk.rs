//! The téléservice over HTTP (teleservice.md).

use crate::clock::Clock;
use crate::codec::{Fault, json::feed, json::orders};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::Zone,
};
use crate::sandbox::{
    Problem, Shared,
    faults::Topic,
    http::exchange::{Answer, Asked, Far, IDEMPOTENCY_KEY},
    teleservice::Teleservice,
};
use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::{get, put},
};
use serde::Deserialize;

/// Events in one page, unless the reader wants fewer.
const PAGE_MAX: u32 = 5_000;

type Desk = Far<Teleservice>;

/// Query of the feed.
#[derive(Deserialize)]
struct Window {
    depuis: Option<String>,
    limite: Option<String>,
}

/// Its paths.
pub fn router(stand_in: &Shared<Teleservice>, clock: &Clock) -> Router {
    let desk = Desk::new(stand_in, clock, |teleservice| &mut teleservice.faults);
    Router::new()
        .route("/orientation/v1/{uai}/{year}/evenements", get(events))
        .route("/orientation/v1/{uai}/{year}/{level}/{phase}/ouverture", put(window))
        .route("/orientation/v1/{uai}/{year}/{level}/{phase}/reponses/{number}", put(responses))
        .with_state(desk)
}

async fn events(
    State(desk): State<Desk>,
    Path((uai, year)): Path<(String, String)>,
    Query(query): Query<Window>,
    asked: Asked,
) -> Response {
    desk.answer(Topic::Feed, asked, |teleservice, _, _, _| {
        let school = school_of(&uai, &year)?;
        let after = number_of(query.depuis.as_deref(), 0)?;
        let limit = number_of(query.limite.as_deref(), u64::from(PAGE_MAX))?;
        let limit = u32::try_from(limit).ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(bad_query)?;
        let desk = teleservice.school(school).ok_or_else(unknown)?;
        let last = desk.feed.last();
        if last < after {
            return Err(Problem::business(409, "FLUX_RECULE", "this feed ends before that event"));
        }
        let raw: Vec<_> =
            desk.feed.after(after).iter().take(limit as usize).map(|entry| entry.line.json(desk.zone)).collect();
        Ok(Answer::json(feed::encode_page(school, after, last, &raw)))
    })
    .await
}

async fn window(
    State(desk): State<Desk>,
    Path((uai, year, level, phase)): Path<(String, String, String, String)>,
    asked: Asked,
) -> Response {
    desk.answer(Topic::Orders, asked, |teleservice, _, body, now| {
        let key = campaign_of(&uai, &year, &level, &phase)?;
        let order = orders::decode_window(key, body).map_err(|fault| unreadable(&fault))?;
        let answer = teleservice.order_window(&order, now)?;
        let wire = orders::WindowAnswer { open: answer.open, at: answer.at, seq: answer.seq };
        Ok(Answer::json(orders::encode_window_answer(&wire, zone_of(teleservice, key.school))))
    })
    .await
}

async fn responses(
    State(desk): State<Desk>,
    Path((uai, year, level, phase, number)): Path<(String, String, String, String, String)>,
    asked: Asked,
) -> Response {
    desk.answer(Topic::Orders, asked, |teleservice, asked, body, now| {
        let key = campaign_of(&uai, &year, &level, &phase)?;
        let digest = asked.digest(body)?;
        if asked.header(&IDEMPOTENCY_KEY).is_none() {
            return Err(Problem::technical(400, "IDEMPOTENCY_KEY", "Idempotency-Key is missing"));
        }
        let order = orders::decode_responses(key, body).map_err(|fault| unreadable(&fault))?;
        if number.parse() != Ok(order.number) {
            return Err(Problem::business(400, "NUM", "path and body name different numbers"));
        }
        let answer = teleservice.order_responses(&order, digest, now)?;
        let refused = answer.refused.into_iter().map(|(pupil, code)| (pupil, code.to_owned())).collect();
        let wire = orders::ResponsesAnswer { applied: answer.applied, refused };
        Ok(Answer::json(orders::encode_responses_answer(&wire)))
    })
    .await
}

/// The school and year of a path.
pub fn school_of(uai: &str, year: &str) -> Result<SchoolKey, Problem> {
    let uai = Uai::parse(uai).map_err(|_| unknown())?;
    let year = SchoolYear::parse(year).map_err(|_| unknown())?;
    Ok(SchoolKey { uai, year })
}

fn campaign_of(uai: &str, year: &str, level: &str, phase: &str) -> Result<CampaignKey, Problem> {
    let school = school_of(uai, year)?;
    let level = Level::of_code(level).ok_or_else(unknown)?;
    let phase = Phase::of_code(phase).ok_or_else(unknown)?;
    Ok(CampaignKey { school, level, phase })
}

/// A number of a query, or what stands for it when it is not given.
pub fn number_of(text: Option<&str>, absent: u64) -> Result<u64, Problem> {
    text.map_or(Ok(absent), |text| text.parse().map_err(|_| bad_query()))
}

/// 404 for what does not exist.
pub fn unknown() -> Problem {
    Problem::technical(404, "INCONNU", "nothing here has this address")
}

fn bad_query() -> Problem {
    Problem::technical(400, "REQUETE", "`depuis` and `limite` are numbers, `limite` from 1 to 5000")
}

fn unreadable(fault: &Fault) -> Problem {
    Problem::business(422, fault.code, &fault.to_string())
}

fn zone_of(teleservice: &Teleservice, school: SchoolKey) -> Zone {
    teleservice.school(school).map_or_else(|| school.uai.zone(), |desk| desk.zone)
}
