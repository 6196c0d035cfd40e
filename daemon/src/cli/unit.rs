//! `--config` and `--unit`: the unit that a command drives.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use thermine_units::model::Model;

use crate::lab::config::Config;

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

/// The unit of the file `config`, or a simulated `unit` without one.
///
/// # Errors
/// If the file cannot be read, or is no configuration of a unit.
pub(super) fn configured(config: Option<&Path>, unit: Unit) -> Result<Config> {
    Ok(match config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(unit.model())?,
    })
}
