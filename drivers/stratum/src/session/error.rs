//! Why a session ends.

use std::net::SocketAddr;
use std::time::Duration;

use crate::line::LineError;
use thermine_units::record::RecorderClosed;

/// Why a session ended, or never began.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The wire broke or carried what no miner sends.
    #[error("{unit} at {peer}: {source}; check its power and network")]
    Line {
        /// Worker name, or `unauthorised unit`.
        unit: String,
        /// Its address.
        peer: SocketAddr,
        /// What happened.
        source: LineError,
    },
    /// It did not subscribe and authorise in time.
    #[error("{peer} connected but did not subscribe and authorise within {} s", .after.as_secs_f64())]
    HandshakeTimeout {
        /// Its address.
        peer: SocketAddr,
        /// Time that it was given.
        after: Duration,
    },
    /// It began with a TLS handshake.
    #[error(
        "{peer} tried TLS, which this port does not speak: some miners do so first, and then go on without"
    )]
    Tls {
        /// Its address.
        peer: SocketAddr,
    },
    /// Nothing came from it for too long.
    #[error("{unit} at {peer} has sent nothing for {} s: check that it is powered and hashing", .after.as_secs_f64())]
    Idle {
        /// Worker name.
        unit: String,
        /// Its address.
        peer: SocketAddr,
        /// Time without a line.
        after: Duration,
    },
    /// It keeps sending lines that are not Stratum.
    #[error("{unit} at {peer} sent {count} lines that are not Stratum, the last: {last}")]
    Garbage {
        /// Worker name.
        unit: String,
        /// Its address.
        peer: SocketAddr,
        /// How many.
        count: u32,
        /// The last one's error.
        last: String,
    },
    /// The capture has failed, and a share that cannot be kept must not be acknowledged.
    #[error(transparent)]
    Recorder(#[from] RecorderClosed),
}

impl SessionError {
    /// Whether the connection broke or fell silent, so that the unit may open another.
    pub fn is_lost(&self) -> bool {
        match self {
            SessionError::Line { source, .. } => {
                !matches!(source, LineError::TooLong(_) | LineError::NotText)
            }
            SessionError::Idle { .. } => true,
            SessionError::HandshakeTimeout { .. }
            | SessionError::Tls { .. }
            | SessionError::Garbage { .. }
            | SessionError::Recorder(_) => false,
        }
    }
}
