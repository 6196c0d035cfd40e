//! What a simulated LV06 keeps in flash, and what its firmware knows of it at present.

use std::time::Duration;

use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts, Watts};
use thermine_units::unit::OperatingPoint;

/// Chip temperature above which the firmware shuts down, °C.
pub(crate) const OVERHEAT_CHIP: Celsius = Celsius(75.0);
/// Regulator temperature above which it shuts down, °C.
pub(crate) const OVERHEAT_REGULATOR: Celsius = Celsius(105.0);
/// Clock that it falls back to, MHz.
pub(crate) const OVERHEAT_FREQUENCY: u16 = 50;
/// Core voltage that it falls back to, mV.
pub(crate) const OVERHEAT_VOLTAGE: u16 = 1000;

/// What the simulated firmware knows of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// In flash: kept over a restart.
    pub(crate) stored: Stored,
    pub(crate) readings: Readings,
}

/// A build of the firmware, as far as its page differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Build {
    /// ESP-Miner 2.1.10: `fanspeed` is the stored speed, and where the fan stands.
    #[default]
    V2_1,
    /// ESP-Miner 2.11: the stored speed is `manualFanSpeed`, and `fanspeed` in a setting is passed over.
    V2_11,
}

/// Settings as stored, unchecked as the firmware leaves them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// Which build runs.
    pub(crate) build: Build,
    /// Chip clock, MHz.
    pub(crate) frequency: u16,
    /// Core voltage, mV.
    pub(crate) core_voltage: u16,
    /// 1 if the fan follows the chip's temperature.
    pub(crate) autofanspeed: u16,
    /// Where the fan stands, percent.
    pub(crate) fanspeed: u16,
    /// Speed of a fan that is not automatic, percent; only of [`Build::V2_11`].
    pub(crate) manual_fan: u16,
    /// 1 after the firmware has shut down for heat.
    pub(crate) overheat_mode: u16,
    /// Screen settings, of no effect here.
    pub(crate) flipscreen: u16,
    /// As `flipscreen`.
    pub(crate) invertscreen: u16,
    /// Sense of the fan's signal, of no effect here.
    pub(crate) invertfanpolarity: u16,
    /// Pool host, without scheme.
    pub(crate) stratum_url: String,
    pub(crate) stratum_port: u16,
    pub(crate) stratum_user: String,
    pub(crate) ssid: String,
    /// Name on the network.
    pub(crate) hostname: String,
    /// Other units, as the page stored them: any text.
    pub(crate) swarm: String,
    /// Hardest share ever.
    pub(crate) best_difficulty: f64,
}

impl Stored {
    /// The setting as the firmware passes it to chip, regulator and fan.
    pub(crate) fn operating_point(&self) -> OperatingPoint {
        OperatingPoint {
            frequency: Some(MegaHertz(f64::from(self.frequency))),
            voltage: Some(Volts(f64::from(self.core_voltage) / 1000.0)),
            fan: Some(f64::from(self.fanspeed) / 100.0),
            ..OperatingPoint::UNCHANGED
        }
    }
}

/// One look at the sensors and counters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Readings {
    /// Whether the controller runs; it does not while it restarts.
    pub(crate) on: bool,
    /// Time since the start.
    pub(crate) uptime: Duration,
    pub(crate) power: Watts,
    pub(crate) chip: Celsius,
    pub(crate) regulator: Celsius,
    /// Rate of the chip's answers.
    pub(crate) hash_rate: HashRate,
    /// Core voltage in force.
    pub(crate) core_voltage: Volts,
    pub(crate) fan: Rpm,
    /// Shares accepted since the start.
    pub(crate) accepted: u64,
    /// Shares rejected since the start.
    pub(crate) rejected: u64,
    /// Hardest share since the start.
    pub(crate) best_session: f64,
}

/// Fan speed at `chip` when it follows the temperature, percent: 35 % up to 45 °C, full at 75 °C, a line
/// between. From ESP-Miner 2.1.
pub(crate) fn automatic_fan(chip: Celsius) -> u16 {
    let warm = ((chip.0 - 45.0) / 30.0).clamp(0.0, 1.0);
    (35.0 + 65.0 * warm).round() as u16
}

/// Whether the firmware shuts down: too hot, and not yet at its fallback.
pub(crate) fn must_shut_down(state: &State) -> bool {
    let Readings {
        chip, regulator, ..
    } = state.readings;
    let stored = &state.stored;
    (chip > OVERHEAT_CHIP || regulator > OVERHEAT_REGULATOR)
        && (stored.frequency > OVERHEAT_FREQUENCY || stored.core_voltage > OVERHEAT_VOLTAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fan_follows_the_chip_between_its_ends() {
        let percent = |celsius| automatic_fan(Celsius(celsius));
        assert_eq!(percent(20.0), 35);
        assert_eq!(percent(45.0), 35);
        assert_eq!(percent(60.0), 68);
        assert_eq!(percent(75.0), 100);
        assert_eq!(percent(200.0), 100);
    }
}
