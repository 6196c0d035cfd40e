//! `thermine capture record`: a share log of one unit at a constant drive, one new job after every answer, as
//! the published log of a real S9 was made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use thermine_lab::substrate::{Discipline, Drive, Outcome, Pace, Refused, Substrate, Twin};
use thermine_sim::Device;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;

use crate::causes::{ending, kept};
use crate::cli;
use crate::lab::config::{Config, Simulated};
use crate::lab::experiment::arms::twin_params;
use crate::lab::observer::{Bar, Progress};
use crate::lab::session::{Session, with_unit};
use crate::runtime;
use thermine_capture::{Capture, RunMeta, Store};

/// Most shares: a capture of them takes some 4 GB.
pub(crate) const MOST_SHARES: u64 = 10_000_000;

/// What is to be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The unit.
    pub(crate) config: &'a Config,
    /// Answers.
    pub(crate) shares: u64,
    /// Seed of the simulated unit and of the jobs.
    pub(crate) seed: u64,
    /// Whether its twin is driven, in process, and not the unit on its wire.
    pub(crate) on_twin: bool,
}

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    accepted: u64,
    refused: Refused,
    /// Steps in which the unit's connection broke, and how long it was away in all.
    interrupted: u64,
    gap: Duration,
}

impl Recorded {
    /// What there is to say of lost connections; empty if there was none.
    fn gaps(&self) -> String {
        match self.interrupted {
            0 => String::new(),
            n => format!(
                "; connection lost {n} times, {:.1} s in all",
                self.gap.as_secs_f64()
            ),
        }
    }
}

/// Records a capture, and returns its path and a sentence about it.
pub(crate) fn record(args: &cli::Record, progress: &Progress) -> Result<(PathBuf, String)> {
    let config = configuration(args)?;
    let named = args.out.as_ref().or(args.store.as_ref());
    let out = named.cloned().unwrap_or_else(|| {
        let name = format!("{}-shares-seed{}.sqlite", config.unit.name, args.seed);
        Path::new("runs").join(name)
    });
    // A database has no folder.
    if (args.out.is_some() || args.store.is_none())
        && let Some(folder) = out.parent()
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let plan = Plan {
        config: &config,
        shares: args.shares,
        seed: args.seed,
        on_twin: false,
    };
    let (out, recorded, provenance) = to_file(&plan, &out, progress)?;
    let gaps = recorded.gaps();
    let Recorded {
        accepted, refused, ..
    } = recorded;
    Ok((
        out,
        format!(
            "{} answers of {}: {accepted} accepted, {} stale, {} duplicate, {} invalid{gaps}; {}, seed {}",
            accepted + u64::from(refused.stale + refused.duplicate + refused.invalid),
            config.unit.name,
            refused.stale,
            refused.duplicate,
            refused.invalid,
            provenance,
            args.seed,
        ),
    ))
}

/// Records `plan` in a new capture at `out`: where that is by its full name, what came, and where it is from.
///
/// # Errors
/// If the unit or the capture fails; what was recorded until then is kept.
pub(crate) fn to_file(
    plan: &Plan<'_>,
    out: &Path,
    progress: &Progress,
) -> Result<(PathBuf, Recorded, Provenance)> {
    if !(1..=MOST_SHARES).contains(&plan.shares) {
        bail!("--shares {}: must be 1 to {MOST_SHARES}", plan.shares);
    }
    let (text, config_hash) = plan.config.fingerprint()?;
    let meta = RunMeta {
        seed: plan.seed,
        config: text,
        config_hash,
        task: serde_json::json!({ "record": { "shares": plan.shares } }),
        provenance: plan.config.provenance(plan.on_twin),
    };
    let store = Store::create(out, &meta)?;
    let out = store.path().to_path_buf();
    let recorder = store.stream("relay");
    let recorded = runtime::run(progress.context(), async {
        if plan.on_twin {
            on_twin(plan, recorder, progress).await
        } else {
            on_wire(plan, recorder, progress).await
        }
    })?;
    store.finish(&ending(&recorded))?;
    let recorded = recorded.map_err(|error| kept(error, &out))?;
    // As what was seen of the unit has it.
    let provenance = Capture::open(&out)?.run()?.provenance;
    Ok((out, recorded, provenance))
}

/// The unit's configuration, with what the command line sets.
fn configuration(args: &cli::Record) -> Result<Config> {
    let mut config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(args.unit.model())?,
    };
    match &mut config.unit.simulated {
        Some(simulated) => {
            *simulated = Simulated {
                frequency_mhz: args.frequency.or(simulated.frequency_mhz),
                voltage_v: args.voltage.or(simulated.voltage_v),
                fan: args.fan.or(simulated.fan),
                ..simulated.clone()
            };
        }
        None if [args.frequency, args.voltage, args.fan]
            .iter()
            .any(Option::is_some) =>
        {
            bail!(
                "--frequency, --voltage and --fan are for a simulated unit: set a real one by [point] of its configuration"
            )
        }
        None => {}
    }
    if let Some(difficulty) = args.difficulty {
        config.step.difficulty =
            thermine_units::pow::Difficulty::new(difficulty).context("--difficulty")?;
    }
    config.check(Path::new("the command line"))?;
    Ok(config)
}

/// Drives the unit's twin.
async fn on_twin(plan: &Plan<'_>, recorder: Recorder, progress: &Progress) -> Result<Recorded> {
    let model = plan.config.unit.model;
    let mut device = Device::warm(&twin_params(plan.config)?, plan.seed);
    device.set_operating_point(&plan.config.point.operating_point());
    let mut twin = Twin::new(
        device,
        model,
        Discipline::Relay,
        model.switch_dead_time(),
        seed::stream(plan.seed, "twin"),
        recorder,
    );
    let driven = drive(&mut twin, plan, progress);
    progress.context().unless_stopped(driven).await
}

/// Drives the unit at its wire.
async fn on_wire(plan: &Plan<'_>, recorder: Recorder, progress: &Progress) -> Result<Recorded> {
    let session = Session {
        context: progress.context(),
        config: plan.config,
        seed: plan.seed,
        notices: progress,
    };
    with_unit(session, async |unit| {
        let mut driven = unit.drive(Discipline::Relay, recorder)?;
        let recorded = drive(&mut driven, plan, progress).await?;
        unit.release(driven).await?;
        Ok(recorded)
    })
    .await
}

async fn drive<S: Substrate>(
    driven: &mut S,
    plan: &Plan<'_>,
    progress: &Progress,
) -> Result<Recorded> {
    let (config, shares) = (plan.config, plan.shares);
    let bar: Bar = progress.bar("shares", usize::try_from(shares)?);
    let drive = Drive {
        word: 0,
        later: 0,
        difficulty: config.step.difficulty,
        duty: 1.0,
        point: OperatingPoint::UNCHANGED,
        pace: Pace {
            shares: 1,
            hold: Duration::ZERO,
            timeout: Duration::from_secs_f64(config.step.timeout_seconds),
        },
    };
    let mut recorded = Recorded::default();
    let mut answers = 0;
    while answers < shares {
        let seen = driven.step(&drive).await?;
        recorded.interrupted += u64::from(seen.outcome == Outcome::Interrupted);
        recorded.gap += seen.gap;
        let refused = seen.refused;
        recorded.accepted += seen.shares.len() as u64;
        recorded.refused.stale += refused.stale;
        recorded.refused.duplicate += refused.duplicate;
        recorded.refused.invalid += refused.invalid;
        answers += seen.shares.len() as u64
            + u64::from(refused.stale + refused.duplicate + refused.invalid);
        bar.step();
    }
    Ok(recorded)
}
