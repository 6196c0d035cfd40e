//! What every proof of work has in common.

use super::difficulty::{Difficulty, Target, difficulty_of};

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

    /// Difficulty that `hash` meets, as pools of this algorithm count; see [`difficulty_of`].
    fn difficulty_of(&self, hash: &[u8; 32]) -> f64 {
        difficulty_of(hash) * self.ease()
    }
}
