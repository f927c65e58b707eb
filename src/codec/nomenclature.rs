//! The nomenclature of formations that a configuration may name: a CSV with a column `mef` and `voie` or `mefstat4`.

use crate::check::nomenclature::Nomenclature;
use crate::codec::{
    Fault,
    csv::{self as exchange, charset_of},
    encoding::Source,
};
use crate::domain::track::{MefCode, Track};
use csv::StringRecord;

/// How many digits of a MEFSTAT name its class.
const CLASS_DIGITS: usize = 4;

/// Reads a nomenclature. Codes of other shapes than a MEF's are passed over: nomenclatures hold more than formations.
///
/// # Errors
/// When it is no text, or has none of the columns.
pub fn read(bytes: &[u8]) -> Result<Nomenclature, Fault> {
    let text = Source::of_csv(bytes, charset_of(bytes)?)?.into_text()?;
    let delimiter = if text.lines().next().is_some_and(|head| head.contains(';')) { b';' } else { b',' };
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(UNEVEN).from_reader(text.as_bytes());
    let header = rows.headers().cloned().unwrap_or_default();
    let column = |names: &[&str]| header.iter().position(|found| names.contains(&&*found.trim().to_lowercase()));
    let (mef, track) = (column(&["mef", "code_mef"]), column(&["voie"]));
    let class = column(&["mefstat4", "code_mefstat", "mefstat"]);
    let (Some(mef), true) = (mef, track.is_some() || class.is_some()) else {
        let message = "a nomenclature is a CSV with a column `mef`, and `voie` or `mefstat4`";
        return Err(Fault::new(1, exchange::CODE_HEADER, message));
    };
    let entry = |row: StringRecord| {
        let get = |column: Option<usize>| column.and_then(|column| row.get(column)).map(str::trim).unwrap_or_default();
        let code = MefCode::parse(get(Some(mef))).ok()?;
        let by_class = || Nomenclature::track_of_mefstat4(get(class).get(..CLASS_DIGITS)?);
        Some((code, Track::of_code(get(track)).or_else(by_class)))
    };
    Ok(Nomenclature::new(rows.records().filter_map(Result::ok).filter_map(entry)))
}

/// `ReaderBuilder::flexible`: labels hold separators.
const UNEVEN: bool = true;

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn known() -> Nomenclature {
        let codes = [("2470000001", Some(Track::SecondePro)), ("2400000002", Some(Track::Cap)), ("2500000003", None)];
        Nomenclature::new(codes.map(|(code, track)| (MefCode::parse(code).unwrap(), track)))
    }

    #[rstest]
    #[case::tracks("mef;voie\n2470000001;2PRO\n2400000002;1CAP\n2500000003;\n")]
    #[case::classes(
        "\u{feff}CODE_MEF,MEFSTAT4,LIBELLE\r\n2470000001,2381,Bois\r\n2400000002,2311,Pain\r\n2500000003,2211,x,y\r\nx,2381,\r\n"
    )]
    fn codes_and_their_tracks(#[case] text: &str) {
        assert_eq!(read(text.as_bytes()).unwrap(), known());
    }

    #[rstest]
    #[case("code;voie\n2470000001;2PRO\n")]
    #[case("mef;libelle\n2470000001;Bois\n")]
    fn a_file_without_the_columns_is_refused(#[case] text: &str) {
        assert_eq!(read(text.as_bytes()).unwrap_err().code, "ENTETE");
    }
}
