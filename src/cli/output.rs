//! Standard output and standard error. Nothing else in the program prints.

use serde::Serialize;
use std::io::{self, Write};

/// Writes a result to standard output. A reader who has gone away (`| head`) is no fault.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output, as they are.
///
/// # Errors
/// When standard output cannot be written.
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes one JSON document to standard output.
///
/// # Errors
/// When it cannot be made, or standard output cannot be written.
pub fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(document)?;
    text.push('\n');
    Ok(print(&text)?)
}

/// Standard output for many lines; whoever writes to it flushes it.
pub fn lines() -> impl Write {
    io::BufWriter::new(io::stdout().lock())
}

/// Says a fault on standard error. Where even that is closed nobody can be told.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
