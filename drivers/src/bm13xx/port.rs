//! Frames over an open port, stamped as they arrive: a serial port, or either end of a pseudo-terminal.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_stream::StreamExt;
use tokio_util::codec::{Decoder, Encoder, FramedRead};

use thermine_units::clock::{Clock, Nanos};
use thermine_units::stamped::Stamped;

/// Bytes that may wait for a port that does not take them.
const MAX_UNSENT: usize = 64 * 1024;

/// Wall time that a port may refuse to take more bytes. At 115,740 baud, the slowest rate here, the
/// longest frame takes 13 ms.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// What can go wrong with a port.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The other end is gone.
    #[error("the port has gone: check the cable and the adapter, then start again")]
    Closed,
    /// Reading or writing failed.
    #[error("the port failed ({0}): check the cable and the adapter, then start again")]
    Io(#[from] io::Error),
    /// It takes no more bytes.
    #[error("the port has taken no bytes for {} s: is flow control switched on?", WRITE_TIMEOUT.as_secs())]
    Stuck,
}

/// Both directions of a port. [`next`](Port::next) and [`flush`](Port::flush) may be dropped at any await
/// point without losing or repeating a byte.
#[derive(Debug)]
pub struct Port<T, C> {
    frames: FramedRead<Stamped<T>, C>,
    unsent: BytesMut,
    unsent_since: Option<Instant>,
    clock: Clock,
}

impl<T, C> Port<T, C>
where
    T: AsyncRead + AsyncWrite + Unpin,
    C: Decoder<Error = io::Error>,
{
    /// Takes over an open port; its reads are stamped by `clock`.
    pub fn new(port: T, codec: C, clock: Clock) -> Port<T, C> {
        Port {
            frames: FramedRead::new(Stamped::new(port, clock.clone()), codec),
            unsent: BytesMut::new(),
            unsent_since: None,
            clock,
        }
    }

    /// The port itself, for its settings.
    pub fn get_mut(&mut self) -> &mut T {
        self.frames.get_mut().inner_mut()
    }

    /// What turns its bytes into frames.
    pub fn codec(&self) -> &C {
        self.frames.decoder()
    }

    /// The codec, to be told what the other end has been told.
    pub fn codec_mut(&mut self) -> &mut C {
        self.frames.decoder_mut()
    }

    /// The next frame, and when the read that brought its last byte returned. Asking for it says that the
    /// frames before have been dealt with. What belongs to no sound frame is passed over.
    ///
    /// # Errors
    /// [`PortError`], after which the port is of no more use.
    pub async fn next(&mut self) -> Result<(C::Item, Nanos), PortError> {
        match self.frames.next().await {
            Some(Ok(frame)) => Ok((frame, self.frames.get_ref().last())),
            Some(Err(error)) => Err(error.into()),
            None => Err(PortError::Closed),
        }
    }

    /// Appends a frame to what [`flush`](Port::flush) will send.
    ///
    /// # Errors
    /// If the codec refuses it.
    pub fn push<F>(&mut self, frame: F) -> io::Result<()>
    where
        C: Encoder<F, Error = io::Error>,
    {
        let before = self.unsent.len();
        self.frames.decoder_mut().encode(frame, &mut self.unsent)?;
        self.clock.send(self.unsent.len() - before);
        Ok(())
    }

    /// Sends what has been pushed.
    ///
    /// # Errors
    /// If the port is gone or takes nothing.
    pub async fn flush(&mut self) -> Result<(), PortError> {
        if self.unsent.len() > MAX_UNSENT {
            return Err(PortError::Stuck);
        }
        while !self.unsent.is_empty() {
            let since = *self.unsent_since.get_or_insert_with(Instant::now);
            let write = self
                .frames
                .get_mut()
                .inner_mut()
                .write_buf(&mut self.unsent);
            match timeout_at(since + WRITE_TIMEOUT, write).await {
                Ok(Ok(0)) => return Err(PortError::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(PortError::Stuck),
            }
        }
        self.unsent_since = None;
        Ok(())
    }

    /// Gives up what has been pushed and not sent. Returns the number of bytes.
    pub fn discard_unsent(&mut self) -> usize {
        let bytes = self.unsent.len();
        self.unsent.clear();
        self.unsent_since = None;
        self.clock.settle(bytes);
        bytes
    }
}
