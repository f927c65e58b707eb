//! The guided tour of `navette sandbox --tour`: both stand-ins with their screens, navette's daemon between them, and a
//! first page that walks a new operator through a campaign. The clock stands still until a button moves it; then it runs,
//! as fast as the daemon can do what falls due.

mod page;
mod scene;
mod works;

pub use works::{Witness, Wound};

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
    stage::{Database, Stage, StageFault},
    steps,
    tour::{scene::Scene, works::Works},
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
use std::{net::SocketAddr, path::PathBuf, pin::pin, sync::Arc};
use tokio::sync::{Mutex, mpsc, oneshot};

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

/// Plays the steps of a scenario, then begins the daemon and serves the tour at `address` until it is told to stop; `ready`
/// is told where.
///
/// # Errors
/// When the stage cannot be set, the address cannot be listened on, the daemon ends by itself, or the machine fails.
pub async fn serve<D, F, E>(
    scenario: &Scenario,
    address: SocketAddr,
    letters: PathBuf,
    daemon: D,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), StageFault>
where
    D: FnOnce(Wound) -> F,
    F: Future<Output = Result<(), E>>,
    E: ToString,
{
    let (stage, lines) = past(scenario).await?;
    let (works, wound) = Works::wind(&stage, Timeline::of(scenario), lines, address.ip()).await?;
    let (ask, asked) = mpsc::channel::<Asked>(WAITING_MAX);
    let turn = Turn::default();
    let router = router(scenario, &stage, letters, ask, &turn);
    let mut tour = Tour { scenario, stage, works, turn, said: None, refused_early: None };
    let mut daemon = pin!(daemon(wound));
    let gone = |ended: Result<(), E>| {
        let why = ended.err().map_or_else(|| "it was told to".to_owned(), |fault| fault.to_string());
        Err(StageFault::SetUp(format!("the daemon ended: {why}")))
    };
    tokio::select! {
        ended = &mut daemon => return gone(ended),
        begun = tour.works.begun() => begun?,
    }
    let served = http::serve_pages(&tour.stage.clock, address, router).await?;
    ready(&served.base());
    tokio::select! {
        ended = &mut daemon => return gone(ended),
        visited = tour.visit(asked, stop) => visited?,
    }
    served.stop().await?;
    let Tour { stage, works, .. } = tour;
    let alarm = works.end();
    let ended = daemon.await;
    drop(alarm);
    stage.strike().await;
    ended.or_else(|fault| gone(Err(fault)))
}

/// The stage as the steps of the scenario left it, and what happened so far.
async fn past(scenario: &Scenario) -> Result<(Stage, Vec<String>), StageFault> {
    let timeline = Timeline::of(scenario);
    let mut lines = Vec::new();
    let mut note = |happening: &Happening<'_>| {
        lines.extend(Timeline::tell(happening).iter().map(|told| timeline.line(told)));
    };
    // A file, as an installation has one: the daemon's pages read it while its nights write.
    let how = How { database: Database::File, ..How::plain() };
    let mut player = Player::set(scenario, &how, &mut note).await?;
    player.begin().await?;
    for (step, n) in scenario.steps.iter().zip(1..) {
        player.step(n, step).await?;
    }
    let Player { stage, .. } = player;
    Ok((stage, lines))
}

/// Held by whoever moves the clock, or does something by it: nobody types while time passes.
type Turn = Arc<Mutex<()>>;

fn router(scenario: &Scenario, stage: &Stage, letters: PathBuf, ask: mpsc::Sender<Asked>, turn: &Turn) -> Router {
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
    let seconds = (stage.clock.clone(), Arc::clone(turn));
    let screens = pages::router(pages).layer(from_fn_with_state(seconds, one_second_later));
    screens.merge(pages::guarded(page::routes(ask)))
}

/// Each form takes a second, so that no two entries share an instant on a clock that stands still.
async fn one_second_later(State((clock, turn)): State<(Clock, Turn)>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let _alone = turn.lock().await;
    clock.set(clock.now().plus_s(1));
    next.run(request).await
}

/// The tour, with what it remembers of what was asked.
struct Tour<'s> {
    scenario: &'s Scenario,
    stage: Stage,
    works: Works,
    turn: Turn,
    /// What the guard, or nobody, had to say to the last deed.
    said: Option<String>,
    /// The phase whose reopening was refused once.
    refused_early: Option<Phase>,
}

impl Tour<'_> {
    /// Does what pages ask, one after the other, until it is told to stop.
    async fn visit(
        &mut self,
        mut asked: mpsc::Receiver<Asked>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StageFault> {
        let mut stop = pin!(stop);
        loop {
            let (deed, reply) = tokio::select! {
                () = &mut stop => return Ok(()),
                asked = asked.recv() => match asked {
                    Some(asked) => asked,
                    None => return Ok(()),
                },
            };
            self.act(deed).await?;
            // Whoever went away meanwhile needs no answer.
            let _ = reply.send(self.scene().await?);
        }
    }

    async fn act(&mut self, deed: Deed) -> Result<(), StageFault> {
        let turn = Arc::clone(&self.turn);
        let _alone = turn.lock().await;
        let now = self.stage.clock.now();
        match deed {
            Deed::Show => (),
            Deed::Pass(until) => {
                self.said = None;
                self.works.pass(&self.stage, until.max(now).min(now.plus_s(LEAP_MAX_S))).await?;
            }
            Deed::Ask(hand) => {
                let Some(key) = self.campaign().await? else { return Ok(()) };
                let action = Action::Window { hand, derogation: None };
                let at = now.plus_s(1);
                let step =
                    Step { at, name: "window", uai: key.school.uai, phase: Some(key.phase), action, expect: None };
                self.works.pass(&self.stage, at).await?;
                let played = steps::play(&mut self.stage, self.scenario, &step).await?;
                let timeline = Timeline::of(self.scenario);
                let told = Timeline::tell(&Happening::Step(&step, &played));
                self.works.note(told.iter().map(|told| timeline.line(told)).collect());
                let refused = played.outcome.as_deref().is_some_and(|outcome| outcome != "ok");
                self.said = Some(match (refused, played.sentence) {
                    (true, Some(sentence)) => format!("Refusé : {sentence}"),
                    (true, None) => "Refusé.".to_owned(),
                    (false, _) => "C'est fait.".to_owned(),
                });
                if refused && hand == Hand::Reopen {
                    self.refused_early = Some(key.phase);
                }
                // What the hand did is read at the next whole minute.
                self.works.pass(&self.stage, at.ceil_minute()).await?;
            }
        }
        Ok(())
    }

    /// The campaign that the tour is at: the first that has not ended, else the last.
    async fn campaign(&self) -> Result<Option<CampaignKey>, StageFault> {
        Ok(scene::status(&self.stage, self.scenario).await?.map(|status| status.key))
    }

    async fn scene(&self) -> Result<Scene, StageFault> {
        let (said, pages) = (self.said.clone(), self.works.pages.clone());
        scene::of(&self.stage, self.scenario, said, self.refused_early, self.works.lines(), pages).await
    }
}
