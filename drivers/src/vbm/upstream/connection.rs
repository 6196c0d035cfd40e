//! One authorised connection to a pool.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Pool;
use super::endpoint::{Endpoint, Lines, Trust};
use crate::clock::{Clock, Nanos, Seat};
use crate::pow::Difficulty;
use crate::pow::work::BIP320_MASK;
use crate::stratum::line::LineError;
use crate::stratum::notice::{Notice, Refusal};
use crate::stratum::request::{Call, Request, Submit};
use crate::vbm::space::{Indivisible, Space};

/// What the proxy calls itself.
const AGENT: &str = concat!("thermine/", env!("CARGO_PKG_VERSION"));

/// Ids of the opening; shares have their tickets, from [`FIRST_SHARE`] on.
const CONFIGURE: u64 = 1;
const SUBSCRIBE: u64 = 2;
const AUTHORIZE: u64 = 3;
const EXTRANONCE: u64 = 4;

/// Id of the share with ticket 0.
const FIRST_SHARE: u64 = 16;

/// Announcements of a pool that has not answered yet that are kept.
const EARLY: usize = 32;

/// Lines that are not Stratum that a pool may send before it is given up.
const MALFORMED_LINES: u32 = 8;

/// Why a pool was not reached, or was lost.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No connection.
    #[error("cannot connect ({0}): check its address and the network")]
    Connect(std::io::Error),
    /// The connection broke.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It takes too long.
    #[error("it did not answer {0} within {1} s")]
    Silent(&'static str, u64),
    /// It says no.
    #[error("it refused {0}: {1}")]
    Refused(&'static str, String),
    /// It says what no pool says.
    #[error("it sent {0} lines that are not Stratum, the last: {1}")]
    Garbage(u32, String),
    /// Its subscription is of no use.
    #[error("its reply to mining.subscribe cannot be used")]
    Subscription,
    /// Its extranonce is of no use.
    #[error(transparent)]
    Space(#[from] Indivisible),
    /// It asks us to go elsewhere.
    #[error("it asks to connect to {0} instead")]
    Moved(Endpoint),
}

/// A connection that has been opened.
#[derive(Debug)]
pub struct Connection {
    pub(super) lines: Lines,
    pub(super) endpoint: Endpoint,
    /// What the pool calls the subscription.
    pub(super) session: Option<String>,
    pub(super) space: Arc<Space>,
    /// Difficulty of the next job.
    pub(super) difficulty: Difficulty,
    pub(super) early: VecDeque<Notice>,
    malformed: u32,
}

impl Connection {
    /// Connects to `endpoint` of `pool` and opens the session, resuming `resume` if the pool still knows it.
    /// The seat is for waiting only.
    ///
    /// # Errors
    /// [`PoolError`], whatever the pool lacks.
    pub async fn open(
        pool: &Pool,
        endpoint: Endpoint,
        resume: Option<String>,
        trust: &Trust,
        clock: &Clock,
        seat: &Seat,
    ) -> Result<Connection, PoolError> {
        let limit = pool.timeout;
        let connecting = tokio::time::timeout(limit, endpoint.connect(trust, clock));
        let lines = match connecting.await {
            Ok(lines) => lines.map_err(PoolError::Connect)?,
            Err(_) => return Err(PoolError::Silent("the connection", limit.as_secs())),
        };
        let mut connection = Connection {
            lines,
            endpoint,
            session: None,
            space: Arc::new(Space::divide(Vec::new(), 8, 0)?),
            difficulty: Difficulty::ONE,
            early: VecDeque::new(),
            malformed: 0,
        };
        connection.greet(pool, resume);
        connection.listen(clock.now() + limit, limit, seat).await?;
        Ok(connection)
    }

    fn greet(&mut self, pool: &Pool, session: Option<String>) {
        let mut say = |id: u64, call: Call| {
            let line = Request {
                id: json!(id),
                call,
            }
            .to_line_id_first(pool.password.expose());
            self.lines.push(&line);
        };
        let version_rolling = Some(BIP320_MASK);
        say(
            CONFIGURE,
            Call::Configure {
                version_rolling,
                others: Vec::new(),
            },
        );
        let agent = Some(AGENT.to_owned());
        say(SUBSCRIBE, Call::Subscribe { agent, session });
        let user = pool.user.clone();
        say(AUTHORIZE, Call::Authorize { user });
        say(EXTRANONCE, Call::ExtranonceSubscribe);
    }

    /// Takes the answers to the opening, in whatever order.
    async fn listen(
        &mut self,
        deadline: Nanos,
        limit: Duration,
        seat: &Seat,
    ) -> Result<(), PoolError> {
        // Pools that know no version rolling may also not answer the question: it is waited for only until
        // the others are there, which on one connection come later.
        let (mut mask, mut subscription, mut authorised) = (0, None, false);
        while subscription.is_none() || !authorised {
            self.lines.flush().await?;
            let notice = tokio::select! {
                biased;
                line = self.lines.next() => self.parse(&line?.text)?,
                () = seat.wait_until(deadline) => {
                    let what = if subscription.is_none() { "mining.subscribe" } else { "mining.authorize" };
                    return Err(PoolError::Silent(what, limit.as_secs()));
                }
            };
            match notice {
                Some(Notice::Reply { id, outcome }) => match id.as_u64() {
                    Some(CONFIGURE) => mask = granted(&outcome),
                    Some(SUBSCRIBE) => {
                        let reply = expect("mining.subscribe", outcome)?;
                        subscription = Some(subscribed(&reply).ok_or(PoolError::Subscription)?);
                    }
                    Some(AUTHORIZE) => {
                        let reply = expect("mining.authorize", outcome)?;
                        if reply == false {
                            let why = "no such user, or a wrong password".to_owned();
                            return Err(PoolError::Refused("mining.authorize", why));
                        }
                        authorised = true;
                    }
                    _ => {}
                },
                Some(notice) if self.early.len() < EARLY => self.early.push_back(notice),
                _ => {}
            }
        }
        if let Some((session, extranonce1, len)) = subscription {
            self.session = session;
            self.space = Arc::new(Space::divide(extranonce1, len, mask & BIP320_MASK)?);
        }
        Ok(())
    }

    /// Reads a line; one that is not Stratum is counted and skipped, up to a limit.
    ///
    /// # Errors
    /// [`PoolError::Garbage`] beyond it.
    pub(super) fn parse(&mut self, line: &str) -> Result<Option<Notice>, PoolError> {
        match Notice::parse(line) {
            Ok(notice) => Ok(Some(notice)),
            Err(error) => {
                self.malformed += 1;
                if self.malformed > MALFORMED_LINES {
                    return Err(PoolError::Garbage(self.malformed, error.to_string()));
                }
                Ok(None)
            }
        }
    }

    /// Submits a share under its ticket.
    pub(super) fn submit(&mut self, ticket: u64, user: &str, share: &Submit) {
        let share = Submit {
            user: user.to_owned(),
            // BIP 310: with version rolling agreed upon, the sixth parameter always stands there.
            version_bits: match self.space.version_mask() {
                0 => None,
                mask => Some(share.version_bits.unwrap_or(0) & mask),
            },
            ..share.clone()
        };
        let request = Request {
            id: json!(ticket.saturating_add(FIRST_SHARE)),
            call: Call::Submit(share),
        };
        self.lines.push(&request.to_line_id_first(""));
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
        let outcome = Ok(json!(result));
        self.lines.push(&Notice::Reply { id, outcome }.to_line());
    }
}

fn expect(what: &'static str, outcome: Result<Value, Refusal>) -> Result<Value, PoolError> {
    outcome.map_err(|refusal| PoolError::Refused(what, refusal.text))
}

/// Version bits granted in the reply to `mining.configure`; none if it is a refusal.
fn granted(outcome: &Result<Value, Refusal>) -> u32 {
    let Ok(reply) = outcome else { return 0 };
    if reply["version-rolling"] == false {
        return 0;
    }
    reply["version-rolling.mask"]
        .as_str()
        .and_then(|mask| u32::from_str_radix(mask, 16).ok())
        .unwrap_or(0)
}

/// Session, extranonce1 and length of extranonce2 in the reply to `mining.subscribe`. The session is the id of
/// its `mining.notify` subscription.
fn subscribed(reply: &Value) -> Option<(Option<String>, Vec<u8>, usize)> {
    let extranonce1 = hex::decode(reply[1].as_str()?).ok()?;
    let len = usize::try_from(reply[2].as_u64()?).ok()?;
    let subscriptions = reply[0].as_array().map_or(&[][..], Vec::as_slice);
    let session = subscriptions
        .iter()
        .find(|pair| pair[0] == "mining.notify")
        .and_then(|pair| pair[1].as_str())
        .filter(|session| session.len() <= 128)
        .map(str::to_owned);
    Some((session, extranonce1, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_pools_are_read() {
        let reply = json!([
            [["mining.set_difficulty", "d"], ["mining.notify", "s"]],
            "0a0b",
            8
        ]);
        assert_eq!(
            subscribed(&reply),
            Some((Some("s".into()), vec![0x0a, 0x0b], 8))
        );
        assert_eq!(subscribed(&json!([[], "", 4])), Some((None, vec![], 4)));
        assert_eq!(subscribed(&json!([[], "0a0"])), None);
        let mask = json!({"version-rolling": true, "version-rolling.mask": "1fffe000"});
        assert_eq!(granted(&Ok(mask)), BIP320_MASK);
        let no = json!({"version-rolling": false, "version-rolling.mask": "1fffe000"});
        assert_eq!(granted(&Ok(no)), 0);
        assert_eq!(granted(&Err(Refusal::new(20, "what?"))), 0);
    }
}
