//! What the catalogue holds of a model.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::limits::Limits;
use crate::nonce::Layout;
use crate::params::Params;
use crate::pow::Algorithm;

/// All that is particular to one model.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name in configurations and captures.
    pub name: &'static str,
    /// What it is, for a list of models.
    pub title: &'static str,
    /// Short names on the command line, the usual one first.
    pub aliases: &'static [&'static str],
    /// Configuration of a simulated unit.
    pub example: Example,

    /// What it hashes by.
    pub algorithm: Algorithm,
    /// Name of its chips as firmware writes it, where known.
    pub chip: Option<&'static str>,
    /// How its nonces are divided.
    pub layout: Layout,
    /// Whether its firmware counts the work items of a job in extranonce2, lowest byte first.
    pub counts_work_in_extranonce2: bool,

    /// The wire by which it is read and set.
    pub wire: Wire,
    /// Names that its control interface gives, in small letters without blanks and dashes.
    pub spellings: &'static [&'static str],
    /// Words in small letters of the agents that its firmware names in `mining.subscribe`, and the kind of unit that
    /// each word tells of.
    pub agents: &'static [(&'static str, &'static str)],
    /// Whether those words are assumed because no agent of the model is published. An unknown agent is then no evidence
    /// against the unit.
    pub agents_are_assumed: bool,
    /// What its control interface reports.
    pub reports: Reports,

    /// Lowest share difficulty that it answers at, whatever it is asked; 0 where there is no such floor.
    pub difficulty_floor: f64,
    /// Hashing lost to one clean job.
    pub switch_dead_time: Duration,
    /// What it may be set to, and when it must be stopped.
    pub limits: Limits,
    /// What an input of an experiment moves.
    pub inputs: Inputs,

    /// Parameters of its physics, for so many chips on a serial line; a unit with a controller has the chips that it
    /// has.
    pub physics: fn(chips: usize) -> Params,
}

/// A configuration in `configs/` that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Its path in the repository.
    pub path: &'static str,
    /// Contents of the file.
    pub text: &'static str,
}

/// The configuration of this name in `configs/`.
macro_rules! example {
    ($name:literal) => {
        $crate::model::Example {
            path: concat!("configs/", $name),
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../configs/",
                $name
            )),
        }
    };
}
pub(super) use example;

/// A wire by which a unit is read and set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// cgminer's API, as stock firmware has it: it is read and cannot be set.
    Cgminer,
    /// The HTTP API of AxeOS.
    AxeOs,
    /// Goldshell's HTTP API, with cgminer's beside it.
    Goldshell,
    /// Frames of chips on a serial line, which carries the work too.
    Serial,
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wire::Cgminer => "cgminer",
            Wire::AxeOs => "axeos",
            Wire::Goldshell => "goldshell",
            Wire::Serial => "serial",
        })
    }
}

/// What a control interface reports beside the temperature of its chips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reports {
    /// Slots of its boards, as it numbers them.
    pub slots: &'static [u8],
    /// Temperature of the circuit boards.
    pub board_temperature: bool,
    /// Temperature of the voltage regulators.
    pub regulator_temperature: bool,
    /// Whether it reports the power that it draws.
    pub power: bool,
    /// Answers of chips that failed its own check.
    pub hardware_errors: bool,
}

/// Ranges in which experiments and sweeps move a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inputs {
    /// Clock from the smallest to the largest input, MHz.
    pub frequency: (f64, f64),
    /// Voltage of a domain from the smallest to the largest input, V.
    pub voltage: (f64, f64),
    /// Fan speed from the smallest to the largest input, fraction of full speed.
    pub fan: (f64, f64),
    /// Voltages of a sweep by default: first, last and step, V.
    pub sweep_voltage: (f64, f64, f64),
    /// Clocks of a sweep by default: first, last and step, MHz.
    pub sweep_frequency: (f64, f64, f64),
    /// First and last difficulty of a sweep by default, which doubles.
    pub sweep_difficulty: (f64, f64),
    /// Whether a sweep names the voltage of a board, not that of one of its domains in series.
    pub sweeps_board_voltage: bool,
}
