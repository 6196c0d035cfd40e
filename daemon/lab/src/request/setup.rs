//! What a request is carried out with, and no request names.

use std::path::PathBuf;

use thermine_units::model::Model;

use crate::config::{Config, ConfigError};

/// The unit, the files and the folder that a request is carried out with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The unit's configuration; without it, `model` as it is simulated.
    pub config: Option<Config>,
    /// Model of the simulated unit, where no configuration is named.
    pub model: Model,
    /// The data file; without it, the one that the request names.
    pub data: Option<PathBuf>,
    /// The capture to replay.
    pub capture: Option<PathBuf>,
    /// Database to record to, instead of a file in the folder.
    pub store: Option<PathBuf>,
    /// Folder of the report; without it, a new one in `runs`.
    pub out: Option<PathBuf>,
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
