//! Elastic net: ridge with a part of the penalty on absolute values, which leaves features out.
//!
//! ```text
//! w = argmin ‖y − b − X w‖² / (2T) + λ ((1 − ρ)/2 ‖w‖² + ρ ‖w‖₁)
//! ```
//!
//! (Zou and Hastie, J. R. Stat. Soc. B 67(2), 2005), X standardised on the training rows. [`super::descent`] solves it.

use std::ops::Range;

use nalgebra::DMatrix;

use super::descent::Problem;
use super::linear::{LinearReadout, ReadoutError, check_rows};
use super::moments::Moments;
use super::path::check_lambda;
use super::ridge::fit;
use crate::state::StateMatrix;

/// Fewest training rows.
const LEAST: usize = 5;

/// Fits each target (T × M) on its own. `l1_ratio` is ρ, in [0, 1]: 0 is ridge at the same λ, 1 the lasso.
///
/// # Errors
/// If there are fewer than five rows, a target is not finite, a parameter is outside of its range, or the
/// descent does not come near enough to the optimum.
pub fn elastic_net(
    states: &StateMatrix,
    targets: &DMatrix<f64>,
    rows: Range<usize>,
    lambda: f64,
    l1_ratio: f64,
) -> Result<LinearReadout, ReadoutError> {
    let mut readouts = elastic_path(states, targets, rows, &[lambda], l1_ratio)?;
    // A readout per penalty.
    Ok(readouts.remove(0))
}

/// Fits at each of `lambdas`, in their order, as [`elastic_net`] does. From the largest to the smallest penalty, each
/// solution is the beginning of the next; all share one XᵀX.
///
/// # Errors
/// As [`elastic_net`].
pub fn elastic_path(
    states: &StateMatrix,
    targets: &DMatrix<f64>,
    rows: Range<usize>,
    lambdas: &[f64],
    l1_ratio: f64,
) -> Result<Vec<LinearReadout>, ReadoutError> {
    check_rows(states, targets, &rows, LEAST)?;
    for lambda in lambdas {
        check_lambda(*lambda)?;
    }
    if !(0.0..=1.0).contains(&l1_ratio) {
        return Err(ReadoutError::Parameter {
            parameter: "the share of the absolute penalty",
            value: l1_ratio,
            range: "0 to 1",
        });
    }
    if l1_ratio == 0.0 {
        // The stopping gap is defined by the absolute part of the penalty.
        let ridge = |lambda: &f64| fit(states, targets, rows.clone(), *lambda);
        return lambdas.iter().map(ridge).collect();
    }
    let mut moments = Moments::of(states, targets, rows);
    moments.gram.fill_upper_triangle_with_lower_triangle();
    let mut falling: Vec<usize> = (0..lambdas.len()).collect();
    falling.sort_by(|a, b| lambdas[*b].total_cmp(&lambdas[*a]));
    let mut weights = vec![DMatrix::zeros(states.columns(), targets.ncols()); lambdas.len()];
    for (output, cross) in moments.cross.column_iter().enumerate() {
        let mut found = vec![0.0; states.columns()];
        for place in &falling {
            let problem = Problem {
                gram: &moments.gram,
                cross: cross.as_slice(),
                power: moments.variance[output],
                absolute: lambdas[*place] * l1_ratio,
                square: lambdas[*place] * (1.0 - l1_ratio),
            };
            found = problem.solve(found).map_err(|gap| ReadoutError::Unsolvable {
                features: states.columns(),
                reason: format!(
                    "at penalty {}, target {output} is {gap:.1e} of its variance from the optimum, or more",
                    lambdas[*place]
                ),
            })?;
            weights[*place].column_mut(output).copy_from_slice(&found);
        }
    }
    let readout = |weights| LinearReadout {
        features: states.features().to_vec(),
        standardiser: moments.standardiser.clone(),
        weights,
        intercepts: moments.means.clone(),
    };
    Ok(weights.into_iter().map(readout).collect())
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

    /// Eight sines of nearly one frequency, condition 1e9. scikit-learn 1.9 solves the lasso at its own tolerance in 2,583
    /// passes; at the tolerance of 1e-8 that was used here, 10,000 passes are not enough for it. Its weights after some
    /// 900,000 passes:
    ///
    /// ```text
    /// t = np.arange(60)
    /// X = np.column_stack([np.sin(0.1*t*(1 + 0.02*j)) + 0.05*np.cos(1.7*t + j) for j in range(8)])
    /// y = np.sin(0.11*t) + 0.3*np.cos(0.9*t) + 0.5
    /// ElasticNet(alpha=lam, l1_ratio=rho, tol=1e-14, max_iter=3_000_000).fit((X - X.mean(0))/X.std(0), y).coef_
    /// ```
    #[test]
    fn features_that_are_nearly_alike_are_solved_as_by_scikit_learn() {
        let columns = (0..8).map(|j| {
            let j = f64::from(j);
            let at = |t: f64| (0.1 * t * (1.0 + 0.02 * j)).sin() + 0.05 * (1.7 * t + j).cos();
            let values = (0..60).map(|t| at(f64::from(t))).collect();
            (Feature::new(format!("x{j}"), "1"), values)
        });
        let x = StateMatrix::from_columns(60, columns.collect()).expect("finite");
        let y = DMatrix::from_fn(60, 1, |t, _| {
            let t = t as f64;
            (0.11 * t).sin() + 0.3 * (0.9 * t).cos() + 0.5
        });
        let lasso = elastic_path(&x, &y, 0..60, &[1e-6, 1e-4], 1.0).expect("converges");
        let net = elastic_net(&x, &y, 0..60, 1e-6, 0.5).expect("converges");
        let near = |readout: &LinearReadout, expected: [f64; 8], tolerance: f64| {
            let found = readout.weights.as_slice();
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < tolerance, "{found:?} {expected:?}");
            }
        };
        near(
            &lasso[1],
            [
                0.0,
                0.0,
                0.055462732069,
                0.0,
                0.26230721605,
                0.183968555341,
                0.0,
                0.19148615498,
            ],
            1e-5,
        );
        near(
            &lasso[0],
            [
                -0.016359778363,
                0.054278995547,
                0.0,
                0.0,
                0.309270336716,
                0.14699541556,
                0.0,
                0.199249790041,
            ],
            1e-5,
        );
        near(
            &net,
            [
                -0.030480870944,
                0.070010106591,
                0.0,
                0.0,
                0.299102419937,
                0.162842061856,
                0.0,
                0.191631828903,
            ],
            1e-5,
        );
    }

    #[test]
    fn more_features_than_rows_are_solved() {
        let mut rng = random::stream(7, 3);
        let features = (0..90)
            .map(|i| Feature::new(format!("x{i}"), "1"))
            .collect();
        // Pairs of equal features: the weights are not unique, the predictions are.
        let half = DMatrix::from_fn(40, 45, |_, _| rng.random::<f64>());
        let x = DMatrix::from_fn(40, 90, |t, i| half[(t, i / 2)]);
        let y = DMatrix::from_fn(40, 1, |t, _| x[(t, 0)] - 2.0 * x[(t, 4)]);
        let x = StateMatrix::from_matrix(features, x).expect("finite");
        for lambda in [1e-8, 1e-4, 1e-1] {
            let net = elastic_net(&x, &y, 0..40, lambda, 1.0).expect("converges");
            let error = (net.predict(&x, 0..40).expect("same features") - &y).norm();
            assert!(error < 40.0 * lambda.sqrt(), "{error} at {lambda}");
        }
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
