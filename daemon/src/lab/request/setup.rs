//! What a request is carried out with, and no request names.

use std::path::PathBuf;

use thermine_units::model::Model;

use crate::lab::config::{Config, ConfigError};

/// The unit, the files and the folder that a request is carried out with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The unit's configuration; without it, `model` as it is simulated.
    pub(crate) config: Option<Config>,
    pub(crate) model: Model,
    /// The data file; without it, the one that the request names.
    pub(crate) data: Option<PathBuf>,
    /// The capture to replay.
    pub(crate) capture: Option<PathBuf>,
    /// Database to record to, instead of a file in the folder.
    pub(crate) store: Option<PathBuf>,
    /// Folder of the report; without it, a new one in `runs`.
    pub(crate) out: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            config: None,
            model: Model::AntminerS9,
            data: None,
            capture: None,
            store: None,
            out: None,
        }
    }
}

impl Setup {
    /// The unit's configuration.
    ///
    /// # Errors
    /// As [`Config::simulated`].
    pub(crate) fn config(self) -> Result<Config, ConfigError> {
        self.config
            .map_or_else(|| Config::simulated(self.model), Ok)
    }
}
