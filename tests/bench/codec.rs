//! How fast the codec writes and reads, in processor time, beside `xmllint` and Python's lxml and csv in the same run, and how much memory it
//! takes from 100 000 to 2 000 000 rows.
//!
//! `cargo bench --bench codec`; `NAVETTE_BENCH_ROWS` asks for other sizes than 100 000 pupils, `NAVETTE_BENCH_PYTHON` for
//! another Python with lxml than that of `tests/run`. Digests are no part of it: SHA-256 has its own line.

#![allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]

use comfy_table::Table;
use navette::{
    codec::{csv, encoding::Charset, envelope::sha256, xml},
    domain::{
        campaign::{CampaignKey, Phase},
        demand::{Choice, Choices, Demand, Formation},
        lot::{Document, Encoding, FileName, Format, LotCounts, LotHead, LotPupil},
        pupil::{Division, Ine, Private, PupilId, RepresentativeId},
        response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, Zone, parse_date},
        track::{MefCode, Status, Track},
    },
};
use std::{
    env, fs,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Pupils of one file: some 40 MB, below the limit of 64 MiB.
const ROWS: i64 = 100_000;
/// Rows of the largest file of each kind that stays below that limit.
const READ_MAX: i64 = 150_000;
/// Rows for the measures of memory.
const MEMORY: [i64; 3] = [100_000, 500_000, 2_000_000];
/// A measure goes on until it has used this many ticks of processor time; a tick is 10 ms, so that it is one hundredth off.
const TICKS_MIN: u64 = 100;
const TICK_MS: u64 = 10;
/// The first argument of a child, which does one thing and tells how much memory that took at most.
const CHILD: &str = "memory-of";
const ZONE: Zone = Zone::Europe__Paris;

/// The four documents, as the peers name them.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    XmlDemands,
    XmlResponses,
    CsvDemands,
    CsvResponses,
}

impl Kind {
    const ALL: [Self; 4] = [Self::XmlDemands, Self::XmlResponses, Self::CsvDemands, Self::CsvResponses];

    fn file(self) -> &'static str {
        match self {
            Self::XmlDemands => "demands.xml",
            Self::XmlResponses => "responses.xml",
            Self::CsvDemands => "demands.csv",
            Self::CsvResponses => "responses.csv",
        }
    }

    /// The schema that xmllint takes.
    fn schema(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::XmlDemands => Some(("demands.xsd", xml::demands::SCHEMA)),
            Self::XmlResponses => Some(("responses.xsd", xml::responses::SCHEMA)),
            Self::CsvDemands | Self::CsvResponses => None,
        }
    }

    fn name(self) -> Done<FileName> {
        let (document, format) = match self {
            Self::XmlDemands => (Document::Demands, Format::Xml),
            Self::XmlResponses => (Document::Responses, Format::Xml),
            Self::CsvDemands => (Document::Demands, Format::Csv),
            Self::CsvResponses => (Document::Responses, Format::Csv),
        };
        Ok(FileName { key: key()?, document, number: 1, format })
    }

    /// Writes the rows of a file that are made anew for each pass: nothing but the writer can take memory.
    fn write_made(self, out: impl Write, rows: i64) -> Done {
        let pupils = || (0..rows).flat_map(|nth| pupil(nth).ok());
        let answers = || (0..rows).flat_map(|nth| answer(nth).ok());
        self.write(out, rows, pupils, answers)
    }

    fn write<P, A>(self, out: impl Write, rows: i64, pupils: impl Fn() -> P, answers: impl Fn() -> A) -> Done
    where
        P: Iterator<Item: std::borrow::Borrow<LotPupil>>,
        A: Iterator<Item: std::borrow::Borrow<RawResponse>>,
    {
        let stamped_at = Timestamp::parse("2020-05-26T03:15:00+02:00")?;
        let without_entry = u32::try_from((0..rows).filter(|nth| nth % 10 == 0).count())?;
        let all = u32::try_from(rows)?;
        let counts = LotCounts { demands: all - without_entry, without_entry, ..LotCounts::default() };
        let lot = LotHead { key: key()?, number: 1, stamped_at, zone: ZONE, counts };
        let answered = ResponseHead { key: key()?, number: 1, stamped_at, entry_complete_at: None, responses: all };
        match self {
            Self::XmlDemands => xml::demands::write(out, &lot, pupils, Encoding::Utf8)?,
            Self::XmlResponses => xml::responses::write(out, &answered, ZONE, answers(), Encoding::Utf8)?,
            Self::CsvDemands => csv::demands::write(out, &lot, pupils(), Encoding::Utf8)?,
            Self::CsvResponses => csv::responses::write(out, &answered, ZONE, answers(), Encoding::Utf8)?,
        }
        Ok(())
    }

    /// Reads a file with every check and keeps no row.
    fn read(self, input: impl io::BufRead) -> Done {
        let (name, mut faults) = (self.name()?, 0);
        let report = &mut |_| faults += 1;
        match self {
            Self::XmlDemands => xml::demands::read(name, input, &mut |_| (), report).map(drop)?,
            Self::XmlResponses => xml::responses::read(name, input, &mut |_, _| (), report).map(drop)?,
            Self::CsvDemands => csv::demands::read(input, name, Charset::Utf8, &mut |_| (), report).map(drop)?,
            Self::CsvResponses => csv::responses::read(input, name, Charset::Utf8, &mut |_, _| (), report).map(drop)?,
        }
        if faults == 0 { Ok(()) } else { Err(format!("{faults} faults").into()) }
    }
}

fn main() -> Done {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, CHILD, what, file, rows] => child(what, file, rows.parse()?),
        _ => {
            let folder = tempfile::tempdir()?;
            speeds(folder.path())?;
            memory(folder.path())
        }
    }
}

/// One table: MB/s of ours, and the same of each peer with how many times ours is as fast.
fn speeds(folder: &Path) -> Done {
    let rows = env::var("NAVETTE_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROWS);
    let pupils = (0..rows).map(pupil).collect::<Done<Vec<_>>>()?;
    let answers = (0..rows).map(answer).collect::<Done<Vec<_>>>()?;
    let mut table = Table::new();
    table.set_header([
        "MB/s of processor time, and how many times as fast",
        "MB",
        "navette",
        "xmllint",
        "xmllint --schema",
        "Python",
    ]);
    for kind in Kind::ALL {
        let write = |out: &mut dyn Write| kind.write(out, rows, || pupils.iter(), || answers.iter());
        let path = folder.join(kind.file());
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        fs::write(&path, &bytes)?;
        let size = bytes.len();
        let ours = speed(size, cost(|| write(&mut io::sink()).is_ok()));
        let peer = peer("write", &path);
        table.add_row(row(&format!("write {}", kind.file()), size, ours, [None, None, peer]));
        let ours = speed(size, cost(|| kind.read(bytes.as_slice()).is_ok()));
        let (plain, checked) = match kind.schema() {
            None => (None, None),
            Some((name, text)) => {
                let schema = folder.join(name);
                fs::write(&schema, text)?;
                (xmllint(size, &path, None), xmllint(size, &path, Some(&schema)))
            }
        };
        table.add_row(row(&format!("read {}", kind.file()), size, ours, [plain, checked, self::peer("read", &path)]));
    }
    let bytes = fs::read(folder.join(Kind::XmlDemands.file()))?;
    let ours = speed(bytes.len(), cost(|| sha256(&bytes) != [0; 32]));
    table.add_row(row("SHA-256", bytes.len(), ours, [None; 3]));
    println!("{table}");
    Ok(())
}

fn row(what: &str, bytes: usize, ours: f64, peers: [Option<f64>; 3]) -> Vec<String> {
    let mut cells = vec![what.to_owned(), format!("{:.1}", bytes as f64 / 1e6), format!("{ours:.0}")];
    let peer = |speed: Option<f64>| speed.map_or_else(String::new, |it| format!("{it:.0} (× {:.1})", ours / it));
    cells.extend(peers.map(peer));
    cells
}

/// A Python program that does the same; none where Python or lxml is missing.
fn peer(does: &str, path: &Path) -> Option<f64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = env::var_os("NAVETTE_BENCH_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let program = root.join("tests/bench/peers/exchange.py");
    let done = Command::new(python).arg(program).arg(does).arg(path).stderr(Stdio::inherit()).output().ok()?;
    let told = String::from_utf8(done.stdout).ok()?;
    let (bytes, seconds) = told.trim().split_once(' ')?;
    Some(bytes.parse::<f64>().ok()? / seconds.parse::<f64>().ok()? / 1e6)
}

/// xmllint, streaming, without and with a schema; none where it is missing.
fn xmllint(size: usize, path: &Path, schema: Option<&Path>) -> Option<f64> {
    let run = || {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--stream"]);
        if let Some(schema) = schema {
            command.arg("--schema").arg(schema);
        }
        command.arg(path).stderr(Stdio::null()).status().is_ok_and(|done| done.success())
    };
    run().then(|| speed(size, cost(run)))
}

/// The most memory of a process of its own for each document, written from and read to nothing.
fn memory(folder: &Path) -> Done {
    let mut table = Table::new();
    table.set_header(["most memory of the process", "rows", "MB of the file", "MB of memory"]);
    for kind in Kind::ALL {
        for rows in MEMORY {
            table.add_row(told("write", kind, Path::new("/dev/null"), rows)?);
        }
        let path = folder.join(kind.file());
        for rows in [ROWS, READ_MAX] {
            kind.write_made(io::BufWriter::new(fs::File::create(&path)?), rows)?;
            table.add_row(told("read", kind, &path, rows)?);
        }
        // Larger files are refused at 64 MiB, and reading so far takes no more.
        kind.write_made(io::BufWriter::new(fs::File::create(&path)?), 2_000_000)?;
        table.add_row(told("refuse", kind, &path, 2_000_000)?);
        fs::remove_file(&path)?;
    }
    println!("{table}");
    Ok(())
}

fn told(what: &str, kind: Kind, path: &Path, rows: i64) -> Done<Vec<String>> {
    let arguments = [CHILD, what, &path.to_string_lossy(), &rows.to_string()];
    let done = Command::new(env::current_exe()?)
        .args(arguments)
        .env("NAVETTE_BENCH_KIND", kind.file())
        .stderr(Stdio::inherit())
        .output()?;
    if !done.status.success() {
        return Err(format!("{what} {} of {rows} rows failed", kind.file()).into());
    }
    let kib: f64 = String::from_utf8(done.stdout)?.trim().parse()?;
    let size = fs::metadata(path)?.len() as f64 / 1e6;
    let size = if what == "write" { String::new() } else { format!("{size:.0}") };
    Ok(vec![format!("{what} {}", kind.file()), rows.to_string(), size, format!("{:.1}", kib * 1024.0 / 1e6)])
}

fn child(what: &str, file: &str, rows: i64) -> Done {
    let wanted = env::var("NAVETTE_BENCH_KIND")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.file() == wanted).ok_or("no such document")?;
    match what {
        "write" => kind.write_made(io::sink(), rows)?,
        "read" => kind.read(BufReader::new(fs::File::open(file)?))?,
        _ => {
            let refused = kind.read(BufReader::new(fs::File::open(file)?));
            if refused.is_ok() {
                return Err("a file that is too large was read".into());
            }
        }
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    println!("{}", peak.trim().trim_end_matches(" kB"));
    Ok(())
}

fn key() -> Done<CampaignKey> {
    let school = SchoolKey { uai: Uai::parse("0380001V")?, year: SchoolYear::new(2019)? };
    Ok(CampaignKey { school, level: Level::Troisieme, phase: Phase::Provisional })
}

/// Processor time of one pass, its children's included: what else the machine does is not in it.
fn cost(run: impl Fn() -> bool) -> Duration {
    let (start, mut passes) = (ticks(), 0);
    loop {
        assert!(run(), "what is measured must succeed");
        passes += 1;
        let used = ticks() - start;
        if TICKS_MIN <= used {
            return Duration::from_millis(used * TICK_MS) / passes;
        }
    }
}

/// Processor time of this process and of its children that have ended, from the fields 14 to 17 of /proc/self/stat.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    behind_name.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn speed(bytes: usize, took: Duration) -> f64 {
    bytes as f64 / took.as_secs_f64() / 1e6
}

fn pupil(nth: i64) -> Done<LotPupil> {
    let formation = Formation {
        label: "Métiers de la mécanique & carrosserie".to_owned(),
        code: Some(MefCode::parse("2472541231")?),
        status: Status::Apprentice,
    };
    let choices = vec![Choice::new(Track::SecondeGt, None)?, Choice::new(Track::SecondePro, Some(formation))?];
    let demand = Demand {
        pupil: PupilId(nth),
        phase: Phase::Provisional,
        version: 2,
        representative: RepresentativeId(nth * 2),
        validated_at: Timestamp::parse("2020-05-12T10:58:42+02:00")?.plus_s(nth),
        choices: Choices::new(Level::Troisieme, choices)?,
        late: false,
    };
    Ok(LotPupil {
        id: PupilId(nth),
        ine: Some(ine(nth)?),
        division: division(nth)?,
        last_name: Private::new(format!("ÉLÈVE-{nth}")),
        first_name: Private::new("Zoé".to_owned()),
        demand: (nth % 10 != 0).then_some(demand),
        acknowledgement: None,
        reply: None,
    })
}

fn answer(nth: i64) -> Done<RawResponse> {
    let opinion = |track: &str, value: OpinionValue, reason: Option<&str>| RawVerdict::Opinion {
        track: track.to_owned(),
        value,
        reason: reason.map(|text| Private::new(text.to_owned())),
    };
    Ok(RawResponse {
        rank: u32::try_from(nth + 1)?,
        pupil: PupilId(nth),
        ine: Some(ine(nth)?),
        demand_version: Some(2),
        entered_at: Timestamp::parse("2020-05-28T18:05:00+02:00")?.plus_s(nth),
        division: division(nth)?,
        council: parse_date("2020-05-28")?,
        verdicts: vec![
            opinion("2GT", OpinionValue::Reserved, Some("Des résultats encore fragiles ; à confirmer à l'oral.")),
            opinion("2PRO", OpinionValue::Favourable, None),
        ],
        other_school: false,
    })
}

fn ine(nth: i64) -> Done<Ine> {
    Ok(Ine::parse(&format!("{:09}AB", nth % 1_000_000_000))?)
}

/// Thirty pupils a division, in order.
fn division(nth: i64) -> Done<Division> {
    Ok(Division::parse(&format!("{:05}", nth / 30))?)
}
