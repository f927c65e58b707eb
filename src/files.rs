//! Files of the exchange on disk: published whole or not at all, read with a limit, removed digest first.
//!
//! A file exists once its `NAME.sha256` stands beside it (siecle.md, common rules). What the bytes mean is the codec's
//! to say; which folder they belong in, the caller's.

mod digest;
mod in_place;
mod temporaries;

pub use digest::{digest_line, digest_name, parse_digest_line};
pub use in_place::keep_copy;

use crate::crash::{Crash, Point};
use crate::files::{
    digest::{DIGEST_ENDING, read_digest},
    in_place::{make_private_dir, put},
    temporaries::Temporaries,
};
use sha2::{Digest, Sha256};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use tempfile::TempPath;

/// Ending of a temporary name; it begins with a dot, so that no listing shows it.
const TEMPORARY_ENDING: &str = ".tmp";
/// Rights of what supervision reads under another user's name.
const PUBLIC_FILE_MODE: u32 = 0o644;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Another content already stands under this name.
    #[error("{} already holds other bytes: the same name never means two contents; look at both before removing one", .0.display())]
    Conflict(PathBuf),
    /// It is larger than what may be read.
    #[error("{} is larger than {limit} bytes: it is not read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit that it exceeds.
        limit: u64,
    },
    /// A folder, pipe or device stands where a file is expected.
    #[error("{} is not a plain file", .0.display())]
    NotAFile(PathBuf),
    /// Its `.sha256` is not one line in the format of `sha256sum` that names it.
    #[error("{}.sha256 is not one line of sha256sum for this file: publish the digest again", .0.display())]
    DigestLine(PathBuf),
    /// Its bytes are not those that its `.sha256` stands for.
    #[error("{} does not have the digest that its .sha256 announces: publish the file again", .0.display())]
    Digest(PathBuf),
    /// The machine failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl FileFault {
    /// Whether it only says that nothing stands under that name.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == ErrorKind::NotFound,
            Self::Conflict(_) | Self::TooLarge { .. } | Self::NotAFile(_) | Self::DigestLine(_) | Self::Digest(_) => {
                false
            }
        }
    }
}

/// The one way to the exchange's files, with its crash points.
#[derive(Clone, Default)]
pub struct Files {
    crash: Crash,
    temporaries: Temporaries,
    keeping: Keeping,
}

/// What files must outlive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Keeping {
    /// The machine's end: they are on disk before anything builds on them.
    #[default]
    ForGood,
    /// The program's end only.
    ForAPlay,
    /// Nothing: they are looked at, and never made, replaced or removed.
    Nothing,
}

impl Files {
    /// Files that pass the points of `crash`.
    pub fn new(crash: Crash) -> Self {
        Self { crash, ..Self::default() }
    }

    /// Files of a play, in which programs die and the machine does not: none waits for the disk, and the work is done on
    /// the thread that asks for it, which has nothing else to do.
    pub fn for_a_play(crash: Crash) -> Self {
        Self { crash, keeping: Keeping::ForAPlay, ..Self::default() }
    }

    /// Files of a dry run: what stands is read, and answered as it would be; nothing is written or removed.
    pub fn for_a_dry_run() -> Self {
        Self { keeping: Keeping::Nothing, ..Self::default() }
    }

    /// Publishes `bytes` as `name` in the folder `dir`, its digest last. The same bytes again change nothing, and
    /// finish what a crash left half done.
    ///
    /// # Errors
    /// `Conflict` when other bytes, or another digest, stand there; `Io` when the machine fails.
    pub async fn publish(&self, dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FileFault> {
        let keeping = self.keeping;
        let file = Publication { dir: dir.to_owned(), name: name.to_owned(), bytes: bytes.to_vec(), keeping };
        let (file, temporaries) = (Arc::new(file), self.temporaries.clone());
        if keeping == Keeping::Nothing {
            return self.blocking(move || holds(&file.dir.join(&file.name), &file.bytes).map(|_| ())).await;
        }
        let written = self
            .blocking({
                let file = Arc::clone(&file);
                move || {
                    temporaries.sweep(&file.dir, &file.name)?;
                    write_unless_there(&file, &temporaries)
                }
            })
            .await?;
        if let Some(temporary) = written {
            self.crash.reach(Point::FileWritten).await;
            self.give_name(&file, temporary).await?;
            self.crash.reach(Point::FileRenamed).await;
        }
        let line = digest_line(name, &Sha256::digest(bytes).into());
        let name = format!("{name}{DIGEST_ENDING}");
        let digest = Arc::new(Publication { dir: dir.to_owned(), name, bytes: line.into_bytes(), keeping });
        let temporaries = self.temporaries.clone();
        let written = self.blocking({
            let digest = Arc::clone(&digest);
            move || write_unless_there(&digest, &temporaries)
        });
        if let Some(temporary) = written.await? {
            self.give_name(&digest, temporary).await?;
            self.crash.reach(Point::DigestPublished).await;
        }
        Ok(())
    }

    /// Puts `bytes` at `path` in one step, in the place of what stands there, for everybody to read: no file of the
    /// exchange, which is never replaced.
    ///
    /// # Errors
    /// `Io` when the machine fails.
    pub async fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FileFault> {
        let (path, bytes) = (path.to_owned(), bytes.to_vec());
        self.changing(move || put(&path, &bytes, PUBLIC_FILE_MODE)).await
    }

    /// Reads a plain file of at most `limit` bytes, digest or not.
    ///
    /// # Errors
    /// `TooLarge`, `NotAFile`, or `Io`, also when it is not there (`FileFault::is_missing`).
    pub async fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileFault> {
        let path = path.to_owned();
        self.blocking(move || read_within(&path, limit)).await
    }

    /// Reads a published file and compares it with its digest; none while there is no digest: it does not exist yet.
    ///
    /// # Errors
    /// `DigestLine` or `Digest` when the digest is malformed or another's, and all that `read` answers.
    pub async fn read_verified(&self, dir: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, FileFault> {
        let (dir, name) = (dir.to_owned(), name.to_owned());
        self.blocking(move || {
            let Some(expected) = read_digest(&dir, &name)? else { return Ok(None) };
            let path = dir.join(&name);
            let bytes = match read_within(&path, limit) {
                // Whoever removes a file removes its digest first, perhaps just now.
                Err(gone) if gone.is_missing() => return Ok(None),
                read => read?,
            };
            let found: [u8; 32] = Sha256::digest(&bytes).into();
            if found == expected { Ok(Some(bytes)) } else { Err(FileFault::Digest(path)) }
        })
        .await
    }

    /// The digest that `NAME.sha256` announces; none while it is not there.
    ///
    /// # Errors
    /// `DigestLine` when it is malformed or names another file; `Io` when the machine fails.
    pub async fn digest_of(&self, dir: &Path, name: &str) -> Result<Option<[u8; 32]>, FileFault> {
        let (dir, name) = (dir.to_owned(), name.to_owned());
        self.blocking(move || read_digest(&dir, &name)).await
    }

    /// Removes a published file, digest first, so that no reader sees a digest without its file. Answers whether
    /// anything was there.
    ///
    /// # Errors
    /// `Io` when the machine fails; what is missing is no fault.
    pub async fn remove_published(&self, dir: &Path, name: &str) -> Result<bool, FileFault> {
        let (dir, name, keeping) = (dir.to_owned(), name.to_owned(), self.keeping);
        self.changing(move || {
            let digest = remove(&dir.join(format!("{name}{DIGEST_ENDING}")))?;
            let file = remove(&dir.join(&name))?;
            sync_dir(&dir, keeping)?;
            Ok(digest || file)
        })
        .await
    }

    /// Moves a published file between two folders: it is published in the one before it leaves the other.
    ///
    /// # Errors
    /// What `read_verified` and `publish` answer; `Io` of a missing file when it is not published in `from`.
    pub async fn move_published(&self, from: &Path, to: &Path, name: &str, limit: u64) -> Result<(), FileFault> {
        let Some(bytes) = self.read_verified(from, name, limit).await? else {
            return Err(fault("move", &from.join(name))(ErrorKind::NotFound.into()));
        };
        self.publish(to, name, &bytes).await?;
        self.remove_published(from, name).await.map(|_| ())
    }

    /// Names of the published files of a folder, sorted: those that have a digest. What is hidden, temporary, or not
    /// finished is left out.
    ///
    /// # Errors
    /// `Io` when the folder cannot be read, also when it is not there.
    pub async fn list(&self, dir: &Path) -> Result<Vec<String>, FileFault> {
        let dir = dir.to_owned();
        self.blocking(move || {
            let names = names(&dir)?;
            let published = |name: &&String| names.binary_search(&format!("{name}{DIGEST_ENDING}")).is_ok();
            Ok(names.iter().filter(published).cloned().collect())
        })
        .await
    }

    /// Names of all that stands in a folder, finished or not, sorted; what is hidden is left out.
    ///
    /// # Errors
    /// `Io` when the folder cannot be read, also when it is not there.
    pub async fn names(&self, dir: &Path) -> Result<Vec<String>, FileFault> {
        let dir = dir.to_owned();
        self.blocking(move || names(&dir)).await
    }

    /// Which of these names stand in a folder.
    ///
    /// # Errors
    /// `Io` when the folder cannot be asked, also when it is not there: an absent folder is not an empty one.
    pub async fn stand<const N: usize>(&self, dir: &Path, names: [String; N]) -> Result<[bool; N], FileFault> {
        let dir = dir.to_owned();
        self.blocking(move || {
            let folder = fs::metadata(&dir).map_err(fault("list", &dir))?;
            if !folder.is_dir() {
                return Err(fault("list", &dir)(ErrorKind::NotADirectory.into()));
            }
            let mut stand = [false; N];
            for (stands, name) in stand.iter_mut().zip(names) {
                let path = dir.join(name);
                *stands = fs::exists(&path).map_err(fault("read", &path))?;
            }
            Ok(stand)
        })
        .await
    }

    /// When a folder last changed.
    ///
    /// # Errors
    /// `Io` when the folder cannot be asked, also when it is not there.
    pub async fn changed_at(&self, dir: &Path) -> Result<SystemTime, FileFault> {
        let dir = dir.to_owned();
        self.blocking(move || fs::metadata(&dir).and_then(|folder| folder.modified()).map_err(fault("list", &dir)))
            .await
    }

    /// Makes a folder and what is missing above it, for us alone (0700). One that is there is left as it is.
    ///
    /// # Errors
    /// `Io` when the machine fails.
    pub async fn create_private_dir(&self, dir: &Path) -> Result<(), FileFault> {
        let (dir, keeping) = (dir.to_owned(), self.keeping);
        self.changing(move || {
            make_private_dir(&dir)?;
            dir.parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .map_or(Ok(()), |parent| sync_dir(parent, keeping))
        })
        .await
    }

    /// Removes a folder with all that it holds; one that is not there is no fault.
    ///
    /// # Errors
    /// `Io` when the machine fails.
    pub async fn purge(&self, dir: &Path) -> Result<(), FileFault> {
        let dir = dir.to_owned();
        self.changing(move || match fs::remove_dir_all(&dir) {
            Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map_err(fault("purge", &dir)),
        })
        .await
    }
}

/// What is to stand under which name.
struct Publication {
    dir: PathBuf,
    name: String,
    bytes: Vec<u8>,
    keeping: Keeping,
}

/// Writes it under a temporary name, unless it has its own already.
fn write_unless_there(file: &Publication, temporaries: &Temporaries) -> Result<Option<PathBuf>, FileFault> {
    if holds(&file.dir.join(&file.name), &file.bytes)? {
        return Ok(None);
    }
    let temporary = write_temporary(file)?;
    temporaries.begun(&file.dir, &temporary);
    Ok(Some(temporary))
}

impl Files {
    /// Gives what was written its name, for good.
    async fn give_name(&self, file: &Arc<Publication>, temporary: PathBuf) -> Result<(), FileFault> {
        let (file, temporaries) = (Arc::clone(file), self.temporaries.clone());
        self.blocking(move || {
            let target = file.dir.join(&file.name);
            let temporary = TempPath::try_from_path(&temporary).map_err(fault("name", &temporary))?;
            temporaries.ended(&file.dir, &temporary);
            match temporary.persist_noclobber(&target) {
                Ok(()) => sync_dir(&file.dir, file.keeping),
                // Someone was faster; equal bytes are what we wanted.
                Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => holds(&target, &file.bytes).map(|_| ()),
                Err(lost) => Err(fault("name", &target)(lost.error)),
            }
        })
        .await
    }

    /// Runs what changes something, which a dry run leaves undone.
    async fn changing<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FileFault> + Send + 'static,
    ) -> Result<T, FileFault> {
        match self.keeping {
            Keeping::ForGood | Keeping::ForAPlay => self.blocking(work).await,
            Keeping::Nothing => Ok(T::default()),
        }
    }

    /// Runs what blocks beside the runtime's own threads; a play has its thread to itself.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FileFault> + Send + 'static,
    ) -> Result<T, FileFault> {
        match self.keeping {
            Keeping::ForAPlay => work(),
            Keeping::ForGood | Keeping::Nothing => match tokio::task::spawn_blocking(work).await {
                Ok(done) => done,
                Err(broken) => Err(fault("work on", Path::new("the files"))(io::Error::other(broken))),
            },
        }
    }
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileFault + use<> {
    let path = path.to_owned();
    move |source| FileFault::Io { action, path, source }
}

/// Whether exactly `bytes` stand at `path`; other bytes are a conflict.
fn holds(path: &Path, bytes: &[u8]) -> Result<bool, FileFault> {
    match read_within(path, bytes.len() as u64) {
        Ok(found) if found == bytes => Ok(true),
        Ok(_) | Err(FileFault::TooLarge { .. }) => Err(FileFault::Conflict(path.to_owned())),
        Err(missing) if missing.is_missing() => Ok(false),
        Err(other) => Err(other),
    }
}

fn read_within(path: &Path, limit: u64) -> Result<Vec<u8>, FileFault> {
    // A pipe without writer would make opening wait for ever.
    let meta = fs::metadata(path).map_err(fault("read", path))?;
    if !meta.is_file() {
        return Err(FileFault::NotAFile(path.to_owned()));
    }
    let too_large = || FileFault::TooLarge { path: path.to_owned(), limit };
    if limit < meta.len() {
        return Err(too_large());
    }
    let file = File::open(path).map_err(fault("read", path))?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default());
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fault("read", path))?;
    if limit < bytes.len() as u64 { Err(too_large()) } else { Ok(bytes) }
}

/// Writes `bytes` under a temporary name, 0600, on disk before it answers. The name is not removed when the caller
/// is dropped: a crash would not have removed it either.
fn write_temporary(file: &Publication) -> Result<PathBuf, FileFault> {
    let Publication { dir, name, bytes, keeping } = file;
    let mut temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(name))
        .suffix(TEMPORARY_ENDING)
        .tempfile_in(dir)
        .map_err(fault("write into", dir))?;
    let written = temporary.write_all(bytes).and_then(|()| sync(temporary.as_file(), *keeping));
    written.map_err(fault("write", temporary.path()))?;
    let (_, path) = temporary.keep().map_err(|lost| fault("write into", dir)(lost.error))?;
    Ok(path)
}

fn temporary_prefix(name: &str) -> String {
    format!(".{name}.")
}

fn remove(path: &Path) -> Result<bool, FileFault> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(fault("remove", path)(source)),
    }
}

fn sync_dir(dir: &Path, keeping: Keeping) -> Result<(), FileFault> {
    File::open(dir).and_then(|dir| sync(&dir, keeping)).map_err(fault("sync", dir))
}

/// Waits until a file, or a folder's names, are on disk, where they must be.
fn sync(file: &File, keeping: Keeping) -> io::Result<()> {
    match keeping {
        Keeping::ForGood => file.sync_all(),
        Keeping::ForAPlay | Keeping::Nothing => Ok(()),
    }
}

/// Visible names of a folder, sorted.
fn names(dir: &Path) -> Result<Vec<String>, FileFault> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(fault("list", dir))? {
        let name = entry.map_err(fault("list", dir))?.file_name();
        names.extend(OsStr::to_str(&name).filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    const NAME: &str = "0380001V-2019-DEM-3E-DEFINITIVE-00012.xml";
    const BYTES: &[u8] = b"<LOT/>\n";
    const LIMIT: u64 = 1_000;

    fn dir() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn everything(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_dry_run_reads_and_changes_nothing() {
        let (dir, own, dry) = (dir(), Files::default(), Files::for_a_dry_run());
        own.publish(dir.path(), NAME, BYTES).await.unwrap();
        let before = everything(dir.path());
        dry.publish(dir.path(), "new.xml", BYTES).await.unwrap();
        dry.publish(&dir.path().join("nowhere"), NAME, BYTES).await.unwrap();
        assert!(matches!(dry.publish(dir.path(), NAME, b"other").await, Err(FileFault::Conflict(_))));
        dry.replace(&dir.path().join("metrics.prom"), BYTES).await.unwrap();
        dry.create_private_dir(&dir.path().join("folder")).await.unwrap();
        assert!(!dry.remove_published(dir.path(), NAME).await.unwrap());
        dry.purge(dir.path()).await.unwrap();
        assert_eq!(everything(dir.path()), before);
        assert_eq!(dry.read_verified(dir.path(), NAME, LIMIT).await.unwrap().as_deref(), Some(BYTES));
    }

    #[tokio::test]
    async fn published_twice_is_published_once() {
        let (dir, files) = (dir(), Files::default());
        files.publish(dir.path(), NAME, BYTES).await.unwrap();
        let first = fs::metadata(dir.path().join(NAME)).unwrap().modified().unwrap();
        files.publish(dir.path(), NAME, BYTES).await.unwrap();
        assert_eq!(fs::metadata(dir.path().join(NAME)).unwrap().modified().unwrap(), first);
        assert_eq!(everything(dir.path()), [NAME.to_owned(), format!("{NAME}.sha256")]);
        assert_eq!(files.read_verified(dir.path(), NAME, LIMIT).await.unwrap().as_deref(), Some(BYTES));
        assert_eq!(files.list(dir.path()).await.unwrap(), [NAME]);
        assert_eq!(mode(&dir.path().join(NAME)), 0o600);
        assert_eq!(mode(&dir.path().join(format!("{NAME}.sha256"))), 0o600);
    }

    #[rstest]
    #[case::other_bytes(NAME, b"<LOR/>\n")]
    #[case::shorter(NAME, b"<LOT/>")]
    #[case::longer(NAME, b"<LOT/>\n\n")]
    #[case::another_digest("0380001V-2019-DEM-3E-DEFINITIVE-00012.xml.sha256", b"0000  other\n")]
    #[tokio::test]
    async fn a_name_never_gets_a_second_content(#[case] name: &str, #[case] there: &[u8]) {
        let (dir, files) = (dir(), Files::default());
        fs::write(dir.path().join(name), there).unwrap();
        let conflict = files.publish(dir.path(), NAME, BYTES).await.unwrap_err();
        assert!(matches!(&conflict, FileFault::Conflict(path) if path.ends_with(name)), "{conflict}");
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), there);
        assert!(everything(dir.path()).iter().all(|name| !name.ends_with(TEMPORARY_ENDING)));
    }

    #[test]
    fn a_copy_is_for_us_alone_and_takes_the_place_of_an_older_one() {
        let dir = dir();
        let path = dir.path().join("kept").join("files").join(NAME);
        keep_copy(&path, b"older").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        keep_copy(&path, BYTES).unwrap();
        assert_eq!(fs::read(&path).unwrap(), BYTES);
        let modes = [path.as_path(), path.parent().unwrap(), &dir.path().join("kept")].map(mode);
        assert_eq!(modes, [0o600, 0o700, 0o700]);
        assert_eq!(everything(path.parent().unwrap()), [NAME]);
    }

    #[tokio::test]
    async fn a_digest_is_a_line_that_sha256sum_would_write() {
        let (dir, files) = (dir(), Files::default());
        files.publish(dir.path(), "vide.csv", b"").await.unwrap();
        let line = fs::read_to_string(dir.path().join("vide.csv.sha256")).unwrap();
        assert_eq!(line, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  vide.csv\n");
    }

    #[rstest]
    #[case::text("{}  a.xml\n", true)]
    #[case::binary_mark_and_windows_line_end("{} *a.xml\r\n", true)]
    #[case::no_line_end("{}  a.xml", true)]
    #[case::another_name("{}  b.xml\n", false)]
    #[case::one_space("{} a.xml\n", false)]
    #[case::two_lines("{}  a.xml\n{}  a.xml\n", false)]
    #[case::short("ab  a.xml\n", false)]
    #[case::not_hex("zz{}  a.xml\n", false)]
    #[case::empty("", false)]
    #[case::cut_inside_a_character("éééééééééééééééééééééééééééééééé\u{e9}x", false)]
    fn digest_lines_of_other_hands(#[case] line: &str, #[case] read: bool) {
        let line = line.replace("{}", &"aB".repeat(32));
        assert_eq!(parse_digest_line(&line, "a.xml"), read.then_some([0xab; 32]));
    }

    #[rstest]
    #[case::written(Point::FileWritten, 1)]
    #[case::renamed(Point::FileRenamed, 1)]
    #[case::digest_published(Point::DigestPublished, 2)]
    #[tokio::test]
    async fn a_crash_leaves_nothing_that_publishing_again_does_not_finish(#[case] point: Point, #[case] left: usize) {
        let (dir, crash) = (dir(), Crash::counting());
        let files = Files::new(crash.clone());
        crash.arm(point, 1);
        tokio::select! {
            biased;
            published = files.publish(dir.path(), NAME, BYTES) => panic!("it lived: {published:?}"),
            () = crash.died() => (),
        }
        assert_eq!(everything(dir.path()).len(), left);
        let exists = point == Point::DigestPublished;
        assert_eq!(files.list(dir.path()).await.unwrap().len(), usize::from(exists));
        assert_eq!(files.read_verified(dir.path(), NAME, LIMIT).await.unwrap().is_some(), exists);
        crash.disarm();
        files.publish(dir.path(), NAME, BYTES).await.unwrap();
        assert_eq!(everything(dir.path()), [NAME.to_owned(), format!("{NAME}.sha256")]);
        assert!(files.read_verified(dir.path(), NAME, LIMIT).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn leftovers_of_another_name_are_ignored_and_left_alone() {
        let (dir, files) = (dir(), Files::default());
        let other = ".0380001V-2019-DEM-3E-DEFINITIVE-00011.xml.x1y2z3.tmp";
        let own = format!(".{NAME}.sha256.a1b2c3.tmp");
        fs::write(dir.path().join(other), b"half").unwrap();
        fs::write(dir.path().join(&own), b"half").unwrap();
        assert!(files.list(dir.path()).await.unwrap().is_empty());
        files.publish(dir.path(), NAME, BYTES).await.unwrap();
        assert_eq!(everything(dir.path()), [other, NAME, &format!("{NAME}.sha256")]);
    }

    #[tokio::test]
    async fn reading_has_a_limit_and_wants_a_plain_file() {
        let (dir, files) = (dir(), Files::default());
        files.publish(dir.path(), NAME, BYTES).await.unwrap();
        let path = dir.path().join(NAME);
        assert_eq!(files.read(&path, BYTES.len() as u64).await.unwrap(), BYTES);
        let large = files.read(&path, BYTES.len() as u64 - 1).await.unwrap_err();
        assert!(matches!(large, FileFault::TooLarge { limit: 6, .. }));
        assert!(matches!(files.read(dir.path(), LIMIT).await.unwrap_err(), FileFault::NotAFile(_)));
        assert!(files.read(&dir.path().join("nothing"), LIMIT).await.unwrap_err().is_missing());
    }

    #[rstest]
    #[case::malformed(b"no digest", "one line of sha256sum")]
    #[case::not_text(b"\xff\xfe", "one line of sha256sum")]
    #[case::of_other_bytes(
        b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.xml\n",
        "does not have the digest"
    )]
    #[tokio::test]
    async fn a_file_that_its_digest_does_not_fit_is_not_read(#[case] digest: &[u8], #[case] says: &str) {
        let (dir, files) = (dir(), Files::default());
        fs::write(dir.path().join("a.xml"), BYTES).unwrap();
        fs::write(dir.path().join("a.xml.sha256"), digest).unwrap();
        let fault = files.read_verified(dir.path(), "a.xml", LIMIT).await.unwrap_err();
        assert!(fault.to_string().contains(says), "{fault}");
    }

    #[tokio::test]
    async fn a_published_file_moves_and_goes_digest_first() {
        let (dir, files) = (dir(), Files::default());
        let (from, to) = (dir.path().join("import"), dir.path().join("siecle/imported"));
        files.create_private_dir(&from).await.unwrap();
        files.create_private_dir(&to).await.unwrap();
        files.create_private_dir(&to).await.unwrap();
        assert_eq!((mode(&to), mode(to.parent().unwrap())), (0o700, 0o700));
        files.publish(&from, NAME, BYTES).await.unwrap();
        files.move_published(&from, &to, NAME, LIMIT).await.unwrap();
        assert!(everything(&from).is_empty());
        assert!(files.move_published(&from, &to, NAME, LIMIT).await.unwrap_err().is_missing());
        assert_eq!(files.list(&to).await.unwrap(), [NAME]);
        assert!(files.remove_published(&to, NAME).await.unwrap());
        assert!(!files.remove_published(&to, NAME).await.unwrap());
        files.purge(&to).await.unwrap();
        files.purge(&to).await.unwrap();
        assert!(!to.exists() && from.exists());
    }
}
