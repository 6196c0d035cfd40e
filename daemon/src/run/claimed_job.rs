//! A job that a task has claimed: its folder, its carrying out, and what the queue is told of it.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use thermine_capture::error_chain::chain;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::shared::Shared;
use crate::live::Live;
use crate::live::snapshot::Health;
use crate::queue::Queue;
use crate::queue::store::{End, Entry};
use crate::queue::work::{self, Outcome};
use thermine_lab::attach::Attachments;
use thermine_lab::config::Config;
use thermine_lab::config::daemon::JOBS;
use thermine_lab::observer::Progress;
use thermine_lab::session::SAFE_END;

/// Wall time that an experiment is given to end when it is stopped: its unit's safe end, and its capture.
const ENDING: Duration = SAFE_END.saturating_add(Duration::from_secs(20));

/// A job that the task of a unit has been given, or a task without a unit.
#[derive(Debug, Clone)]
pub(super) struct ClaimedJob {
    pub(super) entry: Entry,
    pub(super) progress: Progress,
}

/// A unit that a job drives, and how it is reached. Nothing else drives it meanwhile.
pub(super) struct FreeUnit<'a> {
    pub(super) config: &'a Config,
    pub(super) lender: Arc<Attachments>,
}

impl ClaimedJob {
    /// The folder of this attempt.
    fn folder(&self, data: &Path) -> PathBuf {
        let name = format!("{}-{}", self.entry.job.id, self.entry.attempts + 1);
        data.join(JOBS).join(name)
    }

    /// Carries the job out, on `unit` if it needs one. Ends when the job does, or soon after `stop`.
    pub(super) async fn run(
        mut self,
        shared: &Shared,
        unit: Option<FreeUnit<'_>>,
        stop: &CancellationToken,
    ) {
        let id = self.entry.job.id;
        if !begun(shared.queue.clone(), id).await {
            return;
        }
        let config = unit.as_ref().map(|unit| unit.config.clone());
        if let Some(FreeUnit { config, lender }) = unit {
            let activity = format!("job {id}: {}", self.entry.job.command);
            show(&shared.live, config, activity);
            self.progress = self.progress.within(|context| context.on(lender));
        }
        let name = config.as_ref().map(|config| config.unit.name.clone());
        let progress = self.progress.clone();
        let mut carried = pin!(self.carry_out(shared, config));
        let ended = tokio::select! {
            ended = &mut carried => Some(ended),
            () = stop.cancelled() => None,
        };
        let end = match ended {
            Some(Ok(outcome)) => {
                if let Some(unit) = name {
                    let found = outcome.found.clone();
                    shared.live.change(&unit, |unit| {
                        unit.verdict = found.verdict.or(unit.verdict.take());
                        unit.tpf = found.filter.or(unit.tpf.take());
                    });
                }
                let folder = outcome.folder.display().to_string();
                End::Done(folder, Box::new(outcome.found))
            }
            Some(Err(_)) if progress.is_stopped() => End::Cancelled,
            Some(Err(error)) => End::Failed(chain(&error)),
            None => {
                progress.stop();
                // Whether it ends well or not, it is begun again.
                let _ = timeout(ENDING, carried).await;
                End::Interrupted
            }
        };
        entered(shared.queue.clone(), id, end).await;
    }

    /// Carries the job's request out. What it computes blocks a thread of its own, and no other task.
    async fn carry_out(self, shared: &Shared, config: Option<Config>) -> Result<Outcome> {
        let folder = self.folder(&shared.daemon.data);
        let (daemon, progress, runtime) = (shared.daemon.clone(), self.progress, Handle::current());
        let request = self.entry.request;
        let request =
            request.map_err(|why| anyhow!("the job cannot be read, queue it again: {why}"))?;
        let work = tokio::task::spawn_blocking(move || {
            let work = work::carry_out(&request, &daemon, config.as_ref(), &folder, &progress);
            runtime.block_on(work)
        });
        work.await
            .unwrap_or_else(|error| Err(anyhow!("the experiment has failed: {error}")))
    }
}

/// Shows that a job has the unit of `config`: it reads the unit from now on, and tells the daemon nothing of that.
fn show(live: &Live, config: &Config, activity: String) {
    live.change(&config.unit.name, |unit| {
        unit.activity = activity;
        unit.health = Health::Well;
        unit.why = None;
        unit.forget_readings();
        unit.hash_rate_ghs = None;
        unit.expected_ghs = None;
        unit.duty = None;
    });
}

/// Whether the job `id` still waits; if so it now runs.
async fn begun(queue: Queue, id: u64) -> bool {
    match tokio::task::spawn_blocking(move || queue.begin(id)).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(error)) => {
            tracing::error!(id, %error, "the job cannot be begun");
            false
        }
        Err(_) => false,
    }
}

/// Enters how a job has ended; what cannot be entered is found by the next daemon, and said.
async fn entered(queue: Queue, id: u64, end: End) {
    let entered = tokio::task::spawn_blocking(move || queue.end(id, end)).await;
    if let Ok(Err(error)) = entered {
        tracing::error!(id, %error, "how the job ended cannot be entered");
    }
}
