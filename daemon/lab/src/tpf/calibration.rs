//! Whether the tests of a study keep their stated rates, on simulated captures.

use anyhow::Result;
use serde::Serialize;
use thermine_reservoir::information::calibration::{Rate, Setting, bits, rates};

use crate::observer::Progress;
use crate::request::declare::request;
use crate::threads::computed;

/// Permutations of a test: 5 % is one of the levels that they can reach exactly.
const PERMUTATIONS: usize = 199;

/// Couplings λ, the null first.
const COUPLINGS: [f64; 7] = [0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.3];

request! {
    /// A calibration of the tests.
    pub struct CalibrationRequest {
        /// Simulated captures of each coupling.
        captures: usize = 1_000 => within(20, 100_000);
        /// Shares of each simulated capture.
        shares: usize = 1_500 => within(320, 100_000);
        /// Seed of the captures and permutations.
        seed: u64 = 1;
    }
}

/// Rates of all tests at all couplings.
#[derive(Debug, Serialize)]
pub struct CalibrationReport {
    version: &'static str,
    provenance: &'static str,
    /// What all couplings have in common.
    pub setting: Setting,
    /// Rates of all tests at each coupling, with the information that the coupling makes, in bits.
    pub curves: Vec<(f64, Vec<Rate>)>,
}

/// Counts how often each test rejects at each coupling.
///
/// # Errors
/// If the request is wrong, or the work was interrupted.
pub async fn run(request: &CalibrationRequest, progress: &Progress) -> Result<CalibrationReport> {
    request.check()?;
    let setting = Setting {
        captures: request.captures,
        shares: request.shares,
        permutations: PERMUTATIONS,
        alpha: 0.05,
        seed: request.seed,
    };
    let bar = progress.bar("couplings", COUPLINGS.len());
    let compute = move || {
        let curve = |coupling| {
            let rates = rates(&setting, coupling);
            bar.step();
            (bits(coupling), rates)
        };
        Ok(CalibrationReport {
            version: env!("CARGO_PKG_VERSION"),
            provenance: "simulated",
            setting,
            curves: COUPLINGS.into_iter().map(curve).collect(),
        })
    };
    computed(progress.context(), compute).await
}
