//! Proof of work: building a header, hashing it and saying how hard the result was to find.

pub mod difficulty;
pub mod lbry;
pub mod sha256d;
pub mod work;

use serde::{Deserialize, Serialize};

pub use difficulty::{Difficulty, Target};
pub use lbry::Lbry;
pub use sha256d::Sha256d;
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
    /// How it is done.
    pub fn proof_of_work(self) -> &'static dyn ProofOfWork {
        match self {
            Algorithm::Sha256d => &Sha256d,
            Algorithm::Lbry => &Lbry,
        }
    }
}
