//! A sample in a few numbers.

use serde::{Deserialize, Serialize};

/// A sample in a few numbers, all in the sample's own unit but `n`, `cv` and `autocorrelation`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1).
    pub sd: f64,
    /// Coefficient of variation: standard deviation over mean.
    pub cv: f64,
    /// Smallest value.
    pub min: f64,
    /// Quantile that 5 % of the values lie below.
    pub q05: f64,
    /// Middle value, or the mean of the two in the middle.
    pub median: f64,
    /// Quantile that 95 % of the values lie below.
    pub q95: f64,
    /// Largest of the values.
    pub max: f64,
    /// Correlation of each value with the next, in the order given. Within ±1.96/√n if they are
    /// independent.
    pub autocorrelation: f64,
}

impl Summary {
    /// Summarises `values` in order of time; `None` for fewer than two.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
