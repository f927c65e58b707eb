//! Problems (RFC 9457): how either far side says over HTTP why it refuses or fails.

use crate::codec::json::write;
use serde::Serialize;
use serde_json::Value;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What the `type` of our problems begins with: a name, not a place to visit.
const TYPE_BASE: &str = "https://navette.invalid/problemes";
/// A code is one word that can stand in a log and a table; ours have at most 20 signs, and no other system is bound by that.
const CODE_CHARS_MAX: usize = 40;
/// A sentence that is longer is a page, and nobody reads that in a table.
const DETAIL_CHARS_MAX: usize = 300;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// `/technique`: the machine failed; the status tells whether to try again.
    Technical,
    /// `/metier`: the request itself is refused, for good, whatever the status (siecle.md).
    Business,
}

impl ProblemKind {
    const fn ending(self) -> &'static str {
        match self {
            Self::Technical => "/technique",
            Self::Business => "/metier",
        }
    }
}

/// A problem of one of the two kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Technical or business, from the end of `type`.
    pub kind: ProblemKind,
    /// Its code: `code`, else `title`, else empty; one word.
    pub code: String,
    /// One sentence in one line; may be empty.
    pub detail: String,
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}

/// The body of a problem.
pub fn encode(problem: &Problem, status: u16) -> String {
    let Problem { kind, code, detail } = problem;
    write(&Wire { r#type: format!("{TYPE_BASE}{}", kind.ending()), title: code, status, code, detail })
}

/// Reads a problem; none when the body is none, or its `type` has neither ending.
pub fn decode(body: &[u8]) -> Option<Problem> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let kinds = [ProblemKind::Technical, ProblemKind::Business];
    let kind = text("type").and_then(|uri| kinds.into_iter().find(|kind| uri.ends_with(kind.ending())))?;
    let code = one_word(text("code").or_else(|| text("title")).unwrap_or_default());
    Some(Problem { kind, code, detail: one_line(text("detail").unwrap_or_default()) })
}

/// What a far side writes where a code belongs ends in logs: no sentence, and nothing that a terminal would obey.
fn one_word(text: &str) -> String {
    let sign = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.') { it } else { '_' };
    text.trim().chars().take(CODE_CHARS_MAX).map(sign).collect()
}

fn one_line(text: &str) -> String {
    text.trim().chars().take(DETAIL_CHARS_MAX).map(|it| if it.is_control() { ' ' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(ProblemKind::Technical, "INDISPONIBLE", "revenez plus tard")]
    #[case(ProblemKind::Business, "FLUX_RECULE", "")]
    fn a_problem_reads_back(#[case] kind: ProblemKind, #[case] code: &str, #[case] detail: &str) {
        let problem = Problem { kind, code: code.to_owned(), detail: detail.to_owned() };
        let body = encode(&problem, 409);
        assert!(body.contains("\"status\":409"), "{body}");
        assert_eq!(decode(body.as_bytes()), Some(problem));
    }

    #[test]
    fn a_page_and_what_a_terminal_obeys_become_a_line() {
        let body = serde_json::json!({
            "type": "/metier", "code": "C".repeat(1_000), "detail": format!("ligne 3\u{1b}[2J\n{}", "é".repeat(1_000)),
        });
        let Problem { code, detail, .. } = decode(body.to_string().as_bytes()).unwrap();
        assert_eq!((code.len(), detail.chars().count()), (CODE_CHARS_MAX, DETAIL_CHARS_MAX));
        assert!(detail.starts_with("ligne 3 [2J é"), "{detail}");
    }

    #[rstest]
    #[case::title_when_no_code(r#"{"type":"/metier","title":"OUVERT"}"#, Some((ProblemKind::Business, "OUVERT")))]
    #[case::bare_type(r#"{"type":"/technique"}"#, Some((ProblemKind::Technical, "")))]
    #[case::code_of_another_type(r#"{"type":"x/metier","code":12,"title":"T"}"#, Some((ProblemKind::Business, "T")))]
    #[case::a_sentence(r#"{"type":"/metier","title":"File not found"}"#, Some((ProblemKind::Business, "File_not_found")))]
    #[case::a_terminal_obeys(r#"{"type":"/metier","code":"A\u001b[2J"}"#, Some((ProblemKind::Business, "A__2J")))]
    #[case::about_blank(r#"{"type":"about:blank","title":"Not Found"}"#, None)]
    #[case::no_type(r#"{"title":"OUVERT"}"#, None)]
    #[case::not_an_object("[]", None)]
    #[case::a_page_of_html("<html>502</html>", None)]
    #[case::nothing("", None)]
    fn problems_of_other_hands(#[case] body: &str, #[case] expected: Option<(ProblemKind, &str)>) {
        let found = decode(body.as_bytes());
        assert_eq!(found.as_ref().map(|problem| (problem.kind, problem.code.as_str())), expected);
    }
}
