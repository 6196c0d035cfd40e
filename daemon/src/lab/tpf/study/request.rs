//! What a capture is tested for.

use serde::{Deserialize, Serialize};
use thermine_reservoir::information::permutation::PERMUTATIONS;

use crate::lab::request::findings::{Findings, Wrong};

/// Tests of a capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudyRequest {
    /// Stream of the capture; absent for the one with most shares.
    pub stream: Option<String>,
    /// The one quantity that difficulty is tested against; absent for all.
    pub only: Option<String>,
    /// Permutations of a test.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
}

impl Default for StudyRequest {
    fn default() -> StudyRequest {
        StudyRequest {
            stream: None,
            only: None,
            permutations: PERMUTATIONS,
            seed: 1,
        }
    }
}

impl StudyRequest {
    /// Looks for everything that is out of bounds.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.within("permutations", self.permutations, 99, 1_000_000);
        found.all()
    }
}
