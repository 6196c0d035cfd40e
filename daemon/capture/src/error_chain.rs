//! An error and its causes on one line.

use anyhow::Error;

/// What `error` says, and what caused it. Some errors name their cause themselves: it is not said twice.
pub fn chain(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_whether_or_not_the_error_names_it() {
        let broken = || std::io::Error::other("no such wire");
        let silent = Error::new(broken()).context("cannot ask s9");
        assert_eq!(chain(&silent), "cannot ask s9: no such wire");
        let naming = Error::new(broken()).context("s9: no such wire: check it");
        assert_eq!(chain(&naming), "s9: no such wire: check it");
    }
}
