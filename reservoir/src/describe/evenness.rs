//! Whether events fall evenly on places, such as the chips of a chain.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::bootstrap::Estimate;

/// χ² test of counts against equal shares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evenness {
    /// Events.
    pub n: u64,
    /// Places.
    pub places: usize,
    /// Places with an event.
    pub found: usize,
    /// Σ (count − mean)²/mean.
    pub chi2: f64,
    /// Probability of at least this if the places are even.
    pub p: f64,
    /// Squared coefficient of variation of the places' rates, what counting alone brings taken off:
    /// (χ² − df)/n. Interval by the variance of χ² with that excess, 2 df + 4 n · excess; may be below 0.
    pub excess: Estimate,
}

impl Evenness {
    /// Of the counts of each place; `None` of fewer than two places or of no events.
    pub fn of(counts: &[u64]) -> Option<Evenness> {
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
        Some(Evenness {
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
        let even = Evenness::of(&counts(&[1.0; 63], 1_500, 1)).expect("events");
        assert!(even.p > 0.001 && even.excess.low < 0.0 && even.found == 63);
        let rates: Vec<f64> = (0..63)
            .map(|i| if i % 2 == 0 { 0.8 } else { 1.2 })
            .collect();
        let uneven = Evenness::of(&counts(&rates, 20_000, 2)).expect("events");
        // CV 0.2, squared 0.04.
        assert!(uneven.p < 1e-6 && (uneven.excess.value - 0.04).abs() < 0.01);
        assert!(uneven.excess.low < 0.04 && 0.04 < uneven.excess.high);
        assert_eq!(Evenness::of(&[0, 0]), None);
    }
}
