//! Proof of work: building a header, hashing it and saying how hard the result was to find.

pub mod difficulty;
pub mod lbry;
pub mod rosetta;
pub mod search;
pub mod sha256d;
pub mod work;

use serde::{Deserialize, Serialize};

pub use difficulty::{Difficulty, Target};
pub use lbry::Lbry;
pub use sha256d::{Midstate, Sha256d};
pub use work::{Header, Work};

/// A proof of work: how a header is hashed, and what pools call difficulty 1.
pub trait ProofOfWork: std::fmt::Debug + Sync {
    /// The hash that is compared with the target, in the order in which the digest's bytes come.
    fn hash(&self, header: &[u8]) -> [u8; 32];

    /// How many times easier the pools' difficulty 1 is than Bitcoin's.
    fn ease(&self) -> f64;

    /// The target of a share of `difficulty`, as pools of this algorithm count.
    fn target(&self, difficulty: Difficulty) -> Target {
        Target::of(difficulty.scaled(1.0 / self.ease()))
    }

    /// Difficulty that `hash` meets, as pools of this algorithm count; see [`difficulty::difficulty_of`].
    fn difficulty_of(&self, hash: &[u8; 32]) -> f64 {
        difficulty::difficulty_of(hash) * self.ease()
    }
}

/// The proofs of work that are known here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Bitcoin's.
    #[default]
    Sha256d,
    /// LBRY's.
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
