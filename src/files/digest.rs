//! Digests beside files, in the format of `sha256sum`: `NAME.sha256` says that `NAME` is published.

use crate::files::{FileFault, read_within};
use std::{fmt::Write as _, path::Path};

/// Ending of the digest's name.
pub(super) const DIGEST_ENDING: &str = ".sha256";
/// Longest digest file read: 64 digits, two marks, a file name and a line end fit many times over.
const DIGEST_BYTES_MAX: u64 = 4_096;

/// The line of `sha256sum` for a file.
pub fn digest_line(name: &str, sha256: &[u8; 32]) -> String {
    let mut line = String::with_capacity(2 * sha256.len() + name.len() + 3);
    for byte in sha256 {
        // Writing to a String cannot fail.
        let _ = write!(line, "{byte:02x}");
    }
    line + "  " + name + "\n"
}

/// The name of a file's digest.
pub fn digest_name(name: &str) -> String {
    format!("{name}{DIGEST_ENDING}")
}

/// The digest that stands beside a file; none while it is not there.
pub(super) fn read_digest(dir: &Path, name: &str) -> Result<Option<[u8; 32]>, FileFault> {
    let malformed = || FileFault::DigestLine(dir.join(name));
    match read_within(&dir.join(format!("{name}{DIGEST_ENDING}")), DIGEST_BYTES_MAX) {
        Err(missing) if missing.is_missing() => Ok(None),
        Err(FileFault::TooLarge { .. }) => Err(malformed()),
        Err(other) => Err(other),
        Ok(bytes) => {
            let line = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
            parse_digest_line(line, name).map(Some).ok_or_else(malformed)
        }
    }
}

/// The digest of one line of `sha256sum` that names `name`; other hands may have written it, so either mark (text or
/// binary), upper case and either line end will do.
pub fn parse_digest_line(line: &str, name: &str) -> Option<[u8; 32]> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (hex, rest) = line.split_at_checked(64)?;
    let named = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    if named != name || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut sha256 = [0; 32];
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(sha256)
}
