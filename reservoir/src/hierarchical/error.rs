//! What can be asked of a number and not be had.

use thiserror::Error;

/// Most bits of a dense number, half a gigabyte: more is refused before memory is taken.
pub const MOST_BITS: u64 = 1 << 32;

/// Most terms of a sparse number that an operation forms: the difference of two single powers can have 2⁶⁴.
pub const MOST_TERMS: usize = 1 << 24;

/// A number too large to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TooLarge {
    /// As a dense number.
    #[error("a dense number of {bits} bits; {MOST_BITS} are the most that are held")]
    Bits {
        /// Bits wanted, 2⁶⁴ − 1 if more.
        bits: u64,
    },
    /// As a sparse one: an exponent beyond 64 bits.
    #[error("an exponent beyond 2^64 - 1")]
    Exponent,
    /// A product of sparse numbers with too many terms.
    #[error("{terms} products of terms; {MOST_TERMS} are the most that are formed")]
    Terms {
        /// Products of one term by another.
        terms: u128,
    },
}

/// Text that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The text has no characters.
    #[error("an empty text is no number")]
    Empty,
    /// A character that is no decimal digit.
    #[error("{found:?} at byte {place} is no decimal digit")]
    Digit {
        /// The first character that is not a decimal digit.
        found: char,
        /// Where, in bytes from the beginning.
        place: usize,
    },
    /// More digits than [`MOST_BITS`] can hold.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}
