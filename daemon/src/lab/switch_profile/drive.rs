//! Drives a unit so that its changes of jobs can be profiled: every first share brings the next job.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use thermine_lab::substrate::{Discipline, Drive, Substrate, Twin};
use thermine_sim::device::Device;
use thermine_stratum::swh::Pace;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;

use super::{Args, By};
use crate::causes::{ending, kept};
use crate::lab::config::Config;
use crate::lab::experiment::arms::twin_params;
use crate::lab::observer::Bar;
use crate::lab::session::{Context, Session, with_unit};
use crate::runtime;
use thermine_capture::{Capture, RunMeta, Store};

/// Name of the capture in the report folder.
const CAPTURE: &str = "capture.sqlite";

/// Name of its stream.
const STREAM: &str = "switch-profile";

/// The configuration of the unit that `args` name.
///
/// # Errors
/// If it cannot be used, or cannot be driven as asked.
pub(super) fn config(args: &Args) -> Result<Config> {
    let config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(args.unit.model())?,
    };
    if args.by == By::Twin {
        if config.unit.simulated.is_none() {
            bail!(
                "--by twin is a simulation, but {} is not configured as a simulated unit",
                config.unit.name
            );
        }
        twin_params(&config)?;
    }
    Ok(config)
}

/// Drives the unit of `config`, and records it in `folder`: the capture, and where its numbers come from.
///
/// # Errors
/// If the unit or the capture fails; what was recorded until then is kept.
pub(super) fn record(
    context: &Context,
    args: &Args,
    config: &Config,
    folder: &Path,
) -> Result<(PathBuf, Provenance)> {
    let (text, config_hash) = config.fingerprint()?;
    let meta = RunMeta {
        seed: args.seed,
        config_hash,
        config: text,
        task: serde_json::json!({ "switch_profile": args.jobs }),
        provenance: config.provenance(args.by == By::Twin),
    };
    let capture = folder.join(CAPTURE);
    let store = Store::create(&capture, &meta)?;
    let recorder = store.stream(STREAM);
    let driven = runtime::run(context, drive(context, args, config, recorder))?;
    let finished = store.finish(&ending(&driven));
    driven.map_err(|error| kept(error, &capture))?;
    finished?;
    // As what was seen of the unit has it.
    let provenance = Capture::open(&capture)?.run()?.provenance;
    Ok((capture, provenance))
}

async fn drive(context: &Context, args: &Args, config: &Config, recorder: Recorder) -> Result<()> {
    let progress = crate::render::progress::shown(context);
    let bar = progress.bar("jobs", args.jobs as usize);
    if args.by == By::Twin {
        let mut twin = Twin::new(
            Device::warm(&twin_params(config)?, args.seed),
            config.unit.model,
            Discipline::Dialogue,
            config.unit.model.switch_dead_time(),
            seed::stream(args.seed, "twin"),
            recorder,
        );
        let driven = steps(&mut twin, args, config, &bar);
        return context.unless_stopped(driven).await;
    }
    let session = Session {
        context,
        config,
        seed: args.seed,
        notices: &progress,
    };
    with_unit(session, async |unit| {
        let mut driven = unit.drive(Discipline::Dialogue, recorder)?;
        steps(&mut driven, args, config, &bar).await?;
        unit.release(driven).await
    })
    .await
}

async fn steps<S: Substrate>(unit: &mut S, args: &Args, config: &Config, bar: &Bar) -> Result<()> {
    for job in 0..args.jobs {
        let drive = Drive {
            word: job,
            later: 0,
            difficulty: config.step.difficulty,
            duty: 1.0,
            point: OperatingPoint::default(),
            pace: Pace {
                shares: 1,
                hold: Duration::ZERO,
                ..config.step.pace()
            },
        };
        unit.step(&drive).await?;
        bar.step();
    }
    Ok(())
}
