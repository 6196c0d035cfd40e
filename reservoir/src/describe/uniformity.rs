//! Two tests of uniformity: of values on an interval, and of counts over places such as the chips of a chain.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::bootstrap::Estimate;

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
    /// Tests a sample in any order; `None` for an empty one.
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
pub(super) fn kolmogorov(x: f64) -> f64 {
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

/// χ² test that events fall on all places at equal rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CountUniformity {
    /// Number of events over all places.
    pub n: u64,
    /// Number of places tested, those without an event included.
    pub places: usize,
    /// Number of places with at least one event.
    pub found: usize,
    /// Σ (count − mean)²/mean.
    pub chi2: f64,
    /// Probability of at least this χ² if all places have equal rates.
    pub p: f64,
    /// Squared coefficient of variation of the places' rates, without the part that counting alone causes: (χ² −
    /// df)/n. Interval by the variance of χ² with that excess, 2 df + 4 n · excess. May be below 0.
    pub excess: Estimate,
}

impl CountUniformity {
    /// Tests the count of each place; `None` for fewer than two places or no events.
    pub fn of(counts: &[u64]) -> Option<CountUniformity> {
        let n: u64 = counts.iter().sum();
        if counts.len() < 2 || n == 0 {
            return None;
        }
        let mean = n as f64 / counts.len() as f64;
        let chi2 = counts
            .iter()
            .map(|c| (*c as f64 - mean).powi(2) / mean)
            .sum::<f64>();
        let freedom = (counts.len() - 1) as f64;
        let excess = (chi2 - freedom) / n as f64;
        let spread = 1.96 * (2.0 * freedom + 4.0 * n as f64 * excess.max(0.0)).sqrt() / n as f64;
        Some(CountUniformity {
            n,
            places: counts.len(),
            found: counts.iter().filter(|c| **c > 0).count(),
            chi2,
            p: ChiSquared::new(freedom).ok()?.sf(chi2),
            excess: Estimate {
                value: excess,
                low: excess - spread,
                high: excess + spread,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn counts(rates: &[f64], n: usize, seed: u64) -> Vec<u64> {
        let mut rng = random::stream(seed, 4);
        let total: f64 = rates.iter().sum();
        let mut counts = vec![0; rates.len()];
        for _ in 0..n {
            let mut rest = rng.random::<f64>() * total;
            let place = rates.iter().position(|rate| {
                rest -= rate;
                rest < 0.0
            });
            counts[place.unwrap_or(0)] += 1;
        }
        counts
    }

    #[test]
    fn even_places_pass_and_a_spread_is_measured() {
        let even = CountUniformity::of(&counts(&[1.0; 63], 1_500, 1)).expect("events");
        assert!(even.p > 0.001 && even.excess.low < 0.0 && even.found == 63);
        let rates: Vec<f64> = (0..63)
            .map(|i| if i % 2 == 0 { 0.8 } else { 1.2 })
            .collect();
        let uneven = CountUniformity::of(&counts(&rates, 20_000, 2)).expect("events");
        // CV 0.2, squared 0.04.
        assert!(uneven.p < 1e-6 && (uneven.excess.value - 0.04).abs() < 0.01);
        assert!(uneven.excess.low < 0.04 && 0.04 < uneven.excess.high);
        assert_eq!(CountUniformity::of(&[0, 0]), None);
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
