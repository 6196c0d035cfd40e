//! SHA-256 (FIPS 180-4) of block headers, round by round and for many nonces in parallel.
//!
//! ```text
//! header, 80 bytes ─┬─ first 64 ──► midstate                       once per header
//!                   └─ last 16 ───► compression 1, rounds 1 to 64   nonce in word 3: rounds 1 to 3 without it
//!                                   compression 2, rounds 1 to 64   last digest word known after round 61
//! ```
//!
//! # What it does not know
//!
//! It knows no job, no pool, no difficulty and no device. It hashes headers and returns words; other crates compare
//! them with targets. It does no input or output.
//!
//! # Where to begin reading
//!
//! `rounds.rs` holds the one round function. Three users share it: the reference ([`compress()`]), the full hash of
//! [`LANES`] nonces that keeps every intermediate state ([`Nonces::hash`]), and the early exit, which stops as soon as
//! a nonce is known to fail ([`Nonces::last_words`], [`EarlyExit`]). Theorems in `lean/Thermine/Sha256` prove that the
//! early exit loses no share.
//!
//! # Example
//!
//! The hash of Bitcoin's first block:
//!
//! ```
//! use thermine_sha256::{LANES, Nonces, START, compress};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut header = [0; 80];
//! header[0] = 1; // version 1, no previous block
//! let merkle_root = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a";
//! header[36..68].copy_from_slice(&hex::decode(merkle_root)?);
//! header[68..76].copy_from_slice(&hex::decode("29ab5f49ffff001d")?); // time and target
//!
//! let (words, _) = header[..64].as_chunks::<4>();
//! let block = std::array::from_fn(|i| u32::from_be_bytes(words[i]));
//! let midstate = compress(START, &block);
//! let mut nonces = Nonces::new(midstate, header[64..76].try_into()?);
//!
//! nonces.hash(&[2_083_236_893; LANES]);
//! let mut hash = nonces.digest(0);
//! hash.reverse(); // a hash is printed most significant byte first
//! assert!(hex::encode(hash).starts_with("000000000019d6689c085ae165831e93"));
//! # Ok(())
//! # }
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
