//! Three processes of the real program share one night of many schools on one PostgreSQL; one is killed, one freezes for
//! longer than its heartbeat and comes back. Every school is carried once, and what came too late is refused. Then the
//! database itself is lost in the middle of a night.

use crate::night::server;
use navette::{
    clock::Clock,
    domain::{
        lot::{Encoding, Format},
        school::{SchoolKey, SchoolYear},
        time::{DAY_S, HOUR_S, Timestamp},
    },
    sandbox::{
        Shared, hold, http, share,
        siecle::{DepositState, Siecle},
        teleservice::Teleservice,
        world::World,
    },
    store::scratch,
};
use sqlx::{Connection, PgConnection, Row};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const PUPILS: u32 = 6;
/// Each far side takes its time, so that the night lasts.
const LATENCY_MS: u64 = 40;
/// A lease is stale after five.
const HEARTBEAT_S: u64 = 1;
/// How often something is looked at that cannot tell by itself.
const LOOK: Duration = Duration::from_millis(20);
/// Nothing here takes so long, on a loaded machine either.
const PATIENCE: Duration = Duration::from_secs(180);

const SIGKILL: i32 = 9;

struct Hosts {
    siecle: Shared<Siecle>,
    schools: Vec<SchoolKey>,
    folder: tempfile::TempDir,
    database: String,
    runtime: Runtime,
    _served: http::Served,
}

fn at(days: i64) -> Timestamp {
    Clock::Machine.now().plus_s(days * DAY_S)
}

impl Hosts {
    /// A country whose first night is due now: every family has entered, nothing was read yet.
    fn due(server: &str, schools: u32) -> Self {
        let runtime = Runtime::new().unwrap();
        let world = World::generate(SchoolYear::new(2026).unwrap(), schools, PUPILS, 1);
        let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
        world.fill(&mut teleservice, &mut siecle, at(-4), at(-3));
        let (teleservice, siecle) = (share(teleservice), share(siecle));
        let address = "127.0.0.1:0".parse().unwrap();
        let served = runtime.block_on(http::serve_both(&teleservice, &siecle, &Clock::Machine, address)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = runtime.block_on(scratch::beside(server)).unwrap();
        let base = served.base();
        let configuration = format!(
            "schools_file = \"schools.csv\"\n[store]\ndatabase = {database:?}\nfiles = \"files\"\n\
             [night]\nreceipt_wait = \"1s\"\nheartbeat = \"{HEARTBEAT_S}s\"\nschools_at_once = 4\n\
             [teleservice]\ntransport = \"http\"\nurl = {base:?}\n[siecle]\ntransport = \"http\"\nurl = {base:?}\n"
        );
        let mut calendar = "uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil\n".to_owned();
        let mut schools = "uai;annee;nom;fuseau;courriel\n".to_owned();
        let instants = [at(-4).plus_s(-HOUR_S), at(5), at(8)].map(|at| at.rfc3339_utc());
        let [opens, closes, council] = instants;
        for school in &world.schools {
            let SchoolKey { uai, year } = school.key;
            writeln!(schools, "{uai};{year};;;").unwrap();
            for division in school.divisions() {
                let level = school.level.code();
                writeln!(calendar, "{uai};{year};{level};DEFINITIVE;{opens};{closes};;;{division};{council}").unwrap();
            }
        }
        for (name, text) in [("navette.toml", configuration), ("calendrier.csv", calendar), ("schools.csv", schools)] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let schools = world.schools.iter().map(|school| school.key).collect();
        let hosts = Self { siecle, schools, folder, database, runtime, _served: served };
        let loaded = hosts.start(&["calendar", "load", "calendrier.csv"]).wait_with_output().unwrap();
        assert!(loaded.status.success(), "{}", said(&loaded));
        // As if the calendars had been loaded two days ago: last night is due now.
        hosts.sql(&format!("UPDATE school SET first_calendar_at_ms = first_calendar_at_ms - {}", 2 * DAY_S * 1_000));
        hold(&teleservice).faults.slow_down(LATENCY_MS, None);
        hold(&hosts.siecle).faults.slow_down(LATENCY_MS, None);
        hosts
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.current_dir(self.folder.path()).env("NAVETTE_CONFIG", "navette.toml").env("NAVETTE_LOG", "error");
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn sql(&self, sql: &str) -> Vec<sqlx::postgres::PgRow> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.database).await.unwrap();
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            rows
        })
    }

    fn number(&self, sql: &str) -> i64 {
        self.sql(sql)[0].get(0)
    }

    /// Lots that Siècle has treated.
    fn treated(&self) -> usize {
        let siecle = hold(&self.siecle);
        let of_school = |key: &SchoolKey| {
            let deposits = &siecle.school(*key).unwrap().deposits;
            deposits.values().filter(|deposit| matches!(deposit.state, DepositState::Treated { .. })).count()
        };
        self.schools.iter().map(of_school).sum()
    }

    /// Every school was carried by one lot, under a number that stands for the same bytes here and there.
    fn carried_once(&self) {
        let rows = self.sql("SELECT uai, number, sha256, state FROM lot ORDER BY uai, number");
        let lots: BTreeMap<String, (i64, Vec<u8>)> = rows
            .iter()
            .map(|row| {
                let (uai, state): (String, String) = (row.get(0), row.get(3));
                assert_eq!(state, "acknowledged", "{uai}");
                (uai, (row.get(1), row.get(2)))
            })
            .collect();
        assert_eq!((rows.len(), lots.len()), (self.schools.len(), self.schools.len()), "one lot a school");
        let siecle = hold(&self.siecle);
        for school in &self.schools {
            let deposits = &siecle.school(*school).unwrap().deposits;
            let [(number, deposit)] = deposits.iter().collect::<Vec<_>>()[..] else {
                panic!("{school} has {} deposits", deposits.len())
            };
            let (own, sha256) = &lots[school.uai.as_str()];
            assert_eq!((i64::from(*number), deposit.file.sha256.as_slice()), (*own, sha256.as_slice()), "{school}");
        }
        drop(siecle);
        assert!(self.is_over(), "each night is ok once");
    }

    /// Whether every school's night was ok.
    fn is_over(&self) -> bool {
        usize::try_from(self.number("SELECT COUNT(*) FROM night WHERE outcome = 'ok'")).unwrap() == self.schools.len()
    }

    /// Runs until every school's night was ok.
    fn run_on(&self) {
        until("waited for the schools that are left", || {
            self.start(&["run"]).wait_with_output().unwrap();
            self.is_over()
        });
    }
}

fn said(output: &Output) -> String {
    format!("{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Waits until it is so: no other process tells us when.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} in vain");
        thread::sleep(LOOK);
    }
}

#[test]
fn three_share_a_night_one_is_killed_and_one_freezes_and_comes_back() {
    let hosts = Hosts::due(&server(), 200);
    let [mut killed, frozen, calm] = [(); 3].map(|()| hosts.start(&["run"]));
    until("waited for the night to be under way", || 20 <= hosts.treated());
    signal(&frozen, rustix::process::Signal::STOP);
    let pid = i64::from(frozen.id());
    let held = hosts.number(&format!("SELECT COUNT(*) FROM lease WHERE held = 1 AND process = {pid}"));
    assert!(0 < held, "it freezes in the middle of its work");
    until("waited for more", || 60 <= hosts.treated());
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().signal(), Some(SIGKILL));
    // Those of the dead one are taken over at once by whoever looks, those of the frozen one once its heartbeat is stale.
    calm.wait_with_output().unwrap();
    hosts.run_on();
    let epochs = hosts.number("SELECT COUNT(*) FROM lease WHERE epoch > 1");
    assert!(held <= epochs, "its {held} schools were taken over, {epochs} in all");
    hosts.carried_once();
    signal(&frozen, rustix::process::Signal::CONT);
    let told = said(&frozen.wait_with_output().unwrap());
    // By the epoch; or, where it froze in the middle of a transaction, the server had ended that one.
    let refused = ["has taken over", "ended the connection"].iter().any(|words| told.contains(words));
    assert!(refused, "what it wrote late is refused: {told}");
    hosts.carried_once();
}

/// A server of the test's own.
struct Server(String);

impl Server {
    fn start() -> Self {
        Self(asked(&["start"]).trim().to_owned())
    }

    fn asked(&self, what: &str) {
        asked(&[what, &self.0]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.asked("stop");
    }
}

fn asked(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres");
    let output = Command::new(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_night_that_loses_its_database_stops_and_is_taken_up() {
    let server = Server::start();
    let hosts = Hosts::due(&server.0, 60);
    let run = hosts.start(&["run"]);
    until("waited for the night to be under way", || 10 <= hosts.treated());
    server.asked("kill");
    let lost = run.wait_with_output().unwrap();
    let told = said(&lost);
    assert_eq!(lost.status.code(), Some(1), "{told}");
    assert!(told.contains("the database cannot be used: it does not answer, or ended the connection"), "{told}");
    assert!(told.contains("the database was lost: "), "{told}");
    let before = hosts.treated();
    assert!(before < hosts.schools.len(), "it stopped in the middle: {told}");
    server.asked("again");
    hosts.run_on();
    hosts.carried_once();
}
