//! `ORIENTATION_REPONSES`: the councils' responses as XML.
use crate::{
    codec::Fault,
    domain::{
        lot::{Encoding, FileName},
        response::{RawResponse, ResponseHead},
        time::Zone,
    },
};
/// Its XSD.
pub const SCHEMA: &str = include_str!("../schemas/reponses.xsd");
/// Writes.
pub fn encode(_head: &ResponseHead, _zone: Zone, _rows: &[RawResponse], _encoding: Encoding) -> Vec<u8> {
    Vec::new()
}
/// Reads.
///
/// # Errors
/// The first fault.
pub fn decode(_name: FileName, _bytes: &[u8]) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    Err(Fault::new(0, "XML", ""))
}
