//! Whether the shares of a single capture distinguish the places that find them: chips, or cores.
//!
//! If places differ permanently, the shares are spread less evenly than chance allows, and places that are frequent
//! in one half of the capture are frequent in the other. If neither is found, the result is how large a difference
//! would have been found.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::Estimate;
use crate::describe::{CountUniformity, two_sided};
use crate::information::power::{Demand, smallest_bits};

/// Deviation at which a single place is said to stand out: 3.2 standard deviations, passed by chance by 1 place in
/// 700.
pub const STANDS_OUT: f64 = 3.2;

/// Tests of the places of a capture's shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Test of equal rates over all shares.
    #[serde(rename = "evenness")]
    pub uniformity: CountUniformity,
    /// Correlation over places of the counts in the first half of the shares with those in the second.
    pub halves: Option<Correlation>,
    /// Correlation of the counts of every other share with those of the rest: differences that last shorter than the
    /// capture are in both.
    pub alternate: Option<Correlation>,
    /// Smallest coefficient of variation of the places' rates that the test of uniformity finds with 80 % at 5 %.
    pub smallest_spread: Option<f64>,
    /// Smallest relative weakness of one place that moves its count by [`STANDS_OUT`] standard deviations.
    pub smallest_weakness: f64,
    /// Shares needed until a place that is 10 % weak is that far out.
    pub shares_for_a_tenth: f64,
}

/// A correlation over places.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// The correlation, with its interval by Fisher's transformation.
    pub r: Estimate,
    /// Two-sided probability of such a correlation if there is none.
    pub p: f64,
}

impl Fingerprint {
    /// Tests the place of each share, in order of arrival; places from `places` on are left out. `None` for fewer
    /// than two places or no shares.
    pub fn of(shares: &[usize], places: usize) -> Option<Fingerprint> {
        let counts = |which: &dyn Fn(usize) -> bool| -> Vec<u64> {
            let mut counts = vec![0; places];
            for (i, place) in shares.iter().enumerate() {
                if let Some(count) = counts.get_mut(*place).filter(|_| which(i)) {
                    *count += 1;
                }
            }
            counts
        };
        let uniformity = CountUniformity::of(&counts(&|_| true))?;
        let middle = shares.len() / 2;
        let split = |first: &dyn Fn(usize) -> bool| {
            Correlation::of(&counts(first), &counts(&|i| !first(i)))
        };
        let per_place = uniformity.n as f64 / places as f64;
        let bits = smallest_bits(uniformity.n, places - 1, Demand::default());
        Some(Fingerprint {
            uniformity,
            halves: split(&|i| i < middle),
            alternate: split(&|i| i % 2 == 0),
            // A spread of CV c over n shares has noncentrality n c²; in bits it is that over 2 n ln 2.
            smallest_spread: bits.map(|bits| (2.0 * bits * std::f64::consts::LN_2).sqrt()),
            smallest_weakness: STANDS_OUT / per_place.sqrt(),
            shares_for_a_tenth: places as f64 * (STANDS_OUT / 0.1).powi(2),
        })
    }

    /// Whether places are told apart: uneven beyond chance *and* alike in both halves, each at `level`. One alone is no
    /// fingerprint: unevenness that does not persist tells nothing of the next shares.
    pub fn found(&self, level: f64) -> bool {
        let lasting = self
            .halves
            .is_some_and(|halves| halves.r.value > 0.0 && halves.p < level);
        self.uniformity.p < level && lasting
    }
}

impl Correlation {
    /// Correlates paired counts; `None` for fewer than four pairs, or if one side does not vary.
    pub(crate) fn of(a: &[u64], b: &[u64]) -> Option<Correlation> {
        let n = a.len().min(b.len());
        if n < 4 {
            return None;
        }
        let mean = |of: &[u64]| of[..n].iter().map(|x| *x as f64).sum::<f64>() / n as f64;
        let (of_a, of_b) = (mean(a), mean(b));
        let (mut cross, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (*a as f64 - of_a, *b as f64 - of_b);
            cross += a * b;
            square_a += a * a;
            square_b += b * b;
        }
        let scale = (square_a * square_b).sqrt();
        if scale <= 0.0 {
            return None;
        }
        // Clamped to the domain of Fisher's transformation.
        let r = (cross / scale).clamp(-0.999_999, 0.999_999);
        let error = 1.0 / ((n - 3) as f64).sqrt();
        let reach = Normal::standard().inverse_cdf(0.975) * error;
        Some(Correlation {
            r: Estimate {
                value: r,
                low: (r.atanh() - reach).tanh(),
                high: (r.atanh() + reach).tanh(),
            },
            p: two_sided(r.atanh() / error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    /// Places of `n` shares; place i has rate 1 + `spread` for even i, 1 − `spread` for odd.
    fn shares(n: usize, places: usize, spread: f64, seed: u64) -> Vec<usize> {
        let mut rng = random::stream(seed, 9);
        (0..n)
            .map(|_| {
                loop {
                    let place = rng.random_range(0..places);
                    let rate = if place % 2 == 0 {
                        1.0 + spread
                    } else {
                        1.0 - spread
                    };
                    if rng.random::<f64>() * (1.0 + spread) < rate {
                        return place;
                    }
                }
            })
            .collect()
    }

    #[test]
    fn a_real_difference_is_found_and_none_is_not() {
        let even = Fingerprint::of(&shares(2_500, 63, 0.0, 1), 63).expect("shares");
        assert!(!even.found(0.025), "{even:?}");
        let uneven = Fingerprint::of(&shares(2_500, 63, 0.4, 2), 63).expect("shares");
        assert!(uneven.found(0.025) && uneven.halves.expect("halves").r.low > 0.0);
        assert!(uneven.alternate.expect("alternate").p < 0.001);
    }

    #[test]
    fn false_alarms_come_at_their_rate_and_the_smallest_spread_is_found_at_its() {
        let found = |spread: f64, seed: u64| {
            let places = shares(2_546, 63, spread, seed);
            let seen = Fingerprint::of(&places, 63).expect("shares");
            (
                seen.found(0.025),
                seen.uniformity.p < 0.05,
                seen.smallest_spread,
            )
        };
        let false_alarms = (0..200).filter(|seed| found(0.0, *seed).0).count();
        // Both tests must find it: far fewer than the 2.5 % of either, 5 of 200.
        assert!(false_alarms <= 3, "{false_alarms}");
        let smallest = found(0.0, 1).2.expect("possible");
        let caught = (0..100)
            .filter(|seed| found(smallest, 500 + seed).1)
            .count();
        // 80 expected, standard deviation 4.
        assert!((66..=92).contains(&caught), "{caught} at {smallest}");
    }

    #[test]
    fn unevenness_that_does_not_last_is_no_fingerprint() {
        // Even places are frequent in the first half, odd ones, but less so, in the second.
        let mut seen = shares(2_000, 63, 0.5, 4);
        let second = shares(2_000, 63, 0.1, 5).into_iter();
        seen.extend(second.map(|place| (place + 1) % 63));
        let print = Fingerprint::of(&seen, 63).expect("shares");
        assert!(print.uniformity.p < 0.01, "{print:?}");
        assert!(print.halves.expect("halves").r.value < 0.0, "{print:?}");
        assert!(!print.found(0.05));
    }

    #[test]
    fn the_figures_of_one_weak_place() {
        let seen = Fingerprint::of(&shares(2_546, 63, 0.0, 3), 63).expect("shares");
        assert!((seen.shares_for_a_tenth - 64_512.0).abs() < 1.0);
        assert!((seen.smallest_weakness - 3.2 / (2_546.0f64 / 63.0).sqrt()).abs() < 1e-12);
        assert!(Fingerprint::of(&[0, 0], 1).is_none() && Fingerprint::of(&[], 63).is_none());
        assert!(Correlation::of(&[1, 1, 1, 1], &[1, 2, 3, 4]).is_none());
    }
}
