//! Descriptive statistics of a sample, and whether it is uniform, Poisson, or one of many.

mod comb;
mod counting;
mod entropy;
mod evenness;
pub mod exact;
mod multiplicity;
mod resampling;
pub mod tails;
mod unlike;
mod waits;

pub use comb::Comb;
pub use counting::{DeadTime, DeadTimeTest, Dispersion, FEWEST_WAITS, two_sided};
pub use entropy::{Entropy, MOST_BINS};
pub use evenness::Evenness;
pub use multiplicity::{benjamini_hochberg, holm};
pub use resampling::Resampling;
pub use unlike::{Place, Places, Search, Unlike};
pub use waits::{SameLaw, ShiftedExponential, WaitTest, autocorrelation};

use serde::{Deserialize, Serialize};

/// A sample in a few numbers, all in the sample's own unit but `n`, `cv` and `autocorrelation`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Sample size.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1).
    pub sd: f64,
    /// Coefficient of variation: standard deviation over mean.
    pub cv: f64,
    /// Smallest value.
    pub min: f64,
    /// 5 % quantile.
    pub q05: f64,
    /// Median.
    pub median: f64,
    /// 95 % quantile.
    pub q95: f64,
    /// Largest value.
    pub max: f64,
    /// Correlation of each value with the next, in the order given. Within ±1.96/√n if they are
    /// independent.
    pub autocorrelation: f64,
}

impl Summary {
    /// Of `values` in the order in which they came; `None` of fewer than two.
    pub fn of(values: &[f64]) -> Option<Summary> {
        let n = values.len();
        if n < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (squares / (n - 1) as f64).sqrt();
        let next: f64 = values
            .windows(2)
            .map(|w| (w[0] - mean) * (w[1] - mean))
            .sum();
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Summary {
            n,
            mean,
            sd,
            cv: sd / mean,
            min: sorted[0],
            q05: quantile(&sorted, 0.05),
            median: quantile(&sorted, 0.5),
            q95: quantile(&sorted, 0.95),
            max: sorted[n - 1],
            autocorrelation: if squares > 0.0 { next / squares } else { 0.0 },
        })
    }
}

/// Quantile of a sorted sample, interpolated linearly (type 7 of Hyndman and Fan, Am. Stat. 50(4), 1996).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Kolmogorov–Smirnov test of a sample against the uniform law on [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Uniformity {
    /// Largest distance between the two distribution functions.
    pub distance: f64,
    /// Probability of a distance at least as large if the sample is uniform: asymptotic, with Stephens'
    /// correction for small n (J. R. Stat. Soc. B 32(1), 1970).
    pub p: f64,
}

impl Uniformity {
    /// Of a sample in any order; `None` of an empty one.
    pub fn of(mut values: Vec<f64>) -> Option<Uniformity> {
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let distance = values
            .iter()
            .enumerate()
            .map(|(i, v)| (v - i as f64 / n).max((i + 1) as f64 / n - v))
            .fold(0.0, f64::max);
        let scaled = distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
        Some(Uniformity {
            distance,
            p: kolmogorov(scaled),
        })
    }
}

/// Q(x) = 2 Σ (−1)^(k−1) exp(−2 k² x²): the Kolmogorov distribution's upper tail.
fn kolmogorov(x: f64) -> f64 {
    // Below this Q is 1 to double precision, and the series converges too slowly.
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    #[test]
    fn a_small_sample_by_hand() {
        let s = Summary::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("five values");
        assert_eq!(
            (s.n, s.mean, s.min, s.median, s.max),
            (5, 3.0, 1.0, 3.0, 5.0)
        );
        assert!((s.sd - 2.5f64.sqrt()).abs() < 1e-12);
        assert!((s.q05 - 1.2).abs() < 1e-12);
        // (−2·−1 + −1·0 + 0·1 + 1·2) / 10.
        assert!((s.autocorrelation - 0.4).abs() < 1e-12);
        assert_eq!(Summary::of(&[1.0]), None);
    }

    #[test]
    fn tabulated_points_of_the_kolmogorov_distribution() {
        assert!((kolmogorov(1.3581) - 0.05).abs() < 1e-4);
        assert!((kolmogorov(1.6276) - 0.01).abs() < 1e-4);
    }

    #[test]
    fn uniform_samples_pass_at_their_rate_and_others_fail() {
        let sample = |seed, power: f64| {
            let mut rng = random::stream(seed, 4);
            (0..300)
                .map(|_| rng.random::<f64>().powf(power))
                .collect::<Vec<_>>()
        };
        let below = |power| {
            (0..400)
                .filter(|&seed| Uniformity::of(sample(seed, power)).expect("not empty").p < 0.05)
                .count()
        };
        let rejected = below(1.0);
        assert!((8..=34).contains(&rejected), "{rejected} of 400 at 5 %");
        assert!(below(1.3) > 350);
    }
}
