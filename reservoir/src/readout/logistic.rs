//! Logistic regression: the probability of one of two classes, for tasks whose target is a label.
//!
//! w, b = argmin Σ log(1 + exp(−s (xᵀw + b))) + α/2 ‖w‖², s = ±1 by class and x standardised; solved by linfa's
//! quasi-Newton iteration.

use std::ops::Range;

use linfa::prelude::Fit;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::linear::{ReadoutError, standardised};
use crate::state::{Feature, Standardiser, StateMatrix};

/// Fewest training rows.
const LEAST: usize = 5;

/// Iterations, at most.
const MOST_ITERATIONS: u64 = 1_000;

/// A fitted classifier of two classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Features in training, in order.
    pub(crate) features: Vec<Feature>,
    /// Their centring and scaling.
    pub(crate) standardiser: Standardiser,
    /// Weights of the standardised features.
    pub weights: Vec<f64>,
    /// Log odds where all features are at their training mean.
    pub(crate) intercept: f64,
    /// Penalty α, relative to the sum over all rows.
    pub(crate) alpha: f64,
}

impl Logistic {
    /// Fits `labels[rows]` on `states[rows]`.
    ///
    /// # Errors
    /// If there are fewer than five rows, only one class among them, α is not positive and finite, or the
    /// iteration fails.
    pub fn fit(
        states: &StateMatrix,
        labels: &[bool],
        rows: Range<usize>,
        alpha: f64,
    ) -> Result<Logistic, ReadoutError> {
        if rows.end > states.rows().min(labels.len()) || rows.len() < LEAST {
            return Err(ReadoutError::Length {
                rows: states.rows().min(rows.end).saturating_sub(rows.start),
                targets: labels.len(),
                least: LEAST,
            });
        }
        super::path::check_lambda(alpha)?;
        let unsolvable = |reason: String| ReadoutError::Unsolvable {
            features: states.columns(),
            reason,
        };
        let labels = Array1::from_iter(labels[rows.clone()].iter().copied());
        if labels.iter().all(|label| *label == labels[0]) {
            return Err(unsolvable("all labels are the same".to_string()));
        }
        let standardiser = Standardiser::fit(states, rows.clone());
        let x = standardiser.apply(states, rows);
        let records = Array2::from_shape_fn(x.shape(), |place| x[place]);
        let model = linfa_logistic::LogisticRegression::default()
            .alpha(alpha)
            .max_iterations(MOST_ITERATIONS)
            .gradient_tolerance(1e-8)
            .fit(&linfa::Dataset::new(records, labels))
            .map_err(|error| unsolvable(error.to_string()))?;
        // linfa calls the first label that it meets positive.
        let sign = if model.labels().pos.class { 1.0 } else { -1.0 };
        let weights: Vec<f64> = model.params().iter().map(|w| sign * w).collect();
        let intercept = sign * model.intercept();
        if !weights.iter().all(|w| w.is_finite()) || !intercept.is_finite() {
            return Err(unsolvable("the iteration diverged".to_string()));
        }
        Ok(Logistic {
            features: states.features().to_vec(),
            standardiser,
            weights,
            intercept,
            alpha,
        })
    }

    /// Probability that the label is true, for each of `rows`.
    ///
    /// # Errors
    /// If the features are not those of training, or the rows are not there.
    pub fn probabilities(
        &self,
        states: &StateMatrix,
        rows: Range<usize>,
    ) -> Result<Vec<f64>, ReadoutError> {
        let x = standardised(&self.features, &self.standardiser, states, rows)?;
        let odds = x * nalgebra::DVector::from_column_slice(&self.weights);
        Ok(odds
            .iter()
            .map(|odds| 1.0 / (1.0 + (-(odds + self.intercept)).exp()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn data(seed: u64) -> (StateMatrix, Vec<bool>) {
        let mut rng = random::stream(seed, 3);
        let mut column = || -> Vec<f64> { (0..2_000).map(|_| rng.random::<f64>() - 0.5).collect() };
        let (a, b) = (column(), column());
        let mut chance = random::stream(seed, 2);
        // True log odds 1 + 6 a.
        let labels = a
            .iter()
            .map(|a| chance.random::<f64>() < 1.0 / (1.0 + (-1.0 - 6.0 * a).exp()))
            .collect();
        let columns = vec![(Feature::new("a", "V"), a), (Feature::new("b", "V"), b)];
        (
            StateMatrix::from_columns(2_000, columns).expect("finite"),
            labels,
        )
    }

    #[test]
    fn the_odds_that_made_the_labels_are_found() {
        let (x, labels) = data(1);
        let model = Logistic::fit(&x, &labels, 0..2_000, 1e-3).expect("converges");
        // Standardised: a has a standard deviation of 1/√12.
        let slope = model.weights[0] * 12f64.sqrt();
        assert!((slope - 6.0).abs() < 0.7, "{slope}");
        assert!(model.weights[1].abs() < 0.2, "{}", model.weights[1]);
        assert!((model.intercept - 1.0).abs() < 0.2, "{}", model.intercept);
    }

    #[test]
    fn the_gradient_vanishes_and_labels_turned_round_turn_the_answer() {
        let (x, labels) = data(2);
        let model = Logistic::fit(&x, &labels, 0..2_000, 0.5).expect("converges");
        let p = model.probabilities(&x, 0..2_000).expect("same features");
        let standard = model.standardiser.apply(&x, 0..2_000);
        for (column, weight) in standard.column_iter().zip(&model.weights) {
            let gradient: f64 = column
                .iter()
                .zip(p.iter().zip(&labels))
                .map(|(x, (p, label))| x * (p - f64::from(u8::from(*label))))
                .sum();
            assert!((gradient + 0.5 * weight).abs() < 1e-3, "{gradient}");
        }
        let turned: Vec<bool> = labels.iter().map(|label| !label).collect();
        let other = Logistic::fit(&x, &turned, 0..2_000, 0.5).expect("converges");
        let q = other.probabilities(&x, 0..2_000).expect("same features");
        assert!(p.iter().zip(&q).all(|(p, q)| (p + q - 1.0).abs() < 1e-4));
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let (x, labels) = data(3);
        assert!(Logistic::fit(&x, &labels, 0..3_000, 1.0).is_err());
        assert!(Logistic::fit(&x, &labels, 0..100, 0.0).is_err());
        assert!(Logistic::fit(&x, &[true; 2_000], 0..100, 1.0).is_err());
        let model = Logistic::fit(&x, &labels, 0..100, 1.0).expect("converges");
        let other = crate::controls::constant(10);
        let error = model.probabilities(&other, 0..10).expect_err("no features");
        assert!(
            error
                .to_string()
                .contains("a [V], but that of the states is missing"),
            "{error}"
        );
    }
}
