//! Golden files: what a run must leave in `expected/`, no more and no less.

use similar::TextDiff;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Context lines around a difference.
const CONTEXT_LINES: usize = 3;

/// Files by path relative to their root.
pub type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// Every file under `root`; none when it does not exist.
///
/// # Errors
/// What the file system says.
pub fn tree(root: &Path) -> io::Result<Tree> {
    let mut found = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.insert(relative.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// Every difference between what was expected and what came, as unified diffs.
pub fn differences(expected: &Tree, produced: &Tree) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = expected.keys().chain(produced.keys()).collect();
    let difference = |path: &PathBuf| match (expected.get(path), produced.get(path)) {
        (Some(_), None) => Some(format!("{}: expected and not produced", path.display())),
        (None, Some(_)) => Some(format!("{}: produced and not expected", path.display())),
        (Some(wanted), Some(came)) if wanted != came => Some(diff(path, wanted, came)),
        (Some(_), Some(_)) | (None, None) => None,
    };
    paths.into_iter().filter_map(difference).collect()
}

fn diff(path: &Path, wanted: &[u8], came: &[u8]) -> String {
    let (wanted, came) = (String::from_utf8_lossy(wanted), String::from_utf8_lossy(came));
    let header = |side: &str| format!("{side}/{}", path.display());
    let text = TextDiff::from_lines(wanted.as_ref(), came.as_ref());
    text.unified_diff().context_radius(CONTEXT_LINES).header(&header("expected"), &header("produced")).to_string()
}

/// Replaces the folder `expected` by what came.
///
/// # Errors
/// What the file system says.
pub fn bless(expected: &Path, produced: &Tree) -> io::Result<()> {
    if expected.is_dir() {
        fs::remove_dir_all(expected)?;
    }
    for (path, bytes) in produced {
        let target = expected.join(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(target, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_tree(files: &[(&str, &str)]) -> Tree {
        files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn every_difference_is_said() {
        let expected = a_tree(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n")]);
        let produced = a_tree(&[("b", "2\n"), ("c", "4\n"), ("d", "5\n")]);
        let said = differences(&expected, &produced);
        assert_eq!(said.len(), 3);
        assert_eq!(said[0], "a: expected and not produced");
        assert!(said[1].contains("-3\n+4"), "{}", said[1]);
        assert_eq!(said[2], "d: produced and not expected");
    }

    #[test]
    fn what_was_blessed_holds() {
        let folder = tempfile::tempdir().unwrap();
        let produced = a_tree(&[("files/x/a.xml", "<a/>"), ("report.json", "{}")]);
        let expected = folder.path().join("expected");
        bless(&expected, &a_tree(&[("old", "")])).unwrap();
        bless(&expected, &produced).unwrap();
        assert_eq!(differences(&tree(&expected).unwrap(), &produced), Vec::<String>::new());
    }
}
