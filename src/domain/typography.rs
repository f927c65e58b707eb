//! French typography: quotation marks, colons and the like are set off by a space at which no line may break.

/// Marks with the space before or after them, as they are typed and as they are set.
const MARKS: [(&str, &str); 6] =
    [("« ", "«\u{a0}"), (" »", "\u{a0}»"), (" :", "\u{a0}:"), (" ;", "\u{a0};"), (" ?", "\u{a0}?"), (" !", "\u{a0}!")];

/// The text with its marks kept with their words.
pub fn set(text: &str) -> String {
    MARKS.iter().fold(text.to_owned(), |text, (typed, set)| text.replace(typed, set))
}

/// The same for a page: what stands in its tags is left as it is.
pub fn set_page(html: &str) -> String {
    let mut page = String::with_capacity(html.len() + html.len() / 64);
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        page.push_str(&set(text));
        page.push('<');
        let (tag, after) = tag.split_once('>').unwrap_or((tag, ""));
        page.push_str(tag);
        page.push('>');
        rest = after;
    }
    page.push_str(&set(rest));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Ensuite : « fermer » ; quand ? Oui !", "Ensuite_: «_fermer_»_; quand_? Oui_!")]
    #[case("16:15, l'élève", "16:15, l'élève")]
    #[case(" : seul", "_: seul")]
    fn marks_stay_with_their_words(#[case] typed: &str, #[case] expected: &str) {
        assert_eq!(set(typed).replace('\u{a0}', "_"), expected);
    }

    #[rstest]
    #[case("<p title=\"a : b\">c : d</p>", "<p title=\"a : b\">c_: d</p>")]
    #[case("a : b", "a_: b")]
    #[case("<!DOCTYPE html>\n<b>a</b> :", "<!DOCTYPE html>\n<b>a</b>_:")]
    fn tags_are_left_alone(#[case] typed: &str, #[case] expected: &str) {
        assert_eq!(set_page(typed).replace('\u{a0}', "_"), expected);
    }
}
