//! Moving-block bootstrap: intervals for scores of a time series, whose errors are not independent.
//!
//! Blocks of consecutive test steps are drawn with replacement until there are as many steps as before,
//! and the score is taken again; the 2.5 % and 97.5 % quantiles of the scores are the 95 % interval
//! (Künsch, Ann. Statist. 17(3), 1989). Two predictors are compared on the *same* blocks, so that what is
//! hard for both cancels out.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::random;

/// Steps per block: several times the memory of the tasks, so that what lies within a block keeps its
/// dependence, and few enough that a thousand steps hold twenty.
pub const BLOCK: usize = 50;

/// Resamples: enough that the interval's ends are stable in their third digit.
pub const RESAMPLES: usize = 2_000;

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value on the data as they are.
    pub value: f64,
    /// 2.5 % quantile of the resamples.
    pub low: f64,
    /// 97.5 % quantile of the resamples.
    pub high: f64,
}

/// The blocks of all resamples of `steps` test steps.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    steps: usize,
    block: usize,
    starts: Vec<Vec<usize>>,
}

impl Bootstrap {
    /// Draws the blocks from `seed`. Fewer than two blocks' worth of steps are cut into two halves.
    pub fn new(steps: usize, seed: u64) -> Bootstrap {
        let mut rng = random::stream(seed, 1);
        let block = BLOCK.min(steps / 2).max(1);
        let blocks = steps.div_ceil(block);
        let last = steps.saturating_sub(block);
        let starts = (0..RESAMPLES)
            .map(|_| (0..blocks).map(|_| rng.random_range(0..=last)).collect())
            .collect();
        Bootstrap {
            steps,
            block,
            starts,
        }
    }

    /// NRMSE of `prediction` with its interval; both of the bootstrap's length.
    pub fn nrmse(&self, prediction: &[f64], target: &[f64]) -> Estimate {
        let sums = Sums::new(prediction, target);
        let samples = self
            .starts
            .iter()
            .map(|s| sums.nrmse(s, self.block))
            .collect();
        self.estimate(sums.nrmse(&[0], self.steps), samples)
    }

    /// NRMSE of `a` minus NRMSE of `b`, with its interval on common blocks.
    pub fn difference(&self, a: &[f64], b: &[f64], target: &[f64]) -> Estimate {
        let (a, b) = (Sums::new(a, target), Sums::new(b, target));
        let gap = |starts: &[usize], block| a.nrmse(starts, block) - b.nrmse(starts, block);
        let samples = self.starts.iter().map(|s| gap(s, self.block)).collect();
        self.estimate(gap(&[0], self.steps), samples)
    }

    fn estimate(&self, value: f64, mut samples: Vec<f64>) -> Estimate {
        samples.sort_by(f64::total_cmp);
        let quantile = |q: f64| samples[(q * (samples.len() - 1) as f64).round() as usize];
        Estimate {
            value,
            low: quantile(0.025),
            high: quantile(0.975),
        }
    }
}

/// Running sums, so that a block costs the same however long it is.
struct Sums {
    squared_error: Vec<f64>,
    target: Vec<f64>,
    target_squared: Vec<f64>,
}

impl Sums {
    fn new(prediction: &[f64], target: &[f64]) -> Sums {
        // Centred, so that the variance is not a small difference of large sums.
        let mean = target.iter().sum::<f64>() / target.len().max(1) as f64;
        let running = |values: &mut dyn Iterator<Item = f64>| {
            let mut sum = 0.0;
            let mut sums = vec![0.0];
            sums.extend(values.map(|value| {
                sum += value;
                sum
            }));
            sums
        };
        let errors = prediction.iter().zip(target).map(|(p, y)| (p - y).powi(2));
        Sums {
            squared_error: running(&mut { errors }),
            target: running(&mut target.iter().map(|y| y - mean)),
            target_squared: running(&mut target.iter().map(|y| (y - mean).powi(2))),
        }
    }

    fn nrmse(&self, starts: &[usize], block: usize) -> f64 {
        let n = (starts.len() * block) as f64;
        let total = |sums: &[f64]| -> f64 {
            starts
                .iter()
                .map(|&start| sums[start + block] - sums[start])
                .sum::<f64>()
                / n
        };
        let mean = total(&self.target);
        let variance = total(&self.target_squared) - mean * mean;
        (total(&self.squared_error) / variance).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::nrmse;

    /// Standard normal by the sum of twelve uniforms.
    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 9);
        (0..n)
            .map(|_| (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0)
            .collect()
    }

    #[test]
    fn the_value_is_the_metric() {
        let (p, y) = (noise(300, 1), noise(300, 2));
        let estimate = Bootstrap::new(300, 1).nrmse(&p, &y);
        assert!((estimate.value - nrmse(&p, &y).expect("defined")).abs() < 1e-12);
        assert!(estimate.low < estimate.value && estimate.value < estimate.high);
    }

    #[test]
    fn the_interval_covers_a_known_score_about_as_often_as_it_says() {
        // Target y standard normal, prediction y + e with e of standard deviation 0.5: NRMSE 0.5.
        let covered = (0..200u64)
            .filter(|&seed| {
                let y = noise(500, 2 * seed);
                let e = noise(500, 2 * seed + 1);
                let p: Vec<f64> = y.iter().zip(&e).map(|(y, e)| y + 0.5 * e).collect();
                let estimate = Bootstrap::new(500, seed).nrmse(&p, &y);
                estimate.low <= 0.5 && 0.5 <= estimate.high
            })
            .count();
        // 95 % of 200 is 190. Ten blocks make a short bootstrap, which covers a little less.
        assert!((170..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn a_common_error_cancels_in_the_difference() {
        let (y, e) = (noise(500, 3), noise(500, 4));
        let a: Vec<f64> = y.iter().zip(&e).map(|(y, e)| y + e).collect();
        let b: Vec<f64> = y.iter().zip(&e).map(|(y, e)| y + 1.1 * e).collect();
        let bootstrap = Bootstrap::new(500, 1);
        assert!(bootstrap.difference(&a, &b, &y).high < 0.0);
        assert!(bootstrap.difference(&b, &a, &y).low > 0.0);
        let (wide_a, wide_b) = (bootstrap.nrmse(&a, &y), bootstrap.nrmse(&b, &y));
        assert!(
            wide_a.high > wide_b.low,
            "which the two intervals alone would not show"
        );
    }

    #[test]
    fn a_seed_gives_one_interval() {
        let (p, y) = (noise(100, 5), noise(100, 6));
        let estimate = |seed| Bootstrap::new(100, seed).nrmse(&p, &y);
        assert_eq!(estimate(1), estimate(1));
        assert_ne!(estimate(1), estimate(2));
    }
}
