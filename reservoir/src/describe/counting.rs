//! Whether events follow a Poisson process: the dispersion of counts, and the coefficient of variation of waiting
//! times beside that of a process with a dead time.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use statrs::function::erf::erfc;

/// Probability of a standard normal at least as far from zero as `z`.
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Index of dispersion of counts in windows of equal length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    pub(crate) n: usize,
    /// Sample variance over mean: 1 for a Poisson process, below for a more regular one, above for bursts.
    pub index: f64,
    /// Probability of an index at least as far from 1, to either side, if the counts are Poisson:
    /// (n − 1) · index is then χ² of n − 1 degrees of freedom (Fisher, 1925).
    pub p: f64,
}

impl Dispersion {
    /// Computes the index from `counts`; `None` for fewer than two windows or no events.
    pub fn of(counts: &[u64]) -> Option<Dispersion> {
        let n = counts.len();
        let total: f64 = counts.iter().map(|c| *c as f64).sum();
        if n < 2 || total == 0.0 {
            return None;
        }
        let mean = total / n as f64;
        let squares: f64 = counts.iter().map(|c| (*c as f64 - mean).powi(2)).sum();
        let freedom = (n - 1) as f64;
        let law = ChiSquared::new(freedom).ok()?;
        let statistic = squares / mean;
        let p = 2.0 * law.cdf(statistic).min(law.sf(statistic));
        Some(Dispersion {
            n,
            index: statistic / freedom,
            p: p.min(1.0),
        })
    }
}

/// How a dead time is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadTime {
    /// Measured elsewhere, in the unit of the waits.
    Known(f64),
    /// Estimated: the shortest wait, less the average shortest of n exponential waits.
    FromShortest,
}

/// Coefficient of variation of waiting times, beside its value for a Poisson process with a dead time:
/// waits of d + Exp(λ) have CV = 1/(1 + λ d).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeadTimeTest {
    pub(crate) n: usize,
    /// Sample standard deviation over mean.
    pub(crate) cv: f64,
    /// The dead time d, in the unit of the waits.
    pub(crate) dead_time: f64,
    /// CV of the process with this dead time and the mean wait of the sample.
    pub expected_cv: f64,
    /// (cv − expected) over its standard deviation under the null, expected/√n: the variances of mean and
    /// standard deviation of an exponential sample are σ²/n and 2σ²/n, their covariance σ²/n.
    pub z: f64,
    /// Two-sided probability, normal approximation.
    pub p: f64,
}

/// Fewest waits for which the normal approximation is used.
pub const FEWEST_WAITS: usize = 30;

impl DeadTimeTest {
    /// Tests `waits`; `None` for fewer than [`FEWEST_WAITS`], if one is not finite and positive, or if the dead time
    /// is not below the mean wait.
    pub fn of(waits: &[f64], dead_time: DeadTime) -> Option<DeadTimeTest> {
        let n = waits.len();
        if n < FEWEST_WAITS || !waits.iter().all(|w| w.is_finite() && *w > 0.0) {
            return None;
        }
        let count = n as f64;
        let mean = waits.iter().sum::<f64>() / count;
        let squares: f64 = waits.iter().map(|w| (w - mean).powi(2)).sum();
        let cv = (squares / (count - 1.0)).sqrt() / mean;
        let dead_time = match dead_time {
            DeadTime::Known(d) => d,
            DeadTime::FromShortest => {
                let shortest = waits.iter().copied().fold(f64::INFINITY, f64::min);
                (shortest - (mean - shortest) / (count - 1.0)).max(0.0)
            }
        };
        if !(0.0..mean).contains(&dead_time) {
            return None;
        }
        let expected_cv = (mean - dead_time) / mean;
        let z = (cv - expected_cv) / (expected_cv / count.sqrt());
        Some(DeadTimeTest {
            n,
            cv,
            dead_time,
            expected_cv,
            z,
            p: two_sided(z),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn waits(n: usize, dead: f64, seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 4);
        (0..n)
            .map(|_| dead - (1.0 - rng.random::<f64>()).ln())
            .collect()
    }

    #[test]
    fn dispersion_by_hand() {
        // Mean 3, squares 4 + 0 + 4 = 8: index 8/3/2; χ² of 2 degrees of freedom is an exponential.
        let d = Dispersion::of(&[1, 3, 5]).expect("three windows");
        assert!((d.index - 4.0 / 3.0).abs() < 1e-12);
        let upper = (-4.0f64 / 3.0).exp();
        assert!((d.p - 2.0 * upper.min(1.0 - upper)).abs() < 1e-9, "{}", d.p);
        assert_eq!(Dispersion::of(&[0, 0]), None);
        assert_eq!(Dispersion::of(&[7]), None);
    }

    #[test]
    fn regular_and_bursty_counts_are_told_from_poisson() {
        let regular = Dispersion::of(&[5; 40]).expect("events");
        assert!(regular.index == 0.0 && regular.p < 1e-6);
        let bursts: Vec<u64> = (0..40).map(|i| if i % 4 == 0 { 20 } else { 0 }).collect();
        let bursty = Dispersion::of(&bursts).expect("events");
        assert!(bursty.index > 10.0 && bursty.p < 1e-6);
    }

    #[test]
    fn the_dead_time_null_is_rejected_at_its_rate() {
        for known in [DeadTime::Known(0.3), DeadTime::FromShortest] {
            let rejected = (0..600)
                .filter(|&seed| {
                    let test = DeadTimeTest::of(&waits(400, 0.3, seed), known).expect("enough");
                    assert!((test.expected_cv - 1.0 / 1.3).abs() < 0.1);
                    test.p < 0.05
                })
                .count();
            // 30 expected, standard deviation 5.3.
            assert!(
                (12..=52).contains(&rejected),
                "{known:?}: {rejected} of 600"
            );
        }
    }

    #[test]
    fn a_dead_time_left_out_and_a_clock_are_seen() {
        let waits = waits(1_000, 0.3, 1);
        let test = DeadTimeTest::of(&waits, DeadTime::Known(0.0)).expect("enough");
        assert!(test.z < -5.0 && test.p < 1e-6);
        let clock: Vec<f64> = (0..100).map(|i| 1.0 + 0.01 * f64::from(i % 3)).collect();
        let test = DeadTimeTest::of(&clock, DeadTime::Known(0.0)).expect("enough");
        assert!(test.cv < 0.01 && test.p < 1e-6);
    }

    #[test]
    fn what_cannot_be_tested_is_not() {
        assert_eq!(DeadTimeTest::of(&[1.0; 5], DeadTime::FromShortest), None);
        assert_eq!(DeadTimeTest::of(&[1.0; 50], DeadTime::Known(2.0)), None);
        assert_eq!(
            DeadTimeTest::of(&[f64::NAN; 50], DeadTime::Known(0.0)),
            None
        );
    }
}
