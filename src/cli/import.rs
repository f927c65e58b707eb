//! `navette import`: response files brought by hand.

use crate::cli::{
    Global,
    exit::{Exit, Stop},
    output::{print, print_json},
    summary,
    wire::Desk,
};

use crate::codec::{
    Fault, archive,
    encoding::FILE_BYTES_MAX,
    envelope::{Sha256Digest, parse_digest_line, sha256},
};

use crate::domain::{
    lot::{Document, FileName},
    school::SchoolKey,
};

use crate::run::{
    import::{brought, strange},
    outcome::Summary,
    responses::{Arrived, Taken},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Arguments of `navette import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files: XML, CSV, or a ZIP with exactly one of them
    #[arg(required = NEEDED, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take files without their `.sha256`
    #[arg(long)]
    pub unverified: bool,
}

const NEEDED: bool = true;
/// The extension of an archive, in lower case.
const ZIP: &str = ".zip";

/// Takes the files, through the same checks as those of a night.
///
/// # Errors
/// When the configuration is faulty, a file cannot be opened, or the database cannot be used.
pub async fn execute(args: Args, global: &Global) -> anyhow::Result<Exit> {
    let desk = global.connect().await?;
    let exit = desk.span.around(import(&desk, &args, global)).await?;
    desk.ctx.store.close().await;
    Ok(exit)
}

/// What is said of one file.
struct Said {
    file: PathBuf,
    outcome: &'static str,
    why: String,
}

async fn import(desk: &Desk, args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let (mut said, mut strangers) = (Vec::new(), Vec::new());
    let mut by_school: BTreeMap<SchoolKey, Vec<(PathBuf, Arrived)>> = BTreeMap::new();
    // All are opened before the first is taken: a mistyped name takes nothing.
    for path in &args.files {
        match open(path, args.unverified)? {
            Ok(file) if desk.ctx.schools.contains_key(&file.name.key.school) => {
                by_school.entry(file.name.key.school).or_default().push((path.clone(), file));
            }
            Ok(file) => strangers.push((path.clone(), file.name)),
            Err(fault) => said.push(refused(path, &fault)),
        }
    }
    for (path, name) in strangers {
        said.push(refused(&path, &strange(&desk.ctx, &name, desk.now()).await?));
    }
    let mut exits = vec![if said.is_empty() { Exit::Done } else { Exit::Anomalies }];
    let mut summary = Summary::default();
    for (school, mut files) in by_school {
        files.sort_by_key(|(_, file)| file.name.number);
        let (paths, files): (Vec<PathBuf>, Vec<Arrived>) = files.into_iter().unzip();
        let (taken, done) = brought(&desk.ctx, desk.served(school.uai, Some(school.year))?, files, desk.now()).await;
        said.extend(paths.into_iter().zip(&taken).map(|(file, taken)| told(file, taken)));
        exits.push(Exit::of_code(done.outcome().exit_code()));
        summary.schools.insert(school, done);
    }
    if global.json {
        let files: Vec<_> = said
            .iter()
            .map(|it| json!({ "file": it.file.display().to_string(), "outcome": it.outcome, "why": it.why }))
            .collect();
        print_json(&json!({ "files": files, "run": summary::json(&summary) }))?;
    } else {
        for Said { file, outcome, why } in &said {
            let colon = if why.is_empty() { "" } else { ": " };
            print(&format!("{}: {outcome}{colon}{why}\n", file.display()))?;
        }
        print(&summary::text(&summary))?;
    }
    Ok(Exit::first(exits))
}

fn refused(path: &Path, fault: &Fault) -> Said {
    Said { file: path.to_owned(), outcome: "refused", why: fault.to_string() }
}

fn told(file: PathBuf, taken: &Taken) -> Said {
    let (outcome, why) = match taken {
        Taken::Imported => ("taken", String::new()),
        Taken::Known => ("known", "this number was taken before, with the same content".to_owned()),
        Taken::HeldByGuard(code) => ("held", code.as_str().to_owned()),
        Taken::HeldByThreshold => ("held", "it would change too much: see `navette lots list`".to_owned()),
        Taken::Refused(why) => ("refused", why.clone()),
    };
    Said { file, outcome, why }
}

/// Opens one file, unpacks it and verifies its digest.
fn open(path: &Path, unverified: bool) -> anyhow::Result<Result<Arrived, Fault>> {
    let unreadable = |fault: io::Error| Stop::usage(format!("{}: {fault}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = read(path).map_err(unreadable)?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Ok(Err(Fault::new(0, "TAILLE", "larger than 64 MiB: no file of the exchange is")));
    }
    let beside = digest_beside(path, &name).map_err(unreadable)?;
    if beside.is_some_and(|said| said != Some(sha256(&bytes))) {
        return Ok(Err(Fault::new(0, "EMPREINTE", OTHER_BYTES)));
    }
    let (name, bytes, inside) = if name.to_lowercase().ends_with(ZIP) {
        match archive::unpack(&name, &bytes) {
            Ok(packed) => (packed.name, packed.bytes, packed.sha256),
            Err(fault) => return Ok(Err(fault)),
        }
    } else {
        (name, bytes, None)
    };
    if inside.is_some_and(|said| said != Some(sha256(&bytes))) {
        return Ok(Err(Fault::new(0, "EMPREINTE", OTHER_BYTES)));
    }
    if beside.is_none() && inside.is_none() && !unverified {
        let message = "its .sha256 is missing: bring it too, or say --unverified";
        return Err(Stop::usage(format!("{}: {message}", path.display())).into());
    }
    let parsed = FileName::parse(&name).filter(|name| name.document == Document::Responses);
    let message = "not the name of a response file, such as 0380001V-2019-REP-3E-DEFINITIVE-00003.xml";
    Ok(parsed.map(|name| Arrived { name, bytes }).ok_or_else(|| Fault::new(0, "NOM", message)))
}

const OTHER_BYTES: &str = "the file is not the one of its .sha256: fetch both again, whole";

/// One byte more than is taken tells that there are too many.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The digest that stands beside a file: none, one that cannot be read as such, or the digest.
fn digest_beside(path: &Path, name: &str) -> io::Result<Option<Option<Sha256Digest>>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sha256");
    match read(Path::new(&beside)) {
        Ok(line) => Ok(Some(parse_digest_line(name, &String::from_utf8_lossy(&line)))),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}
