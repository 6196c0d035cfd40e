//! Plots in the folder of a report.

use std::path::Path;

use anyhow::Result;

use super::svg::Plot;
pub(crate) use thermine_lab::folder::{filled, make, write, write_json};

/// Writes a plot to the file `name`.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_plot(folder: &Path, name: &str, plot: &Plot) -> Result<()> {
    write(folder, name, plot.render())
}
