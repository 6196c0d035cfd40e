//! The command line.

pub mod backend;
mod learning;
mod puf;
pub mod request;
mod tpf;
mod unit;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::lab::session::Context;
use crate::lab::{chips, config, predict, sweep, switch_profile, train};
use crate::{
    bench, capture, devices, discover, export, manual, proxy, queue, run, runtime, sim, top, vbm,
};

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
    /// Run a simulated unit on its own, for other programs to be pointed at.
    Sim(Sim),
    /// Show all units of a rack in one table.
    Devices(Devices),
    /// Watch a running daemon in the terminal: all units at a glance.
    Top(top::Args),
    /// Measure share times and reservoir over voltage, clock and difficulty.
    Sweep(sweep::Sweep),
    /// Work with captures: the files in which every run is recorded.
    #[command(subcommand)]
    Capture(Capture),
    /// Find the mining units on a network and name them from what they say; nothing is set, and nobody is
    /// logged in.
    Discover(Discover),
    /// Measure what it is worth to abort hashes early by a prediction: the Thermodynamic Probability Filter.
    #[command(subcommand)]
    Tpf(tpf::Tpf),
    /// What hashing is lost to each change of jobs, in a capture or on a unit.
    SwitchProfile(switch_profile::Args),
    /// Which chips and cores found the shares of a capture or of a unit: rates, a map, dead, weak and hot ones.
    Chips(chips::Args),
    /// Put a rack of units on one connection to a pool, with work queued for each so that none ever waits.
    Proxy(Proxy),
    /// Tell units of one model apart by their responses: enrol a unit, verify it, and measure the error rates.
    #[command(subcommand)]
    Puf(puf::Puf),
    /// Measure what the proxy's queued work is worth.
    #[command(subcommand)]
    Vbm(Vbm),
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

/// `thermine vbm`.
#[derive(Debug, Subcommand)]
pub enum Vbm {
    /// Simulated units that go through one range of work a job, over a network with injected latency: directly,
    /// through a plain forwarding proxy, and with work queued. In virtual time.
    Bench(VbmBench),
}

/// `thermine vbm bench`.
#[derive(Debug, Args)]
pub struct VbmBench {
    /// Seconds of the units' time that each run is measured for.
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = positive)]
    pub seconds: f64,
    /// Runs of each cell, each with its own seed.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub repeats: u16,
    /// Hash rate of a unit in GH/s; the paper's unit reaches 175 of 220.
    #[arg(long, value_name = "GH/S", default_value_t = 220.0, value_parser = positive)]
    pub rate: f64,
    /// Work of a job, in ranges of 2^32 nonces.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub ranges: u32,
    /// Units on the link.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub units: u16,
    /// Seed of the first run; each further one has the next.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
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

/// `thermine sim`.
#[derive(Debug, Args)]
pub struct Sim {
    /// Which unit.
    #[arg(short, long, value_enum, required_unless_present = "parameters")]
    pub unit: Option<Unit>,
    /// Print the parameters of the simulated models, each with its source, and end.
    #[arg(long)]
    pub parameters: bool,
    /// Address that its control interfaces listen on. Beyond loopback anyone who can reach it can set it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Listen on the device's own ports (4028, 80) and not on free ones.
    #[arg(long)]
    pub default_ports: bool,
    /// The pool that it mines at. A unit's web page may send it elsewhere, where it has one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3333")]
    pub pool: SocketAddr,
    /// Worker name that it mines as.
    #[arg(long, default_value = "sim")]
    pub worker: String,
    /// Factor on the difficulty at which its shares are really hashed; 1 is more than a processor can do
    /// [default: as in `configs/`].
    #[arg(long, value_name = "FACTOR", value_parser = positive)]
    pub difficulty_scale: Option<f64>,
    /// Chips of a bare chain.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=63))]
    pub chips: u8,
    /// Seed of its physics and of its nonces.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds of its time per second.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub speed: f64,
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1000.0 => Ok(number),
        _ => Err("must be a number above 0 and at most 1000".into()),
    }
}

/// `thermine devices`.
#[derive(Debug, Args)]
pub struct Devices {
    /// Configuration of a unit or of a rack; without it, one simulated unit of each model.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How long units are given to answer, in seconds. Bare chips take half a minute to be brought up.
    #[arg(long, value_name = "SECONDS", default_value_t = 40.0, value_parser = positive)]
    pub wait: f64,
    /// Show the table again every so many seconds, until interrupted.
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    pub watch: Option<f64>,
    /// Print JSON instead of a table, one line a unit.
    #[arg(long)]
    pub json: bool,
}

/// `thermine capture`.
#[derive(Debug, Subcommand)]
pub enum Capture {
    /// Hash every share of a capture again, and report what is valid and how it is distributed.
    Verify {
        /// The capture.
        file: PathBuf,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Make a capture from a CSV file of shares (one row a share: job, times, header fields).
    Import {
        /// The CSV file.
        csv: PathBuf,
        /// The capture to write [default: the CSV's name with `.sqlite`].
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Share difficulty that the unit was asked for, which such a file does not say.
        #[arg(long, default_value_t = 256.0)]
        difficulty: f64,
    },
    /// Record a unit's shares at a constant drive, with one new job after every answer: how the published log
    /// of a real S9 was made.
    Record(Record),
    /// Analyse two captures in the same way, and say where they agree.
    Compare {
        /// The capture that is held to be the reference.
        a: PathBuf,
        /// The other.
        b: PathBuf,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Say what a capture holds.
    Info {
        /// The capture.
        file: PathBuf,
    },
    /// Put several captures into one, each run as it was recorded; also moves runs to a database and back.
    Merge {
        /// The captures: files, or URLs of databases, with `#` and a number for one run.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The capture to write: a new file, or the URL of a database.
        #[arg(short, long, value_name = "FILE|URL")]
        out: PathBuf,
    },
    /// Write what a capture holds as a table with units, for other programs.
    Export {
        /// The capture: a file, or the URL of a database.
        file: PathBuf,
        /// The format.
        #[arg(short, long, value_enum)]
        format: export::Format,
        /// What of it.
        #[arg(short, long, value_enum, default_value = "shares")]
        what: export::What,
        /// Stream whose states are exported [default: the first].
        #[arg(long, value_name = "NAME")]
        stream: Option<String>,
        /// The file to write [default: beside the capture, by its name].
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Judge the experiment of a capture again, from what was recorded.
    Replay(capture::Replay),
}

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

/// Most addresses at once, as the parser wants it.
const MOST_PARALLEL: i64 = thermine_drivers::discover::scan::MOST_PARALLEL as i64;

/// `thermine discover`.
#[derive(Debug, Args)]
pub struct Discover {
    /// Whom to ask: addresses (192.168.1.7, or 192.168.1.7:4028 for one port only), networks
    /// (192.168.1.0/24) or host names. Nobody else is.
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Port of the cgminer API.
    #[arg(long, value_name = "PORT", default_value_t = 4028, value_parser = clap::value_parser!(u16).range(1..))]
    pub cgminer_port: u16,
    /// Port of the web page.
    #[arg(long, value_name = "PORT", default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// Time for each address.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub timeout: f64,
    /// Addresses asked at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=MOST_PARALLEL))]
    pub parallel: u16,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
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
        Command::Sim(args) => sim::run(args, context),
        Command::Sweep(args) => sweep::run(args, context),
        Command::Devices(args) => devices::run(args, context),
        Command::Top(args) => top::run(&args),
        Command::Capture(command) => capture::run(command, context),
        Command::Discover(args) => discover::run(args, context),
        Command::Tpf(command) => runtime::run(context, tpf::run(command, context))?,
        Command::SwitchProfile(args) => switch_profile::run(args, context),
        Command::Chips(args) => chips::run(&args, context),
        Command::Proxy(args) => proxy::run(args, context),
        Command::Puf(command) => runtime::run(context, puf::run(command, context))?,
        Command::Vbm(Vbm::Bench(args)) => vbm::run(args),
        Command::Man(args) => manual::pages(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Run(args) => run::run(&args, context),
        Command::Queue(args) => queue::run(args),
        Command::Config(command) => config::command::run(command),
        Command::Analyse => queue::analysis::serve(),
    }
}
