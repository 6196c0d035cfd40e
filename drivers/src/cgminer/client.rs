//! One command to one unit: connect, ask, read to the end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::reply::{Reply, Status};

/// Code of the status `Invalid command`.
const INVALID_COMMAND: u64 = 14;
/// Code of the status `Access denied`.
const ACCESS_DENIED: u64 = 45;

/// What is awaited first.
const CONNECTION: &str = "connection";

/// Asks `addr` for `command` within the default [`Limits`].
///
/// # Errors
/// See [`Failure`].
pub async fn query(
    addr: SocketAddr,
    command: &str,
    parameter: Option<&str>,
) -> Result<Reply, ApiError> {
    Limits::default().query(addr, command, parameter).await
}

/// How long to wait for a unit and how much to take from it. The times are wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the connection to be made.
    pub connect: Duration,
    /// From the connection to the end of the reply.
    pub reply: Duration,
    /// Longest reply in bytes.
    pub bytes: usize,
}

impl Default for Limits {
    /// 3 s and 5 s: bmminer answers within 0.1 s, but its one API thread may be held up by another
    /// client. 256 KiB: the longest reply known, `stats`, has less than 7 kB.
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(3),
            reply: Duration::from_secs(5),
            bytes: 256 * 1024,
        }
    }
}

impl Limits {
    /// Asks `addr` for `command` on a connection of its own.
    ///
    /// # Errors
    /// See [`Failure`]. A reply whose status is an error is an error here.
    pub async fn query(
        &self,
        addr: SocketAddr,
        command: &str,
        parameter: Option<&str>,
    ) -> Result<Reply, ApiError> {
        self.attempt(addr, command, parameter)
            .await
            .map_err(|failure| ApiError {
                addr,
                command: command.to_owned(),
                failure,
            })
    }

    async fn attempt(
        &self,
        addr: SocketAddr,
        command: &str,
        parameter: Option<&str>,
    ) -> Result<Reply, Failure> {
        let timed_out = |awaited, after| move |_| Failure::TimedOut { awaited, after };
        let mut stream = timeout(self.connect, TcpStream::connect(addr))
            .await
            .map_err(timed_out(CONNECTION, self.connect))?
            .map_err(|error| match error.kind() {
                io::ErrorKind::ConnectionRefused => Failure::Refused,
                _ => Failure::Unreachable(error.to_string()),
            })?;
        let exchange = exchange(&mut stream, request(command, parameter), self.bytes);
        let bytes = timeout(self.reply, exchange)
            .await
            .map_err(timed_out("complete reply", self.reply))??;
        interpret(&bytes)
    }
}

fn request(command: &str, parameter: Option<&str>) -> String {
    let request = match parameter {
        Some(parameter) => serde_json::json!({ "command": command, "parameter": parameter }),
        None => serde_json::json!({ "command": command }),
    };
    request.to_string()
}

/// Sends the request and reads up to the NUL that ends a reply, or to the end of the stream.
async fn exchange(
    stream: &mut TcpStream,
    request: String,
    limit: usize,
) -> Result<Vec<u8>, Failure> {
    let mut reply = Vec::new();
    let broken = |received| move |_: io::Error| Failure::Incomplete { received };
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(broken(0))?;
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.map_err(broken(reply.len()))?;
        let chunk = &chunk[..read];
        let end = chunk.iter().position(|&byte| byte == 0);
        reply.extend_from_slice(&chunk[..end.unwrap_or(read)]);
        if reply.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        if end.is_some() || read == 0 {
            return Ok(reply);
        }
    }
}

fn interpret(bytes: &[u8]) -> Result<Reply, Failure> {
    let reply = Reply::parse(bytes).map_err(|error| {
        if error.is_eof() {
            return Failure::Incomplete {
                received: bytes.len(),
            };
        }
        let start = &bytes[..bytes.len().min(60)];
        Failure::NotJson {
            reason: error.to_string(),
            start: String::from_utf8_lossy(start).into_owned(),
        }
    })?;
    match reply.status() {
        Some(status) if status.is_error() => Err(Failure::Status(status)),
        _ => Ok(reply),
    }
}

/// A command that brought no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("asked {addr} for `{command}`: {failure}")]
pub struct ApiError {
    pub(crate) addr: SocketAddr,
    /// What was asked.
    pub(crate) command: String,
    /// What came of it.
    pub failure: Failure,
}

impl ApiError {
    /// Whether asking again is of no use until a person changes the unit's configuration.
    pub fn is_fatal(&self) -> bool {
        matches!(
            &self.failure,
            Failure::Status(Status {
                code: Some(INVALID_COMMAND | ACCESS_DENIED),
                ..
            })
        )
    }
}

impl Failure {
    /// Whether something took the connection, miner or not.
    pub(crate) fn is_of_an_open_port(&self) -> bool {
        match self {
            Failure::Refused | Failure::Unreachable(_) => false,
            Failure::TimedOut { awaited, .. } => *awaited != CONNECTION,
            _ => true,
        }
    }
}

/// What came of a command that brought no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing listens on the port.
    #[error("connection refused; the miner is restarting, or its API is switched off")]
    Refused,
    /// The connection could not be made.
    #[error("no connection ({0}); check the address and the network")]
    Unreachable(String),
    /// The unit took too long.
    #[error("no {awaited} within {after:?}; the unit hangs, is busy or is behind a packet filter")]
    TimedOut {
        /// What did not come.
        awaited: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The reply breaks off.
    #[error("the reply ended after {received} bytes, too early; ask again")]
    Incomplete {
        /// Bytes that came.
        received: usize,
    },
    /// The reply does not end.
    #[error("the reply is longer than {limit} bytes; this is no miner's API, check the port")]
    TooLarge {
        /// Most bytes that are taken.
        limit: usize,
    },
    /// The reply is something else.
    #[error("the reply is not JSON ({reason}) but begins {start:?}; check the port")]
    NotJson {
        /// What the parser made of it after the known repairs.
        reason: String,
        /// Its first bytes.
        start: String,
    },
    /// The unit answered that it will not or cannot.
    #[error("the unit refused: {0}")]
    Status(Status),
}
