//! What a unit is, whatever its make: who it says it is, what it reports, where it can be set.
//!
//! A field that a device did not report, or that its sensor cannot be reporting truly, is `None`. It is
//! never zero: a cold chip and a dead sensor must not look alike.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts, Watts};

/// What a unit says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Model as the firmware spells it, for example `Antminer S9`.
    pub model: Option<String>,
    /// Firmware version or build date, as spelled by the device.
    pub firmware: Option<String>,
    /// Version of the control interface.
    pub api: Option<String>,
    /// What tells it from others of its model: a serial number, a hardware address or a host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// One reading of a unit's sensors and counters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// When the reply was read, on the run's clock. The age of every field here is `now - taken`.
    pub taken: Nanos,
    /// Hash boards that are present, in slot order.
    pub boards: Vec<Board>,
    /// Fans that are present, in the device's order.
    pub fans: Vec<Rpm>,
    /// Hash rate over the device's short window (5 s on an S9).
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the device's miner started.
    pub hash_rate_average: Option<HashRate>,
    /// Answers of the chips that failed the device's own check, since its miner started.
    pub hardware_errors: Option<u64>,
    /// Shares that the pool accepted, since the device's miner started.
    pub accepted: Option<u64>,
    /// Shares that the pool rejected, since the device's miner started.
    pub rejected: Option<u64>,
    /// Power drawn, where the device has a meter. An S9 has none.
    pub power: Option<Watts>,
    /// Core voltage as measured, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_voltage: Option<Volts>,
    /// Time since the device's miner started.
    pub uptime: Option<Duration>,
}

impl Telemetry {
    /// The hottest sensor of the unit; `None` if no sensor gave a credible reading.
    pub fn hottest(&self) -> Option<Celsius> {
        self.boards
            .iter()
            .flat_map(|b| [b.pcb_temp, b.chip_temp])
            .flatten()
            .max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Whether this reading tells less of the unit's temperatures than the one `before` it, as after a failed
    /// read of a sensor: it is then worth another reading at once. The first reading of a unit is expected
    /// to be whole.
    pub fn tells_less_than(&self, before: Option<&Telemetry>) -> bool {
        let counts = |telemetry: &Telemetry| {
            let counts = telemetry.boards.iter().map(Board::sensor_count);
            counts.collect::<Vec<_>>()
        };
        let working = |telemetry: &Telemetry| {
            let counts = counts(telemetry).into_iter();
            counts.map(|count| u32::from(count.working)).sum::<u32>()
        };
        match before {
            Some(before) => working(self) < working(before),
            None => {
                let bad = |count: &SensorCount| count.failed > 0 || count.working == 0;
                self.boards.is_empty() || counts(self).iter().any(bad)
            }
        }
    }
}

/// One hash board of a unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// Slot as the device numbers it (6, 7 and 8 on an S9).
    pub slot: u8,
    /// Temperature of the circuit board.
    pub pcb_temp: Option<Celsius>,
    /// Temperature at or beside the hottest sensed chip.
    pub chip_temp: Option<Celsius>,
    /// Temperature of the hottest voltage regulator, where it is sensed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regulator_temp: Option<Celsius>,
    /// Mean clock of the board's chips.
    pub frequency: Option<MegaHertz>,
    /// Hash rate of the board.
    pub hash_rate: Option<HashRate>,
    /// Chips found at start-up.
    pub chips: Option<u16>,
    /// Chips that the device marks as failing.
    pub failing_chips: Option<u16>,
    /// Answers of this board's chips that failed the device's own check.
    pub hardware_errors: Option<u64>,
    /// Sensors that the reply lists but that gave no number above the dead readings (0, -1, far below freezing).
    pub failed_sensors: u8,
    /// Temperature sensors that the reply lists, working or failed; 0 where the driver did not count them. Not
    /// kept in captures.
    #[serde(skip)]
    pub sensors: u8,
}

/// How many temperature sensors of a board work and how many failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SensorCount {
    /// Sensors with a reading.
    pub working: u8,
    /// Sensors without one.
    pub failed: u8,
}

impl Board {
    /// The temperatures that can be true. NaN, infinite values, 0 and everything below are failed sensors; every
    /// other value counts, however high: it may be true, and then the unit is hot.
    pub fn readings(&self) -> impl Iterator<Item = (Sensor, Celsius)> {
        self.listed().filter(|(_, celsius)| is_reading(*celsius))
    }

    /// Counts the sensors, those that the driver dropped included.
    pub fn sensor_count(&self) -> SensorCount {
        // Both have at most three elements.
        let unnoticed = self.listed().filter(|(_, celsius)| !is_reading(*celsius));
        let failed = self.failed_sensors.saturating_add(unnoticed.count() as u8);
        let read = self.readings().count() as u8;
        SensorCount {
            working: read.max(self.sensors.saturating_sub(failed)),
            failed,
        }
    }

    fn listed(&self) -> impl Iterator<Item = (Sensor, Celsius)> {
        [
            (Sensor::Board, self.pcb_temp),
            (Sensor::Chip, self.chip_temp),
            (Sensor::Regulator, self.regulator_temp),
        ]
        .into_iter()
        .filter_map(|(sensor, celsius)| Some((sensor, celsius?)))
    }
}

fn is_reading(celsius: Celsius) -> bool {
    celsius.0.is_finite() && celsius.0 > 0.0
}

/// Most boards of a unit that can be clocked apart.
pub const BOARDS: usize = 3;

/// Where a unit is asked to run. `None` leaves a setting as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Chip clock; `None` leaves it as it is.
    pub frequency: Option<MegaHertz>,
    /// Core voltage of a chip.
    pub voltage: Option<Volts>,
    /// Fan speed as a fraction of full speed, 0 to 1.
    pub fan: Option<f64>,
    /// Power plan, on models that have some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PowerMode>,
    /// Clock of each board as a fraction of `frequency`, 0 to 1. No stock firmware can set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boards: Option<[f64; BOARDS]>,
}

impl OperatingPoint {
    /// Leaves every setting as it is.
    pub const UNCHANGED: OperatingPoint = OperatingPoint {
        frequency: None,
        voltage: None,
        fan: None,
        mode: None,
        boards: None,
    };
}

/// A temperature sensor of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// [`Board::pcb_temp`].
    Board,
    /// [`Board::chip_temp`].
    Chip,
    /// [`Board::regulator_temp`].
    Regulator,
}

impl std::fmt::Display for Sensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Sensor::Board => "circuit board",
            Sensor::Chip => "chip",
            Sensor::Regulator => "regulator",
        })
    }
}

/// A power plan of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerMode {
    /// Full hash rate.
    Normal,
    /// Less, for less power.
    LowPower,
    /// No hashing; the controller stays reachable.
    Sleep,
}
