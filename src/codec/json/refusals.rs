//! What the téléservice refuses: a whole order, or single pupils of a response order.

use crate::codec::{
    Fault,
    envelope::far_code,
    json::{bad_member, read, write},
};
use crate::domain::pupil::PupilId;
use serde::{Deserialize, Serialize};

/// Stands for a code that is none.
const UNNAMED: &str = "SANS_CODE";

/// A refused order, as the folder `refus/` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `{"code":…}`: the order as a whole.
    Whole(String),
    /// `{"refusees":[…]}`: these pupils; the others were applied.
    Pupils(Vec<(PupilId, String)>),
}

/// A refused pupil on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RefusedPupil {
    eleve_id: i64,
    code: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusees: Option<Vec<RefusedPupil>>,
}

pub(super) fn to_wire(refused: &[(PupilId, String)]) -> Vec<RefusedPupil> {
    refused.iter().map(|(pupil, code)| RefusedPupil { eleve_id: pupil.0, code: code.clone() }).collect()
}

pub(super) fn of_wire(refused: Vec<RefusedPupil>) -> Vec<(PupilId, String)> {
    refused.into_iter().map(|refused| (PupilId(refused.eleve_id), code_of(&refused.code))).collect()
}

/// A code of the téléservice; words in its place are not kept.
fn code_of(text: &str) -> String {
    far_code(text).unwrap_or(UNNAMED).to_owned()
}

/// The content of a file in `refus/`.
pub fn encode(refusal: &Refusal) -> String {
    write(&match refusal {
        Refusal::Whole(code) => Wire { code: Some(code.clone()), refusees: None },
        Refusal::Pupils(pupils) => Wire { code: None, refusees: Some(to_wire(pupils)) },
    })
}

/// Reads a file of `refus/`.
///
/// # Errors
/// `JSON` when it is none, `VALEUR` when it has neither `code` nor `refusees`, or both.
pub fn decode(bytes: &[u8]) -> Result<Refusal, Fault> {
    match read(bytes, "a refusal")? {
        Wire { code: Some(code), refusees: None } => Ok(Refusal::Whole(code_of(&code))),
        Wire { code: None, refusees: Some(pupils) } => Ok(Refusal::Pupils(of_wire(pupils))),
        Wire { code: Some(_), refusees: Some(_) } | Wire { code: None, refusees: None } => Err(bad_member("code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Refusal::Whole("OUVERT".to_owned()), r#"{"code":"OUVERT"}"#)]
    #[case(Refusal::Pupils(vec![(PupilId(100), "LOCKED".to_owned())]), r#"{"refusees":[{"eleve_id":100,"code":"LOCKED"}]}"#)]
    #[case(Refusal::Pupils(vec![]), r#"{"refusees":[]}"#)]
    fn a_refusal_reads_back(#[case] refusal: Refusal, #[case] text: &str) {
        assert_eq!(encode(&refusal), text);
        assert_eq!(decode(text.as_bytes()), Ok(refusal));
    }

    #[rstest]
    #[case::neither("{}", CODE_VALUE)]
    #[case::both(r#"{"code":"A","refusees":[]}"#, CODE_VALUE)]
    #[case::number_as_text(r#"{"refusees":[{"eleve_id":"100","code":"A"}]}"#, CODE_JSON)]
    #[case::doubled(r#"{"code":"A","code":"B"}"#, CODE_JSON)]
    #[case::cut(r#"{"code":"A""#, CODE_JSON)]
    fn what_is_no_refusal(#[case] text: &str, #[case] code: &str) {
        assert_eq!(decode(text.as_bytes()).unwrap_err().code, code);
    }

    use crate::codec::json::{CODE_JSON, CODE_VALUE};
}
