//! `thermine puf`: telling units of one model apart by how they answer.
//!
//! - [`challenge`]: what a unit is asked; [`response`]: what it answers; [`features`]: that in numbers;
//! - [`enroll`]: a unit's profile; [`file`]: as a signed file; [`key`]: by whose key; [`verify`]: a claim judged;
//!   [`unit`]: the unit that is asked;
//! - [`fleet`]: simulated units that differ; [`study`]: what claims among them are worth; [`attacks`]: passing for
//!   another unit; [`report`] and [`render`]: all that in a report;
//! - [`capture`]: whether the shares of one capture tell chips or cores apart at all.
//!
//! It is no strong physical unclonable function: whoever knows a profile can emulate nonces and times on a host.

mod attacks;
mod capture;
mod challenge;
mod enroll;
mod features;
mod file;
mod fleet;
mod key;
mod render;
mod report;
mod response;
mod study;
mod unit;
mod verify;

#[cfg(any(test, fuzzing))]
pub use file::fuzz_profile;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use crate::cli;
use crate::lab::session::Context;

/// `thermine puf`.
#[derive(Debug, Subcommand)]
pub enum Puf {
    /// Ask a unit several fresh challenges and write its profile, signed with your key.
    Enroll(Enroll),
    /// Ask a unit one fresh challenge and say whether it is the one that the profile is of.
    Verify(Verify),
    /// What such decisions are worth, on a simulated fleet; or, of a capture, whether its shares tell chips or
    /// cores apart.
    Report(Report),
}

/// How a unit is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Over its wire.
    Wire,
    /// The simulator's physics, in process.
    Twin,
}

/// The unit that is asked, and where its answers are kept.
#[derive(Debug, Args)]
pub struct Asked {
    /// Configuration of the unit.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub config: Option<PathBuf>,
    /// Which simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub unit: cli::Unit,
    /// Which of its model a simulated unit is: units with other numbers differ as the simulated fleet's do. Without
    /// it, the one of the configuration.
    #[arg(long, value_name = "N")]
    pub serial: Option<u64>,
    /// How it is asked.
    #[arg(long, value_enum, default_value = "wire")]
    pub by: By,
    /// File of the key that profiles are signed with: 32 bytes or more in hexadecimal, readable by you alone. Without
    /// it, the key in the environment variable THERMINE_PUF_KEY.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Folder for the capture and the report; made if it is not there, and must be empty [default: a new one in
    /// `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Seed of the challenges and of a simulated unit's chance. Without it they are drawn from the system, which is
    /// what makes a challenge fresh.
    #[arg(long)]
    pub seed: Option<u64>,
}

/// `thermine puf enroll`.
#[derive(Debug, Args)]
pub struct Enroll {
    /// The unit.
    #[command(flatten)]
    pub asked: Asked,
    /// The profile to write [default: `profile.json` in the folder].
    #[arg(short, long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Challenges that it is enrolled from.
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub blocks: u32,
    /// Jobs at each operating point of a challenge.
    #[arg(long, default_value_t = 48, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub jobs: u32,
    /// Shares of each job.
    #[arg(long, default_value_t = 25, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub shares: u32,
    /// Simulated units of the model that it is held against.
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=10_000))]
    pub others: u32,
    /// Sessions of each of them.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub other_sessions: u32,
}

/// `thermine puf verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The profile that it is to be judged by.
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,
    /// The unit.
    #[command(flatten)]
    pub asked: Asked,
    /// How often another unit may be accepted at the most, if the model holds: the likelihood ratio must be at
    /// least one over this.
    #[arg(long, default_value_t = 0.001, value_parser = probability)]
    pub false_accept: f64,
}

/// `thermine puf report`.
#[derive(Debug, Args)]
pub struct Report {
    /// A capture, or a CSV file of shares; without it, a fleet is simulated.
    #[arg(value_name = "CAPTURE")]
    pub capture: Option<PathBuf>,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = 256.0)]
    pub difficulty: f64,
    /// Model of the fleet: one with a controller.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub unit: cli::Unit,
    /// Units of the fleet.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(8..=10_000))]
    pub fleet: u32,
    /// Sessions of each; the first half enrol it.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=1000))]
    pub sessions: u32,
    /// Jobs at each operating point of a challenge.
    #[arg(long, default_value_t = 48, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub jobs: u32,
    /// Shares of each job.
    #[arg(long, default_value_t = 25, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub shares: u32,
    /// Leave the clock alone, as with a unit that cannot be set: the second operating point is half duty.
    #[arg(long)]
    pub fixed_clock: bool,
    /// As for `verify`.
    #[arg(long, default_value_t = 0.001, value_parser = probability)]
    pub false_accept: f64,
    /// Seed of everything.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("must be a number above 0 and below 1".into()),
    }
}

/// Runs the subcommand.
pub(crate) fn run(command: Puf, context: &Context) -> Result<()> {
    match command {
        Puf::Enroll(args) => enroll::run(&args, context),
        Puf::Verify(args) => verify::run(&args, context),
        Puf::Report(args) => match &args.capture {
            Some(file) => capture::run(&args, file),
            None => report::run(&args),
        },
    }
}
