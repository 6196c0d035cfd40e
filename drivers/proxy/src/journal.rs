//! Shares on their way to a store, and what a restart finds there.
//!
//! A share is written down before the unit is told *accepted*, and written off when the pool has answered; what
//! stands there without an answer after a crash may or may not have reached the pool. It is sent again only
//! over the same subscription resumed, where the pool itself knows a second copy for one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::mailbox::Mailbox;
pub use crate::subscription::Subscription;
use thermine_stratum::request::Submit;
use thermine_units::clock::{Clock, InFlight, Nanos};

/// Entries that may wait for the store. Beyond that the units wait too.
const QUEUE: usize = 4096;

/// A share that is worth the pool's while.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Number within the store.
    pub ticket: u64,
    /// Worker name of the unit that found it.
    pub worker: String,
    /// Subscription that it belongs to.
    pub subscription: Arc<Subscription>,
    /// Previous block of its header, in header order: it can count while that is the chain's tip.
    pub prevhash: [u8; 32],
    /// What is said to the pool, with the pool's own job id and extranonce2. The version bits are the whole version
    /// of the header; the pool is sent those that it allows to be rolled.
    pub submit: Submit,
    /// Difficulty that it was forwarded for.
    pub difficulty: f64,
    /// When it came, in seconds since the Unix epoch.
    pub unix: f64,
}

/// What became of a share at the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The pool counts it.
    Accepted,
    /// It counted already when it was sent for the second time, after an interruption.
    AcceptedBefore,
    /// The pool refused it.
    Refused(i64, String),
    /// It was not sent, or its answer was lost, and it could not count any more.
    Expired(&'static str),
}

/// Something to be stored, in this order.
#[derive(Debug)]
pub enum Entry {
    /// A new subscription of a new connection, to be resumed after a restart. That of a share may come with the
    /// share only.
    Subscription(Arc<Subscription>),
    /// Prefixes below this one may be in use, before any share with one of them.
    Prefix(u32),
    /// A share; the receipt is to be given when it is durable.
    Share(Box<Share>, Receipt),
    /// What became of it.
    Outcome(u64, Outcome),
    /// A worker was banned.
    Ban {
        /// The worker and its address.
        worker: String,
        /// What it was banned for.
        reason: String,
        /// From when, in seconds since the Unix epoch.
        unix: f64,
        /// For how long, in seconds.
        seconds: f64,
    },
}

/// A share for the upstream task.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) share: Box<Share>,
    /// Number of the unit that found it.
    pub(crate) unit: u64,
    /// Serial of its template.
    pub(crate) template: u64,
    /// Version bits that the pool allowed to be rolled when it sent that template.
    pub(crate) mask: u32,
    pub(crate) arrived: Nanos,
    pub(crate) in_flight: Option<InFlight>,
}

/// What was decided about a share: by whom it was found, its ticket, and what became of it.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Number of the unit; `None` if the share is from before a restart.
    pub(crate) unit: Option<u64>,
    pub(crate) ticket: u64,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Since its arrival.
    pub(crate) span: Duration,
}

/// Owed to the unit whose share it is: *accepted*, once the share is durable. Dropped without that, the unit
/// is told that the share could not be kept.
#[derive(Debug)]
pub struct Receipt {
    owed: Option<(Arc<Mailbox>, Value)>,
    _in_flight: InFlight,
}

impl Receipt {
    /// A receipt for the request `id` of the unit that `mailbox` belongs to.
    pub(crate) fn new(mailbox: Arc<Mailbox>, id: Value, clock: &Clock) -> Receipt {
        Receipt {
            owed: Some((mailbox, id)),
            _in_flight: clock.in_flight(),
        }
    }

    /// The share is durable.
    pub fn give(mut self) {
        if let Some((mailbox, id)) = self.owed.take() {
            mailbox.stored(id, true);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some((mailbox, id)) = self.owed.take() {
            mailbox.stored(id, false);
        }
    }
}

/// The way to the store.
#[derive(Debug, Clone)]
pub struct Journal(mpsc::Sender<Entry>);

/// The store is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the share journal has stopped: see the log, make room on its disk and start again")]
pub(crate) struct Stopped;

impl Journal {
    /// A way to a store, and its far end.
    pub fn channel() -> (Journal, mpsc::Receiver<Entry>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Journal(sender), receiver)
    }

    /// Waits until the store has stopped.
    pub(crate) async fn stopped(&self) {
        self.0.closed().await;
    }

    /// Hands an entry over; waits while the store is behind.
    ///
    /// # Errors
    /// If the store has stopped.
    pub(crate) async fn write(&self, entry: Entry) -> Result<(), Stopped> {
        self.0.send(entry).await.map_err(|_| Stopped)
    }
}

/// A store that keeps nothing and takes everything for kept: for measuring what the rest costs, and for runs
/// whose shares are worth nothing.
pub async fn keep_nothing(mut entries: mpsc::Receiver<Entry>) {
    while let Some(entry) = entries.recv().await {
        if let Entry::Share(_, receipt) = entry {
            receipt.give();
        }
    }
}

/// What a store held when it was opened.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Tickets from this one on are free.
    pub next_ticket: u64,
    /// Numbers of subscriptions from this one on are free.
    pub next_subscription: u64,
    /// Prefixes from this one on are tried first.
    pub prefix: u32,
    /// The newest subscription to each pool.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Shares without an outcome, oldest first.
    pub unresolved: Vec<Share>,
}
