//! What can come of a request, in words that say what happened, where, and what to do.
//!
//! Nothing that a unit sent is quoted: a reply may hold a token or a pool's password.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::control::ControlError;
use crate::poller::SourceError;

/// A request that brought no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path} at {addr}: {failure}")]
pub struct HttpError {
    pub(crate) addr: SocketAddr,
    /// How it was asked.
    pub method: &'static str,
    /// For what, without any query.
    pub path: &'static str,
    /// What came of it.
    pub failure: Failure,
}

/// What came of a request that brought no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing listens on the port.
    #[error("connection refused; the controller is restarting, or this is no Goldshell unit")]
    Refused,
    /// The connection could not be made.
    #[error("no connection ({0}); check the address and the network")]
    Unreachable(String),
    /// The unit took too long.
    #[error(
        "no complete reply within {0:?}; the unit hangs or is busy; if it stays so, switch it off and on"
    )]
    TimedOut(Duration),
    /// The exchange broke off.
    #[error("the exchange broke off ({0}); ask again")]
    Broken(String),
    /// The reply does not end.
    #[error("the reply is longer than {limit} bytes; this is no Goldshell unit, check the address")]
    TooLarge {
        /// Most bytes that are taken.
        limit: usize,
    },
    /// The unit asks for another token than it gave.
    #[error(
        "the unit refuses the token that it has just given; ask again, and look at its web page"
    )]
    Unauthorised,
    /// The login brought no token.
    #[error("the unit gives no token for this user name and password; correct them")]
    WrongPassword,
    /// The reply points elsewhere.
    #[error("status {0} points elsewhere; this is no Goldshell unit, check the address")]
    Redirected(u16),
    /// The web backend says that it failed, or does not know the path.
    #[error("status {0}; the web backend has failed or its firmware lacks this")]
    Status(u16),
    /// The reply cannot be read.
    #[error(
        "the reply of {bytes} bytes cannot be read ({reason}); ask again, or update the firmware"
    )]
    Unreadable {
        /// What the parser made of it.
        reason: String,
        /// Length of the answer, bytes.
        bytes: usize,
    },
}

impl Failure {
    /// What a failed exchange comes down to. Takes nothing from the error that holds an address.
    pub(super) fn of(error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let mut io_kind = None;
        let mut deepest = error.to_string();
        let mut source: Option<&(dyn Error + 'static)> = error.source();
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                io_kind = Some(io.kind());
            }
            deepest = cause.to_string();
            source = cause.source();
        }
        match io_kind {
            Some(io::ErrorKind::ConnectionRefused) => Failure::Refused,
            _ if error.is_connect() => Failure::Unreachable(deepest),
            _ => Failure::Broken(deepest),
        }
    }

    /// Whether the same request may well succeed in a moment.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Failure::Refused
                | Failure::Unreachable(_)
                | Failure::TimedOut(_)
                | Failure::Broken(_)
                // Not 500: some units always answer it to some paths.
                | Failure::Status(502..=504)
        )
    }
}

impl HttpError {
    /// Whether asking again is of no use until a person changes the configuration.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self.failure,
            Failure::WrongPassword | Failure::Redirected(_)
        )
    }
}

impl From<HttpError> for SourceError {
    fn from(error: HttpError) -> SourceError {
        SourceError {
            fatal: error.is_fatal(),
            reason: error.to_string(),
        }
    }
}

impl From<HttpError> for ControlError {
    fn from(error: HttpError) -> ControlError {
        ControlError::Wire(error.to_string())
    }
}
