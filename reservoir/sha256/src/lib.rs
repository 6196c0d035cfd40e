//! SHA-256 (FIPS 180-4) of block headers, round by round and many nonces side by side.
//!
//! One round function serves everything: the reference ([`compress()`]), the round twin, which keeps every
//! state of both compressions ([`Nonces::hash`]), and the early exit, which stops as soon as a nonce is known
//! to have failed ([`Nonces::last_words`]).
//!
//! ```text
//! header, 80 bytes ─┬─ first 64 ──► midstate                       once per header
//!                   └─ last 16 ───► compression 1, rounds 1 to 64   nonce in word 3: rounds 1 to 3 without it
//!                                   compression 2, rounds 1 to 64   last digest word known after round 61
//! ```

mod early;
mod nonces;
mod rounds;

pub use early::EarlyExit;
pub use nonces::{Compression, LANES, Nonces, Words};
pub use rounds::{
    EXIT_ROUND, NONCE_FREE_ROUNDS, ROUNDS, ROUNDS_OF_EARLY_EXIT, ROUNDS_OF_HEADER, START, compress,
    schedule, states,
};
