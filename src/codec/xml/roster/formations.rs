//! `BEE_NOMENCLATURES`: formations, their class by MEFSTAT, and until when they are open.

use crate::check::nomenclature::{Class, Mef, Nomenclature};
use crate::codec::{
    Fault, Report,
    strict::StrictReader,
    xml::roster::{fields, french_date, optional, pass, section},
};
use crate::domain::track::MefCode;
use std::io::BufRead;

/// Formations of one file: the State's whole list has some 10 000.
const FORMATIONS_MAX: u32 = 50_000;

/// Reads the `MEFS` of `DONNEES`. Codes of other shapes than a MEF's are passed over: schools have codes of their own.
pub(in crate::codec::xml::roster) fn read<R: BufRead>(
    reader: &mut StrictReader<R>,
    report: Report<'_>,
) -> Result<Nomenclature, Fault> {
    let mut codes = Vec::new();
    let mut left = FORMATIONS_MAX;
    let line = reader.line();
    while reader.on_open() {
        match reader.name() {
            "MEFS" => section(reader, "MEF", &mut left, report, |reader, report| {
                let [code] = reader.some_attributes(["CODE_MEF"])?;
                let code = code.and_then(|code| MefCode::parse(code.trim()).ok());
                let [mefstat, closes] = fields(reader, ["CODE_MEFSTAT", "DATE_FERMETURE"])?;
                let class = mefstat.and_then(|mefstat| Class::of_mefstat(&mefstat.text));
                let closes = optional(closes, french_date, report);
                codes.extend(code.map(|code| (code, Mef { class, closes })));
                Ok(())
            })?,
            _ => pass(reader)?,
        }
    }
    if codes.is_empty() {
        return Err(Fault::new(line, "NOMBRE", "no formation could be read: export Nomenclature.xml again, whole"));
    }
    Ok(Nomenclature::new(codes))
}
