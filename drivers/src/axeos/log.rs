//! The unit's log, line by line, from its WebSocket at `/api/ws`.
//!
//! The firmware forwards its log only while somebody reads, to ten readers at most, and keeps no history.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Longest line that is kept; what is beyond is dropped. The longest honest one shows a `mining.notify`.
const LONGEST_LINE: usize = 16 * 1024;

/// Longest frame that is taken; a longer one ends the connection.
const LONGEST_FRAME: usize = 64 * 1024;

/// Wall time to connect and to shake hands.
const PATIENCE: Duration = Duration::from_secs(4);

/// Reads one unit's log.
#[derive(Debug)]
pub struct LogReader {
    addr: SocketAddr,
    socket: WebSocketStream<TcpStream>,
    /// Lines that came in one frame.
    ready: VecDeque<String>,
    /// The beginning of a line whose end has not come.
    partial: String,
}

/// The log cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log of {addr}: {reason}")]
pub struct LogError {
    pub(crate) addr: SocketAddr,
    /// What happened and what to do.
    pub(crate) reason: String,
}

impl LogReader {
    /// Begins to read the log of the unit at `addr`.
    ///
    /// # Errors
    /// If the unit cannot be reached or has no log, or no place for another reader.
    pub async fn connect(addr: SocketAddr) -> Result<LogReader, LogError> {
        let error = |reason| LogError { addr, reason };
        let connect = async {
            let stream = TcpStream::connect(addr)
                .await
                .map_err(|e| error(format!("no connection ({e}): check address and network")))?;
            let config = WebSocketConfig::default()
                .read_buffer_size(8 * 1024)
                .max_message_size(Some(LONGEST_FRAME))
                .max_frame_size(Some(LONGEST_FRAME));
            let url = format!("ws://{addr}/api/ws");
            let (socket, _) = client_async_with_config(url, stream, Some(config))
                .await
                .map_err(|e| error(format!("no log ({e}): too old, or read by too many")))?;
            Ok(socket)
        };
        let late = || error(format!("no log within {} s", PATIENCE.as_secs()));
        let socket = timeout(PATIENCE, connect).await.map_err(|_| late())??;
        Ok(LogReader {
            addr,
            socket,
            ready: VecDeque::new(),
            partial: String::new(),
        })
    }

    /// The next line that is not blank, without colours and line end; `None` once the unit has closed the
    /// log. Waits as long as the unit is silent. Cancel safe.
    ///
    /// The parameters of a `mining.authorize` are left out: they hold the pool's password.
    ///
    /// # Errors
    /// If the connection breaks or carries something else.
    pub async fn next(&mut self) -> Result<Option<String>, LogError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => self.take(&text),
                Some(Ok(Message::Binary(bytes))) => self.take(&String::from_utf8_lossy(&bytes)),
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(
                    tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed,
                )) => return Ok(None),
                Some(Err(error)) => {
                    return Err(LogError {
                        addr: self.addr,
                        reason: format!("the connection broke ({error}): connect again"),
                    });
                }
            }
        }
    }

    /// A frame is a line, or a piece of one or of several.
    fn take(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            let room = LONGEST_LINE.saturating_sub(self.partial.len());
            self.partial
                .extend(piece.char_indices().map_while(|(at, c)| {
                    let fits = at + c.len_utf8() <= room;
                    fits.then_some(c)
                }));
            if piece.ends_with('\n') {
                let line = plain(&self.partial);
                let line = line.trim();
                if !line.is_empty() {
                    self.ready.push_back(without_password(line));
                }
                self.partial.clear();
            }
        }
    }
}

/// `text` without the control sequences of a terminal, and without any other control character but the
/// tabulator.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\x1b' {
            let mut after = rest.clone();
            if after.next() == Some('[') {
                // Up to the letter that ends it; one without end is dropped with what follows.
                rest = after;
                let _ = rest.find(|c| ('@'..='~').contains(c));
            }
        } else if !c.is_control() || c == '\t' {
            plain.push(c);
        }
    }
    plain
}

fn without_password(line: &str) -> String {
    match line.find("mining.authorize") {
        None => line.to_owned(),
        Some(_) => {
            let head = line.find('{').map_or("", |at| &line[..at]);
            format!("{head}{{\"method\":\"mining.authorize\"}}")
        }
    }
}

/// What a line of the log is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A line from the pool, as received.
    Received(String),
    /// A line to the pool, as sent.
    Sent(String),
    /// A chip's answer.
    Nonce(Nonce),
}

/// A chip's answer, as logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nonce {
    /// Block version that was hashed; older firmware does not say.
    pub version: Option<u32>,
    /// The nonce; older firmware does not say.
    pub nonce: Option<u32>,
    /// Difficulty that its hash meets.
    pub difficulty: f64,
    /// Difficulty that the pool asks for.
    pub wanted: f64,
}

impl Event {
    /// Reads a line; `None` if it is about something else.
    pub fn parse(line: &str) -> Option<Event> {
        // `I (12345) tag: text`, where the level and time may be missing.
        if let Some((_, json)) = line.split_once(": rx: ") {
            return Some(Event::Received(json.trim().to_owned()));
        }
        if let Some((_, json)) = line.split_once(": tx: ") {
            return Some(Event::Sent(json.trim().to_owned()));
        }
        Nonce::parse(line).map(Event::Nonce)
    }
}

impl Nonce {
    /// `... Ver: 20006000 Nonce 1234ABCD diff 300.1 of 256.` or `Nonce difficulty 300.10 of 256.`
    fn parse(line: &str) -> Option<Nonce> {
        let (head, tail) = line
            .split_once(" diff ")
            .or_else(|| line.split_once("Nonce difficulty "))?;
        let (difficulty, wanted) = tail.split_once(" of ")?;
        let number = |text: &str| {
            let number: f64 = text.trim().trim_end_matches('.').parse().ok()?;
            (number.is_finite() && number >= 0.0).then_some(number)
        };
        let hex = |name: &str| {
            let (_, rest) = head.split_once(name)?;
            u32::from_str_radix(rest.split_whitespace().next()?, 16).ok()
        };
        Some(Nonce {
            version: hex("er: "),
            nonce: hex("Nonce "),
            difficulty: number(difficulty)?,
            wanted: number(wanted)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(
            Event::parse("I (12345) stratum_task: rx: {\"id\":1}"),
            Some(Event::Received("{\"id\":1}".to_owned()))
        );
        assert_eq!(
            Event::parse("I (12345) stratum_api: tx: {\"id\":2}"),
            Some(Event::Sent("{\"id\":2}".to_owned()))
        );
        let new = "I (9) asic_result: Ver: 20006000 Nonce 1234ABCD diff 300.1 of 256.";
        let newest =
            "I (9) asic_result: ID: 5, ASIC nr: 0, ver: 20006000 Nonce 1234ABCD diff 300.1 of 256.";
        let old = "I (9) asic_result: Nonce difficulty 300.10 of 256.";
        for (line, known) in [(new, true), (newest, true), (old, false)] {
            let nonce = Nonce {
                version: known.then_some(0x2000_6000),
                nonce: known.then_some(0x1234_abcd),
                difficulty: 300.1,
                wanted: 256.0,
            };
            assert_eq!(Event::parse(line), Some(Event::Nonce(nonce)), "{line}");
        }
        assert_eq!(Event::parse("I (9) wifi: state: run -> init (0)"), None);
        assert_eq!(Event::parse("I (9) x: diff nan of 256."), None);
    }

    #[test]
    fn colours_go_and_text_stays() {
        assert_eq!(plain("\x1b[0;32mI (1) a: b\x1b[0m\r"), "I (1) a: b");
        assert_eq!(plain("a\x1b[31"), "a");
        assert_eq!(plain("a\x1bb"), "ab");
    }

    #[test]
    fn a_password_is_never_shown() {
        let line = "I (1) stratum_api: tx: {\"id\":3,\"method\":\"mining.authorize\",\"params\":[\"w\",\"hunter2\"]}";
        let shown = without_password(line);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(matches!(Event::parse(&shown), Some(Event::Sent(_))));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in ".{0,80}( diff |: rx: |Nonce difficulty )?.{0,20}( of )?.{0,20}") {
            let _ = Event::parse(&plain(&line));
        }
    }
}
