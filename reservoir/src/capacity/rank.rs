//! In how many directions the states move: because inputs differ (kernel rank, should be large), because of inputs
//! that should be forgotten (generalisation rank, should be small), and apart from noise (driven rank).
//!
//! Kernel and generalisation rank: Legenstein and Maass, Neural Netw. 20(3), 2007. On a real device noise makes
//! every matrix one of full rank: there the driven rank, of two runs of the same input, is the one to use.

use nalgebra::DMatrix;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::CapacityError;
use crate::dense;
use crate::random;
use crate::state::StateMatrix;

/// A rank with the values that were counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// Values above the threshold.
    pub rank: usize,
    /// Singular values, or ratios of signal to noise; falling.
    pub(crate) values: Vec<f64>,
    /// Values above this count.
    pub(crate) threshold: f64,
}

impl Rank {
    fn of(mut values: Vec<f64>, threshold: f64) -> Rank {
        values.sort_by(|a, b| b.total_cmp(a));
        Rank {
            rank: values.iter().filter(|value| **value > threshold).count(),
            values,
            threshold,
        }
    }
}

/// Inputs that have nothing in common: `streams` of `length` steps, uniform on [0, 0.5].
pub fn kernel_inputs(streams: usize, length: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = random::stream(seed, 9);
    let mut stream = || (0..length).map(|_| 0.5 * rng.random::<f64>()).collect();
    (0..streams).map(|_| stream()).collect()
}

/// Inputs that differ long ago and are the same in the last `common` steps.
pub fn generalisation_inputs(
    streams: usize,
    length: usize,
    common: usize,
    seed: u64,
) -> Vec<Vec<f64>> {
    let mut inputs = kernel_inputs(streams, length, seed);
    let same = kernel_inputs(1, length, seed.wrapping_add(1));
    for (input, same) in inputs.iter_mut().zip(same.iter().cycle()) {
        let start = length.saturating_sub(common);
        input[start..].copy_from_slice(&same[start..]);
    }
    inputs
}

/// Rank of the last states of each of `inputs`, which `run` returns for one input: the kernel rank for
/// [`kernel_inputs`], the generalisation rank for [`generalisation_inputs`]. Singular values count above `tolerance`,
/// in the unit of the states; a tolerance relative to the largest would call a reservoir that forgets everything one
/// of full rank, as its states differ by rounding.
///
/// # Errors
/// Errors of `run`, or if its states differ in length.
pub fn rank_over_inputs<E: From<CapacityError>>(
    inputs: &[Vec<f64>],
    tolerance: f64,
    mut run: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Rank, E> {
    let mut last = Vec::with_capacity(inputs.len());
    for input in inputs {
        last.push(run(input)?);
    }
    let columns = last.first().map_or(0, Vec::len);
    if let Some(other) = last.iter().find(|state| state.len() != columns) {
        let what = format!(
            "one run gave a state of {} values, the first a state of {columns}",
            other.len()
        );
        return Err(CapacityError::Request(what).into());
    }
    let mut states = DMatrix::from_fn(last.len(), columns, |i, j| last[i][j]);
    // The common mean is not a difference between inputs.
    for mut column in states.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    Ok(Rank::of(dense::singular_values(&states), tolerance))
}

/// Input-driven rank: directions in which two runs of the same input agree by more than they differ.
/// Counts the generalised eigenvalues of signal against noise covariance above 1; the signal is what the
/// runs share, the noise half the variance of their difference.
///
/// # Errors
/// If the two runs differ in features or in length, or have fewer rows than features.
pub fn driven_rank(first: &StateMatrix, second: &StateMatrix) -> Result<Rank, CapacityError> {
    let (rows, columns) = first.values().shape();
    if first.features() != second.features() || second.rows() != rows || rows <= columns {
        return Err(CapacityError::Request(format!(
            "two runs of {rows} and {} steps: the same features and length are needed, and more steps than \
             features",
            second.rows()
        )));
    }
    let centred = |values: &DMatrix<f64>| {
        let mut values = values.clone();
        for mut column in values.column_iter_mut() {
            let mean = column.mean();
            column.add_scalar_mut(-mean);
        }
        values
    };
    let (a, b) = (centred(first.values()), centred(second.values()));
    let shared = dense::transposed_product(&a, &b);
    let signal = (&shared + shared.transpose()) / 2.0;
    let difference = &a - &b;
    let mut noise = dense::transposed_product(&difference, &difference) / 2.0;
    // Without noise every direction that moves is driven: its floor is rounding.
    let scales: Vec<f64> = (0..columns)
        .map(|i| 1e-12 * (signal[(i, i)].abs() + noise[(i, i)]))
        .collect();
    for (i, floor) in scales.into_iter().enumerate() {
        noise[(i, i)] += floor.max(f64::MIN_POSITIVE);
    }
    let solve = || {
        let lower = nalgebra::Cholesky::new(noise)?.l();
        let half = lower.solve_lower_triangular(&signal)?;
        lower.solve_lower_triangular(&half.transpose())
    };
    let whitened = solve().ok_or_else(|| {
        CapacityError::Request("the noise covariance is not positive definite".to_string())
    })?;
    let (ratios, _) = dense::eigen(&whitened).ok_or_else(|| {
        CapacityError::Request("the ratios of signal to noise do not converge".to_string())
    })?;
    Ok(Rank::of(ratios, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::delay_line;
    use crate::esn::{Esn, EsnConfig};
    use crate::state::Feature;

    fn last_inputs(count: usize) -> impl FnMut(&[f64]) -> Result<Vec<f64>, CapacityError> {
        move |input: &[f64]| Ok(input[input.len() - count..].to_vec())
    }

    #[test]
    fn a_delay_line_separates_as_many_as_it_holds() {
        let inputs = kernel_inputs(30, 50, 1);
        let rank = rank_over_inputs(&inputs, 1e-6, last_inputs(7)).expect("ranked");
        assert_eq!(rank.rank, 7);
        let alike = generalisation_inputs(30, 50, 5, 1);
        let rank = rank_over_inputs(&alike, 1e-6, last_inputs(7)).expect("ranked");
        assert_eq!(rank.rank, 2, "two of the seven lie before the common end");
    }

    #[test]
    fn a_network_separates_more_than_it_fails_to_forget() {
        let esn = Esn::new(EsnConfig {
            spectral_radius: 0.6,
            ..EsnConfig::narma(60, 1)
        })
        .expect("valid");
        let last = |input: &[f64]| -> Result<Vec<f64>, CapacityError> {
            let states = esn.run(input).expect("finite");
            Ok(states
                .values()
                .row(input.len() - 1)
                .iter()
                .copied()
                .collect())
        };
        let rank = |inputs: &[Vec<f64>]| rank_over_inputs(inputs, 1e-6, last).expect("ranked").rank;
        let kernel = rank(&kernel_inputs(60, 100, 2));
        let general = rank(&generalisation_inputs(60, 100, 15, 2));
        assert!(kernel > 2 * general, "{kernel} {general}");
    }

    #[test]
    fn noise_is_not_a_dimension() {
        let mut rng = random::stream(1, 5);
        let input: Vec<f64> = (0..2_000).map(|_| rng.random()).collect();
        let clean = delay_line(&input, 3).expect("finite");
        let mut noisy = || {
            let columns = (0..8)
                .map(|i| {
                    let values = (0..2_000)
                        .map(|t| {
                            let signal = if i < 3 { clean.values()[(t, i)] } else { 0.0 };
                            signal + 0.1 * random::normal(&mut rng)
                        })
                        .collect();
                    (Feature::new(format!("x{i}"), "1"), values)
                })
                .collect();
            StateMatrix::from_columns(2_000, columns).expect("finite")
        };
        let rank = driven_rank(&noisy(), &noisy()).expect("ranked");
        assert_eq!(rank.rank, 3, "{:?}", rank.values);
        // Signal variance 1/12 over noise variance 0.01.
        assert!((rank.values[0] - 8.3).abs() < 2.0, "{:?}", rank.values);
        assert_eq!(driven_rank(&clean, &clean).expect("ranked").rank, 3);
        assert!(driven_rank(&clean, &noisy()).is_err());
    }
}
