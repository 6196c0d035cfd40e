//! A connection to a pool: [`ClientProtocol`] over lines, its limits on the run's clock.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::client_protocol::{Ask, ClientError, ClientProtocol, Told};
use crate::line::LineStream;
use crate::notice::Notice;
use crate::refusal::Refusal;
use crate::request::{Call, Request};
use thermine_units::clock::{Clock, Waiter};
use thermine_units::secret::Secret;

/// Announcements that are kept of a pool that has not answered the opening yet.
const EARLY: usize = 32;

/// The order of the keys in a request, by which firmwares differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// `params`, `id`, `method`: bmminer.
    ParamsFirst,
    /// `id`, `method`, `params`: ESP-Miner, and this program.
    IdFirst,
}

/// Which way a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From here to the pool.
    Out,
    /// From the pool to here.
    In,
}

/// What is called with each line, without its line end.
type Listener = Box<dyn Fn(Way, &str) + Send + Sync>;

/// A connection to a pool. What is said on it leaves with the next [`flush`](ClientConnection::flush).
pub struct ClientConnection<R = OwnedReadHalf, W = OwnedWriteHalf> {
    lines: LineStream<R, W>,
    protocol: ClientProtocol,
    keys: Keys,
    password: Secret,
    /// What is still to be handed over, oldest first.
    told: VecDeque<Told>,
    listener: Option<Listener>,
    clock: Clock,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> ClientConnection<R, W> {
    /// A pool behind `lines` that is asked for `opening`, with `password` where it asks to authorise.
    pub fn new(
        lines: LineStream<R, W>,
        opening: Vec<Ask>,
        keys: Keys,
        password: Secret,
        clock: Clock,
    ) -> ClientConnection<R, W> {
        ClientConnection {
            protocol: ClientProtocol::new(opening, clock.now()),
            lines,
            keys,
            password,
            told: VecDeque::new(),
            listener: None,
            clock,
        }
    }

    /// Calls `listen` with each line from now on, without its line end.
    pub fn with_listener(self, listen: impl Fn(Way, &str) + Send + Sync + 'static) -> Self {
        ClientConnection {
            listener: Some(Box::new(listen)),
            ..self
        }
    }

    /// Asks for the opening until everything is answered that mining waits for, but not for longer than `limit` of device time. What the
    /// pool announces meanwhile is kept for [`next`](ClientConnection::next), and for
    /// [`early`](ClientConnection::early) if the opening fails.
    ///
    /// # Errors
    /// [`ClientError`], whatever the pool lacks.
    pub async fn open(&mut self, waiter: &Waiter, limit: Duration) -> Result<(), ClientError> {
        let deadline = self.clock.now() + limit;
        loop {
            while let Some(request) = self.protocol.next_request(self.clock.now()) {
                self.send(&request);
            }
            if self.protocol.is_open() {
                return Ok(());
            }
            let due = deadline.min(self.protocol.due());
            if let Some(told) = waiter.timeout(due, self.hear()).await {
                for told in told? {
                    let is_answer = matches!(told, Told::Answered | Told::Granted(_));
                    if !is_answer && self.told.len() < EARLY {
                        self.told.push_back(told);
                    }
                }
            } else if self.clock.now() >= deadline {
                let what = self.protocol.missing().unwrap_or_default();
                return Err(ClientError::Silent(what, limit));
            }
        }
    }

    /// The messages of the next line. Sends what has been said before. Cancel safe.
    async fn hear(&mut self) -> Result<Vec<Told>, ClientError> {
        self.lines.flush().await?;
        let line = self.lines.next().await?;
        if let Some(listen) = &self.listener {
            listen(Way::In, &line.text);
        }
        self.protocol.hear(&line.text, self.clock.now())
    }

    /// The next message of the pool. Sends what has been said before. Cancel safe.
    ///
    /// # Errors
    /// [`ClientError`], after which the connection is of no more use.
    pub async fn next(&mut self) -> Result<Told, ClientError> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(told);
            }
            let told = self.hear().await?;
            self.told.extend(told);
        }
    }

    /// What was announced during an opening and has not been handed over.
    pub fn early(&self) -> impl Iterator<Item = &Told> {
        self.told.iter()
    }

    /// Sends a request that is not of the opening.
    pub fn request(&mut self, id: u64, call: Call) {
        self.send(&Request {
            id: json!(id),
            call,
        });
    }

    /// Answers a question of the pool.
    pub fn reply(&mut self, id: Value, outcome: Result<Value, Refusal>) {
        self.lines.push(&Notice::Reply { id, outcome }.to_line());
    }

    fn send(&mut self, request: &Request) {
        let password = self.password.expose();
        let line = match self.keys {
            Keys::ParamsFirst => request.to_line(password),
            Keys::IdFirst => request.to_line_id_first(password),
        };
        self.lines.push(&line);
        if let Some(listen) = &self.listener {
            listen(Way::Out, line.trim_end());
        }
    }

    /// What the pool has given.
    pub fn protocol(&self) -> &ClientProtocol {
        &self.protocol
    }

    /// Sends what has been said. Cancel safe.
    ///
    /// # Errors
    /// If the connection is gone or the pool does not read.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        Ok(self.lines.flush().await?)
    }

    /// See [`LineStream::abandon`].
    pub async fn abandon(self) {
        self.lines.abandon().await;
    }
}
