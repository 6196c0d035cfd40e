//! What a miner says to its pool, as a state machine without I/O or clock: lines and `now` in, requests and notices out.
//!
//! A connection begins with its *opening*: requests in an order that differs between programs, some of which have to be
//! answered before the next is sent, and some before mining can begin. Which ones is the owner's to say, as a list of
//! [`Ask`]. The machine sends them, keeps what the pool grants, and recognises answers that come late.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::configure::granted;
use crate::line::LineError;
use crate::notice::{Notice, NoticeError};
use crate::refusal::Refusal;
use crate::request::{Call, Request};
use crate::strikes::Strikes;
use crate::subscribed::Subscribed;
use thermine_units::clock::Nanos;
use thermine_units::printable::printable;

/// Characters of a refusal that are kept.
const MOST_WORDS: usize = 200;

/// A request of the opening.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Id, by which the answer is known.
    pub(crate) id: u64,
    /// Method and parameters.
    pub(crate) call: Call,
    /// Whether mining waits for the answer.
    pub(crate) is_needed: bool,
    /// How long the next request waits for the answer; `None` if it does not wait.
    pub(crate) holds_next: Option<Duration>,
}

impl Ask {
    /// A request that mining waits for.
    pub fn needed(id: u64, call: Call) -> Ask {
        Ask {
            id,
            call,
            is_needed: true,
            holds_next: None,
        }
    }

    /// A request whose answer is welcome whenever it comes.
    pub fn optional(id: u64, call: Call) -> Ask {
        Ask {
            is_needed: false,
            ..Ask::needed(id, call)
        }
    }

    /// The same; the next request waits for its answer.
    pub fn before_next(self) -> Ask {
        self.before_next_for(Duration::MAX)
    }

    /// The same; the next request waits for its answer, but not longer than `limit`.
    pub fn before_next_for(self, limit: Duration) -> Ask {
        Ask {
            holds_next: Some(limit),
            ..self
        }
    }
}

/// What a line from the pool leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// An announcement or a question.
    Notice(Notice),
    /// An answer to a request that is not of the opening, or to none.
    Reply {
        /// Id of the request.
        id: Value,
        /// Its result, or why it was refused.
        outcome: Result<Value, Refusal>,
    },
    /// The answer to `mining.configure` came: these version bits may be rolled.
    Granted(u32),
    /// Another request of the opening was answered.
    Answered,
    /// A line that is not Stratum, and why.
    Ignored(String, NoticeError),
}

/// Why a pool is lost, or was never reached.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The wire broke.
    #[error("{0}; check its address and the network")]
    Line(#[from] LineError),
    /// It did not answer this request within this time.
    #[error("it did not answer {0} within {seconds} s", seconds = .1.as_secs())]
    Silent(&'static str, Duration),
    /// It refuses this request of the opening, with these words.
    #[error("it refused {0}: {words}", words = printable(.1))]
    Refused(&'static str, String),
    /// It keeps sending lines that are not Stratum: how many, and what is wrong with the last.
    #[error("it sent {0} lines that are not Stratum, the last: {1}")]
    Garbage(u32, String),
    /// Its reply to `mining.subscribe` gives no extranonces.
    #[error("its reply to mining.subscribe cannot be used")]
    Subscription,
}

/// One pool, from the first request on.
#[derive(Debug)]
pub struct ClientProtocol {
    to_ask: VecDeque<Ask>,
    /// Sent and not answered, in that order.
    unanswered: Vec<Ask>,
    /// The request that holds the next one, and until when.
    holds: Option<(u64, Nanos)>,
    subscribed: Option<Subscribed>,
    version_mask: u32,
    strikes: Strikes,
}

impl ClientProtocol {
    /// A pool that is asked for `opening`, in this order, from `now` on.
    pub(crate) fn new(opening: Vec<Ask>, now: Nanos) -> ClientProtocol {
        ClientProtocol {
            to_ask: opening.into(),
            unanswered: Vec::new(),
            holds: None,
            subscribed: None,
            version_mask: 0,
            strikes: Strikes::new(now),
        }
    }

    /// The next request that is to be sent at `now`, if one is.
    pub(crate) fn next_request(&mut self, now: Nanos) -> Option<Request> {
        if !self.is_open() && self.due() > now && self.is_held() {
            return None;
        }
        let ask = self.to_ask.pop_front()?;
        self.holds = ask.holds_next.map(|limit| (ask.id, now + limit));
        let request = Request {
            id: json!(ask.id),
            call: ask.call.clone(),
        };
        self.unanswered.push(ask);
        Some(request)
    }

    fn is_held(&self) -> bool {
        let waits = |(id, _): &(u64, Nanos)| self.unanswered.iter().any(|ask| ask.id == *id);
        self.holds.as_ref().is_some_and(waits)
    }

    /// When [`next_request`](ClientProtocol::next_request) sends more even if nothing is answered.
    pub(crate) fn due(&self) -> Nanos {
        match self.holds {
            Some((_, until)) if self.is_held() && !self.to_ask.is_empty() => until,
            _ => Nanos::MAX,
        }
    }

    /// Whether everything is answered that mining waits for.
    pub(crate) fn is_open(&self) -> bool {
        self.missing().is_none()
    }

    /// Method of the first request without an answer that mining waits for.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        let all = self.unanswered.iter().chain(&self.to_ask);
        all.filter(|ask| ask.is_needed)
            .map(|ask| method(&ask.call))
            .next()
    }

    /// Ids of the requests without an answer, in the order in which they were sent.
    pub fn unanswered(&self) -> Vec<u64> {
        self.unanswered.iter().map(|ask| ask.id).collect()
    }

    /// What the pool has given, once it has answered `mining.subscribe`.
    pub fn subscribed(&self) -> Option<&Subscribed> {
        self.subscribed.as_ref()
    }

    /// Version bits that it has granted, within those of BIP 320.
    pub fn version_mask(&self) -> u32 {
        self.version_mask
    }

    /// Takes a line that came at `now`; it may hold several messages.
    ///
    /// # Errors
    /// [`ClientError`], after which the connection is of no more use.
    pub(crate) fn hear(&mut self, line: &str, now: Nanos) -> Result<Vec<Told>, ClientError> {
        let error = match Notice::parse(line) {
            Ok(notice) => {
                self.strikes.good();
                return Ok(vec![self.take(notice)?]);
            }
            Err(error) => error,
        };
        let parts = serde_json::Deserializer::from_str(line).into_iter::<&RawValue>();
        let parts: Result<Vec<&RawValue>, _> = parts.collect();
        match parts {
            Ok(parts) if parts.len() > 1 => parts
                .into_iter()
                .map(|part| match Notice::parse(part.get()) {
                    Ok(notice) => self.take(notice),
                    Err(error) => self.bad(part.get(), error, now),
                })
                .collect(),
            _ => Ok(vec![self.bad(line, error, now)?]),
        }
    }

    fn bad(&mut self, text: &str, error: NoticeError, now: Nanos) -> Result<Told, ClientError> {
        if self.strikes.bad(now) {
            let count = self.strikes.total();
            return Err(ClientError::Garbage(count, error.to_string()));
        }
        Ok(Told::Ignored(text.to_owned(), error))
    }

    fn take(&mut self, notice: Notice) -> Result<Told, ClientError> {
        let Notice::Reply { id, outcome } = notice else {
            return Ok(Told::Notice(notice));
        };
        let is_answer = |ask: &Ask| id.as_u64() == Some(ask.id);
        let Some(position) = self.unanswered.iter().position(is_answer) else {
            return Ok(Told::Reply { id, outcome });
        };
        let call = self.unanswered.remove(position).call;
        let refused = |refusal: Refusal| {
            let words = refusal.text.chars().take(MOST_WORDS).collect();
            ClientError::Refused(method(&call), words)
        };
        match call {
            Call::Configure { .. } => {
                self.version_mask = granted(&outcome);
                return Ok(Told::Granted(self.version_mask));
            }
            Call::Subscribe { .. } => {
                let read = Subscribed::read(&outcome.map_err(refused)?);
                self.subscribed = Some(read.ok_or(ClientError::Subscription)?);
            }
            Call::Authorize { .. } if outcome.map_err(refused)? == false => {
                let why = "no such user, or a wrong password";
                return Err(ClientError::Refused(method(&call), why.to_owned()));
            }
            _ => {}
        }
        Ok(Told::Answered)
    }
}

/// Name of a request of an opening.
fn method(call: &Call) -> &'static str {
    match call {
        Call::Configure { .. } => "mining.configure",
        Call::Subscribe { .. } => "mining.subscribe",
        Call::Authorize { .. } => AUTHORIZE,
        _ => "a request",
    }
}

/// What [`ClientError::Refused`] calls the login.
pub const AUTHORIZE: &str = "mining.authorize";

#[cfg(test)]
mod tests {
    use super::*;

    fn configure(id: u64) -> Ask {
        let call = Call::Configure {
            version_rolling: Some(u32::MAX),
            others: Vec::new(),
        };
        Ask::optional(id, call)
    }

    fn subscribe(id: u64) -> Ask {
        Ask::needed(
            id,
            Call::Subscribe {
                agent: None,
                session: None,
            },
        )
    }

    fn authorize(id: u64) -> Ask {
        Ask::needed(id, Call::Authorize { user: "u".into() })
    }

    /// Ids of what is sent at `second`.
    fn sent(pool: &mut ClientProtocol, second: u64) -> Vec<u64> {
        let now = Nanos::ZERO + Duration::from_secs(second);
        let next = || {
            pool.next_request(now)
                .and_then(|request| request.id.as_u64())
        };
        std::iter::from_fn(next).collect()
    }

    fn hear(pool: &mut ClientProtocol, line: &str) -> Vec<Told> {
        pool.hear(line, Nanos::ZERO).expect("kept")
    }

    const SUBSCRIBED: &str = r#"{"id":2,"result":[[],"0a0b",4],"error":null}"#;

    #[test]
    fn all_at_once_mining_waits_only_for_what_is_needed() {
        let extranonce = Ask::optional(4, Call::ExtranonceSubscribe);
        let opening = vec![configure(1), subscribe(2), authorize(3), extranonce];
        let mut pool = ClientProtocol::new(opening, Nanos::ZERO);
        assert_eq!(sent(&mut pool, 0), [1, 2, 3, 4]);
        assert_eq!(pool.missing(), Some("mining.subscribe"));
        // Two messages on one line, and in the wrong order.
        let both = format!(r#"{{"id":3,"result":true}} {SUBSCRIBED}"#);
        assert_eq!(hear(&mut pool, &both), [Told::Answered, Told::Answered]);
        assert!(pool.is_open());
        assert_eq!(
            pool.subscribed().map(|given| given.extranonce2_len),
            Some(4)
        );
        assert_eq!(pool.unanswered(), [1, 4]);
        let late = r#"{"id":1,"result":{"version-rolling.mask":"ffffffff"}}"#;
        assert_eq!(hear(&mut pool, late), [Told::Granted(0x1fff_e000)]);
        let share = hear(&mut pool, r#"{"id":16,"result":true}"#);
        assert!(matches!(share[..], [Told::Reply { .. }]), "{share:?}");
    }

    #[test]
    fn one_at_a_time_each_waits_and_an_optional_one_not_for_ever() {
        let limit = Duration::from_secs(5);
        let opening = vec![
            configure(1).before_next_for(limit),
            subscribe(2).before_next(),
            authorize(3).before_next(),
            Ask::optional(4, Call::ExtranonceSubscribe),
        ];
        let mut pool = ClientProtocol::new(opening, Nanos::ZERO);
        assert_eq!(sent(&mut pool, 0), [1]);
        assert_eq!(pool.due(), Nanos::ZERO + limit);
        assert_eq!(sent(&mut pool, 4), [0_u64; 0]);
        assert_eq!(sent(&mut pool, 5), [2]);
        assert_eq!(pool.due(), Nanos::MAX);
        hear(&mut pool, SUBSCRIBED);
        assert_eq!(sent(&mut pool, 6), [3]);
        hear(&mut pool, r#"{"id":3,"result":null}"#);
        assert!(pool.is_open());
        assert_eq!(sent(&mut pool, 6), [4]);
    }

    #[test]
    fn a_refused_login_is_named() {
        for (reply, why) in [
            (
                r#"{"id":3,"result":false}"#,
                "no such user, or a wrong password",
            ),
            (r#"{"id":3,"result":null,"error":[24,"no",null]}"#, "no"),
        ] {
            let mut pool = ClientProtocol::new(vec![authorize(3)], Nanos::ZERO);
            assert_eq!(sent(&mut pool, 0), [3]);
            let refused = pool.hear(reply, Nanos::ZERO).expect_err("refused");
            let is_said = matches!(&refused, ClientError::Refused(AUTHORIZE, said) if said == why);
            assert!(is_said, "{refused}");
        }
    }

    #[test]
    fn bad_lines_are_handed_over_up_to_a_limit() {
        let mut pool = ClientProtocol::new(Vec::new(), Nanos::ZERO);
        for _ in 0..8 {
            let told = hear(&mut pool, "<html>");
            assert!(matches!(&told[..], [Told::Ignored(text, _)] if text == "<html>"));
        }
        let end = pool.hear("<html>", Nanos::ZERO).expect_err("given up");
        assert!(matches!(end, ClientError::Garbage(9, _)), "{end:?}");
    }
}
