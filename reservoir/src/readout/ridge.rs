//! Ridge regression: w = argmin (1/T) ‖y − b − X w‖² + λ ‖w‖², with X standardised on the training rows and b not
//! penalised (Hoerl and Kennard, Technometrics 12(1), 1970).
//!
//! [`Ridge`] is the readout of the main experiments: forward chaining chooses λ, so that no choice sees the future,
//! and then all training rows are fitted with it.

use std::ops::Range;

use nalgebra::DMatrix;

use super::linear::{LinearReadout, ReadoutError, check_rows, target_matrix};
use super::moments::{Moments, centred};
use super::path::{RidgePath, check_lambda, time_ordered};
use crate::dense;
use crate::state::{Standardiser, StateMatrix};

/// Penalties that are tried: one per decade, per-sample scale, standardised features. Beyond neither end does a readout
/// change: the least is below the rounding of the eigenvalues, so that the fit is that of least squares, and with the
/// greatest the outputs are the means.
pub const LAMBDAS: [f64; 22] = [
    1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1,
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6,
];

/// A readout of one target at its chosen penalty.
#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    /// The fitted readout, with one output.
    pub readout: LinearReadout,
    /// The penalty of [`LAMBDAS`] that forward chaining chose.
    pub lambda: f64,
}

impl Ridge {
    /// Fits `target[rows]` on `states[rows]`: four Gram matrices, T·N² each, and four tridiagonal forms, 4/3 N³ each,
    /// independent of the number of penalties.
    ///
    /// # Errors
    /// As [`time_ordered`].
    pub fn fit(
        states: &StateMatrix,
        target: &[f64],
        rows: Range<usize>,
    ) -> Result<Ridge, ReadoutError> {
        let targets = target_matrix([target])?;
        let lambda = time_ordered(states, &targets, rows.clone(), &LAMBDAS)?.lambda;
        let readout = RidgePath::new(states, &targets, rows)?.at(lambda)?;
        Ok(Ridge { readout, lambda })
    }
}

/// One ridge fit at penalty `lambda` (per sample, features standardised), by Cholesky on the smaller of the primal
/// and the dual system. For several penalties, [`super::RidgePath`] is cheaper.
///
/// # Errors
/// If there are no rows, a target is not finite, the penalty is not positive and finite, or the system is
/// singular to rounding.
pub fn fit(
    states: &StateMatrix,
    targets: &DMatrix<f64>,
    rows: Range<usize>,
    lambda: f64,
) -> Result<LinearReadout, ReadoutError> {
    check_rows(states, targets, &rows, 1)?;
    check_lambda(lambda)?;
    let penalise = |system: &mut DMatrix<f64>| {
        for i in 0..system.nrows() {
            system[(i, i)] += lambda;
        }
    };
    let unsolvable = || ReadoutError::Unsolvable {
        features: states.columns(),
        reason: format!("the system is singular at penalty {lambda}"),
    };
    let (standardiser, intercepts, weights);
    if states.columns() > rows.len() {
        standardiser = Standardiser::fit(states, rows.clone());
        let x = standardiser.apply(states, rows.clone());
        let (y, means) = centred(targets, rows.clone());
        let count = rows.len() as f64;
        let mut system = dense::outer(&x) / count;
        penalise(&mut system);
        let dual = dense::solve_positive(&system, &(y / count)).ok_or_else(unsolvable)?;
        weights = dense::transposed_product(&x, &dual);
        intercepts = means;
    } else {
        let mut moments = Moments::of(states, targets, rows);
        penalise(&mut moments.gram);
        weights = dense::solve_positive(&moments.gram, &moments.cross).ok_or_else(unsolvable)?;
        standardiser = moments.standardiser;
        intercepts = moments.means;
    }
    Ok(LinearReadout {
        features: states.features().to_vec(),
        standardiser,
        weights,
        intercepts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use crate::state::Feature;
    use nalgebra::DVector;
    use rand::RngExt;

    fn states(rows: usize, columns: usize, seed: u64) -> StateMatrix {
        let mut rng = random::stream(seed, 3);
        let column = |i| {
            let values = (0..rows).map(|_| rng.random::<f64>() - 0.5).collect();
            (Feature::new(format!("x{i}"), "1"), values)
        };
        StateMatrix::from_columns(rows, (0..columns).map(column).collect()).expect("finite")
    }

    #[test]
    fn one_feature_shrinks_by_the_closed_form() {
        // Standardised x, y = 3 x + 2: w = cov(x, y) / (1 + λ) = 3 / (1 + λ), intercept 2.
        let x = states(200, 1, 1);
        let all = Standardiser::fit(&x, 0..200).apply(&x, 0..200);
        let y = (all * 3.0).add_scalar(2.0);
        for lambda in [1e-6, 0.5, 10.0] {
            let fit = fit(&x, &y, 0..200, lambda).expect("solvable");
            assert!((fit.weights[0] - 3.0 / (1.0 + lambda)).abs() < 1e-9);
            assert!((fit.intercepts[0] - 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn without_features_the_readout_is_the_training_mean() {
        let nothing = StateMatrix::from_columns(60, Vec::new()).expect("no columns");
        let target: Vec<f64> = (0..60).map(f64::from).collect();
        let ridge = Ridge::fit(&nothing, &target, 10..60).expect("solvable");
        let predicted = ridge.readout.predict(&nothing, 0..2);
        assert_eq!(predicted.expect("same features").as_slice(), [34.5, 34.5]);
    }

    #[test]
    fn more_features_than_rows_are_fitted() {
        let wide = states(60, 200, 2);
        let target: Vec<f64> = wide.values().column(0).iter().map(|x| 2.0 * x).collect();
        let ridge = Ridge::fit(&wide, &target, 0..60).expect("solvable");
        assert_eq!(ridge.readout.weights.len(), 200);
        let fitted = ridge.readout.predict(&wide, 0..60).expect("same features");
        let error = crate::metrics::nrmse(fitted.as_slice(), &target).expect("defined");
        assert!(error < 0.9, "{error}");
    }

    /// A grid that ends at 1e-9 has an edge: on these states the outputs change by 2e-3 below it.
    #[test]
    fn beyond_the_ends_of_the_grid_nothing_changes() {
        let columns = (0..40).map(|j| {
            let frequency = 0.1 * (1.0 + 0.01 * f64::from(j));
            let values = (0..400).map(|t| (f64::from(t) * frequency).sin()).collect();
            (Feature::new(format!("x{j}"), "1"), values)
        });
        let x = StateMatrix::from_columns(400, columns.collect()).expect("finite");
        let y = DMatrix::from_fn(400, 1, |t, _| {
            (t as f64 * 0.123).sin() + 0.1 * (t as f64).cos()
        });
        let path = RidgePath::new(&x, &y, 0..400).expect("finite");
        let outputs = |lambda| {
            let readout = path.at(lambda).expect("valid");
            readout.predict(&x, 0..400).expect("same features")
        };
        let differ = |a: f64, b: f64| (outputs(a) - outputs(b)).norm() / y.norm();
        let (least, most) = (LAMBDAS[0], LAMBDAS[LAMBDAS.len() - 1]);
        assert!(
            differ(least, least / 1e3) < 1e-3,
            "{}",
            differ(least, least / 1e3)
        );
        assert!(
            differ(most, most * 1e3) < 1e-3,
            "{}",
            differ(most, most * 1e3)
        );
        assert!(differ(1e-9, least) > 1e-3, "{}", differ(1e-9, least));
    }

    #[test]
    fn other_features_are_refused() {
        let ridge = Ridge::fit(&states(50, 2, 5), &[0.5; 50], 0..50).expect("solvable");
        let other = ridge.readout.predict(&states(50, 3, 5), 0..50);
        assert_eq!(
            other.expect_err("a third feature").to_string(),
            "feature 2 of the readout is missing, but that of the states is x2 [1]"
        );
    }

    #[test]
    fn a_noisy_target_takes_a_larger_penalty_than_a_clean_one() {
        let x = states(400, 40, 3);
        let clean: Vec<f64> = x.values().row_iter().map(|row| row.sum()).collect();
        let mut rng = random::stream(4, 3);
        let noisy: Vec<f64> = clean
            .iter()
            .map(|y| 0.01 * y + rng.random::<f64>())
            .collect();
        let lambda = |y: &[f64]| Ridge::fit(&x, y, 0..400).expect("solvable").lambda;
        assert!(lambda(&noisy) > 100.0 * lambda(&clean));
    }

    /// linfa's elastic net with an l1 ratio of 0 minimises ‖y − b − X w‖² / (2T) + λ/2 ‖w‖²: ours, halved.
    /// It takes the mean of y for b, so its columns have to be centred.
    #[test]
    fn another_library_finds_the_same_weights() {
        use linfa::prelude::*;
        let states = states(150, 6, 7);
        let x = Standardiser::fit(&states, 0..150).apply(&states, 0..150);
        let y = states.values().column_sum() + DVector::from_fn(150, |t, _| (t as f64).sin());
        let records = ndarray::Array2::from_shape_fn((150, 6), |(t, i)| x[(t, i)]);
        let targets = ndarray::Array1::from_shape_fn(150, |t| y[t]);
        let dataset = linfa::Dataset::new(records, targets);
        let y = DMatrix::from_column_slice(150, 1, y.as_slice());
        for lambda in [1e-3, 1e-1] {
            let oracle = linfa_elasticnet::ElasticNet::params()
                .penalty(lambda)
                .l1_ratio(0.0)
                .tolerance(1e-12)
                .max_iterations(100_000)
                .fit(&dataset)
                .expect("converges");
            let ours = fit(&states, &y, 0..150, lambda).expect("solvable");
            for (a, b) in ours.weights.iter().zip(oracle.hyperplane()) {
                assert!((a - b).abs() < 1e-5, "{a} {b} at {lambda}");
            }
            assert!((ours.intercepts[0] - oracle.intercept()).abs() < 1e-5);
        }
    }
}
