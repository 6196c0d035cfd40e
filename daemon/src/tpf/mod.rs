//! `thermine tpf`: the Thermodynamic Probability Filter (arXiv 2601.12032), and what it is worth.

mod curve;
mod header;
mod live;
mod live_report;
mod live_trial;
mod twin;
mod twin_report;
mod twin_verdict;

use anyhow::Result;
use clap::Subcommand;

/// `thermine tpf`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Filters on simulated observations of real SHA-256d rounds: the paper's figures, the same by the paper's
    /// own procedures, and what they leave out.
    Twin(twin::Args),
    /// From which round on success can be told from the state.
    Curve(curve::Args),
    /// A randomised trial on a unit at our own server: filter against pass-through, in shares per joule.
    Live(live::Args),
}

/// Runs the subcommand.
pub(crate) fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Twin(args) => twin::run(&args),
        Command::Curve(args) => curve::run(&args),
        Command::Live(args) => live::run(&args),
    }
}
