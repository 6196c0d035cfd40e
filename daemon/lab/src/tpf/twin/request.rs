//! What is computed.

use thermine_reservoir::tpf::published;

use crate::request::declare::request;
use crate::tpf::Header;

/// Most nonces of training and of test: all their observations are held at once.
const MOST_NONCES: usize = 1 << 22;

request! {
    /// Filters on simulated observations of real SHA-256d rounds.
    pub struct TwinRequest {
        /// Block header whose nonces are hashed.
        header: Header = Header::default();
        /// Seed of nonces, noise and networks.
        seed: u64 = 42;
        /// Strength λ of what is observed, in standard deviations of the noise. The physical null always has 0.
        lambda: f64 = 1.0 => positive(1000.0);
        /// Zero bits that a success begins with: one hash in 2^bits.
        bits: u32 = 8 => within(1, 32);
        /// Round of the header's compression after which the filter decides.
        round: u32 = published::ROUND => within(3, 64);
        /// Cost of a decision, in rounds.
        price: f64 = 0.0 => within(0.0, f64::MAX);
        /// Nonces to train on.
        train: usize = published::NONCES.0 => within(100, MOST_NONCES);
        /// Nonces to test on.
        test: usize = published::NONCES.1 => within(100, MOST_NONCES);
        /// Nonces on which the early exit is compared with all rounds.
        exit_nonces: usize = 1 << 22 => within(1 << 16, 1 << 31);
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
