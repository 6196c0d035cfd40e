//! `--config` and `--unit`: the unit that a command drives.

use std::path::Path;

use anyhow::Result;
use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use thermine_units::model::Model;

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
