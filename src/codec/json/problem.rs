//! Problems (RFC 9457): how either far side says over HTTP why it refuses or fails.

use crate::codec::{envelope::far_code, json::write};
use serde::Serialize;
use serde_json::Value;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What the `type` of our problems begins with: a name, not a place to visit.
const TYPE_BASE: &str = "https://navette.invalid/problemes";
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
    /// Its code: `code`, else `title`, else empty; empty too where neither has the shape of a code.
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
    let code = ["code", "title"].into_iter().find_map(|name| far_code(text(name)?)).unwrap_or_default().to_owned();
    Some(Problem { kind, code, detail: one_line(text("detail").unwrap_or_default()) })
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
        assert_eq!((code.as_str(), detail.chars().count()), ("", DETAIL_CHARS_MAX));
        assert!(detail.starts_with("ligne 3 [2J é"), "{detail}");
    }

    #[rstest]
    #[case::title_when_no_code(r#"{"type":"/metier","title":"OUVERT"}"#, Some((ProblemKind::Business, "OUVERT")))]
    #[case::bare_type(r#"{"type":"/technique"}"#, Some((ProblemKind::Technical, "")))]
    #[case::code_of_another_type(r#"{"type":"x/metier","code":12,"title":"T"}"#, Some((ProblemKind::Business, "T")))]
    #[case::words_of_a_title(r#"{"type":"/metier","title":"ZORGLUB Noé"}"#, Some((ProblemKind::Business, "")))]
    #[case::words_of_a_code(r#"{"type":"/metier","code":"élève","title":"X-1.a"}"#, Some((ProblemKind::Business, "X-1.a")))]
    #[case::too_long(r#"{"type":"/technique","code":"A23456789012345678901"}"#, Some((ProblemKind::Technical, "")))]
    #[case::a_terminal_obeys(r#"{"type":"/metier","code":"A\u001b[2J"}"#, Some((ProblemKind::Business, "")))]
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
