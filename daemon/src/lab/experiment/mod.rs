//! The one flow: a task's input drives a unit, and its states are judged.

pub(crate) mod arms;
pub(crate) mod counts;
pub mod encoder;
pub mod encoding;
pub mod features;
pub(crate) mod judge;
pub mod presets;
pub mod quantities;
pub mod readouts;
pub mod recipe;
pub(crate) mod run;
pub(crate) mod saved;
pub mod task;
pub mod trace;

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use thermine_reservoir::split::Split;
use utoipa::ToSchema;

use self::encoding::Encoding;
use self::features::FeaturePlan;
use self::task::Task;
use crate::lab::config::Config;

/// What is driven.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Substrate)]
pub enum Kind {
    /// A unit on the wire, by the Single-Word Handshake.
    #[default]
    Handshake,
    /// The simulator's physics, in process and without wires: the same, in a tenth of the time.
    Twin,
    /// A capture, as recorded.
    Replay,
}

impl Kind {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Handshake => "handshake",
            Kind::Twin => "twin",
            Kind::Replay => "replay",
        }
    }
}

/// A run as asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is to be learnt.
    pub task: Task,
    /// The unit and its steps.
    pub config: Config,
    /// What is driven.
    pub kind: Kind,
    /// Each way in which the input drives it: one arm each.
    pub encodings: Vec<Encoding>,
    /// What the readout is given.
    pub features: FeaturePlan,
    /// Readouts beside the ridge.
    pub readouts: Vec<readouts::Kind>,
    /// Inputs that the host gives to the readout beside the device.
    pub taps: usize,
    /// Whether a twin has a power meter at the wall.
    pub wall_meter: bool,
    /// Steps of each of the two runs that show whether the unit forgets how it began; 0 for none.
    pub echo_steps: usize,
    /// Steps for which the unit is watched without work; 0 for none.
    pub off_steps: usize,
    /// Seed of input, simulated unit and statistics.
    pub seed: u64,
    /// Which steps are for what.
    pub split: Split,
    /// Capture to replay.
    pub capture: Option<PathBuf>,
    /// Database to record to; `None` for a file in the report's folder.
    pub store: Option<PathBuf>,
    /// Whether that capture was recorded without this program's drives.
    pub undriven: bool,
}
