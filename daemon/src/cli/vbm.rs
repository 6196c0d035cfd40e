//! `thermine vbm`.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::wrong::checked;
use crate::render::proxy_bench::text;
use crate::render::stdout;
use thermine_lab::proxy_bench::{request, run as measure};
use thermine_lab::session::Context;

/// `thermine vbm`.
#[derive(Debug, Subcommand)]
pub enum Vbm {
    /// Measure simulated units that go through one range of work for each job, over a network with injected latency:
    /// directly, through a plain forwarding proxy, and with work queued. In virtual time.
    Bench(VbmBench),
}

/// `thermine vbm bench`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine vbm bench
  thermine vbm bench --repeats 2 --seconds 30 --ranges 1")]
pub struct VbmBench {
    /// Seconds of the units' time that each run is measured for, up to 1000.
    #[arg(long, value_name = "SECONDS", default_value_t = request::ProxyBenchRequest::default().seconds)]
    seconds: f64,
    /// Runs of each cell, each with its own seed: 2 to 1000.
    #[arg(long, value_name = "N", default_value_t = request::ProxyBenchRequest::default().repeats)]
    repeats: u16,
    /// Hash rate of a unit in GH/s, up to 1000; the paper's unit reaches 175 of 220.
    #[arg(long, value_name = "GH/S", default_value_t = request::ProxyBenchRequest::default().rate)]
    rate: f64,
    /// Work of a job, in ranges of 2^32 nonces: 1 to 100000.
    #[arg(long, value_name = "N", default_value_t = request::ProxyBenchRequest::default().ranges)]
    ranges: u32,
    /// Units on the link, 1 to 100.
    #[arg(long, value_name = "N", default_value_t = request::ProxyBenchRequest::default().units)]
    units: u16,
    /// Seed of the first run; each further run has the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the subcommand.
pub(crate) async fn run(Vbm::Bench(args): Vbm, context: &Context) -> Result<()> {
    let request = request::ProxyBenchRequest {
        seconds: args.seconds,
        repeats: args.repeats,
        rate: args.rate,
        ranges: args.ranges,
        units: args.units,
        seed: args.seed,
    };
    checked(request.check())?;
    let rows = measure(&request, context).await?;
    stdout::line(text(&request, &rows)?)
}
