//! Why an operation on a number fails, and the bounds on the size of numbers.

use thiserror::Error;

/// Most bits of a dense number, half a gigabyte: larger results are refused before memory is allocated.
pub const MOST_BITS: u64 = 1 << 32;

/// Most terms of a sparse number that an operation forms: the difference of two single powers can have 2⁶⁴.
pub const MOST_TERMS: usize = 1 << 24;

/// A number that is too large to be represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TooLarge {
    /// A dense number with too many bits.
    #[error("a dense number of {bits} bits is too large: the limit is {MOST_BITS} bits")]
    Bits {
        /// Bits needed, 2⁶⁴ − 1 if more.
        bits: u64,
    },
    /// A sparse number with an exponent beyond 64 bits.
    #[error("an exponent exceeds 2^64 - 1")]
    Exponent,
    /// An operation on sparse numbers with too many terms.
    #[error("the operation would form {terms} terms: the limit is {MOST_TERMS}")]
    Terms {
        /// Terms that the operation would form.
        terms: u128,
    },
}

/// Why a text is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The text has no characters.
    #[error("an empty text is not a number")]
    Empty,
    /// A character is not a decimal digit.
    #[error("{found:?} at byte {place} is not a decimal digit")]
    Digit {
        /// The first character that is not a decimal digit.
        found: char,
        /// Byte offset from the beginning.
        place: usize,
    },
    /// More digits than [`MOST_BITS`] can hold.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}
