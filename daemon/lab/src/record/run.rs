//! Records the shares of a unit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::substrate::{Discipline, Drive, Outcome, Pace, Refused, Substrate};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::unit::OperatingPoint;

use super::request::Record;
use crate::backend::Backend;
use crate::config::{Config, Simulated};
use crate::driven::with_driven;
use crate::observer::Progress;
use crate::recording::{Captured, run_meta, with_capture};
use crate::session::Session;

/// What was recorded.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the unit.
    pub unit: String,
    /// Seed of the simulated unit and of the jobs.
    pub seed: u64,
    /// File of the capture, or URL of the database with the number of the run.
    pub capture: PathBuf,
    /// Origin of the shares.
    pub provenance: Provenance,
    /// Accepted shares.
    pub accepted: u64,
    /// Rejected shares.
    pub refused: Refused,
    /// Steps in which the unit's connection broke.
    pub interrupted: u64,
    /// Time without a connection in all.
    pub gap: Duration,
}

/// The counts of a recording.
#[derive(Debug, Default)]
struct Counts {
    accepted: u64,
    refused: Refused,
    interrupted: u64,
    gap: Duration,
}

/// Records what `request` asks for from the unit of `config` in a new capture at `place`.
///
/// # Errors
/// If the unit or the capture fails; what was recorded until then is kept.
pub async fn run(
    request: &Record,
    mut config: Config,
    backend: Backend,
    place: &Path,
    progress: &Progress,
) -> Result<Report> {
    request.check()?;
    set(&mut config, request)?;
    let task = serde_json::json!({ "record": { "shares": request.shares } });
    let meta = run_meta(&config, backend, request.seed, task)?;
    let session = Session {
        context: progress.context(),
        config: &config,
        seed: request.seed,
        notices: progress,
    };
    let recorded = with_capture(&meta, place, async |store| {
        let point = config.point.operating_point();
        let how = (backend, Discipline::Relay);
        with_driven(session, how, (point, store.stream("relay")), async |unit| {
            drive(unit, &config, request.shares, progress).await
        })
        .await
    });
    let Captured {
        found,
        place: capture,
        provenance,
    } = recorded.await?;
    Ok(Report {
        unit: config.unit.name,
        seed: request.seed,
        capture,
        provenance,
        accepted: found.accepted,
        refused: found.refused,
        interrupted: found.interrupted,
        gap: found.gap,
    })
}

/// Changes `config` as `request` asks for.
fn set(config: &mut Config, request: &Record) -> Result<()> {
    let asked = [request.frequency, request.voltage, request.fan];
    match &mut config.unit.simulated {
        Some(simulated) => {
            *simulated = Simulated {
                frequency_mhz: request.frequency.or(simulated.frequency_mhz),
                voltage_v: request.voltage.or(simulated.voltage_v),
                fan: request.fan.or(simulated.fan),
                ..simulated.clone()
            };
        }
        None if asked.iter().any(Option::is_some) => bail!(
            "--frequency, --voltage and --fan are for a simulated unit: set a real one by [operating_point] of its configuration"
        ),
        None => {}
    }
    if let Some(difficulty) = request.difficulty {
        config.step.difficulty = Difficulty::new(difficulty).context("--difficulty")?;
    }
    config.check(Path::new("the command line"))?;
    Ok(())
}

async fn drive(
    unit: &mut impl Substrate,
    config: &Config,
    shares: u64,
    progress: &Progress,
) -> Result<Counts> {
    let bar = progress.bar("shares", usize::try_from(shares)?);
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
    let mut counts = Counts::default();
    let mut seen_shares = 0;
    while seen_shares < shares {
        let seen = unit.step(&drive).await?;
        counts.interrupted += u64::from(seen.outcome == Outcome::Interrupted);
        counts.gap += seen.gap;
        counts.accepted += seen.shares.len() as u64;
        let refused = seen.refused;
        counts.refused.stale += refused.stale;
        counts.refused.duplicate += refused.duplicate;
        counts.refused.invalid += refused.invalid;
        seen_shares += seen.shares.len() as u64
            + u64::from(refused.stale + refused.duplicate + refused.invalid);
        bar.step();
    }
    Ok(counts)
}
