//! One connection of a simulated unit to its pool: how its firmware opens it, and what it remembers.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::net::TcpStream;

use super::command::{Spoken, Tap};
use super::find::Find;
use super::firmware::{Firmware, Opening};
use thermine_stratum::client_connection::{ClientConnection, Way};
use thermine_stratum::client_protocol::ClientError;
use thermine_stratum::line::{LineStream, Peer};
use thermine_stratum::request::{Call, Submit};
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::pow::{Difficulty, Work};
use thermine_units::secret::Secret;

/// Jobs that a unit remembers, so that work in its pipeline can still be answered.
pub(super) const REMEMBERED_JOBS: usize = 32;

/// Shares that may be sent again.
pub(super) const REMEMBERED_SUBMITS: usize = 8;

/// Time that a pool is given to answer the opening: bmminer waits 60 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// The state of one connection.
pub(super) struct Connection {
    pub(super) wire: ClientConnection,
    pub(super) firmware: Firmware,
    pub(super) extranonce1: Vec<u8>,
    pub(super) extranonce2_len: usize,
    /// Version bits that the unit rolls; `None` if its firmware does not roll.
    pub(super) version_mask: Option<u32>,
    pub(super) difficulty: Difficulty,
    pub(super) jobs: VecDeque<Received>,
    next_id: u64,
    /// Ids and difficulties of submitted shares that have no reply yet.
    pub(super) pending: VecDeque<(u64, f64)>,
    /// Newest shares, and what was sent for them: one of them may be sent again.
    pub(super) submits: VecDeque<(Find, Submit)>,
}

/// A job as received, with the unit's own counter for it.
pub(super) struct Received {
    pub(super) token: u64,
    pub(super) job_id: String,
    pub(super) work: Work,
    pub(super) difficulty: Difficulty,
    /// Of its newest share.
    pub(super) extranonce2: u64,
    /// When the chips begin with it.
    pub(super) begins: Nanos,
}

impl Connection {
    /// Connects as the firmware does, see [`Opening`].
    pub(super) async fn open(
        stream: TcpStream,
        waiter: &Waiter,
        clock: Clock,
        firmware: Firmware,
        tap: Tap,
        user: String,
    ) -> Result<Connection, MinerError> {
        let lines = LineStream::with(stream, Peer::Pool, clock.clone());
        let opening = firmware.requests(user);
        let next_id = firmware.first_id + opening.len() as u64;
        let limit = clock.device(PATIENCE);
        let password = Secret::new("x");
        let mut wire = ClientConnection::new(lines, opening, firmware.keys(), password, clock)
            .with_listener(move |way, line| {
                tap.tell(|| match way {
                    Way::Out => Spoken::Said(line.to_string()),
                    Way::In => Spoken::Heard(line.to_string()),
                });
            });
        wire.open(waiter, limit).await?;
        let given = wire.protocol().subscribed().cloned().unwrap_or_default();
        let (least, most) = firmware.extranonce2;
        if !(least..=most).contains(&given.extranonce2_len) {
            return Err(MinerError::NotAPool);
        }
        let mask = wire.protocol().version_mask();
        Ok(Connection {
            version_mask: (firmware.opening == Opening::EspMiner).then_some(mask),
            wire,
            firmware,
            extranonce1: given.extranonce1,
            extranonce2_len: given.extranonce2_len,
            difficulty: Difficulty::ONE,
            jobs: VecDeque::with_capacity(REMEMBERED_JOBS),
            next_id,
            pending: VecDeque::new(),
            submits: VecDeque::new(),
        })
    }

    /// Submits a share and returns the id of the request.
    pub(super) fn submit(&mut self, share: Submit) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.wire.request(id, Call::Submit(share));
        id
    }
}

/// Why a simulated unit lost its pool.
#[derive(Debug, thiserror::Error)]
pub(super) enum MinerError {
    #[error("the pool is gone: {0}")]
    Pool(#[from] ClientError),
    #[error("the pool gives an extranonce2 of a length that the firmware does not take")]
    NotAPool,
    #[error("the unit restarts")]
    Restarting,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::BMMINER;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_s9_opens_line_by_line_and_keeps_a_job_that_comes_early() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let unit = tokio::spawn(async move {
            let stream = TcpStream::connect(addr).await.expect("connected");
            let clock = Clock::real();
            let tap = Tap::none(clock.clone());
            let waiter = clock.follow();
            let opened = Connection::open(stream, &waiter, clock, BMMINER, tap, "w".into());
            let mut opened = opened.await?;
            opened.wire.flush().await?;
            let early = opened.wire.early().count();
            Ok::<_, MinerError>((opened.extranonce1, opened.version_mask, early))
        });
        let (stream, _) = listener.accept().await.expect("a connection");
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let mut heard = Vec::new();
        for (wanted, reply) in [
            (1, "{\"id\":0,\"result\":[[],\"0a0b\",4],\"error\":null}\n"),
            (
                2,
                "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[8]}\n\
                 {\"id\":1,\"result\":true,\"error\":null}\n\
                 {\"id\":2,\"result\":true,\"error\":null}\n",
            ),
            (1, ""),
        ] {
            for _ in 0..wanted {
                heard.push(lines.next_line().await.expect("text").expect("a line"));
            }
            writer.write_all(reply.as_bytes()).await.expect("sent");
        }
        assert_eq!(
            heard,
            [
                r#"{"params": ["bmminer/2.0.0"], "id": 0, "method": "mining.subscribe"}"#,
                r#"{"params": [], "id": 1, "method": "mining.extranonce.subscribe"}"#,
                r#"{"params": ["w","x"], "id": 2, "method": "mining.authorize"}"#,
                r#"{"params": [], "id": 3, "method": "mining.multi_version"}"#,
            ]
        );
        let opened = unit.await.expect("no panic").expect("opened");
        assert_eq!(opened, (vec![0x0a, 0x0b], None, 1));
    }
}
