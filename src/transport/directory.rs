//! Folders shared with a far side: what stands in them under a published digest, and how it is read and laid down.
//! Which folders there are, and what a file in them means, is said in `feed`, `teleservice` and `siecle`.

use crate::files::{FileFault, Files};
use crate::plan::delivery::Answer;
use rustix::fs::{Access, access};
use std::path::PathBuf;

/// Largest file read (siecle.md: 64 MiB a file).
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where the folders of a far side lie; `{uai}` was already replaced.
#[derive(Clone, Debug)]
pub struct DirectoryOptions {
    /// The folder that holds them.
    pub path: PathBuf,
}

/// The folders of one far side.
pub struct Directory {
    path: PathBuf,
    files: Files,
}

impl Directory {
    /// The folders under `options.path`. Nothing is read yet: a folder that is missing is an answer, not a fault.
    pub fn new(options: DirectoryOptions, files: Files) -> Self {
        Self { path: options.path, files }
    }

    /// Names of the files published in `folder`, sorted.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read: an absent folder is not an empty one.
    pub async fn published(&self, folder: &str) -> Result<Vec<String>, Answer> {
        self.files.list(&self.path.join(folder)).await.map_err(|fault| unread(&fault))
    }

    /// Names of all that stands in `folder`, published or not, sorted; what is hidden is left out.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read.
    pub async fn visible(&self, folder: &str) -> Result<Vec<String>, Answer> {
        self.files.names(&self.path.join(folder)).await.map_err(|fault| unread(&fault))
    }

    /// Whether `name` stands in `folder`, with its digest or without.
    ///
    /// # Errors
    /// `NotSent` when the folder can't be read.
    pub async fn holds(&self, folder: &str, name: &str) -> Result<bool, Answer> {
        Ok(self.visible(folder).await?.iter().any(|visible| visible == name))
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
        self.published(folder).await?;
        let dir = self.path.join(folder);
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
