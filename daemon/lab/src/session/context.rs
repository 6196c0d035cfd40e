//! Who drives units, and how it is asked to stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use parking_lot::Mutex;
use thermine_units::clock::Clock;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attach::Attachments;
use crate::config::Config;

/// The work was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Who drives units: a command, the daemon, or one job of its queue. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Context {
    /// For messages to others: `thermine train`.
    name: Arc<str>,
    stop: CancellationToken,
    /// Units that were attached and have not confirmed that they are safe, each with its address.
    not_safe: Arc<Mutex<BTreeSet<String>>>,
    /// Safe ends under way, and all of the program.
    endings: TaskTracker,
    all_endings: TaskTracker,
    /// How much work is under way that ends by itself when it is asked to stop.
    heeding: Arc<AtomicUsize>,
    lender: Option<Arc<Attachments>>,
}

impl Context {
    /// One whose units are driven by `name`.
    pub fn new(name: &str) -> Context {
        Context {
            name: name.into(),
            stop: CancellationToken::new(),
            not_safe: Arc::default(),
            endings: TaskTracker::new(),
            all_endings: TaskTracker::new(),
            heeding: Arc::default(),
            lender: None,
        }
    }

    /// One that is stopped by itself and waits for its own safe ends only, for a job of the daemon; the list of units that
    /// are not safe is shared.
    pub fn apart(&self) -> Context {
        Context {
            endings: TaskTracker::new(),
            ..self.within()
        }
    }

    /// One that is stopped by itself.
    pub fn within(&self) -> Context {
        Context {
            stop: CancellationToken::new(),
            ..self.clone()
        }
    }

    /// The same for a unit that is reached behind the Stratum servers or the proxy of `lender`.
    pub fn on(self, lender: Arc<Attachments>) -> Context {
        Context {
            lender: Some(lender),
            ..self
        }
    }

    /// Who drives, for messages to others.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Asks the work to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether the work was asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the work is asked to stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// What `work` gives, unless it is asked to stop first. For work without a unit: it is dropped where it stands.
    ///
    /// # Errors
    /// What `work` fails with, or [`Interrupted`].
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.stopped() => Err(Interrupted.into()),
        }
    }

    /// Runs `work`, which ends by itself soon after it is asked to stop, and waits for the safe ends of its sessions.
    /// Without any such work, a signal ends the program at once.
    pub async fn on_notice<T>(&self, work: impl Future<Output = T>) -> T {
        let _heeding = self.heeding();
        let done = work.await;
        self.ended().await;
        done
    }

    /// Says that such work is under way, until the guard is dropped.
    pub(crate) fn heeding(&self) -> Heeding {
        self.heeding.fetch_add(1, Ordering::SeqCst);
        Heeding(self.heeding.clone())
    }

    /// Whether such work is under way.
    pub fn is_heeded(&self) -> bool {
        self.heeding.load(Ordering::SeqCst) > 0
    }

    /// Units that were attached and have not confirmed that they are safe, each with its address.
    pub fn not_safe(&self) -> Vec<String> {
        self.not_safe.lock().iter().cloned().collect()
    }

    /// Attachments for the unit of `config`: of its own, or beside the lender's.
    ///
    /// # Errors
    /// As [`Attachments::new`].
    pub(super) fn rig(&self, config: &Config) -> Result<Attachments> {
        match (&config.unit.simulated, &self.lender) {
            (Some(_), _) => Attachments::new(config.clock()),
            (None, Some(lender)) => Ok(lender.beside()),
            (None, None) => Attachments::new(Clock::real()),
        }
    }

    pub(super) fn attached(&self, unit: &str) {
        self.not_safe.lock().insert(unit.to_string());
    }

    pub(super) fn safe(&self, unit: &str) {
        self.not_safe.lock().remove(unit);
    }

    /// Starts a safe end as a task of `runtime` that [`ended`](Context::ended) waits for.
    pub(super) fn end(
        &self,
        ending: impl Future<Output = bool> + Send + 'static,
        runtime: &Handle,
    ) -> JoinHandle<bool> {
        let ending = self.all_endings.track_future(ending);
        self.endings.spawn_on(ending, runtime)
    }

    /// Waits for the safe ends that are under way.
    pub(crate) async fn ended(&self) {
        waited(&self.endings).await;
    }

    /// Waits for the safe ends that are under way in the whole program.
    pub async fn all_ended(&self) {
        waited(&self.all_endings).await;
    }
}

async fn waited(tasks: &TaskTracker) {
    tasks.close();
    tasks.wait().await;
    tasks.reopen();
}

/// Work that ends by itself when it is asked to stop, until this is dropped.
#[derive(Debug)]
pub(crate) struct Heeding(Arc<AtomicUsize>);

impl Drop for Heeding {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
