//! `navette calendar`: the calendars of one or many schools, as CSV.

use crate::cli::{
    ConfigFaults, Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    status::both,
    window::Derogation,
    wire::{self, has_database},
};

use crate::codec::calendar::{CalendarFile, Instant, Planned, RowFault, read};

use crate::config::{self, Options};

use crate::domain::{
    campaign::{Calendar, CampaignKey},
    school::SchoolKey,
    time::{DAY_S, TimeOfDay, Timestamp, Zone},
};

use crate::guard::{CalendarChange, Facts, FarSide, Journal, Refusal, verdict::Why};

use crate::nights;

use crate::run::context::Context;

use crate::window::{self, Answer};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Arguments of `navette calendar`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with a calendar.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Say every fault with its row
    Check(List),
    /// Print each campaign's latest legal closing, the night that carries, the earliest reopening
    Plan(List),
    /// Apply it, each campaign alone
    Load {
        /// The calendar.
        #[command(flatten)]
        list: List,
        /// Whether a refusal is lifted.
        #[command(flatten)]
        derogation: Derogation,
    },
}

/// A calendar.
#[derive(Debug, clap::Args)]
pub struct List {
    /// CSV `uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil`, one row a council
    pub file: PathBuf,
}

/// The slot of a machine that is not configured yet.
const SLOT: (u32, u32) = (3, 15);

/// Checks, explains or loads a calendar.
///
/// # Errors
/// When the configuration is faulty, the file cannot be opened, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    match args.action {
        Action::Check(list) => check(&list.file, global).await,
        Action::Plan(list) => plan(&list.file, global),
        Action::Load { list, derogation } => load(&list.file, derogation, global).await,
    }
}

/// The configuration, where there is one: a file can be checked on any machine.
///
/// # Errors
/// `ConfigFaults`, which ends the program with 2.
pub fn options(global: &Global) -> anyhow::Result<Option<Options>> {
    match config::load(&global.config) {
        Ok(options) => Ok(Some(options)),
        Err(_) if global.config == Path::new(DEFAULT_CONFIG) && !global.config.exists() => Ok(None),
        Err(faults) => Err(ConfigFaults(faults).into()),
    }
}

/// Where the configuration lies unless something else is said.
const DEFAULT_CONFIG: &str = "/etc/navette/navette.toml";

fn zone_of(options: Option<&Options>, school: SchoolKey) -> Option<Zone> {
    match options {
        None => Some(school.uai.zone()),
        // The configuration keeps them sorted: a country has thousands, and a calendar asks for each row.
        Some(options) => {
            let at = options.schools.binary_search_by_key(&school, |it| it.key).ok()?;
            options.schools.get(at).map(|it| it.zone)
        }
    }
}

/// Reads the file; a file that is no calendar at all is told like a row's fault.
fn open(path: &Path, options: Option<&Options>) -> anyhow::Result<CalendarFile> {
    let bytes = fs::read(path).map_err(|fault| Stop::usage(format!("{}: {fault}", path.display())))?;
    let file = read(&bytes, &|school| zone_of(options, school));
    Ok(file.unwrap_or_else(|fault| CalendarFile { faults: vec![fault], ..CalendarFile::default() }))
}

fn change(planned: &Planned) -> CalendarChange {
    CalendarChange {
        opens: planned.instant(Instant::Opens),
        closes: planned.instant(Instant::Closes),
        reopens: planned.instant(Instant::Reopens),
        ends: planned.instant(Instant::Ends),
        councils: planned.councils.iter().map(|(division, (at, _))| (division.clone(), *at)).collect(),
    }
}

/// One thing said about a row, a fault of its own or a refusal of the guard.
struct Said {
    row: u64,
    code: &'static str,
    message: String,
    earliest: Option<Timestamp>,
    exit: Exit,
}

impl Said {
    fn refusal(row: u64, refusal: &Refusal, zone: Zone) -> Self {
        let (code, message) = (refusal.code.as_str(), refusal.sentence(zone));
        Self { row, code, message, earliest: refusal.earliest, exit: Exit::Guard }
    }

    fn json(&self) -> Value {
        let earliest = self.earliest.map(|at| at.rfc3339_utc());
        json!({ "row": self.row, "code": self.code, "message": self.message, "earliest": earliest })
    }

    fn line(&self, path: &Path) -> String {
        format!("{}:{}:{}:{}\n", path.display(), self.row, self.code, self.message)
    }
}

/// What is wrong with the rows that could be told apart, and with those that could not.
fn said_of_rows(faults: &[crate::codec::Fault]) -> Vec<Said> {
    let of_row = |fault: &crate::codec::Fault| Said {
        row: fault.row,
        code: fault.code,
        message: fault.message.clone(),
        earliest: None,
        exit: Exit::Anomalies,
    };
    faults.iter().map(of_row).collect()
}

fn said_of(planned: &Planned, zone: Zone) -> Vec<Said> {
    let of_row = |fault: &RowFault| match fault {
        RowFault::Shape(fault) => said_of_rows(std::slice::from_ref(fault)),
        RowFault::Civil { row, fault } => vec![Said::refusal(*row, &Refusal::from(*fault), zone)],
    };
    planned.faults.iter().flat_map(of_row).collect()
}

/// The row that a refusal is about: its council's where it names one, else its instant's, else the campaign's first.
fn row_of(planned: &Planned, why: &Why) -> u64 {
    let at = |which| planned.instants.get(&which).map(|(_, row)| *row);
    let council = |division| planned.councils.get(division).map(|(_, row)| *row);
    let row = match why {
        Why::ClosesTooLate { council: held, .. } => council(&held.division).or(at(Instant::Closes)),
        Why::ReopensTooEarly { council: held, .. } => at(Instant::Reopens).or(council(&held.division)),
        Why::CouncilTooSoon(held) => council(&held.division),
        Why::CalendarOrder(_) => at(Instant::Closes),
        Why::NoCalendar
        | Why::Unreachable
        | Why::Clock { .. }
        | Why::CivilTime(_)
        | Why::DivisionWithoutCouncil(_)
        | Why::NotYet { .. }
        | Why::WindowClosed(_)
        | Why::ResponsesWhileOpen
        | Why::CouncilNotHeld(_)
        | Why::ResponsesMissing { .. }
        | Why::TransferMissing { .. }
        | Why::Wait24h { .. }
        | Why::LotInDoubt(_) => None,
    };
    row.unwrap_or(planned.row)
}

async fn check(path: &Path, global: &Global) -> anyhow::Result<Exit> {
    let options = options(global)?;
    let file = open(path, options.as_ref())?;
    // What is known of the schools counts where there is a database; none is made for a check.
    let known = match &options {
        Some(options) if has_database(&options.store) => Some(wire::context(options, global.crash()?).await?),
        Some(_) | None => None,
    };
    let now = crate::clock::Clock::Machine.now();
    let mut said = said_of_rows(&file.faults);
    for planned in &file.campaigns {
        let zone = zone_of(options.as_ref(), planned.key.school).unwrap_or_else(|| planned.key.school.uai.zone());
        let own = said_of(planned, zone);
        if own.is_empty() {
            let refusals = refusals(known.as_ref(), planned, zone, now).await?;
            said.extend(refusals.iter().map(|it| Said::refusal(row_of(planned, &it.why), it, zone)));
        } else {
            said.extend(own);
        }
    }
    if let Some(ctx) = known {
        ctx.store.close().await;
    }
    said.sort_by_key(|it| it.row);
    if global.json {
        print_json(&said.iter().map(Said::json).collect::<Vec<_>>())?;
    } else {
        said.iter().try_for_each(|it| print(&it.line(path)))?;
    }
    Ok(Exit::first(said.iter().map(|it| it.exit)))
}

async fn refusals(
    known: Option<&Context>,
    planned: &Planned,
    zone: Zone,
    now: Timestamp,
) -> anyhow::Result<Vec<Refusal>> {
    Ok(match known {
        Some(ctx) => window::faults(ctx, planned.key, change(planned), now).await?,
        None => {
            let facts = Facts::fold(planned.key, zone, None, &Journal::default(), FarSide::WELL);
            window::faults_of(&facts, change(planned), now)
        }
    })
}

fn plan(path: &Path, global: &Global) -> anyhow::Result<Exit> {
    let options = options(global)?;
    let slot = options.as_ref().map(|options| options.night.slot);
    let slot = slot.or_else(|| TimeOfDay::from_hms_opt(SLOT.0, SLOT.1, 0)).unwrap_or_default();
    let file = open(path, options.as_ref())?;
    let mut said = said_of_rows(&file.faults);
    let mut documents = Vec::new();
    for planned in &file.campaigns {
        let zone = zone_of(options.as_ref(), planned.key.school).unwrap_or_else(|| planned.key.school.uai.zone());
        said.extend(said_of(planned, zone));
        let instants = Instants::of(planned, zone, slot);
        documents.push(instants.json(planned.key, zone));
        if !global.json {
            print(&instants.text(planned.key, zone))?;
        }
    }
    if global.json {
        let faults: Vec<Value> = said.iter().map(Said::json).collect();
        print_json(&json!({ "campaigns": documents, "faults": faults }))?;
    } else {
        said.iter().try_for_each(|it| print(&it.line(path)))?;
    }
    Ok(Exit::first(said.iter().map(|it| it.exit)))
}

/// What follows from the councils of a campaign.
struct Instants {
    deadline: Option<Timestamp>,
    night: Option<Timestamp>,
    first_council: Option<Timestamp>,
    last_council: Option<Timestamp>,
    reopening: Option<Timestamp>,
}

impl Instants {
    fn of(planned: &Planned, zone: Zone, slot: TimeOfDay) -> Self {
        let CalendarChange { opens, closes, councils, .. } = change(planned);
        let first_council = councils.values().min().copied();
        let deadline = first_council.map(|first| first.plus_s(-DAY_S));
        // Without a closing of its own the latest legal one is planned with.
        let closes = closes.or(deadline);
        let calendar = closes.map(|closes| {
            let opens = opens.unwrap_or(closes);
            Calendar { opens, closes, reopens: None, ends: None, councils: councils.clone() }
        });
        // A slot at the very instant of the closing carries as well: the guard closes first.
        let just_before = |at: Timestamp| Timestamp::from_epoch_ms(at.epoch_ms() - 1);
        let night = calendar.map(|it| nights::next_slot(zone, slot, just_before(it.closing())));
        Self {
            deadline,
            night: night.filter(|night| first_council.is_none_or(|first| *night < first)),
            first_council,
            last_council: councils.values().max().copied(),
            reopening: councils.values().max().map(|last| last.plus_s(DAY_S)),
        }
    }

    fn rows(&self) -> [(&'static str, &'static str, Option<Timestamp>); 5] {
        [
            ("latest_closing", "dernière fermeture permise (R08)", self.deadline),
            ("night", "nuit qui porte les demandes (R09)", self.night),
            ("first_council", "premier conseil", self.first_council),
            ("last_council", "dernier conseil", self.last_council),
            ("earliest_reopening", "première réouverture possible (R10)", self.reopening),
        ]
    }

    fn text(&self, key: CampaignKey, zone: Zone) -> String {
        let rows = self.rows();
        let lines = rows.iter().map(|(name, label, at)| {
            let at = match at {
                Some(at) => both(*at, zone),
                None if *name == "night" && self.first_council.is_some() => {
                    "aucune avant le premier conseil : un passage suit la fermeture aussitôt".to_owned()
                }
                None => "inconnue : aucun conseil".to_owned(),
            };
            format!("  {label:<36} {at}\n")
        });
        format!("{} {} {}\n{}", key.school, key.level.code(), key.phase.code(), lines.collect::<String>())
    }

    fn json(&self, key: CampaignKey, zone: Zone) -> Value {
        let instants = self.rows().into_iter().map(|(name, _, at)| {
            (
                name.to_owned(),
                at.map_or(Value::Null, |at| json!({ "at": at.rfc3339_utc(), "local": at.rfc3339_in(zone) })),
            )
        });
        let mut document = serde_json::Map::from_iter(instants);
        let SchoolKey { uai, year } = key.school;
        document.insert("uai".to_owned(), uai.as_str().into());
        document.insert("year".to_owned(), year.get().into());
        document.insert("level".to_owned(), key.level.code().into());
        document.insert("phase".to_owned(), key.phase.code().into());
        document.into()
    }
}

async fn load(path: &Path, derogation: Derogation, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let file = open(path, Some(&desk.options))?;
    let mut said: Vec<(Option<CampaignKey>, Said)> =
        said_of_rows(&file.faults).into_iter().map(|said| (None, said)).collect();
    let mut whole = Vec::new();
    for planned in &file.campaigns {
        let faults = said_of(planned, desk.ctx.zone(planned.key.school));
        if faults.is_empty() {
            whole.push(planned);
        }
        said.extend(faults.into_iter().map(|said| (Some(planned.key), said)));
    }
    let changes = whole.iter().map(|planned| (planned.key, change(planned))).collect();
    let load = window::load_all(&desk.ctx, changes, derogation.asked(), desk.now());
    let mut answers = desk.span.around(load).await;
    let mut loaded = Vec::new();
    for planned in whole {
        let answer = answers.remove(&planned.key).with_context(|| format!("{} was not loaded", planned.key))?;
        match word(planned, answer?, desk.ctx.zone(planned.key.school)) {
            Ok(word) => loaded.push((planned.key, word)),
            Err(refused) => said.push((Some(planned.key), refused)),
        }
    }
    desk.ctx.store.close().await;
    if global.json {
        let loaded: Vec<Value> =
            loaded.iter().map(|(key, word)| json!({ "campaign": key.to_string(), "outcome": word })).collect();
        let refused = said.iter().map(|(key, said)| {
            let mut document = said.json();
            if let Some(fields) = document.as_object_mut() {
                fields.insert("campaign".to_owned(), key.map(|key| key.to_string()).into());
            }
            document
        });
        print_json(&json!({ "loaded": loaded, "faults": refused.collect::<Vec<Value>>() }))?;
    } else {
        loaded.iter().try_for_each(|(key, word)| print(&format!("{key}: {word}\n")))?;
        said.iter().try_for_each(|(_, it)| print(&it.line(path)))?;
    }
    Ok(Exit::first(said.iter().map(|(_, it)| it.exit)))
}

/// The word for what was done, or the refusal.
fn word(planned: &Planned, answer: Answer, zone: Zone) -> Result<&'static str, Said> {
    match answer {
        Answer::Done => Ok("loaded"),
        Answer::Already => Ok("unchanged"),
        Answer::Refused(refusal) => Err(Said::refusal(row_of(planned, &refusal.why), &refusal, zone)),
        Answer::Failed(why) => {
            Err(Said { row: planned.row, code: "FAILED", message: why, earliest: None, exit: Exit::TryAgain })
        }
    }
}
