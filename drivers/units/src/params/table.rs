//! The parameters of a simulated model: everything that tells one unit from another. The values are in the file of
//! each model, under `model`.
//!
//! Sources, as named below. *Maker*: published figures. *Sheet*: the project's device model, engineering
//! estimates chosen so that the steady state fits usual readings. *Capture*: measured on the published
//! share log of one real S9 (difficulty 256, a clean job after every share): on its first 1,600 rows, the other 988 held
//! back, but for the layout's coverage, which is of all 2,588. *Fit*: left open by the
//! sheet and chosen here so that its check values come out. *Assumed*: a plausible value without support.

use serde::{Deserialize, Serialize};

use super::silicon::Silicon;
use super::spread::Spread;
use crate::nonce::Layout;
use crate::pow::Algorithm;

/// A model of unit. Missing fields of a configuration take the S9's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    // Geometry.
    /// Hash boards. Maker.
    pub boards: usize,
    /// Voltage domains of a board: electrically in series, and one behind the other in the air. Maker.
    pub columns: usize,
    /// Chips of a domain, electrically in parallel. Maker.
    pub chips: usize,
    /// Hashes that a chip computes per clock cycle. S9: its 114 cores. LV06: 500 GH/s at 485 MHz. Maker.
    pub hashes_per_cycle: f64,
    /// Where chip, core and counter stand in a nonce. Capture for the S9, public drivers for the BM1366; Assumed
    /// for the LB-Box.
    pub layout: Layout,
    /// What it hashes by; decides how many hashes a share takes. Maker.
    pub algorithm: Algorithm,

    // Setting and its limits.
    /// Chip clock on start, MHz. Sheet.
    pub frequency_mhz: f64,
    /// Lowest chip clock, MHz. Assumed.
    pub frequency_min_mhz: f64,
    /// Highest chip clock, MHz. Assumed.
    pub frequency_max_mhz: f64,
    /// Step of the clock generator, MHz; 6.25 is a 25 MHz crystal and a divider by 4. Assumed.
    pub frequency_step_mhz: f64,
    /// Voltage of a domain on start, V; a board gets `columns` times as much. Sheet.
    pub voltage_v: f64,
    /// V0 of the leakage and error laws, V. Sheet.
    pub reference_v: f64,
    /// Lowest domain voltage, V. S9: 7.0 V a board. Assumed.
    pub voltage_min_v: f64,
    /// Highest domain voltage, V. S9: 9.2 V a board. Assumed.
    pub voltage_max_v: f64,
    /// Fan on start, fraction of full speed. Sheet for the S9; for the LV06 a fit to its 65 °C.
    pub fan: f64,
    /// Slowest fan, fraction of full speed. Sheet.
    pub fan_min: f64,
    /// Time constant of the fan's speed, s. Sheet.
    pub fan_lag_s: f64,
    /// Number of fans. Maker.
    pub fans: usize,
    /// Full speed, rpm. Maker.
    pub fan_full_rpm: f64,
    /// Die temperature at which the firmware cuts the boards' supply and runs the fan at full speed, °C.
    /// Assumed; without it the leakage of a starved unit runs away.
    pub trip_c: f64,
    /// Hottest die temperature at which it restores the supply, °C. Assumed.
    pub release_c: f64,

    // Power: P = a V² f act + leakage · (V/V0)² · exp((Td − 80)/T_l), act = idle + (1 − idle) · duty.
    /// a: switched capacitance of a chip, F. Sheet; LV06 from its 10.6 W.
    pub switched_f: f64,
    /// Part of the dynamic power that a clocked chip without work, as while a job switches, still takes. Assumed: not
    /// measured on any unit, and the thermal scores of an encoding by duty hang on it.
    pub idle: f64,
    /// Leakage of a chip at 80 °C and V0, W. Sheet.
    pub leakage_w: f64,
    /// T_l: rise of die temperature that multiplies leakage by e, K. Sheet.
    pub leakage_fold_k: f64,
    /// Loss of a board's regulator, as a fraction of what its chips take. Sheet.
    pub regulator_loss: f64,

    // Heat.
    /// Heat capacity of a die, J/K. Sheet.
    pub die_j_k: f64,
    /// Thermal resistance from a die to its heatsink, K/W. Sheet.
    pub die_sink_k_w: f64,
    /// Heat capacity of a chip's heatsink, J/K. Sheet.
    pub sink_j_k: f64,
    /// R0: resistance from a heatsink to the air at full fan, K/W; R = R0 · fan^−0.6. Sheet.
    pub sink_air_k_w: f64,
    /// Conductance between heatsinks of neighbouring columns, W/K. Fit: left open by the sheet; 0 to 0.3
    /// all fit the temperatures, and the upper end fits the error rate best.
    pub sink_sink_w_k: f64,
    /// Heat capacity of the circuit board under one column, J/K. Sheet.
    pub pcb_j_k: f64,
    /// Conductance from one heatsink to the circuit board, W/K. Sheet; taken per chip (fit).
    pub sink_pcb_w_k: f64,
    /// Conductance from a column's circuit board to the air at full fan, W/K. Sheet; taken to follow the
    /// heatsinks' law, G = G0 · fan^0.6 (fit).
    pub pcb_air_w_k: f64,
    /// Conductance between the circuit board of neighbouring columns, W/K. Sheet.
    pub pcb_pcb_w_k: f64,
    /// Heat capacity of a board's regulator, J/K. Sheet.
    pub regulator_j_k: f64,
    /// Resistance from the regulator to where its heat goes, K/W. Sheet.
    pub regulator_k_w: f64,
    /// Where the regulator's heat goes. Fit.
    pub regulator_heats: RegulatorHeats,
    /// m·cp: heat that warms one board's air by 1 K at full fan, W/K; in proportion to the fan. Sheet.
    /// The LV06's air is not limiting: any large number.
    pub air_w_k: f64,
    /// Mean ambient temperature, °C. Sheet.
    pub ambient_c: f64,
    /// Stationary standard deviation of the ambient (Ornstein-Uhlenbeck), K. Sheet.
    pub ambient_sd_k: f64,
    /// Correlation time of the ambient, s. Sheet.
    pub ambient_time_s: f64,

    // Errors: e = logistic((f/fmax − 1)/w), fmax = f0 (1 + kv (V/V0 − 1)) (1 + kt (Td − 80)) · spread.
    /// f0: clock at which an average chip at 80 °C and V0 errs half the time, MHz. Sheet; deliberately
    /// tight, so that errors can be observed. A healthy unit errs under 1 %.
    pub fmax_mhz: f64,
    /// kv: how fmax grows with voltage. Sheet.
    pub fmax_per_voltage: f64,
    /// kt, 1/K. Sheet.
    pub fmax_per_k: f64,
    /// w: width of the error onset, fraction of fmax. Sheet.
    pub error_width: f64,
    /// Standard deviation of the chips' fmax about 1. Sheet.
    pub fmax_spread: f64,

    // Work and shares.
    /// Lowest share difficulty: what is asked below it is raised to it. Capture, both models.
    pub difficulty_floor: f64,
    /// Shortest time from a clean job to the first hash on it, s. Capture: no share within 16 ms.
    pub switch_min_s: f64,
    /// Longest such time, s; uniform between. Capture: where no other job came shortly before, the rate of new
    /// shares rises evenly from 16 ms to 30 ms. With what queued jobs lose, 25 to 29 ms are lost to a switch.
    pub switch_max_s: f64,
    /// Mean time for which the chips go on with the replaced work, s; exponential. Capture: 7 % of the jobs
    /// are followed by a share of the replaced one within 20 ms, at a rate of 13 shares a second.
    pub old_work_s: f64,
    /// Longest such time, s. Capture: the rate of old shares is 0 from 20 ms on.
    pub old_work_max_s: f64,
    /// Clock cycles that a chip spends on one work item. Without a clean job the next is fetched within
    /// this. S9: its counter's coverage, 0.8973 · 2^19 (Capture). LV06: 2^32 hashes.
    pub work_cycles: f64,
    /// A clean job that comes at least this long after another, and when the chips have begun with that, is
    /// queued behind it, s. Capture: none of the jobs within 18 ms of another, all of those from 18 ms on.
    pub queue_min_s: f64,
    /// A clean job that comes later than this after another is not queued, s. Capture: half of the jobs that
    /// come 30 to 45 ms after another are.
    pub queue_max_s: f64,
    /// When the chips take up the other work once more after a queued job has come, s. Capture: shares of it
    /// come from 32 ms on.
    pub resume_s: f64,
    /// For how long, s. Capture: they end at 50 ms, and those of the queued job begin at 52 ms.
    pub resumed_s: f64,
    /// Longest time by which a job that interrupts a switch draws it out, s; uniform from 0. Capture: after such
    /// jobs the rate of new shares rises until 55 ms, not 30.
    pub interrupted_s: f64,
    /// Probability that the share that set off a switch is sent a second time when a further job interrupts
    /// the switch. Capture: 28 copies, all of them after one of the 117 such interruptions.
    pub copy_probability: f64,
    /// Shortest time from a share to its second sending, s. Capture.
    pub copy_min_s: f64,
    /// Longest such time, s; uniform between. Capture.
    pub copy_max_s: f64,

    // Sensors.
    /// Time between readings, s. Assumed.
    pub sensor_period_s: f64,
    /// Step of a temperature reading, K. Sheet.
    pub temperature_step_k: f64,
    /// Noise of a temperature reading before rounding, standard deviation, K. Sheet.
    pub temperature_noise_k: f64,
    /// Step of the power meter, W. Sheet.
    pub power_step_w: f64,
    /// Noise of the power meter before rounding, standard deviation, W. Sheet.
    pub power_noise_w: f64,
    /// Step of the fan reading, rpm. Assumed.
    pub fan_step_rpm: f64,
    /// Difficulty of the answers by which the firmware counts its chips' work and errors. Assumed.
    pub answer_difficulty: f64,

    // Defects.
    /// Which chips compute less than others, and which of their cores nothing. Assumed: none.
    pub silicon: Silicon,
    /// How the units of the model differ in leakage, speed, sensors and dead cores, and which of them this is.
    /// Assumed: not at all.
    pub spread: Spread,

    // Integration.
    /// Step of the thermal integration (explicit Euler), s; stable to 0.4 on the S9. Sheet: 0.1 for
    /// checks, 0.25 for sweeps.
    pub tick_s: f64,
}

/// Where a board's regulator gives off its heat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegulatorHeats {
    /// Into the air before the first column.
    Inlet,
    /// Into the circuit board, evenly over the columns.
    Board,
}

impl Params {
    /// Chips of the whole unit.
    pub fn chip_count(&self) -> usize {
        self.boards * self.columns * self.chips
    }
}
