//! Files against their schemas. Whatever `xmllint` refuses, our reader refuses: compared on thousands of mutated files,
//! where an outside xmllint is asked for (feature `outside`).

use navette::codec::{SCHEMAS, check::check};
use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

/// The kinds of XML documents: folder of the fixtures, name of the schema, code in file names.
const KINDS: [(&str, &str); 3] = [("demandes", "DEM"), ("reponses", "REP"), ("compte-rendu", "CR")];

/// The codes of the faults of a file of one kind, in the phase that its own name tells.
fn codes(code: &str, path: &Path, bytes: &[u8]) -> Vec<&'static str> {
    let provisional = path.file_name().is_some_and(|name| name.to_string_lossy().contains("provisional"));
    let phase = if provisional { "PROVISOIRE" } else { "DEFINITIVE" };
    let mut codes = Vec::new();
    check(&format!("0380001V-2019-{code}-3E-{phase}-00012.xml"), Cursor::new(bytes), &mut |fault| {
        codes.push(fault.code)
    });
    codes
}

fn fixtures(kind: &str, wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fs::read_dir(format!("fixtures/files/{kind}")).expect("fixtures of this kind");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "xml")).collect();
    paths.retain(|path| path.file_stem().is_some_and(|stem| wanted(&stem.to_string_lossy())));
    paths.sort();
    assert!(!paths.is_empty(), "{kind}");
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a fixture"))).collect()
}

#[test]
fn right_files_have_no_fault() {
    for (kind, code) in KINDS {
        for (path, bytes) in fixtures(kind, |stem| stem.starts_with("right")) {
            assert_eq!(codes(code, &path, &bytes), [""; 0], "{}", path.display());
        }
    }
}

/// A defective file is named `CODE-what-is-wrong.xml`, for the first fault that it must get.
#[test]
fn defective_files_get_the_code_that_they_are_named_for() {
    for (kind, code) in KINDS {
        for (path, bytes) in fixtures(kind, |stem| !stem.starts_with("right")) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let expected = stem.split('-').next().unwrap_or_default();
            assert_eq!(codes(code, &path, &bytes).first(), Some(&expected), "{}", path.display());
        }
    }
}

#[test]
fn every_document_has_a_schema() {
    for (kind, _) in KINDS {
        assert!(SCHEMAS.iter().any(|(name, text)| *name == kind && text.contains("</xs:schema>")), "{kind}");
    }
}

#[cfg(feature = "outside")]
mod outside {
    use super::{KINDS, codes, fixtures};
    use navette::codec::SCHEMAS;
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
        process::Command,
    };

    /// Mutated files of each kind in one run; `NAVETTE_MUTATIONS` asks for more.
    const MUTATIONS: usize = 1_500;
    /// Files in one call of xmllint.
    const BATCH: usize = 250;
    /// What a mutation may put anywhere.
    const NASTY: &[&[u8]] = &[
        b"]]>",
        b"\0",
        b"&x;",
        b"<",
        b">",
        b"&#0;",
        b"&#32;",
        b"&#x9;",
        b" 1a=''",
        b"<!DOCTYPE a>",
        b"<a/>",
        b"x",
        b" ",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
        b"<!-- c -->",
        b"<!-- -- -->",
        b"<!----->",
        b"<?p i?>",
        b"<?xml version=\"1.0\"?>",
        b"<![CDATA[x]]>",
        b"<![CDATA[ ]]>",
        b"\xC2\xA0",
        b"\xE2\x80\x83",
        b"\xE9",
        b"\xEF\xBB\xBF",
        b"\xEF\xBF\xBE",
        b"\x7F",
        b"\xC2\x85",
        b"\t",
        b"\r",
        b"\n",
        b"0",
        b"-",
        b"+",
        b"'",
        b"\"",
        b"/",
        b"=",
        b";",
        b"&amp;",
        b"&lt;",
        b"A",
        b"z",
        b" xmlns=''",
        b" xmlns:a='urn:a'",
        b" xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'",
        b" xsi:type='Texte'",
        b" xml:space='preserve'",
        b"\xE2\x88\x92",
        b"\xD9\xA3",
        b"\xEF\xBC\x93",
    ];
    /// What a mutation may put in the place of a value.
    const VALUES: &[&str] = &[
        "",
        " ",
        "0",
        "00",
        "1",
        "01",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "99999",
        "100000",
        "999999999999999999",
        "1000000000000000000",
        "O",
        "N",
        "OUI",
        "NON",
        "oui",
        "3E",
        "2GT",
        "PROVISOIRE",
        "DEFINITIVE",
        "2020-05-26T03:15:00+02:00",
        "2020-05-26T03:15:00+0200",
        "2020-05-26T03:15:00+02",
        "2020-05-26T03:15:00",
        "2020-05-26T03:15:00.Z",
        "2020-05-26T03:15:00.5Z",
        "2020-05-26T03:15:00.123456789123Z",
        "2020-05-26T24:00:00Z",
        "2020-05-26T23:59:60Z",
        "2020-02-30T00:00:00Z",
        "2020-05-26T03:15:00-00:00",
        "2020-05-26T03:15:00+14:00",
        "2020-05-26T03:15:00+14:01",
        "2020-05-26T03:15:00+15:00",
        "2020-05-26T03:15:00+01:60",
        "2020-05-26t03:15:00z",
        "2020-05-26 03:15:00Z",
        "02020-05-26T03:15:00Z",
        "-2020-05-26T03:15:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2020-05-26T3:15:00Z",
        "2020-05-26T03:15Z",
        "2020-05-26T25:15:00Z",
        "2020-05-26T03:61:00Z",
        "2020-05-26T03:15:61Z",
        "9999-12-31T23:59:59Z",
        "2020-05-28",
        "2020-5-28",
        "2020-05-28Z",
        "2020-05-28+02:00",
        "0000-05-28",
        "2019-02-29",
        "2020-02-29",
        "28/05/2020",
        "2020--5-28",
        "2020-+5-28",
        "3 A",
        " 3 A",
        "3 A ",
        "3  A",
        "3\tA",
        "3\nA",
        "12345678",
        "123456789",
        "\u{A0}",
        "a\u{A0}b",
        "ÀÉÈÙÇŒ€Ÿ",
        "\u{1F98A}\u{1F98A}\u{1F98A}\u{1F98A}",
        "0380001V",
        "0380001v",
        "380001V",
        "2019",
        "1999",
        "2100",
        "20190",
        "123456789AB",
        "123456789ab",
        "1234567890A",
        "1234A12345B",
        "1234a12345b",
        "ISO-8859-1",
        "ISO-8859-15",
        "windows-1252",
        "utf-8",
        "UTF-16",
        "US-ASCII",
        "latin1",
        "1.1",
        "STMG",
        "1G",
        "XYZ",
        "2gt",
        "ABCDEFGHIJKLMNOPQRST",
        "ABCDEFGHIJKLMNOPQRSTU",
        "A-B",
        "A_B",
        "A.B",
        "ST",
        "AP",
        "2472541231",
        "24725412311",
        "247254123112",
        "REJ",
        "PAR",
        "ABS",
        "MOD",
        "FAVORABLE",
        "RESERVE",
        "DEFAVORABLE",
        "&#65;",
        "&#x41;",
        "&amp;",
        "<![CDATA[1]]>",
        "1<!-- -->2",
        "<B/>",
    ];

    #[test]
    fn right_files_validate() {
        let work = tempfile::tempdir().expect("a folder");
        for (kind, _) in KINDS {
            let paths: Vec<PathBuf> =
                fixtures(kind, |stem| stem.starts_with("right")).into_iter().map(|(path, _)| path).collect();
            assert_eq!(validated(&schema(work.path(), kind), &paths).len(), paths.len(), "{kind}");
        }
    }

    #[test]
    fn whatever_xmllint_refuses_we_refuse() {
        let wanted = std::env::var("NAVETTE_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(MUTATIONS);
        let seed = std::env::var("NAVETTE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_200_512);
        let (mut both, mut we_alone) = (0, 0);
        for (kind, code) in KINDS {
            let work = tempfile::tempdir().expect("a folder");
            let schema = schema(work.path(), kind);
            let right = fixtures(kind, |stem| stem.starts_with("right"));
            let mut random = StdRng::seed_from_u64(seed);
            for batch in 0..wanted.div_ceil(BATCH) {
                let mut accepted = Vec::new();
                let mut paths = Vec::new();
                for nth in 0..BATCH {
                    let (origin, bytes) = right.choose(&mut random).expect("a file");
                    let bytes = mutated(bytes, &mut random);
                    let stem = origin.file_stem().expect("a name").to_string_lossy();
                    let path = work.path().join(format!("{stem}-{batch}-{nth}.xml"));
                    if codes(code, &path, &bytes).is_empty() {
                        accepted.push(path.clone());
                    }
                    fs::write(&path, &bytes).expect("a file written");
                    paths.push(path);
                }
                let validated = validated(&schema, &paths);
                let wrongly: Vec<String> =
                    accepted.iter().filter(|path| !validated.contains(*path)).map(|path| show(path, &schema)).collect();
                assert!(wrongly.is_empty(), "accepted wrongly (seed {seed}):\n{}", wrongly.join("\n"));
                both += accepted.len();
                we_alone += validated.len() - accepted.len();
                for path in paths {
                    fs::remove_file(path).expect("a file removed");
                }
            }
        }
        println!("accepted by both {both}, refused by us alone {we_alone}");
        assert!(0 < both, "no mutated file is right: mutations are too strong to tell anything");
    }

    fn show(path: &Path, schema: &Path) -> String {
        let said =
            Command::new("xmllint").args(["--noout", "--schema"]).arg(schema).arg(path).output().expect("xmllint runs");
        let kept = std::env::temp_dir().join(path.file_name().expect("a name"));
        fs::copy(path, &kept).expect("a copy");
        format!("{}: {}", kept.display(), String::from_utf8_lossy(&said.stderr))
    }

    fn schema(folder: &Path, kind: &str) -> PathBuf {
        let path = folder.join(format!("{kind}.xsd"));
        let (_, text) = SCHEMAS.iter().find(|(name, _)| *name == kind).expect("a schema");
        fs::write(&path, text).expect("a schema written");
        path
    }

    /// The files that xmllint accepts.
    fn validated(schema: &Path, paths: &[PathBuf]) -> BTreeSet<PathBuf> {
        let done = Command::new("xmllint")
            .args(["--noout", "--schema"])
            .arg(schema)
            .args(paths)
            .output()
            .expect("xmllint runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        said.lines().filter_map(|line| line.strip_suffix(" validates")).map(PathBuf::from).collect()
    }

    fn mutated(right: &[u8], random: &mut StdRng) -> Vec<u8> {
        let mut bytes = right.to_vec();
        for _ in 0..random.random_range(1..=2) {
            if bytes.is_empty() {
                break;
            }
            mutate(&mut bytes, random);
        }
        bytes
    }

    fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
        let at = random.random_range(0..bytes.len());
        let end = (at + random.random_range(1..60)).min(bytes.len());
        match random.random_range(0..14) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => bytes[at] = random.random(),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.extend_from_slice(NASTY.choose(random).expect("one")),
            5 | 6 => drop(bytes.splice(at..at, NASTY.choose(random).expect("one").iter().copied())),
            7..=9 => replace_value(bytes, random),
            10 | 11 => {
                // A whole line goes, is doubled, or is moved.
                let lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (from, to) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
                let mut lines = lines;
                let line = if random.random() { lines.remove(from) } else { lines[from].clone() };
                if random.random() {
                    lines.insert(to.min(lines.len()), line);
                }
                *bytes = lines.concat();
            }
            12 => {
                // A digit becomes another: values that stay of the right shape.
                if let Some(digit) = bytes.iter_mut().skip(at).find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + random.random_range(0..10);
                }
            }
            _ => {
                // The case of a letter changes.
                if let Some(letter) = bytes.iter_mut().skip(at).find(|byte| byte.is_ascii_alphabetic()) {
                    *letter ^= 0x20;
                }
            }
        }
    }

    /// Puts another value between two quotes, or between two tags.
    fn replace_value(bytes: &mut Vec<u8>, random: &mut StdRng) {
        let places: Vec<(usize, usize)> = values(bytes);
        let Some((from, to)) = places.choose(random).copied() else { return };
        let value = VALUES.choose(random).expect("one").as_bytes();
        bytes.splice(from..to, value.iter().copied());
    }

    fn values(bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        for (open, close) in [(b'"', b'"'), (b'>', b'<')] {
            let mut from = 0;
            while let Some(start) = bytes[from..].iter().position(|byte| *byte == open).map(|at| from + at + 1) {
                let Some(end) = bytes[start..].iter().position(|byte| *byte == close).map(|at| start + at) else {
                    break;
                };
                places.push((start, end));
                from = if open == close { end + 1 } else { end };
            }
        }
        places
    }
}
