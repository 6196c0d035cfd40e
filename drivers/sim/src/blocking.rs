//! A unit that goes through one range of work a job and then stops: no extranonce2 rolled, a queue of jobs.
//!
//! It answers each job at the end of its range with the best that it found; what it found is searched for
//! really, at the pool's difficulty times a scale. Its time is counted: hashing, or idle with nothing queued.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use thermine_stratum::line::{LineError, LineStream, Peer};
use thermine_stratum::notice::{Notice, Notify};
use thermine_stratum::request::{Call, Request, Submit};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::{Difficulty, Target};

/// Jobs that it queues, as ESP-Miner does; when the queue is full the oldest is dropped.
const QUEUE: usize = 12;

/// Hashes that it really makes for a share at most.
const MOST_HASHES: u32 = 1 << 20;

/// Ids of its opening; shares come after.
const SUBSCRIBE: u64 = 0;
const FIRST_SHARE: u64 = 3;

/// What such a unit is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it mines.
    pub pool: SocketAddr,
    /// Worker name by which it authorises.
    pub worker: String,
    /// Hashes per second.
    pub rate: f64,
    /// Hashes of a job.
    pub range: f64,
    /// Factor on the difficulty that its shares really meet.
    pub difficulty_scale: f64,
}

/// What became of its time and its shares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// When its first job came.
    pub(crate) began: Option<Nanos>,
    /// Time hashing whole jobs, to the end of the last one.
    pub(crate) hashing: Duration,
    /// Time hashing jobs that were taken away unfinished.
    pub(crate) wasted: Duration,
    /// Time idle between its first job and its newest.
    pub idle: Duration,
    /// Jobs whose range it went through.
    pub jobs: u64,
    /// Of them begun after a wait.
    pub waited: u64,
    /// Shares accepted.
    pub(crate) accepted: u64,
    /// Shares refused.
    pub refused: u64,
    /// Jobs dropped from a full queue.
    pub(crate) dropped: u64,
}

/// A tally that can be looked at while the unit runs.
pub type Shared = Arc<Mutex<Tally>>;

struct Unit {
    settings: Settings,
    clock: Clock,
    tally: Shared,
    extranonce1: Vec<u8>,
    extranonce2_len: usize,
    difficulty: Difficulty,
    queue: VecDeque<(Notify, Difficulty)>,
    /// The job worked on, since when, and when it is through.
    work: Option<(Notify, Difficulty, Nanos, Nanos)>,
    /// Since when it has nothing.
    idle: Option<Nanos>,
    pub shares: u64,
}

/// Mines until `shutdown` or until the pool is gone. It has its seat at the clock from now on, whenever the future
/// is first polled.
///
/// # Errors
/// Why the pool is gone.
pub fn run(
    settings: Settings,
    clock: Clock,
    tally: Shared,
    shutdown: CancellationToken,
) -> impl Future<Output = Result<(), LineError>> + Send {
    let seat = clock.follow();
    async move {
        let stream = TcpStream::connect(settings.pool).await?;
        let mut lines = LineStream::with(stream, Peer::Pool, clock.clone());
        let mut unit = Unit {
            settings,
            clock,
            tally,
            extranonce1: Vec::new(),
            extranonce2_len: 0,
            difficulty: Difficulty::ONE,
            queue: VecDeque::new(),
            work: None,
            idle: None,
            shares: 0,
        };
        unit.greet(&mut lines);
        loop {
            lines.flush().await?;
            let ends = unit.work.as_ref().map_or(Nanos::MAX, |(.., ends)| *ends);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                line = lines.next() => {
                    if let Ok(notice) = Notice::parse(&line?.text) {
                        unit.heed(notice);
                    }
                }
                () = seat.wait_until(ends) => unit.finish(&mut lines),
            }
        }
    }
}

impl Unit {
    fn greet(&self, lines: &mut LineStream) {
        let say = |id: u64, call: Call| {
            Request {
                id: json!(id),
                call,
            }
            .to_line("x")
        };
        let subscribe = Call::Subscribe {
            agent: Some("range/1".to_owned()),
            session: None,
        };
        lines.push(&say(SUBSCRIBE, subscribe));
        let user = self.settings.worker.clone();
        lines.push(&say(SUBSCRIBE + 1, Call::Authorize { user }));
    }

    fn heed(&mut self, notice: Notice) {
        match notice {
            Notice::Reply { id, outcome } if id == SUBSCRIBE => {
                let Ok(reply) = outcome else { return };
                let extranonce1 = reply[1].as_str().and_then(|text| hex::decode(text).ok());
                self.extranonce1 = extranonce1.unwrap_or_default();
                self.extranonce2_len = reply[2].as_u64().unwrap_or(0).min(32) as usize;
            }
            Notice::Reply { id, outcome } if id.as_u64() >= Some(FIRST_SHARE) => {
                self.count(|tally| match outcome {
                    Ok(_) => tally.accepted += 1,
                    Err(_) => tally.refused += 1,
                });
            }
            Notice::SetDifficulty(difficulty) => {
                if let Ok(difficulty) = Difficulty::new(difficulty) {
                    self.difficulty = difficulty;
                }
            }
            Notice::Notify(notify) => self.take(notify),
            _ => {}
        }
    }

    fn take(&mut self, notify: Notify) {
        let now = self.clock.now();
        if notify.clean {
            self.queue.clear();
            if let Some((.., since, _)) = self.work.take() {
                self.count(|tally| tally.wasted += now.since(since));
            }
        }
        if self.queue.len() == QUEUE {
            self.queue.pop_front();
            self.count(|tally| tally.dropped += 1);
        }
        self.queue.push_back((notify, self.difficulty));
        if self.work.is_none() {
            let waited = self.idle.take();
            self.count(|tally| {
                tally.began.get_or_insert(now);
                if let Some(since) = waited.filter(|since| *since < now) {
                    tally.idle += now.since(since);
                    tally.waited += 1;
                }
            });
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Nanos) {
        match self.queue.pop_front() {
            Some((notify, difficulty)) => {
                let lasts = Duration::from_secs_f64(self.settings.range / self.settings.rate);
                self.work = Some((notify, difficulty, now, now + lasts));
            }
            None => self.idle = Some(now),
        }
    }

    fn finish(&mut self, lines: &mut LineStream) {
        let Some((notify, difficulty, since, ends)) = self.work.take() else {
            return;
        };
        self.count(|tally| {
            tally.hashing += ends.since(since);
            tally.jobs += 1;
        });
        let target = notify
            .work
            .proof_of_work()
            .target(difficulty.scaled(self.settings.difficulty_scale));
        if let Some(nonce) = self.search(&notify, &target) {
            let submit = Submit {
                user: self.settings.worker.clone(),
                job_id: notify.job_id,
                extranonce2: vec![0; self.extranonce2_len],
                ntime: notify.work.ntime,
                nonce,
                version_bits: None,
            };
            let id = json!(FIRST_SHARE + self.shares);
            self.shares += 1;
            let call = Call::Submit(submit);
            lines.push(&Request { id, call }.to_line(""));
        }
        self.begin(ends);
    }

    fn search(&self, notify: &Notify, target: &Target) -> Option<u32> {
        let work = &notify.work;
        let root = work.merkle_root(&self.extranonce1, &vec![0; self.extranonce2_len]);
        let mut header = work.header(work.version, &root, work.ntime, 0);
        (0..MOST_HASHES).find(|nonce| {
            header.set_nonce(*nonce);
            target.is_met_by(&work.proof_of_work().hash(&header))
        })
    }

    fn count(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
