//! `thermine capture record`.

use std::path::PathBuf;

use clap::Args;

use super::unit::Unit;

/// `thermine capture record`.
#[derive(Debug, Args)]
pub struct Record {
    /// Configuration of the unit; without it, a simulated one is started.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub config: Option<PathBuf>,
    /// Which simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub unit: Unit,
    /// Answers to record.
    #[arg(short = 'n', long, default_value_t = 2_000)]
    pub shares: u64,
    /// Share difficulty [default: as configured].
    #[arg(long)]
    pub difficulty: Option<f64>,
    /// Chip clock of a simulated unit, MHz [default: the model's].
    #[arg(long, value_name = "MHZ")]
    pub frequency: Option<f64>,
    /// Core voltage of a simulated unit, V; of an S9, that of one of its 21 domains [default: the model's].
    #[arg(long, value_name = "V")]
    pub voltage: Option<f64>,
    /// Fan speed of a simulated unit, 0 to 1 [default: the model's].
    #[arg(long)]
    pub fan: Option<f64>,
    /// Seed of the simulated unit and of the jobs.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The capture to write [default: one in `runs`].
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Database to record to, as postgres://USER@HOST/DATABASE, unless a file is named.
    #[arg(long, value_name = "URL", env = "THERMINE_STORE")]
    pub store: Option<PathBuf>,
}
