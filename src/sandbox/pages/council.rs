//! Siècle's screens for the school and its councils: divisions, pupils with their ranked choices, families
//! without entry, « saisie terminée ». The entry for one pupil is `verdicts.rs`'s, receipts are `receipts.rs`'s.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    lot::LotPupil,
    pupil::{Division, Pupil, PupilId, Representative},
    response::RawVerdict,
    school::{Level, SchoolKey, SchoolYear, Uai},
    track::Track,
};
use crate::sandbox::{
    councils::{Council, Entry},
    hold,
    pages::{
        Pages, Wired,
        form::{self, Fields},
        gate::{go_to, html, nothing_here, plain_page},
        receipts, verdicts,
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

/// The councils' paths.
pub fn routes() -> Router<Arc<Pages>> {
    Router::new()
        .route("/siecle", get(schools))
        .route("/siecle/{uai}/{year}/{level}/{phase}", get(campaign))
        .route("/siecle/{uai}/{year}/{level}/{phase}/division", get(division).post(favour))
        .route("/siecle/{uai}/{year}/{level}/{phase}/eleve/{pupil}", get(verdicts::show).post(verdicts::enter))
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
#[template(path = "siecle.html", config = "src/askama.toml")]
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
#[template(path = "campaign.html", config = "src/askama.toml")]
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
pub struct Seat<'o> {
    /// The pupil.
    pub id: PupilId,
    name: String,
    /// Division.
    pub division: &'o Division,
    pupil: Option<&'o Pupil>,
    held: Option<&'o LotPupil>,
    /// What the council entered.
    pub entry: Option<&'o Entry>,
}

impl Seat<'_> {
    /// A lot says so, or no lot says anything of a pupil who is in procedure (R06, R07).
    fn is_without_entry(&self) -> bool {
        let in_procedure = self.pupil.is_none_or(|pupil| pupil.in_procedure);
        self.held.map_or(in_procedure, |held| held.demand.is_none())
    }

    /// Tracks asked for.
    pub fn tracks(&self) -> Vec<Track> {
        let demand = self.held.and_then(|held| held.demand.as_ref());
        demand.into_iter().flat_map(|demand| demand.choices.as_slice()).map(|choice| choice.track()).collect()
    }

    fn representatives(&self) -> &[Representative] {
        self.pupil.map_or(&[], |pupil| &pupil.representatives)
    }
}

/// Pupils of the level, by division and name: those whom a lot named, and those of the school.
pub fn seats(office: &Office, key: CampaignKey) -> Vec<Seat<'_>> {
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
#[template(path = "division.html", config = "src/askama.toml")]
struct DivisionPage {
    frame: Frame,
    head: CampaignHead,
    division: String,
    provisional: bool,
    pupils: Vec<PupilRow>,
    /// Demands that the council has not answered.
    unanswered: usize,
    done: bool,
}

/// A pupil as the council reads of one.
pub struct PupilRow {
    /// The pupil.
    pub id: PupilId,
    /// Name.
    pub name: String,
    /// Ranked choices, in words.
    pub choices: Vec<String>,
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
    let unanswered = pupils.iter().filter(|one| one.verdicts.is_empty() && !one.choices.is_empty()).count();
    html(&DivisionPage { frame, head, division, provisional, pupils, unanswered, done: asked.fait.is_some() })
}

/// The council is in favour of whatever it has not answered yet.
async fn favour(State(pages): Wired, Named(key): Named, Form(fields): Form<Fields>) -> Response {
    let division = form::value(&fields, "division");
    let mut siecle = hold(&pages.siecle);
    let Some(office) = siecle.school(key.school) else { return nothing_here() };
    let is_unanswered =
        |one: &Seat<'_>| one.division.as_str() == division && one.entry.is_none() && !one.is_without_entry();
    let unanswered: Vec<_> = seats(office, key).into_iter().filter(is_unanswered).map(|one| one.id).collect();
    for id in unanswered {
        let council = Council { pupil: Some(id), ..Council::default() };
        if let Err(fault) = siecle.respond(key, &council, pages.clock.now()) {
            return plain_page(StatusCode::UNPROCESSABLE_ENTITY, "Saisie refusée", &fault.to_string());
        }
    }
    go_to(&division_address(key, division))
}

/// A division after an entry.
pub fn division_address(key: CampaignKey, division: &str) -> String {
    let escape = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    format!("{}/division?division={}&fait=saisie", address(key), division.bytes().map(escape).collect::<String>())
}

/// A pupil in words.
pub fn row(one: &Seat<'_>) -> PupilRow {
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

/// A pupil, and the people to be asked.
type Family = (String, Vec<String>);

/// Families whom the school helps to say their choices (the guide, § 3).
#[derive(Template)]
#[template(path = "without_entry.html", config = "src/askama.toml")]
struct WithoutEntry {
    frame: Frame,
    head: CampaignHead,
    divisions: Vec<(String, Vec<Family>)>,
    total: usize,
}

async fn without_entry(State(pages): Wired, Named(key): Named) -> Response {
    let mut divisions: BTreeMap<Division, Vec<Family>> = BTreeMap::new();
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
