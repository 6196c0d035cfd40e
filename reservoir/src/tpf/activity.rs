//! Switching activity: ones in the registers after each round, and bits that switch in the round.
//!
//! In CMOS the energy of a step is C V² for every node that switches. Here only the registers a to h count as nodes,
//! so the energy of a round is its Hamming distance times C V². This is a model, not a measurement.

use serde::{Deserialize, Serialize};
use thermine_sha256::{Compression, Nonces, ROUNDS};

use super::twin::{ones, round_twin, run, succeeds};
use crate::information::discrimination::Auc;

/// Both compressions.
pub(crate) const COMPRESSIONS: [Compression; 2] = [Compression::First, Compression::Second];

/// Switching of one header's nonces, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Number of nonces observed.
    pub n: usize,
    /// Mean number of ones after each of the 128 rounds.
    pub weight: Vec<f64>,
    /// Mean number of bits that each of the 128 rounds switches.
    pub distance: Vec<f64>,
    /// How well the switching of the first k rounds predicts success; `None` for fewer than two successes or
    /// failures.
    pub early: Option<Auc>,
    /// How well the switching of all 128 rounds predicts success.
    pub whole: Option<Auc>,
}

impl Activity {
    /// Measures `count` nonces of `header`, drawn from `seed`; success as in
    /// [`Observer::bits`](super::twin::Observer::bits), k = `round`.
    pub fn of(header: &[u8; 80], count: usize, bits: u32, round: usize, seed: u64) -> Activity {
        let mut weight = vec![0u64; 2 * ROUNDS];
        let mut distance = vec![0u64; 2 * ROUNDS];
        let (mut early, mut whole) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut success = Vec::with_capacity(count);
        run(&mut round_twin(header), count, seed, |twin, lanes| {
            for lane in 0..lanes {
                let mut switched = 0;
                for (i, rounds) in rounds_of(twin, lane).enumerate() {
                    weight[i] += u64::from(rounds.0);
                    distance[i] += u64::from(rounds.1);
                    switched += rounds.1;
                    if i + 1 == round {
                        early.push(f64::from(switched));
                    }
                }
                whole.push(f64::from(switched));
                success.push(succeeds(twin, lane, bits));
            }
        });
        let mean = |sums: Vec<u64>| {
            sums.into_iter()
                .map(|sum| sum as f64 / count as f64)
                .collect()
        };
        Activity {
            n: count,
            weight: mean(weight),
            distance: mean(distance),
            early: Auc::of(&early, &success),
            whole: Auc::of(&whole, &success),
        }
    }

    /// Fraction of a header's switching in its first `rounds` rounds.
    pub fn share(&self, rounds: usize) -> f64 {
        let sum = |distance: &[f64]| distance.iter().sum::<f64>();
        sum(&self.distance[..rounds.min(self.distance.len())]) / sum(&self.distance)
    }
}

/// Hamming weight after, and distance over, each of the 128 rounds of `lane`.
fn rounds_of(twin: &Nonces, lane: usize) -> impl Iterator<Item = (u32, u32)> {
    COMPRESSIONS.into_iter().flat_map(move |compression| {
        let mut before = twin.state(compression, 0, lane);
        (1..=ROUNDS).map(move |round| {
            let after = twin.state(compression, round, lane);
            let switched = std::array::from_fn(|i| before[i] ^ after[i]);
            before = after;
            (ones(after), ones(switched))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_few_rounds_half_of_the_bits_are_ones_and_half_switch() {
        let activity = Activity::of(&[5; 80], 2_000, 3, 5, 1);
        assert_eq!(activity.weight.len(), 128);
        for round in (20..64).chain(84..128) {
            // 256/2; the standard error of 2,000 is 0.18.
            assert!((activity.weight[round] - 128.0).abs() < 1.0);
            assert!((activity.distance[round] - 128.0).abs() < 1.0);
        }
        assert!((activity.share(128) - 1.0).abs() < 1e-12);
        assert!((activity.share(5) - 5.0 / 128.0).abs() < 0.01);
    }

    #[test]
    fn switching_does_not_tell_success() {
        let activity = Activity::of(&[5; 80], 5_000, 3, 5, 2);
        for auc in [activity.early, activity.whole] {
            let auc = auc.expect("both classes");
            assert!((auc.value - 0.5).abs() < 4.0 * auc.null_sd, "{auc:?}");
        }
    }
}
