//! `thermine switch-profile`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::backend::{chosen, former, one_of};
use super::unit::{Unit, configuration};
use super::wrong::checked;
use crate::lab::backend::Backend;
use crate::lab::driven;
use crate::lab::session::Context;
use crate::lab::switch_profile::{request, run as profile};
use crate::render::{folder, progress, stdout, switch_profile as render};

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
    /// What is driven [default: wire].
    #[arg(long, value_parser = one_of(&[Backend::Wire, Backend::Twin]))]
    backend: Option<Backend>,
    #[arg(long, hide = true, value_parser = former, conflicts_with = "backend")]
    by: Option<Backend>,
    /// Jobs that the unit is given, each after the first share of the one before.
    #[arg(long, default_value_t = 3_000, value_name = "N", value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    jobs: u32,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = 256.0)]
    difficulty: f64,
    /// Milliseconds after a change of jobs from which the unit counts as hashing steadily.
    #[arg(long, default_value_t = 60.0, value_name = "MS", value_parser = milliseconds)]
    steady_after: f64,
    /// Seed of the simulated unit and of the intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 60_000.0 => Ok(number),
        _ => Err("must be a number of milliseconds above 0 and at most 60000".into()),
    }
}

/// Runs the subcommand.
pub(crate) async fn run(args: SwitchProfile, context: &Context) -> Result<()> {
    let backend = chosen(args.backend, ("--by", args.by)).unwrap_or_default();
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
            let config = configuration(args.config.as_deref(), args.unit)?;
            driven::check(&config, backend)?;
            Some(config)
        }
    };
    let request = request::SwitchProfile {
        capture: args.capture,
        backend,
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
