//! One authorised connection to a pool.

use std::sync::Arc;

use serde_json::{Value, json};

use super::endpoint::{Endpoint, Incoming, Outgoing, Trust};
use super::error::{NotOpened, PoolError};
use super::opening::{AGENT, FIRST_SHARE, Manner};
use super::pool::Pool;
use super::remarks::Remarks;
use crate::journal::Share;
use crate::space::Space;
use thermine_stratum::client_connection::{ClientConnection, Keys};
use thermine_stratum::client_protocol::{ClientError, Told};
use thermine_stratum::notice::Notice;
use thermine_stratum::request::{Call, Submit};
use thermine_units::clock::{Clock, Waiter};
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::BIP320_MASK;

/// A pool that is to be connected to, and how.
#[derive(Debug, Clone)]
pub(super) struct Attempt<'a> {
    pub(super) pool: &'a Pool,
    /// Its own address, or where it asked us to go.
    pub(super) endpoint: Endpoint,
    /// Session to resume, if the pool still knows it.
    pub(super) resume: Option<String>,
    pub(super) manner: Manner,
    pub(super) trust: &'a Trust,
    pub(super) remarks: Remarks,
}

/// A connection that has been opened.
pub(super) struct Connection {
    pub(super) wire: ClientConnection<Box<dyn Incoming>, Box<dyn Outgoing>>,
    pub(super) endpoint: Endpoint,
    /// What the pool calls the subscription.
    pub(super) session: Option<String>,
    pub(super) space: Arc<Space>,
    /// Difficulty of the next job.
    pub(super) difficulty: Difficulty,
    pub(super) remarks: Remarks,
}

impl Connection {
    /// Connects and opens the session.
    ///
    /// # Errors
    /// [`NotOpened`], whatever the pool lacks.
    pub(super) async fn open(
        attempt: Attempt<'_>,
        clock: &Clock,
        waiter: &Waiter,
    ) -> Result<Connection, NotOpened> {
        let limit = attempt.pool.timeout;
        let before = |error| NotOpened {
            error,
            unanswered: Vec::new(),
        };
        let connecting = attempt.endpoint.connect(attempt.trust, clock);
        let lines = match tokio::time::timeout(limit, connecting).await {
            Ok(lines) => lines.map_err(|error| before(PoolError::Connect(error)))?,
            Err(_) => return Err(before(ClientError::Silent("the connection", limit).into())),
        };
        let opening = attempt.manner.opening(attempt.pool, attempt.resume);
        let password = attempt.pool.password.clone();
        let mut wire =
            ClientConnection::new(lines, opening, Keys::IdFirst, password, clock.clone());
        let opened = wire.open(waiter, limit).await;
        let (endpoint, remarks) = (attempt.endpoint, attempt.remarks);
        if opened.is_err() {
            // The pool may have said why.
            wire.early()
                .for_each(|told| remark(&remarks, &endpoint, told));
        }
        let given = wire.protocol().subscribed().cloned().unwrap_or_default();
        let space = opened
            .map_err(PoolError::from)
            .and_then(|()| {
                let mask = wire.protocol().version_mask();
                Ok(Space::divide(
                    given.extranonce1,
                    given.extranonce2_len,
                    mask,
                )?)
            })
            .map_err(|error| NotOpened {
                error,
                unanswered: wire.protocol().unanswered(),
            })?;
        Ok(Connection {
            wire,
            endpoint,
            session: given.session,
            space: Arc::new(space),
            difficulty: Difficulty::ONE,
            remarks,
        })
    }

    /// Logs what nothing is done about.
    pub(super) fn remark(&self, told: &Told) {
        remark(&self.remarks, &self.endpoint, told);
    }

    /// Logs that the pool did `what`, with its own `text`.
    pub(super) fn log(&self, what: &str, text: &str) {
        self.remarks.log(&self.endpoint, what, text);
    }

    /// The pool allows the version bits in `mask` from now on. Returns whether that is new.
    pub(super) fn set_mask(&mut self, mask: u32) -> bool {
        let mask = mask & BIP320_MASK;
        let (extranonce1, len) = (self.space.extranonce1(), self.space.extranonce2_len());
        if mask == self.space.version_mask() {
            return false;
        }
        match Space::divide(extranonce1.to_vec(), len, mask) {
            Ok(space) => {
                self.space = Arc::new(space);
                true
            }
            // It was divided before.
            Err(_) => false,
        }
    }

    /// Submits a share under its ticket.
    pub(super) fn submit(&mut self, share: &Share) {
        let call = Submit {
            user: share.subscription.user.clone(),
            ..share.submit.clone()
        };
        let id = share.ticket.saturating_add(FIRST_SHARE);
        self.wire.request(id, Call::Submit(call));
    }

    /// The ticket that a reply's id stands for.
    pub(super) fn ticket(id: &Value) -> Option<u64> {
        id.as_u64()?.checked_sub(FIRST_SHARE)
    }

    /// Answers what the pool asks.
    pub(super) fn answer(&mut self, id: Value, method: &str) {
        let result = if method == "mining.ping" {
            "pong"
        } else {
            AGENT
        };
        self.wire.reply(id, Ok(json!(result)));
    }
}

fn remark(remarks: &Remarks, pool: &Endpoint, told: &Told) {
    match told {
        Told::Notice(Notice::Message(text)) => remarks.log(pool, "says", text),
        Told::Notice(Notice::Other(method)) => {
            remarks.log(pool, "sent a method that is ignored", method);
        }
        Told::Reply { id, outcome } => {
            let text = match outcome {
                // Some pools tell every miner of faults in this way.
                Err(refusal) => format!("{id}: {} {}", refusal.code, refusal.text),
                Ok(result) => format!("{id}: {result}"),
            };
            remarks.log(pool, "answered what was not asked", &text);
        }
        Told::Ignored(text, error) => {
            let what = format!("sent a line that is ignored ({error})");
            remarks.log(pool, &what, text);
        }
        Told::Notice(_) | Told::Granted(_) | Told::Answered => {}
    }
}
