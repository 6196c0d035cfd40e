//! Orders to the task that owns a simulated unit's physics, and what that task lets others overhear.

use std::future::pending;
use std::net::SocketAddr;

use tokio::sync::{broadcast, mpsc, oneshot};

use thermine_units::clock::{Clock, Nanos};
use thermine_units::unit::OperatingPoint;

/// Orders that may wait for the unit's task. It takes them as they come; a unit's page sends one at a time.
const QUEUE: usize = 16;

/// Log entries that a slow reader may lag behind before it misses some.
const OVERHEARD: usize = 256;

/// What a unit's firmware can be told to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Run elsewhere.
    Set(OperatingPoint),
    /// Restart, and mine here from then on if a pool is named.
    Restart(Option<Pool>),
}

/// Where a unit mines, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    /// The pool's address.
    pub(crate) address: SocketAddr,
    pub(crate) worker: String,
}

/// The unit's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulated unit has been stopped")]
pub(crate) struct Stopped;

/// A command, and whom to tell that it has been carried out.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// The sending end, for the unit's other wires.
#[derive(Debug, Clone)]
pub(crate) struct Orders(mpsc::Sender<Order>);

/// The receiving end, for the unit's task.
#[derive(Debug)]
pub(crate) struct Inbox(mpsc::Receiver<Order>);

/// Both ends of a bounded queue of orders.
pub(crate) fn orders() -> (Orders, Inbox) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Orders(sender), Inbox(receiver))
}

impl Orders {
    /// Gives an order and waits until it has been carried out, at the unit's present device time.
    ///
    /// # Errors
    /// If the unit's task has ended.
    pub(crate) async fn give(&self, command: Command) -> Result<(), Stopped> {
        let (done, carried_out) = oneshot::channel();
        let done = Some(done);
        let sent = self.0.send(Order { command, done }).await;
        sent.map_err(|_| Stopped)?;
        carried_out.await.map_err(|_| Stopped)
    }

    /// Gives several orders, for the firmware's own use within its task: all of them, or none if there is no
    /// room.
    pub(crate) fn try_give<const N: usize>(&self, commands: [Command; N]) -> bool {
        let Ok(places) = self.0.try_reserve_many(N) else {
            return false;
        };
        for (place, command) in places.zip(commands) {
            let done = None;
            place.send(Order { command, done });
        }
        true
    }
}

impl Inbox {
    /// An inbox that stays empty.
    pub(crate) fn closed() -> Inbox {
        Inbox(mpsc::channel(1).1)
    }

    /// The next order; never returns once nobody can give any. Cancel safe.
    pub(crate) async fn next(&mut self) -> Order {
        match self.0.recv().await {
            Some(order) => order,
            None => pending().await,
        }
    }
}

/// What a unit's log shows of its mining.
#[derive(Debug, Clone, PartialEq)]
pub enum Spoken {
    /// A line from the pool.
    Heard(String),
    /// A line to the pool.
    Said(String),
    /// A nonce that a chip found.
    Nonce {
        /// Block version that was hashed.
        version: u32,
        /// The nonce.
        nonce: u32,
        /// Difficulty that the hash meets.
        difficulty: f64,
        /// Difficulty that the pool asks for.
        wanted: f64,
    },
}

/// Where a unit's task says what it says and hears, while somebody listens.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    listeners: Option<broadcast::Sender<(Nanos, Spoken)>>,
    clock: Clock,
}

impl Tap {
    /// A tap whose entries are stamped by `clock`.
    pub(crate) fn new(clock: Clock) -> Tap {
        Tap {
            listeners: Some(broadcast::Sender::new(OVERHEARD)),
            clock,
        }
    }

    /// A tap that nobody can listen at.
    pub(crate) fn none(clock: Clock) -> Tap {
        Tap {
            listeners: None,
            clock,
        }
    }

    /// What is said from now on; `None` if this tap is closed.
    pub(crate) fn listen(&self) -> Option<broadcast::Receiver<(Nanos, Spoken)>> {
        Some(self.listeners.as_ref()?.subscribe())
    }

    /// Passes on what `what` makes, if anyone listens.
    pub(crate) fn tell(&self, what: impl FnOnce() -> Spoken) {
        if let Some(listeners) = &self.listeners
            && listeners.receiver_count() > 0
        {
            // An error means that the last listener has just left.
            let _ = listeners.send((self.clock.now(), what()));
        }
    }
}
