//! Tables of bare chips: what of a model is left without its controller.
//!
//! The chips, their heat and their errors are the unit's, as [`Params`] gives them with their sources. What
//! differs, and where a number does not come from there, stands here; all of that is an *estimate*.

use super::params::Params;

/// Chips and voltage domains of an S9's board. Maker.
const BOARD_CHIPS: usize = 63;
const BOARD_COLUMNS: usize = 21;

/// 112 cores of 8 sub-cores, of which 894 are counted to work. Public drivers.
const BM1366_HASHES_PER_CYCLE: f64 = 894.0;

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

    /// The BM1366 of an LV06, supply and fan as there. It computes what public drivers count, 894 hashes a
    /// cycle; the maker's 500 GH/s, by which the unit is described, would take more than 485 MHz then.
    pub fn bm1366() -> Params {
        Params {
            hashes_per_cycle: BM1366_HASHES_PER_CYCLE,
            work_cycles: 4_294_967_296.0 / BM1366_HASHES_PER_CYCLE,
            ..Params::lv06().bare()
        }
    }

    /// Without a controller's limits and habits.
    fn bare(self) -> Params {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    /// Mean die temperature of a warm chain, °C.
    fn warm(params: &Params) -> f64 {
        Device::warm(params, 1).mean_die().0
    }

    #[test]
    fn a_short_chain_is_as_warm_as_a_board() {
        let board = Params {
            boards: 1,
            ..Params::s9()
        };
        let wanted = warm(&board);
        for chips in [1, 2, 3, 20, 21, 62, 63] {
            let params = Params::bm1387(chips);
            params.check().expect("sound");
            assert_eq!(params.columns * params.chips, chips);
            let got = warm(&params);
            assert!(
                (got - wanted).abs() < 3.0,
                "{chips} chips: {got} °C, not {wanted}"
            );
        }
        assert_eq!(Params::bm1387(63).sink_air_k_w, Params::s9().sink_air_k_w);
        Params::bm1366().check().expect("sound");
    }
}
