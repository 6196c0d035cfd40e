//! What is asked of the tests of chips and cores.

use serde::Serialize;

/// Level and power of the tests.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Demand {
    /// Expected part of false findings among the findings, of chips and of cores each.
    pub level: f64,
    /// Power at which the shares needed are counted.
    pub power: f64,
    /// Seed of the resampled intervals.
    pub(crate) seed: u64,
}
