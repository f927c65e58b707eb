//! What can be seen over HTTP while the daemon runs: how it is, where the schools stand. Reads, never decides.

mod gate;
mod health;
mod page;

use crate::run::{
    live::Live,
    metrics::{self, Process},
    status::{self, of_all},
    step::StepError,
};
use crate::status::gate::Password;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware,
    response::IntoResponse,
    routing::get,
};
use secrecy::SecretString;
use serde_json::Value;

/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything: supervision asks for its one word freely, all that tells of schools is behind the password, where one is
/// given.
pub fn router(live: &Live, password: Option<&SecretString>) -> Router {
    let told = Router::new().route("/metrics", get(metrics)).route("/api/status", get(api)).with_state(live.clone());
    let told = told.merge(page::router(live));
    let told = told.layer(middleware::from_fn_with_state(password.map(Password::new), gate::keep));
    let asked = Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready));
    asked.with_state(live.clone()).merge(told)
}

/// The same document as `navette status --json`.
async fn api(State(live): State<Live>) -> Result<Json<Value>, Unreadable> {
    let ctx = live.ctx();
    let now = ctx.clock.now();
    Ok(Json(status::json(&of_all(&ctx, now).await?, now)))
}

/// What Prometheus scrapes.
async fn metrics(State(live): State<Live>) -> Result<impl IntoResponse, Unreadable> {
    let ctx = live.ctx();
    let now = ctx.clock.now();
    // Of the same instant: what takes its turn while the schools are measured begins after it.
    let process = Process::Daemon(live.pulse().borrow().clone());
    let measured = metrics::measure(&ctx, now).await?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], metrics::text(&measured, &process, now)))
}

/// The store could not be read; the log says why, for who may read it.
struct Unreadable;

impl From<StepError> for Unreadable {
    fn from(fault: StepError) -> Self {
        tracing::error!(name: "status.unreadable", "A status page could not be made: {fault}");
        Self
    }
}

impl IntoResponse for Unreadable {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read: the log says why\n").into_response()
    }
}
