//! The one flow: a task's input drives a unit, and its states are judged.

pub(crate) mod arms;
pub mod encoder;
pub mod features;
pub mod trace;

use std::path::PathBuf;

use clap::ValueEnum;
use thermine_reservoir::split::Split;

use crate::config::Config;

/// What is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A unit on the wire, by the Single-Word Handshake.
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
    /// The unit and its steps.
    pub config: Config,
    /// What is driven.
    pub kind: Kind,
    /// Seed of input, simulated unit and statistics.
    pub seed: u64,
    /// Which steps are for what.
    pub split: Split,
    /// Capture to replay.
    pub capture: Option<PathBuf>,
    /// Whether that capture was recorded without this program's drives.
    pub undriven: bool,
}
