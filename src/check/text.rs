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

fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// How an anomaly `PERIMEE` says which version the council saw, and which one is the last validated (R17).
pub(in crate::check) fn stale(seen: Option<u32>, last: Option<u32>) -> String {
    let name = |version: Option<u32>| version.map_or_else(|| "aucune".to_owned(), |version| version.to_string());
    format!("version vue {}, dernière {}", name(seen), name(last))
}
