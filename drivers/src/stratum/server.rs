//! The listener that units connect to.
//!
//! [`Server::serve`] runs the accept loop; [`Server::expect`] names a worker and waits for its session.
//! A peer that is not expected, too slow or not a miner is turned away with one logged reason and
//! disturbs nobody.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::session::{Session, Settings};
use crate::clock::Clock;

/// Name under which any worker is welcome.
pub const ANY_WORKER: &str = "*";

/// Connections that may be in their handshake at once. Each costs a task and a bounded buffer; a rack
/// that loses power comes back with all its units in the same second.
const MAX_HANDSHAKES: usize = 1024;

/// A Stratum server; clones share the same workers.
#[derive(Debug, Clone)]
pub struct Server {
    settings: Settings,
    clock: Clock,
    expected: Arc<Mutex<HashMap<String, mpsc::Sender<Session>>>>,
    extranonce1: Arc<AtomicU32>,
    turned_away: Arc<AtomicU64>,
}

/// A worker that is expected, until this is dropped.
#[derive(Debug)]
pub struct Expected {
    server: Server,
    worker: String,
    sessions: mpsc::Receiver<Session>,
}

/// The unit did not come.
#[derive(Debug, thiserror::Error)]
#[error(
    "no unit with worker name `{worker}` connected within {} s: set its pool to this server's address, \
     its worker to `{worker}`, and check that it is powered and on this network",
    .after.as_secs_f64()
)]
pub struct NeverConnected {
    /// Worker name that was waited for.
    pub worker: String,
    /// Time waited.
    pub after: Duration,
}

impl Server {
    /// A server whose sessions use `settings` and `clock`.
    pub fn new(settings: Settings, clock: Clock) -> Server {
        Server {
            settings,
            clock,
            expected: Arc::default(),
            extranonce1: Arc::default(),
            turned_away: Arc::default(),
        }
    }

    /// Welcomes `worker` from now on, or any worker not named otherwise for [`ANY_WORKER`]. The last call
    /// for a name counts.
    pub fn expect(&self, worker: &str) -> Expected {
        // A unit may reconnect before its old session is noticed gone; more than that is a fault.
        let (sender, sessions) = mpsc::channel(2);
        self.workers().insert(worker.to_string(), sender);
        Expected {
            server: self.clone(),
            worker: worker.to_string(),
            sessions,
        }
    }

    /// Connections that were turned away so far, each with one logged reason.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Accepts connections until `shutdown`. The caller binds the listener and so chooses who can reach
    /// it.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        let tasks = TaskTracker::new();
        let accept = async {
            loop {
                // The semaphore is never closed.
                let Ok(permit) = handshakes.clone().acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        let server = self.clone();
                        tasks.spawn(shutdown.clone().run_until_cancelled_owned(async move {
                            server.receive(stream, peer).await;
                            drop(permit);
                        }));
                    }
                    Err(error) => {
                        // Out of file descriptors, mostly: wait for some to come free.
                        tracing::error!(%error, "cannot accept connections");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(accept).await;
        tasks.close();
        tasks.wait().await;
    }

    async fn receive(&self, stream: TcpStream, peer: SocketAddr) {
        let serial = self.extranonce1.fetch_add(1, Ordering::Relaxed) + 1;
        let session = Session::establish(
            stream,
            peer,
            serial.to_be_bytes().to_vec(),
            self.settings.clone(),
            self.clock.clone(),
            |worker| self.sender(worker).is_some(),
        )
        .await;
        match session {
            Ok(session) => {
                tracing::info!(%peer, worker = session.worker(), agent = session.agent(), "unit connected");
                if let Some(sender) = self.sender(session.worker()) {
                    // Full or closed: nobody wants it any more, and dropping it hangs up.
                    let _ = sender.try_send(session);
                }
            }
            Err(error) => {
                tracing::warn!(%peer, %error, "turned a connection away");
                self.turned_away.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn sender(&self, worker: &str) -> Option<mpsc::Sender<Session>> {
        let workers = self.workers();
        workers
            .get(worker)
            .or_else(|| workers.get(ANY_WORKER))
            .cloned()
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<Session>>> {
        // The map is whole between any two statements that hold the lock.
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected {
    /// Waits for the worker's next session, for at most `patience` of wall time.
    ///
    /// # Errors
    /// If none comes.
    pub async fn session(&mut self, patience: Duration) -> Result<Session, NeverConnected> {
        match tokio::time::timeout(patience, self.sessions.recv()).await {
            Ok(Some(session)) => Ok(session),
            // Closed when another call of `expect` took the name over.
            Ok(None) | Err(_) => Err(NeverConnected {
                worker: self.worker.clone(),
                after: patience,
            }),
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.sessions.close();
        self.server
            .workers()
            .retain(|_, sender| !sender.is_closed());
    }
}
