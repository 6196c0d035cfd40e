//! A unit on the wire, driven by the Single-Word Handshake.

use std::time::Duration;

use tokio::sync::watch;

use super::last_resort::LastResort;
use super::steps::{Steps, Wire};
use super::{Discipline, Drive, Observation, Provenance, Substrate, SubstrateError};
use crate::clock::{Clock, Nanos, Seat};
use crate::control::ControlError;
use crate::evidence::Evidence;
use crate::interlock::{Permission, Setter};
use crate::poller::Latest;
use crate::pow::Difficulty;
use crate::record::Recorder;
use crate::stratum::Session;
use crate::stratum::factory::{Job, JobFactory};
use crate::stratum::session::Share;
use crate::stratum::swh::cadence;
use crate::unit::OperatingPoint;

/// A unit behind a Stratum session.
#[derive(Debug)]
pub struct Handshake {
    unit: Unit,
    steps: Steps,
    provenance: Provenance,
    _last_resort: Option<LastResort>,
}

/// The session, and what its cadence follows from.
#[derive(Debug)]
struct Unit {
    session: Session,
    dead_time: Duration,
    seat: Seat,
    setter: Option<Setter>,
    /// Where the last step has set it.
    point: OperatingPoint,
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
                session,
                dead_time,
                seat: clock.drive(),
                setter: None,
                point: OperatingPoint::UNCHANGED,
            },
            steps: Steps::new(jobs, discipline, latest, recorder, clock),
            provenance,
            _last_resort: None,
        }
    }

    /// Looks at `permission` before every job and at least every second of device time: a unit whose work is
    /// withheld is hung up on, and the step fails. It is hung up on too if no step looks for
    /// [`LAST_RESORT`](super::LAST_RESORT) of wall time: an experiment that hangs leaves its unit at work on the
    /// last job.
    ///
    /// # Errors
    /// If the process has no file descriptor left to hang up by.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn with_permission(
        self,
        permission: watch::Receiver<Permission>,
    ) -> std::io::Result<Handshake> {
        let plug = self.unit.session.plug()?;
        Ok(Handshake {
            _last_resort: Some(LastResort::new(plug, permission.clone())),
            steps: self.steps.with_permission(permission),
            ..self
        })
    }

    /// Adds to the `evidence` of what the unit is, from which its provenance follows.
    pub fn with_evidence(self, evidence: Evidence) -> Handshake {
        Handshake {
            steps: self.steps.with_evidence(evidence),
            ..self
        }
    }

    /// Lets the drive's operating point reach the unit, by way of its guard. Without this a step that names
    /// one fails.
    pub fn with_setter(mut self, setter: Setter) -> Handshake {
        self.unit.setter = Some(setter);
        self
    }

    /// Ends the conversation: every share so far is durable and acknowledged, and the last step is
    /// recorded. Gives back session and jobs for a conversation to follow.
    ///
    /// # Errors
    /// If the unit has gone or the capture has failed.
    pub async fn finish(self) -> Result<(Session, JobFactory), SubstrateError> {
        let jobs = self.steps.finish().await?;
        let mut session = self.unit.session;
        session.settle().await?;
        session.record_to(Recorder::discard());
        Ok((session, jobs))
    }
}

impl Unit {
    /// Sets the unit to where a step wants it, if that is elsewhere than before, and waits for its reply.
    async fn go_to(&mut self, point: OperatingPoint) -> Result<(), SubstrateError> {
        if point == OperatingPoint::UNCHANGED || point == self.point {
            return Ok(());
        }
        let set = match &self.setter {
            Some(setter) => setter.set(point).await,
            None => Err(ControlError::Unsupported("run elsewhere").into()),
        };
        // What the wire changes on the way, a step of the clock generator, is not an error.
        set.map_err(|source| SubstrateError::NotSet {
            unit: self.session.worker().to_string(),
            source,
        })?;
        self.point = point;
        Ok(())
    }
}

impl Wire for Unit {
    fn unit(&self) -> String {
        self.session.worker().to_string()
    }

    fn prepare(&mut self, drive: &Drive) -> Result<Option<Duration>, SubstrateError> {
        Ok(cadence(drive.duty, self.dead_time))
    }

    fn extranonce_len(&self) -> usize {
        self.session.extranonce_len()
    }

    async fn send(
        &mut self,
        job: Job,
        difficulty: Difficulty,
        clean: bool,
        step: u64,
    ) -> Result<Nanos, SubstrateError> {
        Ok(self
            .session
            .send_job(job, difficulty, clean, Some(step))
            .await?)
    }

    /// Its own controller keeps these to itself.
    fn easy(&self) -> u64 {
        0
    }

    async fn hang_up(&mut self) {
        self.session.hang_up().await;
    }

    async fn next_share(&mut self, until: Nanos) -> Result<Option<Share>, SubstrateError> {
        tokio::select! {
            biased;
            share = self.session.next_share() => Ok(Some(share?)),
            () = self.seat.wait_until(until) => Ok(None),
        }
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
