//! What the store's tests share: databases, a school, a lease, permits that the guard gives.

use crate::crash::Crash;
use crate::store::Store;

/// A fresh database in memory.
pub async fn memory() -> Store {
    Store::open("sqlite::memory:", Crash::off()).await.unwrap()
}
