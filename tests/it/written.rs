//! Every file that we write passes its schema, whatever stands in it: by a second reader in Rust everywhere, by the
//! outside programs that operators have where they are asked for (feature `outside`).

use navette::{
    codec::{ExchangeFile, SCHEMAS, check::check, encode_lot, encode_receipt, encode_responses, encoding::carries},
    domain::{
        campaign::{CampaignKey, Phase},
        demand::{Acknowledgement, Choice, Choices, Demand, Formation, Reply},
        lot::{Document, Encoding, Format, Lot, LotCounts, LotHead, LotPupil, Receipt, ReceiptKind, ReceiptLine},
        pupil::{Division, Ine, Private, PupilId, RepresentativeId},
        response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, Zone, parse_date},
        track::{MefCode, Status, Track},
    },
};
use std::io::Cursor;

const ZONE: Zone = Zone::Europe__Paris;
const NUMBER: u32 = 12;
const ENCODINGS: [Encoding; 2] = [Encoding::Utf8, Encoding::Latin9];

/// What people are called, and what stands in labels and reasons: everything that has ever broken an export.
const TEXTS: [&str; 18] = [
    "Cœurdoux-Ÿvetot",
    "L'Haÿ \"dit\" Têtu",
    "Fils & <filles> ]]> &amp; &#39;",
    "Pomme; poire, prune",
    "10 €, soit 5 € chacun",
    "\u{A0}bords\u{A0}insécables\u{A0}",
    "12 345 €",
    "=1+1",
    "+33 4 76 00 00 00",
    "-5",
    "@somme(A1)",
    "'déjà gardé",
    "''=deux fois",
    "|tube %0A",
    "ŠŽšž Œœ",
    "\"",
    "\"\";\"\"",
    "Narrow\u{202F}space, Łódź, 𝒵, 中",
];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn key(level: Level, phase: Phase) -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level, phase }
}

/// What an encoding can carry of the texts; it is all of them in UTF-8, and most in ISO-8859-15.
fn texts(encoding: Encoding) -> Vec<&'static str> {
    let carried: Vec<_> = TEXTS.into_iter().filter(|text| carries(encoding, text)).collect();
    assert!(16 < carried.len(), "{carried:?}");
    carried
}

fn private(text: &str) -> Private<String> {
    Private::new(text.to_owned())
}

fn ine(nth: usize) -> Option<Ine> {
    [None, Some("123456789AB"), Some("1234567890H"), Some("1234A12345B")][nth % 4].map(|ine| Ine::parse(ine).unwrap())
}

/// Divisions begin as formulas do, have an inner space, and an accent.
fn division(nth: usize) -> Division {
    Division::parse(["+3A", "-3 B", "3 A", "3É", "=3", "@3"][nth % 6]).unwrap()
}

fn tracks(level: Level) -> Vec<Track> {
    Track::ALL.into_iter().filter(|track| track.level() == level).collect()
}

/// Each text is the label of a formation, its code there or not, in both statuses.
fn choices(level: Level, nth: usize, label: &str) -> Choices {
    let formation = |nth: usize| Formation {
        label: label.to_owned(),
        code: (!nth.is_multiple_of(3)).then(|| MefCode::parse(["2472541231", "24725412310"][nth % 2]).unwrap()),
        status: if nth.is_multiple_of(2) { Status::Apprentice } else { Status::School },
    };
    let choice = |(rank, track): (usize, Track)| match level {
        Level::Troisieme if track != Track::SecondeGt => Choice::new(track, Some(formation(nth + rank))),
        Level::Troisieme | Level::SecondeGt => Choice::new(track, None),
    };
    let choices = tracks(level).into_iter().take(3).enumerate().map(|of| choice(of).unwrap()).collect();
    Choices::new(level, choices).unwrap()
}

fn lot(level: Level, phase: Phase, encoding: Encoding) -> Lot {
    let mut pupils: Vec<LotPupil> = texts(encoding)
        .iter()
        .enumerate()
        .map(|(nth, text)| {
            let id = PupilId(100 + nth as i64);
            let representative = RepresentativeId(7);
            let demand = Demand {
                pupil: id,
                phase,
                version: 1 + nth as u32,
                representative,
                validated_at: at("2020-05-12T10:58:42.250+02:00"),
                choices: choices(level, nth, text),
                late: nth.is_multiple_of(2),
            };
            let when = at("2020-06-02T20:00:01+02:00");
            let accepted = demand.choices.as_slice().iter().map(Choice::track).collect();
            let agreeing = Reply { representative, at: when, agrees: true, accepted };
            let other = Reply { representative, at: when, agrees: false, accepted: Vec::new() };
            let definitive = phase == Phase::Definitive;
            LotPupil {
                id,
                ine: ine(nth),
                division: division(nth),
                last_name: private(text),
                first_name: private(TEXTS[(nth + 1) % 16]),
                demand: (nth % 5 != 4).then_some(demand),
                acknowledgement: (nth % 5 < 2 && !definitive).then_some(Acknowledgement { representative, at: when }),
                reply: (nth % 5 < 2 && definitive).then(|| if nth.is_multiple_of(2) { agreeing } else { other }),
            }
        })
        .collect();
    pupils.sort_by(|one, other| (&one.division, one.id).cmp(&(&other.division, other.id)));
    let counts = LotCounts::of(&pupils);
    let head =
        LotHead { key: key(level, phase), number: NUMBER, stamped_at: at("2020-05-26T03:15:00Z"), zone: ZONE, counts };
    Lot { head, pupils }
}

fn responses(level: Level, phase: Phase, encoding: Encoding) -> (ResponseHead, Vec<RawResponse>) {
    let rows: Vec<RawResponse> = texts(encoding)
        .iter()
        .enumerate()
        .map(|(nth, text)| {
            let verdict = |(rank, track): (usize, &Track)| {
                let track = track.code().to_owned();
                match phase {
                    Phase::Provisional => {
                        let value = OpinionValue::ALL[(nth + rank) % 3];
                        RawVerdict::Opinion { track, value, reason: value.needs_reason().then(|| private(text)) }
                    }
                    Phase::Definitive => {
                        RawVerdict::Proposal { track, requested: rank == 0, accepted: nth.is_multiple_of(2) }
                    }
                }
            };
            RawResponse {
                rank: 1 + nth as u32,
                pupil: PupilId(100 + nth as i64),
                ine: ine(nth),
                demand_version: (!nth.is_multiple_of(3)).then_some(2),
                entered_at: at("2020-05-28T18:05:00.5+02:00"),
                division: division(nth),
                council: parse_date("2020-05-28").unwrap(),
                verdicts: tracks(level).iter().enumerate().map(verdict).collect(),
                other_school: false,
            }
        })
        .collect();
    let complete = (encoding == Encoding::Utf8).then(|| at("2020-05-28T18:30:00+02:00"));
    let head = ResponseHead {
        key: key(level, phase),
        number: NUMBER,
        stamped_at: at("2020-05-28T19:00:00+02:00"),
        entry_complete_at: complete,
        responses: rows.len() as u32,
    };
    (head, rows)
}

fn receipt(level: Level, phase: Phase, encoding: Encoding) -> Receipt {
    let Lot { head, pupils } = lot(level, phase, encoding);
    let lines: Vec<ReceiptLine> = texts(encoding)
        .iter()
        .enumerate()
        .map(|(nth, text)| ReceiptLine {
            kind: ReceiptKind::Modified,
            code: "MEF_INCONNU".to_owned(),
            pupil: (!nth.is_multiple_of(2)).then_some(PupilId(100 + nth as i64)),
            rank: (!nth.is_multiple_of(2)).then_some(1),
            parameters: vec![private(text), private("")],
        })
        .collect();
    Receipt {
        key: head.key,
        number: head.number,
        stamped_at: head.stamped_at,
        treated_at: at("2020-05-26T14:30:00+02:00"),
        counts: head.counts,
        treated: pupils.len() as u32,
        complete: pupils.len() as u32,
        partial: 0,
        rejected: 0,
        absent: 0,
        lines,
    }
}

/// Every kind of file in every level, phase, format and encoding.
fn files() -> Vec<(Encoding, ExchangeFile)> {
    let mut files = Vec::new();
    for encoding in ENCODINGS {
        for (level, phase) in Level::ALL.into_iter().flat_map(|level| Phase::ALL.map(|phase| (level, phase))) {
            let (head, rows) = responses(level, phase, encoding);
            for format in [Format::Xml, Format::Csv] {
                files.push((encoding, encode_lot(&lot(level, phase, encoding), format, encoding).unwrap()));
                files.push((encoding, encode_responses(&head, ZONE, &rows, format, encoding).unwrap()));
            }
            files.push((encoding, encode_receipt(&receipt(level, phase, encoding), ZONE, encoding).unwrap()));
        }
    }
    files
}

fn schema(name: &str) -> &'static str {
    SCHEMAS.iter().find(|(found, _)| *found == name).map(|(_, text)| *text).unwrap()
}

/// The name of the schema of a file.
fn schema_of(document: Document, format: Format) -> &'static str {
    match (document, format) {
        (Document::Demands, Format::Xml) => "demandes",
        (Document::Responses, Format::Xml) => "reponses",
        (Document::Receipt, _) => "compte-rendu",
        (Document::Demands, Format::Csv) => "demandes-csv",
        (Document::Responses, Format::Csv) => "reponses-csv",
    }
}

#[test]
fn what_is_written_has_no_fault() {
    for (encoding, file) in files() {
        check(&file.name.to_string(), Cursor::new(&file.bytes), &mut |fault| {
            panic!("{} in {encoding:?}: {fault}", file.name);
        });
    }
}

/// uppsala validates by code of its own, where xmllint and lxml are both libxml2.
#[test]
fn what_is_written_in_xml_passes_a_second_validator() {
    for (_, file) in files().iter().filter(|(encoding, _)| *encoding == Encoding::Utf8) {
        if file.name.format == Format::Csv {
            continue;
        }
        let schema = uppsala::parse(schema(schema_of(file.name.document, Format::Xml))).unwrap();
        let validator = uppsala::XsdValidator::from_schema(&schema).unwrap();
        let text = std::str::from_utf8(&file.bytes).unwrap();
        let faults = |text: &str| validator.validate(&uppsala::parse(text).unwrap()).len();
        assert_eq!(faults(text), 0, "{}: {:?}", file.name, validator.validate(&uppsala::parse(text).unwrap()).first());
        let broken = text.replace("2019", "19");
        assert!(0 < faults(&broken), "{}: the validator accepts whatever comes", file.name);
    }
}

#[cfg(feature = "outside")]
mod outside {
    use super::{ENCODINGS, TEXTS, ZONE, at, division, files, ine, private, schema, schema_of};
    use navette::{
        codec::{SCHEMAS, json::event::encode_event},
        domain::{
            campaign::Phase,
            event::{Event, EventKind, RawChoice, RawDemand},
            lot::{Encoding, FileName, Format},
            pupil::{Pupil, PupilId, Representative, RepresentativeId},
            school::Level,
            track::Track,
        },
    };
    use std::{
        env, fs,
        path::{Path, PathBuf},
        process::Command,
    };

    const NAVETTE: &str = env!("CARGO_BIN_EXE_navette");

    /// A folder with every schema in it, for programs that refuse paths which lead elsewhere.
    fn workshop() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in SCHEMAS {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    /// A program of the private virtual environment that `tests/run` makes.
    fn private_program(name: &str) -> PathBuf {
        let frictionless = env::var_os("NAVETTE_FRICTIONLESS").map(PathBuf::from);
        let frictionless =
            frictionless.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/frictionless"));
        assert!(frictionless.is_file(), "{} is missing: tests/run installs it", frictionless.display());
        frictionless.with_file_name(name)
    }

    /// Whether a program accepts, and what it says.
    fn said(folder: &Path, program: &Path, arguments: &[&str]) -> (bool, String) {
        let done = Command::new(program).current_dir(folder).args(arguments).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// One call a file: with several, frictionless 5.21 leaves out the schema without a word.
    fn frictionless(folder: &Path, name: FileName, encoding: Encoding) -> (bool, String) {
        let encoding = match encoding {
            Encoding::Utf8 => "utf-8-sig",
            Encoding::Latin9 => "iso-8859-15",
        };
        let (file, schema) = (name.to_string(), schema_of(name.document, name.format));
        let dialect = r#"{"csv": {"delimiter": ";"}}"#;
        // The schema's name has no extension, and tells what it is by it.
        fs::copy(folder.join(schema), folder.join("schema.json")).unwrap();
        let arguments = ["validate", "--schema", "schema.json", "--dialect", dialect, "--encoding", encoding, &file];
        said(folder, &private_program("frictionless"), &arguments)
    }

    fn xmllint(folder: &Path, name: FileName) -> (bool, String) {
        let schema = schema_of(name.document, name.format);
        said(folder, Path::new("xmllint"), &["--noout", "--schema", schema, &name.to_string()])
    }

    fn validated(folder: &Path, name: FileName, encoding: Encoding) -> (bool, String) {
        match name.format {
            Format::Xml => xmllint(folder, name),
            Format::Csv => frictionless(folder, name, encoding),
        }
    }

    #[test]
    fn what_is_written_passes_the_outside_programs_and_what_is_broken_does_not() {
        let folder = workshop();
        let folder = folder.path();
        for (encoding, file) in files() {
            let path = folder.join(file.name.to_string());
            fs::write(&path, &file.bytes).unwrap();
            let (accepted, told) = validated(folder, file.name, encoding);
            assert!(accepted, "{} in {encoding:?}: {told}", file.name);
            // Every file names its year: one that is none must not pass, else the schema was not looked at.
            let at = file.bytes.windows(4).position(|bytes| bytes == b"2019").unwrap();
            let mut broken = file.bytes;
            broken[at] = b'X';
            fs::write(&path, broken).unwrap();
            assert!(!validated(folder, file.name, encoding).0, "{} in {encoding:?} is broken", file.name);
        }
    }

    /// What the two stand-ins and the program write in a whole phase, receipts and responses among it.
    #[test]
    fn what_a_phase_leaves_passes_the_outside_programs() {
        for format in [Format::Xml, Format::Csv] {
            let folder = workshop();
            let folder = folder.path();
            let done = Command::new(NAVETTE)
                .args(["demo", "--format", format.extension(), "--keep"])
                .arg(folder)
                .output()
                .unwrap();
            assert!(done.status.success(), "{done:?}");
            let mut documents = [0; 3];
            for path in under(&folder.join("files")) {
                let Some(name) = path.file_name().and_then(|name| FileName::parse(&name.to_string_lossy())) else {
                    continue;
                };
                fs::copy(&path, folder.join(name.to_string())).unwrap();
                let (accepted, told) = validated(folder, name, ENCODINGS[0]);
                assert!(accepted, "{name}: {told}");
                documents[name.document as usize] += 1;
            }
            assert!(documents.into_iter().all(|count| 0 < count), "{documents:?}");
        }
    }

    fn under(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { under(&path) } else { vec![path] }).collect()
    }

    /// Says the number of each line of a file that does not keep a JSON Schema.
    const JSON_SCHEMA: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1], encoding='utf-8'))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
for number, line in enumerate(open(sys.argv[2], encoding='utf-8', newline='\\n'), 1):
    for fault in validator.iter_errors(json.loads(line)):
        print(number, fault.message)
";

    fn schema_faults(folder: &Path, lines: &str) -> String {
        fs::write(folder.join("events.ndjson"), lines).unwrap();
        let arguments = ["-c", JSON_SCHEMA, "evenement", "events.ndjson"];
        let (ended, told) = said(folder, &private_program("python"), &arguments);
        assert!(ended, "{told}");
        told
    }

    #[test]
    fn events_pass_the_json_schema() {
        let folder = workshop();
        let folder = folder.path();
        assert!(schema("evenement").contains("2020-12"), "the validator is of that draft");
        let mut lines = events().join("\n") + "\n";
        let sandbox = ["sandbox", "--transport", "directory", "--path", ".", "--pupils", "60"];
        let (written, told) = said(folder, Path::new(NAVETTE), &sandbox);
        assert!(written, "{told}");
        let feed = under(&folder.join("teleservice/evenements"));
        let feed: Vec<_> = feed.iter().filter(|path| path.extension().is_some_and(|it| it == "ndjson")).collect();
        assert!(!feed.is_empty());
        feed.iter().for_each(|path| lines += &fs::read_to_string(path).unwrap());
        assert_eq!(schema_faults(folder, &lines), "");
        // What must not pass, so that the silence above says something.
        let wrong = lines.replace("\"seq\":", "\"rang\":");
        assert!(lines.lines().count() <= schema_faults(folder, &wrong).lines().count());
    }

    /// An event of every kind, as the feed has it.
    fn events() -> Vec<String> {
        let representative = |nth: usize, rank: u8| Representative {
            id: RepresentativeId(i64::from(rank)),
            rank,
            title: private("M."),
            last_name: private(TEXTS[nth]),
            first_name: private("Zoé"),
            email: (rank == 1).then(|| private("representant@famille.example")),
        };
        let (level, phase) = (Level::Troisieme, Phase::Definitive);
        let mut kinds: Vec<EventKind> = (0..TEXTS.len())
            .map(|nth| {
                EventKind::Pupil(Pupil {
                    id: PupilId(nth as i64),
                    ine: ine(nth),
                    level,
                    division: division(nth),
                    last_name: private(TEXTS[nth]),
                    first_name: private(""),
                    in_procedure: nth.is_multiple_of(2),
                    representatives: (1..=2).take(nth % 3).map(|rank| representative(nth, rank)).collect(),
                })
            })
            .collect();
        kinds.extend((0..TEXTS.len()).map(|nth| {
            EventKind::Demand(RawDemand {
                pupil: PupilId(nth as i64),
                level,
                phase,
                version: 1,
                representative: RepresentativeId(1),
                choices: (1..=3)
                    .map(|rank| RawChoice {
                        rank,
                        track: "2PRO".to_owned(),
                        formation: (rank != 2).then(|| TEXTS[nth].to_owned()),
                        code: (rank == 3).then(|| "2472541231".to_owned()),
                        status: (rank != 2).then(|| "AP".to_owned()),
                    })
                    .collect(),
            })
        }));
        let (pupil, representative) = (PupilId(1), RepresentativeId(1));
        kinds.push(EventKind::PupilLeft(pupil));
        kinds.push(EventKind::Acknowledged { pupil, level, representative });
        for accepted in [vec![Track::SecondeGt, Track::Cap], Vec::new()] {
            let agrees = !accepted.is_empty();
            kinds.push(EventKind::Replied { pupil, level, representative, agrees, accepted });
        }
        for order in [None, Some(4)] {
            kinds.push(EventKind::Window { level, phase, open: order.is_some(), motive: "MAIN".to_owned(), order });
        }
        kinds.push(EventKind::Locked { pupil, level, phase, order: 5 });
        (1..)
            .zip(kinds)
            .map(|(seq, kind)| encode_event(&Event { seq, at: at("2020-05-12T10:58:42Z"), kind }, ZONE))
            .collect()
    }
}
