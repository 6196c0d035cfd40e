//! The listener that units connect to.
//!
//! [`Server::serve`] runs the accept loop; [`Server::expect`] names a worker and waits for its session.
//! A peer that is not expected, too slow or not a miner is turned away with one logged reason and
//! disturbs no other.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arrivals::Arrivals;
use super::session::{Session, SessionError, Settings};
use thermine_units::clock::Clock;

/// Name under which any worker is welcome.
pub const ANY_WORKER: &str = "*";

/// Wall time that the expected unit is still given after another machine came under its worker name. Longer, and a wrong
/// set-up is reported late; shorter, and a stray machine keeps a unit out that is just reconnecting.
pub const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// A Stratum server; clones share the same workers.
#[derive(Debug, Clone)]
pub struct Server {
    settings: Settings,
    clock: Clock,
    expected: Arc<Mutex<HashMap<String, Entry>>>,
    extranonce1: Arc<AtomicU32>,
    turned_away: Arc<AtomicU64>,
}

/// Whether an authorised connection is the expected unit's, by its address and the agent of its firmware; if not, why.
#[derive(Clone)]
pub struct Admit(Arc<AdmitFn>);

type AdmitFn = dyn Fn(SocketAddr, Option<&str>) -> Result<(), String> + Send + Sync;

impl Admit {
    /// Decides by `check`.
    pub fn new(
        check: impl Fn(SocketAddr, Option<&str>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Admit {
        Admit(Arc::new(check))
    }

    /// Lets everybody in who knows the worker name.
    pub fn anyone() -> Admit {
        Admit::new(|_, _| Ok(()))
    }

    /// # Errors
    /// Why the connection is not the unit's.
    pub fn check(&self, peer: SocketAddr, agent: Option<&str>) -> Result<(), String> {
        (self.0)(peer, agent)
    }
}

impl std::fmt::Debug for Admit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admit")
    }
}

/// A worker that is expected, as the server sees it.
#[derive(Debug, Clone)]
struct Entry {
    sessions: mpsc::Sender<Session>,
    admit: Admit,
    /// Why the last connection that was not the unit's was refused.
    refused: watch::Sender<Option<String>>,
}

/// A worker that is expected, until this is dropped.
#[derive(Debug)]
pub struct Expected {
    server: Server,
    worker: String,
    sessions: mpsc::Receiver<Session>,
    refused: watch::Receiver<Option<String>>,
}

/// The unit did not come.
#[derive(Debug, thiserror::Error)]
#[error("{}", .refused.clone().unwrap_or_else(|| never(worker, *after)))]
pub struct NeverConnected {
    /// Worker name that was waited for.
    pub worker: String,
    /// Wall time that it was waited for.
    pub after: Duration,
    /// Why another machine that came under this worker name was refused, if one was.
    pub refused: Option<String>,
}

fn never(worker: &str, after: Duration) -> String {
    format!(
        "no unit with worker name `{worker}` connected within {} s: set its pool to this server's address, its worker to \
         `{worker}`, and check that it is powered and on this network",
        after.as_secs_f64()
    )
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
        self.expect_if(worker, Admit::anyone())
    }

    /// As [`expect`](Server::expect), for connections that `admit` lets in; others are turned away.
    pub fn expect_if(&self, worker: &str, admit: Admit) -> Expected {
        // A unit may reconnect before its old session is noticed gone; more than that is a fault.
        let (sender, sessions) = mpsc::channel(2);
        let (refusals, refused) = watch::channel(None);
        let entry = Entry {
            sessions: sender,
            admit,
            refused: refusals,
        };
        self.workers().insert(worker.to_string(), entry);
        Expected {
            server: self.clone(),
            worker: worker.to_string(),
            sessions,
            refused,
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
            |worker| self.entry(worker).is_some(),
        )
        .await;
        match session {
            Ok(mut session) => {
                let (worker, agent) = (session.worker(), session.agent());
                let Some(entry) = self.entry(worker) else {
                    return;
                };
                if let Err(why) = entry.admit.check(peer, agent) {
                    tracing::warn!(%peer, worker, agent, "turned away: not the unit that is expected");
                    self.turned_away.fetch_add(1, Ordering::Relaxed);
                    entry.refused.send_replace(Some(why));
                    session.hang_up().await;
                    return;
                }
                tracing::info!(%peer, worker, agent, "unit connected");
                // Full or closed: it is not wanted any more, and dropping it closes the connection.
                let _ = entry.sessions.try_send(session);
            }
            Err(error) => {
                match &error {
                    SessionError::Tls(_) => tracing::debug!(%peer, %error),
                    _ => tracing::warn!(%peer, %error, "turned a connection away"),
                }
                self.turned_away.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn entry(&self, worker: &str) -> Option<Entry> {
        let workers = self.workers();
        workers
            .get(worker)
            .or_else(|| workers.get(ANY_WORKER))
            .cloned()
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        // The map is whole between any two statements that hold the lock.
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected {
    /// Waits for the worker's next session, for at most `patience` of wall time, and for [`AFTER_REFUSAL`] once another
    /// machine was refused. One whose unit has gone in the meantime is passed over.
    ///
    /// # Errors
    /// If none comes in time.
    pub async fn session(&mut self, patience: Duration) -> Result<Session, NeverConnected> {
        self.refused.mark_unchanged();
        let mut refused = self.refused.clone();
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
        let late = async {
            if refused.changed().await.is_err() {
                return std::future::pending().await;
            }
            tokio::time::sleep(AFTER_REFUSAL).await;
        };
        let next = async {
            tokio::select! {
                biased;
                session = next => session,
                () = late => None,
            }
        };
        match tokio::time::timeout(patience, next).await {
            Ok(Some(session)) => Ok(session),
            // Closed when another call of `expect` took the name over.
            Ok(None) | Err(_) => Err(NeverConnected {
                worker: self.worker.clone(),
                after: patience,
                refused: self.lately_refused(),
            }),
        }
    }
}

impl Expected {
    /// Why another machine was refused since the wait for a session began.
    fn lately_refused(&self) -> Option<String> {
        let is_new = self.refused.has_changed().unwrap_or(false);
        self.refused.borrow().clone().filter(|_| is_new)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.sessions.close();
        self.server
            .workers()
            .retain(|_, entry| !entry.sessions.is_closed());
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    /// A unit that has been let in.
    async fn unit(address: SocketAddr) -> BufReader<TcpStream> {
        greet(TcpStream::connect(address).await.expect("connected")).await
    }

    async fn greet(stream: TcpStream) -> BufReader<TcpStream> {
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
    async fn another_machine_under_the_workers_name_is_turned_away_with_the_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = Server::new(Settings::default(), Clock::real());
        let admitted = Arc::new(Mutex::new(None));
        let only = admitted.clone();
        let mut expected = server.expect_if(
            "w",
            Admit::new(move |peer, _| match *only.lock().expect("whole") {
                Some(admitted) if admitted == peer => Ok(()),
                _ => Err(format!("{peer} is not the unit")),
            }),
        );
        let stop = CancellationToken::new();
        let _ends = stop.clone().drop_guard();
        tokio::spawn(server.clone().serve(listener, stop));
        let stray = async {
            let unit = unit(address).await;
            unit.get_ref().local_addr().expect("bound")
        };
        let (refused, stray) = tokio::join!(expected.session(Duration::from_secs(2)), stray);
        let refused = refused.expect_err("not the unit").to_string();
        assert_eq!(refused, format!("{stray} is not the unit"));
        assert_eq!(server.turned_away(), 1);
        // The refusal is over: who waits now is told that nobody came.
        let nobody = expected.session(Duration::from_millis(50)).await;
        let nobody = nobody.expect_err("nobody").to_string();
        assert!(nobody.contains("worker name `w` connected"), "{nobody}");
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket
            .bind("127.0.0.1:0".parse().expect("an address"))
            .expect("bound");
        *admitted.lock().expect("whole") = socket.local_addr().ok();
        let stream = socket.connect(address).await.expect("connected");
        let _unit = greet(stream).await;
        expected
            .session(Duration::from_secs(30))
            .await
            .expect("the unit");
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
