//! A unit on the wire, driven by the Single-Word Handshake.

use std::time::Duration;

use tokio::sync::watch;

use super::connection::{Connection, Patience};
use super::steps::{Steps, Wire};
use super::watchdog::Watchdog;
use super::{Discipline, Drive, Observation, Provenance, Substrate, SubstrateError};
use thermine_drivers::control::ControlError;
use thermine_drivers::evidence::Evidence;
use thermine_drivers::interlock::{Permission, Setter};
use thermine_drivers::poller::Latest;
use thermine_stratum::Session;
use thermine_stratum::factory::{Job, JobFactory};
use thermine_stratum::handshake::cadence;
use thermine_stratum::session::Share;
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::pow::Difficulty;
use thermine_units::record::Recorder;
use thermine_units::unit::OperatingPoint;

/// A unit behind a Stratum session.
#[derive(Debug)]
pub struct Handshake {
    unit: Unit,
    steps: Steps,
    provenance: Provenance,
}

/// The session, and what its cadence follows from.
#[derive(Debug)]
struct Unit {
    connection: Connection,
    dead_time: Duration,
    waiter: Waiter,
    watchdog: Option<(Watchdog, watch::Receiver<Permission>)>,
    setter: Option<Setter>,
    /// Where the last step has set it.
    point: OperatingPoint,
    /// Where it runs unless a step says otherwise.
    base: OperatingPoint,
    /// Whether it has to be set again, as it may have restarted.
    is_unset: bool,
}

impl Handshake {
    /// Drives the unit of `session` with jobs from `jobs`. `dead_time` is the hashing that each clean
    /// job costs the model; `latest` is what its poller publishes. The session is made to record to
    /// `recorder`.
    #[expect(
        clippy::too_many_arguments,
        reason = "each part is handed in once, by its owner"
    )]
    pub fn new(
        mut session: Session,
        jobs: JobFactory,
        discipline: Discipline,
        dead_time: Duration,
        latest: watch::Receiver<Latest>,
        recorder: Recorder,
        provenance: Provenance,
        clock: Clock,
    ) -> Handshake {
        session.record_to(recorder.clone());
        Handshake {
            unit: Unit {
                connection: Connection::new(session),
                dead_time,
                waiter: clock.drive(),
                watchdog: None,
                setter: None,
                point: OperatingPoint::UNCHANGED,
                base: OperatingPoint::UNCHANGED,
                is_unset: false,
            },
            steps: Steps::new(jobs, discipline, latest, recorder, clock),
            provenance,
        }
    }

    /// Takes the unit back if its connection breaks, within `patience`: the step under way is marked as
    /// interrupted. Without this a broken connection ends the run.
    pub fn with_patience(mut self, patience: Patience) -> Handshake {
        self.unit.base = patience.point;
        self.unit.connection.with_patience(patience);
        self
    }

    /// Looks at `permission` before every job and at least every second of device time: a unit whose work is
    /// withheld is disconnected, and the step fails. A watchdog cuts its connection if no step looks for 5 s of wall
    /// time: an experiment that hangs leaves its unit at work on the last job.
    ///
    /// # Errors
    /// If the process has no file descriptor left to hang up by.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn with_permission(
        mut self,
        permission: watch::Receiver<Permission>,
    ) -> std::io::Result<Handshake> {
        self.unit.watch(permission.clone())?;
        Ok(Handshake {
            steps: self.steps.with_permission(permission),
            ..self
        })
    }

    /// Adds to the `evidence` of what the unit is, from which its provenance follows.
    pub(crate) fn with_evidence(self, evidence: Evidence) -> Handshake {
        Handshake {
            steps: self.steps.with_evidence(evidence),
            ..self
        }
    }

    /// Lets the drive's operating point reach the unit, by way of its guard. Without this a step that names
    /// one fails.
    pub(crate) fn with_setter(mut self, setter: Setter) -> Handshake {
        self.unit.setter = Some(setter);
        self
    }

    /// Ends the conversation: every share so far is durable and acknowledged, and the last step is
    /// recorded. Gives back jobs for a conversation to follow, and the session unless the unit has gone: its
    /// steps are complete all the same.
    ///
    /// # Errors
    /// If the capture has failed.
    pub async fn finish(self) -> Result<(Option<Session>, JobFactory), SubstrateError> {
        let jobs = self.steps.finish().await?;
        let mut session = self.unit.connection.session;
        match session.settle().await {
            Ok(()) => {
                session.record_to(Recorder::discard());
                Ok((Some(session), jobs))
            }
            Err(error) if error.is_lost() => {
                tracing::info!(%error, "the unit left after its last step");
                session.hang_up().await;
                Ok((None, jobs))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Unit {
    /// Has the present connection cut if work is withheld and no step hangs up.
    fn watch(&mut self, permission: watch::Receiver<Permission>) -> std::io::Result<()> {
        let plug = self.connection.session.killer()?;
        self.watchdog = Some((Watchdog::new(plug, permission.clone()), permission));
        Ok(())
    }

    /// Sets the unit to where a step wants it, if that is elsewhere than before, and waits for its reply.
    async fn go_to(&mut self, point: OperatingPoint) -> Result<(), SubstrateError> {
        if std::mem::take(&mut self.is_unset) {
            self.point = OperatingPoint::UNCHANGED;
            self.set(self.base).await?;
        }
        if point != self.point {
            self.set(point).await?;
        }
        Ok(())
    }

    async fn set(&mut self, point: OperatingPoint) -> Result<(), SubstrateError> {
        if point == OperatingPoint::UNCHANGED {
            return Ok(());
        }
        let set = match &self.setter {
            Some(setter) => setter.set(point).await,
            None => Err(ControlError::Unsupported("run elsewhere").into()),
        };
        // What the wire changes on the way, a step of the clock generator, is not an error.
        set.map_err(|source| SubstrateError::NotSet {
            unit: self.connection.session.worker().to_string(),
            source,
        })?;
        self.point = point;
        Ok(())
    }
}

impl Wire for Unit {
    fn unit(&self) -> String {
        self.connection.session.worker().to_string()
    }

    fn prepare(&mut self, drive: &Drive) -> Result<Option<Duration>, SubstrateError> {
        Ok(cadence(drive.duty, self.dead_time))
    }

    fn extranonce_len(&self) -> usize {
        self.connection.session.extranonce_len()
    }

    async fn send(
        &mut self,
        job: Job,
        difficulty: Difficulty,
        clean: bool,
        step: u64,
    ) -> Result<Nanos, SubstrateError> {
        Ok(self
            .connection
            .session
            .send_job(job, difficulty, clean, Some(step))
            .await?)
    }

    /// Its own controller keeps these to itself.
    fn easy(&self) -> u64 {
        0
    }

    fn patience(&self, error: &SubstrateError) -> Option<Duration> {
        self.connection.patience_after(error)
    }

    async fn comes_back(&mut self, until: Nanos) -> bool {
        if !self.connection.comes_back(&self.waiter, until).await {
            return false;
        }
        self.is_unset = true;
        let Some((_, permission)) = self.watchdog.take() else {
            return true;
        };
        // A connection that nothing could cut is not used.
        let watched = self.watch(permission.clone());
        if let Err(error) = watched {
            tracing::warn!(%error, "cannot take the unit back: no file descriptor is left to cut its connection by");
            self.watchdog = None;
            self.connection.session.hang_up().await;
            return false;
        }
        true
    }

    async fn hang_up(&mut self) {
        self.connection.session.hang_up().await;
    }

    async fn next_share(&mut self, until: Nanos) -> Result<Option<Share>, SubstrateError> {
        self.connection.next_share(&self.waiter, until).await
    }
}

impl Substrate for Handshake {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        self.unit.go_to(drive.point).await?;
        self.steps.step(&mut self.unit, drive).await
    }

    fn provenance(&self) -> Provenance {
        self.steps
            .provenance()
            .unwrap_or_else(|| self.provenance.clone())
    }
}
