//! Hierarchical numbers: exact arithmetic of any length, a mergeable heap, and statistics over dyadic time scales.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`levels`] | where the bits of a number lie |
//! | [`HierNat`] | dense natural numbers in levels of 64, 128, 256, … bits |
//! | [`SparseNat`] | natural numbers as exponents |
//! | [`Naf`] | signed numbers in non-adjacent form; [`Signed`] as sign and magnitude |
//! | [`lookahead`] | the carry look-ahead adder, its work and depth counted |
//! | [`BinomialHeap`] | a priority queue that melds |
//! | [`timescale`] | Allan variance and Haar details of a stream, by octaves of averaging |
//! | [`octave`] | how durations spread over octaves, and how concentrated they are |
//!
//! What an operation costs: adding n bits is work O(n/64), of which a look-ahead circuit makes a *depth* of O(log n);
//! sparse sums O(s₁ + s₂), sparse products O(s₁ s₂ log s₂), shifts of sparse numbers O(1). Products of n limbs use
//! rows, from 32 limbs Karatsuba's method, and from 3,072 limbs a number-theoretic transform; quotients and decimal
//! digits divide and conquer with these products. Nothing here takes work, or energy, that is logarithmic in n.

mod convert;
mod decimal;
mod dense;
mod error;
mod heap;
pub mod levels;
mod limbs;
pub mod lookahead;
pub mod octave;
mod signed;
mod sparse;
pub mod timescale;

pub use convert::Signed;
pub use dense::HierNat;
pub use error::{MOST_BITS, MOST_TERMS, ParseError, TooLarge};
pub use heap::BinomialHeap;
pub use signed::{Digit, Naf};
pub use sparse::SparseNat;
