//! Tells the program which commit it is built from, for `navette --version`: of a git checkout, or of a crate's tarball.
//! The same sources always make the same answer. A debug build names no commit: it would be built again after each.

use std::{env, fs, path::Path, process::Command};

/// What cargo puts into a crate's tarball.
const TARBALL: &str = ".cargo_vcs_info.json";
/// Digits of a commit that are shown.
const DIGITS: usize = 12;
/// What a build is made of.
const SOURCES: [&str; 4] = ["src", "deploy/build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    // A path that does not exist would have everything built anew each time.
    for path in SOURCES.into_iter().chain([TARBALL]).filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
    let from = if env::var("PROFILE").as_deref() == Ok("debug") {
        "debug".to_owned()
    } else {
        of_checkout().or_else(of_tarball).unwrap_or_else(|| "no commit".to_owned())
    };
    let number = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=NAVETTE_VERSION={number} ({from})");
}

/// The commit that is checked out here, and whether the sources were changed since.
fn of_checkout() -> Option<String> {
    // Unpacked inside of another repository, that one's commit would be none of ours.
    if !Path::new(".git").exists() {
        return None;
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&[["status", "--porcelain", "--"].as_slice(), SOURCES.as_slice()].concat())?;
    let commit = commit.get(..DIGITS)?;
    Some(if changes.is_empty() { commit.to_owned() } else { format!("{commit}, changed") })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The commit that the crate was packed from: `{"git":{"sha1":"…"}}`.
fn of_tarball() -> Option<String> {
    let text = fs::read_to_string(TARBALL).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?.get(..DIGITS)?;
    Some(if text.contains("\"dirty\": true") { format!("{commit}, changed") } else { commit.to_owned() })
}
