//! One file per model: what is particular to it and stands in no protocol.

pub mod agent;
pub mod bm1366;
pub mod bm1387;
pub mod lb_box;
pub mod lv06;
pub mod s9;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pow::Algorithm;
use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::OperatingPoint;

/// A model that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Bitmain Antminer S9: 3 × 63 BM1387, cgminer API, Stratum.
    AntminerS9,
    /// Lucky Miner LV06: one BM1366, AxeOS HTTP, Stratum.
    LuckyMinerLv06,
    /// Goldshell LB-Box: LBRY, Goldshell HTTP and cgminer API, Stratum.
    GoldshellLbBox,
    /// A bare chain of BM1387 on a serial port.
    Bm1387,
    /// A bare BM1366 on a serial port.
    Bm1366,
}

impl Model {
    /// All models.
    pub const ALL: [Model; 5] = [
        Model::AntminerS9,
        Model::LuckyMinerLv06,
        Model::GoldshellLbBox,
        Model::Bm1387,
        Model::Bm1366,
    ];

    /// Name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Model::AntminerS9 => "antminer-s9",
            Model::LuckyMinerLv06 => "lucky-miner-lv06",
            Model::GoldshellLbBox => "goldshell-lb-box",
            Model::Bm1387 => "bm1387",
            Model::Bm1366 => "bm1366",
        }
    }

    /// Whether it is chips on a serial line, without a controller of their own.
    pub fn is_bare(self) -> bool {
        matches!(self, Model::Bm1387 | Model::Bm1366)
    }

    /// What it hashes by.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Model::GoldshellLbBox => Algorithm::Lbry,
            _ => Algorithm::Sha256d,
        }
    }

    /// Lowest share difficulty that it answers at, whatever it is asked; 0 where there is no such floor.
    pub fn difficulty_floor(self) -> f64 {
        match self {
            Model::AntminerS9 => s9::DIFFICULTY_FLOOR,
            _ => 0.0,
        }
    }

    /// Hashing lost to one clean job. Measured on an S9; the same is assumed of the other units with a
    /// controller. Bare chips are fed frame by frame, and lose nothing.
    pub fn switch_dead_time(self) -> Duration {
        if self.is_bare() {
            Duration::ZERO
        } else {
            s9::SWITCH_DEAD_TIME
        }
    }

    /// What a model may be set to, and when it must be stopped.
    pub fn limits(self) -> &'static Limits {
        match self {
            Model::AntminerS9 => &s9::LIMITS,
            Model::LuckyMinerLv06 => &lv06::LIMITS,
            Model::GoldshellLbBox => &lb_box::LIMITS,
            Model::Bm1387 => &bm1387::LIMITS,
            Model::Bm1366 => &bm1366::LIMITS,
        }
    }
}

impl std::fmt::Display for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a model may be set to, and when it must be stopped. Configuration may only tighten these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Chip clock, lowest and highest.
    pub frequency: (MegaHertz, MegaHertz),
    /// Core voltage, lowest and highest; `None` where it cannot be set.
    pub voltage: Option<(Volts, Volts)>,
    /// Lowest fan speed as a fraction of full speed; `None` where the fan cannot be set.
    pub fan_min: Option<f64>,
    /// Chip temperature at which the unit must be stopped.
    pub chip_stop: Celsius,
    /// Circuit-board temperature at which it must be stopped.
    pub board_stop: Celsius,
    /// Regulator temperature at which it must be stopped; `None` where it is not sensed.
    pub regulator_stop: Option<Celsius>,
    /// How far all must cool below their limit before the unit may run again, K.
    pub hysteresis: f64,
    /// Age at which a reading no longer counts: the unit is then taken to be hot.
    pub stale_after: Duration,
    /// Fans whose speed a whole unit reports; 0 where they are not on the wire.
    pub fans: u8,
    /// Where the unit makes the least heat that its wire can ask for. All `None` where nothing can be set:
    /// there the only safe act is to withhold work.
    pub safe: OperatingPoint,
}
