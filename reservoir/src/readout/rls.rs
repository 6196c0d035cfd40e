//! Recursive least squares: a readout that learns one step at a time.
//!
//! ```text
//! k = P x / (μ + xᵀ P x),   w ← w + k (y − xᵀ w)ᵀ,   P ← (P − k xᵀ P) / μ
//! ```
//!
//! from P = I/δ and w = 0 (Haykin, Adaptive Filter Theory). After T steps with forgetting μ = 1 the weights are those
//! of ridge regression with Σ (y − xᵀw)² + δ ‖w‖²: a penalty of δ/T per sample. With μ < 1 a sample's weight falls by
//! a factor e in 1/(1 − μ) steps.

use nalgebra::DMatrix;

use super::linear::ReadoutError;

/// Largest trace of P: above it, a step does not forget. Without excitation P grows as μ^−t and would overflow.
const MOST_TRACE: f64 = 1e12;

/// A learner of M outputs from N features. The caller scales the features; a feature that is always 1 is an
/// intercept, penalised like any weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Rls {
    forgetting: f64,
    /// P, N × N, symmetric.
    inverse: DMatrix<f64>,
    weights: DMatrix<f64>,
    /// Buffer for P x.
    gain: Vec<f64>,
}

impl Rls {
    /// A learner with all weights zero. `forgetting` is in (0, 1], `penalty` is positive.
    ///
    /// # Errors
    /// If a parameter is out of its range.
    pub fn new(
        features: usize,
        outputs: usize,
        forgetting: f64,
        penalty: f64,
    ) -> Result<Rls, ReadoutError> {
        if !(forgetting > 0.0 && forgetting <= 1.0) {
            return Err(ReadoutError::Parameter {
                parameter: "the forgetting factor",
                value: forgetting,
                range: "above 0 and up to 1",
            });
        }
        super::path::check_lambda(penalty)?;
        Ok(Rls {
            forgetting,
            inverse: DMatrix::from_diagonal_element(features, features, 1.0 / penalty),
            weights: DMatrix::zeros(features, outputs),
            gain: vec![0.0; features],
        })
    }

    /// Weights, N × M.
    pub fn weights(&self) -> &DMatrix<f64> {
        &self.weights
    }

    /// Outputs for one row of features, with the present weights.
    ///
    /// # Errors
    /// If the number of features is not N.
    pub fn predict(&self, features: &[f64]) -> Result<Vec<f64>, ReadoutError> {
        self.check(features.len(), self.gain.len())?;
        Ok(self
            .weights
            .column_iter()
            .map(|weights| dot(weights.as_slice(), features))
            .collect())
    }

    /// Learns one step, and returns the errors of the prediction made before it.
    ///
    /// # Errors
    /// If the numbers of features and targets are not N and M, or a value is not finite; the weights then stay as
    /// they are.
    pub fn learn(&mut self, features: &[f64], targets: &[f64]) -> Result<Vec<f64>, ReadoutError> {
        self.check(features.len(), self.gain.len())?;
        self.check(targets.len(), self.weights.ncols())?;
        if let Some(value) = features.iter().chain(targets).find(|v| !v.is_finite()) {
            return Err(ReadoutError::Parameter {
                parameter: "a feature or target",
                value: *value,
                range: "finite",
            });
        }
        let mut errors = self.predict(features)?;
        for (error, target) in errors.iter_mut().zip(targets) {
            *error = target - *error;
        }
        // P is symmetric, so its columns are its rows.
        for (gain, column) in self.gain.iter_mut().zip(self.inverse.column_iter()) {
            *gain = dot(column.as_slice(), features);
        }
        let forgetting = match self.inverse.trace() {
            trace if trace / self.forgetting < MOST_TRACE => self.forgetting,
            _ => 1.0,
        };
        let scale = 1.0 / (forgetting + dot(&self.gain, features));
        for (mut weights, error) in self.weights.column_iter_mut().zip(&errors) {
            for (weight, gain) in weights.as_mut_slice().iter_mut().zip(&self.gain) {
                *weight += gain * scale * error;
            }
        }
        let grown = 1.0 / forgetting;
        for (mut column, own) in self.inverse.column_iter_mut().zip(&self.gain) {
            for (value, gain) in column.as_mut_slice().iter_mut().zip(&self.gain) {
                // The product of the two gains first: equal for (i, j) and (j, i), so P stays symmetric.
                *value = (*value - gain * own * scale) * grown;
            }
        }
        Ok(errors)
    }

    fn check(&self, found: usize, expected: usize) -> Result<(), ReadoutError> {
        if found == expected {
            return Ok(());
        }
        Err(ReadoutError::Parameter {
            parameter: "the number of features or targets",
            value: found as f64,
            range: "that of the learner",
        })
    }
}

/// Inner product over eight running sums, which the processor adds in parallel.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use nalgebra::Cholesky;
    use proptest::prelude::*;
    use rand::RngExt;

    fn data(rows: usize, columns: usize, seed: u64) -> (DMatrix<f64>, DMatrix<f64>) {
        let mut rng = random::stream(seed, 3);
        let x = DMatrix::from_fn(rows, columns, |_, _| rng.random::<f64>() - 0.5);
        let y = DMatrix::from_fn(rows, 2, |t, m| {
            x[(t, m.min(columns - 1))] + 0.1 * rng.random::<f64>()
        });
        (x, y)
    }

    fn learnt(x: &DMatrix<f64>, y: &DMatrix<f64>, forgetting: f64, penalty: f64) -> Rls {
        let mut rls = Rls::new(x.ncols(), 2, forgetting, penalty).expect("valid");
        for (x, y) in x.row_iter().zip(y.row_iter()) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                (x.iter().copied().collect(), y.iter().copied().collect());
            rls.learn(&x, &y).expect("finite");
        }
        rls
    }

    proptest! {
        #[test]
        fn without_forgetting_it_is_ridge(rows in 1usize..60, columns in 1usize..12, seed: u64) {
            let (x, y) = data(rows, columns, seed);
            let system = x.tr_mul(&x) + DMatrix::from_diagonal_element(columns, columns, 0.3);
            let ridge = Cholesky::new(system).expect("positive").solve(&x.tr_mul(&y));
            let rls = learnt(&x, &y, 1.0, 0.3);
            prop_assert!((rls.weights() - ridge).norm() < 1e-9);
        }

        #[test]
        fn with_forgetting_it_is_weighted_ridge(rows in 1usize..40, columns in 1usize..8, seed: u64) {
            // Sample t of T has weight μ^(T−1−t), the penalty μ^T.
            let (x, y) = data(rows, columns, seed);
            let mu: f64 = 0.95;
            let weight = |t: usize| mu.powi((rows - 1 - t) as i32);
            let weighted = DMatrix::from_fn(rows, columns, |t, i| x[(t, i)] * weight(t));
            let penalty = 0.3 * mu.powi(rows as i32);
            let system = weighted.tr_mul(&x) + DMatrix::from_diagonal_element(columns, columns, penalty);
            let ridge = Cholesky::new(system).expect("positive").solve(&weighted.tr_mul(&y));
            let rls = learnt(&x, &y, mu, 0.3);
            prop_assert!((rls.weights() - ridge).norm() < 1e-8);
        }
    }

    #[test]
    fn it_follows_a_change_only_if_it_forgets() {
        let (x, y) = data(400, 3, 1);
        let turned = DMatrix::from_fn(400, 2, |t, m| if t < 200 { y[(t, m)] } else { -y[(t, m)] });
        let slope = |forgetting| learnt(&x, &turned, forgetting, 1e-3).weights()[(0, 0)];
        assert!(slope(0.9) < -0.9, "{}", slope(0.9));
        assert!(slope(1.0).abs() < 0.3, "{}", slope(1.0));
    }

    #[test]
    fn silence_does_not_make_it_overflow() {
        let mut rls = Rls::new(2, 1, 0.5, 1.0).expect("valid");
        for _ in 0..10_000 {
            rls.learn(&[0.0, 0.0], &[0.0]).expect("finite");
        }
        rls.learn(&[1.0, 2.0], &[3.0]).expect("finite");
        assert!(rls.weights().iter().all(|w| w.is_finite()));
        assert!((rls.predict(&[1.0, 2.0]).expect("two")[0] - 3.0).abs() < 1e-3);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Rls::new(2, 1, 0.0, 1.0).is_err());
        assert!(Rls::new(2, 1, 1.0, f64::NAN).is_err());
        let mut rls = Rls::new(2, 1, 1.0, 1.0).expect("valid");
        let before = rls.clone();
        assert!(rls.learn(&[1.0], &[1.0]).is_err());
        assert!(rls.learn(&[1.0, f64::NAN], &[1.0]).is_err());
        assert!(rls.learn(&[1.0, 1.0], &[]).is_err());
        assert!(rls.predict(&[1.0]).is_err());
        assert_eq!(rls, before);
    }
}
