//! Plays folders of scenarios, holds each against its `expected/` folder, and plays crashes everywhere.

use crate::crash::Point;
use crate::files::{FileFault, keep_copy};
use crate::replay::{
    abreast::{self, abreast},
    golden::{self, Tree},
    parse::parse,
    player::{Ended, How, play},
    report::{Report, to_json},
    scenario::Scenario,
    stage::{Database, StageFault},
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file that makes a folder a scenario.
const SCENARIO: &str = "scenario.toml";
/// The folder of what a run must leave.
const EXPECTED: &str = "expected";
/// The report beside the exchanged files.
const REPORT: &str = "report.json";

/// What is asked of a suite.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Rewrite `expected/`.
    pub bless: bool,
    /// Leave the exchanged files here.
    pub keep: Option<PathBuf>,
    /// Play on this database, apart from what lies there.
    pub database: Option<String>,
    /// Play each scenario once for every crash point that it reaches.
    pub crash_everywhere: bool,
}

/// A scenario that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file system says no.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// Faults of the text, a line each.
    #[error("{0}")]
    Faults(String),
    /// Nothing there.
    #[error("{0}: no scenario.toml in it or beneath")]
    Empty(PathBuf),
}

/// What came of one scenario.
pub struct Verdict {
    /// Its folder.
    pub folder: PathBuf,
    /// Its report, with why it failed.
    pub report: Report,
}

/// Every folder at or under `path` that holds a scenario, sorted.
///
/// # Errors
/// `Io`, or `Empty` when there is none.
pub fn folders(path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|fault| Unreadable::Io(folder.clone(), fault))?;
        for entry in entries {
            let entry = entry.map_err(|fault| Unreadable::Io(folder.clone(), fault))?.path();
            if entry.is_dir() {
                open.push(entry);
            } else if entry.file_name().is_some_and(|name| name == SCENARIO) {
                found.push(folder.clone());
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(Unreadable::Empty(path.to_owned())) } else { Ok(found) }
}

/// Reads the scenario of a folder.
///
/// # Errors
/// `Io`, or every fault of the text.
pub fn read(folder: &Path) -> Result<Scenario, Unreadable> {
    let path = folder.join(SCENARIO);
    let text = fs::read_to_string(&path).map_err(|fault| Unreadable::Io(path.clone(), fault))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    parse(&text, &name, Some(folder.to_owned())).map_err(|faults| {
        let lines: Vec<String> =
            faults.iter().map(|fault| format!("{}:{}: {}", path.display(), fault.line, fault.message)).collect();
        Unreadable::Faults(lines.join("\n"))
    })
}

/// Plays scenarios as wished, several at once; `told` hears of each in their order.
///
/// # Errors
/// When one could not be set up, or the machine failed; those of `told`.
pub async fn all<E: From<StageFault>>(
    scenarios: Vec<(PathBuf, Scenario)>,
    wishes: &Wishes,
    told: impl FnMut(Verdict) -> Result<(), E>,
) -> Result<(), E> {
    let wishes = wishes.clone();
    let at_once = abreast::at_once();
    let play = move |(folder, scenario): (PathBuf, Scenario)| {
        let wishes = wishes.clone();
        async move { one(&folder, &scenario, &wishes).await }
    };
    abreast(scenarios, at_once, play, told).await
}

fn database(wishes: &Wishes) -> Database {
    wishes.database.clone().map_or(Database::Default, Database::Url)
}

/// Plays one scenario as wished.
///
/// # Errors
/// When it could not be set up, or the machine failed.
pub async fn one(folder: &Path, scenario: &Scenario, wishes: &Wishes) -> Result<Verdict, StageFault> {
    let how = How { database: database(wishes), ..How::plain() };
    let ended = play(scenario, &how, &mut |_| ()).await?;
    let kills = kills(&ended);
    let mut failures = ended.failures;
    let mut report = ended.report;
    let mut produced = golden::tree(&ended.stage.folder().join("files"))?;
    if let Some(keep) = &wishes.keep {
        copy(&produced, &keep.join(&scenario.folder_name).join("files"))?;
    }
    produced = produced.into_iter().map(|(path, bytes)| (PathBuf::from("files").join(path), bytes)).collect();
    produced.insert(PathBuf::from(REPORT), to_json(&report).into_bytes());
    ended.stage.strike().await;
    let expected = folder.join(EXPECTED);
    if wishes.bless && failures.is_empty() {
        golden::bless(&expected, &produced)?;
    } else if expected.is_dir() {
        failures.extend(golden::differences(&golden::tree(&expected)?, &produced));
    }
    if wishes.crash_everywhere && failures.is_empty() {
        failures.extend(crash_everywhere(scenario, &report, kills, &how).await?);
    }
    report.ok = failures.is_empty();
    report.failures = failures;
    Ok(Verdict { folder: folder.to_owned(), report })
}

/// Writes exchanged files to a folder, as private there as where they were exchanged.
///
/// # Errors
/// When a file or folder cannot be written.
pub fn copy(tree: &Tree, to: &Path) -> Result<(), FileFault> {
    tree.iter().try_for_each(|(path, bytes)| keep_copy(&to.join(path), bytes))
}

/// Where a scenario is killed once each: every point that its calm run passed since the calendars were loaded, at the
/// first and at the last passage; but not where the calm run died itself.
fn kills(calm: &Ended) -> Vec<(Point, u32)> {
    let deaths = calm.stage.crash.deaths();
    let mut kills = Vec::new();
    for (point, count) in calm.stage.crash.passed() {
        let before = calm.passed_before.get(&point).copied().unwrap_or_default();
        let ends = BTreeSet::from([1, count - before]);
        kills.extend(ends.into_iter().filter(|nth| 0 < *nth && before < count).map(|nth| (point, nth)));
        kills.retain(|(of, nth)| *of != point || !deaths.contains(&(point, before + nth)));
    }
    kills
}

/// Plays the scenario once for every kill: the end must be the same Siècle, the same téléservice and the same anomalies.
async fn crash_everywhere(
    scenario: &Scenario,
    calm: &Report,
    kills: Vec<(Point, u32)>,
    how: &How,
) -> Result<Vec<String>, StageFault> {
    let (scenario, how) = (Arc::new(scenario.clone()), how.clone());
    let at_once = abreast::at_once();
    let play = move |kill: (Point, u32)| {
        let (scenario, how) = (Arc::clone(&scenario), how.clone());
        async move {
            let ended = play(&scenario, &How { kill: Some(kill), ..how }, &mut |_| ()).await?;
            ended.stage.strike().await;
            Ok((kill, ended.killed, ended.report, ended.failures))
        }
    };
    let mut failures = Vec::new();
    let told = |((point, nth), killed, report, failed): ((Point, u32), bool, Report, Vec<String>)| {
        let mut said = differences(calm, &report);
        // Where it first went another way than the calm run, for whoever looks for the cause.
        if !said.is_empty() {
            said.extend(failed);
        }
        if !killed {
            said.push("it was not passed".to_owned());
        }
        let named = |what| format!("killed at {}, passage {nth}: {what}", point.name());
        failures.extend(said.into_iter().map(named));
        Ok::<(), StageFault>(())
    };
    abreast(kills, at_once, play, told).await?;
    Ok(failures)
}

/// What differs between the end of a calm run and that of a killed one.
fn differences(calm: &Report, killed: &Report) -> Vec<String> {
    let mut said = Vec::new();
    if calm.siecle != killed.siecle {
        said.push(format!("Siècle holds {:?}, not {:?}", killed.siecle, calm.siecle));
    }
    let windows = |report: &Report| {
        let mut shown = Vec::new();
        for (uai, phases) in &report.teleservice {
            for (phase, window) in phases {
                let responses = window.responses.clone();
                shown.push((uai.clone(), phase.clone(), window.open, window.locked.clone(), responses));
            }
        }
        shown
    };
    if windows(calm) != windows(killed) {
        said.push(format!("the téléservice shows {:?}, not {:?}", windows(killed), windows(calm)));
    }
    let anomalies = |report: &Report| {
        let mut found: Vec<_> = report.anomalies.iter().map(|one| (one.code, one.pupil.clone())).collect();
        found.sort();
        found
    };
    if anomalies(calm) != anomalies(killed) {
        said.push(format!("anomalies {:?}, not {:?}", anomalies(killed), anomalies(calm)));
    }
    said
}
