//! A lot as CSV.
use crate::{
    codec::{Fault, WriteFault},
    domain::lot::{Encoding, FileName, Lot},
};
/// Writes.
///
/// # Errors
/// `Encoding`.
pub fn encode(_lot: &Lot, _encoding: Encoding) -> Result<Vec<u8>, WriteFault> {
    Err(WriteFault::Differs)
}
/// Reads.
///
/// # Errors
/// The first fault.
pub fn decode(_name: FileName, _bytes: &[u8]) -> Result<Lot, Fault> {
    Err(Fault::new(0, "CSV", ""))
}
