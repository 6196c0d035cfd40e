//! What is asked for, as plain data.

use serde::{Deserialize, Serialize};

use crate::request::findings::{Findings, Wrong};

/// Units and runs of the bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyBenchRequest {
    /// Seconds of the units' time that each run is measured for.
    pub seconds: f64,
    /// Runs of each cell, each with its own seed.
    pub repeats: u16,
    /// Hash rate of a unit, GH/s.
    pub rate: f64,
    /// Work of a job, in ranges of 2^32 nonces.
    pub ranges: u32,
    /// Units on the link.
    pub units: u16,
    /// Seed of the first run; each further run has the next.
    pub seed: u64,
}

impl Default for ProxyBenchRequest {
    fn default() -> ProxyBenchRequest {
        ProxyBenchRequest {
            seconds: 120.0,
            repeats: 8,
            rate: 220.0,
            ranges: 20,
            units: 2,
            seed: 1,
        }
    }
}

impl ProxyBenchRequest {
    /// Looks for everything that is wrong with a request.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.positive("seconds", self.seconds, 1000.0);
        found.within("repeats", self.repeats, 2, 1000);
        found.positive("rate", self.rate, 1000.0);
        found.within("ranges", self.ranges, 1, 100_000);
        found.within("units", self.units, 1, 100);
        found.all()
    }
}
