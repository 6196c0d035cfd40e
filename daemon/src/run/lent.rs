//! A job in somebody's hands: its folder, its carrying out, and what the queue is told of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::queue::Queue;
use crate::queue::store::{End, Entry};
use crate::queue::work::{Outcome, Work};
use crate::report::progress::Progress;

/// A job that a keeper has been given.
#[derive(Debug, Clone)]
pub(super) struct Lent {
    pub(super) entry: Entry,
    pub(super) progress: Progress,
}

impl Lent {
    /// The folder of this attempt.
    pub(super) fn folder(&self, data: &Path) -> PathBuf {
        let name = format!("{}-{}", self.entry.job.id, self.entry.attempts + 1);
        data.join("jobs").join(name)
    }
}

/// Carries `command` out in a thread of its own: it has a runtime of its own, as on the command line.
pub(super) async fn carry_out(
    command: String,
    config: Option<Config>,
    folder: PathBuf,
    progress: Progress,
) -> Result<Outcome> {
    let (sender, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("experiment".into())
        .spawn(move || {
            let outcome = Work::parse(&command)
                .and_then(|work| work.carry_out(config.as_ref(), &folder, &progress));
            // Nobody waits for it any more.
            let _ = sender.send(outcome);
        })
        .context("cannot start a thread for the experiment")?;
    ended
        .await
        .unwrap_or_else(|_| Err(anyhow!("the experiment has failed: its thread ended")))
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
