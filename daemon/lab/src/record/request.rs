//! What a recording holds, as plain data.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::request::findings::{Findings, Wrong};

/// Most shares: a capture of them takes some 4 GB.
pub(crate) const MOST_SHARES: u64 = 10_000_000;

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
    /// Looks for everything that is wrong with a recording.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.within("shares", self.shares, 1, MOST_SHARES);
        found.all()
    }

    /// Looks for what a queued recording may not ask for.
    pub(crate) fn check_queued(&self, found: &mut Findings) {
        found.within("shares", self.shares, 1, MOST_SHARES);
        found.within_if("difficulty", self.difficulty, 1.0, 1e12);
        found.within_if("frequency", self.frequency, 1.0, 5_000.0);
        found.within_if("voltage", self.voltage, 0.01, 100.0);
        found.within_if("fan", self.fan, 0.0, 1.0);
    }
}
