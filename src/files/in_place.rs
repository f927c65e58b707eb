//! What is put in one step in the place of what stood there, with its rights, and folders for us alone. No file of the
//! exchange is replaced: those are published.

use crate::files::{FileFault, TEMPORARY_ENDING, fault};
use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

/// `DirBuilder::recursive`.
const MISSING_PARENTS_TOO: bool = true;
/// Rights of every folder that navette makes.
const PRIVATE_DIR_MODE: u32 = 0o700;
/// Rights of every file with personal data.
const PRIVATE_FILE_MODE: u32 = 0o600;

/// Puts a copy of what is personal at `path`, in the place of what stands there, for us alone (0600), in folders for us
/// alone where they are missing (0700). It outlives the program's end only.
///
/// # Errors
/// `Io` when the machine fails.
pub fn keep_copy(path: &Path, bytes: &[u8]) -> Result<(), FileFault> {
    make_private_dir(folder_of(path))?;
    put(path, bytes, PRIVATE_FILE_MODE)
}

/// Makes a folder and what is missing above it, for us alone (0700). One that is there is left as it is.
///
/// # Errors
/// `Io` when the machine fails.
pub fn make_private_dir(dir: &Path) -> Result<(), FileFault> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(MISSING_PARENTS_TOO).mode(PRIVATE_DIR_MODE).create(dir).map_err(fault("make", dir))
}

/// Writes under a temporary name, then takes the place of what stands at `path`.
///
/// # Errors
/// `Io` when the machine fails.
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileFault> {
    let (dir, mode) = (folder_of(path), fs::Permissions::from_mode(mode));
    let temporary = tempfile::Builder::new().prefix(".").suffix(TEMPORARY_ENDING).permissions(mode).tempfile_in(dir);
    let mut temporary = temporary.map_err(fault("write in", dir))?;
    temporary.write_all(bytes).map_err(fault("write", path))?;
    temporary.persist(path).map(drop).map_err(|lost| fault("replace", path)(lost.error))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
