//! The observer of the round twin: simulated readings of the rounds of a real SHA-256d for each nonce.
//!
//! A reading is O = λ f(state) + noise, with f of mean 0 and variance 1 and standard normal noise. λ = 0 is the
//! *physical null*: a host observes nothing of the rounds. [`Observable::FinalHash`] is the *final-hash oracle* of
//! the published simulation, which lets a filter look ahead: after k rounds it reads a value that only the last round
//! computes.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use thermine_sha256::{Compression, LANES, Nonces, ROUNDS, START, Words, compress};

use crate::random::{self, normal};
use crate::state::{Feature, StateError, StateMatrix};

/// Readings per nonce: one after each of the three rounds before the decision, or three of the oracle.
pub(crate) const READINGS: usize = 3;

/// Mean and standard deviation of the number of ones in 256 random bits: 256/2, √(256/4).
const ONES: (f64, f64) = (128.0, 8.0);

/// The observed quantity f of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observable {
    /// Nothing but noise: λ = 0, the physical null.
    Nothing,
    /// Ones in the state after a round.
    HammingWeight,
    /// Bits that switch in the round.
    HammingDistance,
    /// Leading zero bits of the finished hash, as a real number, −log₂(hash/2²⁵⁶): the published oracle.
    FinalHash,
}

impl Observable {
    /// Each observable, the physical null first.
    pub const ALL: [Observable; 4] = [
        Observable::Nothing,
        Observable::HammingWeight,
        Observable::HammingDistance,
        Observable::FinalHash,
    ];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Observable::Nothing => "physical null, λ = 0",
            Observable::HammingWeight => "Hamming weight of the state",
            Observable::HammingDistance => "Hamming distance of the round",
            Observable::FinalHash => "final-hash oracle (published)",
        }
    }
}

/// How nonces are observed, and which hash counts as a success.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Observer {
    /// The observed function f of the state.
    pub observable: Observable,
    /// λ, in standard deviations of the noise.
    pub strength: f64,
    /// k: round of the header's compression after which the filter decides, from 3 to 64.
    pub round: usize,
    /// Leading zero bits of a success, 32 at most: one hash in 2^bits has them.
    pub bits: u32,
}

/// Readings of nonces, with their outcomes.
#[derive(Debug, Clone)]
pub struct Samples {
    /// Readings, one row per nonce.
    pub readings: StateMatrix,
    /// Whether the hash is a success.
    pub success: Vec<bool>,
}

/// The round twin of `header`; the nonce in its last four bytes is ignored.
pub fn round_twin(header: &[u8; 80]) -> Nonces {
    let (first, rest) = header.split_at(64);
    let mut block = [0; 16];
    for (to, bytes) in block.iter_mut().zip(first.as_chunks::<4>().0) {
        *to = u32::from_be_bytes(*bytes);
    }
    let tail = rest.first_chunk().unwrap_or(&[0; 12]);
    Nonces::new(compress(START, &block), tail)
}

/// Runs `count` consecutive nonces through the twin, sixteen at a time, from a first one drawn from `seed`. `each`
/// receives the twin and the number of lanes in use.
pub(crate) fn run(
    twin: &mut Nonces,
    count: usize,
    seed: u64,
    mut each: impl FnMut(&Nonces, usize),
) {
    let first = random::stream(seed, 31).random::<u32>();
    for start in (0..count).step_by(LANES) {
        let lanes: Words = std::array::from_fn(|lane| first.wrapping_add((start + lane) as u32));
        twin.hash(&lanes);
        each(twin, LANES.min(count - start));
    }
}

/// Whether the hash in `lane` begins in `bits` zero bits (32 at most).
pub fn succeeds(twin: &Nonces, lane: usize, bits: u32) -> bool {
    most_significant(twin, lane).leading_zeros() >= bits
}

/// The most significant 32 bits of the hash in `lane`.
fn most_significant(twin: &Nonces, lane: usize) -> u32 {
    let digest = twin.digest(lane);
    u32::from_le_bytes([digest[28], digest[29], digest[30], digest[31]])
}

impl Observer {
    /// Observes `count` nonces of `header`, the nonces and the noise drawn from `seed`.
    ///
    /// # Errors
    /// If λ is not finite.
    pub fn observe(
        &self,
        header: &[u8; 80],
        count: usize,
        seed: u64,
    ) -> Result<Samples, StateError> {
        let mut noise = random::stream(seed, 32);
        let round = self.round.clamp(READINGS, ROUNDS);
        let strength = match self.observable {
            Observable::Nothing => 0.0,
            _ => self.strength,
        };
        let mut columns: [Vec<f64>; READINGS] = std::array::from_fn(|_| Vec::with_capacity(count));
        let mut success = Vec::with_capacity(count);
        run(&mut round_twin(header), count, seed, |twin, lanes| {
            for lane in 0..lanes {
                for (i, column) in columns.iter_mut().enumerate() {
                    let f = self.standardised(twin, round - (READINGS - 1) + i, lane);
                    column.push(strength * f + normal(&mut noise));
                }
                success.push(succeeds(twin, lane, self.bits));
            }
        });
        let named = columns.into_iter().enumerate().map(|(i, column)| {
            (
                Feature::new(format!("reading {}", i + 1), "sd of noise"),
                column,
            )
        });
        Ok(Samples {
            readings: StateMatrix::from_columns(count, named.collect())?,
            success,
        })
    }

    /// f after `round`, minus its mean, over its standard deviation.
    fn standardised(&self, twin: &Nonces, round: usize, lane: usize) -> f64 {
        let state = |round| twin.state(Compression::First, round, lane);
        match self.observable {
            Observable::Nothing => 0.0,
            Observable::HammingWeight => (f64::from(ones(state(round))) - ONES.0) / ONES.1,
            Observable::HammingDistance => {
                let (before, after) = (state(round - 1), state(round));
                let switched = std::array::from_fn(|i| before[i] ^ after[i]);
                (f64::from(ones(switched)) - ONES.0) / ONES.1
            }
            Observable::FinalHash => {
                // −ln U of a uniform U: mean and standard deviation 1.
                let uniform = (f64::from(most_significant(twin, lane)) + 0.5) / 2f64.powi(32);
                -uniform.ln() - 1.0
            }
        }
    }
}

/// Ones in the eight words.
pub(crate) fn ones(words: [u32; 8]) -> u32 {
    words.iter().map(|word| word.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::information::discrimination::Auc;

    fn observer(observable: Observable) -> Observer {
        Observer {
            observable,
            strength: 1.0,
            round: 5,
            bits: 4,
        }
    }

    fn column(samples: &Samples, i: usize) -> Vec<f64> {
        samples
            .readings
            .values()
            .column(i)
            .iter()
            .copied()
            .collect()
    }

    #[test]
    fn success_is_as_rare_as_it_should_be_and_does_not_depend_on_the_observer() {
        let null = observer(Observable::Nothing).observe(&[1; 80], 4_096, 3);
        let null = null.expect("finite");
        let found = null.success.iter().filter(|s| **s).count();
        // 256 expected, standard deviation 15.5.
        assert!((194..=318).contains(&found), "{found}");
        let oracle = observer(Observable::FinalHash).observe(&[1; 80], 4_096, 3);
        assert_eq!(oracle.expect("finite").success, null.success);
    }

    #[test]
    fn only_the_oracle_tells_success() {
        for observable in Observable::ALL {
            let samples = observer(observable).observe(&[1; 80], 20_000, 1);
            let samples = samples.expect("finite");
            let auc = Auc::of(&column(&samples, 2), &samples.success).expect("both classes");
            if observable == Observable::FinalHash {
                assert!(auc.value > 0.9, "{auc:?}");
            } else {
                // Four standard deviations.
                assert!(
                    (auc.value - 0.5).abs() < 4.0 * auc.null_sd,
                    "{observable:?} {auc:?}"
                );
            }
        }
    }

    #[test]
    fn readings_have_the_variance_that_they_are_said_to_have() {
        for (observable, expected) in [
            (Observable::Nothing, 1.0),
            (Observable::HammingDistance, 2.0),
            (Observable::FinalHash, 2.0),
        ] {
            let observer = Observer {
                round: 40,
                ..observer(observable)
            };
            let samples = observer.observe(&[9; 80], 20_000, 2).expect("finite");
            let values = column(&samples, 0);
            let mean = values.iter().sum::<f64>() / 20_000.0;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
            assert!(mean.abs() < 0.05, "{observable:?} {mean}");
            assert!(
                (variance / expected - 1.0).abs() < 0.1,
                "{observable:?} {variance}"
            );
        }
    }

    #[test]
    fn rounds_are_counted_from_one_and_lanes_do_not_mix() {
        let samples = Observer {
            strength: 1e9,
            ..observer(Observable::HammingWeight)
        }
        .observe(&[7; 80], 33, 5)
        .expect("finite");
        let mut twin = round_twin(&[7; 80]);
        let first = random::stream(5, 31).random::<u32>();
        twin.hash(&[first.wrapping_add(32); LANES]);
        for (i, round) in [3, 4, 5].into_iter().enumerate() {
            let weight = ones(twin.state(Compression::First, round, 9));
            let expected = (f64::from(weight) - 128.0) / 8.0 * 1e9;
            assert!((column(&samples, i)[32] - expected).abs() < 10.0);
        }
    }
}
