//! Folders shared with a far side: what stands in them under a published digest, and how it is read and laid down.
//! Which folders there are, and what a file in them means, is said in `feed`, `teleservice` and `siecle`.

use crate::clock::Clock;
use crate::domain::time::Timestamp;
use crate::files::{FileFault, Files, digest_name};
use crate::plan::delivery::Answer;
use rustix::fs::{Access, access};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// Largest file read (siecle.md: 64 MiB a file).
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A folder that did not change for so long before it was listed shows by its date that it changed since: far coarser
/// than the clocks by which file systems date their folders.
const AT_REST_S: i64 = 2;
/// A listing is not believed for longer, whatever the folder's date says: clocks of file servers differ.
const BELIEVED_S: i64 = 20;

/// Where the folders of a far side lie; `{uai}` was already replaced.
#[derive(Clone, Debug)]
pub struct DirectoryOptions {
    /// The folder that holds them.
    pub path: PathBuf,
}

/// The folders of one far side. Thousands of schools may share them: what is asked by name is asked by name, and a folder
/// at rest is listed once for all.
pub struct Directory {
    path: PathBuf,
    files: Files,
    /// By which clock a listing is believed; without one none is.
    clock: Option<Clock>,
    listings: Mutex<BTreeMap<String, Listing>>,
}

/// A folder that was at rest when it was listed.
struct Listing {
    changed_at: SystemTime,
    listed_at: Timestamp,
    names: Arc<Vec<String>>,
}

impl Directory {
    /// The folders under `options.path`. Nothing is read yet: a folder that is missing is an answer, not a fault.
    pub fn new(options: DirectoryOptions, files: Files) -> Self {
        Self { path: options.path, files, clock: None, listings: Mutex::default() }
    }

    /// Folders that are listed once for all schools while they are at rest, by the clock that dates their files.
    pub fn believed_by(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Names of the files published in `folder` that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read: an absent folder is not an empty one.
    pub async fn published(&self, folder: &str, prefix: &str) -> Result<Vec<String>, Answer> {
        let names = self.listed(folder).await?;
        let found = beginning(&names, prefix).iter();
        Ok(found.filter(|name| names.binary_search(&digest_name(name)).is_ok()).cloned().collect())
    }

    /// Names of all that stands in `folder` and begins with `prefix`, published or not, sorted.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read.
    pub async fn visible(&self, folder: &str, prefix: &str) -> Result<Vec<String>, Answer> {
        Ok(beginning(&self.listed(folder).await?, prefix).to_vec())
    }

    /// Whether `name` stands in `folder`, with its digest or without.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read.
    pub async fn holds(&self, folder: &str, name: &str) -> Result<bool, Answer> {
        let stand = self.files.stand(&self.path.join(folder), [name.to_owned()]).await;
        stand.map(|[stands]| stands).map_err(|fault| unread(&fault))
    }

    /// Whether `name` is published in `folder`.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read.
    pub async fn publishes(&self, folder: &str, name: &str) -> Result<bool, Answer> {
        let stand = self.files.stand(&self.path.join(folder), [name.to_owned(), digest_name(name)]).await;
        stand.map(|[stands, announced]| stands && announced).map_err(|fault| unread(&fault))
    }

    fn listings(&self) -> MutexGuard<'_, BTreeMap<String, Listing>> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All visible names of a folder, sorted.
    async fn listed(&self, folder: &str) -> Result<Arc<Vec<String>>, Answer> {
        let dir = self.path.join(folder);
        // Before the listing: what changes meanwhile is then seen by the date, too.
        let changed_at = self.files.changed_at(&dir).await.map_err(|fault| unread(&fault))?;
        let now = self.clock.as_ref().map(|clock| clock.now());
        if let (Some(now), Some(listing)) = (now, self.listings().get(folder))
            && listing.changed_at == changed_at
            && now < listing.listed_at.plus_s(BELIEVED_S)
        {
            return Ok(Arc::clone(&listing.names));
        }
        let names = Arc::new(self.files.names(&dir).await.map_err(|fault| unread(&fault))?);
        match now {
            Some(listed_at) if instant(changed_at).plus_s(AT_REST_S) < listed_at => {
                let listing = Listing { changed_at, listed_at, names: Arc::clone(&names) };
                self.listings().insert(folder.to_owned(), listing);
            }
            Some(_) | None => {
                self.listings().remove(folder);
            }
        }
        Ok(names)
    }

    /// The bytes of a published file; none while it has no digest, or when it has just been moved away.
    ///
    /// # Errors
    /// `Unusable` when its digest is another, or it is too large; `NotSent` when it can't be read.
    pub async fn read(&self, folder: &str, name: &str) -> Result<Option<Vec<u8>>, Answer> {
        let read = self.files.read_verified(&self.path.join(folder), name, FILE_BYTES_MAX).await;
        read.map_err(|fault| unread(&fault))
    }

    /// The digest published with a file, and the file's size; none when it has just been moved away.
    ///
    /// # Errors
    /// `Unusable` when the digest is no digest; `NotSent` when it can't be read.
    pub async fn announced(&self, folder: &str, name: &str) -> Result<Option<([u8; 32], u64)>, Answer> {
        let dir = self.path.join(folder);
        let digest = self.files.digest_of(&dir, name).await.map_err(|fault| unread(&fault))?;
        let size_bytes = tokio::fs::metadata(dir.join(name)).await.map(|meta| meta.len()).ok();
        Ok(digest.zip(size_bytes))
    }

    /// Whether files can be published in `folder`, as far as its rights tell.
    ///
    /// # Errors
    /// `NotSent` when they cannot.
    pub fn can_publish(&self, folder: &str) -> Result<(), Answer> {
        let dir = self.path.join(folder);
        access(&dir, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|fault| Answer::NotSent { why: format!("cannot write into {}: {fault}", dir.display()) })
    }

    /// Publishes a file. The same again changes nothing.
    ///
    /// # Errors
    /// Status 409 when the name holds other bytes; `NotSent` when nothing was published; `Broken` when that can't be told.
    pub async fn publish(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), Answer> {
        let dir = self.path.join(folder);
        self.files.stand(&dir, []).await.map_err(|fault| unread(&fault))?;
        let Err(fault) = self.files.publish(&dir, name, bytes).await else { return Ok(()) };
        let why = fault.to_string();
        match fault {
            FileFault::Conflict(_) => Err(Answer::TAKEN),
            FileFault::TooLarge { .. }
            | FileFault::NotAFile(_)
            | FileFault::DigestLine(_)
            | FileFault::Digest(_)
            | FileFault::Io { .. } => match self.files.digest_of(&dir, name).await {
                // Without its digest the file does not exist (siecle.md, common rules).
                Ok(None) => Err(Answer::NotSent { why }),
                Ok(Some(_)) | Err(_) => Err(Answer::Broken { why }),
            },
        }
    }
}

fn unread(fault: &FileFault) -> Answer {
    let why = fault.to_string();
    match fault {
        FileFault::Io { .. } => Answer::NotSent { why },
        FileFault::Conflict(_)
        | FileFault::TooLarge { .. }
        | FileFault::NotAFile(_)
        | FileFault::DigestLine(_)
        | FileFault::Digest(_) => Answer::Unusable { why },
    }
}

fn instant(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_epoch_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The names of a sorted list that begin with `prefix`.
fn beginning<'a>(names: &'a [String], prefix: &str) -> &'a [String] {
    let first = names.partition_point(|name| name.as_str() < prefix);
    let (_, from) = names.split_at(first);
    let count = from.partition_point(|name| name.starts_with(prefix));
    from.split_at(count).0
}

#[cfg(test)]
mod tests {
    use crate::transport::directory::*;
    use std::{fs, time::Duration};

    const FOLDER: &str = "export";

    fn names(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn date(path: &std::path::Path, at: SystemTime) {
        fs::File::open(path).unwrap().set_modified(at).unwrap();
    }

    /// A folder at rest is listed once, for 20 seconds at most; whatever changes it shows at once.
    #[tokio::test]
    async fn a_folder_at_rest_is_listed_once_for_all() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(FOLDER);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("0380001V-a"), "").unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000);
        date(&dir, long_ago);
        let clock = Clock::player(Timestamp::from_epoch_ms(1_010_000));
        let options = DirectoryOptions { path: root.path().to_owned() };
        let folders = Directory::new(options, Files::default()).believed_by(clock.clone());
        let visible = async || folders.visible(FOLDER, "0380001V-").await.unwrap();
        assert_eq!(visible().await, names(&["0380001V-a"]));
        // As no honest change does: the date stays. It is not listed again, which only this can show.
        fs::write(dir.join("0380001V-b"), "").unwrap();
        fs::write(dir.join("0750654D-a"), "").unwrap();
        date(&dir, long_ago);
        assert_eq!(visible().await, names(&["0380001V-a"]));
        clock.set(Timestamp::from_epoch_ms(1_030_000));
        assert_eq!(visible().await, names(&["0380001V-a", "0380001V-b"]));
        date(&dir, long_ago + Duration::from_millis(4));
        fs::remove_file(dir.join("0380001V-b")).unwrap();
        assert_eq!(visible().await, names(&["0380001V-a"]));
    }

    /// A change within the same moment as the listing may leave the date as it was: such a listing is not kept.
    #[tokio::test]
    async fn a_folder_that_has_just_changed_is_listed_again() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(FOLDER);
        fs::create_dir(&dir).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_009);
        date(&dir, now);
        let options = DirectoryOptions { path: root.path().to_owned() };
        let clock = Clock::player(Timestamp::from_epoch_ms(1_010_000));
        let folders = Directory::new(options, Files::default()).believed_by(clock);
        assert_eq!(folders.visible(FOLDER, "").await.unwrap(), names(&[]));
        fs::write(dir.join("a"), "").unwrap();
        date(&dir, now);
        assert_eq!(folders.visible(FOLDER, "").await.unwrap(), names(&["a"]));
    }
}
