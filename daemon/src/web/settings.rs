//! How the server behaves, and where it may listen.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use thermine_units::clock::Clock;
use thermine_units::secret::Secret;

use thermine_lab::request::ReadCommand;

/// Least length of a token, in bytes: 128 bits, if they are random.
const TOKEN_BYTES: usize = 16;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The token that clients must send. Without one the server listens on loopback only.
    pub token: Option<Secret>,
    /// Further names of a server on loopback, beside `localhost` and the loopback addresses; of a reverse proxy in front
    /// of it, for instance. Without ports.
    pub hosts: Vec<String>,
    /// Tells the time of day.
    pub clock: Clock,
    /// Reads commands that come as text. The program hands it in: the server knows no command line.
    pub read_command: ReadCommand,
}

impl Settings {
    /// No token, no further names.
    pub fn new(clock: Clock, read_command: ReadCommand) -> Settings {
        Settings {
            token: None,
            hosts: Vec::new(),
            clock,
            read_command,
        }
    }

    /// Whether a server may listen on `address`.
    ///
    /// # Errors
    /// If it is not of loopback and there is no token, or one that is too short.
    pub fn permit(&self, address: SocketAddr) -> Result<()> {
        ensure!(
            self.token.is_some() || address.ip().is_loopback(),
            "the web server may listen on {address} only with a token, since others can reach that address: \
             set a token file, or listen on 127.0.0.1"
        );
        if let Some(token) = &self.token {
            ensure!(
                token.bytes() >= TOKEN_BYTES,
                "the web server's token has {} bytes, and needs {TOKEN_BYTES} or more that cannot be guessed, as \
                 `openssl rand -hex 16` makes",
                token.bytes()
            );
        }
        Ok(())
    }
}
