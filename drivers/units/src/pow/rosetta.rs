//! Real shares, as the vectors that the tests of every layer check against: work, header, frames, verdict.

use super::work::{Work, swap_words};

/// The bytes of `text`, which is hexadecimal.
pub fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("the vectors are hexadecimal")
}

/// The 32 bytes of `text`, which is hexadecimal.
pub fn array(text: &str) -> [u8; 32] {
    bytes(text).try_into().expect("the vector has 32 bytes")
}

/// Work of the first rows of a real Antminer S9 capture (arXiv 2601.12032, MIT licence), and for
/// each the extranonce2, nonce and share difficulty.
pub fn s9_shares() -> Vec<(Work, &'static str, u32, f64)> {
    let work = |prevhash, coinb1, coinb2| Work {
        version: 0x2000_0000,
        prevhash: swap_words(array(prevhash)),
        claim_trie: None,
        coinb1: bytes(coinb1),
        coinb2: bytes(coinb2),
        merkle_branch: Vec::new(),
        ntime: 0x6963_7392,
        nbits: 0x1d00_ffff,
    };
    let first = work(
        "6c7dc168a7aafd7c15627152624fa44b2b36ac71fddd72d8d46d139f0b849b35",
        "319a4e76abdbf0eb1dc1c483f70117cdc3f06f0d9d8af261820d094efb9ae7d9",
        "8bd9293d73338e5f357a9cf61093ac52f9539d4eb901e4b9322bd818f4efa6af",
    );
    let second = work(
        "2dbef81e2fd15b11110fcb2011bae5aab4e40c740dae2f4d818f1fea6d4d01a4",
        "cf5537862ac07b4e0ba552fda23f6313e4429b30cfb1450799de0093fd74aa2d",
        "41f119385f62307e5681a3a8d3bf191625e31eac1c085b7680a8e1a12a2e01af",
    );
    vec![
        (first, "20010000", 0x8b77_46ab, 287.126_984_795_329_5),
        (second.clone(), "24010000", 0x2a4f_92ed, 0.0),
        (second, "27010000", 0x99e0_5d05, 0.0),
    ]
}
