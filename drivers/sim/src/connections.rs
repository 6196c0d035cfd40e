//! The listener of a simulated unit's page: a bounded number of connections, none of which stays silent; and how a page
//! is served on it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// Connections served at once; more wait in the listener's backlog.
const CONNECTIONS: usize = 32;

/// Wall time for a client to send its first request whole. Assumed: the default of such servers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Wall time that connections have to end at shutdown.
const GRACE: Duration = Duration::from_secs(1);

/// Serves `page` on `listener` until `shutdown`; the connections that then remain have a second to end.
pub(crate) async fn serve<L>(listener: L, page: axum::Router, shutdown: CancellationToken)
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let served =
        axum::serve(listener, page).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let late = async {
        shutdown.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::warn!(%error, "the page of a simulated unit cannot be served");
        },
        () = late => tracing::debug!("a page left a connection behind"),
    }
}

pub(crate) struct Connections {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

/// One connection, with its place.
pub(crate) struct Connection {
    stream: TcpStream,
    /// When it is given up, until it has been answered for the first time.
    silence: Option<Pin<Box<Sleep>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub(crate) fn of(listener: TcpListener) -> Connections {
        Connections {
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

impl axum::serve::Listener for Connections {
    type Io = Connection;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Connection, Self::Addr) {
        // Never closed, so there is always a place in the end.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, addr) = axum::serve::Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            silence: Some(Box::pin(sleep(PATIENCE))),
            _place: place,
        };
        (connection, addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.silence = None;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
