//! `navette roster`: SIECLE's own exports beside the téléservice. Pupils are named here, which is what it is for.

use crate::check::roster::{Finding, What};
use crate::cli::{
    Global, calendar,
    exit::{Exit, Stop},
    output::{print, print_json},
    parsers, summary,
    wire::{self, has_database, who},
};
use crate::codec::{
    Fault,
    xml::roster::{Export, read_file},
};
use crate::domain::{
    pupil::Division,
    school::{School, SchoolKey, Uai},
    time::Timestamp,
};
use crate::run::{
    context::{Context, Served},
    roster::{self, Brought, Compared, refusal},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

/// Arguments of `navette roster`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with exports.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Say every fault, and what differs from the téléservice; writes nothing
    Check(List),
    /// The same, and keep the roster: `navette status` counts what differs from then on
    Load(List),
    /// Show what differs now from the roster that was loaded last
    Show {
        /// Only this school
        #[arg(value_parser = parsers::uai)]
        uai: Option<Uai>,
    },
}

/// Exports.
#[derive(Debug, clap::Args)]
pub struct List {
    /// ElevesSansAdresses.xml, ResponsablesAvecAdresses.xml, Nomenclature.xml, or the zips they come in
    #[arg(required = NEEDED, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

const NEEDED: bool = true;

/// Checks, loads or shows rosters.
///
/// # Errors
/// When the configuration is faulty, a file cannot be opened, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    match args.action {
        Action::Check(list) => check(&list.files, global).await,
        Action::Load(list) => load(&list.files, global).await,
        Action::Show { uai } => show(uai, global).await,
    }
}

/// What is said of one file.
struct Said {
    file: PathBuf,
    /// What it holds and of whom, where that could be read.
    of: Option<(&'static str, SchoolKey)>,
    taken: bool,
    faults: Vec<Fault>,
}

/// What is said of all.
#[derive(Default)]
struct Answer {
    files: Vec<Said>,
    brought: BTreeMap<SchoolKey, Brought>,
    schools: Vec<(SchoolKey, Compared)>,
}

/// Reads all files before anything is done with the first: a mistyped name does nothing.
fn open(files: &[PathBuf], schools: Option<&[School]>) -> anyhow::Result<Answer> {
    let mut answer = Answer::default();
    for path in files {
        let (export, mut faults) = read(path)?;
        let of = export.as_ref().map(|export| (export.content.kind(), export.school));
        let taken = match (export, schools) {
            (Some(export), Some(schools)) => take(export, schools, &mut answer.brought),
            (Some(_), None) => Ok(()),
            (None, _) => Err(None),
        };
        let refused = taken.err();
        let taken = refused.is_none();
        faults.extend(refused.flatten());
        answer.files.push(Said { file: path.clone(), of, taken, faults });
    }
    Ok(answer)
}

fn take(export: Export, schools: &[School], brought: &mut BTreeMap<SchoolKey, Brought>) -> Result<(), Option<Fault>> {
    if let Some(refused) = refusal(&export, schools.iter().map(|school| school.key)) {
        return Err(Some(refused));
    }
    let Some(school) = schools.iter().find(|school| school.key == export.school) else { return Err(None) };
    brought.entry(school.key).or_default().add(export, school).map_err(Some)
}

/// Reads one file, with its faults; the one after which nothing more could be read is the last.
fn read(path: &Path) -> anyhow::Result<(Option<Export>, Vec<Fault>)> {
    let unreadable = |fault: std::io::Error| Stop::usage(format!("{}: {fault}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()).into());
    }
    let mut faults = Vec::new();
    match read_file(file, &mut |fault| faults.push(fault)) {
        Ok(export) => Ok((Some(export), faults)),
        Err(fault) => {
            faults.push(fault);
            Ok((None, faults))
        }
    }
}

async fn check(files: &[PathBuf], global: &Global) -> anyhow::Result<Exit> {
    // Files can be checked on any machine; they are compared where something is known, and no database is made for it.
    let options = calendar::options(global)?;
    let mut answer = open(files, options.as_ref().map(|options| options.schools.as_slice()))?;
    if let Some(options) = options.filter(|options| has_database(&options.store)) {
        let ctx = wire::context(&options, global.crash()?).await?;
        for (served, brought) in served(&ctx, &mut answer.brought) {
            let compared = roster::check(&ctx, served, brought, ctx.clock.now()).await?;
            answer.schools.push((served.school.key, compared));
        }
        ctx.store.close().await;
    }
    tell(&answer, global)
}

async fn load(files: &[PathBuf], global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let mut answer = open(files, Some(&desk.options.schools))?;
    let loaded = async {
        for (served, brought) in served(&desk.ctx, &mut answer.brought) {
            let compared = roster::load(&desk.ctx, served, brought, &who(), desk.now()).await?;
            answer.schools.push((served.school.key, compared));
        }
        anyhow::Ok(())
    };
    desk.span.around(loaded).await?;
    desk.ctx.store.close().await;
    tell(&answer, global)
}

async fn show(uai: Option<Uai>, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let mut answer = Answer::default();
    for served in desk.schools(uai)? {
        let compared = desk.span.around(roster::show(&desk.ctx, served, desk.now())).await?;
        answer.schools.extend(compared.map(|compared| (served.school.key, compared)));
    }
    desk.ctx.store.close().await;
    if answer.schools.is_empty() && !global.json {
        print("No roster was loaded: see `navette roster load`\n")?;
    }
    tell(&answer, global)
}

/// What was brought, by school.
fn served<'a>(ctx: &'a Context, brought: &mut BTreeMap<SchoolKey, Brought>) -> Vec<(&'a Served, Brought)> {
    let brought = std::mem::take(brought).into_iter();
    brought.filter_map(|(key, brought)| Some((ctx.schools.get(&key)?, brought))).collect()
}

fn tell(answer: &Answer, global: &Global) -> anyhow::Result<Exit> {
    if global.json {
        let files: Vec<Value> = answer.files.iter().map(Said::json).collect();
        let schools: Vec<Value> = answer.schools.iter().map(|(key, it)| school_json(*key, it)).collect();
        print_json(&json!({ "files": files, "schools": schools }))?;
    } else {
        for said in &answer.files {
            print(&said.text())?;
        }
        for (key, compared) in &answer.schools {
            print(&school_text(*key, compared))?;
        }
    }
    let found = answer.schools.iter().any(|(_, compared)| !compared.findings.is_empty());
    let faulty = answer.files.iter().any(|said| !said.faults.is_empty());
    Ok(if found || faulty { Exit::Anomalies } else { Exit::Done })
}

impl Said {
    fn text(&self) -> String {
        let file = self.file.display();
        let faults = self.faults.iter().map(|fault| format!("{file}:{fault}\n"));
        let of = match self.of {
            Some((kind, school)) if self.taken => format!("{file}: {kind} of {school}\n"),
            Some(_) | None => format!("{file}: refused\n"),
        };
        faults.chain([of]).collect()
    }

    fn json(&self) -> Value {
        let faults: Vec<Value> =
            self.faults.iter().map(|it| json!({ "row": it.row, "code": it.code, "message": it.message })).collect();
        json!({
            "file": self.file.display().to_string(),
            "kind": self.of.map(|(kind, _)| kind),
            "uai": self.of.map(|(_, school)| school.uai.as_str().to_owned()),
            "year": self.of.map(|(_, school)| school.year.get()),
            "taken": self.taken,
            "faults": faults,
        })
    }
}

fn school_text(key: SchoolKey, compared: &Compared) -> String {
    let exported = compared.exported_at.map(|at| format!(", exported {}", at.rfc3339_in(key.uai.zone())));
    let pupils = compared.pupils.as_ref().map_or_else(String::new, |levels| {
        let levels: Vec<String> = levels.iter().map(|(level, count)| format!("{count} of {}", level.code())).collect();
        if levels.is_empty() { NONE_PLACED.to_owned() } else { format!(", pupils {}", levels.join(" and ")) }
    });
    let exported = exported.unwrap_or_default();
    let differences = summary::counted(u32::try_from(compared.findings.len()).unwrap_or(u32::MAX), "difference");
    let mut text = format!("{key}{exported}{pupils}: {differences}\n");
    for finding in &compared.findings {
        let Finding { pupil, level, division, last_name, first_name, .. } = finding;
        let division = division.as_ref().map_or(NO_CLASS, Division::as_str);
        let (last_name, first_name) = (last_name.reveal(), first_name.reveal());
        let said = sentence(&finding.what);
        text.push_str(&format!("  {} {division:<8} {pupil} {last_name} {first_name}: {said}\n", level.code()));
    }
    text
}

/// A pupil without a class, where classes stand.
pub const NO_CLASS: &str = "no class";
const NONE_PLACED: &str = ", no pupil of 3E or 2GT by their formations: bring Nomenclature.xml as well";

/// What is found, and what to do.
fn sentence(what: &What) -> String {
    match what {
        What::Unknown => {
            "not known to the téléservice, the family cannot enter: have the base élèves sent there again, \
                          or ask its support with this ELEVE_ID"
                .to_owned()
        }
        What::GoneThere => {
            "has left by the téléservice, and is here by the base élèves: have the base élèves sent there \
                            again, or ask its support with this ELEVE_ID"
                .to_owned()
        }
        What::Left { on } => {
            let left = on.map_or_else(
                || "known to the téléservice, and not among the pupils of the level".to_owned(),
                |day| format!("known to the téléservice, and left on {day}"),
            );
            format!("{left}: tell the téléservice or correct the base élèves; a demand stands as it is")
        }
        What::Division { there } => format!("in {there} by the téléservice: one of the two is to be corrected"),
        What::Ine => "has another INE at the téléservice: one of the two is to be corrected".to_owned(),
        What::Representatives { lacking, unnamed } => format!(
            "legal representatives differ, {lacking} not known to the téléservice and {unnamed} not in the base élèves: \
             correct the base élèves, or have it sent there again"
        ),
    }
}

/// Short names of what is found, for machines.
const fn code(what: &What) -> &'static str {
    match what {
        What::Unknown => "unknown",
        What::GoneThere => "gone_there",
        What::Left { .. } => "left",
        What::Division { .. } => "other_division",
        What::Ine => "other_ine",
        What::Representatives { .. } => "other_representatives",
    }
}

fn school_json(key: SchoolKey, compared: &Compared) -> Value {
    let differences: Vec<Value> = compared
        .findings
        .iter()
        .map(|it| {
            json!({
                "pupil": it.pupil.0,
                "level": it.level.code(),
                "division": it.division.as_ref().map(Division::as_str),
                "last_name": it.last_name.reveal(),
                "first_name": it.first_name.reveal(),
                "code": code(&it.what),
                "message": sentence(&it.what),
            })
        })
        .collect();
    let pupils: Option<BTreeMap<&str, u32>> =
        compared.pupils.as_ref().map(|levels| levels.iter().map(|(level, count)| (level.code(), *count)).collect());
    json!({
        "uai": key.uai.as_str(),
        "year": key.year.get(),
        "exported_at": compared.exported_at.map(Timestamp::rfc3339_utc),
        "pupils": pupils,
        "differences": differences,
    })
}
