//! `thermine bench`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::unit::Assume;
use crate::render::progress::shown;
use crate::render::{bench as render, stdout};
use thermine_lab::bench::{self, Request};
use thermine_lab::experiment::steps::MOST_SEEDS;
use thermine_lab::folder;
use thermine_lab::session::Context;

/// `thermine bench`.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// NARMA-10 on the twins, over several seeds: every encoding's score, its goal, and its hardest controls.
    Reservoir(BenchReservoir),
}

/// `thermine bench reservoir`.
#[derive(Debug, Args)]
pub struct BenchReservoir {
    /// Seeds, from 1 on.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=MOST_SEEDS))]
    pub(crate) seeds: u64,
    /// Only the rows whose name holds this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) only: String,
    #[command(flatten)]
    pub(crate) assume: Assume,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// Runs the subcommand.
pub(super) async fn run(args: BenchReservoir, context: &Context) -> Result<()> {
    let BenchReservoir {
        seeds,
        only,
        assume,
        out,
    } = args;
    let assume = assume.assume;
    let folder = folder::make(out.as_deref(), "bench-reservoir")?;
    let measured = bench::run(
        &Request {
            seeds,
            only,
            assume,
        },
        &shown(context),
    )
    .await?;
    folder::write_json(&folder, "report.json", &measured)?;
    stdout::text(render::text(&measured, seeds))?;
    stdout::line(folder.display())
}
