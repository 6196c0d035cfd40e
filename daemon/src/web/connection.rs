//! A client's connection, which ends when the client is too slow, sends too much before it is answered, or has lost its
//! place. `axum::serve` has no limits of these kinds.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::places::Place;

/// Time for the head of a request to be whole, from the opening of the connection or the end of the last answer.
const HEAD: Duration = Duration::from_secs(10);
/// What a client may send from there until it is answered, in bytes: a head, and the begin of a body.
const HEAD_BYTES: usize = 48 * 1024;
/// How long the client may take nothing while there is something for it.
const WRITE: Duration = Duration::from_secs(30);

/// The connection.
pub(super) struct Connection {
    stream: TcpStream,
    place: Arc<Place>,
    /// The place has been given to another client.
    displaced: Pin<Box<WaitForCancellationFutureOwned>>,
    /// When the next head must be whole.
    head: Pin<Box<Sleep>>,
    /// Bytes read since the last answer.
    head_bytes: usize,
    /// When a write that waits is given up.
    write: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, place: Arc<Place>) -> Connection {
        Connection {
            stream,
            displaced: Box::pin(place.left.clone().cancelled_owned()),
            place,
            head: Box::pin(sleep(HEAD)),
            head_bytes: 0,
            write: None,
        }
    }

    pub(super) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Whether the client is to send the head of a request now.
    fn reads_head(&self) -> bool {
        self.write.is_none() && !self.place.is_served()
    }

    fn check_place(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.displaced.as_mut().poll(cx) {
            Poll::Ready(()) => Err(ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// Judges what a write has come to.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.check_place(cx)?;
        if written.is_ready() {
            self.write = None;
            self.head_bytes = 0;
            self.head.as_mut().reset(Instant::now() + HEAD);
            // Registers the time-out: the server may not read again before the client sends something.
            let _ = self.head.as_mut().poll(cx);
            return written;
        }
        let write = self.write.get_or_insert_with(|| Box::pin(sleep(WRITE)));
        write
            .as_mut()
            .poll(cx)
            .map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_place(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.reads_head() {
            self.head_bytes += buf.filled().len() - before;
            if self.head_bytes > HEAD_BYTES {
                // A reader that fails has read nothing.
                buf.set_filled(before);
                return Poll::Ready(Err(ErrorKind::InvalidData.into()));
            }
            if read.is_pending() && self.head.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::places::Places;
    use super::*;

    /// A client that has sent `bytes` and closed its half, and the server's end.
    async fn sent(bytes: usize) -> (TcpStream, Connection) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut client = TcpStream::connect(address).await.expect("connected");
        let (stream, peer) = listener.accept().await.expect("accepted");
        let place = Places::default().enter(peer.ip()).expect("free");
        client.write_all(&vec![b'a'; bytes]).await.expect("sent");
        client.shutdown().await.expect("closed");
        (client, Connection::new(stream, place))
    }

    #[tokio::test]
    async fn a_head_without_end_is_not_read_and_a_request_that_is_served_is() {
        let mut read = Vec::new();
        let (_client, mut connection) = sent(HEAD_BYTES + 1).await;
        let error = connection.read_to_end(&mut read).await;
        assert_eq!(error.expect_err("too long").kind(), ErrorKind::InvalidData);
        let (_client, mut connection) = sent(HEAD_BYTES + 1).await;
        let place = connection.place().clone();
        let _served = place.serve();
        read.clear();
        let read = connection.read_to_end(&mut read).await.expect("read");
        assert_eq!(read, HEAD_BYTES + 1);
    }

    #[tokio::test]
    async fn a_connection_without_a_place_is_neither_read_nor_written() {
        let (_client, mut connection) = sent(1).await;
        connection.place().left.cancel();
        let read = connection.read(&mut [0; 8]).await;
        assert_eq!(
            read.expect_err("closed").kind(),
            ErrorKind::ConnectionAborted
        );
        assert!(connection.write(b"a").await.is_err());
    }
}
