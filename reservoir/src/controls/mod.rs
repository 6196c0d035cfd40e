//! Controls: state matrices made without the device, or from its states with their relation to the input destroyed. A
//! score means something only beside the scores of its controls.

mod echo;
mod encoded;
mod surrogate;

use std::ops::Range;

pub use echo::{EchoTest, EchoVerdict, echo_test, echo_test_with_noise};
pub use encoded::{delay_line_with_products, high_pass, lagged, unit_off};
pub use surrogate::phase_randomised;

use rand::seq::SliceRandom;

use crate::random;
use crate::split::Split;
use crate::state::{Feature, StateError, StateMatrix};

/// No features: the readout is the mean of the training target.
pub fn constant(rows: usize) -> StateMatrix {
    #[expect(clippy::expect_used, reason = "no columns can be ragged or not finite")]
    StateMatrix::from_columns(rows, Vec::new()).expect("no columns")
}

/// The input and its last `taps − 1` values: a linear memory of exactly that length, and no more.
/// Steps before the first are zero.
///
/// # Errors
/// If the input is not finite.
pub fn delay_line(input: &[f64], taps: usize) -> Result<StateMatrix, StateError> {
    let column = |delay: usize| {
        let past = std::iter::repeat_n(0.0, delay.min(input.len()));
        let values = past
            .chain(input.iter().copied())
            .take(input.len())
            .collect();
        (Feature::new(format!("u[t-{delay}]"), "1"), values)
    };
    StateMatrix::from_columns(input.len(), (0..taps).map(column).collect())
}

/// Shortest and longest time constant of a [`leaky_bank`], in steps. Of eleven ranges tried on forty other seeds of
/// NARMA-10 this one scores best with nine integrators (0.540), so the control is as strong as one of its kind can
/// be.
const SHORTEST: f64 = 0.5;
const LONGEST: f64 = 10.0;

/// `count` leaky integrators of the input, `x[t] = (1 − a) x[t−1] + a u[t]` with a = 1 − exp(−1/τ), their time
/// constants τ spaced logarithmically. A thermal device *is* such a bank, so this is its fair control, and the hard
/// one.
///
/// # Errors
/// If the input is not finite.
pub fn leaky_bank(input: &[f64], count: usize) -> Result<StateMatrix, StateError> {
    leaky_bank_over(input, count, &vec![1.0; input.len()])
}

/// A [`leaky_bank`] of steps that lasted `seconds`, in proportion to which each integrator forgets; the time constants
/// are in mean steps.
///
/// # Errors
/// If the input or a length is not finite.
pub(crate) fn leaky_bank_over(
    input: &[f64],
    count: usize,
    seconds: &[f64],
) -> Result<StateMatrix, StateError> {
    let mean = seconds.iter().sum::<f64>() / seconds.len().max(1) as f64;
    let column = |i: usize| {
        let position = i as f64 / (count - 1).max(1) as f64;
        let tau = SHORTEST * (LONGEST / SHORTEST).powf(position);
        let mut state = 0.0;
        let values = input
            .iter()
            .zip(seconds)
            .map(|(u, seconds)| {
                let gain = 1.0 - (-seconds / mean / tau).exp();
                state += gain * (u - state);
                state
            })
            .collect();
        (Feature::new(format!("leaky[{tau:.2}]"), "1"), values)
    };
    StateMatrix::from_columns(input.len(), (0..count).map(column).collect())
}

/// The states with their rows in random order within each segment of `split`: the values are kept, but at the wrong
/// times.
pub fn shuffled_in_time(states: &StateMatrix, split: &Split, seed: u64) -> StateMatrix {
    let mut rng = random::stream(seed, 2);
    let mut order: Vec<usize> = (0..states.rows()).collect();
    for segment in [0..split.washout, split.train_rows(), split.test_rows()] {
        order[segment].shuffle(&mut rng);
    }
    states.rearranged(|row| order[row])
}

/// Steps by which [`shifted_in_time`] moves the states: far beyond any memory, and a prime.
pub(crate) const SHIFT: usize = 577;

/// The states moved on by [`SHIFT`] steps in a circle over `rows`: in their own order, but driven by
/// another part of the input.
pub(crate) fn shifted_in_time(states: &StateMatrix, rows: Range<usize>) -> StateMatrix {
    let length = rows.len().max(1);
    states.rearranged(|row| {
        if rows.contains(&row) {
            rows.start + (row - rows.start + SHIFT) % length
        } else {
            row
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Bootstrap;
    use crate::evaluate::{Score, evaluate};
    use rand::RngExt;

    const SPLIT: Split = Split {
        washout: 50,
        train: 600,
        test: 600,
    };

    fn white(seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 5);
        (0..SPLIT.total())
            .map(|_| rng.random::<f64>() - 0.5)
            .collect()
    }

    fn score(states: &StateMatrix, target: &[f64]) -> Score {
        evaluate(states, target, &SPLIT, &Bootstrap::new(SPLIT.test, 1)).expect("a score")
    }

    #[test]
    fn a_constant_scores_one_on_anything() {
        let value = score(&constant(SPLIT.total()), &white(1)).nrmse.value;
        assert!((value - 1.0).abs() < 0.01, "{value}");
    }

    #[test]
    fn a_delay_line_remembers_its_length_and_no_more() {
        let input = white(2);
        let target: Vec<f64> = (0..input.len())
            .map(|t| if t < 3 { 0.0 } else { input[t - 3] })
            .collect();
        let long = score(&delay_line(&input, 4).expect("finite"), &target);
        let short = score(&delay_line(&input, 3).expect("finite"), &target);
        assert!(long.nrmse.value < 1e-3, "{}", long.nrmse.value);
        assert!(short.nrmse.value > 0.98, "{}", short.nrmse.value);
    }

    #[test]
    fn a_leaky_bank_recovers_a_leaky_integral() {
        let input = white(3);
        let mut state = 0.0;
        let target: Vec<f64> = input
            .iter()
            .map(|u| {
                state += 0.2 * (u - state);
                state
            })
            .collect();
        let value = score(&leaky_bank(&input, 9).expect("finite"), &target)
            .nrmse
            .value;
        assert!(value < 0.01, "{value}");
        // A delay line of as many taps has cut off the tail, 0.8^9 of its standard deviation.
        let line = score(&delay_line(&input, 9).expect("finite"), &target)
            .nrmse
            .value;
        assert!((line - 0.8f64.powi(9)).abs() < 0.03, "{line}");
    }

    #[test]
    fn destroyed_states_know_nothing() {
        let input = white(4);
        let states = delay_line(&input, 5).expect("finite");
        assert!(score(&states, &input).nrmse.value < 1e-3);
        let shuffled = shuffled_in_time(&states, &SPLIT, 1);
        assert!(score(&shuffled, &input).nrmse.value > 0.97);
        let shifted = shifted_in_time(&states, SPLIT.washout..SPLIT.total());
        assert!(score(&shifted, &input).nrmse.value > 0.97);
    }

    #[test]
    fn shuffling_keeps_the_rows_of_each_segment() {
        let input = white(5);
        let states = delay_line(&input, 1).expect("finite");
        let shuffled = shuffled_in_time(&states, &SPLIT, 1);
        let sorted = |m: &StateMatrix, rows: Range<usize>| {
            let mut values: Vec<f64> = m
                .values()
                .rows(rows.start, rows.len())
                .iter()
                .copied()
                .collect();
            values.sort_by(f64::total_cmp);
            values
        };
        for rows in [SPLIT.train_rows(), SPLIT.test_rows()] {
            assert_eq!(sorted(&states, rows.clone()), sorted(&shuffled, rows));
        }
        assert_ne!(states, shuffled);
    }
}
