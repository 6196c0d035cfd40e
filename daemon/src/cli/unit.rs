//! `--unit` and `--config`: the unit that a command drives.

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
    /// The model of the unit.
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

/// The configuration in `file`, or that of a simulated `unit`.
///
/// # Errors
/// If the file is no configuration.
pub(crate) fn configuration(file: Option<&Path>, unit: Unit) -> Result<Config> {
    Ok(match file {
        Some(file) => Config::load(file)?,
        None => Config::simulated(unit.model())?,
    })
}
