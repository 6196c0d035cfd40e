//! Bitcoin's proof of work: SHA-256 applied twice to an 80-byte block header.
//!
//! The `sha2` crate picks the processor's SHA instructions at run time where there are any. Many nonces of one
//! header go faster by [`first_passing`](super::first_passing).

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use thermine_sha256::START;

use super::proof::ProofOfWork;

/// Length of a Bitcoin block header in bytes.
pub const HEADER_LEN: usize = 80;

/// Bitcoin's proof of work.
#[derive(Debug, Clone, Copy)]
pub struct Sha256d;

impl ProofOfWork for Sha256d {
    fn hash(&self, header: &[u8]) -> [u8; 32] {
        sha256d(header)
    }

    fn ease(&self) -> f64 {
        1.0
    }
}

/// SHA-256 of SHA-256 of `data`, in the order in which the digest's bytes come.
pub fn sha256d(data: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(data)).into()
}

/// SHA-256 after a header's first 64 bytes, which do not change while nonce, time and the last four bytes
/// of the merkle root do. Saves one of the three compressions of every further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Midstate([u32; 8]);

impl Midstate {
    /// The state after `block`, the first 64 bytes of a header.
    pub fn of(block: &[u8; 64]) -> Midstate {
        let mut state = START;
        compress256(&mut state, &[*block]);
        Midstate(state)
    }

    /// The state whose words h0 to h7 are `words`.
    pub fn from_words(words: [u32; 8]) -> Midstate {
        Midstate(words)
    }

    /// Its words h0 to h7.
    pub fn words(self) -> [u32; 8] {
        self.0
    }

    /// Proof-of-work hash of the header that ends in the 16 bytes of `tail`.
    pub fn hash(&self, tail: &[u8; 16]) -> [u8; 32] {
        let mut state = self.0;
        compress256(&mut state, &[last_block(tail, HEADER_LEN)]);
        let first = bytes(state);
        state = START;
        compress256(&mut state, &[last_block(&first, first.len())]);
        bytes(state)
    }
}

/// The last block of a message of `length` bytes that ends in `rest`: padded, its length in bits at the end.
fn last_block(rest: &[u8], length: usize) -> [u8; 64] {
    let mut block = [0; 64];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x80;
    block[56..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    block
}

fn bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::Target;

    /// Header of a real Bitcoin block, its hash as block explorers show it, and its nonce.
    const BLOCKS: [(&str, &str); 3] = [
        (
            // Block 0.
            "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        ),
        (
            // Block 1.
            "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
            "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
        ),
        (
            // Block 125,552.
            "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695",
            "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d",
        ),
    ];

    #[test]
    fn known_blocks_hash_to_their_ids_and_meet_their_targets() {
        for (header, id) in BLOCKS {
            let header: [u8; HEADER_LEN] = hex::decode(header)
                .expect("hex")
                .try_into()
                .expect("80 bytes");
            let hash = sha256d(&header);
            let mut shown = hash;
            shown.reverse();
            assert_eq!(hex::encode(shown), id);

            let tail: [u8; 16] = header[64..].try_into().expect("16 bytes");
            let block = header.first_chunk().expect("64 bytes");
            assert_eq!(Midstate::of(block).hash(&tail), hash);

            let bits = u32::from_le_bytes(header[72..76].try_into().expect("4 bytes"));
            let target = Target::from_compact(bits).expect("a valid target");
            assert!(target.is_met_by(&hash));

            let mut wrong = header;
            wrong[76] ^= 1;
            assert!(!target.is_met_by(&sha256d(&wrong)));
        }
    }
}
