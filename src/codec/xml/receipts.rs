//! `ORIENTATION_COMPTE_RENDU`: what Siècle made of a lot.
use crate::{
    codec::Fault,
    domain::{
        lot::{Encoding, FileName, Receipt},
        time::Zone,
    },
};
/// Its XSD.
pub const SCHEMA: &str = include_str!("../schemas/compte-rendu.xsd");
/// Writes.
pub fn encode(_receipt: &Receipt, _zone: Zone, _encoding: Encoding) -> Vec<u8> {
    Vec::new()
}
/// Reads.
///
/// # Errors
/// The first fault.
pub fn decode(_name: FileName, _bytes: &[u8]) -> Result<Receipt, Fault> {
    Err(Fault::new(0, "XML", ""))
}
