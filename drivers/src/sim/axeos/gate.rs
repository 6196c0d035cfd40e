//! The page's listener: a bounded number of connections, none that stays silent, and none while the unit
//! is off.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep};

use super::state::State;

/// Connections at once; more wait in the listener's backlog.
const CLIENTS: usize = 32;

/// Wall time for a client to send its first request whole. Assumed: the default of such servers.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener that drops the connections which come while its unit is off.
pub(super) struct Gate {
    listener: TcpListener,
    state: Arc<watch::Sender<State>>,
    places: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new(listener: TcpListener, state: Arc<watch::Sender<State>>) -> Gate {
        Gate {
            listener,
            state,
            places: Arc::new(Semaphore::new(CLIENTS)),
        }
    }
}

impl Listener for Gate {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let place = self.places.clone().acquire_owned().await.ok();
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if self.state.borrow().readings.on {
                let connection = Connection {
                    stream,
                    silence: Some(Box::pin(sleep(PATIENCE))),
                    _place: place,
                };
                return (connection, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that holds its place among the others.
pub(super) struct Connection {
    stream: TcpStream,
    /// When it is given up, until it has been answered for the first time.
    silence: Option<Pin<Box<Sleep>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Also while bytes come: one at a time they would hold the place for ever.
        if let Some(silence) = &mut self.silence
            && silence.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.silence = None;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
