//! Nonces found and judged by hashing for real.

use thermine_drivers::bm13xx::{Job, Nonce, Reply};
use thermine_units::pow::Work;
use thermine_units::pow::difficulty::difficulty_of;
use thermine_units::pow::sha256d::{Midstate, sha256d};
use thermine_units::pow::work::rolled_version;
use thermine_units::record::{JobRecord, ShareRecord};

/// Zero bits that the ticket difficulty of these tests asks for at their scale.
pub(crate) const ZERO_BITS: u32 = 6;

/// Number of zero bits that a hash, read as a little-endian number, begins with.
fn zero_bits(hash: &[u8; 32]) -> u32 {
    let mut bits = 0;
    for byte in hash.iter().rev() {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

/// The hash of what `job` asks of a nonce, with midstate or rolled bits `index`.
fn hash(job: &Job, index: u32, nonce: u32) -> [u8; 32] {
    match job {
        Job::Bm1387 {
            nbits,
            ntime,
            tail,
            midstates,
            ..
        } => {
            let mut rest = [0; 16];
            rest[..4].copy_from_slice(tail);
            rest[4..8].copy_from_slice(&ntime.to_le_bytes());
            rest[8..12].copy_from_slice(&nbits.to_le_bytes());
            rest[12..].copy_from_slice(&nonce.to_le_bytes());
            Midstate::from_words(midstates[index as usize]).hash(&rest)
        }
        Job::Bm1366 {
            nbits,
            ntime,
            merkle_root,
            prevhash,
            version,
            ..
        } => {
            let work = Work {
                version: *version,
                prevhash: *prevhash,
                claim_trie: None,
                coinb1: Vec::new(),
                coinb2: Vec::new(),
                merkle_branch: Vec::new(),
                ntime: *ntime,
                nbits: *nbits,
            };
            sha256d(&work.header(version | index, merkle_root, *ntime, nonce))
        }
    }
}

/// The first nonce from `from` on whose hash has a number of zero bits that `wanted` likes.
pub(crate) fn search(job: &Job, index: u32, from: u32, wanted: impl Fn(u32) -> bool) -> Nonce {
    let nonce = (from..)
        .find(|nonce| wanted(zero_bits(&hash(job, index, *nonce))))
        .expect("some nonce");
    let rolled = matches!(job, Job::Bm1366 { .. });
    Nonce {
        nonce,
        hint: 0,
        id: job.id() | if rolled { 0 } else { index as u8 },
        version_bits: if rolled { index } else { 0 },
    }
}

/// A nonce that passes the ticket mask of these tests.
pub(crate) fn sound(job: &Job, index: u32, from: u32) -> Reply {
    Reply::Nonce(search(job, index, from, |bits| bits >= ZERO_BITS))
}

/// Difficulty of the header that a share stands for, from its records alone.
pub(crate) fn rehashed(job: &JobRecord, share: &ShareRecord) -> f64 {
    let proof = share.proof.as_ref().expect("a proof");
    let bits = proof.version_bits.unwrap_or(0);
    let version = rolled_version(job.work.version, job.version_mask, bits);
    let root = job.work.merkle_root(&job.extranonce1, &proof.extranonce2);
    let header = job.work.header(version, &root, proof.ntime, share.nonce);
    difficulty_of(&sha256d(&header)) / job.difficulty_scale
}
