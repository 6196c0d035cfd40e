//! Why a unit's connection ends.

use std::sync::Arc;

use crate::journal::Stopped;
use thermine_stratum::server_protocol::Lost;

/// Why a unit's connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// Its connection is of no more use.
    #[error("{0}: {1}")]
    Lost(String, Lost),
    /// It did not subscribe and authorise in time.
    #[error("it did not subscribe and authorise within {0} s")]
    Handshake(f64),
    /// It had not authorised, and made room for another connection.
    #[error("it has not authorised, and too many others wait to do so")]
    Evicted,
    /// It has authorised, and there is no place for it.
    #[error("the most units are connected that may be: raise units.most")]
    Crowded,
    /// It began with a TLS handshake.
    #[error(
        "it tried TLS, which this port does not speak: some miners do so first, and then go on without"
    )]
    Tls,
    /// It was banned, or still is.
    #[error("{0} is banned: {1}")]
    Banned(String, String),
    /// Its interlock withholds work.
    #[error("{0} is disconnected and gets no work: {1}")]
    Withheld(String, Arc<str>),
    /// There is no pool to mine at.
    #[error("no pool has given any work yet")]
    NoPool,
    /// All prefixes are taken.
    #[error("the pool's extranonce2 has no room for another unit")]
    Full,
    /// The extranonces have changed and it cannot be told.
    #[error("{0} has to subscribe again, since the pool's extranonce has changed")]
    Moved(String),
    /// The store is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
