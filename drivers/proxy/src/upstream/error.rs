//! Why a pool was not reached, or was lost.

use std::time::Duration;

use super::endpoint::Endpoint;
use super::remarks::short;
use crate::space::Indivisible;
use thermine_stratum::client_connection::ClientError;
use thermine_stratum::client_protocol::Failure;
use thermine_stratum::line::LineError;
use thermine_units::printable::printable;

/// Why a pool was not reached, or was lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
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

impl PoolError {
    /// The error of a pool that is given `limit` for an answer.
    pub(super) fn new(error: ClientError, limit: Duration) -> PoolError {
        match error {
            ClientError::Line(error) => PoolError::Line(error),
            ClientError::Silent(what) => PoolError::Silent(what, limit.as_secs()),
            ClientError::Failure(Failure::Refused(what, text)) => {
                // Escaped: it is shown as it stands.
                PoolError::Refused(what, short(&text).escape_debug().to_string())
            }
            ClientError::Failure(Failure::Subscription) => PoolError::Subscription,
            ClientError::Failure(Failure::Garbage { count, last }) => {
                PoolError::Garbage(count, last)
            }
        }
    }
}

/// Why a connection could not be opened, and the requests that had no answer.
#[derive(Debug)]
pub(super) struct NotOpened {
    pub(super) error: PoolError,
    /// Ids of the requests, in the order in which they were sent.
    pub(super) unanswered: Vec<u64>,
}
