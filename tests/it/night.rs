//! One school whose night is due now, between two stand-ins, over either transport: ten days of history lie behind it, a
//! window is past its closing, councils have answered, families have changed their minds.
//!
//! The history was played by the library under a simulated clock; what follows is for the real program, by the machine's.

#[cfg(feature = "outside")]
use navette::store::scratch;
use navette::{
    clock::Clock,
    crash::Crash,
    domain::{
        campaign::{CampaignKey, Phase},
        event::RawChoice,
        lot::{Encoding, Format},
        pupil::{Division, PupilId, RepresentativeId},
        school::{Level, School, SchoolKey, SchoolYear, Uai},
        time::{DAY_S, HOUR_S, Timestamp, parse_time_of_day},
    },
    files::Files,
    guard::{CalendarChange, Policy},
    plan::thresholds::Thresholds,
    run::{
        self,
        context::{Context, FarSides, Served, Settings},
    },
    sandbox::{
        Shared,
        councils::Council,
        folders::{SiecleFolder, TeleserviceFolder},
        hold, http, share,
        siecle::{DepositState, Siecle},
        teleservice::Teleservice,
        world,
    },
    store::{Store, anomalies, campaigns, lease::Holder, ledger, nights, responses},
    transport::{directory::DirectoryOptions, http::HttpOptions, siecle, teleservice},
    window::{self, Answer},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Runtime, sync::Mutex, task::JoinHandle};

/// The school.
pub const UAI: &str = "0990001N";
/// Pupils of 3e, then of 2de.
const PUPILS: [(i64, Level); 7] = [
    (1, Level::Troisieme),
    (2, Level::Troisieme),
    (3, Level::Troisieme),
    (4, Level::Troisieme),
    (5, Level::SecondeGt),
    (6, Level::SecondeGt),
    (7, Level::SecondeGt),
];
/// Runs after which nothing may be due any more: the night itself, what its orders made due, and some to spare.
const RUNS_MAX: usize = 8;
/// How often the folders are looked at while the program runs.
const TURN: Duration = Duration::from_millis(2);

/// Over which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// HTTP on the loopback.
    Http,
    /// Folders.
    Folders,
}

/// On which engine the ledger lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A file.
    Sqlite,
    /// A schema of its own on the server that `tests/run` started.
    #[cfg(feature = "outside")]
    Postgres,
}

impl On {
    /// The URL of a fresh database.
    async fn database(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", folder.join("navette.db").display()),
            #[cfg(feature = "outside")]
            Self::Postgres => scratch::beside(&server()).await.unwrap(),
        }
    }
}

/// The server that `tests/run` started.
#[cfg(feature = "outside")]
pub fn server() -> String {
    std::env::var("NAVETTE_TEST_POSTGRES").expect("NAVETTE_TEST_POSTGRES is not set: start a server by tests/postgres")
}

/// The school, its far sides and its folder.
pub struct Night {
    /// The téléservice.
    pub teleservice: Shared<Teleservice>,
    /// Siècle.
    pub siecle: Shared<Siecle>,
    /// Everything of navette's, and the folders of the exchange.
    pub folder: tempfile::TempDir,
    /// Where the ledger lies.
    pub database: String,
    way: Way,
    folders: Option<Folders>,
    served: Option<http::Served>,
    runtime: Runtime,
}

type Folders = Arc<Mutex<(TeleserviceFolder, SiecleFolder)>>;

/// What must be the same, however often the program was killed.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// What Siècle holds: version and choices.
    pub held: BTreeMap<(CampaignKey, PupilId), (i64, Vec<String>)>,
    /// What the téléservice holds: whether it is open.
    pub open: BTreeMap<CampaignKey, bool>,
    /// Locks and responses there.
    pub locked: BTreeMap<(CampaignKey, PupilId), (bool, Vec<String>)>,
    /// Anomalies, by code and subject.
    pub anomalies: BTreeSet<String>,
    /// Response files, by number.
    pub files: BTreeMap<u32, String>,
    /// Nights: date, how they ended.
    pub nights: Vec<String>,
}

/// The school and year.
pub fn school() -> SchoolKey {
    SchoolKey { uai: Uai::parse(UAI).unwrap(), year: SchoolYear::new(2026).unwrap() }
}

/// A campaign of the school.
pub fn campaign(level: Level, phase: Phase) -> CampaignKey {
    CampaignKey { school: school(), level, phase }
}

/// Closed, its councils held, its responses entered and not fetched yet; its reopening waits for them.
pub fn provisional() -> CampaignKey {
    campaign(Level::Troisieme, Phase::Provisional)
}

/// Open, and past its closing for an hour.
pub fn definitive() -> CampaignKey {
    campaign(Level::Troisieme, Phase::Definitive)
}

/// Open for days to come, with a response file that came too early.
pub fn of_seconde() -> CampaignKey {
    campaign(Level::SecondeGt, Phase::Definitive)
}

fn keys() -> [CampaignKey; 3] {
    [provisional(), definitive(), of_seconde()]
}

/// Some days, and some hours, from now.
pub fn at(days: i64, hours: i64) -> Timestamp {
    Clock::Machine.now().plus_s(days * DAY_S + hours * HOUR_S)
}

fn division() -> Division {
    Division::parse("3 A").unwrap()
}

fn change(opens: i64, closes: Timestamp, reopens: Option<Timestamp>, council: Timestamp) -> CalendarChange {
    let councils = BTreeMap::from([(division(), council)]);
    CalendarChange { opens: Some(at(opens, 0)), closes: Some(closes), reopens, ends: None, councils }
}

impl Night {
    /// The school at the beginning of its night, its ledger in a file.
    pub fn due(way: Way) -> Self {
        Self::due_on(way, On::Sqlite)
    }

    /// The school at the beginning of its night.
    pub fn due_on(way: Way, on: On) -> Self {
        let runtime = Runtime::new().unwrap();
        let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
        teleservice.add_school(school(), school().uai.zone());
        siecle.add_school(school(), school().uai.zone());
        for (id, level) in PUPILS {
            let representatives = [RepresentativeId(2 * id - 1), RepresentativeId(2 * id)];
            let pupil = world::pupil(PupilId(id), level, division(), None, &representatives);
            siecle.enrol(school(), pupil.clone());
            teleservice.arrive(school(), pupil, at(-12, 0));
        }
        let (teleservice, siecle) = (share(teleservice), share(siecle));
        let folder = tempfile::tempdir().unwrap();
        let folders = (way == Way::Folders).then(|| {
            runtime.block_on(async {
                let families = TeleserviceFolder::open(&teleservice, &folder.path().join("families")).await.unwrap();
                let councils = SiecleFolder::open(&siecle, &folder.path().join("councils")).await.unwrap();
                Arc::new(Mutex::new((families, councils)))
            })
        });
        let database = runtime.block_on(on.database(folder.path()));
        let mut night = Self { teleservice, siecle, folder, database, way, folders, served: None, runtime };
        night.history();
        night.serve(&Clock::Machine);
        night
    }

    /// Ten days, by the library.
    fn history(&mut self) {
        let clock = Clock::player(at(-12, 1));
        self.serve(&clock);
        let ctx = self.context(clock.clone());
        let served = ctx.schools[&school()].clone();
        self.turn(clock.now());
        self.runtime.block_on(async {
            for (key, calendar) in [
                (provisional(), change(-11, at(-6, 0), Some(at(-3, 0)), at(-4, 0))),
                (definitive(), change(-5, at(0, -1), None, at(2, 12))),
                (of_seconde(), change(-5, at(10, 0), None, at(12, 0))),
            ] {
                let loaded = window::load(&ctx, &served, key, calendar, None, clock.now()).await.unwrap();
                assert_eq!(loaded, Answer::Done, "{key}");
            }
        });
        let tick = |days, hours| {
            clock.set(at(days, hours));
            // Over folders one tick gives an order, and a later one reads what came of it.
            for _ in 0..3 {
                self.turn(clock.now());
                self.runtime.block_on(run::tick(&ctx, &BTreeSet::new(), clock.now()));
            }
            self.turn(clock.now());
        };
        tick(-11, 1);
        for pupil in [1, 2, 3] {
            self.validate(provisional(), pupil, "2GT", at(-10, 0));
        }
        tick(-9, 0);
        tick(-6, 1);
        tick(-5, 1);
        self.validate(definitive(), 1, "2GT", at(-5, 3));
        self.validate(of_seconde(), 5, "1G", at(-5, 3));
        self.validate(of_seconde(), 6, "STMG", at(-5, 3));
        tick(-3, 1);
        self.runtime.block_on(ctx.store.close());
        self.today();
    }

    /// What the coming night finds.
    fn today(&self) {
        for pupil in [1, 2, 4] {
            self.validate(definitive(), pupil, "2GT", at(-1, 0));
        }
        self.validate(of_seconde(), 5, "STMG", at(-1, 0));
        let mut siecle = hold(&self.siecle);
        siecle.respond(provisional(), &Council::default(), at(-2, 0)).unwrap();
        siecle.entry_complete(provisional(), at(-2, 1)).unwrap();
        siecle.respond(of_seconde(), &Council::default(), at(0, -2)).unwrap();
        siecle.reject(BTreeSet::from([PupilId(4)]));
        drop(siecle);
        self.turn(Clock::Machine.now());
    }

    fn validate(&self, key: CampaignKey, pupil: i64, track: &str, at: Timestamp) {
        let choice = RawChoice { rank: 1, track: track.to_owned(), formation: None, code: None, status: None };
        let by = RepresentativeId(2 * pupil - 1);
        hold(&self.teleservice).validate(school(), key.phase, PupilId(pupil), by, &[choice], at).unwrap();
    }

    /// Serves both far sides by `clock` from now on, and writes the configuration that knows where.
    fn serve(&mut self, clock: &Clock) {
        let sides = match self.way {
            Way::Http => {
                let address = "127.0.0.1:0".parse().unwrap();
                let serving = http::serve_both(&self.teleservice, &self.siecle, clock, address);
                let served = self.runtime.block_on(serving).unwrap();
                let base = served.base();
                if let Some(before) = self.served.replace(served) {
                    self.runtime.block_on(before.stop()).unwrap();
                }
                let side = |name| format!("[{name}]\ntransport = \"http\"\nurl = \"{base}\"\n");
                [side("teleservice"), side("siecle")]
            }
            Way::Folders => [("teleservice", "families"), ("siecle", "councils")]
                .map(|(name, folder)| format!("[{name}]\ntransport = \"directory\"\npath = \"{folder}\"\n")),
        };
        let text = format!(
            "[store]\ndatabase = {:?}\nfiles = \"files\"\n[night]\nreceipt_wait = \"1s\"\n{}\
             [[school]]\nuai = \"{UAI}\"\nyear = 2026\n",
            self.database,
            sides.concat()
        );
        fs::write(self.folder.path().join("navette.toml"), text).unwrap();
    }

    /// What runs of the library are handed, on the same ledger and far sides as the program's.
    pub fn context(&self, clock: Clock) -> Context {
        let folder = self.folder.path();
        let far = match self.way {
            Way::Http => {
                let base = self.served.as_ref().unwrap().base();
                let options = || HttpOptions::new(base.parse().unwrap());
                let teleservice = teleservice::Teleservice::http(options(), clock.clone(), Crash::off()).unwrap();
                let siecle = siecle::Siecle::http(options(), clock.clone(), Crash::off()).unwrap();
                FarSides { teleservice: Arc::new(teleservice), siecle: Arc::new(siecle) }
            }
            Way::Folders => {
                let options = |name| DirectoryOptions { path: folder.join(name) };
                let teleservice = teleservice::Teleservice::directory(options("families"), Files::default());
                let siecle = siecle::Siecle::directory(options("councils"), Files::default());
                FarSides { teleservice: Arc::new(teleservice), siecle: Arc::new(siecle) }
            }
        };
        let own = School { key: school(), name: UAI.to_owned(), zone: school().uai.zone(), mail: None };
        Context {
            store: self.store(),
            files: Files::default(),
            files_root: folder.join("files"),
            schools: Arc::new(BTreeMap::from([(school(), Served { school: own, far: Arc::new(far) })])),
            settings: Settings {
                format: Format::Xml,
                encoding: Encoding::Utf8,
                slot: parse_time_of_day("03:15").unwrap(),
                receipt_wait: Duration::ZERO,
                heartbeat: Duration::from_secs(30),
                schools_at_once: 1,
                thresholds: Thresholds::default(),
                policy: Policy { overrides: bool::default(), enforce: !bool::default() },
                nomenclature: None,
                keep_files_days: None,
            },
            clock,
            holder: Holder { host: "history".to_owned(), process: 1 },
            crash: Crash::off(),
            mail: None,
            references: None,
        }
    }

    fn store(&self) -> Store {
        self.runtime.block_on(Store::open(&self.database, Crash::off())).unwrap()
    }

    /// Waits for a future on the runtime that serves the far sides.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Over folders: the far sides act on what lies there.
    pub fn turn(&self, now: Timestamp) {
        self.runtime.block_on(self.turned(now));
    }

    /// The same where it is waited for among other things.
    pub async fn turned(&self, now: Timestamp) {
        if let Some(folders) = &self.folders {
            turn(folders, now).await;
        }
    }

    /// Starts the program, which dies at a point when one is named.
    pub fn start(&self, arguments: &[&str], dies_at: Option<&str>) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env("NAVETTE_CONFIG", self.folder.path().join("navette.toml")).env("NAVETTE_LOG", "off");
        command.envs(dies_at.map(|point| ("NAVETTE_CRASH", point)));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// While it lives, the folders are looked at again and again.
    pub fn turning(&self) -> Turning {
        let folders = self.folders.clone();
        Turning(self.runtime.spawn(async move {
            let Some(folders) = folders else { return };
            loop {
                turn(&folders, Clock::Machine.now()).await;
                tokio::time::sleep(TURN).await;
            }
        }))
    }

    /// Runs the program to its end; how it ended and what it printed.
    pub fn run(&self, arguments: &[&str], dies_at: Option<&str>) -> (std::process::ExitStatus, String) {
        let _turning = self.turning();
        let output = self.start(arguments, dies_at).wait_with_output().unwrap();
        (output.status, String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    }

    /// `navette run` until nothing is due and nothing changes; answers what the runs said.
    pub fn run_on(&self) -> Vec<serde_json::Value> {
        let mut said = Vec::new();
        for _ in 0..RUNS_MAX {
            self.turn(Clock::Machine.now());
            let (_, text) = self.run(&["run", "--json"], None);
            let summary: serde_json::Value =
                serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
            let done = summary["schools"][0].clone();
            let counts = ["events", "orders", "receipts", "response_files", "responses", "carried", "in_doubt"];
            let quiet = counts.iter().all(|name| done[name] == 0)
                && ["lots", "failures"].iter().all(|name| done[name].as_array().unwrap().is_empty())
                && ["night", "busy"].iter().all(|name| done[name].is_null());
            said.push(done);
            if quiet {
                return said;
            }
        }
        panic!("it never comes to rest: {said:#?}");
    }

    /// The database is whole.
    pub fn integrity(&self) {
        let store = self.store();
        assert_eq!(self.runtime.block_on(store.integrity()).unwrap(), Vec::<String>::new());
        self.runtime.block_on(store.close());
    }

    /// How everything ended, on both far sides and here; what no crash may spoil is checked on the way.
    pub fn end(&self) -> End {
        let store = self.store();
        let end = self.runtime.block_on(self.told(&store));
        self.runtime.block_on(store.close());
        self.numbers_have_one_content();
        let checked = digests_hold(self.folder.path());
        assert!(10 < checked, "only {checked} digests were found");
        end
    }

    async fn told(&self, store: &Store) -> End {
        let mut tx = store.read().await.unwrap();
        let anomalies = anomalies::list(&mut tx, Some(school()), bool::default()).await.unwrap();
        let anomalies = anomalies.iter().map(|(_, _, one, _)| format!("{}:{:?}", one.code.as_str(), one.subject));
        let files = responses::response_files_seen(&mut tx, school()).await.unwrap();
        let nights = nights::list(&mut tx, school(), 20).await.unwrap();
        let (teleservice, siecle) = (hold(&self.teleservice), hold(&self.siecle));
        let all = || keys().into_iter().flat_map(|key| PUPILS.map(|(id, _)| (key, PupilId(id))));
        let held = |(key, id)| ((key, id), (siecle.version(key, id), siecle.choices(key, id)));
        let locked = |(key, id): (CampaignKey, PupilId)| {
            let told = teleservice.verdicts(school(), id, key.phase);
            ((key, id), (teleservice.is_locked(school(), id, key.phase), told))
        };
        End {
            held: all().map(held).collect(),
            open: keys().into_iter().map(|key| (key, teleservice.is_open(school(), key.level, key.phase))).collect(),
            locked: all().map(locked).collect(),
            anomalies: anomalies.collect(),
            files: files.into_iter().map(|(number, (_, state))| (number, format!("{state:?}"))).collect(),
            nights: nights.iter().map(|night| format!("{} {:?}", night.date, night.fact.outcome)).collect(),
        }
    }

    /// What Siècle was given under a number is what the ledger has under it, and what lies in our folder; none is open.
    fn numbers_have_one_content(&self) {
        let store = self.store();
        let lots = self.runtime.block_on(async {
            let mut tx = store.read().await.unwrap();
            ledger::list(&mut tx, Some(school())).await.unwrap()
        });
        self.runtime.block_on(store.close());
        let siecle = hold(&self.siecle);
        let deposits = &siecle.school(school()).unwrap().deposits;
        let numbers: Vec<u32> = lots.iter().map(|lot| lot.record.number).collect();
        assert_eq!(numbers, deposits.keys().copied().collect::<Vec<_>>());
        for lot in lots {
            assert_eq!(lot.state, ledger::LotState::Acknowledged, "{lot:?}");
            let deposit = &deposits[&lot.record.number];
            assert!(matches!(deposit.state, DepositState::Treated { .. }), "{:?}", deposit.state);
            let kept = self.folder.path().join("files").join(UAI).join("2026/demandes").join(lot.name.to_string());
            assert_eq!((deposit.file.name, deposit.file.sha256), (lot.name, lot.sha256));
            assert_eq!(sha256(&fs::read(kept).unwrap()), lot.sha256);
        }
    }
}

/// The school's calendars as they stand.
pub async fn councils(store: &Store, key: CampaignKey) -> Vec<Timestamp> {
    let calendar = campaigns::calendar(&mut store.read().await.unwrap(), key).await.unwrap().unwrap();
    calendar.councils.into_values().collect()
}

async fn turn(folders: &Folders, now: Timestamp) {
    let (families, councils) = &mut *folders.lock().await;
    families.turn(now).await.unwrap();
    councils.turn(now).await.unwrap();
}

/// Ends with the value that stands for it.
pub struct Turning(JoinHandle<()>);

impl Drop for Turning {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// `sha256sum -c *.sha256` in every folder beneath; answers how many lines were checked.
fn digests_hold(folder: &Path) -> usize {
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            checked += digests_hold(&path);
        } else if path.extension().is_some_and(|ending| ending == "sha256") {
            let line = fs::read_to_string(&path).unwrap();
            let (digest, name) = line.trim_end().split_once("  ").unwrap();
            let bytes = fs::read(folder.join(name)).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
            let found: String = sha256(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, digest, "{}", path.display());
            checked += 1;
        }
    }
    checked
}
