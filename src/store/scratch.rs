//! Places of their own for plays and tests: beside what a URL names, never in it, so that nothing there is touched.

use crate::store::StoreError;
use rand::random;
use sqlx::{AssertSqlSafe, Connection, PgConnection, query};
use std::{fs, io::ErrorKind};

/// Prefix of what is made; whoever finds one that was left behind knows what it is.
const PREFIX: &str = "navette_play_";
/// An SQLite database that lives as long as its only connection: it is a place of its own already.
pub const MEMORY: &str = "sqlite::memory:";
/// How a URL says in which schema of a server tables are looked for.
const SCHEMA: &str = "options[search_path]=";
/// An SQLite database has these beside it.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// Makes a place of its own beside what `url` names, and answers its URL: a fresh schema of a server's database, or the
/// name of a file that is not there yet.
///
/// # Errors
/// `Url`; when the server cannot be used, or its role may make no schema.
pub async fn beside(url: &str) -> Result<String, StoreError> {
    if url == MEMORY {
        return Ok(url.to_owned());
    }
    let name = format!("{PREFIX}{:016x}", random::<u64>());
    if is_server(url) {
        on_server(url, format!("CREATE SCHEMA {name}")).await?;
        let mark = if url.contains('?') { '&' } else { '?' };
        return Ok(format!("{url}{mark}{SCHEMA}{name}"));
    }
    let path = url.split('?').next().filter(|path| path.starts_with("sqlite:")).ok_or(StoreError::Url)?;
    Ok(format!("{path}.{name}"))
}

/// Removes a place that `beside` made, with all that it holds.
///
/// # Errors
/// When the server cannot be used, or the file cannot be removed.
pub async fn remove(url: &str) -> Result<(), StoreError> {
    if url == MEMORY {
        return Ok(());
    }
    if let Some((_, name)) = url.split_once(SCHEMA).filter(|(_, name)| name.starts_with(PREFIX)) {
        return on_server(url, format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await;
    }
    let Some(path) = url.strip_prefix("sqlite:").filter(|path| path.contains(PREFIX)) else {
        return Err(StoreError::Url);
    };
    for ending in ENDINGS {
        let file = format!("{path}{ending}");
        match fs::remove_file(&file) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => {
                return Err(StoreError::File { path: file.into(), source: fault });
            }
            Ok(()) | Err(_) => (),
        }
    }
    Ok(())
}

/// Whether a URL names a server.
pub fn is_server(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// `sql` holds our own words and hexadecimal digits only.
async fn on_server(url: &str, sql: String) -> Result<(), StoreError> {
    let mut server = PgConnection::connect(url).await?;
    query(AssertSqlSafe(sql)).execute(&mut server).await?;
    server.close().await?;
    Ok(())
}
