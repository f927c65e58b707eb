//! What stands around every page: strict headers, forms of its own pages only, the style sheet, plain messages.

use crate::domain::typography::set_page;
use crate::sandbox::pages::{
    Pages,
    view::{Frame, Message},
};
use askama::Template;
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use std::sync::Arc;

/// Nothing but our own style sheet and icon is loaded, nothing runs, forms stay here, and nobody frames us.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// Headers of every page. The referrer stays with us, and is sent: without it a browser calls our own forms `null`.
const STRICT: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];
const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// The style sheet and the icon.
pub fn assets() -> Router<Arc<Pages>> {
    let typed = |media_type: &'static str, text: &'static str| ([(header::CONTENT_TYPE, media_type)], text);
    Router::new()
        .route("/style.css", get(move || async move { typed("text/css; charset=utf-8", STYLE) }))
        .route("/icone.svg", get(move || async move { typed("image/svg+xml", ICON) }))
}

/// Sets the headers of every page.
pub async fn strict(mut response: Response) -> Response {
    for (name, value) in STRICT {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A form that another site sends, or that does not say where it comes from, changes nothing.
pub async fn own_forms_only(request: Request, next: Next) -> Response {
    if request.method() != Method::POST || is_own(request.headers()) {
        return next.run(request).await;
    }
    plain_page(StatusCode::FORBIDDEN, "Formulaire refusé", "Ce formulaire ne vient pas d'une page de ce bac à sable.")
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, from)| from == host)
}

/// A page as an answer.
pub fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(set_page(&text)).into_response(),
        Err(fault) => {
            tracing::error!(name: "stand_in.failed", "A page of the sandbox could not be made: {fault}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page with another status than 200.
pub fn with_status(status: StatusCode, page: &impl Template) -> Response {
    let mut response = html(page);
    if response.status().is_success() {
        *response.status_mut() = status;
    }
    response
}

/// A page that says one thing.
pub fn plain_page(status: StatusCode, title: &str, said: &str) -> Response {
    with_status(status, &Message { frame: Frame::timeless(title), said: said.to_owned() })
}

/// 404, in words.
pub fn nothing_here() -> Response {
    plain_page(StatusCode::NOT_FOUND, "Page introuvable", "Rien ne se trouve à cette adresse.")
}

/// After a form, the browser asks for a page of its own: reloading it sends nothing twice.
pub fn go_to(address: &str) -> Response {
    Redirect::to(address).into_response()
}
