//! Arithmetic of estimates with intervals.

use thermine_reservoir::bootstrap::Estimate;

/// `estimate` in another unit: value and interval times `by`.
pub(crate) fn scaled(estimate: Estimate, by: f64) -> Estimate {
    Estimate {
        value: estimate.value * by,
        low: estimate.low * by,
        high: estimate.high * by,
    }
}
