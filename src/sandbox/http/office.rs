//! Siècle over HTTP (siecle.md).

use crate::clock::Clock;
use crate::codec::json::listing::{self, ListedResponse};
use crate::domain::{
    lot::{Document, FileName, Format},
    school::SchoolKey,
};
use crate::sandbox::{
    Problem, Shared,
    councils::ResponseFile,
    faults::Topic,
    http::{
        desk::{number_of, school_of, unknown},
        exchange::{Answer, Asked, Far, IDEMPOTENCY_KEY},
    },
    siecle::{ReceiptState, Siecle},
};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::header,
    response::Response,
    routing::{get, put},
};
use serde::Deserialize;

/// Where deposits and receipts are.
const IMPORTS: &str = "/imports/orientation/demandes";

type Office = Far<Siecle>;

/// Query of the list of response files.
#[derive(Deserialize)]
struct Since {
    depuis: Option<String>,
}

/// Its paths.
pub fn router(stand_in: &Shared<Siecle>, clock: &Clock) -> Router {
    let office = Office::new(stand_in, clock, |siecle| &mut siecle.faults);
    Router::new()
        .route(&format!("{IMPORTS}/{{uai}}/{{year}}/{{number}}"), put(deposit))
        .route(&format!("{IMPORTS}/{{uai}}/{{year}}/{{number}}/compte-rendu"), get(receipt))
        .route("/exports/orientation/reponses/{uai}/{year}", get(list))
        .route("/exports/orientation/reponses/{uai}/{year}/{number}", get(response_file))
        .with_state(office)
}

async fn deposit(
    State(office): State<Office>,
    Path((uai, year, number)): Path<(String, String, String)>,
    asked: Asked,
) -> Response {
    office
        .answer(Topic::Lots, asked, |siecle, asked, body, now| {
            let (school, number) = lot_of(&uai, &year, &number)?;
            asked.digest(body)?;
            let key = format!("{school}-{number}");
            if asked.header(&IDEMPOTENCY_KEY) != Some(key.as_str()) {
                return Err(Problem::technical(400, "IDEMPOTENCY_KEY", "Idempotency-Key is not that of the path"));
            }
            let name = asked.header(&header::CONTENT_DISPOSITION).and_then(named).ok_or_else(no_name)?;
            let expected = media_type(name.format);
            if !asked.header(&header::CONTENT_TYPE).is_some_and(|found| found.starts_with(expected)) {
                return Err(Problem::technical(415, "TYPE", "Content-Type is not that of the file's name"));
            }
            if name.key.school != school || name.number != number {
                return Err(Problem::business(422, "NUM_ENVOI", "the file is named for another address"));
            }
            siecle.deposit(name, body, now)?;
            let host = asked.header(&header::HOST).unwrap_or_default();
            let place = format!("http://{host}{IMPORTS}/{}/{}/{number}/compte-rendu", school.uai, school.year);
            Ok(Answer::status(202).with(header::LOCATION, place))
        })
        .await
}

async fn receipt(
    State(office): State<Office>,
    Path((uai, year, number)): Path<(String, String, String)>,
    asked: Asked,
) -> Response {
    office
        .answer(Topic::Receipts, asked, |siecle, _, _, _| {
            let (school, number) = lot_of(&uai, &year, &number)?;
            match siecle.receipt(school, number) {
                ReceiptState::Treated(file) => {
                    let name = file.name.to_string();
                    Ok(Answer::file(media_type(Format::Xml), &name, file.bytes, &file.sha256))
                }
                ReceiptState::Waiting => Ok(Answer::status(202)),
                ReceiptState::Replaced => Err(Problem::technical(410, "REMPLACE", "a later lot replaced this one")),
                ReceiptState::Rejected(problem) => Err(problem),
                ReceiptState::Unknown => Err(unknown()),
            }
        })
        .await
}

async fn list(
    State(office): State<Office>,
    Path((uai, year)): Path<(String, String)>,
    Query(query): Query<Since>,
    asked: Asked,
) -> Response {
    office
        .answer(Topic::Responses, asked, |siecle, _, _, _| {
            let school = school_of(&uai, &year)?;
            let after = number_of(query.depuis.as_deref(), 0)?;
            let office = siecle.school(school).ok_or_else(unknown)?;
            let listed = office.responses.iter().filter(|(number, _)| u64::from(**number) > after);
            let listed: Vec<_> = listed.filter_map(|(number, file)| listed_as(school, *number, file)).collect();
            Ok(Answer::json(listing::encode(&listed)))
        })
        .await
}

async fn response_file(
    State(office): State<Office>,
    Path((uai, year, number)): Path<(String, String, String)>,
    asked: Asked,
) -> Response {
    office
        .answer(Topic::Responses, asked, |siecle, _, _, _| {
            let (school, number) = lot_of(&uai, &year, &number)?;
            let file = siecle.school(school).and_then(|office| office.responses.get(&number)).ok_or_else(unknown)?;
            let listed = listed_as(school, number, file).ok_or_else(unknown)?;
            Ok(Answer::file(media_type(listed.name.format), &file.name, file.bytes.clone(), &listed.sha256))
        })
        .await
}

/// As a list shows it: a file without digest does not exist yet, and a name that breaks the rule cannot be asked for.
fn listed_as(school: SchoolKey, number: u32, file: &ResponseFile) -> Option<ListedResponse> {
    let name = FileName::parse(&file.name)?;
    let fits = name.document == Document::Responses && name.key.school == school && name.number == number;
    let sha256 = file.sha256.filter(|_| fits)?;
    Some(ListedResponse { number, name, sha256, size_bytes: file.bytes.len() as u64 })
}

fn lot_of(uai: &str, year: &str, number: &str) -> Result<(SchoolKey, u32), Problem> {
    Ok((school_of(uai, year)?, number.parse().map_err(|_| unknown())?))
}

fn named(disposition: &str) -> Option<FileName> {
    let (_, name) = disposition.split_once("filename=")?;
    FileName::parse(name.trim_matches('"'))
}

fn no_name() -> Problem {
    Problem::technical(400, "NOM", "Content-Disposition names no file of the exchange")
}

const fn media_type(format: Format) -> &'static str {
    match format {
        Format::Xml => "application/xml",
        Format::Csv => "text/csv",
    }
}
