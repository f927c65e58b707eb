//! The pages for people: the list of the schools, and one school. French, rendered here, without a script; nothing is
//! asked of another host. They read, and never decide.

mod country;
mod school;
mod timeline;
mod words;

use crate::domain::{
    school::{SchoolKey, SchoolYear, Uai},
    typography::set_page,
};
use crate::run::{details, live::Live, reference, report};
use crate::status::{
    Unreadable,
    page::{
        country::{Country, Wanted},
        school::SchoolPage,
    },
};
use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};

/// A page reloads itself: its numbers are never older than a tick.
const RELOAD_S: &str = "60";
const STYLE: &str = include_str!("page/style.css");
const ICON: &str = include_str!("page/icon.svg");

/// What the pages work with.
#[derive(Clone)]
struct Pages {
    live: Live,
    country: Country,
}

/// The pages.
pub fn router(live: &Live) -> Router {
    let pages = Pages { live: live.clone(), country: Country::new(live.clone()) };
    Router::new()
        .route("/", get(home))
        .route("/ecoles", get(schools))
        .route("/ecole/{uai}/{year}", get(one))
        .route("/style.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
        .route("/icon.svg", get(async || ([(header::CONTENT_TYPE, "image/svg+xml")], ICON)))
        .with_state(pages)
}

/// What an address can ask of any page.
#[derive(Clone, Debug, Default, serde::Deserialize)]
struct Asked {
    /// The page stands still: whoever reads it slowly, or by ear, is not interrupted (RGAA 13.1).
    #[serde(default)]
    fige: Option<String>,
}

/// One school has its own page at once; several have a list.
async fn home(State(pages): State<Pages>) -> Redirect {
    let ctx = pages.live.ctx();
    let mut keys = ctx.schools.keys();
    match (keys.next(), keys.next()) {
        (Some(only), None) => Redirect::temporary(&address(*only)),
        (_, _) => Redirect::temporary("/ecoles"),
    }
}

async fn schools(State(pages): State<Pages>, Query(wanted): Query<Wanted>) -> Result<Response, Unreadable> {
    let is_still = wanted.fige.is_some();
    let snapshot = pages.country.snapshot().await?;
    Ok(shown(&snapshot.page(&wanted), is_still))
}

async fn one(
    State(pages): State<Pages>,
    Path((uai, year)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Unreadable> {
    let ctx = pages.live.ctx();
    let key = Uai::parse(&uai).ok().zip(SchoolYear::parse(&year).ok()).map(|(uai, year)| SchoolKey { uai, year });
    let Some(served) = key.and_then(|key| ctx.schools.get(&key)) else {
        return Ok((StatusCode::NOT_FOUND, html(&words::Unknown)).into_response());
    };
    let now = ctx.clock.now();
    let references = reference::references(&ctx).await.map_err(crate::run::step::StepError::from)?;
    let mut tx = ctx.store.read().await.map_err(crate::run::step::StepError::from)?;
    let details = details::of_school(&ctx, &mut tx, served, now).await?;
    drop(tx);
    let standing = report::standing(&details, &references);
    let is_still = asked.fige.is_some();
    let page = SchoolPage::of(&details, &standing, 1 < ctx.schools.len(), is_still, now);
    Ok(shown(&page, is_still))
}

/// Where a school's page is.
fn address(key: SchoolKey) -> String {
    format!("/ecole/{}/{}", key.uai, key.year)
}

fn shown(page: &impl Template, is_still: bool) -> Response {
    // As a header, not in the page: who stops it finds the same page without it.
    let reload = (!is_still).then_some([(header::REFRESH, RELOAD_S)]);
    match reload {
        Some(reload) => (reload, html(page)).into_response(),
        None => html(page).into_response(),
    }
}

/// A rendered page; a template that fails is a fault of ours.
fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(set_page(&text)).into_response(),
        Err(fault) => {
            tracing::error!(name: "status.page", "A page could not be rendered: {fault}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests;
