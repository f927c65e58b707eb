//! `ORIENTATION_DEMANDES`: a lot as XML.
use crate::{
    codec::Fault,
    domain::lot::{Encoding, FileName, Lot},
};
/// Its XSD.
pub const SCHEMA: &str = include_str!("../schemas/demandes.xsd");
/// Writes.
pub fn encode(_lot: &Lot, _encoding: Encoding) -> Vec<u8> {
    Vec::new()
}
/// Reads.
///
/// # Errors
/// The first fault.
pub fn decode(_name: FileName, _bytes: &[u8]) -> Result<Lot, Fault> {
    Err(Fault::new(0, "XML", ""))
}
