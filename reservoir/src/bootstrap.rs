//! Intervals for scores of a time series, whose errors are not independent: a studentised block bootstrap.
//!
//! The logarithm of an NRMSE has a standard error, from the sums of its first-order terms over blocks of consecutive
//! steps (the spread of the target, by which the error is divided, is estimated from the same steps, and is part of
//! them). Blocks of test steps are drawn with replacement until there are as many steps as before; each resample has a
//! score, and a standard error of its own. How many standard errors a resample's score lies from that of all steps, the
//! 95 % quantile of the absolute values, is how many of its standard errors the interval reaches to each side (Götze and
//! Künsch, Ann. Statist. 24(5), 1996; symmetric as in Hall, Ann. Statist. 16(4), 1988). So the interval holds its
//! estimate, and is wide where a few blocks decide. The steps form a circle (Politis and Romano, 1992), so that each is
//! drawn as often as any other. The difference of two predictors is treated alike without the logarithm, on the *same*
//! blocks for both, so that what is hard for both cancels out.
//!
//! An interval is conditional on one drive and one trained readout: it says where the NRMSE of this readout lies on a
//! very long further stretch of the same process. It does not say what another training or another drive would give; the
//! spread over seeds does ([`crate::multi_seed`]).
//!
//! Coverage, measured by `cargo bench -p thermine-reservoir --bench coverage`: 92.5 to 98.2 %, 95.8 % on average, over three
//! tasks, six readouts, two test lengths and 1,000 intervals of each; the table stands in `docs/theory.md`.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::blocks;
use crate::random::{self, Rng};

/// Blocks that a test of up to [`LONG`] steps each is cut into. Fewer make long blocks, which keep slow dependence, and
/// leave the standard error itself uncertain; studentising pays for that with width.
const BLOCKS: usize = 8;

/// Steps per block that are enough for the tasks: the errors of NARMA-10 come in bursts of up to a hundred steps. Longer
/// blocks are used only where the first-order terms are seen to remember for longer.
const LONG: usize = 125;

/// Resamples: enough that the interval's ends are stable in their third digit.
pub(crate) const RESAMPLES: usize = 2_000;

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value on the data as they are.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// `value` with the percentile interval of its `resamples`, their 2.5 % and 97.5 % quantiles; only finite resamples
    /// count. If the percentile interval misses
    /// the value, as with very few or very skewed resamples, it is widened to hold it. `None` if nothing is finite.
    pub(crate) fn of_resamples(value: f64, mut resamples: Vec<f64>) -> Option<Estimate> {
        resamples.retain(|resample| resample.is_finite());
        resamples.sort_by(f64::total_cmp);
        let last = resamples.len().checked_sub(1)?;
        let quantile = |q: f64| resamples[(q * last as f64).round() as usize];
        value.is_finite().then(|| Estimate {
            value,
            low: quantile(0.025).min(value),
            high: quantile(0.975).max(value),
        })
    }

    /// `value` without a known uncertainty: an interval of width 0.
    pub(crate) fn bare(value: f64) -> Estimate {
        Estimate {
            value,
            low: f64::NAN,
            high: f64::NAN,
        }
    }
}

/// Draws blocks of test steps, the same for all predictors of one test segment.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    steps: usize,
    seed: u64,
}

impl Bootstrap {
    /// For `steps` test steps, with blocks drawn from `seed`.
    pub fn new(steps: usize, seed: u64) -> Bootstrap {
        Bootstrap { steps, seed }
    }

    /// NRMSE of `prediction` with its interval; both of the bootstrap's length.
    pub fn nrmse(&self, prediction: &[f64], target: &[f64]) -> Estimate {
        let series = Series::new([prediction], target, |[error], variance| Linear {
            value: 0.5 * (error / variance).ln(),
            errors: [0.5 / error],
            variance: 0.5 / variance,
        });
        let log = self.estimate(&series);
        Estimate {
            value: log.value.exp(),
            low: log.low.exp(),
            high: log.high.exp(),
        }
    }

    /// The share of steps in which something `happened`, with its interval.
    pub fn proportion(&self, happened: &[bool]) -> Estimate {
        let happened: Vec<f64> = happened.iter().map(|h| f64::from(u8::from(*h))).collect();
        // The squared error of 1 for 0 is 1.
        let nothing = vec![0.0; happened.len()];
        let series = Series::new([&happened], &nothing, |[share], _| Linear {
            value: share,
            errors: [1.0],
            variance: 0.0,
        });
        self.estimate(&series)
    }

    /// NRMSE of `a` minus NRMSE of `b`, with its interval on common blocks.
    pub fn difference(&self, a: &[f64], b: &[f64], target: &[f64]) -> Estimate {
        let series = Series::new([a, b], target, |[a, b], variance| {
            let (a, b) = ((a / variance).sqrt(), (b / variance).sqrt());
            // A predictor without error adds none.
            let slope = |score: f64| {
                if score > 0.0 {
                    0.5 / (score * variance)
                } else {
                    0.0
                }
            };
            Linear {
                value: a - b,
                errors: [slope(a), -slope(b)],
                variance: 0.5 * (a - b) / variance,
            }
        });
        self.estimate(&series)
    }

    /// The value over all steps, and as many standard errors to each side as hold 95 % of the resamples.
    fn estimate<const N: usize>(&self, series: &Series<N>) -> Estimate {
        let value = series.all.value;
        if !value.is_finite() || self.steps == 0 {
            // Without any error the score is 0, and its logarithm is not finite; it has no known uncertainty.
            return Estimate {
                value,
                low: value,
                high: value,
            };
        }
        let block = self.block(&series.terms());
        let error = series.standard_error(block);
        let mut rng = random::stream(self.seed, 1);
        let mut away: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| series.resample(block, &mut rng))
            .map(|(resampled, error)| ((resampled - value) / error).abs())
            .filter(|away| away.is_finite())
            .collect();
        away.sort_by(f64::total_cmp);
        let Some(last) = away.len().checked_sub(1) else {
            // No resample has a spread: every step is as good as any other.
            return Estimate {
                value,
                low: value,
                high: value,
            };
        };
        let reach = error * away[(0.95 * last as f64).round() as usize];
        // One burst may decide everything, and the standard error then says nothing: no further stretch is taken to be
        // better than the best block, or worse than the worst.
        let (best, worst) = series.range(block);
        Estimate {
            value,
            low: (value - reach).max(best.min(value)),
            high: (value + reach).min(worst.max(value)),
        }
    }

    /// Steps per block for a score of these first-order terms.
    fn block(&self, terms: &[f64]) -> usize {
        let most = (self.steps / BLOCKS).max(1);
        if most <= LONG {
            return most;
        }
        (blocks::automatic(terms).ceil() as usize).clamp(LONG, most)
    }
}

/// A score and what a little more of each mean square adds to it.
#[derive(Debug, Clone, Copy)]
struct Linear<const N: usize> {
    value: f64,
    /// Of each predictor's mean squared error.
    errors: [f64; N],
    /// Of the target's variance, which takes away.
    variance: f64,
}

/// Sums over one block, or over several.
#[derive(Debug, Clone, Copy)]
struct Block<const N: usize> {
    errors: [f64; N],
    target: f64,
    squares: f64,
}

impl<const N: usize> Block<N> {
    const EMPTY: Block<N> = Block {
        errors: [0.0; N],
        target: 0.0,
        squares: 0.0,
    };

    fn add(&mut self, other: &Block<N>) {
        self.errors
            .iter_mut()
            .zip(other.errors)
            .for_each(|(sum, error)| *sum += error);
        self.target += other.target;
        self.squares += other.squares;
    }
}

/// Running sums of N predictors' squared errors and of the target, so that the cost of a block does not depend on its
/// length. They go round the circle twice.
struct Series<const N: usize> {
    steps: usize,
    score: fn([f64; N], f64) -> Linear<N>,
    /// The score over all steps.
    all: Linear<N>,
    errors: [Vec<f64>; N],
    target: Vec<f64>,
    squares: Vec<f64>,
}

impl<const N: usize> Series<N> {
    fn new(
        predictions: [&[f64]; N],
        target: &[f64],
        score: fn([f64; N], f64) -> Linear<N>,
    ) -> Series<N> {
        let steps = target.len();
        // Centred, so that the variance is not a small difference of large sums.
        let mean = target.iter().sum::<f64>() / steps.max(1) as f64;
        let running = |value: &dyn Fn(usize) -> f64| {
            let mut sum = 0.0;
            let sums = (0..2 * steps).map(|t| {
                sum += value(t % steps);
                sum
            });
            std::iter::once(0.0).chain(sums).collect::<Vec<f64>>()
        };
        let mut series = Series {
            steps,
            score,
            all: score([f64::NAN; N], f64::NAN),
            errors: predictions.map(|p| running(&|t| (p[t] - target[t]).powi(2))),
            target: running(&|t| target[t] - mean),
            squares: running(&|t| (target[t] - mean).powi(2)),
        };
        if steps > 0 {
            series.all = series.scored(&series.block(0, steps), steps).0;
        }
        series
    }

    fn block(&self, start: usize, length: usize) -> Block<N> {
        let sum = |sums: &[f64]| sums[start + length] - sums[start];
        Block {
            errors: std::array::from_fn(|i| sum(&self.errors[i])),
            target: sum(&self.target),
            squares: sum(&self.squares),
        }
    }

    /// The score of `steps` steps with these sums, and the mean of their targets.
    fn scored(&self, sums: &Block<N>, steps: usize) -> (Linear<N>, f64) {
        let n = steps as f64;
        let mean = sums.target / n;
        let score = (self.score)(
            sums.errors.map(|error| error / n),
            sums.squares / n - mean * mean,
        );
        (score, mean)
    }

    /// What a block of `length` steps adds to the first-order terms of a score whose targets have this mean.
    fn term(score: &Linear<N>, mean: f64, block: &Block<N>, length: usize) -> f64 {
        let errors = score.errors.iter().zip(block.errors);
        let spread = block.squares - 2.0 * mean * block.target + length as f64 * mean * mean;
        errors.map(|(by, error)| by * error).sum::<f64>() - score.variance * spread
    }

    /// The first-order terms of the score over all steps; their sum is 0.
    fn terms(&self) -> Vec<f64> {
        (0..self.steps)
            .map(|t| Self::term(&self.all, 0.0, &self.block(t, 1), 1))
            .collect()
    }

    /// Standard error of the score over all steps, from all blocks of `length` steps of the circle.
    fn standard_error(&self, length: usize) -> f64 {
        let squares = (0..self.steps)
            .map(|start| Self::term(&self.all, 0.0, &self.block(start, length), length).powi(2));
        let blocks = self.steps.div_ceil(length) as f64;
        let (n, length) = (self.steps as f64, length as f64);
        // As many degrees of freedom as blocks, less one for the mean.
        (squares.sum::<f64>() / n / (length * n) * blocks / (blocks - 1.0).max(1.0)).sqrt()
    }

    /// Least and largest score of a block of `length` steps, by the spread of all targets.
    fn range(&self, length: usize) -> (f64, f64) {
        let variance = self.squares[self.steps] / self.steps as f64;
        let scores = (0..self.steps).map(|start| {
            let errors = self.block(start, length).errors;
            (self.score)(errors.map(|error| error / length as f64), variance).value
        });
        scores.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| {
            (low.min(score), high.max(score))
        })
    }

    /// Score and standard error of as many blocks as fill the steps; `None` if the score is not finite.
    fn resample(&self, length: usize, rng: &mut Rng) -> Option<(f64, f64)> {
        let count = self.steps.div_ceil(length);
        let drawn: Vec<Block<N>> = (0..count)
            .map(|_| self.block(rng.random_range(0..self.steps), length))
            .collect();
        let mut sums = Block::EMPTY;
        drawn.iter().for_each(|block| sums.add(block));
        let steps = count * length;
        let (score, mean) = self.scored(&sums, steps);
        let squares = drawn
            .iter()
            .map(|block| Self::term(&score, mean, block, length).powi(2));
        let blocks = count as f64;
        let variance = squares.sum::<f64>() * blocks / (blocks - 1.0).max(1.0);
        score
            .value
            .is_finite()
            .then(|| (score.value, variance.sqrt() / steps as f64))
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
    fn one_burst_of_errors_leaves_the_interval_within_what_was_seen() {
        let target = noise(219, 1);
        let mut prediction = target.clone();
        prediction[100] += 0.05;
        prediction[101] += 0.05;
        prediction[7] += 1e-9;
        let estimate = Bootstrap::new(219, 1).nrmse(&prediction, &target);
        assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
        // All steps as bad as the block with the burst.
        assert!(estimate.high < 3.0 * estimate.value, "{estimate:?}");
    }

    #[test]
    fn the_value_is_the_metric() {
        let (p, y) = (noise(300, 1), noise(300, 2));
        let estimate = Bootstrap::new(300, 1).nrmse(&p, &y);
        assert!((estimate.value - nrmse(&p, &y).expect("defined")).abs() < 1e-12);
        assert!(estimate.low < estimate.value && estimate.value < estimate.high);
    }

    /// An AR(1) process of this coefficient and variance 1.
    fn dependent(n: usize, coefficient: f64, seed: u64) -> Vec<f64> {
        let mut last = 0.0;
        let innovations = noise(n + 100, seed).into_iter();
        let values = innovations.map(|e| {
            last = coefficient * last + (1.0 - coefficient * coefficient).sqrt() * e;
            last
        });
        values.skip(100).collect()
    }

    /// Series, of 400, of which the interval holds the true score: the target is standard normal, and the error of
    /// standard deviation 0.5 an AR(1) process.
    fn covered(steps: usize, coefficient: f64) -> usize {
        let covers = |seed: &u64| {
            let y = noise(steps, 2 * seed);
            let e = dependent(steps, coefficient, 2 * seed + 1);
            let p: Vec<f64> = y.iter().zip(&e).map(|(y, e)| y + 0.5 * e).collect();
            let estimate = Bootstrap::new(steps, *seed).nrmse(&p, &y);
            estimate.low <= 0.5 && 0.5 <= estimate.high
        };
        (0..400).filter(covers).count()
    }

    #[test]
    fn the_interval_covers_a_known_score_as_often_as_it_says() {
        // 380 expected, standard deviation 4.4. Quantiles of resampled scores covered 350 to 367 with coefficient 0.8.
        for (steps, coefficient) in [(500, 0.0), (100, 0.8), (250, 0.8), (500, 0.8)] {
            let covered = covered(steps, coefficient);
            let case = format!("{steps} steps, {coefficient}: {covered} of 400");
            assert!((368..=394).contains(&covered), "{case}");
        }
    }

    #[test]
    fn the_interval_of_a_difference_covers_as_often_as_it_says() {
        // Two predictors with errors of equal size: the true difference is 0.
        let covers = |seed: &u64| {
            let y = noise(500, 3 * seed);
            let off = |seed| -> Vec<f64> {
                let e = dependent(500, 0.8, seed);
                y.iter().zip(&e).map(|(y, e)| y + 0.5 * e).collect()
            };
            let (a, b) = (off(3 * seed + 1), off(3 * seed + 2));
            let gap = Bootstrap::new(500, *seed).difference(&a, &b, &y);
            gap.low <= 0.0 && 0.0 <= gap.high
        };
        let covered = (0..400).filter(covers).count();
        assert!((368..=394).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn blocks_grow_where_the_errors_remember_for_long() {
        let y = noise(8_000, 1);
        let block = |coefficient| {
            let e = dependent(8_000, coefficient, 2);
            let squares: Vec<f64> = e.iter().map(|e| e * e).collect();
            Bootstrap::new(8_000, 1).block(&squares)
        };
        assert_eq!(block(0.5), LONG);
        assert!(block(0.99) > LONG, "{}", block(0.99));
        assert_eq!(Bootstrap::new(500, 1).block(&y[..500]), 62);
    }

    #[test]
    fn what_has_no_error_has_no_uncertainty() {
        let y = noise(100, 1);
        let exact = Bootstrap::new(100, 1).nrmse(&y, &y);
        assert_eq!((exact.value, exact.low, exact.high), (0.0, 0.0, 0.0));
        let gap = Bootstrap::new(100, 1).difference(&y, &y, &y);
        assert_eq!((gap.value, gap.low, gap.high), (0.0, 0.0, 0.0));
        assert!(
            Bootstrap::new(100, 1)
                .nrmse(&y, &[1.0; 100])
                .value
                .is_infinite()
        );
    }

    #[test]
    fn an_interval_holds_its_own_estimate() {
        for steps in [1, 2, 3, 7, 50, 99, 100, 101, 500] {
            for seed in 0..20 {
                // One end differs from the rest: there, blocks that do not form a circle are biased most.
                let y: Vec<f64> = noise(steps, seed);
                let end = |t: usize| if t < steps / 10 { 5.0 } else { 0.1 };
                let e = dependent(steps, 0.5, seed + 100);
                let a: Vec<f64> = (0..steps).map(|t| y[t] + end(t) * e[t]).collect();
                let b: Vec<f64> = (0..steps).map(|t| y[t] + 0.5 * e[t]).collect();
                let bootstrap = Bootstrap::new(steps, seed);
                for estimate in [bootstrap.nrmse(&a, &y), bootstrap.difference(&a, &b, &y)] {
                    let Estimate { value, low, high } = estimate;
                    assert!(
                        !value.is_finite() || (low <= value && value <= high),
                        "{steps} {seed}: {estimate:?}"
                    );
                }
            }
        }
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
