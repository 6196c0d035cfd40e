//! `thermine tpf`: the Thermodynamic Probability Filter (arXiv 2601.12032), and the laboratory that says what it is
//! worth.

mod calibrate;
mod curve;
pub(crate) mod evidence;
mod family;
mod header;
pub(crate) mod live;
mod live_report;
mod live_trial;
mod study;
mod twin;
mod twin_report;
mod twin_verdict;

use anyhow::Result;
use clap::Subcommand;

use crate::lab::session::Context;

/// `thermine tpf`.
#[derive(Debug, Subcommand)]
pub enum Tpf {
    /// Filters on simulated observations of real SHA-256d rounds: the paper's figures, the same by the paper's
    /// own procedures, and what they leave out.
    Twin(twin::Args),
    /// Ask a capture whether anything that can be seen of a share tells its difficulty.
    Study(study::Args),
    /// From which round on success can be told from the state.
    Curve(curve::Args),
    /// A randomised trial on a unit at our own server: filter against pass-through, in shares per joule.
    Live(live::Args),
}

/// Runs the subcommand.
pub(crate) fn run(command: Tpf, context: &Context) -> Result<()> {
    match command {
        Tpf::Twin(args) => twin::run(&args),
        Tpf::Study(args) => study::run(args),
        Tpf::Curve(args) => curve::run(&args),
        Tpf::Live(args) => live::run(&args, context),
    }
}
