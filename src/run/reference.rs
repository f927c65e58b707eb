//! References that stand for pupils in logs and on screens whose purpose is not to show pupils: a keyed HMAC, the same
//! for the same pupil as long as the key stays.

use crate::crash::Point;
use crate::domain::{pupil::PupilId, school::SchoolKey};
use crate::run::context::Context;
use crate::store::{StoreError, Tx, secrets};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of the HMAC that are shown: enough to tell the pupils of an académie apart.
const SHOWN_BYTES: usize = 6;

/// Makes references under one key.
#[derive(Clone)]
pub struct References(Hmac<Sha256>);

impl References {
    /// References under `key`, of any length.
    pub fn new(key: &[u8]) -> Self {
        // HMAC takes keys of any length: the fallback is never used.
        Self(Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// The reference of a pupil.
    pub fn of(&self, school: SchoolKey, pupil: PupilId) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{school} {pupil}").as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The references of this installation: by the configured key, else by the one that the store keeps.
///
/// # Errors
/// The store's.
pub async fn references(ctx: &Context) -> Result<References, StoreError> {
    if let Some(configured) = &ctx.references {
        return Ok(configured.clone());
    }
    if let Some(key) = secrets::kept_pupil_key(&mut ctx.store.read().await?).await? {
        return Ok(References::new(&key));
    }
    let mut tx = ctx.store.write().await?;
    let made = references_in(ctx, &mut tx).await?;
    tx.commit(Point::Settled).await?;
    Ok(made)
}

/// The same within a transaction that writes: a key that was made is kept when that is committed.
///
/// # Errors
/// The store's.
pub async fn references_in(ctx: &Context, tx: &mut Tx) -> Result<References, StoreError> {
    match &ctx.references {
        Some(configured) => Ok(configured.clone()),
        None => Ok(References::new(&secrets::pupil_key(tx, rand::random()).await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::school::{SchoolYear, Uai};

    #[test]
    fn a_reference_depends_on_key_school_and_pupil() {
        let school =
            |uai: &str, year| SchoolKey { uai: Uai::parse(uai).unwrap(), year: SchoolYear::new(year).unwrap() };
        let own = References::new(b"a key").of(school("0380001V", 2019), PupilId(100));
        assert_eq!(own, References::new(b"a key").of(school("0380001V", 2019), PupilId(100)));
        assert_eq!(own.len(), 2 * SHOWN_BYTES);
        let others = [
            References::new(b"b key").of(school("0380001V", 2019), PupilId(100)),
            References::new(b"a key").of(school("0380001V", 2020), PupilId(100)),
            References::new(b"a key").of(school("0750654D", 2019), PupilId(100)),
            References::new(b"a key").of(school("0380001V", 2019), PupilId(101)),
        ];
        assert!(!others.contains(&own), "{others:?}");
    }
}
