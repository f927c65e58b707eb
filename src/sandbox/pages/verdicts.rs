//! The council's entry for one pupil: an opinion with its reason on each track asked for, or proposals on any track.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::PupilId,
    response::{OpinionValue, RawVerdict},
    track::Track,
};
use crate::sandbox::{
    councils::{Council, Entry},
    hold,
    pages::{
        Pages, Wired,
        council::{CampaignHead, Named, PupilRow, Seat, division_address, frame, head, row, seats},
        form::{self, Fields},
        gate::{go_to, html, nothing_here, plain_page, with_status},
        view::Frame,
        words,
    },
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

const NO_REASON: &str = "Vous devez indiquer le motif de l'avis.";
const NO_VERDICT: &str = "Vous devez répondre sur chaque voie demandée.";

/// The entry for one pupil.
#[derive(Template)]
#[template(path = "council.html", config = "src/askama.toml")]
struct CouncilPage {
    frame: Frame,
    head: CampaignHead,
    pupil: PupilRow,
    division: String,
    provisional: bool,
    tracks: Vec<TrackRow>,
    any_fault: bool,
}

/// What the council says of one track.
struct TrackRow {
    code: &'static str,
    label: &'static str,
    asked: bool,
    values: Vec<(&'static str, &'static str, bool)>,
    reason: String,
    value_fault: Option<&'static str>,
    reason_fault: Option<&'static str>,
}

/// The path of a pupil, beside the campaign's.
#[derive(Deserialize)]
pub struct OfPupil {
    /// `ELEVE_ID`.
    pupil: i64,
}

/// The entry as it stands.
pub async fn show(State(pages): Wired, Named(key): Named, Path(of): Path<OfPupil>) -> Response {
    entry_page(&pages, key, PupilId(of.pupil), None).map_or_else(nothing_here, |page| html(&page))
}

/// The council answers, all of it or nothing.
pub async fn enter(
    State(pages): Wired,
    Named(key): Named,
    Path(of): Path<OfPupil>,
    Form(fields): Form<Fields>,
) -> Response {
    let id = PupilId(of.pupil);
    let Some(page) = entry_page(&pages, key, id, Some(&fields)) else { return nothing_here() };
    if page.any_fault {
        return with_status(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let filled = |prefix: &str| {
        let named =
            page.tracks.iter().map(|row| (row.code, form::value(&fields, &format!("{prefix}-{}", row.code)).trim()));
        named.filter(|(_, value)| !value.is_empty()).map(|(code, value)| (code.to_owned(), value.to_owned())).collect()
    };
    let (proposals, reasons) = (filled("avis"), filled("motif"));
    let council = Council { pupil: Some(id), proposals, reasons, ..Council::default() };
    let entered = hold(&pages.siecle).respond(key, &council, pages.clock.now());
    match entered {
        Ok(_) => go_to(&division_address(key, &page.division)),
        Err(fault) => plain_page(StatusCode::UNPROCESSABLE_ENTITY, "Saisie refusée", &fault.to_string()),
    }
}

/// The page of one pupil, with what was typed and is wrong where a form came, else with what was entered before.
fn entry_page(pages: &Pages, key: CampaignKey, id: PupilId, typed: Option<&Fields>) -> Option<CouncilPage> {
    let (pupil, division, tracks) = {
        let siecle = hold(&pages.siecle);
        let one = seats(siecle.school(key.school)?, key).into_iter().find(|one| one.id == id)?;
        let asked = one.tracks();
        let of_level = Track::ALL.into_iter().filter(|track| track.level() == key.level);
        // An opinion is on what was asked for; without a demand it is a paper one, on any track (siecle.md).
        let answered =
            of_level.filter(|track| key.phase == Phase::Definitive || asked.is_empty() || asked.contains(track));
        let tracks = answered.map(|track| track_row(key.phase, track, &one, asked.contains(&track), typed)).collect();
        (row(&one), one.division.to_string(), tracks)
    };
    let title = format!("{} — {}", pupil.name, words::phase(key.phase));
    let mut page = CouncilPage {
        frame: frame(pages, key, &title),
        head: head(pages, key),
        pupil,
        division,
        provisional: key.phase == Phase::Provisional,
        tracks,
        any_fault: false,
    };
    let nothing = typed.is_some() && page.tracks.iter().all(|row| row.values.iter().all(|(_, _, taken)| !taken));
    if let Some(first) = page.tracks.first_mut().filter(|_| nothing) {
        first.value_fault = Some(NO_VERDICT);
    }
    page.any_fault = page.tracks.iter().any(|row| row.value_fault.is_some() || row.reason_fault.is_some());
    page.frame.faulty = page.any_fault;
    Some(page)
}

fn track_row(phase: Phase, track: Track, one: &Seat<'_>, asked: bool, typed: Option<&Fields>) -> TrackRow {
    let code = track.code();
    let (value, reason) = match typed {
        Some(fields) => {
            let of = |prefix: &str| form::value(fields, &format!("{prefix}-{code}")).trim().to_owned();
            (of("avis"), of("motif"))
        }
        None => entered(one.entry, code),
    };
    let choices: Vec<(&str, &str)> = match phase {
        Phase::Provisional => OpinionValue::ALL.into_iter().map(|it| (it.code(), words::opinion(it))).collect(),
        Phase::Definitive => vec![("OUI", "Oui"), ("NON", "Non")],
    };
    let unreasoned = OpinionValue::of_code(&value).is_some_and(OpinionValue::needs_reason) && reason.is_empty();
    TrackRow {
        code,
        label: track.label(),
        asked,
        value_fault: (typed.is_some() && asked && value.is_empty()).then_some(NO_VERDICT),
        reason_fault: (typed.is_some() && unreasoned).then_some(NO_REASON),
        values: choices.into_iter().map(|(code, label)| (code, label, code == value)).collect(),
        reason,
    }
}

/// What was entered on a track before.
fn entered(entry: Option<&Entry>, code: &str) -> (String, String) {
    let found = entry.into_iter().flat_map(|entry| &entry.verdicts).find_map(|verdict| match verdict {
        RawVerdict::Opinion { track, value, reason } if track == code => {
            Some((value.code(), reason.as_ref().map(|reason| reason.reveal().clone()).unwrap_or_default()))
        }
        RawVerdict::Proposal { track, accepted, .. } if track == code => {
            Some((if *accepted { "OUI" } else { "NON" }, String::new()))
        }
        RawVerdict::Opinion { .. } | RawVerdict::Proposal { .. } => None,
    });
    found.map(|(value, reason)| (value.to_owned(), reason)).unwrap_or_default()
}
