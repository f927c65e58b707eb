//! Siècle's screens for the school and its councils: divisions, ranked choices, entry of opinions or proposals, families
//! without entry, « saisie terminée ». Receipts are `receipts.rs`'s.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    lot::LotPupil,
    pupil::{Division, Pupil, PupilId, Representative},
    response::{OpinionValue, RawVerdict},
    school::{Level, SchoolKey, SchoolYear, Uai},
    track::Track,
};
use crate::sandbox::{
    councils::{Council, Entry},
    hold,
    pages::{
        Pages, Wired,
        form::{self, Fields},
        gate::{go_to, html, nothing_here, plain_page, with_status},
        receipts,
        view::{Frame, Site},
        words,
    },
    siecle::Office,
};
use askama::Template;
use axum::{
    Form, Router,
    extract::{FromRequestParts, Path, Query, State},
    http::{StatusCode, request::Parts},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const NO_REASON: &str = "Vous devez indiquer le motif de l'avis.";
const NO_VERDICT: &str = "Vous devez répondre sur chaque voie demandée.";

/// The councils' paths.
pub fn routes() -> Router<Arc<Pages>> {
    Router::new()
        .route("/siecle", get(schools))
        .route("/siecle/{uai}/{year}/{level}/{phase}", get(campaign))
        .route("/siecle/{uai}/{year}/{level}/{phase}/division", get(division))
        .route("/siecle/{uai}/{year}/{level}/{phase}/eleve/{pupil}", get(seat).post(enter))
        .route("/siecle/{uai}/{year}/{level}/{phase}/sans-saisie", get(without_entry))
        .route("/siecle/{uai}/{year}/{level}/{phase}/saisie-terminee", post(complete))
        .route("/siecle/{uai}/{year}/{level}/{phase}/envois", get(receipts::list))
}

/// The campaign that an address names, where Siècle knows the school.
#[derive(Clone, Copy)]
pub struct Named(pub CampaignKey);

impl FromRequestParts<Arc<Pages>> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Arc<Pages>) -> Result<Self, Response> {
        let named = Path::<BTreeMap<String, String>>::from_request_parts(parts, pages).await;
        let key = named.ok().and_then(|Path(named)| key_of(&named));
        let known = key.filter(|key| hold(&pages.siecle).school(key.school).is_some());
        known.map(Self).ok_or_else(nothing_here)
    }
}

fn key_of(named: &BTreeMap<String, String>) -> Option<CampaignKey> {
    let uai = Uai::parse(named.get("uai")?).ok()?;
    let year = SchoolYear::parse(named.get("year")?).ok()?;
    let (level, phase) = (Level::of_code(named.get("level")?)?, Phase::of_code(named.get("phase")?)?);
    Some(CampaignKey { school: SchoolKey { uai, year }, level, phase })
}

/// Where the screens of a campaign begin.
pub fn address(key: CampaignKey) -> String {
    let (SchoolKey { uai, year }, level, phase) = (key.school, key.level.code(), key.phase.code());
    format!("/siecle/{uai}/{year}/{level}/{phase}")
}

/// A frame of Siècle's, in the school's zone.
pub fn frame(pages: &Pages, key: CampaignKey, title: &str) -> Frame {
    let zone = hold(&pages.siecle).school(key.school).map_or_else(|| key.school.uai.zone(), |office| office.zone);
    pages.frame(Site::Siecle, title, zone)
}

/// Head of every screen of a campaign.
pub struct CampaignHead {
    /// The school's name.
    pub school: String,
    /// Phase, in words.
    pub phase: &'static str,
    /// Where its screens begin.
    pub address: String,
}

/// The head of a campaign's screens.
pub fn head(pages: &Pages, key: CampaignKey) -> CampaignHead {
    CampaignHead { school: pages.name(key.school), phase: words::phase(key.phase), address: address(key) }
}

/// Schools and their campaigns.
#[derive(Template)]
#[template(path = "siecle.html")]
struct Schools {
    frame: Frame,
    campaigns: Vec<CampaignHead>,
}

async fn schools(State(pages): Wired) -> Response {
    let mut keys = Vec::new();
    {
        let siecle = hold(&pages.siecle);
        for school in siecle.schools() {
            let office = siecle.school(school);
            let of_pupils = office.into_iter().flat_map(|office| office.pupils.values()).map(|pupil| pupil.level);
            let mut levels: BTreeSet<Level> = of_pupils.collect();
            // A school without pupils has a campaign all the same: that of the last year of collège.
            if levels.is_empty() {
                levels.insert(Level::Troisieme);
            }
            let of_level = |level| Phase::ALL.into_iter().map(move |phase| CampaignKey { school, level, phase });
            keys.extend(levels.into_iter().flat_map(of_level));
        }
    }
    let campaigns = keys.into_iter().map(|key| head(&pages, key)).collect();
    html(&Schools { frame: pages.anywhere(Site::Siecle, "Établissements"), campaigns })
}

/// One campaign at a glance.
#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    frame: Frame,
    head: CampaignHead,
    divisions: Vec<DivisionRow>,
    without_entry: usize,
    complete_at: Option<String>,
    done: bool,
}

#[derive(Default)]
struct DivisionRow {
    code: String,
    pupils: usize,
    demands: usize,
    answered: usize,
}

/// What an address says beside the campaign.
#[derive(Deserialize, Default)]
struct Asked {
    division: Option<String>,
    fait: Option<String>,
}

async fn campaign(State(pages): Wired, Named(key): Named, Query(asked): Query<Asked>) -> Response {
    let (divisions, without_entry, complete_at) = {
        let siecle = hold(&pages.siecle);
        let Some(office) = siecle.school(key.school) else { return nothing_here() };
        let mut rows: BTreeMap<Division, DivisionRow> = BTreeMap::new();
        for one in seats(office, key) {
            let row = rows.entry(one.division.clone()).or_default();
            row.code = one.division.to_string();
            row.pupils += 1;
            row.demands += usize::from(one.held.is_some_and(|held| held.demand.is_some()));
            row.answered += usize::from(one.entry.is_some());
        }
        let without = seats(office, key).iter().filter(|one| one.is_without_entry()).count();
        let complete_at = office.complete.get(&key).map(|at| words::stamp(*at, office.zone));
        (rows.into_values().collect(), without, complete_at)
    };
    let (frame, head) = (frame(&pages, key, words::phase(key.phase)), head(&pages, key));
    html(&CampaignPage { frame, head, divisions, without_entry, complete_at, done: asked.fait.is_some() })
}

/// A pupil before the council, with all that Siècle knows of this campaign.
struct Seat<'o> {
    id: PupilId,
    name: String,
    division: &'o Division,
    pupil: Option<&'o Pupil>,
    held: Option<&'o LotPupil>,
    entry: Option<&'o Entry>,
}

impl Seat<'_> {
    /// A lot says so, or no lot says anything of a pupil who is in procedure (R06, R07).
    fn is_without_entry(&self) -> bool {
        let in_procedure = self.pupil.is_none_or(|pupil| pupil.in_procedure);
        self.held.map_or(in_procedure, |held| held.demand.is_none())
    }

    fn tracks(&self) -> Vec<Track> {
        let demand = self.held.and_then(|held| held.demand.as_ref());
        demand.into_iter().flat_map(|demand| demand.choices.as_slice()).map(|choice| choice.track()).collect()
    }

    fn representatives(&self) -> &[Representative] {
        self.pupil.map_or(&[], |pupil| &pupil.representatives)
    }
}

/// Pupils of the level, by division and name: those whom a lot named, and those of the school.
fn seats(office: &Office, key: CampaignKey) -> Vec<Seat<'_>> {
    let (held, entries) = (office.held.get(&key), office.entries.get(&key));
    let of_level = office.pupils.iter().filter(|(_, pupil)| pupil.level == key.level).map(|(id, _)| *id);
    let ids: BTreeSet<PupilId> = held.into_iter().flat_map(|held| held.keys().copied()).chain(of_level).collect();
    let seat = |id: PupilId| {
        let (pupil, held) = (office.pupils.get(&id), held.and_then(|held| held.get(&id)));
        let division = held.map(|held| &held.division).or_else(|| pupil.map(|pupil| &pupil.division))?;
        let of_lot = held.map(|held| format!("{} {}", held.first_name.reveal(), held.last_name.reveal()));
        let name = of_lot.or_else(|| pupil.map(words::pupil))?;
        Some(Seat { id, name, division, pupil, held, entry: entries.and_then(|entries| entries.get(&id)) })
    };
    let mut seats: Vec<_> = ids.into_iter().filter_map(seat).collect();
    let last_name = |seat: &Seat<'_>| seat.name.rsplit(' ').next().unwrap_or_default().to_owned();
    seats.sort_by_cached_key(|seat| (seat.division.clone(), last_name(seat), seat.id));
    seats
}

/// One division.
#[derive(Template)]
#[template(path = "division.html")]
struct DivisionPage {
    frame: Frame,
    head: CampaignHead,
    division: String,
    provisional: bool,
    pupils: Vec<PupilRow>,
    done: bool,
}

struct PupilRow {
    id: PupilId,
    name: String,
    choices: Vec<String>,
    verdicts: Vec<String>,
    out_of_procedure: bool,
}

async fn division(State(pages): Wired, Named(key): Named, Query(asked): Query<Asked>) -> Response {
    let division = asked.division.unwrap_or_default();
    let pupils = {
        let siecle = hold(&pages.siecle);
        let Some(office) = siecle.school(key.school) else { return nothing_here() };
        let all = seats(office, key).into_iter().filter(|one| one.division.as_str() == division);
        all.map(|one| row(&one)).collect::<Vec<_>>()
    };
    if pupils.is_empty() {
        return nothing_here();
    }
    let (frame, head) = (frame(&pages, key, &format!("Division {division}")), head(&pages, key));
    let provisional = key.phase == Phase::Provisional;
    html(&DivisionPage { frame, head, division, provisional, pupils, done: asked.fait.is_some() })
}

fn row(one: &Seat<'_>) -> PupilRow {
    let choices = one.held.and_then(|held| held.demand.as_ref());
    let choices = choices.into_iter().flat_map(|demand| demand.choices.as_slice()).map(|choice| {
        let formation =
            choice.formation().map(|it| format!(" : {}, {}", it.label, words::status(it.status).to_lowercase()));
        format!("{}{}", choice.track().label(), formation.unwrap_or_default())
    });
    let verdicts = one.entry.into_iter().flat_map(|entry| &entry.verdicts).map(|verdict| match verdict {
        RawVerdict::Opinion { track, value, .. } => format!("{} : {}", words::track(track), words::opinion(*value)),
        RawVerdict::Proposal { track, accepted, .. } => format!("{} : {}", words::track(track), yes_or_no(*accepted)),
    });
    PupilRow {
        id: one.id,
        name: one.name.clone(),
        choices: choices.collect(),
        verdicts: verdicts.collect(),
        out_of_procedure: one.pupil.is_some_and(|pupil| !pupil.in_procedure),
    }
}

const fn yes_or_no(accepted: bool) -> &'static str {
    if accepted { "oui" } else { "non" }
}

/// The entry for one pupil.
#[derive(Template)]
#[template(path = "council.html")]
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
struct OfPupil {
    pupil: i64,
}

async fn seat(State(pages): Wired, Named(key): Named, Path(of): Path<OfPupil>) -> Response {
    entry_page(&pages, key, PupilId(of.pupil), None).map_or_else(nothing_here, |page| html(&page))
}

async fn enter(
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
        Ok(_) => go_to(&format!("{}/division?division={}&fait=saisie", address(key), escaped(&page.division))),
        Err(fault) => plain_page(StatusCode::UNPROCESSABLE_ENTITY, "Saisie refusée", &fault.to_string()),
    }
}

/// A division in an address.
fn escaped(division: &str) -> String {
    division
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
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

/// Families whom the school helps to say their choices (the guide, § 3).
#[derive(Template)]
#[template(path = "without_entry.html")]
struct WithoutEntry {
    frame: Frame,
    head: CampaignHead,
    divisions: Vec<(String, Vec<(String, Vec<String>)>)>,
    total: usize,
}

async fn without_entry(State(pages): Wired, Named(key): Named) -> Response {
    let mut divisions: BTreeMap<Division, Vec<(String, Vec<String>)>> = BTreeMap::new();
    {
        let siecle = hold(&pages.siecle);
        let Some(office) = siecle.school(key.school) else { return nothing_here() };
        for one in seats(office, key).iter().filter(|one| one.is_without_entry()) {
            let people = one.representatives().iter().map(words::person).collect();
            divisions.entry(one.division.clone()).or_default().push((one.name.clone(), people));
        }
    }
    let total = divisions.values().map(Vec::len).sum();
    let divisions = divisions.into_iter().map(|(division, families)| (division.to_string(), families)).collect();
    let (frame, head) = (frame(&pages, key, "Familles sans saisie"), head(&pages, key));
    html(&WithoutEntry { frame, head, divisions, total })
}

async fn complete(State(pages): Wired, Named(key): Named) -> Response {
    let done = hold(&pages.siecle).entry_complete(key, pages.clock.now());
    match done {
        Ok(_) => go_to(&format!("{}?fait=terminee", address(key))),
        Err(fault) => plain_page(StatusCode::INTERNAL_SERVER_ERROR, "Saisie non déclarée", &fault.to_string()),
    }
}
