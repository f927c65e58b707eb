//! `ORIENTATION_COMPTE_RENDU`: what Siècle made of a lot, always XML.

use crate::codec::{
    Fault, Report,
    envelope::{compare, far_code},
    strict::StrictReader,
    xml::{
        Wrong, compare_count, counted, each_row, element, instant, needed, open, optional, pupil_id, read_counts,
        read_head, text_field, whole, write::XmlWriter,
    },
};
use crate::domain::{
    lot::{Encoding, FileName, Receipt, ReceiptKind, ReceiptLine},
    pupil::{Private, PupilId},
    time::Zone,
};
use std::{
    collections::BTreeSet,
    io::{self, BufRead, Write},
};

/// Its XSD.
pub const SCHEMA: &str = include_str!("../schemas/compte-rendu.xsd");
const ROOT: &str = "ORIENTATION_COMPTE_RENDU";
/// `PARAMETRES` repeats the lot's own, its `LOGICIEL` among them.
const SOFTWARE: &str = "navette";
/// Longest parameters of an anomaly, together (siecle.md).
const PARAMETERS_CHARS_MAX: usize = 255;

/// Writes a receipt.
pub fn encode(receipt: &Receipt, zone: Zone, encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    match write(&mut bytes, receipt, zone, encoding) {
        // A vector takes whatever it is given.
        Ok(()) | Err(_) => bytes,
    }
}

fn write(out: &mut Vec<u8>, receipt: &Receipt, zone: Zone, encoding: Encoding) -> io::Result<()> {
    let mut xml = XmlWriter::new(out, encoding, zone);
    xml.markup("<ORIENTATION_COMPTE_RENDU VERSION=\"1.0\">\n");
    xml.head(receipt.key, receipt.number, receipt.stamped_at, SOFTWARE).counts(receipt.counts);
    xml.markup("    <TRAITE_LE>").instant(receipt.treated_at).markup("</TRAITE_LE>\n  </PARAMETRES>\n");
    xml.markup("  <BILAN TRAITES=\"").number(receipt.treated).markup("\" COMPLETS=\"").number(receipt.complete);
    xml.markup("\" PARTIELS=\"").number(receipt.partial).markup("\" REJETES=\"").number(receipt.rejected);
    xml.markup("\" ABSENTS=\"").number(receipt.absent).markup("\"/>\n");
    for line in &receipt.lines {
        write_line(&mut xml, line);
    }
    xml.markup("</ORIENTATION_COMPTE_RENDU>\n");
    xml.finish()
}

fn write_line<W: Write>(xml: &mut XmlWriter<W>, line: &ReceiptLine) {
    xml.markup("  <ANOMALIE TYPE=\"").markup(line.kind.code()).markup("\" CODE=\"").text(&line.code);
    if let Some(pupil) = line.pupil {
        xml.markup("\" ELEVE_ID=\"").number(pupil.0);
    }
    if let Some(rank) = line.rank {
        xml.markup("\" RANG=\"").number(rank);
    }
    if line.parameters.is_empty() {
        xml.markup("\"/>\n").end_row();
        return;
    }
    xml.markup("\">");
    for parameter in &line.parameters {
        xml.markup("<PARAMETRE>").text(parameter.reveal()).markup("</PARAMETRE>");
    }
    xml.markup("</ANOMALIE>\n").end_row();
}

/// Reads a receipt whole.
///
/// # Errors
/// The first fault of the file.
pub fn decode(name: FileName, bytes: &[u8]) -> Result<Receipt, Fault> {
    let mut first = None;
    let receipt = read(name, bytes, &mut |fault| {
        first.get_or_insert(fault);
    });
    match (receipt, first) {
        (Ok(receipt), None) => Ok(receipt),
        (_, Some(fault)) | (Err(fault), None) => Err(fault),
    }
}

/// Reads a receipt; faults that leave the rest readable are reported.
///
/// # Errors
/// The fault after which nothing more can be read.
pub fn read<R: BufRead>(name: FileName, input: R, report: Report<'_>) -> Result<Receipt, Fault> {
    let mut reader = open(input, ROOT)?;
    let head = read_head(&mut reader)?;
    let counts = read_counts(&mut reader)?;
    let treated_at = element(&mut reader, "TRAITE_LE", instant)?;
    reader.leave()?;
    if let Some(fault) = compare(name, head.key, head.number, head.line) {
        report(fault);
    }
    if !reader.is_on("BILAN") {
        return Err(reader.expected("BILAN"));
    }
    let line = reader.line();
    const COUNTS: [&str; 5] = ["TRAITES", "COMPLETS", "PARTIELS", "REJETES", "ABSENTS"];
    let [treated, complete, partial, rejected, absent] = reader.attributes(COUNTS)?;
    let count = |text: &str| whole(text).ok_or(Wrong("NOMBRE", "the counts of BILAN are whole numbers".to_owned()));
    let mut receipt = Receipt {
        key: head.key,
        number: head.number,
        stamped_at: head.stamped_at,
        treated_at,
        counts,
        treated: needed(treated, "TRAITES", line, count)?,
        complete: needed(complete, "COMPLETS", line, count)?,
        partial: needed(partial, "PARTIELS", line, count)?,
        rejected: needed(rejected, "REJETES", line, count)?,
        absent: needed(absent, "ABSENTS", line, count)?,
        lines: Vec::new(),
    };
    reader.empty_read()?;
    let mut rows = 0;
    each_row(&mut reader, &mut *report, |reader, _| {
        rows += 1;
        receipt.lines.push(read_line(reader)?);
        Ok(())
    })?;
    reader.leave()?;
    reader.end()?;
    // Behind a line that cannot be read the counts of pupils would be told wrong a second time.
    if rows == receipt.lines.len() {
        add_up(&receipt, line, report);
    }
    Ok(receipt)
}

fn read_line<R: BufRead>(reader: &mut StrictReader<R>) -> Result<ReceiptLine, Fault> {
    if !reader.is_on("ANOMALIE") {
        return Err(reader.expected("ANOMALIE"));
    }
    let line = reader.line();
    let [kind, code, pupil, rank] = reader.attributes(["TYPE", "CODE", "ELEVE_ID", "RANG"])?;
    let kind = needed(kind, "TYPE", line, |text| {
        ReceiptKind::of_code(text).ok_or(Wrong("VALEUR", "TYPE is REJ, PAR, ABS or MOD".to_owned()))
    })?;
    let code = needed(code, "CODE", line, anomaly_code)?;
    let pupil = optional(pupil, line, pupil_id)?;
    let rank = optional(rank, line, counted)?;
    reader.enter_read()?;
    let (mut parameters, mut length) = (Vec::<Private<String>>::new(), 0);
    while reader.is_on("PARAMETRE") {
        let text = reader.text_of("PARAMETRE")?;
        length += text.chars().count();
        parameters.push(text_field(text).map_err(|wrong| wrong.at(line))?);
    }
    if PARAMETERS_CHARS_MAX < length {
        return Err(
            Wrong("TAILLE", "the parameters of an anomaly have at most 255 characters together".to_owned()).at(line)
        );
    }
    reader.leave()?;
    Ok(ReceiptLine { kind, code, pupil, rank, parameters })
}

fn anomaly_code(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong("VALEUR", "CODE has 1 to 20 letters, digits, `_`, `-` or `.`".to_owned());
    far_code(text).map(str::to_owned).ok_or_else(wrong)
}

/// Each kind counts the pupils that its lines name. What `TRAITES` is the sum of no page says, so nothing hangs on it.
fn add_up(receipt: &Receipt, line: u64, report: Report<'_>) {
    let named = |kind| {
        let lines = receipt.lines.iter().filter(|line| line.kind == kind);
        let pupils: BTreeSet<PupilId> = lines.filter_map(|line| line.pupil).collect();
        u32::try_from(pupils.len()).unwrap_or(u32::MAX)
    };
    compare_count("PARTIELS", receipt.partial, named(ReceiptKind::Partial), line, &mut *report);
    compare_count("REJETES", receipt.rejected, named(ReceiptKind::Rejected), line, &mut *report);
    compare_count("ABSENTS", receipt.absent, named(ReceiptKind::Absent), line, report);
}
