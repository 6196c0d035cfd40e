//! Text from outside (units, pools, files) before it is shown: a terminal obeys none of it, and it forges no line.
//!
//! A character that a terminal obeys or hides is written as JSON writes it, `\u001b`: nothing is lost, and JSON
//! with such characters in its strings still says the same.

use std::borrow::Cow;
use std::fmt::Write;

/// Longest text of a device or pool that is shown whole, in characters. Longer ones end in `…`.
pub(crate) const LONGEST: usize = 300;

/// Whether a terminal obeys or hides `c`: control characters (C0, DEL, C1), line and paragraph separators, marks
/// that turn the direction of writing, characters without width, and tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` on one line and of at most `LONGEST` characters.
///
/// ```
/// use thermine_units::printable::printable;
/// assert_eq!(printable("S9\x1b[2J\nok"), r"S9\u001b[2J\u000aok");
/// ```
pub fn printable(text: &str) -> String {
    printable_to(text, LONGEST)
}

/// `text` on one line and of at most `most` characters, and one more if it is cut.
pub fn printable_to(text: &str, most: usize) -> String {
    let end = |text: &str| text.char_indices().nth(most).map(|(end, _)| end);
    // Cut before and after: a long text costs no more than a short one, and an escape counts as it is shown.
    let cut = end(text);
    let mut shown = escaped(&text[..cut.unwrap_or(text.len())], is_hidden).into_owned();
    let again = end(&shown);
    if let Some(end) = again {
        shown.truncate(end);
    }
    if cut.or(again).is_some() {
        shown.push('…');
    }
    shown
}

/// `text` with its own line breaks and tabulators, of any length: for what the program itself has put into lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && c != '\n' && c != '\t')
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_shown_whole_and_obeyed_by_no_terminal() {
        assert_eq!(printable("Antminer S9 é 日本"), "Antminer S9 é 日本");
        assert_eq!(
            printable("\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{2028}\t\r\n"),
            r"\u001b]0;x\u0007\u009b31m\u202e\u2028\u0009\u000d\u000a"
        );
        assert_eq!(printable("\u{e0041}"), r"\udb40\udc41");
        assert_eq!(printable_lines("a\n\tb\u{1b}\r"), "a\n\tb\\u001b\\u000d");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let shown = printable(&"é".repeat(100_000));
        assert_eq!(shown.chars().count(), LONGEST + 1);
        assert!(shown.ends_with('…'), "{shown}");
        assert_eq!(printable(&"é".repeat(LONGEST)).chars().count(), LONGEST);
    }

    proptest! {
        #[test]
        fn json_says_the_same_after_it_is_made_printable(text in ".{0,40}", more in "[\\x00-\\x9f\\u202a-\\u202e]{0,5}") {
            let text = format!("{text}{more}");
            let json = serde_json::to_string(&text).expect("a string");
            let shown = printable_lines(&json);
            prop_assert!(!shown.contains(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).expect("still JSON"), text);
        }
    }
}
