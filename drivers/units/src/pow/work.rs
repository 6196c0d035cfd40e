//! The material of a job and the block header that a share of it stands for.
//!
//! Byte orders are those of the Stratum V1 convention: the merkle root and branch go into the header as
//! they come out of SHA-256d; the previous hash is kept here in header order (Stratum sends it with each
//! 4-byte word reversed, see [`swap_words`]).

use super::proof::ProofOfWork;
use super::sha256d::sha256d;
use super::{lbry, sha256d as bitcoin};

/// Version bits that BIP 320 sets aside for rolling: 13 to 28.
pub const BIP320_MASK: u32 = 0x1fff_e000;

/// The material that a job's block header is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Block version. A pool's may have bits within the rolling mask.
    pub version: u32,
    /// Hash of the previous block in header byte order.
    pub prevhash: [u8; 32],
    /// Root of the claim trie in header byte order: LBRY's headers have one, Bitcoin's do not.
    pub claim_trie: Option<[u8; 32]>,
    /// Coinbase transaction before the extranonces.
    pub coinb1: Vec<u8>,
    /// Coinbase transaction after the extranonces.
    pub coinb2: Vec<u8>,
    /// Merkle branch, lowest first, in header byte order.
    pub merkle_branch: Vec<[u8; 32]>,
    /// Block time, seconds since the Unix epoch.
    pub ntime: u32,
    /// Network target in compact form.
    pub nbits: u32,
}

impl Work {
    /// Merkle root for a coinbase that carries these extranonces, in header byte order.
    pub fn merkle_root(&self, extranonce1: &[u8], extranonce2: &[u8]) -> [u8; 32] {
        let coinbase = [&self.coinb1, extranonce1, extranonce2, &self.coinb2].concat();
        self.merkle_branch
            .iter()
            .fold(sha256d(&coinbase), |root, branch| {
                let mut pair = [0; 64];
                pair[..32].copy_from_slice(&root);
                pair[32..].copy_from_slice(branch);
                sha256d(&pair)
            })
    }

    /// The header with the given version, merkle root, time and nonce.
    pub fn header(&self, version: u32, merkle_root: &[u8; 32], ntime: u32, nonce: u32) -> Header {
        let hashes = [&self.prevhash, merkle_root];
        Header::new(
            version,
            hashes,
            self.claim_trie.as_ref(),
            ntime,
            self.nbits,
            nonce,
        )
    }

    /// How its headers are hashed.
    pub fn proof_of_work(&self) -> &'static dyn ProofOfWork {
        self.algorithm().proof_of_work()
    }
}

/// A block header: 80 bytes for Bitcoin, 112 for LBRY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; lbry::HEADER_LEN],
    len: usize,
}

impl Header {
    /// The header of these fields; `hashes` are those of the previous block and the merkle root. With a claim
    /// trie it is LBRY's.
    pub fn new(
        version: u32,
        hashes: [&[u8; 32]; 2],
        claim_trie: Option<&[u8; 32]>,
        ntime: u32,
        nbits: u32,
        nonce: u32,
    ) -> Header {
        let mut header = Header {
            bytes: [0; lbry::HEADER_LEN],
            len: 0,
        };
        header.push(&version.to_le_bytes());
        for hash in hashes.into_iter().chain(claim_trie) {
            header.push(hash);
        }
        for number in [ntime, nbits, nonce] {
            header.push(&number.to_le_bytes());
        }
        header
    }

    /// Its first 64 bytes, which the midstate covers.
    pub fn first_block(&self) -> &[u8; 64] {
        const { assert!(bitcoin::HEADER_LEN > 64 && lbry::HEADER_LEN > 64) };
        self.bytes.first_chunk().unwrap_or(&[0; 64])
    }

    /// Puts another nonce in its last four bytes.
    pub fn set_nonce(&mut self, nonce: u32) {
        self.bytes[self.len - 4..self.len].copy_from_slice(&nonce.to_le_bytes());
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..][..part.len()].copy_from_slice(part);
        self.len += part.len();
    }
}

impl std::ops::Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Version of a header whose rolling bits were submitted as `version_bits` under `mask` (BIP 310).
pub fn rolled_version(version: u32, mask: u32, version_bits: u32) -> u32 {
    version & !mask | version_bits & mask
}

/// Version of the header that a unit hashed: its job was sent with version `sent`, it may roll the bits in
/// `mask`, and it submitted `version_bits`. `None` if these change a bit outside the mask.
///
/// Without a sixth parameter nothing was rolled. Some firmware submits the whole version: its bits outside the
/// mask are then the job's.
pub fn submitted_version(sent: u32, mask: u32, version_bits: Option<u32>) -> Option<u32> {
    let Some(bits) = version_bits else {
        return Some(sent);
    };
    let outside = bits & !mask;
    (outside == 0 || outside == sent & !mask).then(|| rolled_version(sent, mask, bits))
}

/// Reverses the bytes of each 4-byte word: between header order and Stratum's order of a hash.
pub fn swap_words(mut hash: [u8; 32]) -> [u8; 32] {
    for word in hash.chunks_exact_mut(4) {
        word.reverse();
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::difficulty::difficulty_of;
    use crate::pow::rosetta::{array, bytes, s9_shares};
    use crate::pow::{Difficulty, Target};

    #[test]
    fn real_s9_shares_rebuild_to_headers_that_meet_difficulty_256() {
        for (work, extranonce2, nonce, known) in s9_shares() {
            let root = work.merkle_root(&bytes("0000ffff"), &bytes(extranonce2));
            let header = work.header(work.version, &root, work.ntime, nonce);
            let hash = sha256d(&header);
            assert!(Target::of(Difficulty::new(256.0).expect("positive")).is_met_by(&hash));
            if known > 0.0 {
                assert!((difficulty_of(&hash) / known - 1.0).abs() < 1e-12);
                assert!(!Target::of(Difficulty::new(288.0).expect("positive")).is_met_by(&hash));
            }
            // The byte order that the capture's first publication used: no share at all.
            let wrong = Work {
                prevhash: swap_words(work.prevhash),
                ..work.clone()
            };
            let header = wrong.header(wrong.version, &root, wrong.ntime, nonce);
            assert!(difficulty_of(&sha256d(&header)) < 1.0);
        }
    }

    #[test]
    fn bits_are_read_as_replacement_as_the_whole_version_or_as_nothing_rolled() {
        let (sent, mask) = (0x20a0_0004, 0x0000_e000);
        for (bits, version) in [
            (None, Some(sent)),
            (Some(0), Some(sent)),
            (Some(0x6000), Some(0x20a0_6004)),
            (Some(0x20a0_6004), Some(0x20a0_6004)),
            (Some(0x0001_0000), None),
            (Some(0x2000_6004), None),
        ] {
            assert_eq!(submitted_version(sent, mask, bits), version, "{bits:x?}");
        }
    }

    #[test]
    fn a_pool_share_with_version_rolling_rebuilds_to_its_header() {
        // Accepted by a public pool from a BM1370; header recomputed in the capture's own project.
        let version = rolled_version(0x2000_0000, BIP320_MASK, 0x00b4_4000);
        let work = Work {
            version: 0x2000_0000,
            prevhash: swap_words(array(
                "6b6455fd6db962c101f2d4fc0d67f4a3bc96391d000152960000000000000000",
            )),
            claim_trie: None,
            coinb1: Vec::new(),
            coinb2: Vec::new(),
            merkle_branch: Vec::new(),
            ntime: 0x6854_68d7,
            nbits: 0x1702_3a04,
        };
        let root = array("06ddf5f08c36414b95ea54db71a0c28761a98bcf6355919e044f88725519a7cb");
        let header = work.header(version, &root, work.ntime, 0x7552_034c);
        let mut hash = sha256d(&header);
        assert!((difficulty_of(&hash) - 29588.01).abs() < 0.01);
        hash.reverse();
        assert_eq!(
            hex::encode(hash),
            "0000000000023704cface997bcf7388694ea43dae96c51d80658687a7d8827fe"
        );
    }
}
