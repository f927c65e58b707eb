//! `ORIENTATION_REPONSES`: the councils' responses as XML. A row is checked for its shape alone: whether its pupil and its
//! tracks are known is `check`'s to say, pupil by pupil.

use crate::codec::{
    Fault, Report,
    envelope::compare,
    strict::StrictReader,
    xml::{
        Wrong, compare_count, counted, date, division, each_row, element, ine, instant, needed, open, optional,
        pupil_id, read_head, spaced, whole, write::XmlWriter, yes_or_no,
    },
};
use crate::domain::{
    campaign::Phase,
    lot::{Encoding, FileName},
    response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
    time::Zone,
};
use std::{
    borrow::Borrow,
    io::{self, BufRead, Write},
};

/// Its XSD.
pub const SCHEMA: &str = include_str!("../schemas/reponses.xsd");
const ROOT: &str = "ORIENTATION_REPONSES";
/// `LOGICIEL` of the stand-in's files.
const SOFTWARE: &str = "Siècle Orientation";
/// Longest track code that is read: an unknown one refuses its pupil, not the file, and is told to the school.
const TRACK_CHARS_MAX: usize = 20;

/// Writes a response file.
pub fn encode(head: &ResponseHead, zone: Zone, rows: &[RawResponse], encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    match write(&mut bytes, head, zone, rows.iter(), encoding) {
        // A vector takes whatever it is given.
        Ok(()) | Err(_) => bytes,
    }
}

/// Writes a response file row by row.
///
/// # Errors
/// What the sink says.
pub fn write<W: Write>(
    out: W,
    head: &ResponseHead,
    zone: Zone,
    rows: impl Iterator<Item: Borrow<RawResponse>>,
    encoding: Encoding,
) -> io::Result<()> {
    let mut xml = XmlWriter::new(out, encoding, zone);
    xml.markup("<ORIENTATION_REPONSES VERSION=\"1.0\">\n").head(head.key, head.number, head.stamped_at, SOFTWARE);
    xml.markup("    <NB_REPONSES>").number(head.responses).markup("</NB_REPONSES>\n");
    if let Some(complete_at) = head.entry_complete_at {
        xml.markup("    <SAISIE_TERMINEE_LE>").instant(complete_at).markup("</SAISIE_TERMINEE_LE>\n");
    }
    xml.markup("  </PARAMETRES>\n  <DONNEES>\n");
    for row in rows {
        write_row(&mut xml, row.borrow());
    }
    xml.markup("  </DONNEES>\n</ORIENTATION_REPONSES>\n");
    xml.finish()
}

fn write_row<W: Write>(xml: &mut XmlWriter<W>, row: &RawResponse) {
    xml.markup("    <REPONSE ELEVE_ID=\"").number(row.pupil.0);
    if let Some(ine) = &row.ine {
        xml.markup("\" INE=\"").markup(ine.as_str());
    }
    if let Some(version) = row.demand_version {
        xml.markup("\" VERSION_DEMANDE=\"").number(version);
    }
    xml.markup("\" SAISIE_LE=\"").instant(row.entered_at).markup("\">\n      <DIVISION>");
    xml.text(row.division.as_str()).markup("</DIVISION><CONSEIL>").day(row.council).markup("</CONSEIL>\n");
    for verdict in &row.verdicts {
        write_verdict(xml, verdict);
    }
    xml.markup("    </REPONSE>\n").end_row();
}

fn write_verdict<W: Write>(xml: &mut XmlWriter<W>, verdict: &RawVerdict) {
    match verdict {
        RawVerdict::Opinion { track, value, reason } => {
            xml.markup("      <AVIS VOIE=\"").text(track).markup("\" VALEUR=\"").markup(value.code());
            match reason {
                Some(reason) => xml.markup("\"><MOTIF>").text(reason.reveal()).markup("</MOTIF></AVIS>\n"),
                None => xml.markup("\"/>\n"),
            };
        }
        RawVerdict::Proposal { track, requested, accepted } => {
            xml.markup("      <PROPOSITION VOIE=\"").text(track);
            xml.markup(if *requested { "\" DEMANDEE=\"O" } else { "\" DEMANDEE=\"N" });
            xml.markup(if *accepted { "\" VALEUR=\"OUI\"/>\n" } else { "\" VALEUR=\"NON\"/>\n" });
        }
    }
}

/// Reads a response file whole.
///
/// # Errors
/// The first fault of the file.
pub fn decode(name: FileName, bytes: &[u8]) -> Result<(ResponseHead, Vec<RawResponse>), Fault> {
    let (mut rows, mut first) = (Vec::new(), None);
    let head = read(name, bytes, &mut |_, row| rows.push(row), &mut |fault| {
        first.get_or_insert(fault);
    });
    match (head, first) {
        (Ok(head), None) => Ok((head, rows)),
        (_, Some(fault)) | (Err(fault), None) => Err(fault),
    }
}

/// Reads a response file row by row, each with its line: rows that can be read are handed out, faults that leave the rest readable are reported.
///
/// # Errors
/// The fault after which nothing more can be read.
pub fn read<R: BufRead>(
    name: FileName,
    input: R,
    rows: &mut dyn FnMut(u64, RawResponse),
    report: Report<'_>,
) -> Result<ResponseHead, Fault> {
    let mut reader = open(input, ROOT)?;
    let read = read_head(&mut reader)?;
    let count = |text: &str| whole(text).ok_or(Wrong("NOMBRE", "NB_REPONSES is a whole number".to_owned()));
    let responses = element(&mut reader, "NB_REPONSES", count)?;
    let mut entry_complete_at = None;
    if reader.is_on("SAISIE_TERMINEE_LE") {
        entry_complete_at = Some(element(&mut reader, "SAISIE_TERMINEE_LE", instant)?);
    }
    reader.leave()?;
    if let Some(fault) = compare(name, read.key, read.number, read.line) {
        report(fault);
    }
    let head =
        ResponseHead { key: read.key, number: read.number, stamped_at: read.stamped_at, entry_complete_at, responses };
    let mut rank = 0;
    reader.enter("DONNEES")?;
    each_row(&mut reader, &mut *report, |reader, _| {
        if !reader.is_on("REPONSE") {
            return Err(reader.expected("REPONSE"));
        }
        rank += 1;
        rows(reader.line(), read_row(reader, rank, head.key.phase)?);
        Ok(())
    })?;
    reader.leave()?;
    reader.leave()?;
    reader.end()?;
    compare_count("NB_REPONSES", responses, rank, read.line, report);
    Ok(head)
}

fn read_row<R: BufRead>(reader: &mut StrictReader<R>, rank: u32, phase: Phase) -> Result<RawResponse, Fault> {
    let line = reader.line();
    let [id, ine_code, version, entered_at] = reader.attributes(["ELEVE_ID", "INE", "VERSION_DEMANDE", "SAISIE_LE"])?;
    let pupil = needed(id, "ELEVE_ID", line, pupil_id)?;
    let ine = optional(ine_code, line, ine)?;
    let demand_version = optional(version, line, counted)?;
    let entered_at = needed(entered_at, "SAISIE_LE", line, instant)?;
    reader.enter_read()?;
    let division = element(reader, "DIVISION", division)?;
    let council = element(reader, "CONSEIL", date)?;
    let mut verdicts = Vec::new();
    while reader.on_open() {
        verdicts.push(read_verdict(reader, phase)?);
    }
    if verdicts.is_empty() {
        return Err(reader.expected("AVIS or PROPOSITION"));
    }
    reader.leave()?;
    let other_school = false;
    Ok(RawResponse { rank, pupil, ine, demand_version, entered_at, division, council, verdicts, other_school })
}

fn read_verdict<R: BufRead>(reader: &mut StrictReader<R>, phase: Phase) -> Result<RawVerdict, Fault> {
    let line = reader.line();
    match phase {
        Phase::Provisional => {
            if !reader.is_on("AVIS") {
                return Err(reader.expected("AVIS (PROPOSITION belongs to the phase DEFINITIVE)"));
            }
            let [track, value] = reader.attributes(["VOIE", "VALEUR"])?;
            let track = needed(track, "VOIE", line, track_code)?;
            let value = needed(value, "VALEUR", line, |text| {
                OpinionValue::of_code(text)
                    .ok_or(Wrong("VALEUR", "VALEUR of an AVIS is FAVORABLE, RESERVE or DEFAVORABLE".to_owned()))
            })?;
            reader.enter_read()?;
            let mut reason = None;
            if reader.is_on("MOTIF") {
                // An empty reason is a missing one: `check` refuses that pupil alone (MOTIF), as for a control character.
                reason = Some(spaced(reader.text_of("MOTIF")?)).filter(|text| !text.reveal().is_empty());
            }
            reader.leave()?;
            Ok(RawVerdict::Opinion { track, value, reason })
        }
        Phase::Definitive => {
            if !reader.is_on("PROPOSITION") {
                return Err(reader.expected("PROPOSITION (AVIS belongs to the phase PROVISOIRE)"));
            }
            let [track, requested, accepted] = reader.attributes(["VOIE", "DEMANDEE", "VALEUR"])?;
            let track = needed(track, "VOIE", line, track_code)?;
            let requested = needed(requested, "DEMANDEE", line, yes_or_no)?;
            let accepted = needed(accepted, "VALEUR", line, |text| match text {
                "OUI" => Ok(true),
                "NON" => Ok(false),
                _ => Err(Wrong("VALEUR", "VALEUR of a PROPOSITION is OUI or NON".to_owned())),
            })?;
            reader.empty_read()?;
            Ok(RawVerdict::Proposal { track, requested, accepted })
        }
    }
}

/// A track code: one that is not known refuses its pupil alone, but it must look like a code.
fn track_code(text: &str) -> Result<String, Wrong> {
    let shaped = (1..=TRACK_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if shaped {
        Ok(text.to_owned())
    } else {
        Err(Wrong("VOIE", "a track is a code of 1 to 20 letters and digits".to_owned()))
    }
}
