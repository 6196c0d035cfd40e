//! Proof of work: building a header, hashing it and saying how hard the result was to find.

pub mod difficulty;
pub mod sha256d;
pub mod work;

pub use difficulty::{Difficulty, Target};
pub use work::Work;
