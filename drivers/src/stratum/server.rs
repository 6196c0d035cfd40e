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
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arrivals::Arrivals;
use super::session::{Session, SessionError, Settings};
use crate::clock::Clock;

/// Name under which any worker is welcome.
pub const ANY_WORKER: &str = "*";

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
        let arrivals = Arrivals::new(self.settings.max_unauthorised);
        let tasks = TaskTracker::new();
        let accept = async {
            loop {
                let (stream, peer, arrival) = arrivals.accept(&listener).await;
                let server = self.clone();
                tasks.spawn(shutdown.clone().run_until_cancelled_owned(async move {
                    tokio::select! {
                        biased;
                        () = arrival.evicted() => {
                            server.turned_away.fetch_add(1, Ordering::Relaxed);
                        }
                        () = server.receive(stream, peer) => {}
                    }
                }));
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
                match &error {
                    SessionError::Tls { .. } => tracing::debug!(%peer, %error),
                    _ => tracing::warn!(%peer, %error, "turned a connection away"),
                }
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
    /// Waits for the worker's next session, for at most `patience` of wall time. One whose unit has gone while nobody
    /// wanted it is passed over.
    ///
    /// # Errors
    /// If none comes.
    pub async fn session(&mut self, patience: Duration) -> Result<Session, NeverConnected> {
        let next = async {
            loop {
                let mut session = self.sessions.recv().await?;
                if !session.is_over() {
                    return Some(session);
                }
                let (peer, worker) = (session.peer(), session.worker());
                tracing::warn!(%peer, worker, "a unit hung up before it was wanted");
                // What it has left must not stay under way at the clock.
                session.hang_up().await;
            }
        };
        match tokio::time::timeout(patience, next).await {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    /// A unit that has been let in.
    async fn unit(address: SocketAddr) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(address).await.expect("connected");
        let mut unit = BufReader::new(stream);
        let hello = "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n\
                     {\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"w\", \"x\"]}\n";
        unit.write_all(hello.as_bytes()).await.expect("sent");
        let mut said = String::new();
        while !said.contains("\"id\":2") {
            said.clear();
            let read = unit.read_line(&mut said).await.expect("a line");
            assert!(read > 0, "it was hung up on");
        }
        unit
    }

    #[tokio::test]
    async fn a_unit_that_has_gone_before_it_was_wanted_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = Server::new(Settings::default(), Clock::real());
        let mut expected = server.expect("w");
        let stop = CancellationToken::new();
        let _ends = stop.clone().drop_guard();
        tokio::spawn(server.serve(listener, stop));
        drop(unit(address).await);
        drop(unit(address).await);
        let gone = expected.session(Duration::from_millis(200)).await;
        assert!(gone.is_err(), "{gone:?}");
        let unit = unit(address).await;
        let here = expected.session(Duration::from_secs(30)).await;
        let peer = here.expect("it is there").peer();
        assert_eq!(unit.get_ref().local_addr().expect("bound"), peer);
    }
}
