//! How long the blocks of a resampled series must be: from its autocorrelation, by the rule of Politis and White
//! (Econometric Reviews 23(1), 2004), corrected by Patton, Politis and White (ibid. 28(4), 2009).
//!
//! The memory of a series is the lag after which a whole run of autocorrelations lies within chance. One lag within
//! chance is not enough: a series that is correlated only at even lags would seem to have no memory.

/// Lags in a run that must lie within chance: the authors' max(5, √log₁₀ n), which is 5 for any series that fits here.
const RUN: usize = 5;

/// The lag from which on the autocorrelations of `values` lie within chance, 2 √(log₁₀ n/n), for [`RUN`] lags in a row,
/// less one: 0 for a series without memory. At most `longest`.
pub(crate) fn memory(values: &[f64], longest: usize) -> usize {
    let n = values.len();
    let chance = 2.0 * ((n.max(2) as f64).log10() / n.max(1) as f64).sqrt();
    let covariance = Covariance::of(values);
    let variance = covariance.at(0);
    if variance <= 0.0 {
        return 0;
    }
    let (mut last, mut lag) = (0, 1);
    while lag <= longest.min(n.saturating_sub(1)) && lag <= last + RUN {
        if (covariance.at(lag) / variance).abs() > chance {
            last = lag;
        }
        lag += 1;
    }
    last
}

/// Length of a block for a circular block bootstrap of the mean of `values`, at which the variance of the mean is
/// estimated with the least mean square error; at least 1.
pub(crate) fn automatic(values: &[f64]) -> f64 {
    let n = values.len();
    let longest = (n as f64).sqrt().ceil() as usize + RUN;
    let memory = memory(values, longest).max(1);
    let lags = (2 * memory).min(longest).min(n.saturating_sub(1));
    let covariance = Covariance::of(values);
    // Flat up to half of the lags, then falling to zero.
    let weight = |lag: usize| (2.0 - 2.0 * lag as f64 / lags as f64).min(1.0);
    let (mut slope, mut spectrum) = (0.0, covariance.at(0));
    for lag in 1..=lags {
        let weighted = 2.0 * weight(lag) * covariance.at(lag);
        slope += lag as f64 * weighted;
        spectrum += weighted;
    }
    if spectrum <= 0.0 {
        return 1.0;
    }
    // (2 G²/D)^⅓ n^⅓ with D = 4/3 g(0)².
    let ratio = 1.5 * (slope / spectrum).powi(2) * n as f64;
    ratio.cbrt().max(1.0)
}

/// Autocovariances of a series, computed lag by lag.
struct Covariance {
    centred: Vec<f64>,
}

impl Covariance {
    fn of(values: &[f64]) -> Covariance {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        Covariance {
            centred: values.iter().map(|value| value - mean).collect(),
        }
    }

    fn at(&self, lag: usize) -> f64 {
        let pairs = self.centred.iter().zip(&self.centred[lag..]);
        pairs.map(|(a, b)| a * b).sum::<f64>() / self.centred.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// An AR(1) process of this coefficient at every `step`-th lag.
    fn process(n: usize, coefficient: f64, step: usize, seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 4);
        let mut values: Vec<f64> = Vec::with_capacity(n);
        for t in 0..n {
            let past = t.checked_sub(step).map_or(0.0, |t| values[t]);
            values.push(coefficient * past + random::normal(&mut rng));
        }
        values
    }

    #[test]
    fn the_memory_is_that_of_the_process() {
        let of = |coefficient, step| {
            let found = (0..20).map(|seed| memory(&process(2_000, coefficient, step, seed), 200));
            found.sum::<usize>() as f64 / 20.0
        };
        assert!(of(0.0, 1) < 1.0, "{}", of(0.0, 1));
        // 0.8^m falls to the chance of 0.081 at m = 11.
        assert!((8.0..18.0).contains(&of(0.8, 1)), "{}", of(0.8, 1));
        // The same at even lags alone.
        assert!((16.0..36.0).contains(&of(0.8, 2)), "{}", of(0.8, 2));
        assert_eq!(memory(&[1.0; 50], 10), 0);
        assert_eq!(memory(&[], 10), 0);
    }

    #[test]
    fn a_block_is_as_long_as_theory_says() {
        // AR(1): G/g(0) = 2ρ/(1 − ρ²), so that the length is (6 ρ² n/(1 − ρ²)²)^⅓.
        for (coefficient, n) in [(0.3, 4_000), (0.6, 4_000)] {
            let rho: f64 = coefficient;
            let theory = (6.0 * rho.powi(2) * n as f64 / (1.0 - rho * rho).powi(2)).cbrt();
            let found = (0..20).map(|seed| automatic(&process(n, rho, 1, seed)));
            let found = found.sum::<f64>() / 20.0;
            assert!(
                (found / theory - 1.0).abs() < 0.2,
                "{rho}: {found} for {theory}"
            );
        }
        assert!(automatic(&process(4_000, 0.0, 1, 1)) < 6.0);
        assert_eq!(automatic(&[2.0; 30]), 1.0);
    }
}
