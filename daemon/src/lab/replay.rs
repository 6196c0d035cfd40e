//! The experiment of a capture, judged again from what was recorded.

use std::path::Path;

use anyhow::Result;

use super::experiment::Plan;
use super::train;
use crate::cli::capture::Replay;
use crate::cli::request;

/// The plan of the experiment in the capture at `path`.
///
/// # Errors
/// If the capture cannot be read, or is of another version.
pub(crate) fn plan(path: &Path) -> Result<Plan> {
    train::plan(&request::replay(&Replay {
        file: path.to_path_buf(),
        task: None,
        out: None,
    })?)
}
