//! LBRY's proof of work: SHA-256d, SHA-512, RIPEMD-160 of both halves and SHA-256d again, of a 112-byte
//! header that carries the root of the claim trie (lbrycrd, `src/hash.cpp`, `PoWHash`).

use ripemd::Ripemd160;
use sha2::{Digest, Sha512};

use super::proof::ProofOfWork;
use super::sha256d::sha256d;

/// Length of a LBRY block header in bytes.
pub(crate) const HEADER_LEN: usize = 112;

/// LBRY's proof of work. Pools count difficulty 1 as a target of 0xffff · 2^216, 256 times Bitcoin's.
#[derive(Debug, Clone, Copy)]
pub struct Lbry;

impl ProofOfWork for Lbry {
    fn hash(&self, header: &[u8]) -> [u8; 32] {
        let wide = Sha512::digest(sha256d(header));
        let (low, high) = wide.split_at(32);
        let mut halves = [0; 40];
        halves[..20].copy_from_slice(&Ripemd160::digest(low));
        halves[20..].copy_from_slice(&Ripemd160::digest(high));
        sha256d(&halves)
    }

    fn ease(&self) -> f64 {
        256.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::rosetta::{array, bytes};
    use crate::pow::{Difficulty, Target, Work};

    /// Headers of the main chain's first blocks, with id and proof-of-work hash as they are displayed.
    const BLOCKS: [(&str, &str, &str); 3] = [
        (
            "010000000000000000000000000000000000000000000000000000000000000000000000cc59e59ff97ac092b55e423aa5495151ed6fb80570a5bb78cd5bd1c3821c21b8010000000000000000000000000000000000000000000000000000000000000033193156ffff001f07050000",
            "9c89283ba0f3227f6c03b70216b9f665f0118d5e0fa729cedf4fb34d6a34f463",
            "0000fc6eb50fdb1fc4489a322b5f881740441b9a59f3290bad53c3815dc3afab",
        ),
        (
            "0000002063f4346a4db34fdfce29a70f5e8d11f065f6b91602b7036c7f22f3a03b28899cba888e2f9c037f831046f8ad09f6d378f79c728d003b177a64d29621f481da5d01000000000000000000000000000000000000000000000000000000000000003c406b5746e1001f5b4f0000",
            "decb9e2cca03a419fd9cca0cb2b1d5ad11b088f22f8f38556d93ac4358b86c24",
            "00003934fdc2636c66fb3c5112a9a7c622a46bf4eff47ae765abbeab43c49a4c",
        ),
        (
            "00000020246cb85843ac936d55388f2ff288b011add5b1b20cca9cfd19a403ca2c9ecbde09d8734d81b5f2eb1b653caf17491544ddfbc72f2f4c0c3f22a3362db5ba9d4701000000000000000000000000000000000000000000000000000000000000003d406b57ffff001f4ff20000",
            "28547a040490cc48c6c130622631bb52bc5388f98fc28725265d868b25e14400",
            "00004fa20c8ab801c9184bc1dc0172cb717f442240c0d312302474762690f817",
        ),
    ];

    fn shown(mut hash: [u8; 32]) -> String {
        hash.reverse();
        hex::encode(hash)
    }

    #[test]
    fn known_blocks_hash_to_their_values_and_meet_their_targets() {
        for (header, id, proof) in BLOCKS {
            let header = bytes(header);
            assert_eq!(header.len(), HEADER_LEN);
            assert_eq!(shown(sha256d(&header)), id);
            let hash = Lbry.hash(&header);
            assert_eq!(shown(hash), proof);
            let bits = u32::from_le_bytes(header[104..108].try_into().expect("4 bytes"));
            let target = Target::from_compact(bits).expect("a target");
            assert!(target.is_met_by(&hash));
            let mut wrong = header;
            wrong[108] ^= 1;
            assert!(!target.is_met_by(&Lbry.hash(&wrong)));
        }
    }

    /// Values of lbry-sdk's own tests.
    #[test]
    fn strings_that_are_no_headers_hash_as_elsewhere() {
        let long = "d".repeat(140);
        for (text, hash) in [
            (
                "test string",
                "485f3920d48a0448034b0852d1489cfa475341176838c7d36896765221be35ce",
            ),
            (
                long.as_str(),
                "74044747b7c1ff867eb09a84d026b02d8dc539fb6adcec3536f3dfa9266495d9",
            ),
        ] {
            assert_eq!(shown(Lbry.hash(text.as_bytes())), hash);
        }
    }

    #[test]
    fn a_header_is_built_with_the_claim_trie_in_its_place() {
        let header = bytes(BLOCKS[1].0);
        let hash = |at: usize| array(&hex::encode(&header[at..at + 32]));
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        let work = Work {
            version: word(0),
            prevhash: hash(4),
            claim_trie: Some(hash(68)),
            coinb1: Vec::new(),
            coinb2: Vec::new(),
            merkle_branch: Vec::new(),
            ntime: word(100),
            nbits: word(104),
        };
        let built = work.header(work.version, &hash(36), work.ntime, word(108));
        assert_eq!(built[..], header[..]);
    }

    #[test]
    fn pools_count_256_times_easier_than_bitcoins() {
        let d = Difficulty::new(256.0).expect("positive");
        assert_eq!(Lbry.target(d), Target::of(Difficulty::ONE));
        let hash = Lbry.target(d).to_le_bytes();
        assert!((Lbry.difficulty_of(&hash) - 256.0).abs() < 1e-6);
    }
}
