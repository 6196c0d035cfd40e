//! The other requests: sweep, record, trial of the filter, verify.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::findings::{Findings, Wrong};
use crate::capture::record::MOST_SHARES;
use crate::lab::backend::Backend;
use crate::lab::sweep::grid::{Doublings, Range};

/// Longest window of a cell, and longest step, s.
const LONGEST_WINDOW: f64 = 86_400.0;
const LONGEST_STEP: f64 = 3600.0;

/// Most seconds of a window for each unit of difficulty: a unit of 500 TH/s then finds 35 million shares in it, whose
/// times take 280 MB.
const MOST_WINDOW: f64 = 300.0;

/// Most cells of a queued sweep.
const MOST_CELLS: usize = 10_000;

/// Most steps of a trial.
const MOST_STEPS: u64 = 1_000_000;

/// A sweep over operating points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Voltages in V; absent for the model's usual ones.
    pub voltage: Option<Range>,
    /// Chip clocks in MHz; absent for the model's usual ones.
    pub frequency: Option<Range>,
    /// Share difficulties, by factors of two; absent for the model's usual ones.
    pub difficulty: Option<Doublings>,
    /// Window in which the shares of a cell are timed, s.
    pub window: f64,
    /// Shares that a cell should hold.
    pub shares: u64,
    /// Length of a step of the reservoir, s.
    pub hold: f64,
    /// Training steps of the memory capacity.
    pub train: usize,
    /// Whether NARMA-10 is scored in each cell too.
    pub narma: bool,
    /// Whether only is said what the windows can hold.
    pub feasibility: bool,
    /// Seed of the inputs and the statistics.
    pub seed: u64,
}

impl Default for Sweep {
    fn default() -> Sweep {
        Sweep {
            voltage: None,
            frequency: None,
            difficulty: None,
            window: 300.0,
            shares: 100,
            hold: 10.0,
            train: 400,
            narma: false,
            feasibility: false,
            seed: 1,
        }
    }
}

impl Sweep {
    pub(super) fn check(&self, found: &mut Findings) {
        found.within("window", self.window, 1.0, LONGEST_WINDOW);
        found.within("shares", self.shares, 1, 1_000_000);
        found.within("hold", self.hold, 1.0, LONGEST_STEP);
        found.within("train", self.train, 100, 100_000);
        let mut cells = 1;
        for (name, range) in [("voltage", self.voltage), ("frequency", self.frequency)] {
            match range.map(Range::check) {
                Some(Err(what)) => found.add(format!("{name} {what}")),
                Some(Ok(())) => cells *= range.map_or(1, |range| range.values().len()),
                None => cells *= 20,
            }
        }
        if let Some(difficulty) = self.difficulty {
            match difficulty.check() {
                Err(what) => found.add(format!("difficulty {what}")),
                Ok(()) => {
                    cells *= difficulty.values().len();
                    if self.window / difficulty.low > MOST_WINDOW {
                        found.add(format!(
                            "window {} with difficulty {}: a window may hold {MOST_WINDOW} s for each unit of difficulty",
                            self.window, difficulty.low
                        ));
                    }
                }
            }
        }
        found.within("cells, at most", cells, 1, MOST_CELLS);
    }
}

/// A recording at a constant drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Shares to record.
    pub shares: u64,
    /// Share difficulty; absent for the configuration's.
    pub difficulty: Option<f64>,
    /// Chip clock of a simulated unit, MHz.
    pub frequency: Option<f64>,
    /// Core voltage of a simulated unit, V.
    pub voltage: Option<f64>,
    /// Fan speed of a simulated unit, 0 to 1.
    pub fan: Option<f64>,
    /// Seed of the simulated unit and of the jobs.
    pub seed: u64,
}

impl Default for Record {
    fn default() -> Record {
        Record {
            shares: 2_000,
            difficulty: None,
            frequency: None,
            voltage: None,
            fan: None,
            seed: 1,
        }
    }
}

impl Record {
    pub(super) fn check(&self, found: &mut Findings) {
        found.within("shares", self.shares, 1, MOST_SHARES);
        found.within_if("difficulty", self.difficulty, 1.0, 1e12);
        found.within_if("frequency", self.frequency, 1.0, 5_000.0);
        found.within_if("voltage", self.voltage, 0.01, 100.0);
        found.within_if("fan", self.fan, 0.0, 1.0);
    }
}

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
