//! Fifty schools of one database in one night, killed by SIGKILL in its middle: the next `navette run`, as the timer starts
//! it, carries what was left, and nothing goes twice.

use chrono::Timelike;
use navette::{
    clock::Clock,
    crash::Crash,
    domain::{
        campaign::{CampaignKey, Phase},
        lot::{Encoding, Format},
        school::{SchoolYear, Uai},
        time::{DAY_S, Timestamp, Zone},
    },
    nights::NightOutcome,
    sandbox::{
        Shared, hold,
        http::{Served, serve_both},
        share,
        siecle::{DepositState, Siecle},
        teleservice::Teleservice,
        world::{World, WorldSchool},
    },
    store::{
        Store,
        ledger::{self, LotState},
        nights,
    },
};
use sqlx::{Connection, SqliteConnection};
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};
use tokio::runtime::Runtime;

const SCHOOLS: u32 = 50;
const PUPILS: u32 = 10;
/// The program is killed once Siècle has so many lots.
const KILLED_AT: [usize; 3] = [4, 20, 36];
/// Every answer of the far sides waits so long: a night is longer than a look at it.
const ANSWER_MS: u64 = 5;
/// How often Siècle is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// What ends a process without any clean-up.
const SIGKILL: i32 = 9;

struct Fifty {
    world: World,
    siecle: Shared<Siecle>,
    folder: tempfile::TempDir,
    runtime: Runtime,
    served: Served,
}

impl Fifty {
    /// Families have validated, and last night is due at each school.
    fn due() -> Self {
        let (runtime, now) = (Runtime::new().unwrap(), Clock::Machine.now());
        let world = World::generate(SchoolYear::new(2026).unwrap(), SCHOOLS, PUPILS, 1);
        let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
        world.fill(&mut teleservice, &mut siecle, now.plus_s(-2 * DAY_S), now.plus_s(-DAY_S));
        for faults in [&mut teleservice.faults, &mut siecle.faults] {
            faults.slow_down(ANSWER_MS, None);
        }
        let (teleservice, siecle) = (share(teleservice), share(siecle));
        let serving = serve_both(&teleservice, &siecle, &Clock::Machine, "127.0.0.1:0".parse().unwrap());
        let served = runtime.block_on(serving).unwrap();
        let fifty = Self { world, siecle, folder: tempfile::tempdir().unwrap(), runtime, served };
        fifty.configure(now);
        fifty
    }

    fn configure(&self, now: Timestamp) {
        let base = self.served.base();
        let write = |name, text: String| fs::write(self.folder.path().join(name), text).unwrap();
        let far = |name| format!("[{name}]\ntransport = \"http\"\nurl = \"{base}\"\n");
        let schools = self.world.schools.iter().map(|school| format!("{};2026;{};;\n", school.key.uai, school.name));
        write("schools.csv", "uai;annee;nom;fuseau;courriel\n".to_owned() + &schools.collect::<String>());
        // Far from now, so that no night becomes due in the middle of the test.
        let slot = if (8..20).contains(&now.civil_in(Zone::Europe__Paris).hour()) { "03:15" } else { "15:15" };
        let text = format!(
            "schools_file = \"schools.csv\"\n[store]\ndatabase = \"sqlite:navette.db\"\nfiles = \"files\"\n\
             [night]\nslot = {slot:?}\nreceipt_wait = \"0s\"\n{}{}",
            far("teleservice"),
            far("siecle")
        );
        write("navette.toml", text);
        let days = |count: i64| now.plus_s(count * DAY_S).rfc3339_utc();
        let row = |uai: Uai, division: &str| {
            format!("{uai};2026;3E;DEFINITIVE;{};{};;;{division};{}\n", days(-2), days(10), days(13))
        };
        let of_school = |school: &WorldSchool| {
            school.divisions().iter().map(|division| row(school.key.uai, division.as_str())).collect::<String>()
        };
        write(
            "calendrier.csv",
            crate::stand::HEAD.to_owned() + &self.world.schools.iter().map(of_school).collect::<String>(),
        );
        let calendar = self.folder.path().join("calendrier.csv");
        let (status, text) = self.run(&["calendar", "load", calendar.to_str().unwrap()]);
        assert_eq!(status.code(), Some(0), "{text}");
        // As if the calendars had been loaded two days ago: since then nights are due.
        self.runtime.block_on(async {
            let mut database = SqliteConnection::connect(&self.url()).await.unwrap();
            let sql = "UPDATE school SET first_calendar_at_ms = first_calendar_at_ms - 172800000";
            assert_eq!(sqlx::query(sql).execute(&mut database).await.unwrap().rows_affected(), u64::from(SCHOOLS));
            database.close().await.unwrap();
        });
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("navette.db").display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env("NAVETTE_CONFIG", self.folder.path().join("navette.toml")).env("NAVETTE_LOG", "off");
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> (ExitStatus, String) {
        let output = self.command(arguments).output().unwrap();
        (output.status, String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    }

    /// The night begins, and is killed once Siècle has so many lots; how it ended.
    fn kill_at(&self, lots: usize) -> ExitStatus {
        let mut program = self.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        loop {
            {
                // While Siècle is held it answers nobody: the program gets no further than this.
                let siecle = hold(&self.siecle);
                let offices = self.world.schools.iter().map(|school| siecle.school(school.key).unwrap());
                if lots <= offices.map(|office| office.deposits.len()).sum() {
                    program.kill().unwrap();
                    return program.wait().unwrap();
                }
            }
            if let Some(ended) = program.try_wait().unwrap() {
                return ended;
            }
            thread::sleep(LOOK);
        }
    }

    /// Each school has had its night and sent its one lot, which holds every demand; Siècle has treated that, once.
    fn check(&self) {
        let siecle = hold(&self.siecle);
        let store = self.runtime.block_on(Store::open(&self.url(), Crash::off())).unwrap();
        for school in &self.world.schools {
            let key = CampaignKey { school: school.key, level: school.level, phase: Phase::Definitive };
            let (lots, nights) = self.runtime.block_on(async {
                let mut tx = store.read().await.unwrap();
                let lots = ledger::list(&mut tx, Some(school.key)).await.unwrap();
                (lots, nights::list(&mut tx, school.key, 9).await.unwrap())
            });
            let states: Vec<_> = lots.iter().map(|lot| (lot.record.number, lot.state)).collect();
            assert_eq!(states, [(1, LotState::Acknowledged)], "{}", school.key);
            let outcomes: Vec<_> = nights.iter().map(|night| night.fact.outcome).collect();
            assert_eq!(outcomes, [Some(NightOutcome::Ok)], "{}", school.key);
            let deposits = &siecle.school(school.key).unwrap().deposits;
            assert_eq!(deposits.keys().copied().collect::<Vec<_>>(), [1], "{}", school.key);
            let deposit = &deposits[&1];
            assert!(matches!(deposit.state, DepositState::Treated { .. }), "{}: {:?}", school.key, deposit.state);
            assert_eq!(deposit.file.sha256, lots[0].sha256, "{}", school.key);
            for one in &school.pupils {
                let expected = i64::from(!one.choices.is_empty());
                assert_eq!(siecle.version(key, one.pupil.id), expected, "{} of {}", one.pupil.id.0, school.key);
            }
        }
        assert_eq!(siecle.conflicts().len(), 0);
        self.runtime.block_on(store.close());
    }
}

#[test]
fn fifty_schools_are_carried_once_however_often_the_night_is_killed() {
    let fifty = Fifty::due();
    let ends = KILLED_AT.map(|lots| fifty.kill_at(lots).signal());
    // One that was too quick for us has done its work; but not all of them.
    assert!(ends.contains(&Some(SIGKILL)), "{ends:?}");
    let (status, text) = fifty.run(&["run"]);
    assert_eq!(status.code(), Some(0), "{text}");
    fifty.check();
    let (status, text) = fifty.run(&["run"]);
    assert_eq!((status.code(), text.as_str()), (Some(0), ""), "nothing is left to do");
    fifty.check();
}
