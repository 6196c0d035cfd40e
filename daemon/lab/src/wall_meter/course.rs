//! The course of a drive through the levels of duty.

use serde::{Deserialize, Serialize};
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

/// Duties in the order in which they are driven: the same backwards.
///
/// Below 0.31 an S9 queues its job switches, and its duty no longer follows the cadence.
pub(super) const DUTIES: [f64; 5] = [1.0, 0.65, 0.31, 0.65, 1.0];

/// Length of a step, s: how well the time of a typed reading is known.
pub(super) const STEP: f64 = 2.0;

/// Time after a change of duty in which a meter's readings belong to neither level, s.
pub(super) const CHANGE: f64 = 4.0;

/// A step of the drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// Number of its level.
    pub(super) level: usize,
    /// When it ended, s since the Unix epoch.
    pub(super) unix_s: f64,
    /// Its length, s of the unit's time.
    pub(super) seconds: f64,
    /// Shares of any job that came in it.
    pub(super) shares: u64,
    /// Temperature of each board's chip, °C.
    pub(super) chips_c: Vec<f64>,
    /// Speed of each fan, rpm.
    pub(super) fans_rpm: Vec<f64>,
}

/// A reading of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Watts {
    /// When it was taken, s since the Unix epoch.
    pub(super) unix_s: f64,
    /// The power.
    pub(super) watts: f64,
}

/// The whole drive: all that a measurement needs beside the meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    pub(super) unit: String,
    pub(super) model: Model,
    pub(super) provenance: Provenance,
    /// Duty asked for in each level.
    pub(super) duties: Vec<f64>,
    pub(super) moments: Vec<Moment>,
    /// What the unit's own meter or a person said.
    pub(super) watts: Vec<Watts>,
}
