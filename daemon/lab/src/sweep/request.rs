//! What a sweep measures, as plain data.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::grid::{Doublings, Range};
use crate::request::findings::{Findings, Wrong};

/// Longest window of a cell and longest step of a queued sweep, s.
const LONGEST_WINDOW: f64 = 86_400.0;
const LONGEST_STEP: f64 = 3600.0;

/// Most seconds of a queued window for each unit of difficulty: a unit of 500 TH/s then finds 35 million shares in it,
/// whose times take 280 MB.
const MOST_WINDOW: f64 = 300.0;

/// Most cells of a queued sweep.
const MOST_CELLS: usize = 10_000;

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
    /// Whether only the feasibility of the windows is reported.
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
    /// Looks for everything that is wrong with a sweep.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.within("window", self.window, 1.0, 1e6);
        found.within("hold", self.hold, 1.0, 1e6);
        found.within("train", self.train, 100, 100_000);
        for (name, range) in [("voltage", self.voltage), ("frequency", self.frequency)] {
            if let Some(Err(what)) = range.map(Range::check) {
                found.add(format!("{name} {what}"));
            }
        }
        if let Some(Err(what)) = self.difficulty.map(Doublings::check) {
            found.add(format!("difficulty {what}"));
        }
        found.all()
    }

    /// Looks for what a queued sweep may not ask for: its bounds are narrower, as no person watches it.
    pub(crate) fn check_queued(&self, found: &mut Findings) {
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
