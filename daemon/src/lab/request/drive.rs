//! The other requests: trial of the filter, verify.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::findings::{Findings, Wrong};
use crate::lab::backend::Backend;

/// Most steps of a trial.
const MOST_STEPS: u64 = 1_000_000;

/// A trial of the probability filter on a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterTrial {
    /// What is driven: `wire` or `twin`. Requests of older versions call it `on`.
    #[serde(alias = "on")]
    pub backend: Backend,
    /// Power in watts, for a unit that reports none.
    pub watts: Option<f64>,
    /// Steps that the filter learns from.
    pub train: u32,
    /// Pairs of blocks at most.
    pub pairs: u32,
    /// Steps of a block that are counted.
    pub block: u32,
    /// Steps at the beginning of a block that are not.
    pub settle: u32,
    /// Whether the trial goes on however clear the evidence.
    pub to_the_end: bool,
    /// Seed of the order of blocks and of the simulated unit.
    pub seed: u64,
}

impl Default for FilterTrial {
    fn default() -> FilterTrial {
        FilterTrial {
            backend: Backend::Wire,
            watts: None,
            train: 200,
            pairs: 20,
            block: 20,
            settle: 2,
            to_the_end: false,
            seed: 1,
        }
    }
}

impl FilterTrial {
    /// Looks for everything that is wrong.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        self.find(&mut found);
        found.all()
    }

    pub(super) fn find(&self, found: &mut Findings) {
        found.drives("backend", self.backend);
        if let Some(watts) = self.watts {
            found.positive("watts", watts, 1e5);
        }
        found.within("train", self.train, 20, 100_000);
        found.within("pairs", self.pairs, 1, 10_000);
        found.within("block", self.block, 1, 10_000);
        found.within("settle", self.settle, 0, 1_000);
        let block = u64::from(self.block) + u64::from(self.settle);
        let steps = u64::from(self.train) + 2 * u64::from(self.pairs) * block;
        found.within("steps in all", steps, 0, MOST_STEPS);
    }
}

/// A capture whose shares are hashed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Name of the capture below the folder of captures, or that of a job's, such as `jobs/3-1/capture.sqlite`.
    pub capture: String,
}
