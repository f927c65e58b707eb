//! The guided tour of `navette sandbox --tour`: both stand-ins with their screens, navette's own work between them, and a
//! first page that walks a new operator through a campaign. The clock stands still until a button moves it.

mod page;
mod scene;

use crate::clock::Clock;
use crate::domain::{
    campaign::{CampaignKey, Phase},
    lot::Format,
    school::SchoolKey,
    time::{DAY_S, Timestamp},
};
use crate::files::Files;
use crate::replay::{
    demo::{Timeline, christen},
    document::Fault,
    parse::parse,
    player::{Happening, How, Player},
    scenario::{Action, Scenario, Step},
    stage::{Stage, StageFault},
    tour::scene::Scene,
};
use crate::sandbox::{
    http,
    pages::{self, Pages, letters::Letterhead},
};
use crate::window::Hand;
use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use std::{
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Questions of pages that may wait for the one before.
const WAITING_MAX: usize = 16;
/// How far one button moves the clock at most: a school year ends before.
const LEAP_MAX_S: i64 = 400 * DAY_S;
/// The school of the guide.
const GUIDE_SCHOOL: &str = "0380001V";
/// Its address, as the guide's letters end.
const GUIDE_BLOCK: [&str; 6] = [
    "COLLEGE SIMONE VEIL",
    "BATIMENT ADMINISTRATION",
    "26 RUE DU COLLEGE",
    "38000 GRENOBLE",
    "01 02 03 04 05",
    "college.simone-veil@ac-grenoble.fr",
];

/// What a page asks of the tour.
enum Deed {
    /// Nothing but to be shown.
    Show,
    /// That time passes until an instant.
    Pass(Timestamp),
    /// What a hand asks of the window.
    Ask(Hand),
}

/// A deed, with who waits for what is to be shown then.
type Asked = (Deed, oneshot::Sender<Scene>);

/// The scenario of the tour: the provisional phase was played, the definitive one is open.
///
/// # Errors
/// Never, unless the built-in text was broken.
pub fn scenario() -> Result<Scenario, Vec<Fault>> {
    let mut scenario = parse(include_str!("tour/tour.toml"), "tour", None)?;
    scenario.format = Format::Xml;
    christen(&mut scenario);
    Ok(scenario)
}

/// Plays the steps of a scenario, then serves the tour at `address` until it is told to stop; `ready` is told where.
///
/// # Errors
/// When the stage cannot be set, the address cannot be listened on, or the machine fails.
pub async fn serve(
    scenario: &Scenario,
    address: SocketAddr,
    letters: PathBuf,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), StageFault> {
    let timeline = Timeline::of(scenario);
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&lines);
    let mut note = move |happening: &Happening<'_>| {
        let told = Timeline::tell(happening);
        let lines = told.iter().map(|told| timeline.line(told));
        noted.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
    };
    let mut player = Player::set(scenario, &How::plain(), &mut note).await?;
    player.begin().await?;
    for (step, n) in scenario.steps.iter().zip(1..) {
        player.step(n, step).await?;
    }
    let (ask, mut asked) = mpsc::channel::<Asked>(WAITING_MAX);
    let served = http::serve_pages(&player.stage.clock, address, router(scenario, &player.stage, letters, ask)).await?;
    ready(&served.base());
    let mut stop = pin!(stop);
    let mut tour = Tour { scenario, said: None, refused_early: None };
    loop {
        let (deed, reply) = tokio::select! {
            () = &mut stop => break,
            asked = asked.recv() => match asked {
                Some(asked) => asked,
                None => break,
            },
        };
        tour.act(&mut player, deed).await?;
        let told = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Whoever went away meanwhile needs no answer.
        let _ = reply.send(tour.scene(&player.stage, told).await?);
    }
    served.stop().await?;
    player.end().await?.stage.strike().await;
    Ok(())
}

fn router(scenario: &Scenario, stage: &Stage, letters: PathBuf, ask: mpsc::Sender<Asked>) -> Router {
    let schools = scenario.schools.iter().map(|spec| {
        let key = SchoolKey { uai: spec.uai, year: scenario.year };
        let letterhead = if spec.uai.as_str() == GUIDE_SCHOOL {
            Letterhead { name: spec.name.clone(), block: GUIDE_BLOCK.map(str::to_owned).to_vec() }
        } else {
            Letterhead::synthetic(&spec.name, spec.uai.as_str())
        };
        (key, letterhead)
    });
    let files = Files::new(stage.crash.clone());
    let pages = Pages::new(&stage.teleservice, &stage.siecle, &stage.clock, schools.collect(), files, letters);
    let screens = pages::router(pages).layer(from_fn_with_state(stage.clock.clone(), one_second_later));
    screens.merge(pages::guarded(page::routes(ask)))
}

/// Each form takes a second, so that no two entries share an instant on a clock that stands still.
async fn one_second_later(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    if request.method() == Method::POST {
        clock.set(clock.now().plus_s(1));
    }
    next.run(request).await
}

/// What the tour remembers of what was asked.
struct Tour<'s> {
    scenario: &'s Scenario,
    /// What the guard, or nobody, had to say to the last deed.
    said: Option<String>,
    /// The phase whose reopening was refused once.
    refused_early: Option<Phase>,
}

impl Tour<'_> {
    async fn act(&mut self, player: &mut Player<'_, '_>, deed: Deed) -> Result<(), StageFault> {
        let now = player.stage.clock.now();
        match deed {
            Deed::Show => (),
            Deed::Pass(until) => {
                self.said = None;
                player.pass(until.max(now).min(now.plus_s(LEAP_MAX_S))).await?;
            }
            Deed::Ask(hand) => {
                let Some(key) = self.campaign(&player.stage).await? else { return Ok(()) };
                let action = Action::Window { hand, derogation: None };
                let at = now.plus_s(1);
                let step =
                    Step { at, name: "window", uai: key.school.uai, phase: Some(key.phase), action, expect: None };
                let played = player.play(&step).await?;
                let refused = played.outcome.as_deref().is_some_and(|outcome| outcome != "ok");
                self.said = Some(match (refused, played.sentence) {
                    (true, Some(sentence)) => format!("Refusé : {sentence}"),
                    (true, None) => "Refusé.".to_owned(),
                    (false, _) => "C'est fait.".to_owned(),
                });
                if refused && hand == Hand::Reopen {
                    self.refused_early = Some(key.phase);
                }
                // What the hand did is read at the next whole minute, as a daemon does.
                player.pass(at.ceil_minute()).await?;
            }
        }
        Ok(())
    }

    /// The campaign that the tour is at: the first that has not ended, else the last.
    async fn campaign(&self, stage: &Stage) -> Result<Option<CampaignKey>, StageFault> {
        Ok(scene::status(stage, self.scenario).await?.map(|status| status.key))
    }

    async fn scene(&self, stage: &Stage, lines: Vec<String>) -> Result<Scene, StageFault> {
        scene::of(stage, self.scenario, self.said.clone(), self.refused_early, lines).await
    }
}
