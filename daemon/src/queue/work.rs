//! The carrying out of a job: a checked request, on the unit that the job is for, or in a process of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use thermine_reservoir::bootstrap;
use thermine_units::provenance;

use super::analysis;
use crate::capture;
use crate::cli::request::{self as arguments, TrainFiles};
use crate::lab::config::Config;
use crate::lab::config::daemon::Daemon;
use crate::lab::experiment::run::Report;
use crate::lab::observer::Progress;
use crate::lab::request::{Request, Train};
use crate::lab::{sweep, tpf, train};
use crate::live::snapshot::{Estimate, Filter, Provenance, Row, Verdict};
use crate::render::run::RunReport;
use crate::render::{self, folder};
use crate::runtime;

/// Name of the unit's configuration in a job's folder.
const CONFIG: &str = "unit.toml";
/// Name of what the command has said, there.
const SAID: &str = "said.txt";
/// Names of the folders of the report and of the data file, there.
const REPORT: &str = "report";
const DATA: &str = "data";

/// Variable that names the database to which training runs are recorded.
const STORE: &str = "THERMINE_STORE";

/// What has come of it.
#[derive(Debug)]
pub struct Outcome {
    /// Where its report is.
    pub folder: PathBuf,
    /// What is shown beside the unit.
    pub found: Found,
}

/// What an experiment has found, as it is shown beside the unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The verdict of a training run.
    pub verdict: Option<Verdict>,
    /// The account of a trial of the probability filter.
    pub filter: Option<Filter>,
}

/// Carries `request` out for the daemon, on the unit of `config`, into `folder`, which is made. Checks it first: it may be
/// of another version, or the files have changed since it was queued. Blocks until it is done, or `progress` is stopped.
///
/// # Errors
/// Whatever went wrong; what there is until then is in the folder.
pub(crate) fn carry_out(
    request: &Request,
    daemon: &Daemon,
    config: Option<&Config>,
    folder: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    request.check(&daemon.folders())?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut said = String::new();
    let done = if request.is_analysis() {
        analysed(request, daemon, folder, progress, &mut said)
    } else {
        driven(request, daemon, config, folder, progress, &mut said)
    };
    if !said.is_empty() {
        folder::write(folder, SAID, said)?;
    }
    done.map(|found| Outcome {
        folder: folder.to_path_buf(),
        found,
    })
}

fn analysed(
    request: &Request,
    daemon: &Daemon,
    folder: &Path,
    progress: &Progress,
    said: &mut String,
) -> Result<Found> {
    let folders = daemon.folders();
    let task = match request {
        Request::Verify(verify) => analysis::Task::Verify {
            capture: folders
                .capture(&verify.capture)
                .map_err(anyhow::Error::msg)?,
        },
        Request::Train(train) => analysis::Task::Replay {
            train: train.clone(),
            capture: folders
                .capture(train.capture.as_deref().unwrap_or_default())
                .map_err(anyhow::Error::msg)?,
            data: data(train, daemon, folder)?,
            out: folder.join(REPORT),
        },
        Request::Sweep(_) | Request::Record(_) | Request::FilterTrial(_) => {
            anyhow::bail!("{} is no analysis", request.words())
        }
    };
    let answer = analysis::run(&task, &analysis::Limits::of(daemon), progress)?;
    *said = answer.said;
    match answer.error {
        Some(error) => Err(anyhow::Error::msg(error)),
        None => Ok(answer.found),
    }
}

fn driven(
    request: &Request,
    daemon: &Daemon,
    config: Option<&Config>,
    folder: &Path,
    progress: &Progress,
    said: &mut String,
) -> Result<Found> {
    let unit = config.context("the unit of this job is no longer configured")?;
    folder::write(folder, CONFIG, unit.fingerprint()?.0)?;
    let (config, out) = (folder.join(CONFIG), folder.join(REPORT));
    let mut found = Found::default();
    match request {
        Request::Train(train) => {
            let files = TrainFiles {
                config: Some(config),
                data: data(train, daemon, folder)?,
                capture: None,
                store: std::env::var_os(STORE).map(PathBuf::from),
                out,
            };
            let done = train::carry_out(&arguments::train(train, files)?, progress)?;
            *said = done.said;
            found.verdict = verdict(done.first.as_ref());
        }
        Request::Sweep(sweep) => {
            sweep::carry_out(
                arguments::sweep(sweep, config, out),
                progress,
                &mut |text| {
                    said.push_str(text);
                    Ok(())
                },
            )?;
        }
        Request::Record(record) => {
            let args = arguments::record(record, config, folder.join("capture.sqlite"));
            *said = capture::record::record(&args, progress)?.1;
        }
        Request::FilterTrial(trial) => {
            folder::make(Some(&out), "")?;
            let capture = out.join("capture.sqlite");
            let trial = tpf::live::run(trial, unit, &capture, progress);
            let report = runtime::run(progress.context(), trial)??;
            render::tpf::live::write(&out, &report)?;
            *said = render::tpf::live::text(&report);
            found.filter = render::tpf::live::account(&report);
        }
        Request::Verify(_) => anyhow::bail!("{} drives no unit", request.words()),
    }
    Ok(found)
}

/// A copy of the data file of `train` in the job's folder.
fn data(train: &Train, daemon: &Daemon, folder: &Path) -> Result<Option<PathBuf>> {
    let Some(data) = &train.data else {
        return Ok(None);
    };
    let own = folder.join(DATA);
    std::fs::create_dir_all(&own)
        .with_context(|| format!("cannot make the folder {}", own.display()))?;
    let name = Path::new(&data.file).file_name();
    let copy = own.join(name.context("the data file has no name")?);
    daemon.folders().copy_data(&data.file, &copy)?;
    Ok(Some(copy))
}

/// The verdict of a training run, where it has scores.
pub(super) fn verdict(report: Option<&Report>) -> Option<Verdict> {
    match report {
        Some(Report::Scores(report)) => Some(of_report(report)),
        _ => None,
    }
}

/// The verdict of a training run, as it is shown.
fn of_report(report: &RunReport) -> Verdict {
    let estimate = |nrmse: &bootstrap::Estimate, n: usize| Estimate {
        value: nrmse.value,
        low: nrmse.low,
        high: nrmse.high,
        n: n as u64,
    };
    let seed = report.head.seed;
    let row =
        |name: String, score: &thermine_reservoir::evaluate::Score, of: Option<Provenance>| Row {
            name,
            score: estimate(&score.nrmse, score.test_steps),
            features: score.features as u64,
            seed,
            provenance: of,
        };
    let mut rows: Vec<Row> = report
        .arms
        .iter()
        .map(|arm| {
            let device = &arm.verdict.device;
            row(arm.name.clone(), device, Some(provenance(&arm.provenance)))
        })
        .collect();
    let first = report.arms.first();
    for control in first.iter().flat_map(|arm| &arm.verdict.controls) {
        // Nulls are the device's own states, with their meaning destroyed.
        let of = first.filter(|_| control.control.is_null());
        let of = of.map(|arm| provenance(&arm.provenance));
        rows.push(row(
            format!("control: {}", control.control),
            &control.score,
            of,
        ));
    }
    Verdict {
        title: format!("{} on {}", report.task, report.head.unit),
        rows,
        sentence: first.map_or(String::new(), |arm| arm.sentence.clone()),
    }
}

/// As it is served.
pub fn provenance(of: &provenance::Provenance) -> Provenance {
    match of {
        provenance::Provenance::Device => Provenance::Device,
        provenance::Provenance::UnverifiedDevice => Provenance::UnverifiedDevice,
        provenance::Provenance::Simulated => Provenance::Simulated,
        provenance::Provenance::Replayed(_) => Provenance::Replayed,
    }
}
