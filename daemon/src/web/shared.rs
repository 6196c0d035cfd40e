//! What the handlers share, and what they ask of the daemon.

use std::sync::Arc;

use thermine_units::clock::Clock;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::auth::{Auth, Guesses};
use crate::live::Live;
use thermine_lab::request::{ReadCommand, Request};

/// What a client asks the daemon to do. A reply of `Err` says why not, in words.
#[derive(Debug)]
pub enum Command {
    /// Put an experiment into the queue.
    Submit {
        /// The experiment.
        request: Box<Request>,
        /// Name of the unit to be driven; empty for a job that only reads a capture.
        unit: String,
        /// When it is due, wall time in milliseconds since 1970; absent for at once.
        due_ms: Option<u64>,
        /// Takes the experiment's number.
        reply: oneshot::Sender<Result<u64, String>>,
    },
    /// Take an experiment out of the queue, or stop it.
    Cancel {
        /// The experiment's number.
        id: u64,
        /// Takes whether there was such an experiment.
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) live: Live,
    pub(super) clock: Clock,
    pub(super) auth: Option<Auth>,
    pub(super) guesses: Guesses,
    pub(super) hosts: Vec<String>,
    /// Whether the server listens on loopback, where names are checked.
    pub(super) loopback: bool,
    pub(super) read_command: ReadCommand,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) shutdown: CancellationToken,
}

impl Shared {
    /// Wall time in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.clock.unix(self.clock.now()).as_millis() as u64
    }
}
