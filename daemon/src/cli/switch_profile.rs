//! `thermine switch-profile`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::backend::wire_or_twin;
use super::unit::{Assume, Unit, configured};
use super::wrong::checked;
use crate::render::{folder, progress, stdout, switch_profile as render};
use thermine_lab::backend::Backend;
use thermine_lab::driven;
use thermine_lab::session::Context;
use thermine_lab::switch_profile::{request, run as profile};
use thermine_lab::tpf::evidence::DIFFICULTY_OF_CSV;

/// `thermine switch-profile`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine switch-profile --unit s9 --jobs 3000
  thermine switch-profile runs/demo/capture.sqlite --steady-after 80")]
pub struct SwitchProfile {
    /// The capture, or a CSV file of shares [default: a unit is driven].
    #[arg(value_name = "CAPTURE", conflicts_with_all = ["config", "unit"])]
    capture: Option<PathBuf>,
    /// Configuration of the unit that is driven [default: a simulated unit].
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    config: Option<PathBuf>,
    /// Simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    #[command(flatten)]
    assume: Assume,
    /// What is driven.
    #[arg(long, alias = "by", default_value = "wire", value_parser = wire_or_twin())]
    backend: Backend,
    /// Jobs that the unit is given, each after the first share of the one before: 50 to 1000000.
    #[arg(long, default_value_t = request::SwitchProfileRequest::default().jobs, value_name = "N")]
    jobs: u32,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = DIFFICULTY_OF_CSV)]
    difficulty: f64,
    /// Milliseconds after a change of jobs from which the unit counts as hashing steadily, up to 60000.
    #[arg(long, default_value_t = request::SwitchProfileRequest::default().steady_after, value_name = "MS")]
    steady_after: f64,
    /// Seed of the simulated unit and of the intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) async fn run(args: SwitchProfile, context: &Context) -> Result<()> {
    let config = match &args.capture {
        Some(file) => {
            ensure!(
                file.exists(),
                "there is no file {}; to drive a simulated unit, name it with --unit",
                file.display()
            );
            None
        }
        None => {
            let config = configured(args.config.as_deref(), args.unit, &args.assume)?;
            driven::check(&config, args.backend)?;
            Some(config)
        }
    };
    let request = request::SwitchProfileRequest {
        capture: args.capture,
        backend: args.backend,
        jobs: args.jobs,
        stream: args.stream,
        difficulty: args.difficulty,
        steady_after: args.steady_after,
        seed: args.seed,
    };
    checked(request.check())?;
    let progress = progress::shown(context);
    let filled = folder::filled(args.out.as_deref(), "switch-profile", async |folder| {
        profile(&request, config.as_ref(), folder, &progress).await
    });
    let (folder, report) = filled.await?;
    folder::write_json(&folder, "report.json", &report)?;
    render::plot(&folder, &report)?;
    stdout::text(render::text(&report))?;
    stdout::line(folder.display())
}
