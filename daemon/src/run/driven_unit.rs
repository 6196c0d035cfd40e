//! One task for each driven unit: it drives the unit live, gives it to experiments, and reconnects it when it is lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use thermine_drivers::interlock::{Permission, may_be_lent};
use thermine_lab::substrate::Substrate;
use thermine_units::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::captures::Captures;
use super::claimed_job::{ClaimedJob, FreeUnit};
use super::health::{Standing, Work};
use super::learner::Learner;
use super::permit::Permit;
use super::publish::{self, Publisher};
use super::record_tee;
use super::share_stats::ShareStats;
use super::shared::Shared;
use thermine_capture::error_chain::chain;
use thermine_lab::attach::{Driven, Unit};
use thermine_lab::config::daemon::Live as Task;
use thermine_lab::config::{Config, Step};
use thermine_lab::experiment::trained::Readout;
use thermine_lab::observer::Log;
use thermine_lab::session::{Session, with_attached};

/// Wall time that a unit is given to have its last shares acknowledged.
const PARTING: Duration = Duration::from_secs(10);
/// Wall time between two looks at how the live task does.
const SCORING: Duration = Duration::from_secs(5);
/// Wall time between two looks at whether a job may have a unit that has tripped.
const RELEASED: Duration = Duration::from_secs(1);
/// Wall time between two sights of target and prediction.
const SHOWING: Duration = Duration::from_millis(250);

/// The task of a driven unit.
#[derive(Debug)]
pub(super) struct DrivenUnit {
    shared: Shared,
    config: Config,
    seed: u64,
    trained: Option<PathBuf>,
    stats: Arc<Mutex<ShareStats>>,
    learner: Option<Learner>,
    captures: Captures,
    backoff: Backoff,
    jobs: mpsc::Receiver<ClaimedJob>,
    stop: CancellationToken,
    sessions: u64,
    standing: Arc<Mutex<Standing>>,
}

/// Why a unit is no longer driven.
enum StopReason {
    Stopped,
    /// A job wants the unit.
    Job(Box<ClaimedJob>),
}

impl DrivenUnit {
    pub(super) fn new(
        shared: Shared,
        config: Config,
        seed: u64,
        trained: Option<PathBuf>,
        jobs: mpsc::Receiver<ClaimedJob>,
        stop: CancellationToken,
    ) -> DrivenUnit {
        DrivenUnit {
            stats: Arc::new(Mutex::new(ShareStats::new(config.unit.model))),
            backoff: Backoff::new(seed),
            captures: Captures::of(&shared.daemon, &config, seed),
            shared,
            config,
            seed,
            trained,
            learner: None,
            jobs,
            stop,
            sessions: 0,
            standing: Standing::shared(),
        }
    }

    fn name(&self) -> &str {
        &self.config.unit.name
    }

    /// Drives the unit until the task is stopped.
    pub(super) async fn run(mut self) {
        self.stay_until_stopped().await;
        self.captures.close().await;
    }

    async fn stay_until_stopped(&mut self) {
        loop {
            match self.stay().await {
                Ok(StopReason::Stopped) => return,
                Ok(StopReason::Job(job)) => {
                    let unit = FreeUnit {
                        config: &self.config,
                        lender: self.shared.base.clone(),
                    };
                    job.run(&self.shared, Some(unit), &self.stop).await;
                }
                Err(error) => {
                    self.lost(&chain(&error));
                    if !self.wait().await {
                        return;
                    }
                }
            }
        }
    }

    /// Brings the unit in, works with it, and leaves it safe.
    async fn stay(&mut self) -> Result<StopReason> {
        if self.stop.is_cancelled() {
            return Ok(StopReason::Stopped);
        }
        let rig = self.shared.rig(&self.config);
        let (context, config) = (self.shared.context.within(), self.config.clone());
        let session = Session {
            context: &context,
            config: &config,
            seed: self.seed,
            notices: &Log,
        };
        with_attached(session, rig, async |unit, rig| {
            // A unit that leaves is shown as lost until it is back.
            unit.without_patience();
            let hub = self.shared.hub.clone();
            let _permit = hub
                .zip(unit.permission())
                .map(|(hub, permission)| Permit::follow(hub, self.name(), permission));
            let why = match self.shared.daemon.live {
                Task::Narma10 => self.work(unit, rig.clock()).await,
                Task::Off => self.watch(unit, rig.clock()).await,
            };
            self.stats.lock().end();
            unit.hang_up().await;
            why
        })
        .await
    }

    /// Reads the unit, and gives it no work.
    async fn watch(&mut self, unit: &Unit, clock: &Clock) -> Result<StopReason> {
        self.activity("watched, without work");
        self.standing.lock().work(Work::NotAsked, Instant::now());
        let _publisher = Publisher {
            stats: None,
            ..self.publisher(unit, clock)
        }
        .start();
        let job = tokio::select! {
            () = self.stop.cancelled() => return Ok(StopReason::Stopped),
            job = self.jobs.recv() => job,
        };
        // The interlock of the job would not know that this one has tripped.
        while unit
            .permission()
            .is_some_and(|permission| !may_be_lent(&permission))
        {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(StopReason::Stopped),
                () = tokio::time::sleep(RELEASED) => {}
            }
        }
        Ok(job.map_or(StopReason::Stopped, |job| StopReason::Job(Box::new(job))))
    }

    /// Drives the unit live, again and again while it can be had.
    async fn work(&mut self, unit: &mut Unit, clock: &Clock) -> Result<StopReason> {
        let awaited = format!("it has not connected yet ({})", unit.instructions());
        self.standing
            .lock()
            .work(Work::Awaited(awaited), Instant::now());
        // Its readings are told as long as it is here, whether it is driven or not.
        let mut publisher = self.publisher(unit, clock).start();
        loop {
            let ready = {
                let stop = self.stop.clone();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(StopReason::Stopped),
                    ready = unit.ready() => ready,
                }
            };
            let driven = match ready {
                Ok(remarks) => {
                    for remark in remarks {
                        tracing::info!(unit = self.name(), %remark, "not as asked");
                    }
                    if unit.model.is_bare() {
                        // A chain that was just brought up has a new source of readings.
                        publisher = self.publisher(unit, clock).start();
                    }
                    self.drive(unit, clock).await
                }
                Err(error) => Err(error),
            };
            let error = match driven {
                Ok(reason) => return Ok(reason),
                Err(error) => error,
            };
            self.stats.lock().end();
            if unit.permission().is_some() {
                self.standing.lock().withheld(unit.withheld().as_ref());
            }
            self.lost(&chain(&error));
            self.sessions += 1;
            let again = self.seed.wrapping_add(self.sessions.wrapping_mul(1 << 32));
            if !unit.abandon(again) {
                drop(publisher);
                return Err(error);
            }
            // Its interlock and its readings go on meanwhile.
            if !self.wait().await {
                return Ok(StopReason::Stopped);
            }
        }
    }

    /// Drives the unit, which is ready, with the live task.
    async fn drive(&mut self, unit: &mut Unit, clock: &Clock) -> Result<StopReason> {
        let mut learner = self.learner(unit)?;
        let kept = self.captures.next().await?;
        let (recorder, tap) =
            record_tee::open(self.stats.clone(), &self.shared.live, self.name(), kept);
        let mut driven = unit.drive(learner.encoding().discipline, recorder)?;
        self.stats.lock().begin(clock.now());
        self.activity(&learner.activity());
        self.standing.lock().work(Work::Given, Instant::now());
        let reason = self
            .steps(&mut driven, unit.permission(), &mut learner)
            .await;
        self.learner = Some(learner);
        let reason = reason?;
        // Every share so far is acknowledged.
        match tokio::time::timeout(PARTING, unit.release(driven)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::info!(unit = self.name(), %error, "left before it was released")
            }
            Err(_) => tracing::info!(unit = self.name(), "did not take its last answers"),
        }
        // What it has recorded is counted before the numbers are read again.
        let _ = tokio::time::timeout(PARTING, tap).await;
        Ok(reason)
    }

    async fn steps(
        &mut self,
        driven: &mut Driven,
        permission: Option<watch::Receiver<Permission>>,
        learner: &mut Learner,
    ) -> Result<StopReason> {
        let stop = self.stop.clone();
        let (mut shown, mut scored) = (None, None);
        let due =
            |last: Option<tokio::time::Instant>, every| last.is_none_or(|at| at.elapsed() >= every);
        loop {
            let may_be_lent = permission.as_ref().is_none_or(may_be_lent);
            if may_be_lent && let Ok(job) = self.jobs.try_recv() {
                return Ok(StopReason::Job(Box::new(job)));
            }
            let mut seen = Vec::new();
            for drive in learner.drives() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(StopReason::Stopped),
                    step = driven.step(&drive) => seen.push(step?),
                }
            }
            self.backoff.step();
            learner.learn(&seen)?;
            if due(shown, SHOWING) {
                shown = Some(tokio::time::Instant::now());
                let mut learning = learner.shown();
                let scores = if due(scored, SCORING) {
                    scored = shown;
                    learner.scores()
                } else {
                    None
                };
                self.shared.live.change(self.name(), |unit| {
                    let before = unit.learning.take();
                    let before = before.and_then(|before| before.nrmse.zip(before.control));
                    if let Some((nrmse, control)) = scores.or(before) {
                        learning.nrmse = Some(nrmse);
                        learning.control = Some(control);
                    }
                    unit.learning = Some(learning);
                });
            }
        }
    }

    /// The task as it stood when the unit was last driven, or a new one.
    fn learner(&mut self, unit: &Unit) -> Result<Learner> {
        if let Some(learner) = self.learner.take() {
            return Ok(learner);
        }
        let trained = match &self.trained {
            None => None,
            Some(file) => {
                let readout = Readout::load(file)?;
                readout.check_provenance(&unit.provenance())?;
                Some(readout)
            }
        };
        let learner = Learner::new(unit.model, &self.step(), self.seed, trained);
        let whose = || match &self.trained {
            Some(file) => format!("readout.file {}", file.display()),
            None => "the live task".into(),
        };
        learner.with_context(whose)
    }

    fn step(&self) -> Step {
        let mut step = self.config.step.clone();
        if let Some(seconds) = self.shared.daemon.step_seconds {
            step.hold_seconds = seconds;
            step.timeout_seconds = step.timeout_seconds.max(2.0 * seconds);
        }
        step
    }

    fn publisher(&self, unit: &Unit, clock: &Clock) -> Publisher {
        Publisher {
            live: self.shared.live.clone(),
            config: self.config.clone(),
            latest: unit.latest.clone(),
            stats: Some(self.stats.clone()),
            clock: clock.clone(),
            seed: self.seed,
            standing: self.standing.clone(),
            permission: unit.permission(),
            evidence: unit.evidence(),
        }
    }

    fn activity(&self, what: &str) {
        self.shared
            .live
            .change(self.name(), |unit| unit.activity = what.to_string());
    }

    fn lost(&self, why: &str) {
        tracing::warn!(unit = self.name(), why, "lost");
        self.standing
            .lock()
            .work(Work::Failed(why.to_string()), Instant::now());
        publish::failed(&self.shared.live, self.name(), &self.standing);
        self.activity("waited for");
    }

    /// Waits before the next attempt. Returns whether there is to be one.
    async fn wait(&mut self) -> bool {
        let wait = self.backoff.next();
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}
