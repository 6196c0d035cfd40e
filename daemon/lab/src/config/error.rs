//! Files of configuration that cannot be used.

use std::path::{Path, PathBuf};

use thermine_capture::input_file;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Read {
        /// The configuration that was read.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not TOML, or has a key or a value that is not known. The message shows the line.
    #[error("{}: {source}", .path.display())]
    Parse {
        /// The configuration that was read.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A section that the model needs is missing, or is of no use to it.
    #[error("{}: {what}", .path.display())]
    Wires {
        /// The configuration that was read.
        path: PathBuf,
        /// The section, and what it lacks.
        what: String,
    },
    /// An environment variable that overrides nothing, or with what cannot be.
    #[error("the environment variable {name} {what}")]
    Override {
        /// Name of the variable.
        name: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Longest configuration, in bytes.
const LONGEST: u64 = 1 << 20;

/// The text of the configuration `path`.
///
/// # Errors
/// If it cannot be read, is no regular file, or longer than any configuration.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    input_file::read(path, LONGEST).map_err(|source| ConfigError::Read {
        path: path.to_path_buf(),
        source,
    })
}
