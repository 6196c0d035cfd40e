//! One connection of a simulated unit to its pool: how its firmware opens it, and what it remembers.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;

use super::command::{Spoken, Tap};
use super::find::Find;
use super::firmware::{Firmware, Opening};
use thermine_stratum::line::{LineError, LineStream, Peer};
use thermine_stratum::notice::{Notice, Refusal};
use thermine_stratum::request::{Call, Request, Submit};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::work::BIP320_MASK;
use thermine_units::pow::{Difficulty, Work};

/// Jobs that a unit remembers, so that work in its pipeline can still be answered.
pub(super) const REMEMBERED_JOBS: usize = 32;

/// Shares that may be sent again.
pub(super) const REMEMBERED_SUBMITS: usize = 8;

/// Wall time that a pool is given to reply while connecting: bmminer waits 60 s.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The state of one connection.
pub(super) struct Connection {
    pub(super) lines: LineStream,
    pub(super) firmware: Firmware,
    pub(super) tap: Tap,
    pub(super) extranonce1: Vec<u8>,
    pub(super) extranonce2_len: usize,
    /// Version bits that the unit rolls; `None` if its firmware does not roll.
    pub(super) version_mask: Option<u32>,
    pub(super) difficulty: Difficulty,
    pub(super) jobs: VecDeque<Received>,
    pub(super) next_id: u64,
    /// Ids and difficulties of submitted shares that have no reply yet.
    pub(super) pending: VecDeque<(u64, f64)>,
    /// Newest shares, and what was sent for them: one of them may be sent again.
    pub(super) submits: VecDeque<(Find, Submit)>,
    /// What the pool announced before it had answered.
    pub(super) early: VecDeque<Notice>,
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
        clock: Clock,
        firmware: Firmware,
        tap: Tap,
        user: String,
    ) -> Result<Connection, MinerError> {
        let mut connection = Connection {
            lines: LineStream::with(stream, Peer::Pool, clock),
            firmware,
            tap,
            extranonce1: Vec::new(),
            extranonce2_len: 0,
            version_mask: None,
            difficulty: Difficulty::ONE,
            jobs: VecDeque::with_capacity(REMEMBERED_JOBS),
            next_id: firmware.first_id,
            pending: VecDeque::new(),
            submits: VecDeque::new(),
            early: VecDeque::new(),
        };
        let agent = Some(firmware.agent.to_string());
        let subscribe = connection.call(Call::Subscribe {
            agent,
            session: None,
        });
        match firmware.opening {
            Opening::Bmminer => {
                let subscribed = connection.reply(subscribe).await?;
                connection.subscribed(&subscribed)?;
                connection.call(Call::ExtranonceSubscribe);
                let authorize = connection.call(Call::Authorize { user });
                if connection.reply(authorize).await? != true {
                    return Err(MinerError::Unauthorised);
                }
                connection.call(Call::Other("mining.multi_version".into()));
            }
            Opening::EspMiner => {
                let version_rolling = Some(u32::MAX);
                let configure = connection.call(Call::Configure {
                    version_rolling,
                    others: Vec::new(),
                });
                connection.call(Call::SuggestDifficulty(firmware.suggests));
                let authorize = connection.call(Call::Authorize { user });
                let subscribed = connection.reply(subscribe).await?;
                connection.subscribed(&subscribed)?;
                // A refusal only means that there is nothing to roll.
                let granted = match connection.reply(configure).await {
                    Err(MinerError::Refused(_)) => serde_json::Value::Null,
                    reply => reply?,
                };
                let mask = granted["version-rolling.mask"]
                    .as_str()
                    .and_then(|text| u32::from_str_radix(text, 16).ok());
                connection.version_mask = Some(mask.unwrap_or(0) & BIP320_MASK);
                if connection.reply(authorize).await? != true {
                    return Err(MinerError::Unauthorised);
                }
            }
        }
        Ok(connection)
    }

    /// Takes what the pool gives in its reply to `mining.subscribe`.
    fn subscribed(&mut self, reply: &serde_json::Value) -> Result<(), MinerError> {
        let (least, most) = self.firmware.extranonce2;
        self.extranonce1 = reply[1]
            .as_str()
            .and_then(|text| hex::decode(text).ok())
            .ok_or(MinerError::NotAPool)?;
        self.extranonce2_len = reply[2]
            .as_u64()
            .and_then(|len| usize::try_from(len).ok())
            .filter(|len| (least..=most).contains(len))
            .ok_or(MinerError::NotAPool)?;
        Ok(())
    }

    /// Queues a request and returns its id.
    pub(super) fn call(&mut self, call: Call) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request {
            id: json!(id),
            call,
        };
        let line = match self.firmware.opening {
            Opening::Bmminer => request.to_line("x"),
            Opening::EspMiner => request.to_line_id_first("x"),
        };
        self.lines.push(&line);
        self.tap.tell(|| Spoken::Said(line.trim_end().to_string()));
        id
    }

    /// Waits for the reply to request `id`; what the pool announces meanwhile is kept for later.
    async fn reply(&mut self, id: u64) -> Result<serde_json::Value, MinerError> {
        self.lines.flush().await?;
        let reply = async {
            loop {
                let line = self.lines.next().await?;
                let notice = Notice::parse(&line.text);
                self.tap.tell(|| Spoken::Heard(line.text));
                match notice {
                    Ok(Notice::Reply { id: of, outcome }) if of == id => {
                        return outcome.map_err(MinerError::Refused);
                    }
                    Ok(Notice::Reply { .. }) | Err(_) => {}
                    Ok(notice) if self.early.len() < REMEMBERED_JOBS => {
                        self.early.push_back(notice);
                    }
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(REPLY_TIMEOUT, reply)
            .await
            .unwrap_or(Err(MinerError::NoReply))
    }
}

/// Why a simulated unit lost its pool.
#[derive(Debug, thiserror::Error)]
pub(super) enum MinerError {
    #[error("the pool is gone: {0}")]
    Line(#[from] LineError),
    #[error("the pool refused: {0:?}")]
    Refused(Refusal),
    #[error("the pool did not reply within {} s", REPLY_TIMEOUT.as_secs())]
    NoReply,
    #[error("the reply to mining.subscribe is not a pool's")]
    NotAPool,
    #[error("the pool did not authorise the worker")]
    Unauthorised,
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
            let mut opened = Connection::open(stream, clock, BMMINER, tap, "w".into()).await?;
            opened.lines.flush().await?;
            Ok::<_, MinerError>((opened.extranonce1, opened.version_mask, opened.early.len()))
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
