//! `thermine sim`.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};
use clap::Args;

use super::unit::Unit;
use super::wrong::checked;
use crate::render::sim::{parameters, started};
use crate::render::stdout;
use thermine_lab::session::Context;
use thermine_lab::sim::{self, run as simulate};

/// `thermine sim`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine sim --unit s9 --pool 127.0.0.1:3333
  thermine sim --parameters")]
pub struct Sim {
    /// Unit that is simulated.
    #[arg(short, long, value_enum, required_unless_present = "parameters")]
    unit: Option<Unit>,
    /// Print the parameters of the simulated models, each with its source, and end.
    #[arg(long)]
    parameters: bool,
    /// Address that its control interfaces listen on. Beyond loopback, anyone who can reach it can set it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Listen on the device's own ports (4028, 80) and not on free ones.
    #[arg(long)]
    default_ports: bool,
    /// Pool at which the unit mines. Where the unit has a web page, the page may change it.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3333")]
    pool: SocketAddr,
    /// Worker name at the pool.
    #[arg(long, default_value = "sim")]
    worker: String,
    /// Factor on the difficulty at which shares are really hashed; a processor cannot keep up with 1
    /// [default: as in `configs/`].
    #[arg(long, value_name = "FACTOR")]
    difficulty_scale: Option<f64>,
    /// Chips of a bare chain, 1 to 63.
    #[arg(long, default_value_t = sim::SimRequest::default().chips)]
    chips: u8,
    /// Seed of its physics and of its nonces.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of the unit's time in a second, up to 1000.
    #[arg(long, default_value_t = sim::SimRequest::default().speed)]
    speed: f64,
}

/// Runs the subcommand until it is interrupted.
pub(crate) async fn run(args: Sim, context: &Context) -> Result<()> {
    let model = args.unit.map(Unit::model);
    if args.parameters {
        return stdout::text(parameters(model));
    }
    let request = sim::SimRequest {
        model: model.context("which unit: --unit")?,
        bind: args.bind,
        default_ports: args.default_ports,
        pool: args.pool,
        worker: args.worker,
        difficulty_scale: args.difficulty_scale,
        chips: args.chips,
        seed: args.seed,
        speed: args.speed,
    };
    checked(request.check())?;
    simulate(&request, context, &mut |at| {
        stdout::text(started(&request, at))
    })
    .await
}
