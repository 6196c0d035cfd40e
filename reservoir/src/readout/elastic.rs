//! Elastic net: ridge with a part of the penalty on absolute values, which leaves features out.
//!
//! ```text
//! w = argmin ‖y − b − X w‖² / (2T) + λ ((1 − ρ)/2 ‖w‖² + ρ ‖w‖₁)
//! ```
//!
//! (Zou and Hastie, J. R. Stat. Soc. B 67(2), 2005), solved by linfa's coordinate descent. linfa takes the mean of y
//! for the intercept without centring X; here X is standardised on the training rows, so that it is right.

use std::ops::Range;

use linfa::prelude::Fit;
use nalgebra::DMatrix;
use ndarray::{Array1, Array2};

use super::linear::{LinearReadout, ReadoutError, check_rows};
use super::moments::centred;
use super::path::check_lambda;
use super::ridge::fit;
use crate::state::{Standardiser, StateMatrix};

/// Fewest training rows.
const LEAST: usize = 5;

/// Passes over the features, at most.
const MOST_PASSES: u32 = 10_000;

/// Tolerance at which the descent stops: largest change of a weight, and gap to the optimum, relative to y.
const TOLERANCE: f64 = 1e-8;

/// Fits each target (T × M) on its own. `l1_ratio` is ρ, in [0, 1]: 0 is ridge at the same λ, 1 the lasso.
///
/// # Errors
/// If there are fewer than five rows, a target is not finite, a parameter is outside of its range, or the
/// descent has not converged after 10,000 passes.
pub fn elastic_net(
    states: &StateMatrix,
    targets: &DMatrix<f64>,
    rows: Range<usize>,
    lambda: f64,
    l1_ratio: f64,
) -> Result<LinearReadout, ReadoutError> {
    check_rows(states, targets, &rows, LEAST)?;
    check_lambda(lambda)?;
    if !(0.0..=1.0).contains(&l1_ratio) {
        return Err(ReadoutError::Parameter {
            parameter: "the share of the absolute penalty",
            value: l1_ratio,
            range: "0 to 1",
        });
    }
    if l1_ratio == 0.0 {
        // The stopping gap is defined by the absolute part of the penalty.
        return fit(states, targets, rows, lambda);
    }
    let standardiser = Standardiser::fit(states, rows.clone());
    let x = standardiser.apply(states, rows.clone());
    let (y, intercepts) = centred(targets, rows);
    let records = Array2::from_shape_fn(x.shape(), |place| x[place]);
    let mut weights = DMatrix::zeros(x.ncols(), y.ncols());
    for (output, (column, mut into)) in y.column_iter().zip(weights.column_iter_mut()).enumerate() {
        // A constant target needs no descent.
        if x.ncols() == 0 || column.iter().all(|value| *value == 0.0) {
            continue;
        }
        let target = Array1::from_iter(column.iter().copied());
        let unsolvable = |reason: String| ReadoutError::Unsolvable {
            features: states.columns(),
            reason,
        };
        let model = linfa_elasticnet::ElasticNet::params()
            .penalty(lambda)
            .l1_ratio(l1_ratio)
            .with_intercept(false)
            .tolerance(TOLERANCE)
            .max_iterations(MOST_PASSES)
            .fit(&linfa::Dataset::new(records.clone(), target))
            .map_err(|error| unsolvable(error.to_string()))?;
        if model.n_steps() >= MOST_PASSES {
            return Err(unsolvable(format!(
                "target {output} has not converged after {MOST_PASSES} passes"
            )));
        }
        for (weight, found) in into.iter_mut().zip(model.hyperplane()) {
            *weight = *found;
        }
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
    use rand::RngExt;

    fn data(seed: u64) -> (StateMatrix, DMatrix<f64>) {
        let mut rng = random::stream(seed, 3);
        let features = (0..6).map(|i| Feature::new(format!("x{i}"), "1")).collect();
        let x = DMatrix::from_fn(200, 6, |_, _| 5.0 + rng.random::<f64>());
        let y = DMatrix::from_fn(200, 2, |t, m| 2.0 * x[(t, m)] + 0.1 * rng.random::<f64>());
        (StateMatrix::from_matrix(features, x).expect("finite"), y)
    }

    #[test]
    fn without_the_absolute_part_it_is_ridge() {
        let (x, y) = data(1);
        let ridge = fit(&x, &y, 0..200, 0.1).expect("solvable");
        let net = |ratio| elastic_net(&x, &y, 0..200, 0.1, ratio).expect("converges");
        assert_eq!(net(0.0), ridge);
        assert!((ridge.weights - net(1e-6).weights).norm() < 1e-4);
        assert_eq!(ridge.intercepts, net(1e-6).intercepts);
    }

    #[test]
    fn the_lasso_shrinks_one_feature_by_the_closed_form() {
        // Standardised x = ±1, y = 3 x: w = 3 − λ, and 0 from λ = 3 on.
        let x =
            StateMatrix::from_columns(20, vec![(Feature::new("x", "1"), [1.0, -1.0].repeat(10))])
                .expect("finite");
        let y = DMatrix::from_column_slice(20, 1, &[3.0, -3.0].repeat(10));
        let weight = |lambda| {
            elastic_net(&x, &y, 0..20, lambda, 1.0)
                .expect("converges")
                .weights[0]
        };
        assert!((weight(0.5) - 2.5).abs() < 1e-6, "{}", weight(0.5));
        assert_eq!(weight(3.5), 0.0);
    }

    #[test]
    fn the_lasso_leaves_out_what_does_not_matter() {
        let (x, y) = data(2);
        let net = elastic_net(&x, &y, 0..200, 0.05, 1.0).expect("converges");
        for (output, column) in net.weights.column_iter().enumerate() {
            let kept: Vec<usize> = (0..6).filter(|&i| column[i] != 0.0).collect();
            assert_eq!(kept, [output]);
        }
        let predicted = net.predict(&x, 0..200).expect("same features");
        assert!((predicted - &y).norm() / y.norm() < 0.02);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let (x, y) = data(3);
        assert!(elastic_net(&x, &y, 0..200, -1.0, 0.5).is_err());
        assert!(elastic_net(&x, &y, 0..200, 1.0, 1.5).is_err());
        assert!(elastic_net(&x, &y, 0..300, 1.0, 0.5).is_err());
        let constant = DMatrix::from_element(200, 1, 7.0);
        let net = elastic_net(&x, &constant, 0..200, 1.0, 0.5).expect("nothing to do");
        assert_eq!(net.intercepts, [7.0]);
        assert!(net.weights.iter().all(|w| *w == 0.0));
    }
}
