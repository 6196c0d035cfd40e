//! A reader that remembers when its last bytes came in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::clock::{Clock, Nanos};

/// Stamps each successful read at the moment the socket handed the bytes over, before anything is
/// parsed: this is the arrival time of a share. Asking for more says that what was read before has been
/// dealt with, even if it was noise that no frame came of.
#[derive(Debug)]
pub struct Stamped<R> {
    inner: R,
    clock: Clock,
    last: Nanos,
    unsettled: usize,
}

impl<R> Stamped<R> {
    /// Stamps what is read from `inner` with the time of `clock`.
    pub fn new(inner: R, clock: Clock) -> Stamped<R> {
        let last = clock.now();
        Stamped {
            inner,
            clock,
            last,
            unsettled: 0,
        }
    }

    /// What is read from.
    pub fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// When the last bytes came in.
    pub fn last(&self) -> Nanos {
        self.last
    }

    /// Tells the clock that everything read so far has been dealt with.
    pub fn settle(&mut self) {
        self.clock.settle(std::mem::take(&mut self.unsettled));
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Stamped<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Who asks for more bytes has dealt with all that came before, but for the beginning of what he asks
        // the rest of.
        self.settle();
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.last = self.clock.now();
        self.unsettled += buf.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}
