//! What can be seen over HTTP while the daemon runs: how it is, where the schools stand. Reads, never decides.

mod health;
mod page;

pub use page::router as pages;

use crate::run::{
    live::Live,
    status::{self, of_all},
    step::StepError,
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::Value;

/// The pages that need no password; those for people come beside them.
pub fn router(live: &Live) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/api/status", get(api))
        .with_state(live.clone())
}

/// The same document as `navette status --json`.
async fn api(State(live): State<Live>) -> Result<Json<Value>, Unreadable> {
    let ctx = live.ctx();
    let now = ctx.clock.now();
    Ok(Json(status::json(&of_all(&ctx, now).await?, now)))
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
