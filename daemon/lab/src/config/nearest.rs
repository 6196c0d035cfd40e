//! What was probably meant by a misspelt word.

/// Of `known`, what was probably meant by `written`: the nearest by edits, if it is near enough.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |word: &str| strsim::damerau_levenshtein(&written.to_lowercase(), word);
    known
        .into_iter()
        .map(|word| (distance(word), word))
        .filter(|(edits, word)| *edits <= (word.len() / 3).max(1) || word.starts_with(written))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_near() {
        let known = ["hold_seconds", "shares", "timeout_seconds"];
        assert_eq!(nearest("hold_second", known), Some("hold_seconds"));
        assert_eq!(nearest("sahres", known), Some("shares"));
        assert_eq!(nearest("colour", known), None);
    }
}
