//! Secrets of this installation that were made once and are kept.

use crate::store::{StoreError, Tx, value::values};

/// Key of the HMAC that stands for a pupil in logs.
const PUPIL_KEY: &str = "pupil_key";

/// The key that turns a pupil's id into the reference that logs carry: the one kept, else `fresh`, kept from now on.
///
/// # Errors
/// When the database cannot be used.
pub async fn pupil_key(tx: &mut Tx, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let sql = "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    tx.execute(sql, values![PUPIL_KEY, fresh]).await?;
    kept_pupil_key(tx).await?.ok_or(StoreError::Damaged("a secret is missing"))
}

/// The key that is kept, if one is.
///
/// # Errors
/// When the database cannot be used.
pub async fn kept_pupil_key(tx: &mut Tx) -> Result<Option<[u8; 32]>, StoreError> {
    let row = tx.row("SELECT value FROM secret WHERE name = $1", values![PUPIL_KEY]).await?;
    row.map(|row| row.cells().digest()).transpose()
}

#[cfg(test)]
mod tests {
    use crate::store::secrets::{kept_pupil_key, pupil_key};
    use crate::store::test_support::stores;

    #[tokio::test]
    async fn the_first_key_is_kept() {
        for store in stores().await {
            let mut tx = store.write().await.unwrap();
            assert_eq!(kept_pupil_key(&mut tx).await.unwrap(), None);
            assert_eq!(pupil_key(&mut tx, [1; 32]).await.unwrap(), [1; 32]);
            assert_eq!(pupil_key(&mut tx, [2; 32]).await.unwrap(), [1; 32]);
        }
    }
}
