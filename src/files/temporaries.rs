//! Temporary names: what a crash left under them, and what is being written now.

use crate::files::{FileFault, TEMPORARY_ENDING, fault, remove, temporary_prefix};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Temporary names by folder: those that lay there when it was first published to, and ours since. A folder that all
/// schools share is listed once for that, not once a file.
#[derive(Clone, Default)]
pub struct Temporaries(Arc<Mutex<BTreeMap<PathBuf, BTreeSet<String>>>>);

impl Temporaries {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<PathBuf, BTreeSet<String>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes what a crash left of this name, and of its digest. Other names are left alone: they may be another's, who
    /// is writing now, while one name has one publisher at a time (the lease).
    ///
    /// # Errors
    /// `Io` when the folder cannot be listed, or a file cannot be removed.
    pub fn sweep(&self, dir: &Path, name: &str) -> Result<(), FileFault> {
        if !self.change(|known| known.contains_key(dir)) {
            let found = temporaries(dir)?;
            self.change(|known| known.entry(dir.to_owned()).or_default().extend(found));
        }
        let prefix = temporary_prefix(name);
        let left = self.change(|known| {
            let names = known.entry(dir.to_owned()).or_default();
            names.extract_if(.., |left| left.starts_with(&prefix)).collect::<Vec<_>>()
        });
        left.iter().try_for_each(|left| remove(&dir.join(left)).map(|_| ()))
    }

    /// A file is being written under this name.
    pub fn begun(&self, dir: &Path, temporary: &Path) {
        let name = temporary.file_name().and_then(OsStr::to_str).map(str::to_owned);
        self.change(|known| known.entry(dir.to_owned()).or_default().extend(name));
    }

    /// It gets its own name.
    pub fn ended(&self, dir: &Path, temporary: &Path) {
        let name = temporary.file_name().and_then(OsStr::to_str).unwrap_or_default();
        self.change(|known| known.get_mut(dir).is_some_and(|names| names.remove(name)));
    }
}

/// Temporary names that lie in a folder.
fn temporaries(dir: &Path) -> Result<Vec<String>, FileFault> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(fault("list", dir))? {
        let name = entry.map_err(fault("list", dir))?.file_name();
        let is_temporary = |name: &&str| name.starts_with('.') && name.ends_with(TEMPORARY_ENDING);
        found.extend(OsStr::to_str(&name).filter(is_temporary).map(str::to_owned));
    }
    Ok(found)
}
