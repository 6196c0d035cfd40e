//! `thermine sweep`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::backend::wire_or_twin;
use super::unit::{Assume, Unit, configured};
use super::wrong::checked;
use crate::render::{progress, stdout, sweep as render};
use thermine_lab::backend::Backend;
use thermine_lab::session::Context;
use thermine_lab::sweep::grid::{Doublings, Range};
use thermine_lab::sweep::plan::Plan;
use thermine_lab::sweep::request;

/// `thermine sweep`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine sweep --feasibility
  thermine sweep --unit s9 --voltage 8.2 --frequency 300:600:100 --difficulty 1024 -o runs/small")]
pub struct Sweep {
    /// Configuration of a unit, whose points are driven one after the other [default: a simulated unit].
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    config: Option<PathBuf>,
    /// Simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    #[command(flatten)]
    assume: Assume,
    /// What is driven [default: wire with --config, else twin].
    #[arg(long, value_parser = wire_or_twin())]
    backend: Option<Backend>,
    /// Voltages in V, LOW:HIGH:STEP or one; of an S9 those of a board [default: 7.0:8.4:0.2 for an S9].
    #[arg(long, value_name = "RANGE")]
    voltage: Option<Range>,
    /// Chip clocks in MHz, LOW:HIGH:STEP or one [default: 200:600:25 for an S9].
    #[arg(long, value_name = "RANGE")]
    frequency: Option<Range>,
    /// Share difficulties, LOW:HIGH by factors of two, or one [default: 1024:65536 for an S9].
    #[arg(long, value_name = "RANGE")]
    difficulty: Option<Doublings>,
    /// Window in which the shares of a cell are timed, 1 to 1000000 s.
    #[arg(long, value_name = "SECONDS", default_value_t = request::Sweep::default().window)]
    window: f64,
    /// Shares that a cell should hold; the command first says how many cells cannot.
    #[arg(long, default_value_t = request::Sweep::default().shares)]
    shares: u64,
    /// Length of a step of the reservoir, 1 to 1000000 s.
    #[arg(long, value_name = "SECONDS", default_value_t = request::Sweep::default().hold)]
    hold: f64,
    /// Training steps of the memory capacity, 100 to 100000; the test has half as many.
    #[arg(long, value_name = "STEPS", default_value_t = request::Sweep::default().train)]
    train: usize,
    /// Score NARMA-10 in each cell too, which takes four times the work.
    #[arg(long)]
    narma: bool,
    /// Only say how many shares the windows can hold.
    #[arg(long)]
    feasibility: bool,
    /// Seed of the units, the inputs and the statistics.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the sweep. If it holds finished cells of the same sweep, the sweep continues from them
    /// [default: `runs/sweep-HASH`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Sweep {
    /// The request without the unit and the folder.
    pub(crate) fn request(&self) -> request::Sweep {
        request::Sweep {
            voltage: self.voltage,
            frequency: self.frequency,
            difficulty: self.difficulty,
            window: self.window,
            shares: self.shares,
            hold: self.hold,
            train: self.train,
            narma: self.narma,
            feasibility: self.feasibility,
            seed: self.seed,
        }
    }
}

/// Runs the subcommand.
pub(crate) async fn run(args: Sweep, context: &Context) -> Result<()> {
    let request = args.request();
    checked(request.check())?;
    let usual = match args.config {
        Some(_) => Backend::Wire,
        None => Backend::Twin,
    };
    let config = configured(args.config.as_deref(), args.unit, &args.assume)?;
    let plan = Plan::new(&request, config, args.backend.unwrap_or(usual))?;
    let place = (request.feasibility, args.out.as_deref());
    render::carry_out(plan, place, &progress::shown(context), &mut |text| {
        stdout::text(text)
    })
    .await
}
