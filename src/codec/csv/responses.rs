//! Responses as CSV.
use crate::{
    codec::{Fault, WriteFault},
    domain::{
        lot::{Encoding, FileName},
        response::{RawResponse, ResponseHead},
        time::Zone,
    },
};
/// Writes.
///
/// # Errors
/// `Encoding`.
pub fn encode(
    _head: &ResponseHead,
    _zone: Zone,
    _rows: &[RawResponse],
    _encoding: Encoding,
) -> Result<Vec<u8>, WriteFault> {
    Err(WriteFault::Differs)
}
/// Reads.
///
/// # Errors
/// The first fault.
pub fn decode(_name: FileName, _bytes: &[u8]) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    Err(Fault::new(0, "CSV", ""))
}
