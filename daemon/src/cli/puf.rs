//! Arguments of `thermine puf`, and what it runs.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::backend::wire_or_twin;
use super::unit::{Assume, Unit, configured};
use super::wrong::checked;
use crate::render::{folder, progress, puf as render, stdout};
use thermine_lab::backend::Backend;
use thermine_lab::config::Config;
use thermine_lab::puf::enroll::{self, EnrollRequest};
use thermine_lab::puf::fingerprint::{self, FingerprintRequest};
use thermine_lab::puf::fleet_report::{self, FleetRequest};
use thermine_lab::puf::verify::{self, VerifyRequest};
use thermine_lab::puf::{Key, prepared, profile};
use thermine_lab::session::Context;
use thermine_lab::tpf::evidence;

/// `thermine puf`.
#[derive(Debug, Subcommand)]
pub enum Puf {
    /// Challenge a unit several times and write its profile, signed with your key.
    Enroll(Enroll),
    /// Challenge a unit once and decide whether it is the unit of a profile.
    Verify(Verify),
    /// Measure the error rates of such decisions on a simulated fleet; or test whether the shares of captures of a unit
    /// tell its chips or cores apart, in the same way in each.
    Report(Report),
}

/// The unit that is challenged, and where its responses are kept.
#[derive(Debug, Args)]
struct Challenged {
    /// Configuration of the unit.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    config: Option<PathBuf>,
    /// Simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    #[command(flatten)]
    assume: Assume,
    /// Number of a simulated unit among those of its model, which differ as the units of a simulated fleet do
    /// [default: the unit of the configuration].
    #[arg(long, value_name = "N")]
    serial: Option<u64>,
    /// What is challenged.
    #[arg(long, alias = "by", default_value = "wire", value_parser = wire_or_twin())]
    backend: Backend,
    /// File of the key that profiles are signed with: 32 bytes or more in hexadecimal, readable by you alone [default:
    /// the key in the environment variable THERMINE_PUF_KEY].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Folder for the capture and the report; made if missing, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Seed of the challenges and of a simulated unit [default: drawn from the system, so that
    /// a challenge is unpredictable].
    #[arg(long)]
    seed: Option<u64>,
}

impl Challenged {
    fn unit(&self, backend: Backend) -> Result<Config> {
        let config = configured(self.config.as_deref(), self.unit, &self.assume)?;
        prepared(config, backend, self.serial)
    }
}

/// `thermine puf enroll`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine puf enroll --unit lv06 --serial 1 --key puf.key
  thermine puf enroll --config my-unit.toml --key puf.key --profile my-unit.json")]
pub struct Enroll {
    #[command(flatten)]
    challenged: Challenged,
    /// The profile to write [default: `profile.json` in the folder].
    #[arg(short, long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Challenges that the profile is measured from, 2 to 1000.
    #[arg(long, default_value_t = EnrollRequest::default().blocks, value_name = "N")]
    blocks: u32,
    /// Jobs at each operating point of a challenge, 2 to 100000.
    #[arg(long, default_value_t = EnrollRequest::default().jobs, value_name = "N")]
    jobs: u32,
    /// Shares of each job, 2 to 100000.
    #[arg(long, default_value_t = EnrollRequest::default().shares, value_name = "N")]
    shares: u32,
    /// Simulated units of the model that the profile is relative to, 4 to 10000.
    #[arg(long, default_value_t = EnrollRequest::default().others, value_name = "N")]
    others: u32,
    /// Sessions of each of these units, 2 to 1000.
    #[arg(long, default_value_t = EnrollRequest::default().other_sessions, value_name = "N")]
    other_sessions: u32,
}

/// `thermine puf verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine puf verify unit-1.json --unit lv06 --serial 1 --key puf.key
  thermine puf verify my-unit.json --config my-unit.toml --key puf.key --false-accept 0.0001")]
pub struct Verify {
    /// The profile that the unit is judged by.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    #[command(flatten)]
    challenged: Challenged,
    /// Part of other units that are accepted at the most, if the model holds: the likelihood ratio must be at least one
    /// over this. Above 0 and below 1.
    #[arg(long, default_value_t = VerifyRequest::default().false_accept)]
    false_accept: f64,
}

/// `thermine puf report`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine puf report --fleet 100 --sessions 20
  thermine puf report monday.sqlite tuesday.sqlite")]
pub struct Report {
    /// Separate captures of one unit, or CSV files of its shares, 20 at most; without any, a fleet is simulated. One capture
    /// alone cannot show a fingerprint: that persists from capture to capture.
    #[arg(value_name = "CAPTURE")]
    captures: Vec<PathBuf>,
    /// Stream of each capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Share difficulty of a CSV file, which does not say it.
    #[arg(long, default_value_t = evidence::DIFFICULTY_OF_CSV)]
    difficulty: f64,
    /// Model of the fleet: one with a controller.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    /// Units of the fleet, 8 to 10000.
    #[arg(long, default_value_t = FleetRequest::default().fleet, value_name = "N")]
    fleet: usize,
    /// Sessions of each unit, 4 to 1000; the first half enrols it.
    #[arg(long, default_value_t = FleetRequest::default().sessions, value_name = "N")]
    sessions: usize,
    /// Jobs at each operating point of a challenge, 2 to 10000.
    #[arg(long, default_value_t = FleetRequest::default().jobs, value_name = "N")]
    jobs: u32,
    /// Shares of each job, 2 to 10000.
    #[arg(long, default_value_t = FleetRequest::default().shares, value_name = "N")]
    shares: u32,
    /// Do not change the clock, as with a unit that cannot be set: the second operating point is half duty.
    #[arg(long)]
    fixed_clock: bool,
    /// Part of other units that are accepted at the most, if the model holds. Above 0 and below 1.
    #[arg(long, default_value_t = FleetRequest::default().false_accept)]
    false_accept: f64,
    /// Seed of everything.
    #[arg(long, default_value_t = FleetRequest::default().seed)]
    seed: u64,
    /// Folder for the report; made if missing, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Runs the subcommand.
pub(super) async fn run(command: Puf, context: &Context) -> Result<()> {
    match command {
        Puf::Enroll(args) => run_enroll(args, context).await,
        Puf::Verify(args) => run_verify(args, context).await,
        Puf::Report(args) if args.captures.is_empty() => run_fleet(args, context).await,
        Puf::Report(args) => run_fingerprint(args, context).await,
    }
}

async fn run_enroll(args: Enroll, context: &Context) -> Result<()> {
    let unit = args.challenged;
    let request = EnrollRequest {
        backend: unit.backend,
        serial: unit.serial,
        seed: unit.seed,
        blocks: args.blocks,
        jobs: args.jobs,
        shares: args.shares,
        others: args.others,
        other_sessions: args.other_sessions,
    };
    checked(request.check())?;
    let config = unit.unit(request.backend)?;
    let key = Key::load(unit.key.as_deref())?;
    if let Some(path) = args.profile.as_ref().filter(|path| path.exists()) {
        bail!(
            "{} exists already: profiles are never overwritten; name another file",
            path.display()
        );
    }
    let name = format!("puf-enroll-{}", config.unit.name);
    let folder = folder::make(unit.out.as_deref(), &name)?;
    let profile = args.profile.unwrap_or_else(|| folder.join("profile.json"));
    let progress = progress::shown(context);
    let report = enroll::run(&request, &config, &key, (&folder, &profile), &progress).await?;
    stdout::text(render::unit::enrolled(&report))
}

async fn run_verify(args: Verify, context: &Context) -> Result<()> {
    let (unit, profile) = (args.challenged, args.profile);
    let request = VerifyRequest {
        backend: unit.backend,
        serial: unit.serial,
        seed: unit.seed,
        false_accept: args.false_accept,
    };
    checked(request.check())?;
    let config = unit.unit(request.backend)?;
    let key = Key::load(unit.key.as_deref())?;
    let enrolled = profile::read(&profile, &key)?;
    verify::check_unit(&enrolled, &profile, &config)?;
    let name = format!("puf-verify-{}", config.unit.name);
    let folder = folder::make(unit.out.as_deref(), &name)?;
    let judged = (profile.as_path(), &enrolled);
    let progress = progress::shown(context);
    let decision = verify::run(&request, &config, judged, &folder, &progress).await?;
    folder::write_json(&folder, "decision.json", &decision)?;
    stdout::text(render::unit::decided(
        &decision,
        &enrolled,
        args.false_accept,
    ))?;
    stdout::line(folder.display())?;
    if !decision.accepted {
        bail!(
            "{} is not accepted as the unit of {}",
            decision.unit,
            profile.display()
        );
    }
    Ok(())
}

async fn run_fleet(args: Report, context: &Context) -> Result<()> {
    let request = FleetRequest {
        model: args.unit.model(),
        fleet: args.fleet,
        sessions: args.sessions,
        jobs: args.jobs,
        shares: args.shares,
        fixed_clock: args.fixed_clock,
        false_accept: args.false_accept,
        seed: args.seed,
    };
    checked(request.check())?;
    let folder = folder::make(args.out.as_deref(), &format!("puf-seed{}", args.seed))?;
    let report = fleet_report::run(&request, &progress::shown(context)).await?;
    render::fleet::write(&folder, &report)?;
    stdout::text(render::fleet::text(&report))?;
    stdout::line(folder.display())
}

async fn run_fingerprint(args: Report, context: &Context) -> Result<()> {
    if let Some(missing) = args.captures.iter().find(|file| !file.exists()) {
        bail!(
            "there is no file {}; without one, a fleet is simulated",
            missing.display()
        );
    }
    let request = FingerprintRequest {
        stream: args.stream,
        seed: args.seed,
    };
    let name = "puf-capture";
    let (mut folder, mut captures) = (None, Vec::new());
    for (number, file) in (1..).zip(&args.captures) {
        // Only what is imported needs the folder before the report is there.
        let make = || -> Result<PathBuf> {
            let whole = match folder.take() {
                Some(whole) => whole,
                None => folder::make(args.out.as_deref(), name)?,
            };
            let part = whole.join(format!("capture-{number}"));
            folder = Some(whole);
            folder::make(Some(&part), name)
        };
        let (capture, _) = evidence::imported(file, args.difficulty, make).await?;
        captures.push(capture);
    }
    let report = fingerprint::run(request, captures, &progress::shown(context)).await?;
    let folder = folder.map_or_else(|| folder::make(args.out.as_deref(), name), Ok)?;
    folder::write_json(&folder, "report.json", &report)?;
    stdout::text(render::fingerprint::text(&report))?;
    stdout::line(folder.display())
}
