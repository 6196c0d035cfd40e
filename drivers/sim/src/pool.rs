//! A simulated pool: gives work, judges shares by hashing them, and misbehaves when told to.
//!
//! It resumes a subscription whose session it still knows, and counts each share once: a second copy is
//! refused with code 22, as pools do. Its jobs are the harmless ones of the job factory.
//!
//! What it remembers is bounded: proofs of work until the next block, after which their jobs are stale; and the last
//! jobs and sessions. It [keeps](Pool::keep_shares) the shares themselves only for tests.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use thermine_stratum::factory::JobFactory;
use thermine_stratum::line::{LineError, LineStream};
use thermine_stratum::notice::{Notice, Notify, Refusal};
use thermine_stratum::request::{Call, Request, Submit};
use thermine_units::clock::{Clock, Errand, Nanos};
use thermine_units::pow::work::{BIP320_MASK, rolled_version};
use thermine_units::pow::{Difficulty, Work};
use thermine_units::seed;

/// Jobs that are remembered.
const REMEMBERED_JOBS: usize = 4096;

/// Sessions that can be resumed.
const REMEMBERED_SESSIONS: usize = 16_384;

/// Acts that a connection may be behind with.
const ACTS: usize = 4096;

/// What a simulated pool is like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Share difficulty.
    pub difficulty: Difficulty,
    /// Factor on the difficulty that a hash must really meet.
    pub difficulty_scale: f64,
    /// Bytes of extranonce2 that it gives.
    pub extranonce2_len: usize,
    /// Whether it answers each accepted share with a new job, as in a dialogue of one job at a time.
    pub dialogue: bool,
    /// Time between blocks; none if there are to be none by themselves.
    pub block_every: Option<Duration>,
    /// Seed of its jobs.
    pub seed: u64,
}

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
    /// Hangs up.
    HangUp,
}

/// What a pool has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shares accepted.
    pub accepted: u64,
    /// Copies of shares accepted before.
    pub duplicates: u64,
    /// Shares of jobs or blocks that are over.
    pub stale: u64,
    /// Shares that do not meet the difficulty.
    pub low: u64,
    /// Connections that subscribed.
    pub subscribed: u64,
    /// Of them resumed.
    pub resumed: u64,
}

/// A simulated pool; clones are the same one.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Clock,
    state: Mutex<State>,
    acts: broadcast::Sender<(Act, Arc<Errand>)>,
}

#[derive(Debug)]
struct State {
    jobs: JobFactory,
    /// Previous hash of the present block.
    block: [u8; 32],
    newest: Option<Issued>,
    issued: VecDeque<Issued>,
    sessions: HashMap<String, Vec<u8>>,
    /// Names of the sessions, the oldest first.
    session_order: VecDeque<String>,
    serial: u32,
    /// Half of the hash of each share that has been counted, by job.
    seen: HashMap<u64, HashSet<[u8; 16]>>,
    keeps_shares: bool,
    shares: Vec<(Submit, Nanos)>,
    counts: Counts,
    deaf: bool,
}

#[derive(Debug, Clone)]
struct Issued {
    serial: u64,
    work: Work,
    difficulty: Difficulty,
}

impl Pool {
    /// A pool on this clock.
    pub fn new(settings: Settings, clock: Clock) -> Pool {
        let state = State {
            jobs: JobFactory::new(seed::stream(settings.seed, "pool")),
            block: [0; 32],
            newest: None,
            issued: VecDeque::new(),
            sessions: HashMap::new(),
            session_order: VecDeque::new(),
            serial: (settings.seed as u32) << 16,
            seen: HashMap::new(),
            keeps_shares: false,
            shares: Vec::new(),
            counts: Counts::default(),
            deaf: false,
        };
        let pool = Pool(Arc::new(Inner {
            settings,
            clock,
            state: Mutex::new(state),
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
        // An error means that nobody is connected.
        let _ = self.0.acts.send((act, Arc::new(self.0.clock.errand())));
    }

    /// Whether new connections are hung up on at once.
    pub fn deaf(&self, deaf: bool) {
        self.lock().deaf = deaf;
    }

    /// Forgets all sessions: none can be resumed.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.sessions.clear();
        state.session_order.clear();
    }

    /// Keeps every share from now on, so that a test can look at them.
    pub fn keep_shares(&self) {
        self.lock().keeps_shares = true;
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// The shares that it has accepted since it [keeps](Pool::keep_shares) them, in order, and when they came.
    pub fn shares(&self) -> Vec<(Submit, Nanos)> {
        self.lock().shares.clone()
    }

    /// Serves until `shutdown`.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        if let Some(every) = self.0.settings.block_every {
            let (pool, seat) = (self.clone(), self.0.clock.follow());
            tasks.spawn(shutdown.clone().run_until_cancelled_owned(async move {
                loop {
                    seat.wait_until(pool.0.clock.now() + every).await;
                    pool.act(Act::Block);
                }
            }));
        }
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let (pool, shutdown) = (self.clone(), shutdown.clone());
                        tasks.spawn(shutdown.run_until_cancelled_owned(async move {
                            if !pool.lock().deaf
                                && let Err(error) = pool.serve(stream).await
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

    async fn serve(&self, stream: TcpStream) -> Result<(), LineError> {
        let mut lines = LineStream::new(stream, self.0.clock.clone());
        let mut acts = self.0.acts.subscribe();
        let mut miner = Miner::default();
        loop {
            lines.flush().await?;
            tokio::select! {
                biased;
                act = acts.recv() => {
                    let Ok((act, errand)) = act else { return Ok(()) };
                    match act {
                        Act::HangUp => {
                            lines.abandon().await;
                            return Ok(());
                        }
                        Act::Hang => std::future::pending().await,
                        act => self.do_it(&mut lines, &mut miner, act),
                    }
                    lines.flush().await?;
                    drop(errand);
                }
                line = lines.next() => {
                    let line = line?;
                    if let Ok(request) = Request::parse(&line.text) {
                        self.answer(&mut lines, &mut miner, request, line.arrived);
                    }
                }
            }
        }
    }

    fn do_it(&self, lines: &mut LineStream, miner: &mut Miner, act: Act) {
        match act {
            Act::Block if miner.authorised => self.notify(lines, miner, true),
            Act::Refresh if miner.authorised => self.notify(lines, miner, false),
            Act::Difficulty(difficulty) => {
                if let Ok(difficulty) = Difficulty::new(difficulty) {
                    miner.difficulty = Some(difficulty);
                }
                lines.push(&Notice::SetDifficulty(difficulty).to_line());
            }
            Act::Extranonce => {
                let extranonce1 = self.lock().extranonce1();
                miner.next_extranonce1 = Some(extranonce1.clone());
                let notice = Notice::SetExtranonce {
                    extranonce1,
                    extranonce2_len: self.0.settings.extranonce2_len,
                };
                lines.push(&notice.to_line());
            }
            Act::Say(text) => lines.push(&format!("{text}\n")),
            Act::Block | Act::Refresh | Act::Hang | Act::HangUp => {}
        }
    }

    fn answer(&self, lines: &mut LineStream, miner: &mut Miner, request: Request, now: Nanos) {
        let Request { id, call } = request;
        let mut then_work = None;
        let outcome = match call {
            Call::Subscribe { session, .. } => {
                let (session, extranonce1) = self.lock().subscribe(session);
                miner.extranonce1 = extranonce1;
                Ok(json!([
                    [["mining.notify", session]],
                    hex::encode(&miner.extranonce1),
                    self.0.settings.extranonce2_len
                ]))
            }
            Call::Authorize { .. } => {
                then_work = (!miner.authorised).then_some(true);
                miner.authorised = true;
                Ok(json!(true))
            }
            Call::Configure {
                version_rolling, ..
            } => {
                miner.mask = version_rolling.unwrap_or(0) & BIP320_MASK;
                Ok(json!({
                    "version-rolling": miner.mask != 0,
                    "version-rolling.mask": format!("{:08x}", miner.mask)
                }))
            }
            Call::ExtranonceSubscribe | Call::SuggestDifficulty(_) => Ok(json!(true)),
            Call::Submit(submit) => {
                let judged = self.judge(miner, submit, now);
                then_work = (judged.is_ok() && self.0.settings.dialogue).then_some(false);
                judged.map(|()| json!(true))
            }
            Call::Other(method) => Err(Refusal::new(20, format!("method {method} not found"))),
            Call::Reply => return,
        };
        lines.push(&Notice::Reply { id, outcome }.to_line());
        if let Some(clean) = then_work {
            if !clean {
                self.renew(false);
            }
            self.notify(lines, miner, clean);
        }
    }

    /// Sends the newest job.
    fn notify(&self, lines: &mut LineStream, miner: &mut Miner, clean: bool) {
        let difficulty = miner.difficulty.unwrap_or(self.0.settings.difficulty);
        if let Some(extranonce1) = miner.next_extranonce1.take() {
            miner.extranonce1 = extranonce1;
        }
        let Some(issued) = self.lock().newest.clone() else {
            return;
        };
        if miner.told != Some(difficulty) {
            miner.told = Some(difficulty);
            lines.push(&Notice::SetDifficulty(difficulty.get()).to_line());
        }
        if miner.jobs.len() == REMEMBERED_JOBS {
            miner.jobs.pop_front();
        }
        miner
            .jobs
            .push_back((issued.serial, difficulty, miner.extranonce1.clone()));
        let notify = Notify {
            job_id: format!("{:x}", issued.serial),
            work: issued.work,
            clean,
        };
        lines.push(&Notice::Notify(notify).to_line());
    }

    /// A new job, on a new block or on the same.
    fn renew(&self, block: bool) {
        let now = self.0.clock.unix(self.0.clock.now()).as_secs();
        let len = 4 + self.0.settings.extranonce2_len;
        let mut state = self.lock();
        let job = state
            .jobs
            .next(0, u32::try_from(now).unwrap_or(u32::MAX), len);
        let mut work = job.work;
        if block {
            state.block = work.prevhash;
            state.seen.clear();
        } else {
            work.prevhash = state.block;
        }
        if state.issued.len() == REMEMBERED_JOBS
            && let Some(oldest) = state.issued.pop_front()
        {
            state.seen.remove(&oldest.serial);
        }
        let issued = Issued {
            serial: job.serial,
            work,
            difficulty: self.0.settings.difficulty,
        };
        state.newest = Some(issued.clone());
        state.issued.push_back(issued);
    }

    fn judge(&self, miner: &Miner, submit: Submit, now: Nanos) -> Result<(), Refusal> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let serial = u64::from_str_radix(&submit.job_id, 16).unwrap_or(u64::MAX);
        let mut issued = state.issued.iter().rev();
        let Some(issued) = issued.find(|issued| issued.serial == serial) else {
            state.counts.stale += 1;
            return Err(Refusal::new(21, "job not found"));
        };
        if issued.work.prevhash != state.block {
            state.counts.stale += 1;
            return Err(Refusal::new(21, "stale"));
        }
        // A job of a connection before, of the same session, has that session's extranonce.
        let told = miner.jobs.iter().rev().find(|(job, ..)| *job == serial);
        let (difficulty, extranonce1) = match told {
            Some((_, difficulty, extranonce1)) => (*difficulty, extranonce1),
            None => (issued.difficulty, &miner.extranonce1),
        };
        let bits = submit.version_bits.unwrap_or(0);
        let wrong = submit.extranonce2.len() != self.0.settings.extranonce2_len
            || submit.ntime < issued.work.ntime
            || bits & !miner.mask != 0;
        if wrong || !miner.authorised {
            state.counts.low += 1;
            return Err(Refusal::new(20, "not a share"));
        }
        let work = &issued.work;
        let root = work.merkle_root(extranonce1, &submit.extranonce2);
        let version = rolled_version(work.version, miner.mask, bits);
        let hash =
            work.proof_of_work()
                .hash(&work.header(version, &root, submit.ntime, submit.nonce));
        let scaled = difficulty.scaled(self.0.settings.difficulty_scale);
        if !work.proof_of_work().target(scaled).is_met_by(&hash) {
            state.counts.low += 1;
            return Err(Refusal::new(23, "low difficulty share"));
        }
        // Little-endian: the other half ends with the zeros of the target.
        let half = *hash.first_chunk().unwrap_or(&[0; 16]);
        if !state.seen.entry(serial).or_default().insert(half) {
            state.counts.duplicates += 1;
            return Err(Refusal::new(22, "duplicate share"));
        }
        state.counts.accepted += 1;
        if state.keeps_shares {
            state.shares.push((submit, now));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole between any two statements that hold the lock.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An extranonce1 that no other miner has; pools of different seeds give different ones.
    fn extranonce1(&mut self) -> Vec<u8> {
        self.serial = self.serial.wrapping_add(1);
        self.serial.to_be_bytes().to_vec()
    }

    /// Session and extranonce1 of a miner that would like to resume `session`.
    fn subscribe(&mut self, session: Option<String>) -> (String, Vec<u8>) {
        self.counts.subscribed += 1;
        if let Some(session) = session
            && let Some(extranonce1) = self.sessions.get(&session)
        {
            self.counts.resumed += 1;
            return (session, extranonce1.clone());
        }
        let extranonce1 = self.extranonce1();
        let session = format!("s{}", self.serial);
        if self.session_order.len() == REMEMBERED_SESSIONS
            && let Some(oldest) = self.session_order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        self.session_order.push_back(session.clone());
        self.sessions.insert(session.clone(), extranonce1.clone());
        (session, extranonce1)
    }
}

/// One connection.
#[derive(Debug, Default)]
struct Miner {
    authorised: bool,
    mask: u32,
    extranonce1: Vec<u8>,
    /// Holds from the next job.
    next_extranonce1: Option<Vec<u8>>,
    difficulty: Option<Difficulty>,
    told: Option<Difficulty>,
    jobs: VecDeque<(u64, Difficulty, Vec<u8>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At this factor any hash is a share.
    const EASY: f64 = 1e-15;

    #[test]
    fn what_it_remembers_is_bounded_and_a_share_still_counts_once() {
        let settings = Settings {
            difficulty: Difficulty::ONE,
            difficulty_scale: EASY,
            extranonce2_len: 8,
            dialogue: false,
            block_every: None,
            seed: 1,
        };
        let pool = Pool::new(settings, Clock::virtual_time());
        for _ in 0..REMEMBERED_SESSIONS + 10 {
            pool.lock().subscribe(None);
        }
        assert_eq!(pool.lock().sessions.len(), REMEMBERED_SESSIONS);
        let miner = Miner {
            authorised: true,
            extranonce1: vec![0; 4],
            ..Miner::default()
        };
        for block in 0..3 {
            let (serial, ntime) = {
                let state = pool.lock();
                let newest = state.newest.as_ref().expect("a job");
                (newest.serial, newest.work.ntime)
            };
            let share = |nonce| Submit {
                user: "w".into(),
                job_id: format!("{serial:x}"),
                extranonce2: vec![0; 8],
                ntime,
                nonce,
                version_bits: None,
            };
            for nonce in 0..100 {
                pool.judge(&miner, share(nonce), Nanos(1)).expect("counts");
                let copy = pool.judge(&miner, share(nonce), Nanos(2));
                assert_eq!(copy.expect_err("a copy").code, 22);
            }
            let remembered: usize = pool.lock().seen.values().map(HashSet::len).sum();
            assert_eq!(remembered, 100, "after {block} blocks");
            pool.renew(true);
            let late = pool.judge(&miner, share(200), Nanos(3));
            assert_eq!(late.expect_err("of the block before").code, 21);
        }
        assert_eq!(pool.shares().len(), 0, "nobody asked it to keep them");
    }
}
