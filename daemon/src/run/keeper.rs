//! One task for each driven unit: it drives the unit live, lends it to experiments, and gets it back when it is lost.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use thermine_drivers::interlock::{Permission, may_be_lent};
use thermine_lab::substrate::Substrate;
use thermine_proxy::Hub;
use thermine_units::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::captures::Captures;
use super::gauge::Gauge;
use super::health::{Standing, Work};
use super::learner::Learner;
use super::lent::Lent;
use super::permit::Permit;
use super::publish::{self, Publisher, standing_of};
use super::tap;
use crate::lab::attach::{Driven, Rig, Unit};
use crate::lab::config::daemon::{Daemon, Live as Task};
use crate::lab::config::{Config, Step};
use crate::lab::experiment::trained::Readout;
use crate::lab::observer::Log;
use crate::lab::session::{Context, Session, with_attached};
use crate::live::Live;
use crate::queue::Queue;
use thermine_capture::error_chain::chain;

/// Wall time that a unit is given to have its last shares acknowledged.
const PARTING: Duration = Duration::from_secs(10);
/// Wall time between two looks at how the live task does.
const SCORING: Duration = Duration::from_secs(5);
/// Wall time between two looks at whether a job may have a unit that has tripped.
const RELEASED: Duration = Duration::from_secs(1);
/// Wall time between two sights of target and prediction.
const SHOWING: Duration = Duration::from_millis(250);

/// What every keeper works with.
#[derive(Debug, Clone)]
pub(super) struct House {
    pub(super) live: Live,
    pub(super) queue: Queue,
    pub(super) base: Arc<Rig>,
    /// The daemon, as the driver of its units. A unit's task is stopped by itself, and not by this.
    pub(super) context: Context,
    pub(super) daemon: Daemon,
    /// The proxy, if the rack has one: a driven unit whose firmware falls back to it is under its interlock there too.
    pub(super) hub: Option<Hub>,
    /// Whether simulated units that name no speed run in virtual time, for tests of a long time.
    pub(super) is_virtual: bool,
}

impl House {
    /// The clock of a unit; `None` for the wall's.
    pub(super) fn clock(&self, config: &Config) -> Option<Clock> {
        let simulated = config.unit.simulated.as_ref()?;
        match simulated.speed {
            None if self.is_virtual => Some(Clock::virtual_time()),
            speed => Some(Clock::scaled(speed.unwrap_or(self.daemon.speed))),
        }
    }

    /// Seconds of a unit's time in one of the wall's; `None` where it has no fixed speed.
    pub(super) fn speed(&self, config: &Config) -> Option<f64> {
        match &config.unit.simulated {
            None => Some(1.0),
            Some(simulated) => match simulated.speed {
                None if self.is_virtual => None,
                speed => Some(speed.unwrap_or(self.daemon.speed)),
            },
        }
    }

    /// A rig for a unit.
    pub(super) fn rig(&self, config: &Config) -> Rig {
        match self.clock(config) {
            None => self.base.beside(),
            Some(clock) => self.base.apart(clock),
        }
    }
}

/// What a keeper's task is about.
#[derive(Debug)]
pub(super) struct Keeper {
    house: House,
    config: Config,
    seed: u64,
    trained: Option<PathBuf>,
    gauge: Arc<Mutex<Gauge>>,
    learner: Option<Learner>,
    captures: Captures,
    backoff: Backoff,
    jobs: mpsc::Receiver<Lent>,
    stop: CancellationToken,
    sessions: u64,
    standing: Arc<Mutex<Standing>>,
}

/// Why a unit is no longer driven.
enum Parting {
    Stopped,
    Lent(Box<Lent>),
}

impl Keeper {
    pub(super) fn new(
        house: House,
        config: Config,
        seed: u64,
        trained: Option<PathBuf>,
        jobs: mpsc::Receiver<Lent>,
        stop: CancellationToken,
    ) -> Keeper {
        Keeper {
            gauge: Arc::new(Mutex::new(Gauge::new(config.unit.model))),
            backoff: Backoff::new(seed),
            captures: Captures::of(&house.daemon, &config, seed),
            house,
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

    /// Keeps the unit until it is stopped.
    pub(super) async fn keep(mut self) {
        self.stay_until_stopped().await;
        self.captures.close().await;
    }

    async fn stay_until_stopped(&mut self) {
        loop {
            match self.stay().await {
                Ok(Parting::Stopped) => return,
                Ok(Parting::Lent(lent)) => {
                    let lender = self.house.base.clone();
                    lent.on_unit(&self.house, &self.config, lender, &self.stop)
                        .await;
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
    async fn stay(&mut self) -> Result<Parting> {
        if self.stop.is_cancelled() {
            return Ok(Parting::Stopped);
        }
        let rig = self.house.rig(&self.config);
        let (context, config) = (self.house.context.within(), self.config.clone());
        let session = Session {
            context: &context,
            config: &config,
            seed: self.seed,
            notices: &Log,
        };
        with_attached(session, rig, async |unit, rig| {
            // A unit that leaves is shown as lost until it is back.
            unit.without_patience();
            let hub = self.house.hub.clone();
            let _permit = hub
                .zip(unit.permission())
                .map(|(hub, permission)| Permit::follow(hub, self.name(), permission));
            let why = match self.house.daemon.live {
                Task::Narma10 => self.work(unit, rig.clock()).await,
                Task::Off => self.watch(unit, rig.clock()).await,
            };
            self.gauge().end();
            unit.hang_up().await;
            why
        })
        .await
    }

    /// Reads the unit, and gives it no work.
    async fn watch(&mut self, unit: &Unit, clock: &Clock) -> Result<Parting> {
        self.activity("watched, without work");
        standing_of(&self.standing).work(Work::NotAsked, Instant::now());
        let _publisher = Publisher {
            gauge: None,
            ..self.publisher(unit, clock)
        }
        .start();
        let lent = tokio::select! {
            () = self.stop.cancelled() => return Ok(Parting::Stopped),
            lent = self.jobs.recv() => lent,
        };
        // The interlock of the job would not know that this one has tripped.
        while unit
            .permission()
            .is_some_and(|permission| !may_be_lent(&permission))
        {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(Parting::Stopped),
                () = tokio::time::sleep(RELEASED) => {}
            }
        }
        Ok(lent.map_or(Parting::Stopped, |lent| Parting::Lent(Box::new(lent))))
    }

    /// Drives the unit live, again and again while it can be had.
    async fn work(&mut self, unit: &mut Unit, clock: &Clock) -> Result<Parting> {
        let awaited = format!("it has not connected yet ({})", unit.instructions());
        standing_of(&self.standing).work(Work::Awaited(awaited), Instant::now());
        // Its readings are told as long as it is here, whether it is driven or not.
        let mut publisher = self.publisher(unit, clock).start();
        loop {
            let ready = {
                let stop = self.stop.clone();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(Parting::Stopped),
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
                Ok(parting) => return Ok(parting),
                Err(error) => error,
            };
            self.gauge().end();
            if unit.permission().is_some() {
                standing_of(&self.standing).withheld(unit.withheld().as_ref());
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
                return Ok(Parting::Stopped);
            }
        }
    }

    /// Drives the unit, which is ready, with the live task.
    async fn drive(&mut self, unit: &mut Unit, clock: &Clock) -> Result<Parting> {
        let mut learner = self.learner(unit)?;
        let kept = self.captures.next().await?;
        let (recorder, tap) = tap::open(self.gauge.clone(), &self.house.live, self.name(), kept);
        let mut driven = unit.drive(learner.encoding().discipline, recorder)?;
        self.gauge().begin(clock.now());
        self.activity(&learner.activity());
        standing_of(&self.standing).work(Work::Given, Instant::now());
        let parting = self
            .steps(&mut driven, unit.permission(), &mut learner)
            .await;
        self.learner = Some(learner);
        let parting = parting?;
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
        Ok(parting)
    }

    async fn steps(
        &mut self,
        driven: &mut Driven,
        permission: Option<watch::Receiver<Permission>>,
        learner: &mut Learner,
    ) -> Result<Parting> {
        let stop = self.stop.clone();
        let (mut shown, mut scored) = (None, None);
        let due =
            |last: Option<tokio::time::Instant>, every| last.is_none_or(|at| at.elapsed() >= every);
        loop {
            let may_be_lent = permission.as_ref().is_none_or(may_be_lent);
            if may_be_lent && let Ok(lent) = self.jobs.try_recv() {
                return Ok(Parting::Lent(Box::new(lent)));
            }
            let mut seen = Vec::new();
            for drive in learner.drives() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(Parting::Stopped),
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
                self.house.live.change(self.name(), |unit| {
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

    /// A live step.
    fn step(&self) -> Step {
        let mut step = self.config.step.clone();
        if let Some(seconds) = self.house.daemon.step_seconds {
            step.hold_seconds = seconds;
            step.timeout_seconds = step.timeout_seconds.max(2.0 * seconds);
        }
        step
    }

    fn gauge(&self) -> std::sync::MutexGuard<'_, Gauge> {
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publisher(&self, unit: &Unit, clock: &Clock) -> Publisher {
        Publisher {
            live: self.house.live.clone(),
            config: self.config.clone(),
            latest: unit.latest.clone(),
            gauge: Some(self.gauge.clone()),
            clock: clock.clone(),
            seed: self.seed,
            standing: self.standing.clone(),
            permission: unit.permission(),
            evidence: unit.evidence(),
        }
    }

    fn activity(&self, what: &str) {
        self.house
            .live
            .change(self.name(), |unit| unit.activity = what.to_string());
    }

    fn lost(&self, why: &str) {
        tracing::warn!(unit = self.name(), why, "lost");
        standing_of(&self.standing).work(Work::Failed(why.to_string()), Instant::now());
        publish::failed(&self.house.live, self.name(), &self.standing);
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
