//! Siècle's list of response files over HTTP.

use crate::codec::{
    Fault,
    envelope::{Sha256Digest, hex, parse_hex},
    json::{bad_member, read, write},
};
use crate::domain::{
    lot::{Document, FileName, NUMBER_MAX},
    school::SchoolKey,
};
use serde::{Deserialize, Serialize};

/// One response file that Siècle has for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedResponse {
    /// `NUM_ENVOI`.
    pub number: u32,
    /// Its name.
    pub name: FileName,
    /// Its SHA-256.
    pub sha256: Sha256Digest,
    /// Its size.
    pub size_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    num_envoi: u32,
    nom: String,
    sha256: String,
    taille: u64,
}

/// The body of a listing, in the order given.
pub fn encode(files: &[ListedResponse]) -> String {
    let wire = |file: &ListedResponse| Wire {
        num_envoi: file.number,
        nom: file.name.to_string(),
        sha256: hex(&file.sha256),
        taille: file.size_bytes,
    };
    write(&files.iter().map(wire).collect::<Vec<_>>())
}

/// Reads the listing of one school and year.
///
/// # Errors
/// `JSON` when it is none; `VALEUR` for a name that is no response file of that school, a malformed digest, or numbers that
/// do not rise. A name of another year or number is its file's affair (`ANNEE`, `NUM_ENVOI`), not the listing's.
pub fn decode(school: SchoolKey, bytes: &[u8]) -> Result<Vec<ListedResponse>, Fault> {
    let mut files = Vec::new();
    let mut last = 0;
    for wire in read::<Vec<Wire>>(bytes, "a list of response files")? {
        let number = wire.num_envoi;
        if number <= last || NUMBER_MAX < number {
            return Err(bad_member("num_envoi"));
        }
        let name = FileName::parse(&wire.nom)
            .filter(|name| name.document == Document::Responses && name.key.school.uai == school.uai)
            .ok_or_else(|| bad_member("nom"))?;
        let sha256 = parse_hex(&wire.sha256).ok_or_else(|| bad_member("sha256"))?;
        files.push(ListedResponse { number, name, sha256, size_bytes: wire.taille });
        last = number;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::{CODE_JSON, CODE_VALUE};
    use crate::domain::school::{SchoolYear, Uai};
    use rstest::rstest;

    fn school() -> SchoolKey {
        SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
    }

    fn listed(number: u32) -> ListedResponse {
        let name = FileName::parse(&format!("0380001V-2019-REP-3E-DEFINITIVE-{number:05}.csv")).unwrap();
        ListedResponse { number, name, sha256: [0xa0; 32], size_bytes: 1_234 }
    }

    #[test]
    fn a_listing_reads_back() {
        let files = [listed(3), listed(5)];
        assert_eq!(decode(school(), encode(&files).as_bytes()).unwrap(), files);
        assert_eq!(decode(school(), b"[]").unwrap(), []);
    }

    #[rstest]
    #[case::other_school(r#""nom":"0380001V"#, r#""nom":"0750654D"#, CODE_VALUE)]
    #[case::a_lot("-REP-", "-DEM-", CODE_VALUE)]
    #[case::a_path("\"0380001V", "\"../0380001V", CODE_VALUE)]
    #[case::zero("\"num_envoi\":3", "\"num_envoi\":0", CODE_VALUE)]
    #[case::text("\"num_envoi\":3", "\"num_envoi\":\"3\"", CODE_JSON)]
    #[case::digest("a0a0", "a0", CODE_VALUE)]
    #[case::size("1234", "-1", CODE_JSON)]
    #[case::object("[", "{", CODE_JSON)]
    fn what_is_no_listing(#[case] right: &str, #[case] wrong: &str, #[case] code: &str) {
        let body = encode(&[listed(3)]).replacen(right, wrong, 1);
        assert_eq!(decode(school(), body.as_bytes()).unwrap_err().code, code, "{body}");
    }

    #[test]
    fn a_name_of_another_number_is_its_files_affair() {
        let body = encode(&[listed(3), listed(5)]).replace("00003.csv", "00004.csv");
        let numbers: Vec<_> =
            decode(school(), body.as_bytes()).unwrap().iter().map(|file| (file.number, file.name.number)).collect();
        assert_eq!(numbers, [(3, 4), (5, 5)]);
    }

    #[test]
    fn numbers_rise() {
        for files in [[listed(5), listed(3)], [listed(3), listed(3)]] {
            assert_eq!(decode(school(), encode(&files).as_bytes()).unwrap_err().code, CODE_VALUE);
        }
    }
}
