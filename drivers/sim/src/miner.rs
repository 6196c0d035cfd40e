//! A simulated unit's Stratum side: speaks to a pool as its `Firmware` does, and hashes for real.
//!
//! The physics decides *when* a share is found and by which chip and core; the share itself is then
//! searched for among the nonces of that chip and core, in a header built from the job's own bytes, at
//! the job's difficulty times a scale. A wrong byte anywhere between the pool and the header therefore
//! gives shares that do not verify.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use serde_json::Value;

use super::command::{Command, Inbox, Order, Spoken, Tap};
use super::connection::{Connection, MinerError, REMEMBERED_JOBS, REMEMBERED_SUBMITS, Received};
use super::device::Device;
use super::find::Find;
use super::firmware::{BMMINER, Firmware};
use thermine_stratum::client_protocol::{ClientError, Told};
use thermine_stratum::line::LineError;
use thermine_stratum::notice::{Notice, Notify};
use thermine_stratum::refusal::Refusal;
use thermine_stratum::request::Submit;
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::nonce::Origin;
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::BIP320_MASK;
use thermine_units::seed::Rng;

/// Wall time between attempts to reach the pool.
const RECONNECT: Duration = Duration::from_millis(200);

/// Submitted shares that may be without a reply; older ones are taken as lost.
const MAX_PENDING: usize = 256;

/// Device time that a restart takes. Assumed: about what an ESP32 needs to reach its network again.
const RESTART: Duration = Duration::from_secs(1);

/// What the pool's side of a unit's counters says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PoolCounters {
    /// When the counters began: at the start, or when the last restart is over. Until then the unit is off.
    pub(crate) since: Nanos,
    /// Whether the pool has authorised the unit.
    pub(crate) connected: bool,
    /// Jobs received since then.
    pub(crate) jobs: u64,
    /// Shares accepted.
    pub(crate) accepted: u64,
    /// Shares rejected, stale ones included.
    pub(crate) rejected: u64,
    /// Shares rejected as stale (code 21).
    pub(crate) stale: u64,
    /// Sum of the difficulty of the accepted shares.
    pub(crate) difficulty_accepted: f64,
    /// Sum of the difficulty of the rejected shares.
    pub(crate) difficulty_rejected: f64,
    /// Difficulty of the newest job.
    pub(crate) difficulty: Option<Difficulty>,
    /// When the newest share was accepted.
    pub(crate) last_share: Option<Nanos>,
    /// Hardest share found.
    pub(crate) best_share: f64,
}

/// Where a simulated unit mines, and how hard it hashes.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// The pool's address.
    pub pool: SocketAddr,
    /// Worker name that it authorises with.
    pub worker: String,
    /// Factor on the difficulty that a share's hash really meets: 2^-34 makes the 2^40 hashes of
    /// difficulty 256 into 64. The pool must use the same.
    pub difficulty_scale: f64,
}

/// The unit: its physics, its connection and its counters.
#[derive(Debug)]
pub(crate) struct Miner<Report> {
    device: Device,
    settings: PoolSettings,
    waiter: Arc<Waiter>,
    clock: Clock,
    rng: Rng,
    counters: PoolCounters,
    report: Report,
    firmware: Firmware,
    inbox: Inbox,
    tap: Tap,
    restarting: bool,
    /// Whether the log already says that the pool's jobs are for another algorithm.
    told_algorithm: bool,
}

impl<Report: FnMut(&Device, &PoolCounters) + Send> Miner<Report> {
    /// A unit with this physics. `report` is called whenever its sensors or counters may have changed.
    pub(crate) fn new(
        device: Device,
        settings: PoolSettings,
        clock: Clock,
        rng: Rng,
        report: Report,
    ) -> Self {
        Miner {
            device,
            settings,
            waiter: Arc::new(clock.follow()),
            tap: Tap::none(clock.clone()),
            clock,
            rng,
            counters: PoolCounters::default(),
            report,
            firmware: BMMINER,
            inbox: Inbox::closed(),
            restarting: false,
            told_algorithm: false,
        }
    }

    /// The same unit with another firmware than the S9's, that takes orders and lets others listen in.
    pub(crate) fn with_firmware(self, firmware: Firmware, inbox: Inbox, tap: Tap) -> Self {
        Miner {
            firmware,
            inbox,
            tap,
            ..self
        }
    }

    /// Mines until `shutdown`, reconnecting whenever the pool goes away.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
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
                if !self.restarting {
                    // An order to restart cuts the wait short.
                    let _ = self.meanwhile(tokio::time::sleep(RECONNECT)).await;
                }
                self.boot().await;
            }
        };
        shutdown.run_until_cancelled(mine).await;
    }

    async fn mine(&mut self) -> Result<std::convert::Infallible, MinerError> {
        let connecting = TcpStream::connect(self.settings.pool);
        let stream = self.meanwhile(connecting).await?;
        let stream = stream.map_err(|error| ClientError::Line(LineError::Io(error)))?;
        let (worker, waiter) = (self.settings.worker.clone(), self.waiter.clone());
        let opening = Connection::open(
            stream,
            &waiter,
            self.clock.clone(),
            self.firmware,
            self.tap.clone(),
            worker,
        );
        let mut connection = self.meanwhile(opening).await??;
        self.counters.connected = true;
        let mut token = 0;
        let mut found = Vec::new();
        loop {
            connection.wire.flush().await?;
            let next = self.device.next_event();
            tokio::select! {
                biased;
                order = self.inbox.next() => {
                    self.advance(&mut found);
                    self.submit(&mut connection, &mut found);
                    self.obey(order);
                    if self.restarting {
                        connection.wire.abandon().await;
                        return Err(MinerError::Restarting);
                    }
                }
                told = connection.wire.next() => match told? {
                    Told::Notice(notice) => {
                        if matches!(notice, Notice::Notify(_)) {
                            // Up to the moment at which the news came, the old job was hashed.
                            self.advance(&mut found);
                            self.submit(&mut connection, &mut found);
                        }
                        self.receive(&mut connection, notice, &mut token);
                    }
                    Told::Reply { id, outcome } => self.answered(&mut connection, &id, &outcome),
                    Told::Ignored(_, error) => tracing::debug!(%error, "ignored a line from the pool"),
                    Told::Granted(_) | Told::Answered => {}
                },
                () = self.waiter.wait_until(next) => {
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

    /// Waits for `what`, and carries out the orders that come meanwhile.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> Result<T, MinerError> {
        let mut what = std::pin::pin!(what);
        loop {
            tokio::select! {
                biased;
                order = self.inbox.next() => {
                    self.advance(&mut Vec::new());
                    self.obey(order);
                }
                outcome = &mut what => return Ok(outcome),
            }
            if self.restarting {
                return Err(MinerError::Restarting);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order.command {
            Command::Set(point) => {
                self.device.set_operating_point(&point);
            }
            Command::Restart(pool) => {
                if let Some(pool) = pool {
                    self.settings.pool = pool.address;
                    self.settings.worker = pool.worker;
                }
                self.restarting = true;
                self.counters = PoolCounters {
                    since: self.device.now() + RESTART,
                    ..PoolCounters::default()
                };
                self.device.lose_work();
            }
        }
        (self.report)(&self.device, &self.counters);
        if let Some(done) = order.done {
            // An error means that the giver of the order no longer waits.
            let _ = done.send(());
        }
    }

    /// The time that the unit is off while it restarts.
    async fn boot(&mut self) {
        while self.device.now() < self.counters.since {
            let next = self.device.next_event().min(self.counters.since);
            tokio::select! {
                biased;
                order = self.inbox.next() => self.obey(order),
                () = self.waiter.wait_until(next) => self.advance(&mut Vec::new()),
            }
        }
        self.restarting = false;
    }

    fn receive(&mut self, connection: &mut Connection, notice: Notice, token: &mut u64) {
        match notice {
            Notice::Notify(notify) if notify.work.algorithm() != self.device.params().algorithm => {
                // Its firmware cannot read the other algorithm's job, and waits for one that it can.
                if !std::mem::replace(&mut self.told_algorithm, true) {
                    tracing::warn!(
                        worker = %self.settings.worker,
                        job = ?notify.work.algorithm(),
                        unit = ?self.device.params().algorithm,
                        "the pool's jobs are for another algorithm: the simulated unit ignores them"
                    );
                }
            }
            Notice::Notify(notify) => {
                *token += 1;
                self.take(connection, notify, *token);
            }
            notice => on_notice(connection, notice),
        }
    }

    fn take(&mut self, connection: &mut Connection, notify: Notify, token: u64) {
        self.counters.jobs += 1;
        self.counters.difficulty = Some(connection.difficulty);
        if connection.jobs.len() == REMEMBERED_JOBS {
            connection.jobs.pop_front();
        }
        self.device
            .take_job(token, connection.difficulty, notify.clean);
        connection.jobs.push_back(Received {
            token,
            job_id: notify.job_id,
            work: notify.work,
            difficulty: connection.difficulty,
            extranonce2: 0,
            begins: self.device.work_begins(),
        });
    }

    /// Counts the answer to a share.
    fn answered(
        &mut self,
        connection: &mut Connection,
        id: &Value,
        outcome: &Result<Value, Refusal>,
    ) {
        let position = connection.pending.iter().position(|(sent, _)| *id == *sent);
        let Some((_, difficulty)) = position.and_then(|at| connection.pending.remove(at)) else {
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

    fn submit(&mut self, connection: &mut Connection, found: &mut Vec<Find>) {
        for find in found.drain(..) {
            // A copy is the same answer a second time, as some of the real device's are.
            let (share, difficulty) = if find.copy {
                let first = connection.submits.iter().rev();
                let mut first = first.filter(|(first, _)| find.repeats(first));
                (first.next().map(|(_, share)| share.clone()), 0.0)
            } else {
                let Some(job) = connection.jobs.iter_mut().find(|job| job.token == find.job) else {
                    continue;
                };
                let share = self.search(
                    job,
                    &connection.extranonce1,
                    connection.extranonce2_len,
                    connection.version_mask,
                    &find,
                );
                (Some(share), job.difficulty.get())
            };
            let Some(share) = share else { continue };
            if connection.pending.len() == MAX_PENDING {
                connection.pending.pop_front();
            }
            let id = connection.submit(share.clone());
            connection.pending.push_back((id, difficulty));
            if connection.submits.len() == REMEMBERED_SUBMITS {
                connection.submits.pop_front();
            }
            connection.submits.push_back((find, share));
        }
    }

    /// Searches the nonces of the chip and core that found the share for one that meets the job.
    fn search(
        &mut self,
        job: &mut Received,
        extranonce1: &[u8],
        extranonce2_len: usize,
        version_mask: Option<u32>,
        find: &Find,
    ) -> Submit {
        let proof_of_work = job.work.proof_of_work();
        let target = proof_of_work.target(
            self.device
                .effective(job.difficulty)
                .scaled(self.settings.difficulty_scale),
        );
        let layout = self.device.params().layout;
        let counters = layout.counters();
        loop {
            // The number of the work item: one is fetched whenever a board has gone through the last.
            let items = find.at.since(job.begins).as_secs_f64() * self.device.work_rate();
            job.extranonce2 = (job.extranonce2 + 1).max(items as u64);
            let mut extranonce2 = job.extranonce2.to_le_bytes().to_vec();
            extranonce2.resize(extranonce2_len, 0);
            let work = &job.work;
            let root = work.merkle_root(extranonce1, &extranonce2);
            let version_bits = version_mask.map(|mask| self.rng.random::<u32>() & mask);
            let version = work.version ^ version_bits.unwrap_or(0);
            let mut header = work.header(version, &root, work.ntime, 0);
            let start = self.rng.random_range(0..counters);
            let nonces = (0..counters).map(|i| {
                layout.encode(Origin {
                    chip: find.chip,
                    core: find.core,
                    counter: (start + i) % counters,
                })
            });
            let Some((nonce, hash)) = work.algorithm().search(&mut header, &target, nonces) else {
                continue;
            };
            let difficulty = proof_of_work.difficulty_of(&hash) / self.settings.difficulty_scale;
            self.counters.best_share = self.counters.best_share.max(difficulty);
            self.tap.tell(|| Spoken::Nonce {
                version,
                nonce,
                difficulty,
                wanted: job.difficulty.get(),
            });
            return Submit {
                user: self.settings.worker.clone(),
                job_id: job.job_id.clone(),
                extranonce2,
                ntime: work.ntime,
                nonce,
                version_bits,
            };
        }
    }
}

/// Takes what the pool announces beside jobs.
fn on_notice(connection: &mut Connection, notice: Notice) {
    match notice {
        // bmminer ignores a difficulty of zero; a new one holds from the next job.
        Notice::SetDifficulty(mut difficulty) => {
            if connection.firmware.whole_difficulty {
                // To ESP-Miner zero is everything; 1 is under the floor of its chip and so the same.
                difficulty = difficulty.trunc().max(1.0);
            }
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
        Notice::SetVersionMask(mask) => {
            if let Some(rolled) = &mut connection.version_mask {
                *rolled = mask & BIP320_MASK;
            }
        }
        Notice::Notify(_)
        | Notice::Reply { .. }
        | Notice::Reconnect { .. }
        | Notice::Question { .. }
        | Notice::Message(_)
        | Notice::Other(_) => {}
    }
}
