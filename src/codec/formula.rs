//! Text that a spreadsheet would run: it travels with one more apostrophe before it, in CSV only (siecle.md).

use std::borrow::Cow;

const GUARD: char = '\'';

/// Whether, behind its apostrophes, a text begins as a formula does.
fn runs(text: &str) -> bool {
    text.trim_start_matches(GUARD).starts_with(['=', '+', '-', '@'])
}

/// The text as a CSV carries it.
pub fn guard(text: &str) -> Cow<'_, str> {
    if runs(text) { Cow::Owned(format!("{GUARD}{text}")) } else { Cow::Borrowed(text) }
}

/// The text that a CSV's field stands for. One that nobody guarded, because a spreadsheet dropped the apostrophe, stays
/// as it is.
pub fn unguard(field: &str) -> &str {
    if runs(field) { field.strip_prefix(GUARD).unwrap_or(field) } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("=1+1", "'=1+1")]
    #[case("+33", "'+33")]
    #[case("-", "'-")]
    #[case("@cmd", "'@cmd")]
    #[case("'=1", "''=1")]
    #[case("'''@", "''''@")]
    #[case("'t Hart", "'t Hart")]
    #[case("''", "''")]
    #[case("", "")]
    #[case("3-A", "3-A")]
    #[case(" =1", " =1")]
    fn what_would_run_is_guarded(#[case] text: &str, #[case] field: &str) {
        assert_eq!(guard(text), field);
        assert_eq!(unguard(field), text);
    }

    #[test]
    fn an_apostrophe_that_a_spreadsheet_dropped_is_not_missed() {
        assert_eq!(unguard("=1"), "=1");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_runs(text in "[-'=+@a é]{0,6}") {
            let field = guard(&text);
            prop_assert!(!field.starts_with(['=', '+', '-', '@']));
            prop_assert_eq!(unguard(&field), text.as_str());
        }
    }
}
