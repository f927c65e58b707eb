//! How fast the codec writes and reads, in MB/s, beside `xmllint --stream` and Python's lxml where they are installed.
//! `cargo bench --bench codec`, with `NAVETTE_BENCH_ROWS` for other sizes than 100 000 pupils.

#![allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]

use navette::{
    codec::xml,
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
    error::Error,
    io::{self, Seek},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Pupils of one file: some 40 MB, below the limit of 64 MiB.
const ROWS: i64 = 100_000;
/// Each measure is taken this many times; the best one counts.
const TIMES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    flat_memory(key_of(Phase::Provisional)?)?;
    let rows = std::env::var("NAVETTE_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROWS);
    let key = key_of(Phase::Provisional)?;
    let pupils = (0..rows).map(pupil).collect::<Result<Vec<_>, _>>()?;
    let counts = LotCounts::of(&pupils);
    let stamped_at = Timestamp::parse("2020-05-26T03:15:00+02:00")?;
    let head = LotHead { key, number: 1, stamped_at, zone: Zone::Europe__Paris, counts };
    let mut lot = Vec::new();
    for (what, encoding) in [("demands, UTF-8", Encoding::Utf8), ("demands, ISO-8859-15", Encoding::Latin9)] {
        lot.clear();
        xml::demands::write(&mut lot, &head, || pupils.iter(), encoding)?;
        let took = best(|| xml::demands::write(io::sink(), &head, || pupils.iter(), encoding).is_ok());
        told(&format!("write {what}"), lot.len(), took);
        let name = FileName { key, document: Document::Demands, number: 1, format: Format::Xml };
        let took = best(|| xml::demands::read(name, lot.as_slice(), &mut |_| (), &mut |_| ()).is_ok());
        told(&format!("read {what}"), lot.len(), took);
    }
    let answers = (0..rows).map(answer).collect::<Result<Vec<_>, _>>()?;
    let head = ResponseHead { key, number: 1, stamped_at, entry_complete_at: None, responses: u32::try_from(rows)? };
    let mut file = Vec::new();
    xml::responses::write(&mut file, &head, Zone::Europe__Paris, answers.iter(), Encoding::Utf8)?;
    let took =
        best(|| xml::responses::write(io::sink(), &head, Zone::Europe__Paris, answers.iter(), Encoding::Utf8).is_ok());
    told("write responses", file.len(), took);
    let name = FileName { key, document: Document::Responses, number: 1, format: Format::Xml };
    let took = best(|| xml::responses::read(name, file.as_slice(), &mut |_| (), &mut |_| ()).is_ok());
    told("read responses", file.len(), took);
    outside(&file)
}

fn key_of(phase: Phase) -> Result<CampaignKey, Box<dyn Error>> {
    let school = SchoolKey { uai: Uai::parse("0380001V")?, year: SchoolYear::new(2019)? };
    Ok(CampaignKey { school, level: Level::Troisieme, phase })
}

/// Writes 2 000 000 pupils made one by one and reads the largest file that is read, then tells the most memory used.
fn flat_memory(key: CampaignKey) -> Result<(), Box<dyn Error>> {
    const WRITTEN: i64 = 2_000_000;
    const READ: i64 = 150_000;
    let head = |rows: i64| -> Result<LotHead, Box<dyn Error>> {
        let without_entry = u32::try_from((0..rows).filter(|nth| nth % 10 == 0).count())?;
        let demands = u32::try_from(rows)? - without_entry;
        let counts = LotCounts { demands, without_entry, ..LotCounts::default() };
        let stamped_at = Timestamp::parse("2020-05-26T03:15:00+02:00")?;
        Ok(LotHead { key, number: 1, stamped_at, zone: Zone::Europe__Paris, counts })
    };
    let made = |rows: i64| move || (0..rows).flat_map(|nth| pupil(nth).ok());
    xml::demands::write(io::sink(), &head(WRITTEN)?, made(WRITTEN), Encoding::Utf8)?;
    let mut file = tempfile::tempfile()?;
    xml::demands::write(&mut file, &head(READ)?, made(READ), Encoding::Utf8)?;
    file.rewind()?;
    let name = FileName { key, document: Document::Demands, number: 1, format: Format::Xml };
    let mut faults = 0;
    xml::demands::read(name, io::BufReader::new(file), &mut |_| (), &mut |_| faults += 1)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    println!("{WRITTEN} pupils written, {READ} read with {faults} faults: {peak}");
    Ok(())
}

fn outside(file: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (path, schema) = (folder.path().join("responses.xml"), folder.path().join("responses.xsd"));
    std::fs::write(&path, file)?;
    std::fs::write(&schema, xml::responses::SCHEMA)?;
    let (path, schema) = (path.to_string_lossy().into_owned(), schema.to_string_lossy().into_owned());
    let lxml =
        "import sys, lxml.etree as e; s = e.XMLSchema(e.parse(sys.argv[2])); assert s.validate(e.parse(sys.argv[1]))";
    for (what, program, arguments) in [
        ("xmllint --stream", "xmllint", vec!["--noout", "--stream", "--schema", &schema, &path]),
        ("Python lxml", "python3", vec!["-c", lxml, &path, &schema]),
    ] {
        let run =
            || Command::new(program).args(&arguments).stderr(Stdio::null()).status().is_ok_and(|done| done.success());
        if run() {
            told(&format!("read responses, {what}"), file.len(), best(run));
        } else {
            println!("{what:<32} not installed");
        }
    }
    Ok(())
}

fn best(run: impl Fn() -> bool) -> Duration {
    let measures = (0..TIMES).map(|_| {
        let start = Instant::now();
        assert!(run(), "what is measured must succeed");
        start.elapsed()
    });
    measures.min().unwrap_or_default()
}

fn told(what: &str, bytes: usize, took: Duration) {
    let speed = bytes as f64 / took.as_secs_f64() / 1e6;
    println!("{what:<32} {speed:8.1} MB/s  ({:.1} MB in {:.3} s)", bytes as f64 / 1e6, took.as_secs_f64());
}

fn pupil(nth: i64) -> Result<LotPupil, Box<dyn Error>> {
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

fn answer(nth: i64) -> Result<RawResponse, Box<dyn Error>> {
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

fn ine(nth: i64) -> Result<Ine, Box<dyn Error>> {
    Ok(Ine::parse(&format!("{:09}AB", nth % 1_000_000_000))?)
}

/// Thirty pupils a division, in order.
fn division(nth: i64) -> Result<Division, Box<dyn Error>> {
    Ok(Division::parse(&format!("{:05}", nth / 30))?)
}
