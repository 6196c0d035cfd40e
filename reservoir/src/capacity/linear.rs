//! Linear memory capacity: how well a linear readout of the present states reproduces the input of k steps ago.
//!
//! MC = Σ_k r²(u[t−k], ŷ_k[t]) over the delays (Jaeger, GMD Report 152, 2002), of readouts trained on one segment and
//! correlated on another. On T test steps a readout of noise has r² of 1/T on average and above 6.63/T one time
//! in a hundred; r² below that is counted as zero, or a long tail of chance would add up. At most N in
//! expectation for an input that is independent from step to step.

use serde::{Deserialize, Serialize};

use super::CapacityError;
use crate::left_out::LeftOut;
use crate::readout::{LAMBDAS, RidgePath, target_matrix};
use crate::split::Split;
use crate::state::StateMatrix;

/// 99 % quantile of χ² with one degree of freedom: T r² of unrelated series has that law.
const CHANCE: f64 = 6.634_896_6;

/// Most delays: each one is a readout with its own penalty.
const MOST_DELAYS: usize = 10_000;

/// Capacity at one delay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DelayCapacity {
    /// How many steps before the present one.
    pub delay: usize,
    /// Squared correlation on the test steps, before the threshold.
    pub squared_correlation: f64,
    /// The squared correlation, or zero if chance gives as much one time in a hundred.
    pub(crate) capacity: f64,
}

/// Linear memory capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryCapacity {
    /// Each delay, from 0.
    pub delays: Vec<DelayCapacity>,
    /// Sum of the capacities.
    pub total: f64,
    /// Squared correlation below which a capacity is counted as zero.
    pub threshold: f64,
    /// Number of features: a total above it is chance.
    pub(crate) features: usize,
}

/// Measures delays 0 to `longest`, without the rows in `left_out`. The readouts share one factorisation; the penalty of each is chosen by
/// generalised cross-validation on the training steps.
///
/// # Errors
/// If the split does not fit, its washout is shorter than `longest` (the first training steps would be asked
/// for inputs before the first), or the readouts cannot be fitted.
pub fn memory_capacity(
    states: &StateMatrix,
    input: &[f64],
    longest: usize,
    split: &Split,
    left_out: &LeftOut,
) -> Result<MemoryCapacity, CapacityError> {
    split.check(states.rows().min(input.len()))?;
    if longest > split.washout || longest >= MOST_DELAYS {
        return Err(CapacityError::Request(format!(
            "delays up to {longest} need at least as many washout steps (now {}); at most {MOST_DELAYS} delays are possible",
            split.washout
        )));
    }
    let total = split.total();
    let past: Vec<Vec<f64>> = (0..=longest)
        .map(|delay| {
            let zeros = std::iter::repeat_n(0.0, delay);
            let past: Vec<f64> = zeros.chain(input.iter().copied()).take(total).collect();
            left_out.values(&past).into_owned()
        })
        .collect();
    let (split, states) = (left_out.split(*split), &*left_out.states(states));
    split.check(states.rows())?;
    let targets = target_matrix(past.iter().map(Vec::as_slice))?;
    let path = RidgePath::new(states, &targets, split.train_rows())?;
    let chosen = path.generalised_each(&LAMBDAS)?;
    let predictions = path.at_each(&chosen)?.predict(states, split.test_rows())?;
    let threshold = CHANCE / split.test as f64;
    let delays: Vec<DelayCapacity> = predictions
        .column_iter()
        .zip(targets.column_iter())
        .enumerate()
        .map(|(delay, (prediction, target))| {
            let target = target.rows(split.test_rows().start, split.test);
            let r2 = squared_correlation(prediction.iter(), target.iter(), split.test);
            DelayCapacity {
                delay,
                squared_correlation: r2,
                capacity: if r2 > threshold { r2 } else { 0.0 },
            }
        })
        .collect();
    Ok(MemoryCapacity {
        total: delays.iter().map(|delay| delay.capacity).sum(),
        delays,
        threshold,
        features: states.columns(),
    })
}

/// r² of two series of length `n`; 0 if one of them does not vary.
fn squared_correlation<'a>(
    a: impl Iterator<Item = &'a f64> + Clone,
    b: impl Iterator<Item = &'a f64> + Clone,
    n: usize,
) -> f64 {
    let mean = |series: &mut dyn Iterator<Item = &'a f64>| series.sum::<f64>() / n as f64;
    let (a_mean, b_mean) = (mean(&mut a.clone()), mean(&mut b.clone()));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in a.zip(b) {
        let (x, y) = (x - a_mean, y - b_mean);
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    if aa > 0.0 && bb > 0.0 {
        (ab * ab / (aa * bb)).min(1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::{delay_line, leaky_bank, shuffled_in_time};
    use crate::random;
    use rand::RngExt;

    const SPLIT: Split = Split {
        washout: 100,
        train: 2_000,
        test: 1_000,
    };

    fn white(seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 5);
        (0..SPLIT.total()).map(|_| rng.random()).collect()
    }

    #[test]
    fn a_delay_line_has_as_much_memory_as_taps() {
        let input = white(1);
        let line = delay_line(&input, 12).expect("finite");
        let mc = memory_capacity(&line, &input, 60, &SPLIT, &LeftOut::default()).expect("measured");
        for delay in &mc.delays {
            let expected = if delay.delay < 12 { 1.0 } else { 0.0 };
            assert!((delay.capacity - expected).abs() < 0.02, "{delay:?}");
        }
        assert!((mc.total - 12.0).abs() < 0.05, "{}", mc.total);
    }

    #[test]
    fn one_leaky_integrator_has_one_unit_spread_over_its_decay() {
        // x = Σ a (1−a)^k u[t−k]: r²(k) = (1 − q) q^k with q = (1−a)², which adds up to 1.
        let input = white(2);
        let bank = leaky_bank(&input, 1).expect("finite");
        let q = (-1.0f64 / 0.5).exp().powi(2);
        let mc = memory_capacity(&bank, &input, 40, &SPLIT, &LeftOut::default()).expect("measured");
        for k in 0..2 {
            let expected = (1.0 - q) * q.powi(k);
            let found = mc.delays[k as usize].squared_correlation;
            assert!((found - expected).abs() < 0.03, "{k}: {found} {expected}");
        }
        assert!((mc.total - 1.0).abs() < 0.05, "{}", mc.total);
    }

    #[test]
    fn states_at_random_times_remember_nothing() {
        let input = white(3);
        let line = delay_line(&input, 12).expect("finite");
        let shuffled = shuffled_in_time(&line, &SPLIT, 1);
        let mc =
            memory_capacity(&shuffled, &input, 99, &SPLIT, &LeftOut::default()).expect("measured");
        // One of a hundred delays passes by chance, with some 0.01.
        assert!(mc.total < 0.06, "{}", mc.total);
    }

    #[test]
    fn delays_beyond_the_washout_are_refused() {
        let input = white(4);
        let line = delay_line(&input, 2).expect("finite");
        assert!(memory_capacity(&line, &input, 101, &SPLIT, &LeftOut::default()).is_err());
        assert!(memory_capacity(&line, &input[..500], 10, &SPLIT, &LeftOut::default()).is_err());
    }
}
