//! Bytes and values: the files of the exchange with Siècle and the JSON of the téléservice. What the values mean, and
//! where the bytes go, is not here.

pub mod archive;
pub mod calendar;
pub mod check;
pub mod csv;
pub mod encoding;
pub mod envelope;
pub mod formula;
pub mod json;
pub mod nomenclature;
pub mod strict;
pub mod xml;

use crate::domain::{
    lot::{Document, Encoding, FileName, Format, Lot, Receipt},
    response::{RawResponse, ResponseHead},
    time::Zone,
};
use std::{borrow::Cow, fmt, io};

pub use crate::codec::envelope::ExchangeFile;

/// The schemas that `navette schema` lists and prints, by name.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("demandes", xml::demands::SCHEMA),
    ("reponses", xml::responses::SCHEMA),
    ("compte-rendu", xml::receipts::SCHEMA),
    ("demandes-csv", csv::demands::SCHEMA),
    ("reponses-csv", csv::responses::SCHEMA),
    ("evenement", json::EVENT_SCHEMA),
];

/// What is wrong with a file that was read, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Line of the file, from 1; 0 for the file as a whole.
    pub row: u64,
    /// Short upper-case code.
    pub code: &'static str,
    /// English, for operators: what is wrong and what to do. Never a name, an INE or a reason.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.row, self.code, self.message)
    }
}

impl Fault {
    /// A fault at a line.
    pub fn new(row: u64, code: &'static str, message: impl Into<String>) -> Self {
        Self { row, code, message: message.into() }
    }
}

/// Why a file was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// A character that the encoding of a CSV cannot carry (anomaly `ENCODAGE`).
    #[error("row {row}: a character is outside the encoding of this CSV; write UTF-8, or correct the row")]
    Encoding {
        /// Row of the file, from 1 without the header.
        row: u64,
    },
    /// What was written is refused by our own reader.
    #[error("the file just written is refused by our own reader: {0}")]
    Unreadable(Fault),
    /// The machine failed while a file was written.
    #[error("the file cannot be written ({0})")]
    Output(io::ErrorKind),
    /// What was written reads back as something else.
    #[error("the file just written reads back as something else: nothing was published")]
    Differs,
}

/// Takes the faults of a file, one by one.
pub type Report<'a> = &'a mut dyn FnMut(Fault);

/// Writes a lot, and reads it back before it answers.
///
/// # Errors
/// `WriteFault` when a CSV's encoding cannot carry it, or when it does not read back as it is.
pub fn encode_lot(lot: &Lot, format: Format, encoding: Encoding) -> Result<ExchangeFile, WriteFault> {
    let name = FileName { key: lot.head.key, document: Document::Demands, number: lot.head.number, format };
    let (bytes, read, told) = match format {
        Format::Xml => {
            let bytes = xml::demands::encode(lot, encoding);
            let read = xml::demands::decode(name, &bytes);
            (bytes, read, Cow::Borrowed(lot))
        }
        Format::Csv => {
            let bytes = csv::demands::encode(lot, encoding)?;
            let read = csv::demands::decode_in(name, &bytes, csv::charset_written(encoding));
            (bytes, read, Cow::Owned(csv::demands::as_told(lot)))
        }
    };
    match read {
        Ok(read) if envelope::same_lot(&told, &read) => Ok(ExchangeFile::new(name, bytes)),
        Ok(_) => Err(WriteFault::Differs),
        Err(fault) => Err(WriteFault::Unreadable(fault)),
    }
}

/// Reads a lot. Its zone is the one that the UAI names; instants are right whatever the offset written.
///
/// # Errors
/// The first fault of the file, a name that contradicts the content among them.
pub fn decode_lot(name: FileName, bytes: &[u8]) -> Result<Lot, Fault> {
    match name.format {
        Format::Xml => xml::demands::decode(name, bytes),
        Format::Csv => csv::demands::decode(name, bytes),
    }
}

/// Writes a response file, and reads it back before it answers.
///
/// # Errors
/// `WriteFault` when a CSV's encoding cannot carry it, or when it does not read back as it is.
pub fn encode_responses(
    head: &ResponseHead,
    zone: Zone,
    rows: &[RawResponse],
    format: Format,
    encoding: Encoding,
) -> Result<ExchangeFile, WriteFault> {
    let name = FileName { key: head.key, document: Document::Responses, number: head.number, format };
    let (bytes, read) = match format {
        Format::Xml => {
            let bytes = xml::responses::encode(head, zone, rows, encoding);
            let read = xml::responses::decode(name, &bytes);
            (bytes, read)
        }
        Format::Csv => {
            let bytes = csv::responses::encode(head, zone, rows, encoding)?;
            let read = csv::responses::decode_in(name, &bytes, csv::charset_written(encoding));
            (bytes, read)
        }
    };
    match read {
        Ok((read, read_rows)) if envelope::same_responses(format, (head, rows), (&read, &read_rows)) => {
            Ok(ExchangeFile::new(name, bytes))
        }
        Ok(_) => Err(WriteFault::Differs),
        Err(fault) => Err(WriteFault::Unreadable(fault)),
    }
}

/// Reads a response file: the envelope is checked whole, rows as far as their shape goes.
///
/// # Errors
/// The first fault of the file; `ETABLISSEMENT`, `ANNEE`, `PALIER`, `PHASE` or `NUM_ENVOI` when name and content differ.
pub fn decode_responses(name: FileName, bytes: &[u8]) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    match name.format {
        Format::Xml => xml::responses::decode(name, bytes),
        Format::Csv => csv::responses::decode(name, bytes),
    }
}

/// Writes a receipt, always XML, and reads it back before it answers.
///
/// # Errors
/// `WriteFault` when it does not read back as it is.
pub fn encode_receipt(receipt: &Receipt, zone: Zone, encoding: Encoding) -> Result<ExchangeFile, WriteFault> {
    let name = FileName { key: receipt.key, document: Document::Receipt, number: receipt.number, format: Format::Xml };
    let bytes = xml::receipts::encode(receipt, zone, encoding);
    match decode_receipt(name, &bytes) {
        Ok(read) if envelope::same_receipt(receipt, &read) => Ok(ExchangeFile::new(name, bytes)),
        Ok(_) => Err(WriteFault::Differs),
        Err(fault) => Err(WriteFault::Unreadable(fault)),
    }
}

/// Reads a receipt.
///
/// # Errors
/// The first fault of the file, a `BILAN` that contradicts its lines among them.
pub fn decode_receipt(name: FileName, bytes: &[u8]) -> Result<Receipt, Fault> {
    xml::receipts::decode(name, bytes)
}

#[cfg(test)]
mod tests;
