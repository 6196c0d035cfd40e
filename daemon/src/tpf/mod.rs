//! `thermine tpf`: the Thermodynamic Probability Filter, and the laboratory that says what it is worth.

mod calibrate;
pub(crate) mod evidence;
mod family;
mod study;

use anyhow::Result;
use clap::Subcommand;

/// `thermine tpf`.
#[derive(Debug, Subcommand)]
pub enum Tpf {
    /// Ask a capture whether anything that can be seen of a share tells its difficulty.
    Study(study::Args),
}

/// Runs the subcommand.
pub(crate) fn run(command: Tpf) -> Result<()> {
    match command {
        Tpf::Study(args) => study::run(args),
    }
}
