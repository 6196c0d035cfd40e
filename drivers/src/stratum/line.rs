//! Lines over TCP, bounded both ways, with the arrival time of each.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::StreamExt;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::stamped::Stamped;
use crate::clock::{Clock, Nanos};

/// Longest line accepted from a peer. The longest honest one is a `mining.notify` with 32 branches
/// (some 3 kB); LV06 firmware gives up at 15.8 kB.
pub const MAX_LINE: usize = 16 * 1024;

/// Bytes that may wait for a peer that does not read. Some 400 replies.
const MAX_UNSENT: usize = 64 * 1024;

/// Wall time that a peer may leave its socket full.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A line and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text, without its line end.
    pub text: String,
    /// When the socket read that brought its last byte returned.
    pub arrived: Nanos,
}

/// What can go wrong with a peer's lines.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The peer closed the connection.
    #[error("it closed the connection: check its power and network, then start again")]
    Closed,
    /// The connection broke.
    #[error("the connection broke ({0}): check its power and network, then start again")]
    Io(#[from] io::Error),
    /// A line without end.
    #[error("it sent a line of more than {MAX_LINE} bytes, which no miner does")]
    TooLong,
    /// Bytes that are no text.
    #[error("it sent bytes that are not UTF-8 text, which no miner does")]
    NotText,
    /// It does not read what it is sent.
    #[error("it has not read what it was sent for {} s", WRITE_TIMEOUT.as_secs())]
    SlowReader,
}

/// A way to cut a connection without whoever holds it.
#[derive(Debug)]
pub struct Plug(socket2::Socket);

impl Plug {
    /// Cuts the connection, both ways and at once.
    pub fn pull(&self) {
        // An error means that it is cut already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Both directions of a connection. [`next`](LineStream::next) and [`flush`](LineStream::flush) may be
/// dropped at any await point without losing or repeating a byte.
#[derive(Debug)]
pub struct LineStream {
    reader: FramedRead<Stamped<OwnedReadHalf>, LinesCodec>,
    writer: OwnedWriteHalf,
    unsent: BytesMut,
    unsent_since: Option<Instant>,
    clock: Clock,
}

impl LineStream {
    /// Takes over a connection; its reads are stamped by `clock`.
    pub fn new(stream: TcpStream, clock: Clock) -> LineStream {
        // A job must leave at once, not when the previous reply has been acknowledged by the peer. An
        // error means that the connection is already gone, which the next read says better.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        LineStream {
            reader: FramedRead::new(
                Stamped::new(reader, clock.clone()),
                LinesCodec::new_with_max_length(MAX_LINE),
            ),
            writer,
            unsent: BytesMut::new(),
            unsent_since: None,
            clock,
        }
    }

    /// The next line that is not blank. Asking for it says that the lines before have been dealt with.
    ///
    /// # Errors
    /// [`LineError`], after which the stream is of no more use.
    pub async fn next(&mut self) -> Result<Line, LineError> {
        self.reader.get_mut().settle();
        loop {
            match self.reader.next().await {
                Some(Ok(text)) if text.trim().is_empty() => {}
                Some(Ok(text)) => {
                    let arrived = self.reader.get_ref().last();
                    return Ok(Line { text, arrived });
                }
                Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                    return Err(LineError::TooLong);
                }
                Some(Err(LinesCodecError::Io(error)))
                    if error.kind() == io::ErrorKind::InvalidData =>
                {
                    return Err(LineError::NotText);
                }
                Some(Err(LinesCodecError::Io(error))) => return Err(error.into()),
                None => return Err(LineError::Closed),
            }
        }
    }

    /// Closes the connection, and waits until the peer has closed its end too; what it still sends is lost.
    /// Not for longer than `patience` of wall time.
    pub async fn close(&mut self, patience: Duration) {
        let closed = async {
            // An error means that it is closed already.
            let _ = self.writer.shutdown().await;
            while self.next().await.is_ok() {}
        };
        let _ = timeout(patience, closed).await;
    }

    /// A plug of this connection.
    ///
    /// # Errors
    /// If the process has no file descriptor left for it.
    pub fn plug(&self) -> io::Result<Plug> {
        let socket: &TcpStream = self.writer.as_ref();
        Ok(Plug(SockRef::from(socket).try_clone()?))
    }

    /// Appends `line`, which ends in a newline, to what [`flush`](LineStream::flush) will send.
    pub fn push(&mut self, line: &str) {
        self.clock.send(line.len());
        self.unsent.extend_from_slice(line.as_bytes());
    }

    /// Sends what has been pushed.
    ///
    /// # Errors
    /// If the connection is gone or its peer does not read.
    pub async fn flush(&mut self) -> Result<(), LineError> {
        if self.unsent.len() > MAX_UNSENT {
            return Err(LineError::SlowReader);
        }
        while !self.unsent.is_empty() {
            let since = *self.unsent_since.get_or_insert_with(Instant::now);
            let write = self.writer.write_buf(&mut self.unsent);
            match timeout_at(since + WRITE_TIMEOUT, write).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(LineError::SlowReader),
            }
        }
        self.unsent_since = None;
        Ok(())
    }
}
