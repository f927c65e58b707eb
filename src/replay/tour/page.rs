//! The tour's page and its buttons.

use crate::domain::{campaign::Phase, time::Timestamp};
use crate::replay::tour::{
    Asked, Deed,
    scene::{ChapterKind, Scene},
};
use crate::sandbox::pages::{Frame, Site, html, plain_page};
use crate::window::Hand;
use askama::Template;
use axum::{
    Form, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

/// The page.
#[derive(Template)]
#[template(path = "tour.html", config = "src/askama.toml")]
struct TourPage {
    frame: Frame,
    scene: Scene,
}

impl TourPage {
    fn provisional(&self) -> bool {
        self.scene.phase == Phase::Provisional
    }
}

/// Where a button moves the clock.
#[derive(Deserialize)]
struct Moved {
    jusqua: i64,
}

/// What a button asks of the window.
#[derive(Deserialize)]
struct Window {
    geste: String,
}

/// The tour's paths.
pub fn routes(ask: mpsc::Sender<Asked>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/visite/horloge", post(pass))
        .route("/visite/fenetre", post(window))
        .with_state(ask)
}

async fn show(State(ask): State<mpsc::Sender<Asked>>) -> Response {
    match after(&ask, Deed::Show).await {
        Some(scene) => {
            let frame = Frame::new(Site::Sandbox, "Visite guidée", &scene.now);
            html(&TourPage { frame, scene })
        }
        None => over(),
    }
}

async fn pass(State(ask): State<mpsc::Sender<Asked>>, Form(moved): Form<Moved>) -> Response {
    act(&ask, Deed::Pass(Timestamp::from_epoch_ms(moved.jusqua))).await
}

async fn window(State(ask): State<mpsc::Sender<Asked>>, Form(asked): Form<Window>) -> Response {
    let hand = match asked.geste.as_str() {
        "ouvrir" => Hand::Open,
        "fermer" => Hand::Close,
        "rouvrir" => Hand::Reopen,
        _ => return plain_page(StatusCode::BAD_REQUEST, "Geste inconnu", "Ouvrir, fermer ou rouvrir."),
    };
    act(&ask, Deed::Ask(hand)).await
}

async fn act(ask: &mpsc::Sender<Asked>, deed: Deed) -> Response {
    after(ask, deed).await.map_or_else(over, |_| Redirect::to("/#maintenant").into_response())
}

/// What is to be shown after a deed; none once the tour is over.
async fn after(ask: &mpsc::Sender<Asked>, deed: Deed) -> Option<Scene> {
    let (reply, scene) = oneshot::channel();
    ask.send((deed, reply)).await.ok()?;
    scene.await.ok()
}

fn over() -> Response {
    plain_page(StatusCode::SERVICE_UNAVAILABLE, "Visite terminée", "La visite s'est arrêtée : relancez le bac à sable.")
}
