//! The API on TCP: one request, one reply, close.
//!
//! Two things differ from a real unit, on purpose: several clients are served at once, and one that connects
//! and says nothing is dropped. cgminer's only API thread would wait for it for ever.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::request::answer;
use super::speaker::Speaker;

/// Longest request that cgminer reads; what is beyond is never looked at.
const REQUEST_BYTES: usize = 8191;

/// For a client to send its request, and again to take the reply.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clients served at once; more wait in the listener's backlog.
const CLIENTS: usize = 16;

/// After a failed accept, which is for want of file descriptors more often than not.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the API on `listener` until `shutdown`, each reply from the state at that moment.
pub async fn run<State: Speaker + Send + Sync + 'static>(
    listener: TcpListener,
    state: watch::Receiver<State>,
    shutdown: CancellationToken,
) {
    let clients = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let (stream, permit) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cgminer API cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let state = state.clone();
        let shutdown = shutdown.clone();
        clients.spawn(async move {
            let _permit = permit;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                served = serve(stream, &state) => {
                    if let Err(error) = served {
                        debug!(%error, "cgminer API lost a client");
                    }
                }
            }
        });
    }
    clients.close();
    clients.wait().await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// One request, one reply, close.
async fn serve<State: Speaker>(
    mut stream: TcpStream,
    state: &watch::Receiver<State>,
) -> io::Result<()> {
    let mut request = vec![0; REQUEST_BYTES];
    // cgminer acts on the first read, whole request or not.
    let read = timeout(PATIENCE, stream.read(&mut request)).await??;
    if read == 0 {
        return Ok(());
    }
    let mut reply = answer(&*state.borrow(), &request[..read]).into_bytes();
    reply.push(0);
    timeout(PATIENCE, async {
        stream.write_all(&reply).await?;
        stream.shutdown().await
    })
    .await?
}
