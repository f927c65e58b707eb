//! Secrets: never values of the file, always names of files, read when they are needed and not before.

use secrecy::SecretString;
use std::{
    env, fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
};

/// The folder in which systemd puts what `LoadCredential=` names.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// A token, key or certificate chain is far below; more is the wrong file.
const SECRET_BYTES_MAX: u64 = 256 * 1024;
/// Rights of whoever is neither owner nor of the group.
const OTHERS: u32 = 0o007;

/// The name of a file that holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// The key that names it, for error messages.
    key: String,
    path: PathBuf,
    bare: bool,
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    /// A bare name, and no folder to look it up in.
    #[error(
        "{key}: the bare name {name} is looked up in $CREDENTIALS_DIRECTORY, which is not set: add LoadCredential= to the unit, or write a path with a `/`"
    )]
    NoCredentials {
        /// The configuration's key.
        key: String,
        /// The bare name.
        name: String,
    },
    /// The file cannot be read.
    #[error("{key}: {path} cannot be read: {source}")]
    Unreadable {
        /// The configuration's key.
        key: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is empty, too large, or no text.
    #[error("{key}: {path} is {what}")]
    Content {
        /// The configuration's key.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl SecretFile {
    /// A secret in the file `name`: a bare name is a credential, anything else a path, relative to `folder`.
    pub fn new(key: &str, name: &str, folder: &Path) -> Self {
        let written = Path::new(name);
        let mut components = written.components();
        let bare = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
        let bare = bare && !name.contains('/');
        let path = if bare { written.to_owned() } else { folder.join(written) };
        Self { key: key.to_owned(), path, bare }
    }

    /// Reads the secret, without white space at its ends.
    ///
    /// # Errors
    /// When the file is not found, not readable, empty, too large or no UTF-8. What stands in it is never told.
    pub fn read(&self) -> Result<SecretString, SecretFault> {
        self.read_with(env::var_os(CREDENTIALS).map(PathBuf::from).as_deref())
    }

    /// The key that names it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether users beyond its owner and group can read it; no for one that is not there.
    pub fn is_open_to_all(&self) -> bool {
        let path = self.located(env::var_os(CREDENTIALS).map(PathBuf::from).as_deref());
        let mode = path.ok().and_then(|path| fs::metadata(path).ok()).map(|meta| meta.permissions().mode());
        mode.is_some_and(|mode| mode & OTHERS != 0)
    }

    fn read_with(&self, credentials: Option<&Path>) -> Result<SecretString, SecretFault> {
        let path = self.located(credentials)?;
        let unreadable = |source| SecretFault::Unreadable { key: self.key.clone(), path: path.clone(), source };
        let content = |what| SecretFault::Content { key: self.key.clone(), path: path.clone(), what };
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).map_err(unreadable)?;
        file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(content("too large for a secret"));
        }
        let text = String::from_utf8(bytes).map_err(|_| content("not UTF-8 text"))?;
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(content("empty"));
        }
        Ok(SecretString::from(trimmed))
    }

    fn located(&self, credentials: Option<&Path>) -> Result<PathBuf, SecretFault> {
        match (self.bare, credentials) {
            (false, _) => Ok(self.path.clone()),
            (true, Some(folder)) => Ok(folder.join(&self.path)),
            (true, None) => {
                Err(SecretFault::NoCredentials { key: self.key.clone(), name: self.path.display().to_string() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use secrecy::ExposeSecret;

    fn check(name: &str, credentials: bool, expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let credentials_folder = folder.path().join("credentials");
        fs::create_dir(&credentials_folder).unwrap();
        fs::write(credentials_folder.join("token"), "from-credentials\n").unwrap();
        fs::write(folder.path().join("token"), "  from-folder \n").unwrap();
        fs::write(folder.path().join("empty"), " \n").unwrap();
        fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
        fs::write(folder.path().join("large"), vec![b'x'; usize::try_from(SECRET_BYTES_MAX).unwrap() + 1]).unwrap();
        let secret = SecretFile::new("siecle.token_file", name, folder.path());
        let found = secret.read_with(credentials.then_some(credentials_folder.as_path()));
        match (found, expected) {
            (Ok(text), Ok(wanted)) => assert_eq!(text.expose_secret(), wanted),
            (Err(fault), Err(wanted)) => {
                let said = fault.to_string();
                assert!(said.starts_with("siecle.token_file: ") && said.contains(wanted), "{said}");
            }
            (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
        }
    }

    #[rstest]
    #[case::bare_name("token", true, Ok("from-credentials"))]
    #[case::bare_name_without_systemd("token", false, Err("CREDENTIALS_DIRECTORY"))]
    #[case::relative_path("./token", true, Ok("from-folder"))]
    #[case::missing("./nothing", true, Err("cannot be read"))]
    #[case::missing_credential("nothing", true, Err("cannot be read"))]
    #[case::empty("./empty", false, Err("empty"))]
    #[case::no_text("./binary", false, Err("not UTF-8"))]
    #[case::too_large("./large", false, Err("too large"))]
    fn a_secret_is_read_from_its_file(
        #[case] name: &str,
        #[case] credentials: bool,
        #[case] expected: Result<&str, &str>,
    ) {
        check(name, credentials, expected);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "hush-hush").unwrap();
        let read = SecretFile::new("siecle.token_file", "./token", folder.path()).read_with(None).unwrap();
        assert!(!format!("{read:?}").contains("hush"));
    }
}
