//! The command line.

pub(crate) mod backend;
mod bench;
pub(crate) mod capture;
pub(crate) mod chips;
mod config;
pub(crate) mod devices;
pub(crate) mod discover;
mod manual;
pub mod old_names;
mod predict;
mod puf;
mod queue;
mod register;
mod replay;
pub mod request;
pub mod sim;
pub(crate) mod sweep;
pub(crate) mod switch_profile;
mod tpf;
mod train;
pub(crate) mod unit;
pub(crate) mod vbm;
mod wall_meter;
mod words;
mod wrong;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use tokio::task::block_in_place;

use self::bench::Bench;
use self::predict::Predict;
use self::train::Train;
use crate::queue::analysis;
use crate::run::serve;
use crate::{proxy, top};
use thermine_lab::session::Context;

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
    /// Write predictions, thresholds and analysis of a training into a file with a hash, before it is run.
    Register(register::Register),
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
    /// Measure with a meter at the wall what chips draw while a job switches: the parameter `idle`. Ten minutes.
    WallMeter(wall_meter::WallMeter),
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
    Run(Run),
    /// Queue experiments for the units of a rack, which `run` carries out.
    Queue(queue::Queue),
    /// Explain every key of every configuration file, and find what is wrong with a file.
    #[command(subcommand)]
    Config(config::Command),
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
            Command::WallMeter(_) => "thermine wall-meter",
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
    pub(crate) config: PathBuf,
    /// Seed of the waits between attempts at a pool, and of the simulated pool's jobs.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// `thermine run`.
#[derive(Debug, Args)]
pub struct Run {
    /// A rack's configuration, as `configs/rack.toml`, or a unit's; without it, one simulated S9.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Runs a parsed command line.
///
/// # Errors
/// Whatever went wrong, with what was being done.
pub async fn run(cli: Cli, context: &Context) -> anyhow::Result<()> {
    // Each command's future is on the heap: the compiler limits how deep futures nest.
    match cli.command {
        Command::Train(args) => Box::pin(train::run(*args, context)).await,
        Command::Register(args) => block_in_place(|| register::run(args)),
        Command::Predict(args) => Box::pin(predict::run(args, context)).await,
        Command::Bench(args) => Box::pin(bench::run(args, context)).await,
        Command::Sim(args) => context.on_notice(Box::pin(sim::run(args, context))).await,
        Command::Sweep(args) => context.on_notice(Box::pin(sweep::run(args, context))).await,
        Command::Devices(args) => {
            context
                .on_notice(Box::pin(devices::run(args, context)))
                .await
        }
        Command::Top(args) => block_in_place(|| top::run(&args)),
        Command::Capture(capture::Capture::Replay(args)) => {
            Box::pin(replay::run(args, context)).await
        }
        Command::Capture(command) => {
            context
                .on_notice(Box::pin(capture::run(command, context)))
                .await
        }
        Command::Discover(args) => {
            context
                .on_notice(Box::pin(discover::run(args, context)))
                .await
        }
        Command::Tpf(command) => {
            context
                .on_notice(Box::pin(tpf::run(command, context)))
                .await
        }
        Command::SwitchProfile(args) => {
            context
                .on_notice(Box::pin(switch_profile::run(args, context)))
                .await
        }
        Command::WallMeter(args) => {
            context
                .on_notice(Box::pin(wall_meter::run(args, context)))
                .await
        }
        Command::Chips(args) => context.on_notice(Box::pin(chips::run(args, context))).await,
        Command::Proxy(args) => Box::pin(proxy::run(&args.config, args.seed, context)).await,
        Command::Puf(command) => {
            context
                .on_notice(Box::pin(puf::run(command, context)))
                .await
        }
        Command::Vbm(command) => {
            context
                .on_notice(Box::pin(vbm::run(command, context)))
                .await
        }
        Command::Man(args) => manual::pages(&args, Cli::command()),
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Run(args) => {
            Box::pin(serve::serve(
                args.config.as_deref(),
                request::parse,
                context,
            ))
            .await
        }
        Command::Queue(args) => queue::run(args),
        Command::Config(command) => config::run(command),
        Command::Analyse => Box::pin(analysis::serve()).await,
    }
}
