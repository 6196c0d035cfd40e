//! What a server says to one miner, as a state machine without I/O or clock: lines and `now` in, notices out.
//!
//! ```text
//!            mining.subscribe             mining.authorize
//!   Arrived ──────────────────► Subscribed ────────────────► Ready ──► shares
//!                (in either order; mining.configure at any time)
//! ```
//!
//! It answers by itself whatever has one right answer. What its owner has to decide it hands over as an [`Asked`]: the
//! extranonces of a subscription, whether a worker may come in, what a share is worth.

use std::time::Duration;

use serde_json::{Value, json};

use crate::configure::{SUBSCRIBE_EXTRANONCE, configured};
use crate::line::LineError;
use crate::notice::Notice;
use crate::refusal::Refusal;
use crate::request::{Call, Request, RequestError, Submit};
use crate::strikes::Strikes;
use crate::subscribed::Subscribed;
use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;

/// Silence towards a miner after which the difficulty is said again: an S9 leaves a pool from which it has heard
/// nothing for 90 s.
pub const KEEP_ALIVE: Duration = Duration::from_secs(45);

/// What a miner is called that has not authorised.
const NAMELESS: &str = "unauthorised unit";

/// What the owner has to decide.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It wants extranonces: answer with `ServerProtocol::subscribe`.
    Subscribe {
        /// Id for the reply.
        id: Value,
        /// Session that it would like to resume.
        session: Option<String>,
    },
    /// It names a worker: answer with `ServerProtocol::welcome` or a refusal.
    Authorize {
        /// Id for the reply.
        id: Value,
        /// The worker that it would mine as.
        user: String,
    },
    /// A share, of a miner that may send one.
    Submit {
        /// Id for the reply.
        id: Value,
        /// Its parameters, not judged yet.
        submit: Submit,
    },
    /// It has asked for version bits or for changes of the extranonce, and has been answered.
    Configured,
    /// It would like this share difficulty, and has been told `true`.
    SuggestDifficulty(f64),
}

/// Why a miner's connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The wire broke or carried what no miner sends.
    #[error("{0}; check its power and network")]
    Line(#[from] LineError),
    /// It keeps sending lines that are not Stratum.
    #[error("it sent {count} lines that are not Stratum, the last: {last}")]
    Garbage {
        /// Bad lines in all.
        count: u32,
        /// What is wrong with the last.
        last: String,
    },
    /// It has sent nothing for this long.
    #[error("it has sent nothing for {} s: check that it is powered and hashing", .0.as_secs_f64())]
    Idle(Duration),
}

/// One miner, from its first line on.
#[derive(Debug)]
pub struct ServerProtocol {
    /// Version bits that it may be granted for rolling.
    grants: u32,
    /// [`KEEP_ALIVE`] in device time.
    keep_alive: Duration,
    /// Device time without a line after which it is given up.
    idle: Duration,
    agent: Option<String>,
    is_subscribed: bool,
    worker: Option<String>,
    /// Version bits that it asked to roll; `None` if it did not ask.
    rolls: Option<u32>,
    takes_extranonce: bool,
    /// Difficulty that it was told last.
    difficulty: Option<Difficulty>,
    strikes: Strikes,
    heard: Nanos,
    reminds: Nanos,
}

impl ServerProtocol {
    /// A miner that has connected at `now` and may be granted the version bits in `grants`. Its difficulty is said
    /// again after `keep_alive` of silence, and it is given up after `idle` without a line of its own.
    pub fn new(grants: u32, keep_alive: Duration, idle: Duration, now: Nanos) -> ServerProtocol {
        ServerProtocol {
            grants,
            keep_alive,
            idle,
            agent: None,
            is_subscribed: false,
            worker: None,
            rolls: None,
            takes_extranonce: false,
            difficulty: None,
            strikes: Strikes::new(now),
            heard: now,
            reminds: now + keep_alive,
        }
    }

    /// Takes a line that came at `now`. Returns what is to be said at once, and what the owner has to decide.
    ///
    /// # Errors
    /// [`Lost::Garbage`] once too many lines were not Stratum.
    pub fn hear(
        &mut self,
        line: &str,
        now: Nanos,
    ) -> Result<(Option<Notice>, Option<Asked>), Lost> {
        self.heard = now;
        let (reply, asked) = match Request::parse(line) {
            Ok(request) => {
                self.strikes.good();
                self.take(request)
            }
            Err(error) => (Some(self.bad_line(error, now)?), None),
        };
        if reply.is_some() {
            self.said(now);
        }
        Ok((reply, asked))
    }

    fn bad_line(&mut self, error: RequestError, now: Nanos) -> Result<Notice, Lost> {
        let last = error.to_string();
        if self.strikes.bad(now) {
            let count = self.strikes.total();
            return Err(Lost::Garbage { count, last });
        }
        let id = match error {
            RequestError::Parameters { id, .. } => id,
            RequestError::Malformed { .. } => Value::Null,
        };
        Ok(Notice::refused(id, Refusal::new(20, last)))
    }

    fn take(&mut self, Request { id, call }: Request) -> (Option<Notice>, Option<Asked>) {
        let mut asked = None;
        let outcome = match call {
            Call::Reply => None,
            Call::Subscribe { agent, session } => {
                self.agent = agent;
                asked = Some(Asked::Subscribe {
                    id: id.clone(),
                    session,
                });
                None
            }
            Call::Authorize { user } => {
                asked = Some(Asked::Authorize {
                    id: id.clone(),
                    user,
                });
                None
            }
            Call::Submit(_) if !self.is_subscribed => Some(Err(Refusal::new(25, "not subscribed"))),
            Call::Submit(_) if self.worker.is_none() => {
                Some(Err(Refusal::new(24, "unauthorized worker")))
            }
            Call::Submit(submit) => {
                asked = Some(Asked::Submit {
                    id: id.clone(),
                    submit,
                });
                None
            }
            Call::Configure {
                version_rolling,
                others,
            } => {
                self.rolls = version_rolling.or(self.rolls);
                self.takes_extranonce |= others.iter().any(|name| name == SUBSCRIBE_EXTRANONCE);
                asked = Some(Asked::Configured);
                let granted = version_rolling.map(|bits| bits & self.grants);
                Some(Ok(configured(granted, &others)))
            }
            Call::ExtranonceSubscribe => {
                self.takes_extranonce = true;
                Some(Ok(json!(true)))
            }
            Call::SuggestDifficulty(difficulty) => {
                asked = difficulty.map(Asked::SuggestDifficulty);
                Some(Ok(json!(true)))
            }
            Call::Other(method) => {
                Some(Err(Refusal::new(20, format!("method {method} not found"))))
            }
        };
        let reply = outcome.map(|outcome| Notice::Reply { id, outcome });
        (reply, asked)
    }

    /// Gives it the extranonces of `subscribed`.
    pub fn subscribe(&mut self, id: Value, subscribed: &Subscribed) -> Notice {
        self.is_subscribed = true;
        Notice::result(id, subscribed.result())
    }

    /// Lets it in as `worker`.
    pub fn welcome(&mut self, id: Value, worker: String) -> Notice {
        self.worker = Some(worker);
        Notice::result(id, json!(true))
    }

    /// The difficulty of its next job, unless it was told the same last.
    pub(crate) fn tell_difficulty(&mut self, difficulty: Difficulty) -> Option<Notice> {
        let is_new = self.difficulty.replace(difficulty) != Some(difficulty);
        is_new.then(|| Notice::SetDifficulty(difficulty.get()))
    }

    /// Difficulty that it was told last.
    pub fn difficulty(&self) -> Option<Difficulty> {
        self.difficulty
    }

    /// It may be granted the version bits in `mask` from now on. The notice tells it, if its own change by that.
    pub(crate) fn set_version_mask(&mut self, mask: u32) -> Option<Notice> {
        let before = self.version_mask();
        self.grants = mask;
        let now = self.version_mask();
        (now != before).then_some(Notice::SetVersionMask(now))
    }

    /// Version bits that it may roll.
    pub fn version_mask(&self) -> u32 {
        self.rolls.map_or(0, |rolls| rolls & self.grants)
    }

    /// Whether it takes `mining.set_extranonce`.
    pub fn takes_extranonce(&self) -> bool {
        self.takes_extranonce
    }

    /// Whether it has subscribed and authorised.
    pub fn is_ready(&self) -> bool {
        self.is_subscribed && self.worker.is_some()
    }

    /// Worker name, or what it is called before it has one.
    pub fn worker(&self) -> &str {
        self.worker.as_deref().unwrap_or(NAMELESS)
    }

    /// Name and version that its firmware gave, if any.
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// When a line of it was heard last.
    pub(crate) fn heard(&self) -> Nanos {
        self.heard
    }

    /// Its owner changes at `now`: it counts as heard and as spoken to, and its next difficulty is told whatever it is.
    pub fn resume(&mut self, now: Nanos) {
        self.heard = now;
        self.difficulty = None;
        self.said(now);
    }

    /// Something was said to it at `now`.
    pub(crate) fn said(&mut self, now: Nanos) {
        self.reminds = now + self.keep_alive;
    }

    /// The difficulty is to be said again at `at`, unless something else is said before.
    pub fn remind_at(&mut self, at: Nanos) {
        self.reminds = at;
    }

    /// When [`tick`](ServerProtocol::tick) has something to do.
    pub(crate) fn due(&self) -> Nanos {
        (self.heard + self.idle).min(self.reminds)
    }

    /// Does what time demands at `now`. A silent wire is broken by the difficulty told last; if there is none, by
    /// `otherwise`.
    ///
    /// # Errors
    /// [`Lost::Idle`] if nothing came from it for too long.
    pub(crate) fn tick(
        &mut self,
        otherwise: Option<Difficulty>,
        now: Nanos,
    ) -> Result<Option<Notice>, Lost> {
        if now >= self.heard + self.idle {
            return Err(Lost::Idle(self.idle));
        }
        if now < self.reminds {
            return Ok(None);
        }
        self.said(now);
        let difficulty = self.difficulty.or(otherwise);
        Ok(difficulty.map(|difficulty| Notice::SetDifficulty(difficulty.get())))
    }

    /// Lines so far that were not Stratum.
    pub(crate) fn bad_lines(&self) -> u32 {
        self.strikes.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn miner() -> ServerProtocol {
        ServerProtocol::new(0x1fff_e000, KEEP_ALIVE, 600 * SECOND, Nanos::ZERO)
    }

    fn hear(miner: &mut ServerProtocol, line: &str) -> (String, Option<Asked>) {
        let (reply, asked) = miner.hear(line, Nanos::ZERO).expect("kept");
        let reply = reply.map(|reply| reply.to_line());
        (reply.unwrap_or_default(), asked)
    }

    fn call(id: u64, method: &str, params: &str) -> String {
        format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#)
    }

    #[test]
    fn a_miner_comes_in_and_hands_over_shares() {
        let mut miner = miner();
        let submit = call(9, "mining.submit", r#"["w","1","00","00","00"]"#);
        assert!(hear(&mut miner, &submit).0.contains("[25,"));
        let (_, asked) = hear(&mut miner, &call(1, "mining.subscribe", r#"["a/1","s"]"#));
        let Some(Asked::Subscribe { id, session }) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(session.as_deref(), Some("s"));
        let given = Subscribed {
            session,
            extranonce1: vec![0x0a],
            extranonce2_len: 4,
        };
        let reply = miner.subscribe(id, &given).to_line();
        assert!(
            reply.contains(r#"["mining.notify","s"]],"0a",4]"#),
            "{reply}"
        );
        assert!(hear(&mut miner, &submit).0.contains("[24,"));
        let (reply, asked) = hear(&mut miner, &call(2, "mining.authorize", r#"["w","x"]"#));
        assert_eq!((reply.as_str(), miner.is_ready()), ("", false));
        let Some(Asked::Authorize { id, user }) = asked else {
            panic!("{asked:?}");
        };
        miner.welcome(id, user);
        assert!(miner.is_ready());
        assert_eq!((miner.worker(), miner.agent()), ("w", Some("a/1")));
        let (_, asked) = hear(&mut miner, &submit);
        assert!(matches!(asked, Some(Asked::Submit { .. })), "{asked:?}");
    }

    #[test]
    fn version_bits_are_granted_once_and_withdrawn_when_the_mask_shrinks() {
        let mut miner = miner();
        assert_eq!(miner.version_mask(), 0);
        let ask = r#"[["version-rolling"],{"version-rolling.mask":"ffffffff"}]"#;
        let (reply, asked) = hear(&mut miner, &call(1, "mining.configure", ask));
        assert!(reply.contains("1fffe000"), "{reply}");
        assert_eq!(asked, Some(Asked::Configured));
        // A later request for something else takes nothing away.
        hear(
            &mut miner,
            &call(2, "mining.configure", r#"[["subscribe-extranonce"],{}]"#),
        );
        assert_eq!(
            (miner.version_mask(), miner.takes_extranonce()),
            (0x1fff_e000, true)
        );
        assert_eq!(
            miner.set_version_mask(0x2000),
            Some(Notice::SetVersionMask(0x2000))
        );
        assert_eq!(miner.set_version_mask(0x2000), None);
    }

    #[test]
    fn nine_bad_lines_in_a_row_end_it_and_each_before_is_answered() {
        let mut miner = miner();
        for _ in 0..8 {
            assert!(
                hear(&mut miner, "GET / HTTP/1.1")
                    .0
                    .contains("not a Stratum request")
            );
        }
        let end = miner
            .hear("GET / HTTP/1.1", Nanos::ZERO)
            .expect_err("given up");
        assert!(matches!(end, Lost::Garbage { count: 9, .. }), "{end:?}");
    }

    #[test]
    fn silence_is_broken_after_45_seconds_and_ends_it_after_600() {
        let mut miner = miner();
        let at = |seconds| Nanos::ZERO + seconds * SECOND;
        assert_eq!(miner.due(), at(45));
        // Nothing to say yet, but the wait begins again.
        assert_eq!(miner.tick(None, at(45)).expect("kept"), None);
        assert_eq!(miner.due(), at(90));
        let eight = Difficulty::new(8.0).expect("sound");
        assert_eq!(
            miner.tell_difficulty(eight),
            Some(Notice::SetDifficulty(8.0))
        );
        assert_eq!(miner.tell_difficulty(eight), None);
        assert_eq!(
            miner.tick(None, at(90)).expect("kept"),
            Some(Notice::SetDifficulty(8.0))
        );
        miner.said(at(100));
        assert_eq!(miner.tick(None, at(144)).expect("kept"), None);
        assert_eq!(
            miner.tick(None, at(145)).expect("kept"),
            Some(Notice::SetDifficulty(8.0))
        );
        miner
            .hear("{\"id\":1,\"result\":true}", at(200))
            .expect("a reply");
        assert_eq!(
            miner.tick(None, at(799)).expect("kept"),
            Some(Notice::SetDifficulty(8.0))
        );
        let end = miner.tick(None, at(800)).expect_err("given up");
        assert!(
            matches!(end, Lost::Idle(after) if after == 600 * SECOND),
            "{end}"
        );
    }
}
