//! Lines over TCP, bounded both ways, with the arrival time of each.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::StreamExt;
use tokio_util::codec::{Decoder, FramedRead};

use thermine_units::clock::{Clock, Nanos};
use thermine_units::stamped::Stamped;

/// Longest line accepted from a unit. The longest honest one has some 300 bytes.
pub(crate) const MAX_LINE: usize = 16 * 1024;

/// Longest line accepted from a pool. Pools that pay their miners in the coinbase send jobs of 24 kB and more;
/// a coinbase of a whole block's legacy size takes 2 MB of hex, which no pool sends.
pub const MAX_POOL_LINE: usize = 1024 * 1024;

/// Bytes that a connection's read buffer begins with; it grows to a line's length. A miner's lines are some
/// 200 bytes, and ten thousand connections have ten thousand buffers.
const READ_BUFFER: usize = 1024;

/// Bytes that may wait for a peer that does not read: some 400 replies, and the largest job.
const MAX_UNSENT: usize = 64 * 1024 + MAX_POOL_LINE;

/// Wall time that a peer may leave its socket full.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wall time without a byte after which a connection that is given up has none left.
const QUIET: Duration = Duration::from_millis(10);

/// A line and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text, without its line end.
    pub text: String,
    /// When the socket read that brought its last byte returned.
    pub arrived: Nanos,
}

/// Who sends the lines. It decides how long a line may be and what its bytes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A unit: lines of up to `MAX_LINE` bytes of UTF-8.
    Unit,
    /// A pool: lines of up to [`MAX_POOL_LINE`] bytes. Bytes that are not UTF-8 become U+FFFD: a message in
    /// another encoding must not cost the connection.
    Pool,
}

impl Peer {
    fn longest_line(self) -> usize {
        match self {
            Peer::Unit => MAX_LINE,
            Peer::Pool => MAX_POOL_LINE,
        }
    }
}

/// What can go wrong with a peer's lines. The code that reports it names the peer and says what to check.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The peer closed the connection.
    #[error("it closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke ({0})")]
    Io(#[from] io::Error),
    /// A line without end.
    #[error("it sent a line of more than {0} bytes")]
    TooLong(usize),
    /// Bytes that are not text.
    #[error("it sent bytes that are not UTF-8 text")]
    NotText,
    /// It does not read what it is sent.
    #[error("it has not read what it was sent for {} s", WRITE_TIMEOUT.as_secs())]
    SlowReader,
}

/// Takes lines out of a stream of bytes, without their line ends.
#[derive(Debug)]
struct LineCodec {
    peer: Peer,
    /// Bytes at the head of the buffer that are known to hold no newline.
    searched: usize,
}

impl LineCodec {
    fn text(&self, mut line: &[u8]) -> Result<String, LineError> {
        if let Some((b'\r', head)) = line.split_last() {
            line = head;
        }
        match self.peer {
            Peer::Unit => match std::str::from_utf8(line) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Err(LineError::NotText),
            },
            Peer::Pool => Ok(String::from_utf8_lossy(line).into_owned()),
        }
    }
}

impl Decoder for LineCodec {
    type Item = String;
    type Error = LineError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, LineError> {
        let longest = self.peer.longest_line();
        let end = bytes[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|found| self.searched + found);
        if end.unwrap_or(bytes.len()) > longest {
            return Err(LineError::TooLong(longest));
        }
        let Some(end) = end else {
            self.searched = bytes.len();
            return Ok(None);
        };
        self.searched = 0;
        let line = bytes.split_to(end + 1);
        self.text(&line[..end]).map(Some)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, LineError> {
        if let Some(line) = self.decode(bytes)? {
            return Ok(Some(line));
        }
        self.searched = 0;
        if bytes.is_empty() {
            return Ok(None);
        }
        let line = bytes.split();
        self.text(&line).map(Some)
    }
}

/// Cuts a connection that another task holds.
#[derive(Debug)]
pub struct ConnectionKiller(socket2::Socket);

impl ConnectionKiller {
    /// Cuts the connection, both ways and at once.
    pub fn kill(&self) {
        // An error means that it is cut already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Both directions of a connection. [`next`](LineStream::next) and [`flush`](LineStream::flush) may be
/// dropped at any await point without losing or repeating a byte. What carries them is TCP unless said otherwise.
#[derive(Debug)]
pub struct LineStream<R = OwnedReadHalf, W = OwnedWriteHalf> {
    reader: FramedRead<Stamped<R>, LineCodec>,
    writer: W,
    unsent: BytesMut,
    unsent_since: Option<Instant>,
    clock: Clock,
}

impl LineStream {
    /// Takes over a connection of a unit; its reads are stamped by `clock`.
    pub fn new(stream: TcpStream, clock: Clock) -> LineStream {
        LineStream::with(stream, Peer::Unit, clock)
    }

    /// Takes over a connection of `peer`; its reads are stamped by `clock`.
    pub fn with(stream: TcpStream, peer: Peer, clock: Clock) -> LineStream {
        // A job must leave at once, not when the previous reply has been acknowledged by the peer. An
        // error means that the connection is already gone, which the next read says better.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        LineStream::over(reader, writer, peer, clock)
    }

    /// A way for another task to cut this connection.
    ///
    /// # Errors
    /// If the process has no file descriptor left for it.
    pub(crate) fn killer(&self) -> io::Result<ConnectionKiller> {
        let socket: &TcpStream = self.writer.as_ref();
        Ok(ConnectionKiller(SockRef::from(socket).try_clone()?))
    }

    /// Whether the peer has hung up and nothing that it has sent is left to be read. Does not wait.
    pub(crate) fn is_over(&self) -> bool {
        if !self.reader.read_buffer().is_empty() {
            return false;
        }
        let socket: &TcpStream = self.writer.as_ref();
        match SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ),
        }
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> LineStream<R, W> {
    /// Lines over `reader` and `writer`, two directions of one connection to `peer`; reads are stamped by `clock`.
    pub fn over(reader: R, writer: W, peer: Peer, clock: Clock) -> LineStream<R, W> {
        let codec = LineCodec { peer, searched: 0 };
        LineStream {
            reader: FramedRead::with_capacity(
                Stamped::new(reader, clock.clone()),
                codec,
                READ_BUFFER,
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
        loop {
            match self.reader.next().await {
                // Some peers put a NUL after each line, which is then at the head of the next.
                Some(Ok(text)) if blank(&text) => {}
                Some(Ok(text)) => {
                    let arrived = self.reader.get_ref().last();
                    let text = match text.trim_matches('\0') {
                        bare if bare.len() < text.len() => bare.to_owned(),
                        _ => text,
                    };
                    return Ok(Line { text, arrived });
                }
                Some(Err(error)) => return Err(error),
                None => return Err(LineError::Closed),
            }
        }
    }

    /// Closes the connection, and waits until the peer has closed its end too; what it still sends is lost.
    /// Not for longer than `patience` of wall time.
    pub(crate) async fn close(&mut self, patience: Duration) {
        let closed = async {
            // An error means that it is closed already.
            let _ = self.writer.shutdown().await;
            while self.next().await.is_ok() {}
        };
        let _ = timeout(patience, closed).await;
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
        // Much at once is no fault of the peer's, as when a slow disk lets many shares become durable together.
        if self.unsent_since.is_some() && self.unsent.len() > MAX_UNSENT {
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

    /// Gives the connection up, and tells the clock of whatever was still on its way here: virtual time
    /// would wait for it for ever.
    pub async fn abandon(mut self) {
        self.clock.settle(self.unsent.len());
        let reader = self.reader.get_mut();
        let mut chunk = [0; 4096];
        // On loopback what was sent is there at once; an end or an error leaves nothing to wait for.
        while let Ok(Ok(1..)) = timeout(QUIET, reader.read(&mut chunk)).await {}
        reader.settle();
    }
}

fn blank(text: &str) -> bool {
    text.chars().all(|c| c == '\0' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Both ends of a connection.
    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (near.expect("connected"), far.expect("accepted").0)
    }

    #[tokio::test]
    async fn virtual_time_waits_for_each_of_several_lines_read_at_once() {
        let clock = Clock::virtual_time();
        let waiter = clock.drive();
        let (near, far) = connection().await;
        let mut sender = LineStream::new(near, clock.clone());
        let mut receiver = LineStream::new(far, clock.clone());
        sender.push("one\n");
        sender.push("two\n");
        sender.flush().await.expect("sent");
        let soon = Duration::from_millis(20);
        for text in ["one", "two"] {
            assert_eq!(receiver.next().await.expect("a line").text, text);
            let passed = timeout(soon, waiter.wait_until(Nanos(5))).await;
            assert!(passed.is_err(), "{text} has not been dealt with");
        }
        assert!(timeout(soon, receiver.next()).await.is_err(), "no more");
        waiter.wait_until(Nanos(5)).await;
        assert_eq!(clock.now(), Nanos(5));
    }

    #[tokio::test]
    async fn a_connection_given_up_leaves_nothing_under_way() {
        let clock = Clock::virtual_time();
        let waiter = clock.drive();
        let (near, far) = connection().await;
        let mut sender = LineStream::new(near, clock.clone());
        let mut receiver = LineStream::new(far, clock.clone());
        receiver.push("never sent\n");
        for line in ["one\n", "two\n", "three\n"] {
            sender.push(line);
        }
        sender.flush().await.expect("sent");
        receiver.next().await.expect("a line");
        receiver.abandon().await;
        let passed = timeout(Duration::from_secs(5), waiter.wait_until(Nanos(5))).await;
        passed.expect("nothing is under way");
    }

    /// Lines of a peer that sends exactly `bytes` and closes.
    async fn heard(peer: Peer, bytes: Vec<u8>) -> (Vec<String>, LineError) {
        let (near, mut far) = connection().await;
        let send = async move {
            // An error means that it was not read to its end.
            let _ = far.write_all(&bytes).await;
        };
        let read = async {
            let mut lines = LineStream::with(near, peer, Clock::real());
            let mut heard = Vec::new();
            loop {
                match lines.next().await {
                    Ok(line) => heard.push(line.text),
                    Err(error) => return (heard, error),
                }
            }
        };
        tokio::join!(send, read).1
    }

    #[tokio::test]
    async fn a_pool_may_send_longer_lines_than_a_unit() {
        let line = |len: usize| [vec![b'x'; len], b"\nnext\n".to_vec()].concat();
        for (peer, longest) in [(Peer::Unit, MAX_LINE), (Peer::Pool, MAX_POOL_LINE)] {
            let (lines, end) = heard(peer, line(longest)).await;
            assert_eq!(
                lines.iter().map(String::len).collect::<Vec<_>>(),
                [longest, 4]
            );
            assert!(matches!(end, LineError::Closed), "{end}");
            let (lines, end) = heard(peer, line(longest + 1)).await;
            assert!(lines.is_empty());
            assert!(end.to_string().contains(&longest.to_string()), "{end}");
        }
    }

    #[tokio::test]
    async fn a_pools_message_in_another_encoding_is_read_and_a_units_is_not() {
        let bytes = b"one\r\n\0\0two\n \0\nGr\xfc\xdfe\nlast".to_vec();
        let (lines, _) = heard(Peer::Pool, bytes.clone()).await;
        assert_eq!(lines, ["one", "two", "Gr\u{fffd}\u{fffd}e", "last"]);
        let (lines, end) = heard(Peer::Unit, bytes).await;
        assert_eq!(lines, ["one", "two"]);
        assert!(matches!(end, LineError::NotText), "{end}");
    }

    /// As when a slow disk lets thousands of shares become durable together.
    #[tokio::test]
    async fn much_at_once_is_sent_to_who_reads() {
        let (near, mut far) = connection().await;
        let mut lines = LineStream::new(near, Clock::real());
        let line = format!("{}\n", "x".repeat(99));
        let count = 4 * MAX_UNSENT / line.len();
        for _ in 0..count {
            lines.push(&line);
        }
        let mut read = vec![0; count * line.len()];
        let (sent, read) = tokio::join!(lines.flush(), far.read_exact(&mut read));
        sent.expect("sent");
        assert_eq!(read.expect("read"), count * line.len());
    }
}
