//! Whether the shares of a single capture tell the places that find them apart: chips, or cores.
//!
//! If places differ for good, then more shares than chance allows are unevenly spread, and what one half of the
//! capture finds often the other does too. If neither is seen, what remains to be said is how large a difference
//! would have been seen.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::Estimate;
use crate::describe::{Evenness, two_sided};
use crate::information::power::{Demand, smallest_bits};

/// Deviation at which a single place is said to stand out: 3.2 standard deviations, passed by chance by 1 place in
/// 700.
pub const STANDS_OUT: f64 = 3.2;

/// The places of a capture's shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How even they are over all shares.
    #[serde(rename = "evenness")]
    pub uniformity: Evenness,
    /// Correlation over places of the counts in the first half of the shares with those in the second.
    pub halves: Option<Correlation>,
    /// The same of every other share with the rest: what lasts shorter than the capture is in both.
    pub alternate: Option<Correlation>,
    /// Smallest coefficient of variation of the places' rates that the test of uniformity finds with 80 % at 5 %.
    pub smallest_spread: Option<f64>,
    /// Smallest relative weakness of one place that lifts it [`STANDS_OUT`] standard deviations out of its count.
    pub smallest_weakness: f64,
    /// Shares needed to see one place that is a tenth weak so far out.
    pub shares_for_a_tenth: f64,
}

/// A correlation over places.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// The correlation, with its interval by Fisher's transformation.
    pub r: Estimate,
    /// Two-sided probability if there is none.
    pub p: f64,
}

impl Fingerprint {
    /// Of the place of each share, in order of arrival, of so many `places`; what is beyond is left out. `None` of
    /// fewer than two places or no shares.
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
        let uniformity = Evenness::of(&counts(&|_| true))?;
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

    /// Whether anything was found: uneven beyond chance, or lasting from one half to the other, either at `level`.
    pub fn found(&self, level: f64) -> bool {
        let lasting = self
            .halves
            .is_some_and(|halves| halves.r.value > 0.0 && halves.p < level);
        self.uniformity.p < level || lasting
    }
}

impl Correlation {
    /// Of paired counts; `None` of fewer than four pairs, or if one side does not vary.
    pub fn of(a: &[u64], b: &[u64]) -> Option<Correlation> {
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
        // Within what its transformation can take.
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
        // 5 % of 200 is 10, or less, as the two tests are not independent.
        assert!(false_alarms <= 19, "{false_alarms}");
        let smallest = found(0.0, 1).2.expect("possible");
        let caught = (0..100)
            .filter(|seed| found(smallest, 500 + seed).1)
            .count();
        // 80 expected, standard deviation 4.
        assert!((66..=92).contains(&caught), "{caught} at {smallest}");
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
