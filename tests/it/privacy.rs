//! No name, INE, address, choice or reason leaves by any door but those whose purpose is to show pupils: the real program,
//! at its most talkative, through nights, faults and refusals.

use crate::stand::{Stand, UAI, hours, key, row};
use assert_cmd::Command;
use navette::{
    cli::{journal::Journal, wire},
    config,
    crash::Crash,
    domain::{
        event::RawChoice,
        pupil::{Division, Ine, Private, PupilId, RepresentativeId},
        time::{Date, Zone},
    },
    run::{self, demands::Wish},
    sandbox::{councils::Council, exports, faults::Topic, hold, siecle::Siecle, world},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{self, Stdio},
    thread,
};
use tracing_subscriber::layer::SubscriberExt;

/// Stands in every name, address, formation and reason of this test, and nowhere else. An anomaly names the track that is
/// none (domain.md), so that tracks carry no mark.
const MARK: &str = "qzx";
/// The INE of the pupil.
const INE: &str = "987654321QZ";
/// What may hold names: the database and the exchanged files, here and there, and the files that this test brings itself.
const MAY_HOLD: [&str; 4] = ["navette.db", "copy.db", "files", "brought"];

/// Everything that was said, with the command that said it.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    /// Runs the program as loud as it goes, in a log format.
    fn run(&mut self, stand: &Stand, format: &str, arguments: &[&str]) -> (i32, String) {
        let text = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
        let configuration = stand.write("loud.toml", &format!("{text}[log]\nformat = \"{format}\"\n"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env("NAVETTE_CONFIG", configuration).env("NAVETTE_LOG", "trace").args(arguments);
        let output = command.output().unwrap();
        let (out, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        self.0.push((format!("{arguments:?}"), out.clone() + &log));
        (output.status.code().unwrap(), out)
    }

    /// The same for a command whose purpose is to show pupils: what it logs is no such place.
    fn run_that_shows(&mut self, stand: &Stand, arguments: &[&str]) {
        let (_, out) = self.run(stand, "json", arguments);
        assert!(out.to_lowercase().contains(MARK), "{arguments:?} showed nobody: {out}");
        let (_, text) = self.0.last_mut().unwrap();
        *text = text.replacen(&out, "", 1);
    }

    /// Runs it in both formats, with and without `--json`.
    fn all_ways(&mut self, stand: &Stand, arguments: &[&str]) {
        self.run(stand, "text", arguments);
        self.run(stand, "json", &[arguments, &["--json"]].concat());
    }

    /// Nothing of it is about a person, and it is long enough for the most talkative level.
    fn check(&self, lines_min: usize) {
        let log: usize = self.0.iter().map(|(_, text)| text.lines().count()).sum();
        assert!(lines_min < log, "only {log} lines were said: this is not the most talkative level");
        for (command, text) in &self.0 {
            for line in text.lines() {
                let lower = line.to_lowercase();
                assert!(!lower.contains(MARK) && !line.contains(INE), "{command} said: {line}");
            }
        }
    }
}

fn division() -> Division {
    Division::parse("3 A").unwrap()
}

/// A pupil of whom everything is marked, and what the family validated.
fn arrives(stand: &Stand, id: i64, name: &str) {
    let representatives = [RepresentativeId(2 * id - 1), RepresentativeId(2 * id)];
    let mut pupil = world::pupil(PupilId(id), key().level, division(), Some("Qzxprenom"), &representatives);
    pupil.last_name = Private::new(name.to_owned());
    pupil.ine = Some(Ine::parse(INE).unwrap());
    for one in &mut pupil.representatives {
        one.last_name = Private::new("QZXPARENT".to_owned());
        one.first_name = Private::new("Qzxparent".to_owned());
        one.email = Some(Private::new(format!("qzx{}@famille.example", one.id.0)));
    }
    hold(&stand.siecle).enrol(key().school, pupil.clone());
    hold(&stand.teleservice).arrive(key().school, pupil, hours(-200));
}

fn validates(stand: &Stand, id: i64, at: i64) {
    let formation = Some("Qzx, carrossier peintre".to_owned());
    let (code, status) = (Some("2472541231".to_owned()), Some("AP".to_owned()));
    let choice = RawChoice { rank: 1, track: "1CAP".to_owned(), formation, code, status };
    let by = RepresentativeId(2 * id - 1);
    let mut teleservice = hold(&stand.teleservice);
    teleservice.validate(key().school, key().phase, PupilId(id), by, &[choice], hours(at)).unwrap();
}

/// An event that breaks a rule, with marks in every text.
fn breaks(stand: &Stand, kind: &str, more: &serde_json::Value) {
    let mut event = serde_json::json!({
        "type": kind, "eleve_id": 5, "ine": INE, "palier": "3E", "phase": "DEFINITIVE", "division": "3 A",
        "nom": "QZX\u{1}NOM", "prenom": "Qzxprenom", "en_procedure": true, "representants": [], "version": 9,
        "representant_id": 9, "choix": [{"rang": 1, "voie": "AUTRE", "formation": "qzx", "statut": "QZX"}],
    });
    for (field, value) in more.as_object().unwrap() {
        event[field] = value.clone();
    }
    let event = event.as_object().unwrap().clone();
    hold(&stand.teleservice).emit(key().school, event, &BTreeSet::new(), hours(-1));
}

/// A response file of a council that gave its reason, put beside the configuration as a hand would bring it.
fn brought(stand: &Stand, siecle: &mut Siecle) -> PathBuf {
    let council = Council {
        value: Some("OUI".to_owned()),
        reason: Some("Qzx, trop d'absences".to_owned()),
        proposals: [("AUTRE".to_owned(), "OUI".to_owned())].into(),
        ..Council::default()
    };
    let number = siecle.respond(key(), &council, hours(0)).unwrap().unwrap();
    let office = siecle.school(key().school).unwrap();
    let file = office.responses.get(&number).unwrap();
    let folder = stand.folder.path().join("brought");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(&file.name);
    fs::write(&path, &file.bytes).unwrap();
    path
}

/// The school's own exports, put beside what a hand brings.
fn exported(stand: &Stand) -> Vec<String> {
    let teleservice = hold(&stand.teleservice);
    let known = teleservice.school(key().school).unwrap().pupils.values();
    let pupils: Vec<_> = known.map(|one| one.pupil.clone()).collect();
    let today: Date = hours(0).date_in(Zone::Europe__Paris);
    let mut enrolled = exports::enrolled(&pupils);
    for one in &mut enrolled {
        one.division = Some(Division::parse("3 Z").unwrap());
    }
    let made = exports::exports(key().school, &pupils, &enrolled, today.and_hms_opt(7, 30, 0).unwrap()).unwrap();
    let folder = stand.folder.path().join("brought");
    let write = |(name, bytes): (&str, Vec<u8>)| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    made.into_iter().map(write).collect()
}

/// What the daemon logs, shows to machines, and tells of itself to everybody on the machine.
fn daemon(stand: &Stand, said: &mut Said) {
    let text = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
    let more = "[status]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n";
    let configuration = stand.write("daemon.toml", &format!("{text}{more}"));
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_navette"));
    command.env("NAVETTE_CONFIG", configuration).env("NAVETTE_LOG", "trace").arg("daemon");
    let mut program = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(program.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(0 < log.read_line(&mut line).unwrap(), "it ended without its pages");
        said.0.push(("the daemon".to_owned(), line.clone()));
        if let Some((_, rest)) = line.split_once("served on http://") {
            break rest.split('/').next().unwrap().to_owned();
        }
    };
    let own = format!("/proc/{}", program.id());
    // Whoever waits for an answer must not keep the daemon waiting for somebody to read its log.
    let rest = thread::spawn(move || {
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        rest
    });
    for path in ["/metrics", "/healthz", "/readyz", "/api/status"] {
        let mut socket = TcpStream::connect(&address).unwrap();
        write!(socket, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{path}: {answer}");
        said.0.push((format!("GET {path}"), answer));
    }
    let arguments = fs::read_to_string(format!("{own}/cmdline")).unwrap();
    assert_eq!(arguments, format!("{}\0daemon\0", env!("CARGO_BIN_EXE_navette")));
    kill_process(Pid::from_child(&program), Signal::TERM).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(0));
    said.0.push(("the daemon".to_owned(), rest.join().unwrap()));
}

/// Names of all files and folders, and the text of those that may hold no name.
fn left(folder: &Path, said: &mut Said) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let holds = MAY_HOLD.iter().any(|it| name.starts_with(it));
        said.0.push(("a file's name".to_owned(), name.clone()));
        if path.is_dir() {
            names(&path, said);
        } else if !holds {
            said.0.push((format!("the file {name}"), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn names(folder: &Path, said: &mut Said) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        said.0.push(("a file's name".to_owned(), path.file_name().unwrap().to_str().unwrap().to_owned()));
        if path.is_dir() {
            names(&path, said);
        }
    }
}

#[test]
fn nothing_is_said_of_anybody() {
    let stand = Stand::new();
    let mut said = Said::default();
    let metrics = stand.folder.path().join("navette.prom");
    let text = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
    let health = format!("[health]\nmetrics_file = {:?}\n[[school]]", metrics.to_str().unwrap());
    stand.write("navette.toml", &text.replacen("[[school]]", &health, 1));
    arrives(&stand, 5, "QZXNOM");
    arrives(&stand, 6, "QZXAUTRE");
    stand.switch(!bool::default(), -48);
    validates(&stand, 5, -40);
    validates(&stand, 6, -40);
    let load = |rows: &str| stand.write("calendrier.csv", &format!("{}{rows}", crate::stand::HEAD));
    let calendar = load(&row("3 A", -48, 100, None, 200));
    let calendar = calendar.to_str().unwrap();
    for action in ["check", "plan", "load"] {
        said.all_ways(&stand, &["calendar", action, calendar]);
    }

    // A night, a far side that fails in every way, and a demand that changed in between.
    assert_eq!(said.run(&stand, "text", &["resync", UAI]).0, 0);
    validates(&stand, 5, -2);
    hold(&stand.siecle).faults.fail_with(503, 1, Some(Topic::Lots));
    said.all_ways(&stand, &["resync", UAI, "--changed"]);
    hold(&stand.siecle).faults.fail_with(401, 1, Some(Topic::Lots));
    hold(&stand.teleservice).faults.lose_reply(1, Some(Topic::Feed));
    said.all_ways(&stand, &["resync", UAI]);
    hold(&stand.siecle).reject([PupilId(6)].into());
    said.all_ways(&stand, &["resync", UAI]);

    // Events that break every rule of arrival.
    breaks(&stand, "ELEVE", &serde_json::json!({}));
    breaks(&stand, "DEMANDE", &serde_json::json!({}));
    breaks(&stand, "DEMANDE", &serde_json::json!({"version": 10, "choix": []}));
    breaks(&stand, "DEMANDE", &serde_json::json!({"version": "QZX"}));
    breaks(&stand, "QZXTYPE", &serde_json::json!({}));
    said.all_ways(&stand, &["run"]);
    said.all_ways(&stand, &["resync", UAI, "--dry-run"]);
    said.all_ways(&stand, &["run", "--dry-run"]);

    // Responses: while open, by hand, through the guard, and the refusals of a reopening.
    let file = brought(&stand, &mut hold(&stand.siecle));
    let file = file.to_str().unwrap();
    said.all_ways(&stand, &["check", file]);
    said.all_ways(&stand, &["import", file]);
    said.all_ways(&stand, &["import", "--unverified", file]);
    said.all_ways(&stand, &["resync", UAI]);
    said.all_ways(&stand, &["window", "close", UAI]);
    said.all_ways(&stand, &["resync", UAI]);
    said.all_ways(&stand, &["window", "reopen", UAI]);
    said.all_ways(&stand, &["window", "open", UAI]);
    said.all_ways(&stand, &["window", "show", UAI]);

    // A hole in the feed, and everything that looks at what has gathered.
    breaks(&stand, "DEMANDE", &serde_json::json!({"seq": 9_999}));
    said.all_ways(&stand, &["run"]);
    for command in [
        ["lots", "list"].as_slice(),
        &["lots", "show", UAI, "1"],
        &["lots", "settle", UAI, "1"],
        &["lots", "retry", UAI, "1"],
        &["lots", "abandon", UAI, "1", "--reason", "wrong year"],
        &["anomalies", "list", "--all"],
        &["anomalies", "settle", "1", "--reason", "seen with the school"],
        &["status"],
        &["doctor"],
        &["resync", UAI, "--reread", "--dry-run"],
        &["resync", UAI, "--reread"],
        &["purge", "--year", "2019"],
        &["backup", stand.folder.path().join("copy.db").to_str().unwrap()],
        &["schema"],
    ] {
        said.all_ways(&stand, command);
    }

    // SIECLE's own exports, and other commands that show pupils: their logs show none.
    let exports = exported(&stand);
    for action in ["check", "load"] {
        said.run_that_shows(
            &stand,
            &[&["roster", action], exports.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat(),
        );
    }
    said.run_that_shows(&stand, &["roster", "show", UAI]);
    said.all_ways(&stand, &["status"]);
    daemon(&stand, &mut said);
    left(stand.folder.path(), &mut said);
    said.check(1_000);

    // The marks are really there: in what was sent, and in the database.
    let sent = files_with_mark(&stand.folder.path().join("files"));
    assert!(0 < sent, "no exchanged file names anybody");
}

/// Fields of the journal are those of no other log: the steps run here, at their most talkative, with a journal that listens.
#[test]
fn the_journal_hears_nothing_of_anybody() {
    let stand = Stand::new();
    arrives(&stand, 5, "QZXNOM");
    arrives(&stand, 6, "QZXAUTRE");
    stand.switch(!bool::default(), -48);
    validates(&stand, 5, -40);
    validates(&stand, 6, -40);
    breaks(&stand, "ELEVE", &serde_json::json!({}));
    breaks(&stand, "DEMANDE", &serde_json::json!({"version": 10, "choix": []}));
    assert_eq!(stand.load(&row("3 A", -48, 100, None, 200)).0, 0);
    hold(&stand.siecle).faults.fail_with(503, 1, Some(Topic::Lots));
    hold(&stand.siecle).reject([PupilId(6)].into());

    let path = stand.folder.path().join("journal");
    let journal = UnixDatagram::bind(&path).unwrap();
    let heard = thread::spawn(move || {
        let (mut entries, mut entry) = (Vec::new(), vec![0; 1 << 20]);
        loop {
            let length = journal.recv(&mut entry).unwrap();
            if length == 0 {
                return entries;
            }
            entries.push(String::from_utf8_lossy(&entry[..length]).into_owned());
        }
    });
    let subscriber = tracing_subscriber::registry().with(Journal::connect(&path).unwrap());
    // On one thread, so that every task speaks to this subscriber.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let options = config::load(&stand.folder.path().join("navette.toml")).unwrap();
            let ctx = wire::context(&options, Crash::off()).await.unwrap();
            let served = ctx.schools[&key().school].clone();
            run::told::log(key().school, &run::by_hand(&ctx, &served, Wish::Whole, None, hours(0)).await);
            brought(&stand, &mut hold(&stand.siecle));
            run::told::log(key().school, &run::by_hand(&ctx, &served, Wish::Whole, None, hours(0)).await);
            run::tick(&ctx, &BTreeSet::new(), hours(0)).await;
            ctx.store.close().await;
        });
    });
    UnixDatagram::unbound().unwrap().send_to(&[], &path).unwrap();
    let said = Said(heard.join().unwrap().into_iter().map(|entry| ("the journal".to_owned(), entry)).collect());
    said.check(200);
    for field in ["MESSAGE_ID=", "LOT_NUMBER=", "ANOMALY_CODE="] {
        assert!(said.0.iter().any(|(_, entry)| entry.contains(field)), "nothing with {field} was heard");
    }
}

fn files_with_mark(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: PathBuf| {
        if path.is_dir() {
            return files_with_mark(&path);
        }
        usize::from(String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase().contains(MARK))
    };
    entries.map(count).sum()
}

#[test]
fn the_program_starts_no_other_one() {
    // Arguments of a process can be read by everybody on the machine.
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }
    for path in sources(Path::new("src")).iter().filter(|path| path.extension().is_some_and(|it| it == "rs")) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        assert!(!code.contains("Command::new"), "{}", path.display());
    }
}
