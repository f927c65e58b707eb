//! `navette check`: the faults of files of the exchange, one a line as `file:row:code:message`.

use crate::cli::{
    Global,
    exit::Exit,
    output::{complain, lines},
};
use crate::codec::{
    self, Fault,
    envelope::{Sha256Digest, parse_digest_line},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// Arguments of `navette check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files; a `.sha256` beside one is verified
    #[arg(required = NEEDED, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

const NEEDED: bool = true;
/// A digest and a name; more is no `.sha256`.
const DIGEST_LINE_BYTES_MAX: u64 = 1_024;

/// Prints each fault: 3 when there was one, 2 when a file cannot be opened.
///
/// # Errors
/// When standard output cannot be written.
pub fn execute(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let mut printer = Printer { out: lines(), json: global.json, faults: 0, end: Ok(()) };
    let mut exit = Exit::Done;
    printer.open();
    for path in &args.files {
        match check(path, &mut printer) {
            Ok(()) => (),
            Err(fault) => {
                complain(&format!("navette: {}: {fault}", path.display()));
                exit = Exit::Usage;
            }
        }
    }
    let faults = printer.faults;
    printer.close()?;
    Ok(Exit::first([exit, if faults == 0 { Exit::Done } else { Exit::Anomalies }]))
}

/// Prints the faults of one file; fails only when it cannot be opened.
fn check(path: &Path, printer: &mut Printer<impl Write>) -> io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut input = BufReader::new(file);
    codec::check::check(&name, &mut input, &mut |fault| printer.fault(path, &fault));
    if let Some(said) = digest_beside(path, &name)?
        && said != Some(digest_of(input)?)
    {
        let message = "the file is not the one of its .sha256: fetch both again, whole";
        printer.fault(path, &Fault::new(0, "EMPREINTE", message));
    }
    Ok(())
}

/// The digest of a whole file, wherever its reader stands.
fn digest_of(mut input: BufReader<File>) -> io::Result<Sha256Digest> {
    input.rewind()?;
    let mut hash = Sha256::new();
    loop {
        let read = input.fill_buf()?;
        if read.is_empty() {
            return Ok(hash.finalize().into());
        }
        hash.update(read);
        let length = read.len();
        input.consume(length);
    }
}

/// The digest that stands beside a file: none, one that cannot be read as such, or the digest.
fn digest_beside(path: &Path, name: &str) -> io::Result<Option<Option<Sha256Digest>>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sha256");
    let mut line = String::new();
    match File::open(PathBuf::from(beside)) {
        Ok(file) => match file.take(DIGEST_LINE_BYTES_MAX).read_to_string(&mut line) {
            Ok(_) => Ok(Some(parse_digest_line(name, &line))),
            Err(fault) if fault.kind() == io::ErrorKind::InvalidData => Ok(Some(None)),
            Err(fault) => Err(fault),
        },
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Writes faults as they are found: a file can have as many as it has rows.
struct Printer<W> {
    out: W,
    json: bool,
    faults: u64,
    end: io::Result<()>,
}

/// A fault in the JSON list.
#[derive(Serialize)]
struct FaultRow<'a> {
    file: String,
    row: u64,
    code: &'a str,
    message: &'a str,
}

impl<W: Write> Printer<W> {
    fn open(&mut self) {
        if self.json {
            self.put("[");
        }
    }

    fn fault(&mut self, path: &Path, fault: &Fault) {
        self.faults += 1;
        if !self.json {
            return self.put(&format!("{}:{fault}\n", path.display()));
        }
        let row =
            FaultRow { file: path.display().to_string(), row: fault.row, code: fault.code, message: &fault.message };
        let text = serde_json::to_string(&row).unwrap_or_default();
        let before = if self.faults == 1 { "" } else { "," };
        self.put(&format!("{before}{text}"));
    }

    fn put(&mut self, text: &str) {
        if self.end.is_ok() {
            self.end = self.out.write_all(text.as_bytes());
        }
    }

    fn close(mut self) -> io::Result<()> {
        if self.json {
            self.put("]\n");
        }
        match self.end.and_then(|()| self.out.flush()) {
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            end => end,
        }
    }
}
