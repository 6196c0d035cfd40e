//! Arguments of `thermine tpf`, and what it runs.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::backend::wire_or_twin;
use super::unit::{Assume, Unit, configured};
use super::wrong::checked;
use crate::render::{folder, progress, stdout, tpf as render};
use thermine_lab::backend::Backend;
use thermine_lab::recording::CAPTURE;
use thermine_lab::session::Context;
use thermine_lab::tpf::calibration::{self, CalibrationRequest};
use thermine_lab::tpf::curve::{self, CurveRequest};
use thermine_lab::tpf::live::{self, FilterTrial};
use thermine_lab::tpf::study::{self, StudyRequest};
use thermine_lab::tpf::twin::{self, TwinRequest};
use thermine_lab::tpf::{Header, evidence};

/// `thermine tpf`.
#[derive(Debug, Subcommand)]
pub enum Tpf {
    /// Filter simulated observations of real SHA-256d rounds: the paper's figures by its own procedures, and what
    /// they leave out.
    Twin(Twin),
    /// Test whether anything that can be seen of a share tells its difficulty.
    Study(Study),
    /// Find the round from which on the state predicts success.
    Curve(Curve),
    /// Run a randomised trial on a unit at this program's own server: filter against pass-through, in shares per joule.
    Live(Live),
}

/// `thermine tpf twin`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine tpf twin
  thermine tpf twin --lambda 0.5 --bits 10 --demonstrate-leak")]
pub struct Twin {
    /// 80-byte block header in hexadecimal; its own nonce is not used [default: Bitcoin's block 125,552].
    #[arg(long, value_name = "HEX", default_value_t, hide_default_value = true)]
    header: Header,
    /// Strength λ of what is observed, in standard deviations of the noise, up to 1000. The physical null always has 0.
    #[arg(long, default_value_t = TwinRequest::default().lambda)]
    lambda: f64,
    /// Zero bits that a success begins with, 1 to 32: one hash in 2^bits.
    #[arg(long, default_value_t = TwinRequest::default().bits)]
    bits: u32,
    /// Round of the header's compression after which the filter decides, 3 to 64.
    #[arg(long, default_value_t = TwinRequest::default().round)]
    round: u32,
    /// Cost of a decision, in rounds.
    #[arg(long, default_value_t = TwinRequest::default().price)]
    price: f64,
    /// Nonces to train on, 100 to 4194304.
    #[arg(long, default_value_t = TwinRequest::default().train)]
    train: usize,
    /// Nonces to test on, 100 to 4194304.
    #[arg(long, default_value_t = TwinRequest::default().test)]
    test: usize,
    /// Nonces on which the early exit is compared with all rounds, 65536 to 2^31.
    #[arg(long, default_value_t = TwinRequest::default().exit_nonces)]
    exit_nonces: usize,
    /// Show where an accuracy of 100 % comes from: the same network on the same windows, with and without the label
    /// among its features.
    #[arg(long)]
    demonstrate_leak: bool,
    /// Seed of nonces, noise and networks.
    #[arg(long, default_value_t = TwinRequest::default().seed)]
    seed: u64,
    /// Folder for the report; made if missing, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// `thermine tpf study`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine tpf study runs/…/capture.sqlite
  thermine tpf study --calibrate --captures 200")]
pub struct Study {
    /// The capture, or a CSV file of shares.
    #[arg(
        value_name = "CAPTURE",
        required_unless_present = "calibrate",
        conflicts_with = "calibrate"
    )]
    capture: Option<PathBuf>,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Share difficulty of a CSV file, which does not say it.
    #[arg(long, default_value_t = evidence::DIFFICULTY_OF_CSV)]
    difficulty: f64,
    /// Test difficulty against this quantity alone, as named in the table of an earlier study of another capture: one
    /// test that was chosen beforehand needs no correction for the others.
    #[arg(long, value_name = "NAME", conflicts_with = "calibrate")]
    only: Option<String>,
    /// Permutations of a test, 99 to 1000000.
    #[arg(long, default_value_t = StudyRequest::default().permutations, value_name = "N")]
    permutations: usize,
    /// Seed of the permutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Test the tests instead of a capture: how often they reject simulated captures without any dependence, and how
    /// often they detect one.
    #[arg(long)]
    calibrate: bool,
    /// Simulated captures of each coupling, with `--calibrate`: 20 to 100000.
    #[arg(long, default_value_t = CalibrationRequest::default().captures, value_name = "N")]
    captures: usize,
    /// Shares of each simulated capture, with `--calibrate`: 320 to 100000.
    #[arg(long, default_value_t = CalibrationRequest::default().shares, value_name = "N")]
    shares: usize,
    /// Folder for the report; made if missing, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// `thermine tpf curve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine tpf curve
  thermine tpf curve --nonces 4000 --every 8")]
pub struct Curve {
    /// 80-byte block header in hexadecimal; its own nonce is not used [default: Bitcoin's block 125,552].
    #[arg(long, value_name = "HEX", default_value_t, hide_default_value = true)]
    header: Header,
    /// Nonces, 500 to 262144: half of them to fit, a fifth to choose among models, the rest to judge.
    #[arg(long, default_value_t = CurveRequest::default().nonces)]
    nonces: usize,
    /// Zero bits that a success begins with, 1 to 32: one hash in 2^bits.
    #[arg(long, default_value_t = CurveRequest::default().bits)]
    bits: u32,
    /// Compute every N-th round, 1 to 64; rounds 56 to 64 of the second compression always are.
    #[arg(long, value_name = "N", default_value_t = CurveRequest::default().every)]
    every: usize,
    /// Seed of nonces and networks.
    #[arg(long, default_value_t = CurveRequest::default().seed)]
    seed: u64,
    /// Folder for the report; made if missing, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// `thermine tpf live`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine tpf live --unit lv06 --backend twin
  thermine tpf live --config my-unit.toml --watts 13.5 --pairs 40")]
pub struct Live {
    /// Configuration of the unit; without it, a simulated unit is started.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    config: Option<PathBuf>,
    /// Simulated unit, if no configuration is named. The LV06 measures its power itself.
    #[arg(short, long, value_enum, default_value = "lv06")]
    unit: Unit,
    #[command(flatten)]
    assume: Assume,
    /// What is driven.
    #[arg(long, alias = "on", default_value = "wire", value_parser = wire_or_twin())]
    backend: Backend,
    /// Power in watts, for a unit that reports none: as a meter at the wall shows it, at most 100000. It is taken as
    /// constant, which is wrong as soon as the unit idles, and the report says so.
    #[arg(long, value_name = "WATTS")]
    watts: Option<f64>,
    /// Steps that the filter is trained on before the trial, 20 to 100000.
    #[arg(long, default_value_t = FilterTrial::default().train)]
    train: u32,
    /// Pairs of blocks after which the trial ends at the latest, 1 to 10000.
    #[arg(long, default_value_t = FilterTrial::default().pairs)]
    pairs: u32,
    /// Steps of a block that are counted, 1 to 10000.
    #[arg(long, default_value_t = FilterTrial::default().block)]
    block: u32,
    /// Steps at the beginning of each block that are not counted, as the unit settles: 0 to 1000.
    #[arg(long, default_value_t = FilterTrial::default().settle)]
    settle: u32,
    /// Run all pairs, however clear the evidence.
    #[arg(long)]
    to_the_end: bool,
    /// Seed of the order of blocks and of the simulated unit.
    #[arg(long, default_value_t = FilterTrial::default().seed)]
    seed: u64,
    /// Folder for report and capture; made if missing, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Live {
    pub(super) fn request(&self) -> FilterTrial {
        FilterTrial {
            backend: self.backend,
            watts: self.watts,
            train: self.train,
            pairs: self.pairs,
            block: self.block,
            settle: self.settle,
            to_the_end: self.to_the_end,
            seed: self.seed,
        }
    }
}

/// Runs the subcommand.
pub(super) async fn run(command: Tpf, context: &Context) -> Result<()> {
    match command {
        Tpf::Twin(args) => run_twin(args, context).await,
        Tpf::Study(args) if args.calibrate => run_calibration(args, context).await,
        Tpf::Study(args) => run_study(args, context).await,
        Tpf::Curve(args) => run_curve(args, context).await,
        Tpf::Live(args) => run_live(args, context).await,
    }
}

async fn run_twin(args: Twin, context: &Context) -> Result<()> {
    let request = TwinRequest {
        header: args.header,
        seed: args.seed,
        lambda: args.lambda,
        bits: args.bits,
        round: args.round,
        price: args.price,
        train: args.train,
        test: args.test,
        exit_nonces: args.exit_nonces,
    };
    checked(request.check())?;
    let folder = folder::make(args.out.as_deref(), &format!("tpf-twin-seed{}", args.seed))?;
    let report = twin::run(request, &progress::shown(context)).await?;
    render::twin::write(&folder, &report)?;
    stdout::text(render::twin::text(&report, args.demonstrate_leak))?;
    stdout::line(folder.display())
}

async fn run_study(args: Study, context: &Context) -> Result<()> {
    let request = StudyRequest {
        stream: args.stream,
        only: args.only,
        permutations: args.permutations,
        seed: args.seed,
    };
    checked(request.check())?;
    let make = || folder::make(args.out.as_deref(), "tpf-study");
    let file = args.capture.unwrap_or_default();
    let (capture, made) = evidence::imported(&file, args.difficulty, make).await?;
    let report = study::run(request, capture, &progress::shown(context)).await?;
    // Only now, so that a capture that cannot be studied leaves no empty folder.
    let folder = made.map_or_else(make, Ok)?;
    render::study::write(&folder, &report)?;
    stdout::text(render::study::text(&report))?;
    stdout::line(folder.display())
}

async fn run_calibration(args: Study, context: &Context) -> Result<()> {
    let request = CalibrationRequest {
        captures: args.captures,
        shares: args.shares,
        seed: args.seed,
    };
    checked(request.check())?;
    let folder = folder::make(args.out.as_deref(), "tpf-calibration")?;
    let report = calibration::run(&request, &progress::shown(context)).await?;
    render::calibration::write(&folder, &report)?;
    stdout::text(render::calibration::text(&report))?;
    stdout::line(folder.display())
}

async fn run_curve(args: Curve, context: &Context) -> Result<()> {
    let request = CurveRequest {
        header: args.header,
        nonces: args.nonces,
        bits: args.bits,
        every: args.every,
        seed: args.seed,
    };
    checked(request.check())?;
    let folder = folder::make(args.out.as_deref(), &format!("tpf-curve-seed{}", args.seed))?;
    let report = curve::run(request, &progress::shown(context)).await?;
    render::curve::write(&folder, &report)?;
    stdout::line(render::curve::text(&report))?;
    stdout::line(folder.display())
}

async fn run_live(args: Live, context: &Context) -> Result<()> {
    let request = args.request();
    checked(request.check())?;
    let config = configured(args.config.as_deref(), args.unit, &args.assume)?;
    live::check_unit(&request, &config)?;
    let folder = folder::make(args.out.as_deref(), &format!("tpf-live-seed{}", args.seed))?;
    let capture = folder.join(CAPTURE);
    let report = live::run(&request, &config, &capture, &progress::shown(context)).await?;
    render::live::write(&folder, &report)?;
    stdout::text(render::live::text(&report))?;
    stdout::line(folder.display())
}
