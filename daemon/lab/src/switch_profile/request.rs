//! What is asked for, as plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::request::findings::{Findings, Wrong};

/// A profile of the job switches in a capture, or of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchProfileRequest {
    /// The capture, or a CSV file of shares; absent to drive a unit.
    pub capture: Option<PathBuf>,
    /// What is driven: the unit on its wire, or its twin.
    pub backend: Backend,
    /// Jobs that a driven unit is given, each after the first share of the one before.
    pub jobs: u32,
    /// Stream of the capture; absent for the one with most shares.
    pub stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    pub difficulty: f64,
    /// Time after a change of jobs from which the unit counts as hashing steadily, ms.
    pub steady_after: f64,
    /// Seed of the simulated unit and of the intervals.
    pub seed: u64,
}

impl Default for SwitchProfileRequest {
    fn default() -> SwitchProfileRequest {
        SwitchProfileRequest {
            capture: None,
            backend: Backend::Wire,
            jobs: 3_000,
            stream: None,
            difficulty: 256.0,
            steady_after: 60.0,
            seed: 1,
        }
    }
}

impl SwitchProfileRequest {
    /// Looks for everything that is wrong with a request.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.within("jobs", self.jobs, 50, 1_000_000);
        found.positive("steady_after", self.steady_after, 60_000.0);
        found.drives("backend", self.backend);
        found.all()
    }
}
