//! A folder that can be made unusable: it is renamed away, and a plain file takes its place, so that nobody makes a new
//! one there.

use crate::files::FileFault;
use std::{
    ffi::OsString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// What is added to the name of a folder while it is away.
const AWAY: &str = ".away";

/// A folder and where it is while it is away.
#[derive(Clone, Debug)]
pub struct Gate {
    path: PathBuf,
    away: PathBuf,
}

impl Gate {
    /// The gate of a folder.
    pub fn new(path: &Path) -> Self {
        let mut away = OsString::from(path);
        away.push(AWAY);
        Self { path: path.to_owned(), away: PathBuf::from(away) }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder usable or unusable; it may be so already. A rename or two: nothing that is worth another thread.
    ///
    /// # Errors
    /// `Io` when the machine fails.
    pub fn set(&self, usable: bool) -> Result<(), FileFault> {
        let is_away = fs::exists(&self.away).map_err(|source| self.fault("look for", source))?;
        if usable == is_away {
            let moved = if usable { self.bring_back() } else { self.send_away() };
            moved.map_err(|source| self.fault("move", source))?;
        }
        Ok(())
    }

    fn send_away(&self) -> std::io::Result<()> {
        fs::rename(&self.path, &self.away)?;
        fs::write(&self.path, [])
    }

    fn bring_back(&self) -> std::io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(gone) if gone.kind() == ErrorKind::NotFound => (),
            done => done?,
        }
        fs::rename(&self.away, &self.path)
    }

    fn fault(&self, action: &'static str, source: std::io::Error) -> FileFault {
        FileFault::Io { action, path: self.path.clone(), source }
    }
}
