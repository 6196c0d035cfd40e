//! What the running daemon knows at this moment, for whoever watches: the web page, the metrics, the terminal.
//!
//! Producers [`publish`](Live::unit) what changed; watchers take a [`Snapshot`], or the [`Share`]s as they come. Neither
//! waits for the other: a watcher that falls behind misses shares of the stream, and is told how many.

pub mod snapshot;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

pub use self::snapshot::{Job, Proxy, Share, Snapshot, Unit};

/// Shares that a watcher may be behind.
const BEHIND: usize = 4096;

/// The present state, shared between its producers and its watchers.
#[derive(Debug, Clone)]
pub struct Live {
    snapshot: Arc<Mutex<Snapshot>>,
    shares: broadcast::Sender<Share>,
}

impl Live {
    /// Nothing yet: no units, no proxy, no jobs. `started` is the wall's time in milliseconds since 1970.
    pub fn new(started: u64) -> Live {
        Live {
            snapshot: Arc::new(Mutex::new(Snapshot::new(started))),
            shares: broadcast::channel(BEHIND).0,
        }
    }

    /// All that is known now. Costs a copy of it.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().clone()
    }

    /// What `look` makes of all that is known, without a copy. It holds everybody up: keep it short.
    pub fn with<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> T {
        look(&self.snapshot.lock())
    }

    /// Puts `unit` in the place of the unit of that name, or after the others.
    pub fn unit(&self, unit: Unit) {
        let mut all = self.snapshot.lock();
        match all.units.iter_mut().find(|other| other.name == unit.name) {
            Some(other) => *other = unit,
            None => all.units.push(unit),
        }
    }

    /// Changes the unit called `name`, if there is one.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Unit)) {
        if let Some(unit) = self
            .snapshot
            .lock()
            .units
            .iter_mut()
            .find(|unit| unit.name == name)
        {
            change(unit);
        }
    }

    /// Forgets the unit called `name`: it is no longer configured.
    pub fn forget(&self, name: &str) {
        self.snapshot.lock().units.retain(|unit| unit.name != name);
    }

    /// What the proxy does now; `None` when there is none.
    pub fn proxy(&self, proxy: Option<Proxy>) {
        self.snapshot.lock().proxy = proxy;
    }

    /// The queue of experiments, first the one that is next.
    pub fn jobs(&self, jobs: Vec<Job>) {
        self.snapshot.lock().jobs = jobs;
    }

    /// Tells a share to those that watch the stream.
    pub fn share(&self, share: Share) {
        // An error says that nobody watches.
        let _ = self.shares.send(share);
    }

    /// The shares from now on.
    pub fn shares(&self) -> broadcast::Receiver<Share> {
        self.shares.subscribe()
    }
}
