//! From states to a score: fit on the training rows, predict the test rows, compute the NRMSE.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Estimate};
use crate::capacity::CapacityError;
use crate::metrics::{self, MetricError};
use crate::readout::{ReadoutError, Ridge};
use crate::split::{Split, SplitError};
use crate::state::{StateError, StateMatrix};

/// How well a readout does on the test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// NRMSE with its 95 % interval.
    pub nrmse: Estimate,
    /// Features of the readout.
    pub features: usize,
    pub(crate) lambda: f64,
    /// Steps that it was trained on.
    pub(crate) train_steps: usize,
    /// Steps that it was scored on.
    pub test_steps: usize,
    /// Its predictions on the test rows.
    #[serde(skip)]
    pub predictions: Vec<f64>,
}

/// Why states cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// There are too few steps.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The states cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The readout cannot be fitted.
    #[error(transparent)]
    Readout(#[from] ReadoutError),
    /// The memory of the states cannot be measured.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// The score is not defined.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

/// Fits a ridge readout of `states` and scores it against `target`. `bootstrap` has as many steps as the
/// split's test segment.
///
/// # Errors
/// If the split does not fit the data, the readout cannot be fitted or the target does not vary.
pub fn evaluate(
    states: &StateMatrix,
    target: &[f64],
    split: &Split,
    bootstrap: &Bootstrap,
) -> Result<Score, EvaluateError> {
    split.check(states.rows().min(target.len()))?;
    let ridge = Ridge::fit(states, target, split.train_rows())?;
    let predictions = ridge.readout.predict(states, split.test_rows())?;
    let predictions = predictions.as_slice().to_vec();
    let test = &target[split.test_rows()];
    metrics::nrmse(&predictions, test)?;
    Ok(Score {
        nrmse: bootstrap.nrmse(&predictions, test),
        features: states.columns(),
        lambda: ridge.lambda,
        train_steps: split.train,
        test_steps: split.test,
        predictions,
    })
}
