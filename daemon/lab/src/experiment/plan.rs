//! A run of an experiment as it is carried out, with nothing left open.

use std::path::PathBuf;

use thermine_reservoir::split::Split;

use super::encoding::Encoding;
use super::features::FeaturePlan;
use super::readouts;
use super::task::Task;
use crate::backend::Backend;
use crate::config::Config;

/// A run of an experiment.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) task: Task,
    /// The unit and its steps.
    pub(crate) config: Config,
    pub(crate) backend: Backend,
    /// Each way in which the input drives the unit: one arm each.
    pub(crate) encodings: Vec<Encoding>,
    /// What the readout is given.
    pub(crate) features: FeaturePlan,
    /// Readouts beside the ridge.
    pub(crate) readouts: Vec<readouts::Kind>,
    /// Inputs that the host gives to the readout beside the device.
    pub(crate) taps: usize,
    /// Whether a twin has a power meter at the wall.
    pub(crate) wall_meter: bool,
    /// Steps of each of the two runs that show whether the unit forgets how it began; 0 for none.
    pub(crate) echo_steps: usize,
    /// Steps for which the unit is watched without work; 0 for none.
    pub(crate) off_steps: usize,
    /// Seed of input, simulated unit and statistics.
    pub(crate) seed: u64,
    pub(crate) split: Split,
    /// Capture to replay.
    pub(crate) capture: Option<PathBuf>,
    /// Database to record to; `None` for a file in the report's folder.
    pub(crate) store: Option<PathBuf>,
    /// Whether the capture was recorded without this program's drives.
    pub(crate) undriven: bool,
}
