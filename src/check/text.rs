//! Texts that people typed, as they are kept: one space between words, none around, no control character.

/// A character that neither XML nor a screen can carry (anomaly `TEXTE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a text holds a control character")]
pub struct ControlCharacter;

/// Makes every run of white space (tabs, line ends and no-break spaces among them) one space, and trims the ends.
///
/// # Errors
/// `ControlCharacter` when another control character, or one that XML 1.0 forbids, is left.
pub fn normalise(text: &str) -> Result<String, ControlCharacter> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.iter().any(|word| word.contains(is_forbidden)) {
        return Err(ControlCharacter);
    }
    Ok(words.join(" "))
}

/// Whether no text may hold this character, once its white space is made one.
pub fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// How an anomaly `PERIMEE` says which version the council saw, and which one is the last validated (R17).
pub(in crate::check) fn stale(seen: Option<u32>, last: Option<u32>) -> String {
    let name = |version: Option<u32>| version.map_or_else(|| "aucune".to_owned(), |version| version.to_string());
    format!("version vue {}, dernière {}", name(seen), name(last))
}

#[cfg(test)]
mod tests {
    use super::{ControlCharacter, normalise, stale};
    use rstest::rstest;

    #[rstest]
    #[case("Mécanique", Ok("Mécanique"))]
    #[case("  CAP\tcoiffure \r\n ", Ok("CAP coiffure"))]
    #[case("a\u{a0}\u{202f}\u{3000}b", Ok("a b"))]
    #[case("a\u{85}\u{b}b", Ok("a b"))]
    #[case("\u{2028}", Ok(""))]
    #[case("", Ok(""))]
    #[case("œ € – ’", Ok("œ € – ’"))]
    #[case("so\u{ad}ft", Ok("so\u{ad}ft"))]
    #[case("a\u{0}b", Err(ControlCharacter))]
    #[case("a\u{1b}b", Err(ControlCharacter))]
    #[case("ab\u{7f}", Err(ControlCharacter))]
    #[case("a\u{9f}b", Err(ControlCharacter))]
    #[case("a \u{fffe}b", Err(ControlCharacter))]
    #[case("\u{ffff}", Err(ControlCharacter))]
    fn texts(#[case] text: &str, #[case] expected: Result<&str, ControlCharacter>) {
        assert_eq!(normalise(text), expected.map(str::to_owned));
    }

    #[test]
    fn stale_versions_are_named() {
        assert_eq!(stale(Some(1), Some(2)), "version vue 1, dernière 2");
        assert_eq!(stale(None, Some(1)), "version vue aucune, dernière 1");
    }
}
