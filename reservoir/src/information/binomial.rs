//! The exact interval of a rate.

use statrs::distribution::{Beta, ContinuousCDF};

/// Interval of a rate of which `count` of `n` events are known, missing it with a probability of at most `alpha`
/// (Clopper and Pearson, Biometrika 26(4), 1934). All of 0 to 1 if there are no events.
pub fn binomial_interval(count: usize, n: usize, alpha: f64) -> (f64, f64) {
    let quantile = |a: usize, b: usize, p: f64, otherwise: f64| {
        Beta::new(a as f64, b as f64).map_or(otherwise, |law| law.inverse_cdf(p))
    };
    let count = count.min(n);
    let low = match count {
        0 => 0.0,
        _ => quantile(count, n - count + 1, 0.5 * alpha, 0.0),
    };
    let high = match n - count {
        0 => 1.0,
        others => quantile(count + 1, others, 1.0 - 0.5 * alpha, 1.0),
    };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabulated_intervals() {
        let (low, high) = binomial_interval(5, 10, 0.05);
        assert!((low - 0.1871).abs() < 1e-4 && (high - 0.8129).abs() < 1e-4);
        let (low, high) = binomial_interval(0, 10, 0.05);
        assert!(low == 0.0 && (high - 0.3085).abs() < 1e-4);
        let (low, high) = binomial_interval(10, 10, 0.05);
        assert!((low - 0.6915).abs() < 1e-4 && high == 1.0);
        assert_eq!(binomial_interval(0, 0, 0.05), (0.0, 1.0));
    }
}
