//! What a pool is asked for when a connection begins, and in which manner.
//!
//! All requests of the opening go out at once, which costs one round trip. Some pools take one request at a time: a
//! pool that refuses, falls silent or hangs up is asked that way the next time. That also shows which request it hangs
//! up on; an optional one is then left out.

use thermine_stratum::client_protocol::{Ask, ClientError};
use thermine_stratum::request::Call;
use thermine_units::pow::work::BIP320_MASK;

use super::error::PoolError;
use super::pool::Pool;

/// What the proxy calls itself.
pub(super) const AGENT: &str = concat!("thermine/", env!("CARGO_PKG_VERSION"));

/// Ids of the opening; shares have their tickets, from [`FIRST_SHARE`] on.
pub(super) const CONFIGURE: u64 = 1;
const SUBSCRIBE: u64 = 2;
const AUTHORIZE: u64 = 3;
pub(super) const EXTRANONCE: u64 = 4;

/// Id of the share with ticket 0.
pub(super) const FIRST_SHARE: u64 = 16;

/// Part of the time for the opening that an optional request is waited for when each waits for the one before.
const OPTIONAL: u32 = 4;

/// How a connection is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// Whether each request waits for the answer to the one before.
    pub(super) one_at_a_time: bool,
    /// Whether version rolling is asked for.
    pub(super) configure: bool,
    /// Whether changes of the extranonce are asked for.
    pub(super) extranonce: bool,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            one_at_a_time: false,
            configure: true,
            extranonce: true,
        }
    }
}

impl Manner {
    /// What `pool` is asked for, `resume` being a session that it may still know.
    pub(super) fn opening(self, pool: &Pool, resume: Option<String>) -> Vec<Ask> {
        let configure = Call::Configure {
            version_rolling: Some(BIP320_MASK),
            others: Vec::new(),
        };
        let subscribe = Call::Subscribe {
            agent: Some(AGENT.to_owned()),
            session: resume,
        };
        let authorize = Call::Authorize {
            user: pool.user.clone(),
        };
        // A pool that knows no version rolling may also not answer the question.
        let configure = Ask::optional(CONFIGURE, configure);
        let needed = [
            Ask::needed(SUBSCRIBE, subscribe),
            Ask::needed(AUTHORIZE, authorize),
        ];
        let extranonce = Ask::optional(EXTRANONCE, Call::ExtranonceSubscribe);
        let (configure, needed) = if self.one_at_a_time {
            let optional = pool.timeout / OPTIONAL;
            (
                configure.before_next_for(optional),
                needed.map(Ask::before_next),
            )
        } else {
            (configure, needed)
        };
        let configure = self.configure.then_some(configure);
        let extranonce = self.extranonce.then_some(extranonce);
        configure
            .into_iter()
            .chain(needed)
            .chain(extranonce)
            .collect()
    }

    /// The manner to try after an opening in this one has failed with `error`; `unanswered` are the requests
    /// without an answer, in the order in which they were sent.
    pub(super) fn after(self, error: &PoolError, unanswered: &[u64]) -> Manner {
        match (error, unanswered) {
            (PoolError::Connect(_), _) => self,
            // All else was answered.
            (PoolError::Client(ClientError::Line(_)), [EXTRANONCE]) => Manner {
                extranonce: false,
                ..self
            },
            _ if !self.one_at_a_time => Manner {
                one_at_a_time: true,
                ..self
            },
            (PoolError::Client(ClientError::Line(_)), [CONFIGURE, ..]) => Manner {
                configure: false,
                ..self
            },
            (PoolError::Client(ClientError::Refused(..)), _) => self,
            // It was not the manner.
            _ => Manner::default(),
        }
    }
}
