//! Values that several subcommands take.

use clap::ValueEnum;
use thermine_units::model::Model;

/// Units that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Unit {
    /// Antminer S9.
    S9,
    /// Lucky Miner LV06.
    Lv06,
    /// Goldshell LB-Box.
    LbBox,
    /// A chain of bare BM1387 on a serial line.
    Bm1387,
    /// A bare BM1366 on a serial line.
    Bm1366,
}

impl Unit {
    /// Its model.
    pub fn model(self) -> Model {
        match self {
            Unit::S9 => Model::AntminerS9,
            Unit::Lv06 => Model::LuckyMinerLv06,
            Unit::LbBox => Model::GoldshellLbBox,
            Unit::Bm1387 => Model::Bm1387,
            Unit::Bm1366 => Model::Bm1366,
        }
    }
}

/// A number above 0 and at most 1000.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1000.0 => Ok(number),
        _ => Err("must be a number above 0 and at most 1000".into()),
    }
}
