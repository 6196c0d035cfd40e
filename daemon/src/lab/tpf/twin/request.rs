//! What is computed.

use serde::{Deserialize, Serialize};
use thermine_reservoir::tpf::published;

use crate::lab::request::findings::{Findings, Wrong};
use crate::lab::tpf::Header;

/// Most nonces of training and of test: all their observations are held at once.
const MOST_NONCES: usize = 1 << 22;

/// Filters on simulated observations of real SHA-256d rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwinRequest {
    /// Block header whose nonces are hashed.
    pub header: Header,
    /// Seed of nonces, noise and networks.
    pub seed: u64,
    /// Strength λ of what is observed, in standard deviations of the noise. The physical null always has 0.
    pub lambda: f64,
    /// Zero bits that a success begins with: one hash in 2^bits.
    pub bits: u32,
    /// Round of the header's compression after which the filter decides.
    pub round: u32,
    /// Cost of a decision, in rounds.
    pub price: f64,
    /// Nonces to train on.
    pub train: usize,
    /// Nonces to test on.
    pub test: usize,
    /// Nonces on which the early exit is compared with all rounds.
    pub exit_nonces: usize,
}

impl Default for TwinRequest {
    fn default() -> TwinRequest {
        TwinRequest {
            header: Header::default(),
            seed: 42,
            lambda: 1.0,
            bits: 8,
            round: published::ROUND,
            price: 0.0,
            train: published::NONCES.0,
            test: published::NONCES.1,
            exit_nonces: 1 << 22,
        }
    }
}

impl TwinRequest {
    /// Looks for everything that is out of bounds.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.positive("lambda", self.lambda, 1000.0);
        found.within("bits", self.bits, 1, 32);
        found.within("round", self.round, 3, 64);
        found.within("price", self.price, 0.0, f64::from(u32::MAX));
        found.within("train", self.train, 100, MOST_NONCES);
        found.within("test", self.test, 100, MOST_NONCES);
        found.within("exit-nonces", self.exit_nonces, 1 << 16, 1 << 31);
        found.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        assert!(TwinRequest::default().check().is_ok());
        let wrong = TwinRequest {
            lambda: 0.0,
            price: f64::NAN,
            round: 65,
            ..TwinRequest::default()
        };
        assert_eq!(wrong.check().expect_err("refused").0.len(), 3);
    }
}
