//! What the meter says, as data.

use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of the program.
    pub version: &'static str,
    /// Name of the unit.
    pub unit: String,
    /// Its model.
    pub model: Model,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Each duty, the largest first.
    pub levels: Vec<Level>,
    /// Part of the dynamic power that a clocked chip draws without work: median and 95 % interval.
    pub idle: Estimate,
    /// Watts at the wall that the chips draw by computing, at full duty.
    pub dynamic_w: Estimate,
    /// Watts at the wall that the hottest chips' temperature explains, at 80 °C.
    pub leakage_w: Estimate,
    /// The same by the model's parameters.
    pub assumed_leakage_w: f64,
    /// Watts of fans and controller that were taken off: least and most.
    pub others_w: (f64, f64),
    /// Means of the meter that were fitted, each over up to 20 s.
    pub points: usize,
    /// Readings of the meter.
    pub readings: usize,
    /// Draws that the interval rests on, by their weights.
    pub effective_draws: f64,
    /// Seed of the interval, and of a simulated unit.
    pub seed: u64,
    /// What spoils the measurement.
    pub notes: Vec<String>,
}

/// One duty.
#[derive(Debug, Clone, Serialize)]
pub struct Level {
    /// Duty that was asked for.
    pub duty: f64,
    /// Rate of shares over that at full duty: the part of its time that the unit hashes.
    pub activity: f64,
    /// Shares that this rests on.
    pub shares: u64,
    /// Mean power, W.
    pub watts: f64,
    /// Mean temperature of the boards' chips, °C.
    pub chip_c: f64,
}

impl Report {
    /// Whether the interval leaves `value` out.
    pub fn rules_out(&self, value: f64) -> bool {
        value < self.idle.low || value > self.idle.high
    }
}
