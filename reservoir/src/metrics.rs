//! How far a prediction is from its target.

/// A score that has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// Prediction and target differ in length, or are empty.
    #[error("{predictions} predictions for {targets} targets")]
    Length {
        /// How many predictions.
        predictions: usize,
        /// How many targets.
        targets: usize,
    },
    /// The target does not vary, so an error relative to its spread is not defined.
    #[error("the target is constant")]
    ConstantTarget,
}

/// Mean of the squares of `prediction − target`.
fn mean_square(prediction: &[f64], target: &[f64]) -> Result<f64, MetricError> {
    if prediction.len() != target.len() || target.is_empty() {
        return Err(MetricError::Length {
            predictions: prediction.len(),
            targets: target.len(),
        });
    }
    let squares = prediction.iter().zip(target).map(|(p, y)| (p - y).powi(2));
    Ok(squares.sum::<f64>() / target.len() as f64)
}

/// Population variance.
fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n
}

/// Normalised mean square error: mean (p − y)² / var(y), with the population variance of the same
/// segment.
///
/// # Errors
/// If the lengths differ or the target is constant.
pub fn nmse(prediction: &[f64], target: &[f64]) -> Result<f64, MetricError> {
    let error = mean_square(prediction, target)?;
    match variance(target) {
        spread if spread > 0.0 => Ok(error / spread),
        _ => Err(MetricError::ConstantTarget),
    }
}

/// Normalised root mean square error: the root of [`nmse`]. The literature mixes the two; 1 is what the
/// segment's own mean would score.
///
/// # Errors
/// As [`nmse`].
pub fn nrmse(prediction: &[f64], target: &[f64]) -> Result<f64, MetricError> {
    nmse(prediction, target).map(f64::sqrt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_known_predictions() {
        let target = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(nrmse(&target, &target), Ok(0.0));
        assert_eq!(nrmse(&[2.5; 4], &target), Ok(1.0));
        // Errors of 1 everywhere against a variance of 1.25.
        let off = [2.0, 3.0, 4.0, 5.0];
        assert_eq!(nmse(&off, &target), Ok(1.0 / 1.25));
    }

    #[test]
    fn undefined_scores_are_errors() {
        assert_eq!(
            nrmse(&[1.0; 3], &[2.0; 3]),
            Err(MetricError::ConstantTarget)
        );
        assert!(matches!(nrmse(&[], &[]), Err(MetricError::Length { .. })));
        assert!(matches!(
            nrmse(&[1.0], &[1.0, 2.0]),
            Err(MetricError::Length { .. })
        ));
    }
}
