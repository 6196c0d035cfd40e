//! Proof of work: building a header, hashing it and saying how hard the result was to find.

mod algorithm;
pub mod difficulty;
pub mod lbry;
mod proof;
pub mod rosetta;
mod search;
pub mod sha256d;
pub mod work;

pub use algorithm::Algorithm;
pub use difficulty::{Difficulty, Target};
pub use lbry::Lbry;
pub use proof::ProofOfWork;
pub use search::first_passing;
pub use sha256d::{Midstate, Sha256d};
pub use work::{Header, Work};
