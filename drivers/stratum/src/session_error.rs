//! Why a session ends.

use std::net::SocketAddr;
use std::time::Duration;

use crate::line::LineError;
use crate::server_protocol::Lost;
use thermine_units::record::RecorderClosed;

/// Why a session ended, or never began.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Its connection is of no more use.
    #[error("{unit} at {peer}: {source}")]
    Lost {
        /// Worker name, or `unauthorised unit`.
        unit: String,
        /// Address that it connected from.
        peer: SocketAddr,
        /// What happened to the connection.
        source: Lost,
    },
    /// It did not subscribe and authorise in time.
    #[error("{peer} connected but did not subscribe and authorise within {} s", .after.as_secs_f64())]
    HandshakeTimeout {
        /// Address that it connected from.
        peer: SocketAddr,
        /// Time that it was given.
        after: Duration,
    },
    /// It began with a TLS handshake.
    #[error(
        "{0} tried TLS, which this port does not speak: some miners do so first, and then go on without"
    )]
    Tls(SocketAddr),
    /// The capture has failed, and a share that cannot be kept must not be acknowledged.
    #[error(transparent)]
    Recorder(#[from] RecorderClosed),
}

impl SessionError {
    /// Whether the connection broke or fell silent, so that the unit may open another.
    pub fn is_lost(&self) -> bool {
        let SessionError::Lost { source, .. } = self else {
            return false;
        };
        match source {
            Lost::Line(source) => !matches!(source, LineError::TooLong(_) | LineError::NotText),
            Lost::Idle(_) => true,
            Lost::Garbage { .. } => false,
        }
    }
}
