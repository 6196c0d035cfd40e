//! The law of waiting times: a fixed dead time followed by an exponential wait, fitted and tested; whether two
//! samples have one law; dependence of each wait on earlier ones.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::uniformity::kolmogorov;
use crate::random;

/// Resamples of the parametric bootstrap.
const RESAMPLES: u32 = 199;

/// A dead time followed by an exponential wait.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShiftedExponential {
    /// Dead time d, in the unit of the waits.
    pub dead_time: f64,
    /// Mean of the exponential part, in the unit of the waits.
    pub scale: f64,
}

impl ShiftedExponential {
    /// Maximum likelihood without its bias. The shortest `aside` (a fraction) of `waits` are counted but their values
    /// are not used: waits above the first used one exceed it by exponential waits, whose mean is the scale; and the
    /// m-th shortest of n lies scale · Σ 1/(n − i), i < m, above the dead time on average. `None` for fewer than ten
    /// waits, if one is not finite, or if all used ones are equal.
    pub fn fit(waits: &[f64], aside: f64) -> Option<ShiftedExponential> {
        let n = waits.len();
        if n < 10 || !waits.iter().all(|w| w.is_finite()) {
            return None;
        }
        let mut sorted = waits.to_vec();
        sorted.sort_by(f64::total_cmp);
        let first = ((aside.clamp(0.0, 0.5) * n as f64) as usize).min(n - 2);
        let shortest = sorted[first];
        let over: f64 = sorted[first + 1..].iter().map(|w| w - shortest).sum();
        let scale = over / (n - first - 1) as f64;
        let before: f64 = (0..=first).map(|i| 1.0 / (n - i) as f64).sum();
        (scale > 0.0).then_some(ShiftedExponential {
            dead_time: shortest - scale * before,
            scale,
        })
    }

    /// Probability of a wait of at most `t`.
    pub fn cumulative(&self, t: f64) -> f64 {
        1.0 - (-((t - self.dead_time) / self.scale).max(0.0)).exp()
    }

    /// Largest distance between this law and the sample.
    fn distance(&self, waits: &[f64]) -> f64 {
        let mut sorted = waits.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        sorted
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let law = self.cumulative(*t);
                (law - i as f64 / n).max((i + 1) as f64 / n - law)
            })
            .fold(0.0, f64::max)
    }
}

/// Kolmogorov–Smirnov test of waits against the fitted law. Because the parameters are fitted, the p-value comes from
/// a parametric bootstrap: samples of the law, each fitted again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WaitTest {
    /// Number of waits in the sample.
    pub n: usize,
    /// The fitted law.
    pub law: ShiftedExponential,
    /// Largest distance between the two distribution functions.
    pub(crate) distance: f64,
    /// Probability of at least this distance under the law: (1 + resamples as far)/(1 + resamples).
    pub p: f64,
}

impl WaitTest {
    /// Fits `waits` as [`ShiftedExponential::fit`] does, and tests the fit with resamples from `seed`; `None` if the
    /// law cannot be fitted.
    pub fn of(waits: &[f64], aside: f64, seed: u64) -> Option<WaitTest> {
        let law = ShiftedExponential::fit(waits, aside)?;
        let distance = law.distance(waits);
        let mut rng = random::stream(seed, 11);
        let mut sample = vec![0.0; waits.len()];
        let mut as_far = 0;
        for _ in 0..RESAMPLES {
            for wait in &mut sample {
                *wait = law.dead_time - law.scale * (1.0 - rng.random::<f64>()).ln();
            }
            let again = ShiftedExponential::fit(&sample, aside)?;
            as_far += u32::from(again.distance(&sample) >= distance);
        }
        Some(WaitTest {
            n: waits.len(),
            law,
            distance,
            p: f64::from(1 + as_far) / f64::from(1 + RESAMPLES),
        })
    }
}

/// Kolmogorov–Smirnov test of whether two samples have one law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SameLaw {
    /// Sizes of the samples.
    pub n: (usize, usize),
    /// Largest distance between their distribution functions.
    pub distance: f64,
    /// Probability of at least this distance if both samples have one law: asymptotic, with Stephens' correction for
    /// the effective size n₁ n₂/(n₁ + n₂).
    pub p: f64,
}

impl SameLaw {
    /// Tests two samples in any order; `None` if one is empty or holds a NaN.
    pub fn of(a: &[f64], b: &[f64]) -> Option<SameLaw> {
        if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|v| v.is_nan()) {
            return None;
        }
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        let (a, b) = (sorted(a), sorted(b));
        let (n, m) = (a.len() as f64, b.len() as f64);
        let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
        while i < a.len() && j < b.len() {
            let at = a[i].min(b[j]);
            i += a[i..].iter().take_while(|v| **v <= at).count();
            j += b[j..].iter().take_while(|v| **v <= at).count();
            distance = distance.max((i as f64 / n - j as f64 / m).abs());
        }
        let root = (n * m / (n + m)).sqrt();
        Some(SameLaw {
            n: (a.len(), b.len()),
            distance,
            p: kolmogorov(distance * (root + 0.12 + 0.11 / root)),
        })
    }
}

/// Correlation of each value with the one `lag` later, for lags from 1 to `lags`; 0 where the values do not vary.
/// Each is within ±1.96/√n nineteen times in twenty if they are independent (Bartlett, J. R. Stat. Soc. Suppl.
/// 8(1), 1946).
pub fn autocorrelation(values: &[f64], lags: usize) -> Vec<f64> {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n.max(1) as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (1..=lags.min(n.saturating_sub(1)))
        .map(|lag| {
            let products = values.iter().zip(&values[lag..]);
            let sum: f64 = products.map(|(a, b)| (a - mean) * (b - mean)).sum();
            if squares > 0.0 { sum / squares } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(n: usize, dead: f64, seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 4);
        (0..n)
            .map(|_| dead - (1.0 - rng.random::<f64>()).ln())
            .collect()
    }

    #[test]
    fn the_law_is_found_again_in_spite_of_a_leak() {
        let mut sample = waits(5_000, 0.3, 1);
        for (i, wait) in sample.iter_mut().take(20).enumerate() {
            *wait = 0.01 * i as f64;
        }
        let robust = ShiftedExponential::fit(&sample, 0.01).expect("fitted");
        assert!((robust.dead_time - 0.3).abs() < 0.02, "{robust:?}");
        assert!((robust.scale - 1.0).abs() < 0.05, "{robust:?}");
        let plain = ShiftedExponential::fit(&sample, 0.0).expect("fitted");
        assert!(plain.dead_time < 0.01);
        assert_eq!(ShiftedExponential::fit(&[1.0; 50], 0.0), None);
    }

    #[test]
    fn the_fit_has_no_bias() {
        let mean = |aside: f64| {
            let fits = (0..300).map(|seed| ShiftedExponential::fit(&waits(60, 0.3, seed), aside));
            let dead: Vec<f64> = fits.flatten().map(|law| law.dead_time).collect();
            dead.iter().sum::<f64>() / dead.len() as f64
        };
        // Standard error 0.001 and 0.002.
        assert!((mean(0.0) - 0.3).abs() < 0.005 && (mean(0.05) - 0.3).abs() < 0.008);
    }

    #[test]
    fn the_test_keeps_its_level_and_sees_another_law() {
        let rejected = (0..60)
            .filter(|seed| {
                WaitTest::of(&waits(200, 0.3, *seed), 0.0, *seed).is_some_and(|t| t.p <= 0.05)
            })
            .count();
        // 3 expected, standard deviation 1.7.
        assert!(rejected <= 9, "{rejected}");
        let sums: Vec<f64> = waits(400, 0.0, 1)
            .iter()
            .zip(waits(400, 0.0, 2))
            .map(|(a, b)| a + b)
            .collect();
        assert!(WaitTest::of(&sums, 0.0, 1).is_some_and(|t| t.p < 0.02));
    }

    #[test]
    fn two_samples_of_one_law_and_of_two() {
        let rejected = (0..200)
            .filter(|seed| {
                let (a, b) = (waits(150, 0.0, *seed), waits(90, 0.0, 1000 + seed));
                SameLaw::of(&a, &b).is_some_and(|t| t.p < 0.05)
            })
            .count();
        // 10 expected, standard deviation 3.1; the correction errs to the safe side.
        assert!((2..=20).contains(&rejected), "{rejected}");
        let (a, b) = (waits(300, 0.0, 1), waits(300, 0.3, 2));
        assert!(SameLaw::of(&a, &b).is_some_and(|t| t.p < 1e-4));
        let ties = SameLaw::of(&[1.0, 2.0, 2.0], &[2.0, 2.0, 3.0]).expect("samples");
        assert!((ties.distance - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn an_alternating_series_is_seen_at_every_lag() {
        let series: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let found = autocorrelation(&series, 3);
        assert!(found[0] < -0.9 && found[1] > 0.9 && found.len() == 3);
        assert_eq!(autocorrelation(&[1.0; 5], 2), [0.0, 0.0]);
        assert!(autocorrelation(&[], 4).is_empty());
    }
}
