//! A simulated unit's Stratum side: speaks to a pool as stock bmminer on an S9 does, and hashes for real.
//!
//! The physics decides *when* a share is found and by which chip and core; the share itself is then
//! searched for among the nonces of that chip and core, in a header built from the job's own bytes, at
//! the job's difficulty times a scale. A wrong byte anywhere between the pool and the header therefore
//! gives shares that do not verify.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::command::{self, Command};
use super::device::{Device, Find};
use super::layout::Origin;
use crate::clock::{Clock, Nanos, Seat};
use crate::pow::difficulty::difficulty_of;
use crate::pow::sha256d::Midstate;
use crate::pow::{Difficulty, Target, Work};
use crate::seed::Rng;
use crate::stratum::line::{LineError, LineStream};
use crate::stratum::notice::{Notice, Notify, Refusal};
use crate::stratum::request::{Call, Request, Submit};

/// Agent string of stock S9 firmware.
pub const AGENT: &str = "bmminer/2.0.0";

/// Jobs that a unit remembers, so that work in its pipeline can still be answered.
const REMEMBERED_JOBS: usize = 32;

/// Wall time between attempts to reach the pool.
const RECONNECT: Duration = Duration::from_millis(200);

/// Wall time that a pool is given to reply while connecting: bmminer waits 60 s.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Submitted shares that may be without a reply; older ones are taken as lost.
const MAX_PENDING: usize = 256;

/// What the pool's side of a unit's counters says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolCounters {
    /// Whether the pool has authorised the unit.
    pub connected: bool,
    /// Jobs received.
    pub jobs: u64,
    /// Shares accepted.
    pub accepted: u64,
    /// Shares rejected, stale ones included.
    pub rejected: u64,
    /// Shares rejected as stale (code 21).
    pub stale: u64,
    /// Sum of the difficulty of the accepted shares.
    pub difficulty_accepted: f64,
    /// Sum of the difficulty of the rejected shares.
    pub difficulty_rejected: f64,
    /// Difficulty of the newest job.
    pub difficulty: Option<Difficulty>,
    /// When the newest share was accepted.
    pub last_share: Option<Nanos>,
    /// Hardest share found.
    pub best_share: f64,
    /// Times the unit was told to restart; all else here begins at zero with it.
    pub restarts: u64,
}

/// Where a simulated unit mines, and how hard it hashes.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// The pool's address.
    pub pool: SocketAddr,
    /// Worker name.
    pub worker: String,
    /// Factor on the difficulty that a share's hash really meets: 2^-34 makes the 2^40 hashes of
    /// difficulty 256 into 64. The pool must use the same.
    pub difficulty_scale: f64,
}

/// The unit: its physics, its connection and its counters.
#[derive(Debug)]
pub struct Miner<Report> {
    device: Device,
    settings: PoolSettings,
    seat: Seat,
    clock: Clock,
    rng: Rng,
    counters: PoolCounters,
    commands: Option<mpsc::Receiver<Command>>,
    report: Report,
}

/// The state of one connection.
struct Connection {
    lines: LineStream,
    extranonce1: Vec<u8>,
    extranonce2_len: usize,
    difficulty: Difficulty,
    jobs: VecDeque<Received>,
    next_id: u64,
    /// Ids and difficulties of submitted shares that have no reply yet.
    pending: VecDeque<(u64, f64)>,
    last_submit: Option<Submit>,
}

/// A job as received, with the unit's own counter for it.
struct Received {
    token: u64,
    job_id: String,
    work: Work,
    difficulty: Difficulty,
    extranonce2: u64,
}

impl<Report: FnMut(&Device, &PoolCounters) + Send> Miner<Report> {
    /// A unit with this physics. `report` is called whenever its sensors or counters may have changed.
    pub fn new(
        device: Device,
        settings: PoolSettings,
        clock: Clock,
        rng: Rng,
        report: Report,
    ) -> Self {
        Miner {
            device,
            settings,
            seat: clock.follow(),
            clock,
            rng,
            counters: PoolCounters::default(),
            commands: None,
            report,
        }
    }

    /// Gives the unit a control wire.
    pub fn with_commands(self, commands: mpsc::Receiver<Command>) -> Self {
        Miner {
            commands: Some(commands),
            ..self
        }
    }

    /// Mines until `shutdown`, reconnecting whenever the pool goes away.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mine = async {
            loop {
                match self.mine().await {
                    Ok(never) => match never {},
                    Err(error) => tracing::debug!(
                        worker = %self.settings.worker, pool = %self.settings.pool, %error, "pool lost"
                    ),
                }
                self.counters.connected = false;
                self.device.lose_work();
                // The unit cools while it waits.
                self.advance(&mut Vec::new());
                self.wait_and_obey().await;
            }
        };
        shutdown.run_until_cancelled(mine).await;
    }

    /// Waits before the next attempt at the pool, and does meanwhile what it is told.
    async fn wait_and_obey(&mut self) {
        let wait = tokio::time::sleep(RECONNECT);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                biased;
                command = command::next(&mut self.commands) => {
                    // There is no pool to leave.
                    let _ = self.obey(command, &mut Vec::new());
                }
                () = &mut wait => return,
            }
        }
    }

    /// Carries out `command` after what was hashed before it.
    ///
    /// # Errors
    /// If the pool is to be left.
    fn obey(&mut self, command: Command, found: &mut Vec<Find>) -> Result<(), MinerError> {
        self.advance(found);
        let outcome = match command {
            Command::Set(asked) => {
                self.device.set_operating_point(&asked);
                Ok(())
            }
            Command::Restart => {
                self.device.lose_work();
                self.counters = PoolCounters {
                    restarts: self.counters.restarts + 1,
                    ..PoolCounters::default()
                };
                Err(MinerError::Restarted)
            }
        };
        (self.report)(&self.device, &self.counters);
        command::done(&self.clock);
        outcome
    }

    async fn mine(&mut self) -> Result<std::convert::Infallible, MinerError> {
        let stream = TcpStream::connect(self.settings.pool)
            .await
            .map_err(LineError::Io)?;
        let mut connection = Connection::open(stream, &self.clock, &self.settings).await?;
        self.counters.connected = true;
        let mut token = 0;
        let mut found = Vec::new();
        loop {
            connection.lines.flush().await?;
            let next = self.device.next_event();
            tokio::select! {
                biased;
                line = connection.lines.next() => {
                    let line = line?;
                    match Notice::parse(&line.text) {
                        Ok(Notice::Notify(notify)) => {
                            // Up to the moment at which the news came, the old job was hashed.
                            self.advance(&mut found);
                            self.submit(&mut connection, &mut found);
                            token += 1;
                            self.take(&mut connection, notify, token);
                        }
                        Ok(notice) => self.heed(&mut connection, notice),
                        Err(error) => tracing::debug!(%error, "ignored a line from the pool"),
                    }
                }
                command = command::next(&mut self.commands) => {
                    let obeyed = self.obey(command, &mut found);
                    self.submit(&mut connection, &mut found);
                    obeyed?;
                }
                () = self.seat.wait_until(next) => {
                    self.advance(&mut found);
                    self.submit(&mut connection, &mut found);
                }
            }
        }
    }

    /// Brings the physics up to now.
    fn advance(&mut self, found: &mut Vec<Find>) {
        let now = self.clock.now();
        self.device.advance(now, found);
        (self.report)(&self.device, &self.counters);
    }

    fn take(&mut self, connection: &mut Connection, notify: Notify, token: u64) {
        self.counters.jobs += 1;
        self.counters.difficulty = Some(connection.difficulty);
        if connection.jobs.len() == REMEMBERED_JOBS {
            connection.jobs.pop_front();
        }
        connection.jobs.push_back(Received {
            token,
            job_id: notify.job_id,
            work: notify.work,
            difficulty: connection.difficulty,
            extranonce2: 0,
        });
        self.device
            .take_job(token, connection.difficulty, notify.clean);
    }

    fn heed(&mut self, connection: &mut Connection, notice: Notice) {
        match notice {
            // bmminer ignores a difficulty of zero; a new one holds from the next job.
            Notice::SetDifficulty(difficulty) => {
                if let Ok(difficulty) = Difficulty::new(difficulty) {
                    connection.difficulty = difficulty;
                }
            }
            Notice::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => {
                connection.extranonce1 = extranonce1;
                connection.extranonce2_len = extranonce2_len;
            }
            Notice::Reply { id, outcome } => {
                let Some(position) = connection.pending.iter().position(|(sent, _)| id == *sent)
                else {
                    return;
                };
                let Some((_, difficulty)) = connection.pending.remove(position) else {
                    return;
                };
                match outcome {
                    Ok(_) => {
                        self.counters.accepted += 1;
                        self.counters.difficulty_accepted += difficulty;
                        self.counters.last_share = Some(self.device.now());
                    }
                    Err(refusal) => {
                        self.counters.rejected += 1;
                        self.counters.stale += u64::from(refusal.code == 21);
                        self.counters.difficulty_rejected += difficulty;
                    }
                }
            }
            Notice::Notify(_) | Notice::SetVersionMask(_) | Notice::Other(_) => {}
        }
    }

    fn submit(&mut self, connection: &mut Connection, found: &mut Vec<Find>) {
        for find in found.drain(..) {
            // A copy is the same answer a second time, as some of the real device's are.
            let (share, difficulty) = if find.copy {
                (connection.last_submit.clone(), 0.0)
            } else {
                let Some(job) = connection.jobs.iter_mut().find(|job| job.token == find.job) else {
                    continue;
                };
                let share = self.search(
                    job,
                    &connection.extranonce1,
                    connection.extranonce2_len,
                    &find,
                );
                (Some(share), job.difficulty.get())
            };
            let Some(share) = share else { continue };
            if connection.pending.len() == MAX_PENDING {
                connection.pending.pop_front();
            }
            let id = connection.call(Call::Submit(share.clone()));
            connection.pending.push_back((id, difficulty));
            connection.last_submit = Some(share);
        }
    }

    /// Searches the nonces of the chip and core that found the share for one that meets the job.
    fn search(
        &mut self,
        job: &mut Received,
        extranonce1: &[u8],
        extranonce2_len: usize,
        find: &Find,
    ) -> Submit {
        let target = Target::of(
            self.device
                .effective(job.difficulty)
                .scaled(self.settings.difficulty_scale),
        );
        let layout = self.device.params().layout;
        let counters = layout.counters();
        loop {
            // The unit has run through some work items since its last share.
            job.extranonce2 += self.rng.random_range(1..=4);
            let mut extranonce2 = job.extranonce2.to_le_bytes().to_vec();
            extranonce2.resize(extranonce2_len, 0);
            let work = &job.work;
            let root = work.merkle_root(extranonce1, &extranonce2);
            let header = work.header(work.version, &root, work.ntime, 0);
            let midstate = Midstate::of(&header);
            let mut tail = [0; 16];
            tail.copy_from_slice(&header[64..]);
            let start = self.rng.random_range(0..counters);
            for i in 0..counters {
                let nonce = layout.encode(Origin {
                    chip: find.chip,
                    core: find.core,
                    counter: (start + i) % counters,
                });
                tail[12..].copy_from_slice(&nonce.to_le_bytes());
                let hash = midstate.hash(&tail);
                if target.is_met_by(&hash) {
                    let difficulty = difficulty_of(&hash) / self.settings.difficulty_scale;
                    self.counters.best_share = self.counters.best_share.max(difficulty);
                    return Submit {
                        user: self.settings.worker.clone(),
                        job_id: job.job_id.clone(),
                        extranonce2,
                        ntime: work.ntime,
                        nonce,
                        version_bits: None,
                    };
                }
            }
        }
    }
}

impl Connection {
    /// Connects as stock firmware does: subscribe, extranonce.subscribe, authorize, multi_version.
    async fn open(
        stream: TcpStream,
        clock: &Clock,
        settings: &PoolSettings,
    ) -> Result<Connection, MinerError> {
        let mut connection = Connection {
            lines: LineStream::new(stream, clock.clone()),
            extranonce1: Vec::new(),
            extranonce2_len: 0,
            difficulty: Difficulty::ONE,
            jobs: VecDeque::with_capacity(REMEMBERED_JOBS),
            next_id: 0,
            pending: VecDeque::new(),
            last_submit: None,
        };
        let agent = Some(AGENT.to_string());
        let subscribed = connection.ask(Call::Subscribe { agent }).await?;
        connection.extranonce1 = subscribed[1]
            .as_str()
            .and_then(|text| hex::decode(text).ok())
            .ok_or(MinerError::NotAPool)?;
        connection.extranonce2_len = subscribed[2]
            .as_u64()
            .and_then(|len| usize::try_from(len).ok())
            // What bmminer takes.
            .filter(|len| (2..=8).contains(len))
            .ok_or(MinerError::NotAPool)?;
        connection.call(Call::ExtranonceSubscribe);
        let user = settings.worker.clone();
        if connection.ask(Call::Authorize { user }).await? != true {
            return Err(MinerError::Unauthorised);
        }
        connection.call(Call::Other("mining.multi_version".into()));
        Ok(connection)
    }

    /// Queues a request and returns its id.
    fn call(&mut self, call: Call) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request {
            id: json!(id),
            call,
        };
        self.lines.push(&request.to_line("x"));
        id
    }

    /// Sends a request and waits for its reply, passing over whatever else comes.
    async fn ask(&mut self, call: Call) -> Result<serde_json::Value, MinerError> {
        let id = self.call(call);
        self.lines.flush().await?;
        let reply = async {
            loop {
                let line = self.lines.next().await?;
                match Notice::parse(&line.text) {
                    Ok(Notice::Reply { id: of, outcome }) if of == id => {
                        return outcome.map_err(MinerError::Refused);
                    }
                    _ => {}
                }
            }
        };
        tokio::time::timeout(REPLY_TIMEOUT, reply)
            .await
            .unwrap_or(Err(MinerError::NoReply))
    }
}

/// Why a simulated unit lost its pool.
#[derive(Debug, thiserror::Error)]
enum MinerError {
    #[error("the pool is gone: {0}")]
    Line(#[from] LineError),
    #[error("the pool refused: {0:?}")]
    Refused(Refusal),
    #[error("the pool did not reply within {} s", REPLY_TIMEOUT.as_secs())]
    NoReply,
    #[error("the reply to mining.subscribe is not a pool's")]
    NotAPool,
    #[error("the pool did not authorise the worker")]
    Unauthorised,
    #[error("the unit was told to restart")]
    Restarted,
}
