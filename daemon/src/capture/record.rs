//! `thermine capture record`: a share log of one unit at a constant drive, one new job after every answer, as
//! the published log of a real S9 was made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use thermine_drivers::record::Recorder;
use thermine_drivers::substrate::{Discipline, Drive, Pace, Provenance, Refused, Substrate};
use thermine_drivers::unit::OperatingPoint;

use crate::cli;
use crate::config::{Config, Simulated};
use crate::report::progress::{Bar, Progress};
use crate::rig::{Rig, Unit};
use crate::store::{RunMeta, Store};

/// Most shares: a capture of them takes some 4 GB.
const MOST_SHARES: u64 = 10_000_000;

/// What was recorded.
#[derive(Debug, Clone, Copy, Default)]
struct Recorded {
    accepted: u64,
    refused: Refused,
}

/// Records a capture, and returns its path and a sentence about it.
pub(crate) fn record(args: &cli::Record, progress: &Progress) -> Result<(PathBuf, String)> {
    let config = configuration(args)?;
    if !(1..=MOST_SHARES).contains(&args.shares) {
        bail!("--shares {}: must be 1 to {MOST_SHARES}", args.shares);
    }
    let (text, config_hash) = config.fingerprint()?;
    let simulated = config.unit.simulated.is_some();
    let meta = RunMeta {
        seed: args.seed,
        config: text,
        config_hash,
        task: serde_json::json!({ "record": { "shares": args.shares } }),
        provenance: if simulated {
            Provenance::Simulated
        } else {
            Provenance::Device
        },
    };
    let out = args.out.clone().unwrap_or_else(|| {
        let name = format!("{}-shares-seed{}.sqlite", config.unit.name, args.seed);
        Path::new("runs").join(name)
    });
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let store = Store::create(&out, &meta)?;
    let recorder = store.stream("relay");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let recorded = runtime.block_on(on_wire(&config, args, recorder, progress));
    runtime.shutdown_timeout(Duration::from_secs(2));
    let state = match &recorded {
        Ok(_) => "finished".to_string(),
        Err(error) => format!("failed: {error:#}"),
    };
    store.finish(&state)?;
    let recorded = recorded
        .with_context(|| format!("what was recorded until then is in {}", out.display()))?;
    let Recorded { accepted, refused } = recorded;
    Ok((
        out,
        format!(
            "{} answers of {}: {accepted} accepted, {} stale, {} duplicate, {} invalid; {}, seed {}",
            accepted + u64::from(refused.stale + refused.duplicate + refused.invalid),
            config.unit.name,
            refused.stale,
            refused.duplicate,
            refused.invalid,
            meta.provenance,
            args.seed,
        ),
    ))
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
            thermine_drivers::pow::Difficulty::new(difficulty).context("--difficulty")?;
    }
    config.check(Path::new("the command line"))?;
    Ok(config)
}

/// Drives the unit at its wire.
async fn on_wire(
    config: &Config,
    args: &cli::Record,
    recorder: Recorder,
    progress: &Progress,
) -> Result<Recorded> {
    let mut rig = match &config.unit.simulated {
        None => progress.real_rig()?,
        Some(_) => Rig::new(config.clock())?,
    };
    let mut unit = rig.attach(config, args.seed).await?;
    if config.unit.simulated.is_none() {
        progress.say(&format!("waiting for {}", unit.instructions()));
    }
    // An interruption ends the drive, and not what follows: the unit is left at its safe point all the same.
    let recorded = tokio::select! {
        done = drive(&mut unit, config, args.shares, recorder, progress) => done,
        () = progress.interrupted() => Err(anyhow!("interrupted")),
    };
    if !unit.end().await {
        progress.say("the unit has NOT confirmed its safe operating point: look after it");
    }
    let recorded = recorded?;
    rig.close().await;
    Ok(recorded)
}

async fn drive(
    unit: &mut Unit,
    config: &Config,
    shares: u64,
    recorder: Recorder,
    progress: &Progress,
) -> Result<Recorded> {
    for remark in unit.ready().await? {
        progress.say(&remark);
    }
    let bar: Bar = progress.bar("shares", usize::try_from(shares)?);
    let mut driven = unit.drive(Discipline::Relay, recorder)?;
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
        let refused = seen.refused;
        recorded.accepted += seen.shares.len() as u64;
        recorded.refused.stale += refused.stale;
        recorded.refused.duplicate += refused.duplicate;
        recorded.refused.invalid += refused.invalid;
        answers += seen.shares.len() as u64
            + u64::from(refused.stale + refused.duplicate + refused.invalid);
        bar.step();
    }
    unit.release(driven).await?;
    Ok(recorded)
}
