//! The nomenclature of formations that a configuration may name: SIECLE's `Nomenclature.xml`, plain or in its zip, or a CSV
//! with a column `mef` and `voie` or `mefstat4`.

use crate::check::nomenclature::{Class, Mef, Nomenclature};
use crate::codec::{
    Fault,
    csv::{self as exchange, charset_of},
    encoding::Source,
    xml::roster::{self, Content},
};
use crate::domain::track::MefCode;
use csv::StringRecord;
use std::io::Cursor;

/// What an export begins with, an XML or a zip, behind the mark of UTF-8; no CSV does.
const EXPORT_MARKS: [&[u8]; 3] = [b"<", b"PK", b"\xEF\xBB\xBF<"];

/// Reads a nomenclature. Codes of other shapes than a MEF's are passed over: nomenclatures hold more than formations.
///
/// # Errors
/// When it is another export, no text, or has none of the columns.
pub fn read(bytes: &[u8]) -> Result<Nomenclature, Fault> {
    if EXPORT_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return match roster::read_file(Cursor::new(bytes), &mut |_| ())?.content {
            Content::Formations(nomenclature) => Ok(nomenclature),
            other @ (Content::Pupils(_) | Content::People(_)) => {
                let message = format!("an export of {}: bring Nomenclature.xml", other.kind());
                Err(Fault::new(1, "BALISE", message))
            }
        };
    }
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
        let class = Class::of_code(get(track)).or_else(|| Class::of_mefstat(get(class)));
        Some((code, Mef { class, closes: None }))
    };
    Ok(Nomenclature::new(rows.records().filter_map(Result::ok).filter_map(entry)))
}

/// `ReaderBuilder::flexible`: labels hold separators.
const UNEVEN: bool = true;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{time::parse_date, track::Track};
    use rstest::rstest;

    fn known() -> Nomenclature {
        let codes = [("2470000001", Some(Track::SecondePro)), ("2400000002", Some(Track::Cap)), ("2500000003", None)];
        Nomenclature::new(
            codes.map(|(code, track)| {
                (MefCode::parse(code).unwrap(), Mef { class: track.map(Class::Track), closes: None })
            }),
        )
    }

    #[rstest]
    #[case::tracks("mef;voie\n2470000001;2PRO\n2400000002;1CAP\n2500000003;\n")]
    #[case::classes(
        "\u{feff}CODE_MEF,MEFSTAT4,LIBELLE\r\n2470000001,2381,Bois\r\n2400000002,2311,Pain\r\n2500000003,2212,x,y\r\nx,2381,\r\n"
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

    #[test]
    fn an_export_of_siecle_plain_and_packed() {
        let text = "<BEE_NOMENCLATURES VERSION='3.1'><PARAMETRES><UAJ>0380001V</UAJ><ANNEE_SCOLAIRE>2019</ANNEE_SCOLAIRE>\
                    </PARAMETRES><DONNEES><MEFS><MEF CODE_MEF='24700000011'><CODE_MEFSTAT>23810010001</CODE_MEFSTAT>\
                    <DATE_FERMETURE>31/08/2018</DATE_FERMETURE></MEF></MEFS></DONNEES></BEE_NOMENCLATURES>";
        let closes = Some(parse_date("2018-08-31").unwrap());
        let formation = Mef { class: Some(Class::Track(Track::SecondePro)), closes };
        let expected = Nomenclature::new([(MefCode::parse("2470000001").unwrap(), formation)]);
        let packed = crate::codec::archive::pack("Nomenclature.xml", text.as_bytes()).unwrap();
        for bytes in [text.as_bytes(), &[b"\xEF\xBB\xBF", text.as_bytes()].concat(), &packed] {
            assert_eq!(read(bytes).unwrap(), expected);
        }
        assert_eq!(read(b"<BEE_ELEVES/>").unwrap_err().code, "BALISE");
    }
}
