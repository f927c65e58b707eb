//! What a scenario is played on: the two stand-ins, served over HTTP or folders, and navette's context between them.

use crate::clock::Clock;
use crate::crash::{Crash, Point};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::{Private, Pupil, Representative},
    school::{School, SchoolKey, Uai},
    time::Timestamp,
};
use crate::files::Files;
use crate::guard::Policy;
use crate::plan::thresholds::Thresholds;
use crate::replay::{
    names::Names,
    scenario::{PupilSpec, Scenario, SchoolSpec, Way},
};
use crate::run::context::{Context, FarSides, Served, Settings};
use crate::sandbox::{
    Shared,
    folders::{SiecleFolder, TeleserviceFolder},
    hold, http, share,
    siecle::Siecle as SiecleStandIn,
    teleservice::Teleservice as TeleserviceStandIn,
    world,
};
use crate::store::{Store, lease::Holder, scratch};
use crate::transport::{directory::DirectoryOptions, http::HttpOptions, siecle::Siecle, teleservice::Teleservice};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::Mutex;

/// How long a run waits for a receipt; it takes no simulated time.
const RECEIPT_WAIT: Duration = Duration::from_secs(60);

/// How often a run shows that it lives; inside a run no simulated time passes.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Why a scenario could not be set up or played on.
#[derive(Debug, thiserror::Error)]
pub enum StageFault {
    /// Folders.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A folder of the exchange.
    #[error(transparent)]
    Files(#[from] crate::files::FileFault),
    /// A step of navette's.
    #[error(transparent)]
    Step(#[from] crate::run::step::StepError),
    /// A far side could not be reached at all.
    #[error("{0}")]
    SetUp(String),
}

/// Where the ledger of a scenario lies.
#[derive(Clone, Debug)]
pub enum Database {
    /// SQLite in memory; in a file when the scenario crashes.
    Default,
    /// SQLite in a fresh file.
    File,
    /// Beside what a URL names, in a place of its own that is gone afterwards: nothing there is touched.
    Url(String),
}

/// The stage of one scenario.
pub struct Stage {
    /// The simulated clock.
    pub clock: Clock,
    /// The téléservice.
    pub teleservice: Shared<TeleserviceStandIn>,
    /// Siècle.
    pub siecle: Shared<SiecleStandIn>,
    /// Who is who.
    pub names: Names,
    /// Crash points.
    pub crash: Crash,
    /// navette.
    pub ctx: Context,
    /// Schools by key, as the scenario describes them.
    pub schools: BTreeMap<SchoolKey, SchoolSpec>,
    database_url: String,
    /// Whether the database goes with the stage.
    is_beside: bool,
    folder: Arc<tempfile::TempDir>,
    served: Vec<http::Served>,
    folders: Option<Arc<Folders>>,
}

impl Stage {
    /// Sets a scenario up at `start`: pupils are in the feed, nothing was read yet. One that is `killed` keeps its ledger in
    /// a file.
    ///
    /// # Errors
    /// `StageFault`.
    pub async fn set(
        scenario: &Scenario,
        way: Way,
        start: Timestamp,
        database: &Database,
        killed: bool,
    ) -> Result<Self, StageFault> {
        let clock = Clock::player(start);
        let folder = Arc::new(tempfile::Builder::new().prefix("navette-replay-").tempdir()?);
        let teleservice = share(TeleserviceStandIn::new());
        let siecle = share(SiecleStandIn::new(scenario.format, scenario.encoding));
        let mut schools = BTreeMap::new();
        let mut names = Names::default();
        for spec in &scenario.schools {
            let key = SchoolKey { uai: spec.uai, year: scenario.year };
            hold(&teleservice).add_school(key, spec.zone);
            hold(&siecle).add_school(key, spec.zone);
            for pupil in &spec.pupils {
                enrol(&mut names, &teleservice, &siecle, key, spec, pupil, start);
            }
            schools.insert(key, spec.clone());
        }
        let folders = match way {
            Way::Http => None,
            Way::Directory => Some(Arc::new(Folders::open(folder.path(), &teleservice, &siecle, &clock).await?)),
        };
        let crash = folders.clone().map_or_else(Crash::counting, |folders| {
            Crash::observed(Arc::new(move |point| Box::pin(Arc::clone(&folders).at(point))))
        });
        let files = Files::for_a_play(crash.clone());
        let mut served = Vec::new();
        let far = match way {
            Way::Http => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let families = http::serve_teleservice(&teleservice, &clock, address).await?;
                let councils = http::serve_siecle(&siecle, &clock, address).await?;
                let far = Arc::new(http_sides(&families, &councils, &clock, &crash)?);
                served.extend([families, councils]);
                far
            }
            Way::Directory => Arc::new(folder_sides(folder.path(), &files)),
        };
        let database_url = match database {
            Database::Url(url) => scratch::beside(url).await?,
            Database::Default if !killed && !may_crash(scenario) => "sqlite::memory:".to_owned(),
            Database::Default | Database::File => {
                format!("sqlite:{}", folder.path().join("navette").join("navette.db").display())
            }
        };
        let store = Store::open_for_a_play(&database_url, crash.clone()).await?;
        let ctx = Context {
            store,
            files,
            files_root: folder.path().join("files"),
            schools: Arc::new(scenario.schools.iter().map(|spec| served_school(scenario, spec, &far)).collect()),
            settings: settings(scenario),
            clock: clock.clone(),
            holder: Holder { host: "replay".to_owned(), process: std::process::id() },
            crash: crash.clone(),
            mail: None,
            references: None,
        };
        let is_beside = matches!(database, Database::Url(_));
        Ok(Self {
            clock,
            teleservice,
            siecle,
            names,
            crash,
            ctx,
            schools,
            database_url,
            is_beside,
            folder,
            served,
            folders,
        })
    }

    /// The folder under which exchanged files lie (`files/`).
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Over folders: what the far sides have to say is published, and what lies there is acted on.
    pub async fn turn(&self) {
        if let Some(folders) = &self.folders {
            folders.turn().await;
        }
    }

    /// A pupil joins, or comes back.
    pub fn arrive(&mut self, school: SchoolKey, pupil: &PupilSpec, now: Timestamp) {
        if let Some(spec) = self.schools.get(&school) {
            enrol(&mut self.names, &self.teleservice, &self.siecle, school, spec, pupil, now);
        }
    }

    /// The program is started again after a crash: nothing of it is left but what it committed.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn restart(&mut self) -> Result<(), StageFault> {
        self.crash.revive();
        self.ctx.store.close().await;
        self.ctx.store = Store::open_for_a_play(&self.database_url, self.crash.clone()).await?;
        Ok(())
    }

    /// The key of the campaign that a step is about.
    pub fn campaign(&self, uai: Uai, phase: Phase) -> Option<CampaignKey> {
        let (school, spec) = self.schools.iter().find(|(school, _)| school.uai == uai)?;
        Some(CampaignKey { school: *school, level: spec.level, phase })
    }

    /// A school as navette serves it.
    pub fn served(&self, uai: Uai) -> Option<&Served> {
        self.ctx.schools.values().find(|served| served.school.key.uai == uai)
    }

    /// Stops the servers, and removes the database that was made beside another.
    pub async fn strike(self) {
        self.ctx.store.close().await;
        if self.is_beside
            && let Err(fault) = scratch::remove(&self.database_url).await
        {
            tracing::error!(name: "stand_in.failed", "The database of a play is left behind: {fault}");
        }
        for server in self.served {
            if let Err(fault) = server.stop().await {
                tracing::error!(name: "stand_in.failed", "A stand-in's server failed: {fault}");
            }
        }
    }
}

fn enrol(
    names: &mut Names,
    teleservice: &Shared<TeleserviceStandIn>,
    siecle: &Shared<SiecleStandIn>,
    key: SchoolKey,
    spec: &SchoolSpec,
    pupil: &PupilSpec,
    now: Timestamp,
) {
    let (id, representatives) = names.enrol(key, pupil);
    let made = world::pupil(id, spec.level, pupil.division.clone(), Some(&capitalised(&pupil.id)), &representatives);
    let last_name = pupil.last_name.clone().map_or(made.last_name, Private::new);
    let named = pupil.representatives.iter().map(|name| Private::new(capitalised(name)));
    let representatives = made.representatives.into_iter().zip(named);
    let representatives =
        representatives.map(|(one, first_name)| Representative { first_name, last_name: last_name.clone(), ..one });
    let representatives = representatives.collect();
    let made = Pupil { in_procedure: !pupil.out_of_procedure, last_name, representatives, ..made };
    hold(siecle).enrol(key, made.clone());
    hold(teleservice).arrive(key, made, now);
}

/// `jules` is called Jules.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether the ledger must outlive the program: only a crash asks for that.
fn may_crash(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| matches!(step.action, crate::replay::scenario::Action::Crash { .. }))
}

fn settings(scenario: &Scenario) -> Settings {
    Settings {
        format: scenario.format,
        encoding: scenario.encoding,
        slot: scenario.slot,
        receipt_wait: RECEIPT_WAIT,
        heartbeat: HEARTBEAT,
        schools_at_once: 1,
        thresholds: Thresholds::default(),
        policy: Policy { overrides: scenario.overrides, enforce: !bool::default() },
        nomenclature: None,
        keep_files_days: None,
    }
}

fn served_school(scenario: &Scenario, spec: &SchoolSpec, far: &Arc<FarSides>) -> (SchoolKey, Served) {
    let key = SchoolKey { uai: spec.uai, year: scenario.year };
    let school = School { key, name: spec.name.clone(), zone: spec.zone, mail: None };
    (key, Served { school, far: Arc::clone(far) })
}

fn http_sides(
    families: &http::Served,
    councils: &http::Served,
    clock: &Clock,
    crash: &Crash,
) -> Result<FarSides, StageFault> {
    let options = |served: &http::Served| {
        let base = format!("http://{}", served.address());
        base.parse().map(HttpOptions::new).map_err(|fault| StageFault::SetUp(format!("{base}: {fault}")))
    };
    let fault = |fault: crate::transport::http::SetupFault| StageFault::SetUp(fault.to_string());
    Ok(FarSides {
        teleservice: Arc::new(Teleservice::http(options(families)?, clock.clone(), crash.clone()).map_err(fault)?),
        siecle: Arc::new(Siecle::http(options(councils)?, clock.clone(), crash.clone()).map_err(fault)?),
    })
}

fn folder_sides(root: &Path, files: &Files) -> FarSides {
    FarSides {
        teleservice: Arc::new(Teleservice::directory(DirectoryOptions { path: root.join(TELESERVICE) }, files.clone())),
        siecle: Arc::new(Siecle::directory(DirectoryOptions { path: root.join(SIECLE) }, files.clone())),
    }
}

/// The folder of the téléservice's exchange.
const TELESERVICE: &str = "teleservice";
/// The folder of Siècle's exchange.
const SIECLE: &str = "siecle";

/// The stand-ins behind their folders, which act at once on what is published (scenarios.md, time).
struct Folders {
    hands: Mutex<(TeleserviceFolder, SiecleFolder)>,
    clock: Clock,
}

impl Folders {
    async fn open(
        root: &Path,
        teleservice: &Shared<TeleserviceStandIn>,
        siecle: &Shared<SiecleStandIn>,
        clock: &Clock,
    ) -> Result<Self, StageFault> {
        let families = TeleserviceFolder::open(teleservice, &root.join(TELESERVICE)).await?;
        let councils = SiecleFolder::open(siecle, &root.join(SIECLE)).await?;
        Ok(Self { hands: Mutex::new((families, councils)), clock: clock.clone() })
    }

    /// Both sides act on what lies there now.
    async fn turn(&self) {
        let now = self.clock.now();
        let mut hands = self.hands.lock().await;
        let (families, councils) = &mut *hands;
        for turned in [families.turn(now).await, councils.turn(now).await] {
            if let Err(fault) = turned {
                tracing::error!(name: "stand_in.failed", "A stand-in could not take its turn: {fault}");
            }
        }
    }

    async fn at(self: Arc<Self>, point: Point) {
        if point == Point::DigestPublished {
            self.turn().await;
        }
    }
}
