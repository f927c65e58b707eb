//! How words of the command line become values.

use crate::domain::{
    campaign::Phase,
    lot::Format,
    school::{Level, SchoolYear, Uai},
};

/// A UAI, in either case.
///
/// # Errors
/// When it is none.
pub fn uai(text: &str) -> Result<Uai, String> {
    Uai::parse(text).map_err(|fault| fault.to_string())
}

/// A school year.
///
/// # Errors
/// When it is none.
pub fn year(text: &str) -> Result<SchoolYear, String> {
    SchoolYear::parse(text).map_err(|fault| fault.to_string())
}

/// A phase, in either case.
///
/// # Errors
/// When it is none.
pub fn phase(text: &str) -> Result<Phase, String> {
    let phase = Phase::of_code(&text.to_ascii_uppercase());
    phase.ok_or_else(|| "a phase is PROVISOIRE or DEFINITIVE".to_owned())
}

/// A level, in either case.
///
/// # Errors
/// When it is none.
pub fn level(text: &str) -> Result<Level, String> {
    Level::of_code(&text.to_ascii_uppercase()).ok_or_else(|| "a level is 3E or 2GT".to_owned())
}

/// A format of files.
///
/// # Errors
/// When it is none.
pub fn format(text: &str) -> Result<Format, String> {
    match text {
        "xml" => Ok(Format::Xml),
        "csv" => Ok(Format::Csv),
        _ => Err("a format is xml or csv".to_owned()),
    }
}

/// A SHA-256 in hexadecimal.
///
/// # Errors
/// When it is none.
pub fn sha256(text: &str) -> Result<[u8; 32], String> {
    const WANTED: &str = "a SHA-256 is 64 hexadecimal digits";
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(WANTED.to_owned());
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| WANTED)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| WANTED)?;
    }
    Ok(digest)
}

/// A text that says something.
///
/// # Errors
/// When it is blank.
pub fn reason(text: &str) -> Result<String, String> {
    let reason = text.trim();
    if reason.is_empty() { Err("say why in a few words".to_owned()) } else { Ok(reason.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0380001v", true)]
    #[case("0380001A", false)]
    fn a_uai(#[case] text: &str, #[case] taken: bool) {
        assert_eq!(uai(text).is_ok(), taken);
    }

    #[rstest]
    #[case("definitive", Some(Phase::Definitive))]
    #[case("PROVISOIRE", Some(Phase::Provisional))]
    #[case("3E", None)]
    fn a_phase(#[case] text: &str, #[case] expected: Option<Phase>) {
        assert_eq!(phase(text).ok(), expected);
    }

    #[rstest]
    #[case("00".repeat(32), Some([0; 32]))]
    #[case("aB".repeat(32), Some([0xab; 32]))]
    #[case("0".repeat(63), None)]
    #[case("+0".repeat(32), None)]
    #[case("é".repeat(32), None)]
    fn a_digest(#[case] text: String, #[case] expected: Option<[u8; 32]>) {
        assert_eq!(sha256(&text).ok(), expected);
    }

    #[rstest]
    #[case(" panne du réseau ", Some("panne du réseau"))]
    #[case("  ", None)]
    fn a_reason(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(reason(text).ok().as_deref(), expected);
    }
}
