//! The JSON of the téléservice and of Siècle's HTTP: feed, orders and their answers, refusals, listings, problems.
//!
//! Both directions live here, for the sandbox writes what transport reads. Unknown members are passed over; a fault
//! never repeats a value, because values are about pupils.

pub mod event;
pub mod feed;
pub mod listing;
pub mod loose;
pub mod orders;
pub mod problem;
pub mod refusals;

use crate::codec::Fault;
use crate::domain::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

/// JSON that cannot be read as what it should be.
pub const CODE_JSON: &str = "JSON";
/// A member whose value is outside what it may be.
pub const CODE_VALUE: &str = "VALEUR";

/// The JSON Schema of one event of the feed.
pub const EVENT_SCHEMA: &str = include_str!("schemas/evenement.json");

/// Reads a body as `T`; serde's own words are dropped, for they quote the text.
fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| malformed(&error, what))
}

fn malformed(error: &serde_json::Error, what: &str) -> Fault {
    let row = u64::try_from(error.line()).unwrap_or_default();
    let message =
        format!("not {what} in JSON (column {}): ask the sender for what teleservice.md describes", error.column());
    Fault::new(row, CODE_JSON, message)
}

/// Writes a wire value; our wire types have text keys and plain numbers, which always can be written.
fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn bad_member(member: &str) -> Fault {
    Fault::new(0, CODE_VALUE, format!("`{member}` is not what it should be: ask the sender for a right one"))
}

fn instant(text: &str, member: &str) -> Result<Timestamp, Fault> {
    Timestamp::parse(text).map_err(|_| bad_member(member))
}
