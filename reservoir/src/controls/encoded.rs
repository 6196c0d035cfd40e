//! The encoded drive as a control, with as much memory as the host gives the readout of the device.
//!
//! A readout that sees the last k states has a delay line of length k in the host. Its fair control is the
//! encoded drive with the same lags.

use super::delay_line;
use crate::state::{Feature, StateError, StateMatrix};

/// Each column of `states` at each of `lags` steps before; steps before the first are zero. T × (N · lags).
///
/// # Errors
/// None: a valid matrix gives a valid one. The type is that of the checked constructor.
pub fn lagged(states: &StateMatrix, lags: &[usize]) -> Result<StateMatrix, StateError> {
    let rows = states.rows();
    let columns = lags
        .iter()
        .flat_map(|&lag| {
            states
                .features()
                .iter()
                .zip(states.values().column_iter())
                .map(move |(feature, column)| {
                    let past = std::iter::repeat_n(0.0, lag.min(rows));
                    let values = past.chain(column.iter().copied()).take(rows).collect();
                    let name = match lag {
                        0 => feature.name.clone(),
                        _ => format!("{}[t-{lag}]", feature.name),
                    };
                    (Feature::new(name, feature.unit.clone()), values)
                })
        })
        .collect();
    StateMatrix::from_columns(rows, columns)
}

/// Each column less its running mean, an exponential average over `steps` steps that begins with the first value:
/// this removes drift that is much slower. Device and controls are filtered alike. T × N.
///
/// # Errors
/// If the values are so large that a difference overflows.
pub fn high_pass(states: &StateMatrix, steps: f64) -> Result<StateMatrix, StateError> {
    let gain = 1.0 - (-1.0 / steps.max(1e-9)).exp();
    let columns = states
        .features()
        .iter()
        .zip(states.values().column_iter())
        .map(|(feature, column)| {
            let mut mean = column.iter().next().copied().unwrap_or(0.0);
            let values = column
                .iter()
                .map(|value| {
                    let rest = value - mean;
                    mean += gain * rest;
                    rest
                })
                .collect();
            (feature.clone(), values)
        })
        .collect();
    StateMatrix::from_columns(states.rows(), columns)
}

/// A delay line of `taps`, and the products u[t−i] u[t−j] of the declared `pairs`: what the host could
/// multiply itself. With the pair (0, 9) it is the digital twin of a device that multiplies the two inputs of
/// NARMA-10.
///
/// # Errors
/// If the input is not finite.
pub fn delay_line_with_products(
    input: &[f64],
    taps: usize,
    pairs: &[(usize, usize)],
) -> Result<StateMatrix, StateError> {
    let at = |t: usize, delay: usize| if t < delay { 0.0 } else { input[t - delay] };
    let products = pairs
        .iter()
        .map(|&(i, j)| {
            let values = (0..input.len()).map(|t| at(t, i) * at(t, j)).collect();
            (Feature::new(format!("u[t-{i}]u[t-{j}]"), "1"), values)
        })
        .collect();
    delay_line(input, taps)?.beside(&StateMatrix::from_columns(input.len(), products)?)
}

/// The states of an idle unit in place of the driven ones: the rows of `idle` in turn, repeated until there are
/// `rows`. Their score shows what drift of the sensors and the readout's degrees of freedom contribute alone.
///
/// # Errors
/// If `idle` has no rows.
pub fn unit_off(idle: &StateMatrix, rows: usize) -> Result<StateMatrix, StateError> {
    let length = idle.rows();
    if length == 0 {
        return Err(StateError::Degenerate {
            distinct_rows: 0,
            varying: 0,
            features: idle.columns(),
        });
    }
    let columns = idle
        .features()
        .iter()
        .zip(idle.values().column_iter())
        .map(|(feature, column)| {
            let values = column.iter().copied().cycle().take(rows).collect();
            (feature.clone(), values)
        })
        .collect();
    StateMatrix::from_columns(rows, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_of_one_column_are_a_delay_line() {
        let input = [1.0, 2.0, 3.0, 4.0];
        let line = delay_line(&input, 3).expect("finite");
        let now = delay_line(&input, 1).expect("finite");
        let lagged = lagged(&now, &[0, 1, 2]).expect("finite");
        assert_eq!(lagged.values(), line.values());
        assert_eq!(lagged.features()[2].name, "u[t-0][t-2]");
    }

    #[test]
    fn a_high_pass_forgets_a_level_and_keeps_a_jump() {
        let input: Vec<f64> = (0..200).map(|t| if t < 100 { 7.0 } else { 8.0 }).collect();
        let states = delay_line(&input, 1).expect("finite");
        let passed = high_pass(&states, 10.0).expect("finite");
        let at = |t: usize| passed.values()[(t, 0)];
        assert_eq!((at(0), at(99), at(100)), (0.0, 0.0, 1.0));
        assert!((at(110) - (-1.0f64).exp()).abs() < 1e-12);
        assert!(at(199).abs() < 1e-4);
    }

    #[test]
    fn products_by_hand() {
        let states = delay_line_with_products(&[2.0, 3.0, 5.0], 1, &[(0, 1), (2, 0)]);
        let states = states.expect("finite");
        let column = |i: usize| {
            states
                .values()
                .column(i)
                .iter()
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(column(0), [2.0, 3.0, 5.0]);
        assert_eq!(column(1), [0.0, 6.0, 15.0]);
        assert_eq!(column(2), [0.0, 0.0, 10.0]);
    }

    #[test]
    fn an_idle_record_is_repeated_to_the_length_asked_for() {
        let idle = delay_line(&[1.0, 2.0], 1).expect("finite");
        let off = unit_off(&idle, 5).expect("rows");
        assert_eq!(off.values().as_slice(), [1.0, 2.0, 1.0, 2.0, 1.0]);
        let nothing = delay_line(&[], 1).expect("finite");
        assert!(unit_off(&nothing, 5).is_err());
    }
}
