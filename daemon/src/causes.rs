//! An error and its causes on one line.

use std::path::Path;

use anyhow::{Error, Result};
pub use thermine_capture::error_chain::chain;

use crate::lab::session::Interrupted;

/// How a run ended, in the words that its capture keeps.
pub(crate) fn ending<T>(result: &Result<T>) -> String {
    match result {
        Ok(_) => "finished".to_string(),
        Err(error) if error.is::<Interrupted>() => "interrupted".to_string(),
        Err(error) => format!("failed: {}", chain(error)),
    }
}

/// The error of a run whose records are kept at `capture`.
pub(crate) fn kept(error: Error, capture: &Path) -> Error {
    let how = if error.is::<Interrupted>() {
        "interrupted"
    } else {
        "the run failed"
    };
    error.context(format!(
        "{how}; what was recorded until then is kept in {}",
        capture.display()
    ))
}
