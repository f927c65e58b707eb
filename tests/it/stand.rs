//! A small school between two stand-ins over HTTP, and the real program beside them, by the machine's clock.

use assert_cmd::Command;
use navette::{
    clock::Clock,
    domain::{
        campaign::{CampaignKey, Phase},
        event::RawChoice,
        lot::{Encoding, Format},
        pupil::{Division, PupilId, RepresentativeId},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{HOUR_S, Timestamp},
    },
    sandbox::{
        Shared, hold,
        http::{Served, serve_both},
        share,
        siecle::Siecle,
        teleservice::Teleservice,
        world,
    },
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tokio::runtime::Runtime;

/// The header of a calendar.
pub const HEAD: &str = "uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil\n";
/// The school.
pub const UAI: &str = "0990001N";
const PUPILS: i64 = 4;

/// The stand-ins, and a folder with a configuration that knows them.
pub struct Stand {
    /// The téléservice.
    pub teleservice: Shared<Teleservice>,
    /// Siècle.
    pub siecle: Shared<Siecle>,
    /// Everything of navette's.
    pub folder: tempfile::TempDir,
    served: Option<Served>,
    runtime: Runtime,
}

/// The campaign.
pub fn key() -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse(UAI).unwrap(), year: SchoolYear::new(2026).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive }
}

/// When the tests began: an opening and the calendar that plans it are the same instant.
static NOW: LazyLock<Timestamp> = LazyLock::new(|| Clock::Machine.now());

/// The instant some hours from now.
pub fn hours(count: i64) -> Timestamp {
    NOW.plus_s(count * HOUR_S)
}

/// Every file under a folder, with its bytes.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

/// A row of a calendar: the instants in hours from now, none for an empty field.
pub fn row(division: &str, opens: i64, closes: i64, reopens: Option<i64>, council: i64) -> String {
    let at = |count| hours(count).rfc3339_utc();
    let reopens = reopens.map(at).unwrap_or_default();
    format!("{UAI};2026;3E;DEFINITIVE;{};{};{reopens};;{division};{}\n", at(opens), at(closes), at(council))
}

impl Stand {
    /// A school of four pupils in `3 A`; nothing was opened yet.
    pub fn new() -> Self {
        Self::at(Clock::Machine)
    }

    /// The same school, open, with one demand, and its calendar loaded.
    pub fn open() -> Self {
        let stand = Self::new();
        stand.switch(!bool::default(), -48);
        stand.validate(1, -40);
        assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
        stand
    }

    /// A new one, with stand-ins by another clock.
    pub fn at(clock: Clock) -> Self {
        let runtime = Runtime::new().unwrap();
        let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
        let school = key().school;
        teleservice.add_school(school, school.uai.zone());
        siecle.add_school(school, school.uai.zone());
        for id in 1..=PUPILS {
            let representatives = [RepresentativeId(2 * id - 1), RepresentativeId(2 * id)];
            let division = Division::parse("3 A").unwrap();
            let pupil = world::pupil(PupilId(id), key().level, division, None, &representatives);
            siecle.enrol(school, pupil.clone());
            teleservice.arrive(school, pupil, hours(-300));
        }
        let (teleservice, siecle) = (share(teleservice), share(siecle));
        let served = runtime.block_on(async {
            serve_both(&teleservice, &siecle, &clock, "127.0.0.1:0".parse().unwrap()).await.unwrap()
        });
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!(
            "[store]\ndatabase = \"sqlite:navette.db\"\nfiles = \"files\"\n[night]\nreceipt_wait = \"0s\"\n\
             [guard]\noverrides = true\n[teleservice]\ntransport = \"http\"\nurl = {base:?}\n\
             [siecle]\ntransport = \"http\"\nurl = {base:?}\n[[school]]\nuai = \"{UAI}\"\nyear = 2026\n",
            base = served.base()
        );
        fs::write(folder.path().join("navette.toml"), configuration).unwrap();
        Self { teleservice, siecle, folder, served: Some(served), runtime }
    }

    /// Families can enter demands from some hours from now on, because a person opened.
    pub fn switch(&self, open: bool, at: i64) {
        hold(&self.teleservice).switch(key(), open, hours(at));
    }

    /// A pupil's first representative validates one track.
    pub fn validate(&self, pupil: i64, at: i64) {
        let choice = RawChoice { rank: 1, track: "2GT".to_owned(), formation: None, code: None, status: None };
        let by = RepresentativeId(2 * pupil - 1);
        let mut teleservice = hold(&self.teleservice);
        teleservice.validate(key().school, key().phase, PupilId(pupil), by, &[choice], hours(at)).unwrap();
    }

    /// Both far sides are gone.
    pub fn strike(&mut self) {
        let served = self.served.take().unwrap();
        self.runtime.block_on(served.stop()).unwrap();
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Loads a calendar of these rows; exit code and what was printed.
    pub fn load(&self, rows: &str) -> (i32, String) {
        let path = self.write("calendrier.csv", &format!("{HEAD}{rows}"));
        self.run(&["calendar", "load", path.to_str().unwrap()])
    }

    /// Runs the program; exit code and standard output.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env("NAVETTE_CONFIG", self.folder.path().join("navette.toml")).env("NAVETTE_LOG", "off");
        let output = command.args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    /// Runs the program with `--json`.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let (_, text) = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{arguments:?}: {fault}: {text}"))
    }

    /// Runs the program and expects an exit code and the first word of its answer.
    pub fn expect(&self, arguments: &[&str], code: i32, word: &str) {
        let (exit, text) = self.run(arguments);
        assert_eq!(exit, code, "{arguments:?}: {text}");
        assert!(text.starts_with(&format!("{word}:")), "{arguments:?}: {text}");
    }
}
