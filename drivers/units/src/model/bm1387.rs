//! A bare chain of BM1387 on a serial port: an S9's board without its controller.

use std::time::Duration;

use super::entry::{Entry, Inputs, Reports, Wire, example};
use super::limits::Limits;
use super::s9;
use crate::params::Params;
use crate::unit::OperatingPoint;

/// Those of an S9, whose chips these are. No fan and no voltage is on this wire.
const LIMITS: Limits = Limits {
    fans: 0,
    safe: OperatingPoint {
        frequency: Some(s9::LIMITS.frequency.0),
        ..OperatingPoint::UNCHANGED
    },
    ..s9::LIMITS
};

pub(super) const ENTRY: Entry = Entry {
    name: "bm1387",
    title: "A chain of bare BM1387 on a serial line",
    aliases: &["bm1387"],
    example: example!("sim-bm1387.toml"),
    counts_work_in_extranonce2: false,
    wire: Wire::Serial,
    spellings: &[],
    agents: &[],
    reports: Reports {
        slots: &[0],
        board_temperature: false,
        ..s9::ENTRY.reports
    },
    difficulty_floor: 0.0,
    // Fed frame by frame, they lose nothing.
    switch_dead_time: Duration::ZERO,
    limits: LIMITS,
    inputs: Inputs {
        sweeps_board_voltage: false,
        ..s9::ENTRY.inputs
    },
    physics: Params::bm1387,
    ..s9::ENTRY
};

/// Chips and voltage domains of an S9's board. Maker.
const BOARD_CHIPS: usize = 63;
const BOARD_COLUMNS: usize = 21;

/// The chips, their heat and their errors are the S9's; what differs, and a number that is not from there, is an
/// estimate.
impl Params {
    /// A chain of BM1387 as on an S9's board, supply and fan as there: 3 chips a voltage domain where
    /// `chips` is a multiple of 3, else each its own. `chips` is taken to be from 1 to 63.
    ///
    /// A short chain gets so much less air that it is as warm as a board (estimate).
    pub fn bm1387(chips: usize) -> Params {
        let board = Params::s9();
        let chips = chips.clamp(1, BOARD_CHIPS);
        let in_column = if chips.is_multiple_of(3) { 3 } else { 1 };
        let columns = chips / in_column;
        // Of a column's circuit board and of the board's regulator and air, each chip has its part.
        let column = in_column as f64 / board.chips as f64;
        let part = chips as f64 / BOARD_CHIPS as f64;
        // Air warms by the same from inlet to outlet, but the mean over n columns is (n − 1)/2n of that:
        // what a short chain lacks is put into the resistance from heatsink to air, at the fan's speed.
        let mean_rise = |columns: usize| (columns - 1) as f64 / (2 * columns) as f64;
        let lacks = (mean_rise(BOARD_COLUMNS) - mean_rise(columns)).max(0.0);
        let warming = BOARD_CHIPS as f64 / (board.air_w_k * board.fan) * board.fan.powf(0.6);
        Params {
            boards: 1,
            columns,
            chips: in_column,
            sink_air_k_w: board.sink_air_k_w + warming * lacks,
            pcb_j_k: board.pcb_j_k * column,
            pcb_air_w_k: board.pcb_air_w_k * column,
            regulator_j_k: board.regulator_j_k * part,
            regulator_k_w: board.regulator_k_w / part,
            air_w_k: board.air_w_k * part,
            ..board.bare()
        }
    }

    /// Without a controller's limits and habits.
    pub(super) fn bare(self) -> Params {
        Params {
            // The host sets the PLLs. Above the highest clock here all answers have long been wrong.
            frequency_min_mhz: 1.0,
            frequency_max_mhz: 1000.0,
            // A mean over the chips may be any number.
            frequency_step_mhz: 0.001,
            // Chips report what passes their ticket mask, and report it once.
            difficulty_floor: 1.0,
            copy_probability: 0.0,
            ..self
        }
    }
}
