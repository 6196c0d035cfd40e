//! A word that is never shown.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A password or token. Its `Debug` says nothing of it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes `word` out of sight.
    pub fn new(word: impl Into<String>) -> Secret {
        Secret(word.into())
    }

    /// Whether `word` is the same. Takes a time that depends on nothing but the length of `word`: what is compared
    /// is the SHA-256 of both.
    pub fn matches(&self, word: &str) -> bool {
        bool::from(Sha256::digest(&self.0).ct_eq(&Sha256::digest(word)))
    }

    /// A word that can be had from this one and the public `purpose`, and from which this one cannot: the SHA-256
    /// of both, in hexadecimal.
    pub fn derived(&self, purpose: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(self.0.as_bytes());
        hex::encode(hash.finalize())
    }

    /// Its length in bytes, to refuse what is too short to be a secret.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The word itself, for the wire and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_shown() {
        let secret = Some(Secret::new("hunter2"));
        assert_eq!(format!("{secret:?}"), "Some([redacted])");
    }

    #[test]
    fn only_the_word_matches_and_what_is_derived_depends_on_both() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches("hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.matches(other), "{other}");
        }
        assert_ne!(secret.derived("a"), secret.derived("b"));
        assert_ne!(secret.derived("a"), Secret::new("hunter3").derived("a"));
    }
}
