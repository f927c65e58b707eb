//! `navette sandbox`: the two stand-ins alone.

use crate::cli::{
    Global,
    exit::Exit,
    output::{complain, print, print_json},
    tour,
};

use crate::clock::Clock;
use crate::crash::Crash;
use crate::domain::{
    lot::{Encoding, Format},
    pupil::Pupil,
    school::SchoolYear,
    time::{Civil, Date, HOUR_S, TimeOfDay, Timestamp, Zone, day_before, slot_instant},
};

use crate::files::{Files, keep_copy};
use crate::sandbox::{
    Shared, exports,
    folders::{SiecleFolder, TeleserviceFolder},
    http::serve_with,
    pages::{self, Pages, letters::Letterhead},
    share,
    siecle::Siecle,
    teleservice::Teleservice,
    world::{self, World, WorldSchool},
};
use anyhow::Context;
use chrono::{Datelike, Days};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `navette sandbox`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address to serve on, over http; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8378")]
    pub listen: SocketAddr,
    /// Number of schools
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(world::SCHOOLS_MAX)))]
    pub schools: u32,
    /// Pupils of each school
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=i64::from(world::PUPILS_MAX)))]
    pub pupils: u32,
    /// Same seed, same world
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// http, or directory with --path
    #[arg(long, value_enum, default_value_t = Transport::Http, requires_if("directory", "path"))]
    pub transport: Transport,
    /// Folder of the exchange, over directory
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Write navette.toml, schools.csv, calendrier.csv, and the schools' SIECLE exports in base-eleves/, to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Over directory: go on serving once all is written
    #[arg(long)]
    pub serve: bool,
    /// Serve a guided tour instead: both stand-ins, navette between them, and a page whose buttons move the clock
    #[arg(long, conflicts_with_all = ["schools", "pupils", "seed", "transport", "path", "serve"])]
    pub tour: bool,
}

/// How the stand-ins are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// Over HTTP
    Http,
    /// Over folders
    Directory,
}

/// How often the stand-ins look at their folders.
const TURN: Duration = Duration::from_millis(200);
/// A school year begins in September: the téléservice of the year before is open until August.
const FIRST_MONTH: u32 = 9;
/// Days until the closing, then until the councils (cli.md).
const CLOSING_DAYS: u64 = 10;
const COUNCIL_DAYS: u64 = 3;
/// How long families enter, from the opening on.
const ENTRY_HOURS: i64 = 12;
/// Hours of the opening and the closing (cli.md); councils begin at the closing's.
const OPENING_HOUR: u32 = 8;
const CLOSING_HOUR: u32 = 18;

/// Serves the stand-ins.
///
/// # Errors
/// When a folder or file cannot be written, or the address cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let span = global.start();
    span.around(async { if args.tour { tour::serve(args).await } else { serve(args, global).await } }).await
}

async fn serve(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let clock = Clock::Machine;
    let now = clock.now();
    let today = now.date_in(Zone::Europe__Paris);
    let year = year_of(today)?;
    let world = World::generate(year, args.schools, args.pupils, args.seed);
    let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
    let opens = world.schools.first().map_or(now, |school| opening(school.zone, today));
    // The same day makes the same feed, so that folders written before are found as they were left.
    let until = opens.plus_s(ENTRY_HOURS * HOUR_S).min(now);
    world.fill(&mut teleservice, &mut siecle, opens.min(now), until);
    let (teleservice, siecle) = (share(teleservice), share(siecle));
    match (args.transport, &args.path) {
        (Transport::Directory, Some(path)) => {
            let path = std::path::absolute(path)?;
            let mut families = TeleserviceFolder::open(&teleservice, &path.join("teleservice")).await?;
            let mut councils = SiecleFolder::open(&siecle, &path.join("siecle")).await?;
            families.turn(clock.now()).await?;
            councils.turn(clock.now()).await?;
            if let Some(out) = &args.out {
                write(out, &world, today, &Links::Directory(&path))?;
            }
            let folder = path.display().to_string();
            say(global, "path", &folder, &format!("The stand-ins lie in {folder}"))?;
            while args.serve && !stopped(TURN).await? {
                for turned in [families.turn(clock.now()).await, councils.turn(clock.now()).await] {
                    if let Err(fault) = turned {
                        complain(&format!("navette: a stand-in could not take its turn: {fault}"));
                    }
                }
            }
        }
        (Transport::Directory | Transport::Http, _) => {
            let fresh = tempfile::Builder::new().prefix("navette-courriels-").tempdir()?;
            let letters = letters_folder(args.out.as_deref(), &fresh)?;
            let pages = pages(&world, &teleservice, &siecle, &clock, &letters);
            let served = serve_with(&teleservice, &siecle, &clock, args.listen, pages)
                .await
                .with_context(|| format!("{} cannot be listened on", args.listen))?;
            if let Some(out) = &args.out {
                write(out, &world, today, &Links::Http(&served.base()))?;
            }
            let base = served.base();
            say(
                global,
                "url",
                &base,
                &format!("The stand-ins are served at {base}, with pages for people at {base}/"),
            )?;
            while !stopped(Duration::MAX).await? {}
            served.stop().await?;
        }
    }
    Ok(Exit::Done)
}

/// Says where the stand-ins are, once they are there.
fn say(global: &Global, key: &str, place: &str, line: &str) -> anyhow::Result<()> {
    if global.json { print_json(&BTreeMap::from([(key, place)])) } else { Ok(print(&format!("{line}\n"))?) }
}

/// The screens of both stand-ins.
fn pages(
    world: &World,
    teleservice: &Shared<Teleservice>,
    siecle: &Shared<Siecle>,
    clock: &Clock,
    letters: &Path,
) -> axum::Router {
    let letterhead = |it: &WorldSchool| (it.key, Letterhead::synthetic(&it.name, it.key.uai.as_str()));
    let schools = world.schools.iter().map(letterhead).collect();
    let pages = Pages::new(teleservice, siecle, clock, schools, Files::new(Crash::off()), letters.to_owned());
    pages::router(pages).merge(pages::welcome())
}

/// Where recaps go: beside what is written for navette, else into a folder that lasts as long as the sandbox.
pub fn letters_folder(out: Option<&Path>, fresh: &tempfile::TempDir) -> anyhow::Result<PathBuf> {
    let beside = out.map(|out| std::path::absolute(out.join("courriels"))).transpose()?;
    Ok(beside.unwrap_or_else(|| fresh.path().join("courriels")))
}

/// Whether the program was told to stop, within some time.
pub async fn stopped(within: Duration) -> anyhow::Result<bool> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => STOPPED,
        _ = interrupt.recv() => STOPPED,
        () = tokio::time::sleep(within) => !STOPPED,
    })
}

const STOPPED: bool = true;

fn year_of(today: Date) -> anyhow::Result<SchoolYear> {
    let begun = today.year() - i32::from(today.month() < FIRST_MONTH);
    SchoolYear::new(u16::try_from(begun)?).context("the machine's clock")
}

/// Yesterday's opening.
fn opening(zone: Zone, today: Date) -> Timestamp {
    slot_instant(zone, day_before(today), time(OPENING_HOUR))
}

fn days(from: Date, count: u64) -> Date {
    from.checked_add_days(Days::new(count)).unwrap_or(from)
}

fn time(hour: u32) -> TimeOfDay {
    TimeOfDay::from_hms_opt(hour, 0, 0).unwrap_or_default()
}

/// Where navette finds the stand-ins.
enum Links<'a> {
    Http(&'a str),
    Directory(&'a Path),
}

/// Writes what navette needs to work with them.
fn write(out: &Path, world: &World, today: Date, links: &Links<'_>) -> anyhow::Result<()> {
    let there = || format!("{} cannot be written", out.display());
    fs::create_dir_all(out).with_context(there)?;
    let files = [
        ("navette.toml", configuration(links)),
        ("schools.csv", schools(world)),
        ("calendrier.csv", calendar(world, today)),
    ];
    for (name, text) in files {
        fs::write(out.join(name), text).with_context(there)?;
    }
    for school in &world.schools {
        let folder = out.join(EXPORTS).join(school.key.uai.as_str());
        let pupils: Vec<Pupil> = school.pupils.iter().map(|one| one.pupil.clone()).collect();
        let enrolled = exports::enrolled_with_differences(&pupils, today);
        for (name, bytes) in exports::exports(school.key, &pupils, &enrolled, today.and_time(time(OPENING_HOUR)))? {
            keep_copy(&folder.join(name), &bytes).with_context(there)?;
        }
    }
    Ok(())
}

/// Folder of what the base élèves of each school exports.
const EXPORTS: &str = "base-eleves";

fn configuration(links: &Links<'_>) -> String {
    let (teleservice, siecle) = match links {
        Links::Http(base) => {
            (format!("transport = \"http\"\nurl = {base:?}"), format!("transport = \"http\"\nurl = {base:?}"))
        }
        Links::Directory(path) => {
            let link =
                |name: &str| format!("transport = \"directory\"\npath = {:?}", path.join(name).to_string_lossy());
            (link("teleservice"), link("siecle"))
        }
    };
    format!(
        "# Written by `navette sandbox`: works with its two stand-ins.\nschools_file = \"schools.csv\"\n\n[store]\n\
         database = \"sqlite:navette.db\"\nfiles = \"files\"\n\n[night]\nreceipt_wait = \"2s\"\n\n\
         [teleservice]\n{teleservice}\n\n[siecle]\n{siecle}\n"
    )
}

fn schools(world: &World) -> String {
    let rows = world.schools.iter().map(|it| format!("{};{};{};;\n", it.key.uai, it.key.year, it.name));
    format!("uai;annee;nom;fuseau;courriel\n{}", rows.collect::<String>())
}

fn calendar(world: &World, today: Date) -> String {
    let instant = |civil: Civil| civil.format("%Y-%m-%dT%H:%M:%S");
    let opens = instant(day_before(today).and_time(time(OPENING_HOUR))).to_string();
    let closes = instant(days(today, CLOSING_DAYS).and_time(time(CLOSING_HOUR))).to_string();
    let council = instant(days(today, CLOSING_DAYS + COUNCIL_DAYS).and_time(time(CLOSING_HOUR))).to_string();
    let mut text = "uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil\n".to_owned();
    for school in &world.schools {
        for division in school.divisions() {
            let (uai, year, level) = (school.key.uai, school.key.year, school.level.code());
            // A text takes whatever is written to it.
            let _ = writeln!(text, "{uai};{year};{level};DEFINITIVE;{opens};{closes};;;{division};{council}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::calendar;
    use crate::domain::time::parse_date;

    #[test]
    fn the_calendar_and_the_schools_are_those_of_the_world() {
        let today = parse_date("2027-03-20").unwrap();
        let world = World::generate(year_of(today).unwrap(), 2, 60, 1);
        let file = calendar::read(calendar(&world, today).as_bytes(), &|key| Some(key.uai.zone())).unwrap();
        assert_eq!((file.campaigns.len(), file.faults.len()), (2, 0));
        let first = &file.campaigns[0];
        assert_eq!((first.key.school, first.councils.len()), (world.schools[0].key, 3));
        assert_eq!(first.instant(calendar::Instant::Opens), Some(opening(Zone::Europe__Paris, today)));
        assert_eq!(schools(&world).lines().count(), 3);
    }
}
