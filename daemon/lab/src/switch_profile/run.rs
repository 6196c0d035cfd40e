//! Drives a unit if one is asked for, and profiles its changes of jobs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::substrate::{Discipline, Drive, Substrate};
use anyhow::{Context as _, Result};
use serde::Serialize;
use thermine_reservoir::switching::{Binning, SwitchProfile};
use thermine_stratum::handshake::Pace;
use thermine_units::provenance::Provenance;
use thermine_units::unit::OperatingPoint;

use super::request::SwitchProfileRequest;
use crate::config::Config;
use crate::driven::with_driven;
use crate::observer::{Bar, Progress};
use crate::recording::{CAPTURE, Captured, run_meta, with_capture};
use crate::session::Session;
use crate::threads::computed;
use crate::tpf::evidence::{Evidence, imported};

/// Name of the stream of a driven unit.
const STREAM: &str = "switch-profile";

/// Usual times between two changes of jobs, s.
const TYPICAL: [f64; 5] = [0.1, 1.0, 5.0, 30.0, 60.0];

/// The profile, and what it is of.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the program.
    pub(crate) version: &'static str,
    /// File or URL of the capture.
    pub capture: String,
    /// Origin of the shares.
    pub provenance: Provenance,
    /// Stream of the capture.
    pub stream: String,
    /// Times by which shares are sorted.
    pub binning: Binning,
    /// What each change of jobs costs.
    pub profile: SwitchProfile,
    /// Fraction of hashing lost if jobs changed once in so many seconds.
    pub typical: Vec<(f64, f64)>,
}

/// Profiles the capture of `request`, or the unit of `config`. A capture that is made is kept in `folder`.
///
/// # Errors
/// If the unit or the capture fails, or holds too few shares; what was recorded is kept.
pub async fn run(
    request: &SwitchProfileRequest,
    config: Option<&Config>,
    folder: &Path,
    progress: &Progress,
) -> Result<Report> {
    let (capture, driven) = match (&request.capture, config) {
        (None, Some(config)) => {
            let (capture, provenance) = record(request, config, folder, progress).await?;
            (capture, Some(provenance))
        }
        (file, _) => {
            let file = file.as_deref().context("neither a capture nor a unit")?;
            let make = || Ok(folder.to_path_buf());
            (imported(file, request.difficulty, make).await?.0, None)
        }
    };
    let request = request.clone();
    computed(progress.context(), move || {
        profiled(&request, &capture, driven)
    })
    .await
}

/// The profile of `capture`, whose numbers are of the origin `driven` if its unit was just driven.
fn profiled(
    request: &SwitchProfileRequest,
    capture: &Path,
    driven: Option<Provenance>,
) -> Result<Report> {
    let evidence = Evidence::load(capture, request.stream.as_deref())?;
    let steady_after = request.steady_after * 1e-3;
    let binning = Binning {
        steady_after,
        up_to: Binning::default().up_to.max(3.0 * steady_after),
        bin: Binning::default().bin.max(steady_after / 15.0),
    };
    let (sent, points) = (&evidence.sent, evidence.points());
    let profile = SwitchProfile::of(sent, &points, binning, request.seed)
        .with_context(|| format!("stream `{}` of {}", evidence.stream, capture.display()))?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        capture: capture.display().to_string(),
        provenance: driven.unwrap_or(evidence.provenance),
        stream: evidence.stream,
        binning,
        typical: TYPICAL
            .map(|every| (every, profile.lost_at(1.0 / every)))
            .to_vec(),
        profile,
    })
}

/// Drives the unit so that every first share brings the next job: the capture, and the origin of its numbers.
async fn record(
    request: &SwitchProfileRequest,
    config: &Config,
    folder: &Path,
    progress: &Progress,
) -> Result<(PathBuf, Provenance)> {
    let task = serde_json::json!({ "switch_profile": request.jobs });
    let meta = run_meta(config, request.backend, request.seed, task)?;
    let session = Session {
        context: progress.context(),
        config,
        seed: request.seed,
        notices: progress,
    };
    let bar = progress.bar("jobs", request.jobs as usize);
    let place = folder.join(CAPTURE);
    let recorded = with_capture(&meta, &place, async |store| {
        let how = (request.backend, Discipline::Dialogue);
        let into = (OperatingPoint::UNCHANGED, store.stream(STREAM));
        with_driven(session, how, into, async |unit| {
            drive(unit, request.jobs, config, &bar).await
        })
        .await
    });
    let Captured {
        place, provenance, ..
    } = recorded.await?;
    Ok((place, provenance))
}

async fn drive(unit: &mut impl Substrate, jobs: u32, config: &Config, bar: &Bar) -> Result<()> {
    for job in 0..jobs {
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
