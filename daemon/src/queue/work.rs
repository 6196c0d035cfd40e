//! The carrying out of a job: a checked request, on the unit that the job is for, or in a process of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::analysis;
use super::found::{Found, verdict};
use crate::render;
use thermine_lab::backend::Backend;
use thermine_lab::config::Config;
use thermine_lab::config::daemon::Daemon;
use thermine_lab::observer::Progress;
use thermine_lab::recording::CAPTURE;
use thermine_lab::request::{Request, Setup, Train};
use thermine_lab::sweep::plan::Plan;
use thermine_lab::{folder, record, tpf, train};

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
pub(crate) struct Outcome {
    /// Where its report is.
    pub(crate) folder: PathBuf,
    /// What is shown beside the unit.
    pub(crate) found: Found,
}

/// Carries `request` out for the daemon, on the unit of `config`, into `folder`, which is made. Checks it first: it may be
/// of another version, or the files have changed since it was queued. It blocks its thread while it computes.
///
/// # Errors
/// Whatever went wrong; what there is until then is in the folder.
pub(crate) async fn carry_out(
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
        driven(request, daemon, config, folder, progress, &mut said).await
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

async fn driven(
    request: &Request,
    daemon: &Daemon,
    config: Option<&Config>,
    folder: &Path,
    progress: &Progress,
    said: &mut String,
) -> Result<Found> {
    let config = config.context("the unit of this job is no longer configured")?;
    folder::write(folder, CONFIG, config.fingerprint()?.0)?;
    let out = folder.join(REPORT);
    let mut found = Found::default();
    match request {
        Request::Train(train) => {
            let setup = Setup {
                config: Some(config.clone()),
                data: data(train, daemon, folder)?,
                store: std::env::var_os(STORE).map(PathBuf::from),
                out: Some(out),
                ..Setup::default()
            };
            let report = train::run(train, setup, progress, &mut render::train::plots).await?;
            *said = render::train::training(&report);
            found.verdict = verdict(report.first.as_ref());
        }
        Request::Sweep(sweep) => {
            let plan = Plan::new(sweep, config.clone(), Backend::Wire)?;
            let place = (sweep.feasibility, Some(out.as_path()));
            let mut say = |text: &str| {
                said.push_str(text);
                Ok(())
            };
            let swept = render::sweep::carry_out(plan, place, progress, &mut say);
            progress.context().on_notice(swept).await?;
        }
        Request::Record(record) => {
            let place = folder.join(CAPTURE);
            let recorded = record::run(record, config.clone(), Backend::Wire, &place, progress);
            let report = progress.context().on_notice(recorded).await?;
            *said = render::capture::recorded(&report);
        }
        Request::FilterTrial(trial) => {
            folder::make(Some(&out), "")?;
            let capture = out.join(CAPTURE);
            let trial = tpf::live::run(trial, config, &capture, progress);
            let report = progress.context().on_notice(trial).await?;
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
