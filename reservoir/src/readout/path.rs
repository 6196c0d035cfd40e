//! Ridge regression at every penalty from one factorisation.
//!
//! ```text
//! w(λ) = argmin (1/T) ‖y − b − X w‖² + λ ‖w‖²
//! ```
//!
//! with X standardised on the training rows and b not penalised. XᵀX/T is reduced to a tridiagonal matrix once; then
//! the weights for a penalty cost N², and its generalised cross-validation N. Where the features may fit every row,
//! XXᵀ/T is used instead of XᵀX/T. Penalties below rounding, some 1e-15 of the largest eigenvalue, are raised to it.

use std::ops::Range;

use nalgebra::DMatrix;

use super::linear::{LinearReadout, ReadoutError, check_rows};
use super::moments::{Moments, centred};
use crate::dense;
use crate::state::{Feature, Standardiser, StateMatrix};
use crate::tridiagonal::Tridiagonal;

/// Blocks of time that cross-validation cuts the training rows into; each after the second is predicted
/// from all before it: with fewer, the shortest fit would be on a fifth of the data and favour too large a penalty.
const BLOCKS: usize = 5;
const FIRST_PREDICTED: usize = 2;

/// Fewest training rows.
const LEAST: usize = 5;

/// Training data, factorised: ready for any penalty.
#[derive(Debug, Clone)]
pub struct RidgePath {
    features: Vec<Feature>,
    standardiser: Standardiser,
    intercepts: Vec<f64>,
    rows: usize,
    /// Tridiagonal form of XᵀX/T, or of XXᵀ/T + `mean` 11ᵀ/T with T − 1 features or more; K × K.
    system: Tridiagonal,
    /// Eigenvalue that stands in the second form for the zero of the mean, which centring took from the rows: beside
    /// penalties near zero, that zero would be rounding.
    mean: f64,
    /// Right-hand side in the coordinates of the system: Xᵀy/T, or y/T; K × M.
    right: DMatrix<f64>,
    /// X itself, if the system is XXᵀ/T.
    wide: Option<DMatrix<f64>>,
    /// Variance of each target, M.
    variance: Vec<f64>,
}

/// A chosen penalty, with the criterion of the choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The best penalty of those tried.
    pub lambda: f64,
    /// The criterion at each penalty tried, in the order given: a mean squared error, summed over the
    /// outputs in units of each one's variance.
    pub(crate) criterion: Vec<f64>,
}

impl RidgePath {
    /// Factorises `rows` of `states` and `targets` (T × M).
    ///
    /// # Errors
    /// If there are fewer than five rows, a target is not finite, or a row does not exist.
    pub fn new(
        states: &StateMatrix,
        targets: &DMatrix<f64>,
        rows: Range<usize>,
    ) -> Result<RidgePath, ReadoutError> {
        check_rows(states, targets, &rows, LEAST)?;
        let count = rows.len() as f64;
        let features = states.features().to_vec();
        if states.columns() + 1 < rows.len() {
            let moments = Moments::of(states, targets, rows.clone());
            let system = Tridiagonal::of(&moments.gram);
            return Ok(RidgePath {
                features,
                standardiser: moments.standardiser,
                intercepts: moments.means,
                rows: rows.len(),
                right: system.multiply_qt(&moments.cross),
                system,
                mean: 0.0,
                wide: None,
                variance: moments.variance,
            });
        }
        let standardiser = Standardiser::fit(states, rows.clone());
        let x = standardiser.apply(states, rows.clone());
        let (y, intercepts) = centred(targets, rows.clone());
        let mut outer = dense::outer(&x) / count;
        let mean = outer.trace() / count;
        outer.add_scalar_mut(mean / count);
        let system = Tridiagonal::of(&outer);
        Ok(RidgePath {
            features,
            standardiser,
            intercepts,
            rows: rows.len(),
            right: system.multiply_qt(&y) / count,
            system,
            mean,
            wide: Some(x),
            variance: variances(&y),
        })
    }

    /// The readout at penalty `lambda`.
    ///
    /// # Errors
    /// If `lambda` is not positive and finite.
    pub fn at(&self, lambda: f64) -> Result<LinearReadout, ReadoutError> {
        self.at_each(&vec![lambda; self.intercepts.len()])
    }

    /// The readouts at several penalties, cheaper together than one at a time.
    ///
    /// # Errors
    /// If a penalty is not positive and finite.
    pub fn at_all(&self, lambdas: &[f64]) -> Result<Vec<LinearReadout>, ReadoutError> {
        for lambda in lambdas {
            check_lambda(*lambda)?;
        }
        let outputs = self.intercepts.len();
        let weights = self.weights_at(lambdas);
        let readout = |i: usize| self.readout(weights.columns(i * outputs, outputs).into_owned());
        Ok((0..lambdas.len()).map(readout).collect())
    }

    /// Part of the rows that is left at `lambda`: 1 − (p + 1) / T, where p = Σ d/(d + λ) over the eigenvalues d is the
    /// effective number of parameters, without the intercept. Summed as Σ λ/(d + λ), which does not cancel where next
    /// to nothing is left.
    fn left(&self, lambda: f64) -> f64 {
        let lambda = self.system.effective(lambda);
        let kept = lambda * self.system.inverse_trace(lambda);
        let left = match &self.wide {
            Some(_) => kept - lambda / (self.mean + lambda),
            None => kept + (self.rows - 1 - self.right.nrows()) as f64,
        };
        left / self.rows as f64
    }

    /// Mean squared error of each output on the training rows.
    pub(crate) fn training_error(&self, lambda: f64) -> Vec<f64> {
        let solved = self.system.solve(lambda, &self.right);
        if self.wide.is_some() {
            // y − Xw = λ T α for w = Xᵀα.
            let scale = self.system.effective(lambda).powi(2) * self.rows as f64;
            return solved
                .column_iter()
                .map(|c| scale * c.norm_squared())
                .collect();
        }
        let image = self.system.product(&solved);
        let columns = solved.column_iter().zip(image.column_iter());
        columns
            .zip(self.right.column_iter())
            .zip(&self.variance)
            .map(|(((solved, image), right), variance)| {
                // The error of a perfect fit is rounding, of either sign.
                (variance - 2.0 * solved.dot(&right) + solved.dot(&image)).max(0.0)
            })
            .collect()
    }

    /// Chooses among `lambdas` by generalised cross-validation (Golub, Heath and Wahba, Technometrics 21(2), 1979):
    /// training error / (1 − (effective parameters + 1) / T)². It assumes independent errors, which those of a time
    /// series are not; [`time_ordered`] does not assume that.
    ///
    /// # Errors
    /// If a penalty is not positive and finite, or there is none.
    pub fn generalised(&self, lambdas: &[f64]) -> Result<Choice, ReadoutError> {
        let criterion = lambdas.iter().map(|&lambda| {
            check_lambda(lambda)?;
            let left = self.left(lambda);
            let error: f64 = relative(&self.training_error(lambda), &self.variance);
            Ok(if left > 0.0 {
                error / (left * left)
            } else {
                f64::INFINITY
            })
        });
        choose(lambdas, criterion.collect::<Result<_, ReadoutError>>()?)
    }

    /// Chooses as [`RidgePath::generalised`] does, for each output on its own.
    ///
    /// # Errors
    /// As [`RidgePath::generalised`].
    pub(crate) fn generalised_each(&self, lambdas: &[f64]) -> Result<Vec<f64>, ReadoutError> {
        self.generalised(lambdas)?;
        let mut best = vec![(f64::INFINITY, lambdas[0]); self.variance.len()];
        for &lambda in lambdas {
            let left = self.left(lambda);
            for (best, error) in best.iter_mut().zip(self.training_error(lambda)) {
                let criterion = error / (left * left);
                if left > 0.0 && criterion < best.0 {
                    *best = (criterion, lambda);
                }
            }
        }
        Ok(best.into_iter().map(|(_, lambda)| lambda).collect())
    }

    /// The readout whose output m has penalty `lambdas[m]`.
    ///
    /// # Errors
    /// If the number of penalties is not M, or one is not positive and finite.
    pub(crate) fn at_each(&self, lambdas: &[f64]) -> Result<LinearReadout, ReadoutError> {
        if lambdas.len() != self.intercepts.len() {
            return Err(ReadoutError::Parameter {
                parameter: "the number of penalties",
                value: lambdas.len() as f64,
                range: "that of the outputs",
            });
        }
        for lambda in lambdas {
            check_lambda(*lambda)?;
        }
        let mut solved = DMatrix::zeros(self.right.nrows(), lambdas.len());
        for (output, lambda) in lambdas.iter().enumerate() {
            let right = self.right.columns(output, 1).into_owned();
            solved.set_column(output, &self.system.solve(*lambda, &right).column(0));
        }
        Ok(self.readout(self.weights(&solved)))
    }

    fn readout(&self, weights: DMatrix<f64>) -> LinearReadout {
        LinearReadout {
            features: self.features.clone(),
            standardiser: self.standardiser.clone(),
            weights,
            intercepts: self.intercepts.clone(),
        }
    }

    /// Weights of the features, from a solution in the coordinates of the system.
    fn weights(&self, solved: &DMatrix<f64>) -> DMatrix<f64> {
        let rotated = self.system.multiply_q(solved);
        match &self.wide {
            Some(x) => dense::transposed_product(x, &rotated),
            None => rotated,
        }
    }

    /// Weights at all `lambdas` side by side: N × (M · lambdas).
    fn weights_at(&self, lambdas: &[f64]) -> DMatrix<f64> {
        let outputs = self.intercepts.len();
        let mut solved = DMatrix::zeros(self.right.nrows(), outputs * lambdas.len());
        for (place, lambda) in lambdas.iter().enumerate() {
            let at = self.system.solve(*lambda, &self.right);
            solved.columns_mut(place * outputs, outputs).copy_from(&at);
        }
        self.weights(&solved)
    }
}

fn variances(centred: &DMatrix<f64>) -> Vec<f64> {
    let count = centred.nrows() as f64;
    centred
        .column_iter()
        .map(|column| column.norm_squared() / count)
        .collect()
}

/// Chooses among `lambdas` by forward chaining over `rows`: no choice sees the future. It costs one factorisation for
/// each of the three predicted blocks, independent of the number of penalties.
///
/// # Errors
/// If there are fewer than 25 rows; otherwise as [`RidgePath::new`] and [`RidgePath::generalised`].
pub fn time_ordered(
    states: &StateMatrix,
    targets: &DMatrix<f64>,
    rows: Range<usize>,
    lambdas: &[f64],
) -> Result<Choice, ReadoutError> {
    check_rows(states, targets, &rows, BLOCKS * LEAST)?;
    for lambda in lambdas {
        check_lambda(*lambda)?;
    }
    let bound = |block: usize| rows.start + block * rows.len() / BLOCKS;
    let mut criterion = vec![0.0; lambdas.len()];
    let variance = variances(&centred(targets, rows.clone()).0);
    let predicted = (rows.end - bound(FIRST_PREDICTED)) as f64;
    for block in FIRST_PREDICTED..BLOCKS {
        let past = RidgePath::new(states, targets, rows.start..bound(block))?;
        let next = bound(block)..bound(block + 1);
        let x = past.standardiser.apply(states, next.clone());
        let predictions = dense::product(&x, &past.weights_at(lambdas));
        let outputs = targets.ncols();
        for (place, prediction) in predictions.column_iter().enumerate() {
            let output = place % outputs;
            let actual = targets.column(output);
            let error: f64 = prediction
                .iter()
                .zip(actual.rows(next.start, next.len()).iter())
                .map(|(p, y)| (p + past.intercepts[output] - y).powi(2))
                .sum();
            criterion[place / outputs] += relative(&[error / predicted], &[variance[output]]);
        }
    }
    choose(lambdas, criterion)
}

/// Σ error / variance; a target that does not vary counts by its error.
fn relative(errors: &[f64], variances: &[f64]) -> f64 {
    let scaled = errors.iter().zip(variances).map(|(error, variance)| {
        if *variance > 0.0 {
            error / variance
        } else {
            *error
        }
    });
    scaled.sum()
}

fn choose(lambdas: &[f64], criterion: Vec<f64>) -> Result<Choice, ReadoutError> {
    let best = lambdas
        .iter()
        .zip(&criterion)
        .min_by(|a, b| a.1.total_cmp(b.1));
    let (lambda, _) = best.ok_or(ReadoutError::Parameter {
        parameter: "the number of penalties",
        value: 0.0,
        range: "at least 1",
    })?;
    Ok(Choice {
        lambda: *lambda,
        criterion,
    })
}

pub(super) fn check_lambda(lambda: f64) -> Result<(), ReadoutError> {
    if lambda.is_finite() && lambda > 0.0 {
        return Ok(());
    }
    Err(ReadoutError::Parameter {
        parameter: "the penalty",
        value: lambda,
        range: "positive and finite",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use crate::readout::{LAMBDAS, fit};
    use proptest::prelude::*;
    use rand::RngExt;

    fn data(rows: usize, columns: usize, seed: u64) -> (StateMatrix, DMatrix<f64>) {
        let mut rng = random::stream(seed, 3);
        let features = (0..columns)
            .map(|i| Feature::new(format!("x{i}"), "1"))
            .collect();
        let x = DMatrix::from_fn(rows, columns, |_, _| 3.0 + rng.random::<f64>());
        let sums = DMatrix::from_fn(rows, 2, |t, output| {
            let noise: f64 = rng.random();
            x.row(t).iter().skip(output).sum::<f64>() + 0.2 * noise
        });
        (StateMatrix::from_matrix(features, x).expect("finite"), sums)
    }

    proptest! {
        #[test]
        fn the_path_agrees_with_single_fits(
            rows in 5usize..40, columns in 1usize..40, seed: u64, exponent in -3i32..3,
        ) {
            let (x, y) = data(rows, columns, seed);
            let lambda = 10f64.powi(exponent);
            let path = RidgePath::new(&x, &y, 0..rows).expect("finite").at(lambda).expect("valid");
            let single = fit(&x, &y, 0..rows, lambda).expect("solvable");
            let scale = single.weights.norm().max(1.0);
            prop_assert!((&path.weights - &single.weights).norm() < 1e-10 * scale);
            prop_assert_eq!(path.intercepts, single.intercepts);
        }

        #[test]
        fn the_training_error_is_that_of_the_predictions(
            rows in 5usize..40, columns in 1usize..40, seed: u64, exponent in -3i32..3,
        ) {
            let (x, y) = data(rows, columns, seed);
            let lambda = 10f64.powi(exponent);
            let path = RidgePath::new(&x, &y, 0..rows).expect("finite");
            let fitted = path.at(lambda).expect("valid").predict(&x, 0..rows).expect("same");
            for (output, error) in path.training_error(lambda).iter().enumerate() {
                let direct = (fitted.column(output) - y.column(output)).norm_squared() / rows as f64;
                prop_assert!((direct - error).abs() < 1e-9 * path.variance[output].max(1.0));
            }
        }
    }

    #[test]
    fn one_feature_by_hand() {
        // Standardised x = ±1, y = 3 x: w = 3/(1 + λ), one degree of freedom 1/(1 + λ).
        let x = StateMatrix::from_columns(8, vec![(Feature::new("x", "1"), [1.0, -1.0].repeat(4))])
            .expect("finite");
        let y = DMatrix::from_column_slice(8, 1, &[3.0, -3.0].repeat(4));
        let path = RidgePath::new(&x, &y, 0..8).expect("finite");
        assert!((path.at(0.5).expect("valid").weights[0] - 2.0).abs() < 1e-12);
        assert!((path.left(0.5) - (1.0 - (2.0 / 3.0 + 1.0) / 8.0)).abs() < 1e-12);
        assert!((path.training_error(0.5)[0] - 1.0).abs() < 1e-12);
        // GCV relative to the variance of 9: (1/9) / (1 − (2/3 + 1)/8)².
        let gcv = path.generalised(&[0.5]).expect("valid").criterion[0];
        let free: f64 = 1.0 - (2.0 / 3.0 + 1.0) / 8.0;
        assert!((gcv - 1.0 / 9.0 / (free * free)).abs() < 1e-12);
    }

    /// With as many features as rows, all but nothing is left at a small penalty: as 1 − p/T it was rounding. Here each term is computed from the singular values of X.
    #[test]
    fn the_criterion_holds_where_the_features_fit_every_row() {
        for (rows, columns) in [(30, 28), (30, 29), (30, 30), (30, 60), (100, 300)] {
            let (x, y) = data(rows, columns, 5);
            let path = RidgePath::new(&x, &y, 0..rows).expect("finite");
            let standard = Standardiser::fit(&x, 0..rows).apply(&x, 0..rows);
            let svd = standard.svd(true, false);
            let u = svd.u.expect("asked for");
            let (centred, _) = centred(&y, 0..rows);
            let count = rows as f64;
            for lambda in [1e-12, 1e-9, 1e-6, 1e-3, 1.0] {
                // Without the direction of the mean, of which X has nothing.
                let of_rank = (0..columns.min(rows - 1)).map(|i| {
                    let d = svd.singular_values[i].powi(2) / count;
                    (lambda / (d + lambda), u.column(i))
                });
                let (mut left, mut error) = ((rows - 1) as f64 - columns.min(rows - 1) as f64, 0.0);
                let mut rest = centred.clone();
                for (kept, direction) in of_rank {
                    left += kept;
                    for (output, mut rest) in rest.column_iter_mut().enumerate() {
                        let along = direction.dot(&rest);
                        rest.axpy(-along, &direction, 1.0);
                        error += (kept * along).powi(2) / (count * path.variance[output]);
                    }
                }
                if columns < rows - 1 {
                    error += relative(&variances(&rest), &path.variance);
                }
                let expected = error / (left / count).powi(2);
                let found = path.generalised(&[lambda]).expect("valid").criterion[0];
                let off = found / expected - 1.0;
                // Eigenvalues of XXᵀ/T are known to 1e-15 of the largest.
                let tolerance = 1e-6 + 1e-12 * columns as f64 / lambda;
                assert!(
                    off.abs() < tolerance,
                    "{rows} × {columns} at {lambda}: {off}"
                );
            }
        }
    }

    #[test]
    fn both_choices_find_a_small_penalty_for_clean_data_and_a_large_one_for_noise() {
        let (x, clean) = data(400, 40, 1);
        let mut rng = random::stream(2, 3);
        let noise = clean.map(|_| rng.random::<f64>());
        let path = |y: &DMatrix<f64>| RidgePath::new(&x, y, 0..400).expect("finite");
        let gcv = |y: &DMatrix<f64>| path(y).generalised(&LAMBDAS).expect("valid").lambda;
        let cv = |y: &DMatrix<f64>| {
            let choice = time_ordered(&x, y, 0..400, &LAMBDAS).expect("valid");
            assert_eq!(choice.criterion.len(), LAMBDAS.len());
            choice.lambda
        };
        assert!(gcv(&noise) > 50.0 * gcv(&clean));
        assert!(cv(&noise) > 50.0 * cv(&clean));
    }

    #[test]
    fn time_order_agrees_with_fits_done_by_hand() {
        let (x, y) = data(100, 6, 3);
        let choice = time_ordered(&x, &y, 0..100, &[0.1]).expect("valid");
        let (centred, _) = centred(&y, 0..100);
        let mut expected = 0.0;
        for block in 2..5 {
            let past = fit(&x, &y, 0..20 * block, 0.1).expect("solvable");
            let next = 20 * block..20 * block + 20;
            let predicted = past.predict(&x, next.clone()).expect("same features");
            for output in 0..2 {
                let error = (predicted.column(output) - y.column(output).rows(next.start, 20))
                    .norm_squared();
                expected += error / 60.0 / (centred.column(output).norm_squared() / 100.0);
            }
        }
        assert!((choice.criterion[0] - expected).abs() < 1e-10);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let (x, mut y) = data(30, 3, 4);
        assert!(RidgePath::new(&x, &y, 0..31).is_err());
        assert!(RidgePath::new(&x, &y, 0..4).is_err());
        let path = RidgePath::new(&x, &y, 0..30).expect("finite");
        assert!(path.at(0.0).is_err() && path.at(f64::NAN).is_err());
        assert!(path.generalised(&[]).is_err());
        y[(7, 1)] = f64::NAN;
        let error = RidgePath::new(&x, &y, 0..30).expect_err("not finite");
        assert_eq!(error.to_string(), "target 1 is NaN at step 7");
    }

    #[test]
    fn without_features_the_path_gives_the_mean() {
        let x = StateMatrix::from_columns(10, Vec::new()).expect("no columns");
        let y = DMatrix::from_fn(10, 1, |t, _| t as f64);
        let readout = RidgePath::new(&x, &y, 0..10).expect("finite").at(1.0);
        let predicted = readout.expect("valid").predict(&x, 0..2).expect("same");
        assert_eq!(predicted.as_slice(), [4.5, 4.5]);
    }
}
