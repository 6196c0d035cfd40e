//! A simulated pool: gives work, judges shares by hashing them, and misbehaves when told to.
//!
//! It resumes a subscription whose session it still knows, and counts each share once: a second copy is
//! refused with code 22, as pools do. Its jobs are the harmless ones of the job factory.
//!
//! What it remembers is bounded: proofs of work until the next block, after which their jobs are stale; and the last
//! jobs and sessions. It [keeps](Pool::keep_shares) the shares themselves only for tests.

mod book;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::book::{Book, Miner};
pub use self::book::{Counts, Settings};
use thermine_stratum::notice::Notice;
use thermine_stratum::request::Submit;
use thermine_stratum::server_connection::ServerConnection;
use thermine_stratum::server_protocol::{Asked, Lost};
use thermine_units::clock::{Clock, InFlight, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::BIP320_MASK;

/// Acts that a connection may be behind with.
const ACTS: usize = 4096;

/// A miner may be silent for as long as it likes.
const IDLE: Duration = Duration::from_secs(u32::MAX as u64);

/// What a pool does when told to, at every connection.
#[derive(Debug, Clone)]
pub enum Act {
    /// A new block: a clean job on a new previous hash.
    Block,
    /// A new job on the same block.
    Refresh,
    /// `mining.set_difficulty`; holds from the next job.
    Difficulty(f64),
    /// `mining.set_extranonce`; holds from the next job.
    Extranonce,
    /// These bytes, whatever they are; a newline is added.
    Say(String),
    /// Falls silent for ever, the connection open.
    Hang,
    /// Closes the connection.
    HangUp,
}

/// A simulated pool; clones are the same one.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Clock,
    book: Mutex<Book>,
    is_deaf: AtomicBool,
    acts: broadcast::Sender<(Act, Arc<InFlight>)>,
}

impl Pool {
    /// A pool on this clock.
    pub fn new(settings: Settings, clock: Clock) -> Pool {
        let pool = Pool(Arc::new(Inner {
            book: Mutex::new(Book::new(settings.clone())),
            settings,
            clock,
            is_deaf: AtomicBool::new(false),
            acts: broadcast::Sender::new(ACTS),
        }));
        pool.renew(true);
        pool
    }

    /// Tells it to do something at every connection.
    pub fn act(&self, act: Act) {
        match act {
            Act::Block => self.renew(true),
            Act::Refresh => self.renew(false),
            _ => {}
        }
        // An error means that no miner is connected.
        let _ = self.0.acts.send((act, Arc::new(self.0.clock.in_flight())));
    }

    /// Whether new connections are closed at once.
    pub fn deaf(&self, deaf: bool) {
        self.0.is_deaf.store(deaf, Ordering::Relaxed);
    }

    /// Forgets all sessions: none can be resumed.
    pub fn forget(&self) {
        self.book().forget();
    }

    /// Keeps every share from now on, so that a test can look at them.
    pub fn keep_shares(&self) {
        self.book().keep_shares();
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        self.book().counts.clone()
    }

    /// The shares that it has accepted since it [keeps](Pool::keep_shares) them, in order, and when they came.
    pub fn shares(&self) -> Vec<(Submit, Nanos)> {
        self.book().shares()
    }

    /// Serves until `shutdown`.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        if let Some(every) = self.0.settings.block_every {
            let (pool, waiter) = (self.clone(), self.0.clock.follow());
            tasks.spawn(shutdown.clone().run_until_cancelled_owned(async move {
                loop {
                    waiter.wait_until(pool.0.clock.now() + every).await;
                    pool.act(Act::Block);
                }
            }));
        }
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        let (pool, shutdown) = (self.clone(), shutdown.clone());
                        tasks.spawn(shutdown.run_until_cancelled_owned(async move {
                            if !pool.0.is_deaf.load(Ordering::Relaxed)
                                && let Err(error) = pool.serve(stream, peer).await
                            {
                                tracing::debug!(%error, "a miner left the simulated pool");
                            }
                        }));
                    }
                    Err(error) => {
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

    async fn serve(&self, stream: TcpStream, peer: SocketAddr) -> Result<(), Lost> {
        let clock = self.0.clock.clone();
        let mut wire = ServerConnection::new(stream, peer, BIP320_MASK, IDLE, clock);
        let mut acts = self.0.acts.subscribe();
        let mut miner = Miner::default();
        loop {
            wire.flush().await?;
            tokio::select! {
                biased;
                act = acts.recv() => {
                    let Ok((act, in_flight)) = act else { return Ok(()) };
                    match act {
                        Act::HangUp => {
                            wire.abandon().await;
                            return Ok(());
                        }
                        Act::Hang => std::future::pending().await,
                        act => self.do_it(&mut wire, &mut miner, act),
                    }
                    wire.flush().await?;
                    drop(in_flight);
                }
                next = wire.next() => {
                    let (asked, arrived) = next?;
                    self.answer(&mut wire, &mut miner, asked, arrived);
                }
            }
        }
    }

    fn do_it(&self, wire: &mut ServerConnection, miner: &mut Miner, act: Act) {
        match act {
            Act::Block if wire.protocol().is_ready() => self.notify(wire, miner, true),
            Act::Refresh if wire.protocol().is_ready() => self.notify(wire, miner, false),
            Act::Difficulty(difficulty) => {
                if let Ok(difficulty) = Difficulty::new(difficulty) {
                    miner.difficulty = Some(difficulty);
                }
                wire.say(&Notice::SetDifficulty(difficulty));
            }
            Act::Extranonce => {
                let extranonce1 = self.book().extranonce1();
                miner.next_extranonce1 = Some(extranonce1.clone());
                wire.say(&Notice::SetExtranonce {
                    extranonce1,
                    extranonce2_len: self.0.settings.extranonce2_len,
                });
            }
            Act::Say(text) => wire.say_line(&format!("{text}\n")),
            Act::Block | Act::Refresh | Act::Hang | Act::HangUp => {}
        }
    }

    fn answer(&self, wire: &mut ServerConnection, miner: &mut Miner, asked: Asked, now: Nanos) {
        let was_ready = wire.protocol().is_ready();
        match asked {
            Asked::Subscribe { id, session } => {
                let given = self.book().subscribe(session);
                miner.extranonce1.clone_from(&given.extranonce1);
                wire.subscribe(id, &given);
            }
            Asked::Authorize { id, user } => wire.welcome(id, user),
            Asked::Submit { id, submit } => {
                let mask = wire.protocol().version_mask();
                let judged = self.book().judge(miner, mask, submit, now);
                let counts = judged.is_ok();
                wire.reply(id, judged.map(|()| json!(true)));
                if counts && self.0.settings.dialogue {
                    self.renew(false);
                    self.notify(wire, miner, false);
                }
            }
            Asked::Configured | Asked::SuggestDifficulty(_) => {}
        }
        if !was_ready && wire.protocol().is_ready() {
            self.notify(wire, miner, true);
        }
    }

    /// Sends the newest job.
    fn notify(&self, wire: &mut ServerConnection, miner: &mut Miner, clean: bool) {
        if let Some((difficulty, notify)) = self.book().job(miner, clean) {
            wire.tell_difficulty(difficulty);
            wire.say(&Notice::Notify(notify));
        }
    }

    /// A new job, on a new block or on the same.
    fn renew(&self, block: bool) {
        let now = self.0.clock.unix(self.0.clock.now()).as_secs();
        let ntime = u32::try_from(now).unwrap_or(u32::MAX);
        self.book().renew(block, ntime);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Whole between any two statements that hold the lock.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
