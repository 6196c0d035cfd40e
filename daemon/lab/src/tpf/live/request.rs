//! What a trial is asked to do.

use utoipa::ToSchema;

use crate::backend::Backend;
use crate::request::declare::request;
use crate::request::findings::Findings;

/// Most steps of a queued trial.
const MOST_STEPS: u64 = 1_000_000;

request! {
    /// A trial of the probability filter on a unit.
    #[derive(ToSchema)]
    pub struct FilterTrial {
        /// What is driven: `wire` or `twin`. Requests of older versions call it `on`.
        #[serde(alias = "on")]
        backend: Backend = Backend::Wire => drives();
        /// Power in watts, for a unit that reports none.
        watts: Option<f64> = None;
        /// Steps that the filter is trained on.
        train: u32 = 200 => within(20, 100_000);
        /// Pairs of blocks at most.
        pairs: u32 = 20 => within(1, 10_000);
        /// Steps of a block that are counted.
        block: u32 = 20 => within(1, 10_000);
        /// Steps at the beginning of a block that are not.
        settle: u32 = 2 => within(0, 1_000);
        /// Whether the trial goes on however clear the evidence.
        to_the_end: bool = false;
        /// Seed of the order of blocks and of the simulated unit.
        seed: u64 = 1;
    }
    also FilterTrial::check_watts;
}

impl FilterTrial {
    fn check_watts(&self, found: &mut Findings) {
        if let Some(watts) = self.watts {
            found.positive("watts", watts, 1e5);
        }
    }

    /// As `check`, and within the bounds of a queued job.
    pub(crate) fn check_queued(&self, found: &mut Findings) {
        found.extend(self.check());
        let block = u64::from(self.block) + u64::from(self.settle);
        let steps = u64::from(self.train) + 2 * u64::from(self.pairs) * block;
        found.within("steps in all", steps, 0, MOST_STEPS);
    }
}
