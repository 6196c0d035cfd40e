//! Ridge regression: w = argmin (1/T) ‖y − b − X w‖² + λ ‖w‖², with X standardised and b not penalised.
//!
//! Two steps. *Accumulate*: the Gram matrix, the cross products and the sums of a block of rows, which
//! add up over blocks. *Solve*: Cholesky on the smaller of the primal system (XᵀX/T + λI, N × N) and the
//! dual (XXᵀ/T + λI, T × T). Accumulating costs T·N²; each λ then costs N³/3, whatever T.
//!
//! λ is chosen by forward chaining, so that no choice ever sees the future: the training rows are cut
//! into five blocks, and each of the last three is predicted from all blocks before it. Then all
//! training rows are fitted with that λ.

use std::ops::Range;

use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::state::{Feature, Standardiser, StateMatrix};

/// Penalties that are tried: one a decade, per-sample scale, standardised features.
pub const LAMBDAS: [f64; 13] = [
    1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3,
];

/// Blocks that the training rows are cut into, and the first that is predicted from those before it:
/// with fewer, the shortest fit would be on a fifth of the data and favour too large a penalty.
const BLOCKS: usize = 5;
const FIRST_PREDICTED: usize = 2;

/// A fitted readout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ridge {
    /// Columns that it was trained on, in order.
    pub features: Vec<Feature>,
    /// Their centring and scaling.
    pub standardiser: Standardiser,
    /// Weights of the standardised features.
    pub weights: Vec<f64>,
    /// Mean of the training target.
    pub intercept: f64,
    /// Penalty that was chosen.
    pub lambda: f64,
    /// Mean squared error of forward chaining at each of [`LAMBDAS`]; infinite where the system could
    /// not be solved.
    pub validation: Vec<f64>,
}

/// A readout that cannot be fitted or applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RidgeError {
    /// Rows and targets differ in number, or there are too few rows to choose a penalty.
    #[error("{rows} rows and {targets} targets: as many of each are needed, and at least 5")]
    Length {
        /// Rows trained on.
        rows: usize,
        /// Targets.
        targets: usize,
    },
    /// No penalty gives a system that can be solved.
    #[error(
        "the ridge system of {features} features cannot be solved at any penalty up to {largest}"
    )]
    Unsolvable {
        /// Columns.
        features: usize,
        /// Largest penalty tried.
        largest: f64,
    },
    /// The states are not those that the readout was trained on.
    #[error(
        "the readout was trained on other features: {expected} is expected where there is {found}"
    )]
    OtherFeatures {
        /// Name in training.
        expected: String,
        /// Name now.
        found: String,
    },
}

impl Ridge {
    /// Fits `target[rows]` on `states[rows]`, with λ by forward chaining.
    ///
    /// # Errors
    /// If there are too few rows, or no λ can be solved.
    pub fn fit(
        states: &StateMatrix,
        target: &[f64],
        rows: Range<usize>,
    ) -> Result<Ridge, RidgeError> {
        if rows.end > states.rows() || rows.end > target.len() || rows.len() < BLOCKS {
            return Err(RidgeError::Length {
                rows: states.rows().min(rows.end).saturating_sub(rows.start),
                targets: target.len(),
            });
        }
        let standardiser = Standardiser::fit(states, rows.clone());
        let x = standardiser.apply(states, rows.clone());
        let y = DVector::from_column_slice(&target[rows]);
        let (validation, moments) = forward_chaining(&x, &y);
        let (best, error) = validation
            .iter()
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(b.1))
            .unwrap_or((0, &f64::INFINITY));
        let unsolvable = || RidgeError::Unsolvable {
            features: states.columns(),
            largest: LAMBDAS[LAMBDAS.len() - 1],
        };
        if error.is_infinite() {
            return Err(unsolvable());
        }
        let lambda = LAMBDAS[best];
        let fit = match moments {
            Some(moments) => moments.solve(lambda),
            None => solve(&x, &y, lambda),
        };
        let fit = fit.ok_or_else(unsolvable)?;
        Ok(Ridge {
            features: states.features().to_vec(),
            standardiser,
            weights: fit.weights.as_slice().to_vec(),
            intercept: fit.intercept,
            lambda,
            validation,
        })
    }

    /// Predicts `rows` of `states`.
    ///
    /// # Errors
    /// If the features are not those of training.
    pub fn predict(
        &self,
        states: &StateMatrix,
        rows: Range<usize>,
    ) -> Result<Vec<f64>, RidgeError> {
        let name = |features: &[Feature], i: usize| {
            features
                .get(i)
                .map_or_else(|| "no feature".to_string(), |f| f.name.clone())
        };
        let longest = self.features.len().max(states.columns());
        if let Some(i) = (0..longest).find(|&i| self.features.get(i) != states.features().get(i)) {
            return Err(RidgeError::OtherFeatures {
                expected: name(&self.features, i),
                found: name(states.features(), i),
            });
        }
        let x = self.standardiser.apply(states, rows);
        let weights = DVector::from_column_slice(&self.weights);
        let y = (x * weights).add_scalar(self.intercept);
        Ok(y.as_slice().to_vec())
    }
}

/// Sums over a block of rows, enough to fit it; the sums of two blocks add up.
#[derive(Debug, Clone)]
struct Moments {
    rows: f64,
    gram: DMatrix<f64>,
    cross: DVector<f64>,
    x_sum: DVector<f64>,
    y_sum: f64,
}

impl Moments {
    fn of(x: &DMatrix<f64>, y: &DVector<f64>, rows: Range<usize>) -> Moments {
        let x = x.rows(rows.start, rows.len());
        let y = y.rows(rows.start, rows.len());
        Moments {
            rows: rows.len() as f64,
            gram: x.tr_mul(&x),
            cross: x.tr_mul(&y),
            x_sum: x.row_sum_tr(),
            y_sum: y.sum(),
        }
    }

    fn add(&mut self, other: &Moments) {
        self.rows += other.rows;
        self.gram += &other.gram;
        self.cross += &other.cross;
        self.x_sum += &other.x_sum;
        self.y_sum += other.y_sum;
    }

    /// The primal solution for `lambda`, centred on the block's own means.
    fn solve(&self, lambda: f64) -> Option<Fit> {
        let means = &self.x_sum / self.rows;
        let y_mean = self.y_sum / self.rows;
        let mut system = &self.gram / self.rows - &means * means.transpose();
        for i in 0..system.nrows() {
            system[(i, i)] += lambda;
        }
        let right = &self.cross / self.rows - &means * y_mean;
        let weights = Cholesky::new(system)?.solve(&right);
        weights.iter().all(|w| w.is_finite()).then(|| Fit {
            intercept: y_mean - means.dot(&weights),
            weights,
        })
    }
}

struct Fit {
    weights: DVector<f64>,
    intercept: f64,
}

/// Fits all rows, by the smaller system.
fn solve(x: &DMatrix<f64>, y: &DVector<f64>, lambda: f64) -> Option<Fit> {
    if x.ncols() <= x.nrows() {
        Moments::of(x, y, 0..x.nrows()).solve(lambda)
    } else {
        solve_dual(x, y, lambda)
    }
}

/// w = Xᵀ (XXᵀ/T + λI)⁻¹ y / T, after centring.
fn solve_dual(x: &DMatrix<f64>, y: &DVector<f64>, lambda: f64) -> Option<Fit> {
    let rows = x.nrows() as f64;
    let means = x.row_mean();
    let mut centred = x.clone();
    for (mut column, mean) in centred.column_iter_mut().zip(means.iter()) {
        column.add_scalar_mut(-mean);
    }
    let y_mean = y.mean();
    let mut system = &centred * centred.transpose() / rows;
    for i in 0..system.nrows() {
        system[(i, i)] += lambda;
    }
    let dual = Cholesky::new(system)?.solve(&(y.add_scalar(-y_mean) / rows));
    let weights = centred.tr_mul(&dual);
    weights.iter().all(|w| w.is_finite()).then(|| Fit {
        intercept: y_mean - means.transpose().dot(&weights),
        weights,
    })
}

/// Mean squared error of each λ on blocks predicted from all blocks before them; and, where the primal
/// system is the smaller one from the first block on, the sums over all rows, which come out on the way.
fn forward_chaining(x: &DMatrix<f64>, y: &DVector<f64>) -> (Vec<f64>, Option<Moments>) {
    let bound = |block: usize| block * x.nrows() / BLOCKS;
    let first = bound(FIRST_PREDICTED);
    let mut errors = vec![0.0; LAMBDAS.len()];
    let mut past = (x.ncols() <= first).then(|| Moments::of(x, y, 0..first));
    for block in FIRST_PREDICTED..BLOCKS {
        let rows = bound(block)..bound(block + 1);
        let fits: Vec<Option<Fit>> = match &past {
            Some(moments) => LAMBDAS.map(|lambda| moments.solve(lambda)).into(),
            None => {
                let (past_x, past_y) = (
                    x.rows(0, rows.start).into_owned(),
                    y.rows(0, rows.start).into_owned(),
                );
                LAMBDAS
                    .map(|lambda| solve_dual(&past_x, &past_y, lambda))
                    .into()
            }
        };
        for (error, fit) in errors.iter_mut().zip(fits) {
            *error += match fit {
                Some(fit) => {
                    let predicted = x.rows(rows.start, rows.len()) * &fit.weights;
                    let actual = y.rows(rows.start, rows.len());
                    (actual - predicted.add_scalar(fit.intercept)).norm_squared()
                }
                None => f64::INFINITY,
            };
        }
        if let Some(past) = &mut past {
            past.add(&Moments::of(x, y, rows));
        }
    }
    let predicted = (x.nrows() - first) as f64;
    let errors = errors.into_iter().map(|error| error / predicted).collect();
    (errors, past)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use proptest::prelude::*;
    use rand::RngExt;

    fn random_columns(rows: usize, columns: usize, seed: u64) -> Vec<(Feature, Vec<f64>)> {
        let mut rng = random::stream(seed, 3);
        (0..columns)
            .map(|i| {
                let values = (0..rows).map(|_| rng.random::<f64>() - 0.5).collect();
                (Feature::new(format!("x{i}"), "1"), values)
            })
            .collect()
    }

    fn states(rows: usize, columns: usize, seed: u64) -> StateMatrix {
        StateMatrix::from_columns(rows, random_columns(rows, columns, seed)).expect("finite")
    }

    fn data(rows: usize, columns: usize, seed: u64) -> (DMatrix<f64>, DVector<f64>) {
        let x = states(rows, columns, seed).values().clone();
        let y = x.column_sum() + DVector::from_fn(rows, |t, _| (t as f64).sin());
        (x, y)
    }

    #[test]
    fn one_feature_shrinks_by_the_closed_form() {
        // Standardised x, y = 3 x + 2: w = cov(x, y) / (1 + λ) = 3 / (1 + λ), intercept 2.
        let (x, _) = data(200, 1, 1);
        let mean = x.mean();
        let deviation = x.column(0).variance().sqrt();
        let x = x.map(|v| (v - mean) / deviation);
        let y = DVector::from_column_slice((&x * 3.0).add_scalar(2.0).as_slice());
        for lambda in [1e-6, 0.5, 10.0] {
            let fit = solve(&x, &y, lambda).expect("solvable");
            assert!((fit.weights[0] - 3.0 / (1.0 + lambda)).abs() < 1e-9);
            assert!((fit.intercept - 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn without_features_the_readout_is_the_training_mean() {
        let nothing = StateMatrix::from_columns(60, Vec::new()).expect("no columns");
        let target: Vec<f64> = (0..60).map(f64::from).collect();
        let ridge = Ridge::fit(&nothing, &target, 10..60).expect("solvable");
        assert_eq!(
            ridge.predict(&nothing, 0..2).expect("same features"),
            [34.5, 34.5]
        );
    }

    #[test]
    fn more_features_than_rows_are_fitted_by_the_dual() {
        let wide = states(60, 200, 2);
        let target: Vec<f64> = wide.values().column(0).iter().map(|x| 2.0 * x).collect();
        let ridge = Ridge::fit(&wide, &target, 0..60).expect("solvable");
        assert_eq!(ridge.weights.len(), 200);
        let fitted = ridge.predict(&wide, 0..60).expect("same features");
        let error = crate::metrics::nrmse(&fitted, &target).expect("defined");
        assert!(error < 0.9, "{error}");
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

    #[test]
    fn other_features_are_refused() {
        let ridge = Ridge::fit(&states(50, 2, 5), &[0.5; 50], 0..50).expect("solvable");
        let error = ridge
            .predict(&states(50, 3, 5), 0..50)
            .expect_err("a third feature");
        assert!(
            error
                .to_string()
                .contains("no feature is expected where there is x2"),
            "{error}"
        );
    }

    #[test]
    fn a_readout_survives_json() {
        let x = states(50, 2, 6);
        let target: Vec<f64> = x.values().row_iter().map(|row| row.sum()).collect();
        let ridge = Ridge::fit(&x, &target, 0..50).expect("solvable");
        let text = serde_json::to_string(&ridge).expect("written");
        assert_eq!(serde_json::from_str::<Ridge>(&text).expect("read"), ridge);
    }

    /// linfa's elastic net with an l1 ratio of 0 minimises ‖y − b − X w‖² / (2T) + λ/2 ‖w‖²: ours, halved.
    /// It takes the mean of y for b, so its columns have to be centred.
    #[test]
    fn another_library_finds_the_same_weights() {
        use linfa::prelude::*;
        let (mut x, y) = data(150, 6, 7);
        for mut column in x.column_iter_mut() {
            let mean = column.mean();
            column.add_scalar_mut(-mean);
        }
        let records = ndarray::Array2::from_shape_fn((150, 6), |(t, i)| x[(t, i)]);
        let targets = ndarray::Array1::from_shape_fn(150, |t| y[t]);
        let dataset = linfa::Dataset::new(records, targets);
        for lambda in [1e-3, 1e-1] {
            let oracle = linfa_elasticnet::ElasticNet::params()
                .penalty(lambda)
                .l1_ratio(0.0)
                .tolerance(1e-12)
                .max_iterations(100_000)
                .fit(&dataset)
                .expect("converges");
            let ours = solve(&x, &y, lambda).expect("solvable");
            for (a, b) in ours.weights.iter().zip(oracle.hyperplane()) {
                assert!((a - b).abs() < 1e-5, "{a} {b} at {lambda}");
            }
            assert!((ours.intercept - oracle.intercept()).abs() < 1e-5);
        }
    }

    proptest! {
        #[test]
        fn primal_and_dual_agree(
            rows in 5usize..30, columns in 1usize..30, seed: u64, exponent in -4i32..3,
        ) {
            let (x, y) = data(rows, columns, seed);
            let lambda = 10f64.powi(exponent);
            let primal = Moments::of(&x, &y, 0..rows).solve(lambda).expect("solvable");
            let dual = solve_dual(&x, &y, lambda).expect("solvable");
            let scale = primal.weights.norm().max(1.0);
            prop_assert!((primal.weights - dual.weights).norm() < 1e-6 * scale);
            prop_assert!((primal.intercept - dual.intercept).abs() < 1e-6 * scale);
        }

        #[test]
        fn moments_of_two_blocks_add_up(rows in 4usize..30, cut in 1usize..3, seed: u64) {
            let (x, y) = data(rows, 3, seed);
            let mut sum = Moments::of(&x, &y, 0..cut);
            sum.add(&Moments::of(&x, &y, cut..rows));
            let whole = Moments::of(&x, &y, 0..rows);
            prop_assert!((sum.gram - whole.gram).norm() < 1e-9);
            prop_assert!((sum.cross - whole.cross).norm() < 1e-9);
            prop_assert_eq!(sum.rows, whole.rows);
        }
    }
}
