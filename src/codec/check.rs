//! `navette check`: every fault of any file of the exchange, told by the file's name which one it is.

use crate::codec::{Fault, Report, xml};
use crate::domain::lot::{Document, FileName, Format};
use std::io::BufRead;

/// Reports the faults of a file: all that can be told before the one after which nothing more can be read.
pub fn check<R: BufRead>(name: &str, input: R, report: Report<'_>) {
    let Some(name) = FileName::parse(name) else {
        return report(unnamed());
    };
    let (mut lot_rows, mut response_rows) = (|_| (), |_| ());
    let end = match (name.document, name.format) {
        (Document::Demands, Format::Xml) => xml::demands::read(name, input, &mut lot_rows, &mut *report).map(drop),
        (Document::Responses, Format::Xml) => {
            xml::responses::read(name, input, &mut response_rows, &mut *report).map(drop)
        }
        (Document::Receipt, Format::Xml) => xml::receipts::read(name, input, &mut *report).map(drop),
        (Document::Receipt, Format::Csv) => Err(Fault::new(0, "NOM", "a receipt is an XML file: ask Siècle for it")),
        (Document::Demands | Document::Responses, Format::Csv) => Ok(()),
    };
    if let Err(fault) = end {
        report(fault);
    }
}

fn unnamed() -> Fault {
    let message = "this is no name of the exchange: it is {UAI}-{AAAA}-{DEM|REP|CR}-{PALIER}-{PHASE}-{NUM_ENVOI}.xml or \
                   .csv, with five digits at the end, or {UAI}-{AAAA}-EVT-{FIRST}-{LAST}.ndjson; give the file its name";
    Fault::new(0, "NOM", message)
}
