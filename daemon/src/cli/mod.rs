//! The command line.

pub mod backend;
pub mod capture;
pub mod chips;
pub mod devices;
pub mod discover;
mod learning;
mod puf;
pub mod request;
pub mod sim;
pub mod sweep;
pub mod switch_profile;
mod tpf;
pub mod unit;
pub mod vbm;
mod wrong;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::lab::session::Context;
use crate::lab::{config, predict, train};
use crate::{bench, manual, proxy, queue, run, runtime, top};

pub use self::learning::{Predict, Train};
pub use self::unit::Unit;

/// Teaches Bitcoin-mining hardware to compute, and tells the truth about it.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Drive a unit with a task's input, train a readout on its states, and print the score with its
    /// controls.
    Train(Box<Train>),
    /// Drive a unit with new inputs and say what a trained readout makes of its states, step by step.
    Predict(Predict),
    /// Measure what this program claims, and print it beside what was asked of it.
    #[command(subcommand)]
    Bench(Bench),
    /// Run a simulated unit alone, so that other programs can be pointed at it.
    Sim(sim::Sim),
    /// Show all units of a rack in one table.
    Devices(devices::Devices),
    /// Watch a running daemon in the terminal: all units at a glance.
    Top(top::Args),
    /// Measure share times and reservoir over voltage, clock and difficulty.
    Sweep(sweep::Sweep),
    /// Work with captures: the files in which every run is recorded.
    #[command(subcommand)]
    Capture(capture::Capture),
    /// Find the mining units on a network and their models. The command sets nothing and logs in nowhere.
    Discover(discover::Discover),
    /// Measure what it is worth to abort hashes early by a prediction: the Thermodynamic Probability Filter.
    #[command(subcommand)]
    Tpf(tpf::Tpf),
    /// Measure the hashing that is lost to each change of jobs, in a capture or on a unit.
    SwitchProfile(switch_profile::SwitchProfile),
    /// Show which chips and cores found the shares of a capture or of a unit: rates, a map, and dead, weak and hot ones.
    Chips(chips::Chips),
    /// Put a rack of units on one connection to a pool, with work queued for each so that none ever waits.
    Proxy(Proxy),
    /// Tell units of one model apart by their responses: enrol a unit, verify it, and measure the error rates.
    #[command(subcommand)]
    Puf(puf::Puf),
    /// Measure what the proxy's queued work is worth.
    #[command(subcommand)]
    Vbm(vbm::Vbm),
    /// Write the manual: one page for the program, and one for each of its subcommands.
    Man(manual::Man),
    /// Print what a shell needs to complete this program's arguments.
    Completions(manual::Completions),
    /// Keep all units of a rack for as long as they are wanted: a live task, a web page, experiments that wait.
    Run(run::Run),
    /// Queue experiments for the units of a rack, which `run` carries out.
    Queue(queue::Queued),
    /// Explain every key of every configuration file, and find what is wrong with a file.
    #[command(subcommand)]
    Config(config::command::Command),
    /// Carry out an analysis for the daemon, which writes what is asked for to standard input.
    #[command(hide = true)]
    Analyse,
}

impl Command {
    /// Its name as others see it, in the lock of a unit that it drives.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Train(_) => "thermine train",
            Command::Predict(_) => "thermine predict",
            Command::Sweep(_) => "thermine sweep",
            Command::Capture(_) => "thermine capture record",
            Command::Tpf(_) => "thermine tpf live",
            Command::SwitchProfile(_) => "thermine switch-profile",
            Command::Chips(_) => "thermine chips",
            Command::Puf(_) => "thermine puf",
            Command::Run(_) => "thermine run",
            _ => "thermine",
        }
    }
}

/// `thermine proxy`.
#[derive(Debug, Args)]
pub struct Proxy {
    /// Its configuration, as `configs/proxy.toml`.
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Seed of the waits between attempts at a pool, and of the simulated pool's jobs.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

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
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=train::MOST_SEEDS))]
    pub seeds: u64,
    /// Only the rows whose name holds this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Runs a parsed command line.
///
/// # Errors
/// Whatever went wrong, with what was being done.
pub fn run(cli: Cli, context: &Context) -> anyhow::Result<()> {
    match cli.command {
        Command::Train(args) => train::run(&args, context),
        Command::Predict(args) => predict::run(&args, context),
        Command::Bench(Bench::Reservoir(args)) => bench::run(&args),
        Command::Sim(args) => runtime::run(context, sim::run(args, context))?,
        Command::Sweep(args) => runtime::run(context, sweep::run(args, context))?,
        Command::Devices(args) => runtime::run(context, devices::run(args, context))?,
        Command::Top(args) => top::run(&args),
        Command::Capture(capture::Capture::Replay(args)) => {
            train::run(&request::replay(&args)?, context)
        }
        Command::Capture(command) => runtime::run(context, capture::run(command, context))?,
        Command::Discover(args) => runtime::run(context, discover::run(args, context))?,
        Command::Tpf(command) => runtime::run(context, tpf::run(command, context))?,
        Command::SwitchProfile(args) => runtime::run(context, switch_profile::run(args, context))?,
        Command::Chips(args) => runtime::run(context, chips::run(args, context))?,
        Command::Proxy(args) => proxy::run(args, context),
        Command::Puf(command) => runtime::run(context, puf::run(command, context))?,
        Command::Vbm(command) => runtime::run(context, vbm::run(command, context))?,
        Command::Man(args) => manual::pages(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Run(args) => run::run(&args, request::parse, context),
        Command::Queue(args) => queue::run(args),
        Command::Config(command) => config::command::run(command),
        Command::Analyse => queue::analysis::serve(),
    }
}
