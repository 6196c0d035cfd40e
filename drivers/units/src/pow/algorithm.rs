//! The proofs of work that are known here, by name.

use serde::{Deserialize, Serialize};

use super::difficulty::{Difficulty, Target};
use super::lbry::Lbry;
use super::proof::ProofOfWork;
use super::search;
use super::sha256d::{Midstate, Sha256d};
use super::work::{Header, Work};

/// The proofs of work that are known here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Bitcoin's: SHA-256 twice.
    #[default]
    Sha256d,
    /// LBRY's: SHA-512 and RIPEMD-160 between SHA-256.
    Lbry,
}

impl Algorithm {
    /// Its name in files: the same word as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256d => "sha256d",
            Algorithm::Lbry => "lbry",
        }
    }

    /// How it is done.
    pub fn proof_of_work(self) -> &'static dyn ProofOfWork {
        match self {
            Algorithm::Sha256d => &Sha256d,
            Algorithm::Lbry => &Lbry,
        }
    }

    /// The first of `nonces` with which `header` meets `target`, and its hash; the nonce is left in the header
    /// where it is found.
    pub fn search(
        self,
        header: &mut Header,
        target: &Target,
        mut nonces: impl Iterator<Item = u32>,
    ) -> Option<(u32, [u8; 32])> {
        match self {
            Algorithm::Sha256d => {
                let tail = header.last_chunk()?;
                let midstate = Midstate::of(header.first_block());
                let top = target.most_significant();
                let found = search::first_passing(midstate, tail, top, nonces, |hash| {
                    target.is_met_by(hash)
                });
                if let Some((nonce, _)) = found {
                    header.set_nonce(nonce);
                }
                found
            }
            Algorithm::Lbry => nonces.find_map(|nonce| {
                header.set_nonce(nonce);
                let hash = Lbry.hash(header);
                target.is_met_by(&hash).then_some((nonce, hash))
            }),
        }
    }
}

impl Difficulty {
    /// Mean number of hashes that a share of this difficulty takes, as pools of `algorithm` count difficulty.
    pub fn hashes(self, algorithm: Algorithm) -> f64 {
        // 2^48 / 65535, the 65536/65535 correction included.
        self.get() * (281_474_976_710_656.0 / 65_535.0) / algorithm.proof_of_work().ease()
    }
}

impl Work {
    /// The algorithm that its headers are hashed by.
    pub fn algorithm(&self) -> Algorithm {
        match self.claim_trie {
            None => Algorithm::Sha256d,
            Some(_) => Algorithm::Lbry,
        }
    }
}
