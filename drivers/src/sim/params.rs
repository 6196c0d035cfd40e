//! A model of unit as numbers.
//!
//! Chip and board counts, hash rate and wall power are the makers' published figures. The thermal values
//! are engineering estimates, chosen so that the steady state fits the usual readings; nobody has
//! measured them here. Fit them with a step test before claiming anything about a particular unit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that the physics of a unit depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Hash boards.
    pub boards: usize,
    /// Columns of a board along the air flow; each is one voltage domain.
    pub columns: usize,
    /// Chips side by side in a column.
    pub chips_per_column: usize,
    /// Cores of a chip, each one hash a clock.
    pub cores: u32,
    /// Clock when nothing else is asked, in MHz.
    pub frequency_mhz: f64,
    /// Lowest and highest clock that can be set, in MHz.
    pub frequency_limits_mhz: (f64, f64),
    /// Steps of the clock, in MHz.
    pub frequency_step_mhz: f64,
    /// Core voltage when nothing else is asked, in V.
    pub voltage: f64,
    /// Lowest and highest core voltage that can be set, in V.
    pub voltage_limits: (f64, f64),
    /// Dynamic power of a chip is this times V² f times activity, in W/(V² Hz).
    pub dynamic: f64,
    /// Share of the dynamic power that an idle chip still draws.
    pub idle: f64,
    /// Leakage of a chip at 80 °C and the default voltage, in W.
    pub leakage: f64,
    /// Rise of temperature in which leakage grows e-fold, in K.
    pub leakage_rise: f64,
    /// Heat capacity of a die, in J/K.
    pub die_capacity: f64,
    /// Thermal resistance from die to heatsink, in K/W.
    pub die_to_sink: f64,
    /// Heat capacity of a heatsink, in J/K.
    pub sink_capacity: f64,
    /// Thermal resistance from heatsink to air at full fan, in K/W; grows as fan^-0.6.
    pub sink_to_air: f64,
    /// Conductance from a heatsink to its neighbours along the air flow, in W/K. Not published; chosen so
    /// that the last chip and board sensor come out at 91 and 74 °C.
    pub sink_to_sink: f64,
    /// Heat capacity of the board under one column, in J/K.
    pub pcb_capacity: f64,
    /// Conductance from a heatsink to the board, in W/K.
    pub sink_to_pcb: f64,
    /// Conductance from the board under a column to air at full fan, in W/K; grows as fan^0.6.
    pub pcb_to_air: f64,
    /// Conductance between neighbouring columns' boards, in W/K.
    pub pcb_to_pcb: f64,
    /// Share of the chips' power that the regulators lose on top.
    pub regulator_loss: f64,
    /// Heat capacity of a board's regulators, in J/K.
    pub regulator_capacity: f64,
    /// Thermal resistance from the regulators to the air that enters, in K/W.
    pub regulator_to_air: f64,
    /// Heat capacity flow of the air over a board at full fan, in W/K.
    pub air_flow: f64,
    /// Time constant of the fan, in s.
    pub fan_lag: f64,
    /// Fan speed when nothing else is asked, as a fraction of full.
    pub fan: f64,
    /// Lowest fan speed that can be set, as a fraction of full.
    pub fan_min: f64,
    /// Full fan speed, in rpm.
    pub fan_rpm: f64,
    /// Mean temperature of the room, in °C.
    pub ambient: f64,
    /// Standard deviation of the room's temperature, in K.
    pub ambient_spread: f64,
    /// Correlation time of the room's temperature, in s.
    pub ambient_time: f64,
    /// Clock at which half of a chip's answers are wrong, at the default voltage and 80 °C, in MHz. Tight
    /// on purpose, so that errors are something to observe; a healthy unit shows under 1 %.
    pub max_frequency_mhz: f64,
    /// Relative rise of that clock per relative rise of the voltage.
    pub max_frequency_per_voltage: f64,
    /// Relative rise of that clock per K.
    pub max_frequency_per_kelvin: f64,
    /// Relative spread of that clock over the chips.
    pub max_frequency_spread: f64,
    /// Relative width of the step from right to wrong answers.
    pub error_width: f64,
    /// Standard deviation of a temperature sensor, in K; it shows whole degrees.
    pub sensor_noise: f64,
    /// Time between two readings of the sensors, in s.
    pub sensor_period: f64,
    /// Difficulty of the answers that the firmware counts its hash rate by.
    pub counting_difficulty: f64,
    /// Lowest share difficulty that it answers at.
    pub difficulty_floor: f64,
    /// Shortest and longest time from a clean job to the first hash on it. A real S9's first answers came
    /// after 15 to 20 ms, and each switch cost 25.7 ms of hashing.
    pub dead_time: (Duration, Duration),
    /// Decay time of answers to the old job after a clean one. With it some 9 % of answers are late when
    /// every share brings a new job, as on the real S9.
    pub old_job_decay: Duration,
    /// Share of the answers that come twice; 1.6 % on the real S9.
    pub copies: f64,
    /// How much later the second comes.
    pub copy_delay: Duration,
    /// Step of the thermal network, in s. Explicit Euler is stable up to 0.4 s with these values.
    pub tick: f64,
}

impl Params {
    /// An Antminer S9 with 189 BM1387 at 600 MHz: 12.5 TH/s at 1,254 W.
    pub fn s9() -> Params {
        Params {
            boards: 3,
            columns: 21,
            chips_per_column: 3,
            cores: 114,
            frequency_mhz: 600.0,
            frequency_limits_mhz: (200.0, 700.0),
            frequency_step_mhz: 6.25,
            voltage: 0.41,
            voltage_limits: (0.35, 0.45),
            dynamic: 5.55e-8,
            idle: 0.15,
            leakage: 0.8,
            leakage_rise: 35.0,
            die_capacity: 0.5,
            die_to_sink: 1.2,
            sink_capacity: 12.0,
            sink_to_air: 5.0,
            sink_to_sink: 0.05,
            pcb_capacity: 7.0,
            sink_to_pcb: 0.05,
            pcb_to_air: 0.05,
            pcb_to_pcb: 0.4,
            regulator_loss: 0.03,
            regulator_capacity: 100.0,
            regulator_to_air: 2.0,
            air_flow: 19.0,
            fan_lag: 3.0,
            fan: 0.8,
            fan_min: 0.25,
            fan_rpm: 6000.0,
            ambient: 25.0,
            ambient_spread: 0.5,
            ambient_time: 1200.0,
            max_frequency_mhz: 660.0,
            max_frequency_per_voltage: 1.6,
            max_frequency_per_kelvin: 0.0008,
            max_frequency_spread: 0.02,
            error_width: 0.02,
            sensor_noise: 0.25,
            sensor_period: 1.0,
            counting_difficulty: 64.0,
            difficulty_floor: 256.0,
            dead_time: (Duration::from_millis(18), Duration::from_micros(33_400)),
            old_job_decay: Duration::from_millis(8),
            copies: 0.016,
            copy_delay: Duration::from_millis(22),
            tick: 0.25,
        }
    }

    /// Chips of a board.
    pub fn chips_per_board(&self) -> usize {
        self.columns * self.chips_per_column
    }
}
