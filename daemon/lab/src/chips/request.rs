//! What is asked for, as plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thermine_units::model::Model;

use crate::backend::Backend;
use crate::record::request::MOST_SHARES;
use crate::request::findings::{Findings, Wrong};

/// Captures and units whose chips are measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChipsRequest {
    /// Captures, CSV files of shares, or configurations (`.toml`) of units or racks, which are then driven; empty for a
    /// simulated unit.
    pub inputs: Vec<PathBuf>,
    /// Model of the simulated unit, or of a capture that does not name its unit.
    pub model: Option<Model>,
    /// Shares that a driven unit finds.
    pub shares: u64,
    /// What is driven: the unit on its wire, or its twin.
    pub backend: Backend,
    /// Expected part of false findings among the chips, and among the cores, that are reported to differ.
    pub level: f64,
    /// Power of the tests at which the shares needed are counted.
    pub power: f64,
    /// File of layouts that is added to the program's own.
    pub layouts: Option<PathBuf>,
    /// Kind of chip by whose layout nonces are read; absent for that of the unit.
    pub layout: Option<String>,
    /// Stream of the capture; absent for the one with most shares.
    pub stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    pub difficulty: f64,
    /// Seed of a simulated unit and of resampled intervals.
    pub seed: u64,
}

impl Default for ChipsRequest {
    fn default() -> ChipsRequest {
        ChipsRequest {
            inputs: Vec::new(),
            model: None,
            shares: 5_000,
            backend: Backend::Wire,
            level: 0.05,
            power: 0.95,
            layouts: None,
            layout: None,
            stream: None,
            difficulty: 256.0,
            seed: 1,
        }
    }
}

impl ChipsRequest {
    /// Looks for everything that is wrong with a request.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.within("shares", self.shares, 1, MOST_SHARES);
        found.probability("level", self.level);
        found.probability("power", self.power);
        found.drives("backend", self.backend);
        found.all()
    }
}
