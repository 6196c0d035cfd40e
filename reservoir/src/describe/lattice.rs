//! Whether values lie on a lattice: at multiples of a period, as when a program polls at fixed intervals.

use serde::{Deserialize, Serialize};

use super::summary::Summary;
use crate::bootstrap::Estimate;

/// Most values used; of a longer sample, evenly spaced ones.
const MOST_VALUES: usize = 10_000;

/// Trial frequencies for each frequency that the range of the values can resolve.
const OVERSAMPLED: f64 = 4.0;

/// The lattice that fits a sample best, with Rayleigh's test of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lattice {
    /// Number of values used.
    pub(crate) n: usize,
    /// Distance between lattice points, in the values' unit. Interval by the curvature of the periodogram at its
    /// peak.
    pub period: Estimate,
    /// Length of the mean phase vector: 0 without a lattice, 1 if every value lies on a lattice point. Without a
    /// lattice, the largest of many trials is about 3/√n.
    pub strength: Estimate,
    /// Probability of a peak at least as high without a lattice, over all trial frequencies together; an upper bound.
    pub p: f64,
}

impl Lattice {
    /// Finds the lattice of `values` with a period between `shortest` and `longest`, both positive and in the values'
    /// unit; `None` for fewer than ten values, or if they all lie within the longest period.
    ///
    /// The longest period should be short compared with the scale on which the density of the values varies. What
    /// remains of that variation is estimated by the median of the periodogram.
    ///
    /// Cost: values × trial frequencies, of which there are four times the values' range over the shortest period.
    pub fn of(values: &[f64], shortest: f64, longest: f64) -> Option<Lattice> {
        let values: Vec<f64> = values
            .iter()
            .copied()
            .step_by(values.len().div_ceil(MOST_VALUES).max(1))
            .collect();
        let n = values.len() as f64;
        let summary = Summary::of(&values)?;
        let range = summary.max - summary.min;
        if values.len() < 10 || !summary.mean.is_finite() || range <= longest {
            return None;
        }
        let (low, high) = (1.0 / longest, 1.0 / shortest);
        let step = 1.0 / (OVERSAMPLED * range);
        let trials = ((high - low) / step) as usize + 1;
        let mut powers = powers(&values, low, step, trials);
        let (place, peak) = largest(&powers);
        // Where the density is smooth, powers are exponential with mean 1, and their median is ln 2.
        let (_, median, _) = powers.select_nth_unstable_by(trials / 2, f64::total_cmp);
        let floor = (*median / std::f64::consts::LN_2).max(1.0);
        // Neighbouring trials are correlated, so this is an upper bound.
        let p = -(trials as f64 * (-(-peak / floor).exp()).ln_1p()).exp_m1();

        // The peak between the trials.
        let fine = step / 16.0;
        let start = low + (place as f64 - 1.0) * step;
        let (place, peak) = largest(&self::powers(&values, start, fine, 33));
        let frequency = start + place as f64 * fine;
        let error = 1.0 / (std::f64::consts::TAU * summary.sd * (2.0 * peak).sqrt());
        let strength = (peak / n).sqrt();
        let about = |value: f64, error: f64| Estimate {
            value,
            low: value - 1.96 * error,
            high: value + 1.96 * error,
        };
        Some(Lattice {
            n: values.len(),
            period: about(1.0 / frequency, error / (frequency * frequency)),
            strength: about(strength, (0.5 / n).sqrt()),
            p,
        })
    }
}

/// |Σ exp(2πi f x)|²/n for `count` frequencies from `low`, `step` apart.
fn powers(values: &[f64], low: f64, step: f64, count: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); count];
    for x in values {
        let (mut sin, mut cos) = (std::f64::consts::TAU * low * x).sin_cos();
        let (turn_sin, turn_cos) = (std::f64::consts::TAU * step * x).sin_cos();
        for sum in &mut sums {
            sum.0 += cos;
            sum.1 += sin;
            (sin, cos) = (
                sin * turn_cos + cos * turn_sin,
                cos * turn_cos - sin * turn_sin,
            );
        }
    }
    let n = values.len() as f64;
    sums.iter()
        .map(|(re, im)| (re * re + im * im) / n)
        .collect()
}

/// Place and value of the largest.
fn largest(powers: &[f64]) -> (usize, f64) {
    let places = powers.iter().copied().enumerate();
    places.fold((0, f64::NEG_INFINITY), |best, this| {
        if this.1 > best.1 { this } else { best }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    /// Waits like those between shares: 20 ms and an exponential part of 80 ms.
    fn waits(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 5);
        let wait = |_| 20.0 - 80.0 * (1.0 - rng.random::<f64>()).ln();
        (0..n).map(wait).collect()
    }

    #[test]
    fn a_comb_is_found_where_it_is() {
        for seed in 1..=20 {
            let mut rng = random::stream(seed, 6);
            // A fifth lies on lattice points 1.158 apart, 0.3 from zero.
            let mut values = waits(1_500, seed);
            for value in values.iter_mut().step_by(4) {
                let teeth = (*value / 1.158).round() * 1.158;
                *value = teeth + 0.3 + 0.1 * random::normal(&mut rng);
            }
            let lattice = Lattice::of(&values, 0.5, 3.0).expect("enough values");
            assert!(lattice.p < 1e-6, "{lattice:?}");
            assert!((lattice.period.value - 1.158).abs() < 2e-3, "{lattice:?}");
            let error = (lattice.period.high - lattice.period.low) / 3.92;
            assert!(
                (lattice.period.value - 1.158).abs() < 4.0 * error,
                "{lattice:?}"
            );
            // A quarter lies near lattice points, blurred by 0.1 of 1.158.
            let wanted = 0.25 * (-0.5 * (std::f64::consts::TAU * 0.1 / 1.158).powi(2)).exp();
            assert!(
                (lattice.strength.value - wanted).abs() < 0.06,
                "{lattice:?}"
            );
        }
    }

    #[test]
    fn without_a_comb_the_test_rejects_as_often_as_it_says() {
        let trials = 400;
        let rejected = (0..trials)
            .filter(|seed| {
                Lattice::of(&waits(400, *seed), 0.5, 3.0).is_some_and(|lattice| lattice.p < 0.05)
            })
            .count();
        // 20 expected at the most; binomial 99.9 %: up to 36.
        assert!((2..=36).contains(&rejected), "{rejected}");
    }

    #[test]
    fn what_cannot_be_told_is_not() {
        assert_eq!(Lattice::of(&[1.0; 50], 0.5, 3.0), None);
        assert_eq!(Lattice::of(&waits(9, 1), 0.5, 3.0), None);
        let mut values = waits(50, 1);
        values[3] = f64::NAN;
        assert_eq!(
            Lattice::of(&values, 0.5, 3.0).map(|lattice| lattice.n),
            None
        );
    }
}
