//! `thermine bench`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::unit::Assume;
use crate::render::folder::write_plot;
use crate::render::progress::shown;
use crate::render::{bench as render, stdout};
use thermine_lab::bench::shares::{self, SharesRequest};
use thermine_lab::bench::{self, Measured, Request};
use thermine_lab::experiment::steps::MOST_SEEDS;
use thermine_lab::folder;
use thermine_lab::session::Context;

/// `thermine bench`.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// NARMA-10 and exclusive or on the twins: every encoding's score over seeds, its controls, and over what is assumed.
    Reservoir(BenchReservoir),
    /// The product's score against the shares of a step, beside the law that the noise of counting gives.
    Shares(BenchShares),
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
    /// Leaves out the runs over the assumed ranges, a third of the time.
    #[arg(long)]
    pub(crate) no_spread: bool,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// `thermine bench shares`.
#[derive(Debug, Args)]
pub struct BenchShares {
    /// Seeds, from 1 on.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=MOST_SEEDS))]
    pub(crate) seeds: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// Runs the subcommand.
pub(super) async fn run(bench: Bench, context: &Context) -> Result<()> {
    match bench {
        Bench::Reservoir(args) => reservoir(args, context).await,
        Bench::Shares(args) => shares(args, context).await,
    }
}

async fn shares(args: BenchShares, context: &Context) -> Result<()> {
    let BenchShares { seeds, out } = args;
    let folder = folder::make(out.as_deref(), "bench-shares")?;
    let points = shares::run(&SharesRequest { seeds }, &shown(context)).await?;
    folder::write_json(&folder, "report.json", &points)?;
    write_plot(&folder, "shares.svg", &render::shares_plot(&points))?;
    stdout::text(render::shares(&points, seeds))?;
    stdout::line(folder.display())
}

async fn reservoir(args: BenchReservoir, context: &Context) -> Result<()> {
    let BenchReservoir {
        seeds,
        only,
        assume,
        no_spread,
        out,
    } = args;
    let assume = assume.assume;
    let folder = folder::make(out.as_deref(), "bench-reservoir")?;
    let request = Request {
        seeds,
        only,
        assume,
        spread: !no_spread,
    };
    // What is measured is kept, should the rest be interrupted.
    let mut keep = |measured: &[Measured]| folder::write_json(&folder, "report.json", &measured);
    let measured = bench::run(&request, &shown(context), &mut keep).await?;
    stdout::text(render::text(&measured, seeds))?;
    stdout::line(folder.display())
}
