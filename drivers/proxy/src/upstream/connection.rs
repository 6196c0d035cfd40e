//! One authorised connection to a pool.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Pool;
use super::contact::{AUTHORIZED, Manner};
use super::endpoint::{Endpoint, Lines, Trust};
use super::remarks::{Remarks, short};
use crate::journal::Share;
use crate::space::{Indivisible, Space};
use thermine_stratum::line::LineError;
use thermine_stratum::loose::{hex_number, size};
use thermine_stratum::notice::{Notice, NoticeError, Refusal};
use thermine_stratum::request::{self, Request, Submit};
use thermine_stratum::strikes::Strikes;
use thermine_units::clock::{Clock, Nanos, Seat};
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::BIP320_MASK;
use thermine_units::printable::printable;

/// What the proxy calls itself.
const AGENT: &str = concat!("thermine/", env!("CARGO_PKG_VERSION"));

/// Ids of the opening; shares have their tickets, from [`FIRST_SHARE`] on.
pub(super) const CONFIGURE: u64 = 1;
const SUBSCRIBE: u64 = 2;
const AUTHORIZE: u64 = 3;
pub(super) const EXTRANONCE: u64 = 4;

/// Id of the share with ticket 0.
const FIRST_SHARE: u64 = 16;

/// Announcements of a pool that has not answered yet that are kept.
const EARLY: usize = 32;

/// Part of the time for the opening that an optional request is waited for when each waits for the one before.
const OPTIONAL: u32 = 4;

/// Why a pool was not reached, or was lost.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No connection.
    #[error("cannot connect ({0}): check its address and the network")]
    Connect(std::io::Error),
    /// The connection broke.
    #[error("{0}; check its address and the network")]
    Line(#[from] LineError),
    /// It takes too long.
    #[error("it did not answer {0} within {1} s")]
    Silent(&'static str, u64),
    /// It says no.
    #[error("it refused {0}: {words}", words = printable(.1))]
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

/// Whom to call, and how.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// Where: its own address, or where it asked us to go.
    pub endpoint: Endpoint,
    /// Session to resume, if the pool still knows it.
    pub resume: Option<String>,
    /// How it wants to be spoken to.
    pub manner: Manner,
    /// Whose certificates are trusted.
    pub trust: &'a Trust,
    /// Where the pool's own words go.
    pub remarks: Remarks,
}

/// Why a connection could not be opened, and the requests that had no answer.
#[derive(Debug)]
pub struct NotOpened {
    /// Why.
    pub error: PoolError,
    /// Ids of the requests, in the order in which they were sent.
    pub unanswered: Vec<u64>,
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
    /// Ids of the opening that have not been answered yet.
    pub(super) unanswered: Vec<u64>,
    pub(super) remarks: Remarks,
    strikes: Strikes,
    clock: Clock,
}

/// What the answers to the opening have said so far.
#[derive(Default)]
struct Answers {
    mask: u32,
    subscription: Option<(Option<String>, Vec<u8>, usize)>,
    authorised: bool,
}

impl Connection {
    /// Connects and opens the session. The seat is for waiting only.
    ///
    /// # Errors
    /// [`NotOpened`], whatever the pool lacks.
    pub async fn open(call: Call<'_>, clock: &Clock, seat: &Seat) -> Result<Connection, NotOpened> {
        let limit = call.pool.timeout;
        let before = |error| NotOpened {
            error,
            unanswered: Vec::new(),
        };
        let connecting = tokio::time::timeout(limit, call.endpoint.connect(call.trust, clock));
        let lines = match connecting.await {
            Ok(lines) => lines.map_err(|error| before(PoolError::Connect(error)))?,
            Err(_) => return Err(before(PoolError::Silent("the connection", limit.as_secs()))),
        };
        let space = Space::divide(Vec::new(), 8, 0).map_err(|error| before(error.into()))?;
        let mut connection = Connection {
            lines,
            endpoint: call.endpoint.clone(),
            session: None,
            space: Arc::new(space),
            difficulty: Difficulty::ONE,
            early: VecDeque::new(),
            unanswered: Vec::new(),
            remarks: call.remarks.clone(),
            strikes: Strikes::new(clock.now()),
            clock: clock.clone(),
        };
        match connection.greet(&call, seat).await {
            Ok(()) => Ok(connection),
            Err(error) => Err(NotOpened {
                error,
                unanswered: connection.unanswered,
            }),
        }
    }

    fn ask(&mut self, call: &Call<'_>, id: u64) {
        let request = match id {
            CONFIGURE => request::Call::Configure {
                version_rolling: Some(BIP320_MASK),
                others: Vec::new(),
            },
            SUBSCRIBE => request::Call::Subscribe {
                agent: Some(AGENT.to_owned()),
                session: call.resume.clone(),
            },
            AUTHORIZE => request::Call::Authorize {
                user: call.pool.user.clone(),
            },
            _ => request::Call::ExtranonceSubscribe,
        };
        let request = Request {
            id: json!(id),
            call: request,
        };
        self.lines
            .push(&request.to_line_id_first(call.pool.password.expose()));
        self.unanswered.push(id);
    }

    /// Asks what the opening consists of, and takes the answers in whatever order.
    async fn greet(&mut self, call: &Call<'_>, seat: &Seat) -> Result<(), PoolError> {
        let (manner, limit) = (call.manner, call.pool.timeout);
        let mut to_ask: VecDeque<u64> = [
            (CONFIGURE, manner.configure),
            (SUBSCRIBE, true),
            (AUTHORIZE, true),
            (EXTRANONCE, manner.extranonce),
        ]
        .into_iter()
        .filter_map(|(id, wanted)| wanted.then_some(id))
        .collect();
        let mut answers = Answers::default();
        let deadline = self.clock.now() + limit;
        // Pools that know no version rolling may also not answer the question: it is waited for only until the
        // others are there, or, if these wait for it, for a part of the time.
        let (mut last, mut patience) = (None, Nanos::MAX);
        while answers.subscription.is_none() || !answers.authorised {
            let waits = last.is_some_and(|id| self.unanswered.contains(&id));
            if !manner.one_at_a_time || !waits || self.clock.now() >= patience {
                let count = if manner.one_at_a_time {
                    1
                } else {
                    to_ask.len()
                };
                for id in to_ask.drain(..count.min(to_ask.len())) {
                    self.ask(call, id);
                    last = Some(id);
                }
                patience = match last {
                    Some(CONFIGURE) => self.clock.now() + limit / OPTIONAL,
                    _ => Nanos::MAX,
                };
            }
            self.lines.flush().await?;
            let notices = tokio::select! {
                biased;
                line = self.lines.next() => self.parse(&line?.text)?,
                () = seat.wait_until(deadline.min(patience)) => {
                    if self.clock.now() < deadline {
                        continue;
                    }
                    let what = match answers.subscription {
                        None => "mining.subscribe",
                        Some(_) => AUTHORIZED,
                    };
                    return Err(PoolError::Silent(what, limit.as_secs()));
                }
            };
            for notice in notices {
                self.take(notice, &mut answers)?;
            }
        }
        for id in to_ask {
            self.ask(call, id);
        }
        if let Some((session, extranonce1, len)) = answers.subscription {
            self.session = session;
            self.space = Arc::new(Space::divide(extranonce1, len, answers.mask)?);
        }
        Ok(())
    }

    /// Takes an answer to the opening, or keeps what the pool announces meanwhile.
    fn take(&mut self, notice: Notice, answers: &mut Answers) -> Result<(), PoolError> {
        match notice {
            Notice::Reply { id, outcome } => match self.opening(&id) {
                Some(CONFIGURE) => answers.mask = granted(&outcome),
                Some(SUBSCRIBE) => {
                    let reply = expect("mining.subscribe", outcome)?;
                    let subscription = subscribed(&reply).ok_or(PoolError::Subscription)?;
                    answers.subscription = Some(subscription);
                }
                Some(AUTHORIZE) => {
                    let reply = expect(AUTHORIZED, outcome)?;
                    if reply == false {
                        let why = "no such user, or a wrong password".to_owned();
                        return Err(PoolError::Refused(AUTHORIZED, why));
                    }
                    answers.authorised = true;
                }
                Some(_) => {}
                None => self.unexpected(&id, &outcome),
            },
            // Also if the login is refused afterwards.
            Notice::Message(text) => self.remarks.log(&self.endpoint, "says", &text),
            notice if self.early.len() < EARLY => self.early.push_back(notice),
            _ => self.remarks.log(
                &self.endpoint,
                "announced much before it answered",
                "the last of it is ignored",
            ),
        }
        Ok(())
    }

    /// The request of the opening that a reply with this id answers, if it has not been answered.
    pub(super) fn opening(&mut self, id: &Value) -> Option<u64> {
        let id = id.as_u64()?;
        let asked = self.unanswered.iter().position(|asked| *asked == id)?;
        Some(self.unanswered.remove(asked))
    }

    /// Names a reply to nothing that was asked.
    pub(super) fn unexpected(&self, id: &Value, outcome: &Result<Value, Refusal>) {
        let text = match outcome {
            // Some pools tell every miner of faults in this way.
            Err(refusal) => format!("{id}: {} {}", refusal.code, refusal.text),
            Ok(result) => format!("{id}: {result}"),
        };
        self.remarks
            .log(&self.endpoint, "answered what was not asked", &text);
    }

    /// Takes the late answer to `mining.configure`. Returns whether it changes what may be rolled.
    pub(super) fn configured(&mut self, outcome: &Result<Value, Refusal>) -> bool {
        self.set_mask(granted(outcome))
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

    /// Reads a line, which may hold several messages. One that is not Stratum is named, counted and skipped, up
    /// to a limit.
    ///
    /// # Errors
    /// [`PoolError::Garbage`] beyond it.
    pub(super) fn parse(&mut self, line: &str) -> Result<Vec<Notice>, PoolError> {
        let error = match Notice::parse(line) {
            Ok(notice) => {
                self.strikes.good();
                return Ok(vec![notice]);
            }
            Err(error) => error,
        };
        let parts = serde_json::Deserializer::from_str(line).into_iter::<&RawValue>();
        let parts: Result<Vec<&RawValue>, _> = parts.collect();
        if let Ok(parts) = parts
            && parts.len() > 1
        {
            let mut notices = Vec::with_capacity(parts.len());
            for part in parts {
                notices.extend(self.parse_one(part.get())?);
            }
            return Ok(notices);
        }
        self.bad(line, &error)?;
        Ok(Vec::new())
    }

    fn parse_one(&mut self, text: &str) -> Result<Option<Notice>, PoolError> {
        match Notice::parse(text) {
            Ok(notice) => Ok(Some(notice)),
            Err(error) => self.bad(text, &error).map(|()| None),
        }
    }

    fn bad(&mut self, text: &str, error: &NoticeError) -> Result<(), PoolError> {
        let what = format!("sent a line that is ignored ({error})");
        self.remarks.log(&self.endpoint, &what, text);
        if self.strikes.bad(self.clock.now()) {
            let total = self.strikes.total();
            return Err(PoolError::Garbage(total, error.to_string()));
        }
        Ok(())
    }

    /// Submits a share under its ticket.
    pub(super) fn submit(&mut self, share: &Share) {
        let call = Submit {
            user: share.subscription.user.clone(),
            ..share.submit.clone()
        };
        let request = Request {
            id: json!(share.ticket.saturating_add(FIRST_SHARE)),
            call: request::Call::Submit(call),
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
    // Escaped: it is shown as it stands.
    outcome.map_err(|refusal| {
        PoolError::Refused(what, short(&refusal.text).escape_debug().to_string())
    })
}

/// Version bits granted in the reply to `mining.configure`; none if it is a refusal.
fn granted(outcome: &Result<Value, Refusal>) -> u32 {
    let Ok(reply) = outcome else { return 0 };
    if reply["version-rolling"] == false {
        return 0;
    }
    hex_number(&reply["version-rolling.mask"]).unwrap_or(0) & BIP320_MASK
}

/// Session, extranonce1 and length of extranonce2 in the reply to `mining.subscribe`. The session is the id of
/// its `mining.notify` subscription.
fn subscribed(reply: &Value) -> Option<(Option<String>, Vec<u8>, usize)> {
    let extranonce1 = hex::decode(reply[1].as_str()?).ok()?;
    let len = size(&reply[2])?;
    let subscriptions = reply[0].as_array().map_or(&[][..], Vec::as_slice);
    // Some pools send the one pair without a list around it.
    let flat = std::slice::from_ref(&reply[0]);
    let session = subscriptions
        .iter()
        .chain(flat)
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
        let flat = subscribed(&json!([["mining.notify", "s"], "0a", "4"]));
        assert_eq!(flat, Some((Some("s".into()), vec![0x0a], 4)));
        assert_eq!(subscribed(&json!([[], "0a0"])), None);
        let mask = json!({"version-rolling": true, "version-rolling.mask": "1fffe000"});
        assert_eq!(granted(&Ok(mask)), BIP320_MASK);
        let wide = json!({"version-rolling.mask": "0xffffffff"});
        assert_eq!(granted(&Ok(wide)), BIP320_MASK);
        let no = json!({"version-rolling": false, "version-rolling.mask": "1fffe000"});
        assert_eq!(granted(&Ok(no)), 0);
        assert_eq!(granted(&Err(Refusal::new(20, "what?"))), 0);
    }
}
