//! A job in somebody's hands: its folder, its carrying out, and what the queue is told of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::keeper::House;
use crate::lab::attach::Rig;
use crate::lab::config::Config;
use crate::lab::config::daemon::{Daemon, JOBS};
use crate::lab::observer::Progress;
use crate::lab::request::Request;
use crate::lab::session::SAFE_END;
use crate::live::snapshot::Health;
use crate::queue::Queue;
use crate::queue::store::{End, Entry};
use crate::queue::work::{self, Outcome};
use thermine_capture::error_chain::chain;

/// Wall time that an experiment is given to end when it is stopped: its unit's safe end, and its capture.
const ENDING: Duration = SAFE_END.saturating_add(Duration::from_secs(20));

/// A job that a keeper or an attendant has been given.
#[derive(Debug, Clone)]
pub(super) struct Lent {
    pub(super) entry: Entry,
    pub(super) progress: Progress,
}

impl Lent {
    /// The folder of this attempt.
    pub(super) fn folder(&self, data: &Path) -> PathBuf {
        let name = format!("{}-{}", self.entry.job.id, self.entry.attempts + 1);
        data.join(JOBS).join(name)
    }

    /// Carries it out on the unit of `config`, which is at nobody's hands and is reached by `lender`. Ends when it does,
    /// or soon after `stop`.
    pub(super) async fn on_unit(
        self,
        house: &House,
        config: &Config,
        lender: Arc<Rig>,
        stop: &CancellationToken,
    ) {
        let id = self.entry.job.id;
        if !begun(house.queue.clone(), id).await {
            return;
        }
        let folder = self.folder(&house.daemon.data);
        let Lent { entry, progress } = self;
        let command = entry.job.command;
        let request = entry.request;
        let unit = &config.unit.name;
        house.live.change(unit, |unit| {
            unit.activity = format!("job {id}: {command}");
            unit.health = Health::Well;
            unit.why = None;
            // Its job reads it from now on, and tells the daemon nothing of that.
            unit.forget_readings();
            unit.hash_rate_ghs = None;
            unit.expected_ghs = None;
            unit.duty = None;
        });
        let progress = progress.within(|context| context.on(lender));
        let carried = carry_out(
            request,
            house.daemon.clone(),
            Some(config.clone()),
            folder,
            progress.clone(),
        );
        let mut carried = std::pin::pin!(carried);
        let ended = tokio::select! {
            ended = &mut carried => Some(ended),
            () = stop.cancelled() => None,
        };
        let end = match ended {
            Some(Ok(outcome)) => {
                let found = outcome.found.clone();
                house.live.change(unit, |unit| {
                    unit.verdict = found.verdict.or(unit.verdict.take());
                    unit.tpf = found.filter.or(unit.tpf.take());
                });
                End::Done(
                    outcome.folder.display().to_string(),
                    Box::new(outcome.found),
                )
            }
            Some(Err(_)) if progress.is_stopped() => End::Cancelled,
            Some(Err(error)) => End::Failed(chain(&error)),
            None => {
                progress.stop();
                // Whether it ends well or not, it is to be begun anew.
                let _ = tokio::time::timeout(ENDING, &mut carried).await;
                End::Interrupted
            }
        };
        entered(house.queue.clone(), id, end).await;
    }
}

/// Carries a job's request out. What it computes blocks a thread of its own, and no other task.
pub(super) async fn carry_out(
    request: Result<Box<Request>, String>,
    daemon: Daemon,
    config: Option<Config>,
    folder: PathBuf,
    progress: Progress,
) -> Result<Outcome> {
    let request =
        request.map_err(|why| anyhow!("the job cannot be read, queue it again: {why}"))?;
    let runtime = Handle::current();
    let work = tokio::task::spawn_blocking(move || {
        let work = work::carry_out(&request, &daemon, config.as_ref(), &folder, &progress);
        runtime.block_on(work)
    });
    work.await
        .unwrap_or_else(|error| Err(anyhow!("the experiment has failed: {error}")))
}

/// Whether the job `id` still waits; if so it now runs.
pub(super) async fn begun(queue: Queue, id: u64) -> bool {
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
pub(super) async fn entered(queue: Queue, id: u64, end: End) {
    let entered = tokio::task::spawn_blocking(move || queue.end(id, end)).await;
    if let Ok(Err(error)) = entered {
        tracing::error!(id, %error, "how the job ended cannot be entered");
    }
}
