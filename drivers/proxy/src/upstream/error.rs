//! Why a pool was not reached, or was lost.

use super::endpoint::Endpoint;
use crate::space::Indivisible;
use thermine_stratum::client_protocol::ClientError;

/// Why a pool was not reached, or was lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    #[error("cannot connect ({0}): check its address and the network")]
    Connect(std::io::Error),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Its extranonce is of no use.
    #[error(transparent)]
    Space(#[from] Indivisible),
    #[error("it asks to connect to {0} instead")]
    Moved(Endpoint),
}

/// Why a connection could not be opened, and the requests that had no answer.
#[derive(Debug)]
pub(super) struct NotOpened {
    pub(super) error: PoolError,
    /// Ids of the requests, in the order in which they were sent.
    pub(super) unanswered: Vec<u64>,
}
