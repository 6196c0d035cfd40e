//! Phase-randomised states: every feature keeps its spectrum and every pair its cross-spectrum, but their relation to
//! the input is destroyed.
//!
//! The Fourier phases of all columns are turned by common random angles (Theiler et al., Physica D 58, 1992; common
//! angles for several columns: Prichard and Theiler, Phys. Rev. Lett. 73(7), 1994). Their score shows what
//! autocorrelation and the readout's degrees of freedom contribute alone.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::RngExt;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex64;

use crate::random;
use crate::state::{StateError, StateMatrix};

/// `states` with the phases of `rows` randomised; the rows before and after are unchanged. Column means and
/// variances, autocorrelations and cross-correlations (all circular, over `rows`) stay what they are.
///
/// # Errors
/// If the transform of values near the largest number overflows.
pub fn phase_randomised(
    states: &StateMatrix,
    rows: Range<usize>,
    seed: u64,
) -> Result<StateMatrix, StateError> {
    let length = rows.len();
    let mut values = states.values().clone();
    if length > 1 {
        let mut planner = FftPlanner::new();
        let (forward, back) = (
            planner.plan_fft_forward(length),
            planner.plan_fft_inverse(length),
        );
        let turns = turns(length, seed);
        for mut column in values.column_iter_mut() {
            let mut segment = column.rows_mut(rows.start, length);
            let mut spectrum: Vec<Complex64> =
                segment.iter().map(|v| Complex64::new(*v, 0.0)).collect();
            forward.process(&mut spectrum);
            for (value, turn) in spectrum.iter_mut().zip(&turns) {
                *value *= turn;
            }
            back.process(&mut spectrum);
            for (value, turned) in segment.iter_mut().zip(&spectrum) {
                *value = turned.re / length as f64;
            }
        }
    }
    StateMatrix::from_matrix(states.features().to_vec(), values)
}

/// e^(iφ) per frequency, conjugate for opposite ones, so that the result is real; 1 at zero and at the
/// highest frequency of an even length.
fn turns(length: usize, seed: u64) -> Vec<Complex64> {
    let mut rng = random::stream(seed, 7);
    let mut turns = vec![Complex64::new(1.0, 0.0); length];
    for k in 1..length.div_ceil(2) {
        let turn = Complex64::from_polar(1.0, TAU * rng.random::<f64>());
        turns[k] = turn;
        turns[length - k] = turn.conj();
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::leaky_bank;
    use proptest::prelude::*;

    fn states(rows: usize, seed: u64) -> StateMatrix {
        let mut rng = random::stream(seed, 5);
        let input: Vec<f64> = (0..rows).map(|_| rng.random()).collect();
        leaky_bank(&input, 3).expect("finite")
    }

    /// Σ a[t] b[t + lag], circular.
    fn correlation(a: &[f64], b: &[f64], lag: usize) -> f64 {
        let n = a.len();
        (0..n).map(|t| a[t] * b[(t + lag) % n]).sum()
    }

    proptest! {
        #[test]
        fn all_correlations_stay(rows in 2usize..60, lag in 0usize..60, seed: u64) {
            let before = states(rows, seed);
            let after = phase_randomised(&before, 0..rows, seed).expect("finite");
            let column = |s: &StateMatrix, i: usize| -> Vec<f64> {
                s.values().column(i).iter().copied().collect()
            };
            for (i, j) in [(0, 0), (1, 2), (2, 0)] {
                let was = correlation(&column(&before, i), &column(&before, j), lag % rows);
                let is = correlation(&column(&after, i), &column(&after, j), lag % rows);
                prop_assert!((was - is).abs() < 1e-9 * rows as f64);
            }
            for i in 0..3 {
                let mean = |s: &StateMatrix| s.values().column(i).mean();
                prop_assert!((mean(&before) - mean(&after)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_rows_outside_stay_and_those_inside_change() {
        let before = states(100, 1);
        let after = phase_randomised(&before, 20..80, 1).expect("finite");
        assert_eq!(before.values().rows(0, 20), after.values().rows(0, 20));
        assert_eq!(before.values().rows(80, 20), after.values().rows(80, 20));
        assert!((before.values().rows(20, 60) - after.values().rows(20, 60)).norm() > 0.5);
        assert_eq!(after, phase_randomised(&before, 20..80, 1).expect("finite"));
        assert_ne!(after, phase_randomised(&before, 20..80, 2).expect("finite"));
    }
}
