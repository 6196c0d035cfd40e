//! One miner's connection: [`ServerProtocol`] over TCP, its limits on the run's clock.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::line::{ConnectionKiller, LineStream};
use crate::notice::Notice;
use crate::refusal::Refusal;
use crate::server_protocol::{Asked, KEEP_ALIVE, Lost, ServerProtocol};
use crate::subscribed::Subscribed;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;

/// A miner on a connection. What is said to it leaves with the next [`flush`](ServerConnection::flush).
#[derive(Debug)]
pub struct ServerConnection {
    lines: LineStream,
    protocol: ServerProtocol,
    peer: SocketAddr,
    clock: Clock,
}

impl ServerConnection {
    /// Takes over a connection from `peer`, whose firmware may be granted the version bits in `version_mask` and is
    /// given up after `idle` without a line: wall time, or virtual time on such a clock.
    pub fn new(
        stream: TcpStream,
        peer: SocketAddr,
        version_mask: u32,
        idle: Duration,
        clock: Clock,
    ) -> ServerConnection {
        let (keep_alive, idle) = (clock.device(KEEP_ALIVE), clock.device(idle));
        ServerConnection {
            lines: LineStream::new(stream, clock.clone()),
            protocol: ServerProtocol::new(version_mask, keep_alive, idle, clock.now()),
            peer,
            clock,
        }
    }

    /// The next thing that its owner has to decide, and when the line came. Sends what has been said before. Cancel
    /// safe.
    ///
    /// # Errors
    /// [`Lost`], after which the connection is of no more use.
    pub async fn next(&mut self) -> Result<(Asked, Nanos), Lost> {
        loop {
            self.lines.flush().await?;
            let line = self.lines.next().await?;
            let bad_lines = self.protocol.bad_lines();
            let (reply, asked) = self.protocol.hear(&line.text, self.clock.now())?;
            if bad_lines == 0 && self.protocol.bad_lines() > 0 && self.protocol.is_ready() {
                tracing::warn!(unit = self.worker(), peer = %self.peer, line = ?line.text, "skipped a line");
            }
            if let Some(reply) = reply {
                self.lines.push(&reply.to_line());
            }
            if let Some(asked) = asked {
                return Ok((asked, line.arrived));
            }
        }
    }

    /// When [`tick`](ServerConnection::tick) has something to do.
    pub fn due(&self) -> Nanos {
        self.protocol.due()
    }

    /// Says the difficulty again on a silent wire, `otherwise` if it was told none.
    ///
    /// # Errors
    /// [`Lost::Idle`] if nothing came for too long.
    pub fn tick(&mut self, otherwise: Option<Difficulty>) -> Result<(), Lost> {
        if let Some(notice) = self.protocol.tick(otherwise, self.clock.now())? {
            self.lines.push(&notice.to_line());
        }
        Ok(())
    }

    /// Says `notice` to the miner.
    pub fn say(&mut self, notice: &Notice) {
        self.say_line(&notice.to_line());
    }

    /// Says `line`, which ends in a newline.
    pub fn say_line(&mut self, line: &str) {
        self.lines.push(line);
        self.protocol.said(self.clock.now());
    }

    /// Answers request `id`.
    pub fn reply(&mut self, id: Value, outcome: Result<Value, Refusal>) {
        self.say(&Notice::Reply { id, outcome });
    }

    /// See `ServerProtocol::subscribe`.
    pub fn subscribe(&mut self, id: Value, subscribed: &Subscribed) {
        let reply = self.protocol.subscribe(id, subscribed);
        self.say(&reply);
    }

    /// See `ServerProtocol::welcome`.
    pub fn welcome(&mut self, id: Value, worker: String) {
        let reply = self.protocol.welcome(id, worker);
        self.say(&reply);
    }

    /// See `ServerProtocol::tell_difficulty`.
    pub fn tell_difficulty(&mut self, difficulty: Difficulty) {
        if let Some(notice) = self.protocol.tell_difficulty(difficulty) {
            self.say(&notice);
        }
    }

    /// See `ServerProtocol::set_version_mask`.
    pub fn set_version_mask(&mut self, mask: u32) {
        if let Some(notice) = self.protocol.set_version_mask(mask) {
            self.say(&notice);
        }
    }

    /// What has been agreed with the miner.
    pub fn protocol(&self) -> &ServerProtocol {
        &self.protocol
    }

    /// The same, to be changed without a word to the miner.
    pub fn protocol_mut(&mut self) -> &mut ServerProtocol {
        &mut self.protocol
    }

    /// Worker name, or what it is called before it has one.
    pub fn worker(&self) -> &str {
        self.protocol.worker()
    }

    /// Address that it connected from.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The clock of its limits.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends what has been said. Cancel safe.
    ///
    /// # Errors
    /// If the connection is gone or the miner does not read.
    pub async fn flush(&mut self) -> Result<(), Lost> {
        Ok(self.lines.flush().await?)
    }

    /// See [`LineStream::is_over`].
    pub(crate) fn is_over(&self) -> bool {
        self.lines.is_over()
    }

    /// See [`LineStream::close`].
    pub(crate) async fn close(&mut self, patience: Duration) {
        self.lines.close(patience).await;
    }

    /// See [`LineStream::abandon`].
    pub async fn abandon(self) {
        self.lines.abandon().await;
    }

    /// See [`LineStream::killer`].
    ///
    /// # Errors
    /// If the process has no file descriptor left for it.
    pub(crate) fn killer(&self) -> io::Result<ConnectionKiller> {
        self.lines.killer()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    /// A miner that comes in and then neither says nor is told anything, in virtual time: what it hears when.
    #[tokio::test]
    async fn keep_alive_and_idle_limit_pass_in_virtual_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut miner, (stream, peer)) = (near.expect("connected"), far.expect("accepted"));
        let clock = Clock::virtual_time();
        let waiter = clock.drive();
        let idle = Duration::from_secs(600);
        let mut connection = ServerConnection::new(stream, peer, 0, idle, clock.clone());
        connection.tell_difficulty(Difficulty::new(8.0).expect("sound"));
        connection.flush().await.expect("sent");
        let mut lines = BufReader::new(&mut miner).lines();
        let mut spoken = Vec::new();
        let end = loop {
            let line = lines.next_line().await.expect("text").expect("a line");
            assert!(line.contains("[8]"), "{line}");
            spoken.push(clock.now());
            // The test reads without the clock's knowledge.
            clock.settle(line.len() + 1);
            let due = connection.due();
            assert!(waiter.timeout(due, connection.next()).await.is_none());
            if let Err(end) = connection.tick(None) {
                break end;
            }
            connection.flush().await.expect("sent");
        };
        assert!(matches!(end, Lost::Idle(after) if after == idle), "{end}");
        let expected: Vec<Nanos> = (0..14)
            .map(|i| Nanos::ZERO + Duration::from_secs(45) * i)
            .collect();
        assert_eq!(spoken, expected);
        assert_eq!(clock.now(), Nanos::ZERO + idle);
        drop(connection);
        miner.write_all(b"late\n").await.ok();
    }
}
