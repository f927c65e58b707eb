//! A zip that a person brings: exactly one XML or CSV of the same base name (siecle.md, common rules), or exactly one
//! export of SIECLE.

use crate::codec::{
    Fault, WriteFault,
    encoding::{FILE_BYTES_MAX, UNREADABLE, unreadable},
    envelope::{Sha256Digest, parse_digest_line},
};
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

/// What no zip may be.
const CODE: &str = "ZIP";
/// Entries of an honest zip: one file, its digest, what a Mac adds.
const ENTRIES_MAX: usize = 64;

/// The largest zip that is read without holding it: SIECLE's have less than 1 MiB, and its list of entries is held whole.
const STREAMED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The file in a zip, with the digest that lies beside it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its name, without folders.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The digest of `NAME.sha256` in the zip; inside, none where that is unreadable.
    pub sha256: Option<Option<Sha256Digest>>,
}

/// Takes the one file out of the zip called `name`.
///
/// # Errors
/// When it is no zip, holds anything else, or inflates beyond the largest file that is read.
pub fn unpack(name: &str, bytes: &[u8]) -> Result<Packed, Fault> {
    let mut archive = open(Cursor::new(bytes))?;
    let names = names(&archive)?;
    let (digests, files): (Vec<&String>, Vec<&String>) = names.iter().partition(|found| found.ends_with(".sha256"));
    let [path] = files.as_slice() else {
        let message = format!("the zip holds {} files: pack exactly one XML or CSV", files.len());
        return Err(Fault::new(0, CODE, message));
    };
    let inner = path.rsplit('/').next().unwrap_or_default().to_owned();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if ![format!("{stem}.xml"), format!("{stem}.csv")].contains(&inner) {
        let message = "the file in the zip is not the XML or CSV that the zip is named for: give both one base name";
        return Err(Fault::new(0, CODE, message));
    }
    let packed = inflate(&mut archive, path)?;
    let beside = digests.iter().find(|digest| **digest == &format!("{path}.sha256"));
    let sha256 = beside.map(|digest| inflate(&mut archive, digest)).transpose()?;
    let sha256 = sha256.map(|line| parse_digest_line(&inner, &String::from_utf8_lossy(&line)));
    Ok(Packed { name: inner, bytes: packed, sha256 })
}

/// Hands the one file of a zip to `read`, inflated as it is read, whatever its name.
///
/// # Errors
/// When it is no zip or holds anything else; what `read` says, or that the zip broke beneath it.
pub fn stream<R: Read + Seek, T>(
    mut input: R,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T, Fault>,
) -> Result<T, Fault> {
    if STREAMED_BYTES_MAX < input.seek(SeekFrom::End(0)).map_err(unreadable)? {
        return Err(Fault::new(0, "TAILLE", "the zip is larger than 16 MiB: no export is; bring the right one"));
    }
    let mut archive = open(input)?;
    let names = names(&archive)?;
    let [path] = names.as_slice() else {
        let message = format!("the zip holds {} files: bring each export in a zip of its own", names.len());
        return Err(Fault::new(0, CODE, message));
    };
    let entry = archive.by_name(path).map_err(|_| unpackable())?;
    read(&mut BufReader::new(entry)).map_err(|fault| if fault.code == UNREADABLE { unpackable() } else { fault })
}

/// Packs one file.
///
/// # Errors
/// When it cannot be compressed.
pub fn pack(name: &str, bytes: &[u8]) -> Result<Vec<u8>, WriteFault> {
    let failed = |fault: std::io::Error| WriteFault::Output(fault.kind());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).map_err(|fault| failed(fault.into()))?;
    writer.write_all(bytes).map_err(failed)?;
    Ok(writer.finish().map_err(|fault| failed(fault.into()))?.into_inner())
}

fn open<R: Read + Seek>(input: R) -> Result<ZipArchive<R>, Fault> {
    let archive = ZipArchive::new(input).map_err(|_| cut())?;
    if ENTRIES_MAX < archive.len() {
        return Err(Fault::new(0, CODE, "the zip holds too many files: pack the one file alone"));
    }
    Ok(archive)
}

/// The names of its files, without what a Mac adds.
fn names<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<Vec<String>, Fault> {
    let names = archive.file_names().map(|name| name.map(Into::into)).collect::<Result<Vec<String>, _>>();
    let added = |name: &str| name.starts_with("__MACOSX/") || name.ends_with(".DS_Store");
    let wanted = |name: &String| !name.ends_with('/') && !added(name);
    Ok(names.map_err(|_| cut())?.into_iter().filter(wanted).collect())
}

fn cut() -> Fault {
    Fault::new(0, CODE, "the zip cannot be read: it was cut on its way; bring it again")
}

fn unpackable() -> Fault {
    Fault::new(0, CODE, "the file in the zip cannot be unpacked: bring the zip again, whole and without a password")
}

/// Inflates one entry, whatever size it claims.
fn inflate(archive: &mut ZipArchive<Cursor<&[u8]>>, path: &str) -> Result<Vec<u8>, Fault> {
    let entry = archive.by_name(path).map_err(|_| unpackable())?;
    let mut bytes = Vec::new();
    entry.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|_| unpackable())?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Err(Fault::new(0, "TAILLE", "the file in the zip is larger than 64 MiB: no file of the exchange is"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::envelope::{digest_line, sha256};
    use rstest::rstest;

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn the_one_file_is_taken_with_its_digest() {
        let line = digest_line("a.xml", &sha256(b"<x/>"));
        let bytes = zip(&[("d/a.xml", b"<x/>"), ("__MACOSX/d/._a.xml", b"?"), ("d/a.xml.sha256", line.as_bytes())]);
        let packed = unpack("a.zip", &bytes).unwrap();
        assert_eq!((&*packed.name, &*packed.bytes), ("a.xml", &b"<x/>"[..]));
        assert_eq!(packed.sha256, Some(Some(sha256(b"<x/>"))));
        assert_eq!(unpack("a.zip", &zip(&[("a.csv", b"x")])).unwrap().sha256, None);
    }

    #[rstest]
    #[case::two(&[("a.xml", &b"x"[..]), ("b.xml", &b"x"[..])])]
    #[case::none(&[])]
    #[case::other_name(&[("b.xml", &b"x"[..])])]
    #[case::other_kind(&[("a.txt", &b"x"[..])])]
    fn anything_else_is_refused(#[case] entries: &[(&str, &[u8])]) {
        assert_eq!(unpack("a.zip", &zip(entries)).unwrap_err().code, CODE);
    }

    #[test]
    fn one_file_is_streamed_whatever_its_name() {
        let read = |bytes: Vec<u8>| {
            stream(Cursor::new(bytes), |file| {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(unreadable)?;
                Ok(text)
            })
        };
        let packed = pack("ElevesSansAdresses.xml", b"<x/>").unwrap();
        assert_eq!(read(packed.clone()).unwrap(), "<x/>");
        let mac = [("d/", &b""[..]), ("d/a.xml", b"<x/>"), ("__MACOSX/d/._a.xml", b"?"), ("d/.DS_Store", b"?")];
        assert_eq!(read(zip(&mac)).unwrap(), "<x/>");
        assert_eq!(read(zip(&[("a.xml", b"x"), ("b.xml", b"x")])).unwrap_err().code, CODE);
        assert_eq!(read(zip(&[])).unwrap_err().code, CODE);
        for end in 0..packed.len() {
            assert_eq!(read(packed[..end].to_vec()).unwrap_err().code, CODE, "{end}");
        }
    }

    #[test]
    fn what_is_no_zip_or_a_bomb_is_refused() {
        assert_eq!(unpack("a.zip", b"PK nothing").unwrap_err().code, CODE);
        let size = usize::try_from(FILE_BYTES_MAX).unwrap() + 1;
        assert_eq!(unpack("a.zip", &zip(&[("a.xml", &vec![b' '; size])])).unwrap_err().code, "TAILLE");
    }
}
