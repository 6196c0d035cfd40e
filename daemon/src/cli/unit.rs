//! `--config` and `--unit`: the unit that a command drives.

use std::path::Path;

use anyhow::Result;
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use thermine_units::model::Model;
use thermine_units::params::Assumed;

use thermine_lab::config::Config;

/// A model on the command line, by its short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit(pub Model);

impl Unit {
    /// Its model.
    pub(crate) fn model(self) -> Model {
        self.0
    }
}

impl ValueEnum for Unit {
    fn value_variants<'a>() -> &'a [Unit] {
        static ALL: LazyLock<[Unit; Model::ALL.len()]> = LazyLock::new(|| Model::ALL.map(Unit));
        &*ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let entry = self.0.entry();
        let (name, others) = entry.aliases.split_first()?;
        Some(PossibleValue::new(*name).aliases(others).help(entry.title))
    }
}

/// What is assumed of a simulated unit's physics.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Assume {
    /// Assume another value for a parameter of the simulated unit's physics, as in idle=1.0; may be repeated.
    /// `thermine sim --parameters` lists them, with the range in which they may lie.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) assume: Vec<Assumed>,
}

/// The unit of the file `config`, or a simulated `unit` without one, under what is assumed.
///
/// # Errors
/// If the file cannot be read, or is no configuration of a unit, or the unit cannot be as assumed.
pub(super) fn configured(config: Option<&Path>, unit: Unit, assume: &Assume) -> Result<Config> {
    let config = match config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(unit.model())?,
    };
    Ok(config.assuming(&assume.assume)?)
}
