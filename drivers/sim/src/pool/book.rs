//! What a simulated pool remembers: jobs, sessions and the shares that it has counted. No I/O, no clock.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use thermine_stratum::factory::JobFactory;
use thermine_stratum::notice::Notify;
use thermine_stratum::refusal::Refusal;
use thermine_stratum::request::Submit;
use thermine_stratum::subscribed::Subscribed;
use thermine_units::clock::Nanos;
use thermine_units::pow::work::rolled_version;
use thermine_units::pow::{Difficulty, Work};
use thermine_units::seed;

/// Jobs that are remembered.
const REMEMBERED_JOBS: usize = 4096;

/// Sessions that can be resumed.
const REMEMBERED_SESSIONS: usize = 16_384;

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

/// The memory of one pool, over all its connections.
#[derive(Debug)]
pub(super) struct Book {
    settings: Settings,
    jobs: JobFactory,
    /// Previous hash of the present block.
    block: [u8; 32],
    /// The newest job last.
    issued: VecDeque<Issued>,
    sessions: HashMap<String, Vec<u8>>,
    /// Names of the sessions, the oldest first.
    session_order: VecDeque<String>,
    serial: u32,
    /// Half of the hash of each share that has been counted, by job.
    seen: HashMap<u64, HashSet<[u8; 16]>>,
    /// The accepted shares and when they came, if they are kept.
    shares: Option<Vec<(Submit, Nanos)>>,
    pub(super) counts: Counts,
}

#[derive(Debug, Clone)]
struct Issued {
    serial: u64,
    work: Work,
}

/// One connection, as the book knows it.
#[derive(Debug, Default)]
pub(super) struct Miner {
    pub(super) extranonce1: Vec<u8>,
    /// Holds from the next job.
    pub(super) next_extranonce1: Option<Vec<u8>>,
    /// Of its next job, if it is its own.
    pub(super) difficulty: Option<Difficulty>,
    jobs: VecDeque<(u64, Difficulty, Vec<u8>)>,
}

impl Book {
    pub(super) fn new(settings: Settings) -> Book {
        Book {
            jobs: JobFactory::new(seed::stream(settings.seed, "pool")),
            block: [0; 32],
            issued: VecDeque::new(),
            sessions: HashMap::new(),
            session_order: VecDeque::new(),
            serial: (settings.seed as u32) << 16,
            seen: HashMap::new(),
            shares: None,
            counts: Counts::default(),
            settings,
        }
    }

    /// Forgets all sessions: none can be resumed.
    pub(super) fn forget(&mut self) {
        self.sessions.clear();
        self.session_order.clear();
    }

    /// Keeps every accepted share from now on.
    pub(super) fn keep_shares(&mut self) {
        self.shares.get_or_insert_default();
    }

    /// The shares that were kept.
    pub(super) fn shares(&self) -> Vec<(Submit, Nanos)> {
        self.shares.clone().unwrap_or_default()
    }

    /// Makes a new job with block time `ntime`, on a new block or on the same.
    pub(super) fn renew(&mut self, block: bool, ntime: u32) {
        let job = self.jobs.next(0, ntime, 4 + self.settings.extranonce2_len);
        let mut work = job.work;
        if block {
            self.block = work.prevhash;
            self.seen.clear();
        } else {
            work.prevhash = self.block;
        }
        if self.issued.len() == REMEMBERED_JOBS
            && let Some(oldest) = self.issued.pop_front()
        {
            self.seen.remove(&oldest.serial);
        }
        self.issued.push_back(Issued {
            serial: job.serial,
            work,
        });
    }

    /// The newest job for `miner`, and its difficulty.
    pub(super) fn job(&self, miner: &mut Miner, clean: bool) -> Option<(Difficulty, Notify)> {
        let issued = self.issued.back()?;
        let difficulty = miner.difficulty.unwrap_or(self.settings.difficulty);
        if let Some(extranonce1) = miner.next_extranonce1.take() {
            miner.extranonce1 = extranonce1;
        }
        if miner.jobs.len() == REMEMBERED_JOBS {
            miner.jobs.pop_front();
        }
        let extranonce1 = miner.extranonce1.clone();
        miner
            .jobs
            .push_back((issued.serial, difficulty, extranonce1));
        let notify = Notify {
            job_id: format!("{:x}", issued.serial),
            work: issued.work.clone(),
            clean,
        };
        Some((difficulty, notify))
    }

    /// Counts a share of `miner`, which may roll the version bits in `mask`.
    pub(super) fn judge(
        &mut self,
        miner: &Miner,
        mask: u32,
        submit: Submit,
        now: Nanos,
    ) -> Result<(), Refusal> {
        let serial = u64::from_str_radix(&submit.job_id, 16).unwrap_or(u64::MAX);
        let mut issued = self.issued.iter().rev();
        let Some(issued) = issued.find(|issued| issued.serial == serial) else {
            self.counts.stale += 1;
            return Err(Refusal::new(21, "job not found"));
        };
        if issued.work.prevhash != self.block {
            self.counts.stale += 1;
            return Err(Refusal::new(21, "stale"));
        }
        // A job of a connection before, of the same session, has that session's extranonce.
        let told = miner.jobs.iter().rev().find(|(job, ..)| *job == serial);
        let (difficulty, extranonce1) = match told {
            Some((_, difficulty, extranonce1)) => (*difficulty, extranonce1),
            None => (self.settings.difficulty, &miner.extranonce1),
        };
        let bits = submit.version_bits.unwrap_or(0);
        let wrong = submit.extranonce2.len() != self.settings.extranonce2_len
            || submit.ntime < issued.work.ntime
            || bits & !mask != 0;
        if wrong {
            self.counts.low += 1;
            return Err(Refusal::new(20, "not a share"));
        }
        let work = &issued.work;
        let root = work.merkle_root(extranonce1, &submit.extranonce2);
        let version = rolled_version(work.version, mask, bits);
        let hash =
            work.proof_of_work()
                .hash(&work.header(version, &root, submit.ntime, submit.nonce));
        let scaled = difficulty.scaled(self.settings.difficulty_scale);
        if !work.proof_of_work().target(scaled).is_met_by(&hash) {
            self.counts.low += 1;
            return Err(Refusal::new(23, "low difficulty share"));
        }
        // Little-endian: the other half ends with the zeros of the target.
        let half = *hash.first_chunk().unwrap_or(&[0; 16]);
        if !self.seen.entry(serial).or_default().insert(half) {
            self.counts.duplicates += 1;
            return Err(Refusal::new(22, "duplicate share"));
        }
        self.counts.accepted += 1;
        if let Some(shares) = &mut self.shares {
            shares.push((submit, now));
        }
        Ok(())
    }

    /// An extranonce1 that no other miner has; pools of different seeds give different ones.
    pub(super) fn extranonce1(&mut self) -> Vec<u8> {
        self.serial = self.serial.wrapping_add(1);
        self.serial.to_be_bytes().to_vec()
    }

    /// What a miner is given that would like to resume `session`.
    pub(super) fn subscribe(&mut self, session: Option<String>) -> Subscribed {
        self.counts.subscribed += 1;
        let extranonce2_len = self.settings.extranonce2_len;
        if let Some(session) = session
            && let Some(extranonce1) = self.sessions.get(&session)
        {
            self.counts.resumed += 1;
            return Subscribed {
                extranonce1: extranonce1.clone(),
                session: Some(session),
                extranonce2_len,
            };
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
        Subscribed {
            session: Some(session),
            extranonce1,
            extranonce2_len,
        }
    }
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
        let mut book = Book::new(settings);
        book.renew(true, 0);
        for _ in 0..REMEMBERED_SESSIONS + 10 {
            book.subscribe(None);
        }
        assert_eq!(book.sessions.len(), REMEMBERED_SESSIONS);
        let miner = Miner {
            extranonce1: vec![0; 4],
            ..Miner::default()
        };
        for block in 0..3 {
            let newest = book.issued.back().expect("a job");
            let (serial, ntime) = (newest.serial, newest.work.ntime);
            let share = |nonce| Submit {
                user: "w".into(),
                job_id: format!("{serial:x}"),
                extranonce2: vec![0; 8],
                ntime,
                nonce,
                version_bits: None,
            };
            for nonce in 0..100 {
                book.judge(&miner, 0, share(nonce), Nanos(1))
                    .expect("counts");
                let copy = book.judge(&miner, 0, share(nonce), Nanos(2));
                assert_eq!(copy.expect_err("a copy").code, 22);
            }
            let remembered: usize = book.seen.values().map(HashSet::len).sum();
            assert_eq!(remembered, 100, "after {block} blocks");
            book.renew(true, 0);
            let late = book.judge(&miner, 0, share(200), Nanos(3));
            assert_eq!(late.expect_err("of the block before").code, 21);
        }
        assert_eq!(book.shares, None, "nobody asked it to keep them");
    }
}
