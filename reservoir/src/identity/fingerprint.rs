//! Whether shares distinguish the places that find them, chips or cores, in the same way in every capture of a unit.
//!
//! A fingerprint needs both: *unevenness*, shares spread over the places less evenly than chance allows; and
//! *persistence*, places that are frequent in one capture and in another. Two halves of one capture are no two
//! captures: a state of the unit that lasts as long as the capture is in both halves.
//!
//! If no fingerprint is found, the result is how large a difference would have been found.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::Estimate;
use crate::describe::{CountUniformity, two_sided};
use crate::information::power::{Demand, smallest_bits};
use crate::random;

/// Deviation at which a single place is said to stand out: 3.2 standard deviations, passed by chance by 1 place in
/// 700.
pub const STANDS_OUT: f64 = 3.2;

/// Permutations of the test of persistence: the smallest p is one in 10,000.
pub const PERMUTATIONS: usize = 9_999;

/// Tests of the places of the shares of one capture or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Test of equal rates over all shares of all captures.
    #[serde(rename = "evenness")]
    pub uniformity: CountUniformity,
    /// Test of whether the captures are uneven in the same way; `None` for one capture.
    pub between: Option<Persistence>,
    /// Of one capture: correlation over places of the counts in the first half of the shares with those in the second.
    pub halves: Option<Correlation>,
    /// Of one capture: correlation of the counts of every other share with those of the rest. Differences that last
    /// shorter than the capture are in both.
    pub alternate: Option<Correlation>,
    /// Smallest coefficient of variation of the places' rates that the test of uniformity finds with 80 % at 5 %.
    pub smallest_spread: Option<f64>,
    /// Smallest relative weakness of one place that moves its count by [`STANDS_OUT`] standard deviations.
    pub smallest_weakness: f64,
    /// Shares needed until a place that is 10 % weak is that far out.
    pub shares_for_a_tenth: f64,
}

/// Whether captures are uneven in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Persistence {
    /// Mean correlation over places of the counts of two captures, over all pairs of captures. The interval is Fisher's,
    /// of pairs that are independent, as they are where nothing persists.
    pub r: Estimate,
    /// Probability of such a mean correlation or a larger one if nothing persists: part of the permutations of the
    /// places of each capture that reach it, with the data as one of them.
    pub p: f64,
    /// Permutations drawn.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
    /// Correlation of each pair of captures that has one.
    pub pairs: Vec<Pair>,
}

/// Two captures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Numbers of the captures, from 0.
    pub captures: (usize, usize),
    /// Correlation of their counts.
    pub correlation: Correlation,
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
    /// Tests the places of the shares of each capture, in order of arrival; places from `places` on are left out.
    /// `seed` draws the permutations. `None` for fewer than two places or no shares.
    pub fn of(captures: &[Vec<usize>], places: usize, seed: u64) -> Option<Fingerprint> {
        let counts: Vec<Vec<u64>> = captures
            .iter()
            .map(|shares| counted(shares.iter(), places))
            .collect();
        let mut total = vec![0; places];
        for counts in &counts {
            total.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        }
        let uniformity = CountUniformity::of(&total)?;
        let per_place = uniformity.n as f64 / places as f64;
        let bits = smallest_bits(uniformity.n, places - 1, Demand::default());
        let (halves, alternate) = match captures {
            [only] => within(only, places),
            _ => (None, None),
        };
        Some(Fingerprint {
            uniformity,
            between: Persistence::of(&counts, seed),
            halves,
            alternate,
            // A spread of CV c over n shares has noncentrality n c²; in bits it is that over 2 n ln 2.
            smallest_spread: bits.map(|bits| (2.0 * bits * std::f64::consts::LN_2).sqrt()),
            smallest_weakness: STANDS_OUT / per_place.sqrt(),
            shares_for_a_tenth: places as f64 * (STANDS_OUT / 0.1).powi(2),
        })
    }

    /// Whether the places are told apart: uneven beyond chance *and* alike in separate captures, each at `level`. One
    /// alone is no fingerprint: unevenness that does not persist tells nothing of the next shares. Never of one capture.
    pub fn found(&self, level: f64) -> bool {
        let between = self.between.as_ref();
        self.uniformity.p < level && between.is_some_and(|between| between.p < level)
    }

    /// Whether one capture is uneven beyond chance and its halves are alike, each at `level`: a reason to record a second
    /// one, and no more.
    pub fn suspected(&self, level: f64) -> bool {
        let halves = self.halves.as_ref();
        self.uniformity.p < level && halves.is_some_and(|half| half.r.value > 0.0 && half.p < level)
    }
}

/// How many of `shares` each place found.
fn counted<'a>(shares: impl Iterator<Item = &'a usize>, places: usize) -> Vec<u64> {
    let mut counts = vec![0; places];
    for place in shares {
        if let Some(count) = counts.get_mut(*place) {
            *count += 1;
        }
    }
    counts
}

/// Correlations within one capture: of its halves, and of every other share with the rest.
fn within(shares: &[usize], places: usize) -> (Option<Correlation>, Option<Correlation>) {
    let (first, second) = shares.split_at(shares.len() / 2);
    let halves = Correlation::of(
        &counted(first.iter(), places),
        &counted(second.iter(), places),
    );
    let every_other = |from: usize| counted(shares.iter().skip(from).step_by(2), places);
    (halves, Correlation::of(&every_other(0), &every_other(1)))
}

impl Persistence {
    /// Compares the counts of captures, each a row of as many places; `None` without two that vary over four places or
    /// more.
    fn of(captures: &[Vec<u64>], seed: u64) -> Option<Persistence> {
        let pairs: Vec<Pair> = (0..captures.len())
            .flat_map(|i| (i + 1..captures.len()).map(move |j| (i, j)))
            .filter_map(|(i, j)| {
                let correlation = Correlation::of(&captures[i], &captures[j])?;
                Some(Pair {
                    captures: (i, j),
                    correlation,
                })
            })
            .collect();
        let n = pairs.len() as f64;
        if pairs.is_empty() {
            return None;
        }
        // A capture that does not vary is in no pair, and its scores are 0.
        let mut scores: Vec<Vec<f64>> =
            captures.iter().map(|counts| standardised(counts)).collect();
        let seen = agreement(&scores);
        let mut rng = random::stream(seed, 11);
        let reached = (0..PERMUTATIONS)
            .filter(|_| {
                scores[1..]
                    .iter_mut()
                    .for_each(|scores| scores.shuffle(&mut rng));
                // Sums in another order differ in the last digits.
                agreement(&scores) >= seen - 1e-9 * seen.abs()
            })
            .count();
        let fisher = pairs.iter().map(|pair| pair.correlation.r.value.atanh());
        let mean = fisher.sum::<f64>() / n;
        let reach =
            Normal::standard().inverse_cdf(0.975) / (n * (captures[0].len() as f64 - 3.0)).sqrt();
        Some(Persistence {
            r: Estimate {
                value: mean.tanh(),
                low: (mean - reach).tanh(),
                high: (mean + reach).tanh(),
            },
            p: (reached + 1) as f64 / (PERMUTATIONS + 1) as f64,
            permutations: PERMUTATIONS,
            seed,
            pairs,
        })
    }
}

/// Deviations of the counts from their mean, in standard deviations of chance; all 0 without counts.
fn standardised(counts: &[u64]) -> Vec<f64> {
    let mean = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    let scale = mean.sqrt().max(f64::MIN_POSITIVE);
    let deviations = counts.iter().map(|count| (*count as f64 - mean) / scale);
    deviations.collect()
}

/// How far the scores of captures, a row each, agree: products of the scores of two captures, summed over places and
/// pairs. In standard deviations of chance, so that a long capture counts for more.
fn agreement(scores: &[Vec<f64>]) -> f64 {
    let places = scores.first().map_or(0, Vec::len);
    let sums = (0..places).map(|place| {
        let (sum, squares) = scores
            .iter()
            .map(|scores| scores[place])
            .fold((0.0, 0.0), |(sum, squares), z| (sum + z, squares + z * z));
        0.5 * (sum * sum - squares)
    });
    sums.sum()
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

    fn captures(sizes: &[usize], spread: f64, seed: u64) -> Fingerprint {
        let captures: Vec<Vec<usize>> = (0..)
            .zip(sizes)
            .map(|(i, n)| shares(*n, 63, spread, 1_000 * seed + i))
            .collect();
        Fingerprint::of(&captures, 63, 1).expect("shares")
    }

    #[test]
    fn a_difference_that_two_captures_share_is_a_fingerprint() {
        let uneven = captures(&[1_200, 1_300], 0.4, 2);
        assert!(uneven.found(0.025), "{uneven:?}");
        assert!(uneven.between.expect("two captures").r.low > 0.0);
        let even = captures(&[1_200, 1_300], 0.0, 1);
        assert!(!even.found(0.025), "{even:?}");
    }

    #[test]
    fn one_capture_is_never_a_fingerprint_and_at_most_a_suspicion() {
        let uneven = captures(&[2_500], 0.4, 2);
        assert!(!uneven.found(0.999) && uneven.between.is_none());
        assert!(uneven.suspected(0.025));
        assert!(uneven.alternate.expect("alternate").p < 0.001);
        let even = captures(&[2_500], 0.0, 1);
        assert!(!even.suspected(0.025));
    }

    #[test]
    fn two_units_that_are_uneven_each_in_its_way_share_no_fingerprint() {
        let one = shares(1_500, 63, 0.4, 7);
        // The other unit's weak places are the first 31, not every second.
        let other = shares(1_500, 63, 0.4, 8).into_iter();
        let other = other.map(|place| place / 2 + 31 * (place % 2)).collect();
        let seen = Fingerprint::of(&[one, other], 63, 1).expect("shares");
        assert!(seen.uniformity.p < 0.001, "{seen:?}");
        assert!(seen.between.as_ref().expect("two captures").p > 0.05);
        assert!(!seen.found(0.025));
    }

    #[test]
    fn captures_that_are_uneven_against_each_other_are_no_fingerprint() {
        // Even places are frequent in the first, odd ones, but less so, in the second.
        let first = shares(2_000, 63, 0.5, 4);
        let second = shares(2_000, 63, 0.1, 5).into_iter();
        let second = second.map(|place| (place + 1) % 63).collect();
        let seen = Fingerprint::of(&[first, second], 63, 1).expect("shares");
        let between = seen.between.as_ref().expect("two captures");
        assert!(between.r.value < 0.0 && between.p > 0.9, "{between:?}");
        assert!(seen.uniformity.p < 0.01 && !seen.found(0.05));
    }

    #[test]
    fn several_captures_are_compared_pair_by_pair() {
        let seen = captures(&[800, 900, 1_000], 0.4, 3);
        let between = seen.between.expect("three captures");
        let pairs: Vec<_> = between.pairs.iter().map(|pair| pair.captures).collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (1, 2)]);
        assert_eq!(between.p, 1.0 / 10_000.0);
        let narrow = between.r.high - between.r.low;
        let one = between.pairs[0].correlation.r;
        assert!(narrow < one.high - one.low);
    }

    #[test]
    fn persistence_alone_comes_at_its_rate_where_there_is_none() {
        let alarms = (0..200)
            .filter(|seed| {
                let seen = captures(&[600, 500], 0.0, 10 + seed);
                seen.between.expect("two captures").p < 0.05
            })
            .count();
        // 10 expected, standard deviation 3.1.
        assert!((1..=20).contains(&alarms), "{alarms} of 200");
    }

    #[test]
    fn false_alarms_come_at_their_rate_and_the_smallest_spread_is_found_at_its() {
        let false_alarms = (0..200)
            .filter(|seed| captures(&[1_273, 1_273], 0.0, 3_000 + seed).found(0.025))
            .count();
        // Both tests must find it: far fewer than the 2.5 % of either, 5 of 200.
        assert!(false_alarms <= 3, "{false_alarms}");
        let smallest = captures(&[2_546], 0.0, 1);
        let smallest = smallest.smallest_spread.expect("possible");
        let caught = (0..100)
            .filter(|seed| captures(&[2_546], smallest, 500 + seed).uniformity.p < 0.05)
            .count();
        // 80 expected, standard deviation 4.
        assert!((66..=92).contains(&caught), "{caught} at {smallest}");
    }

    #[test]
    fn the_figures_of_one_weak_place() {
        let seen = captures(&[2_546], 0.0, 3);
        assert!((seen.shares_for_a_tenth - 64_512.0).abs() < 1.0);
        assert!((seen.smallest_weakness - 3.2 / (2_546.0f64 / 63.0).sqrt()).abs() < 1e-12);
        assert!(Fingerprint::of(&[vec![0, 0]], 1, 1).is_none());
        assert!(Fingerprint::of(&[], 63, 1).is_none());
        assert!(Correlation::of(&[1, 1, 1, 1], &[1, 2, 3, 4]).is_none());
    }
}
