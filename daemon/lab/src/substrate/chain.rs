//! Bare chips on a serial port, driven by the Single-Word Handshake.
//!
//! A step's duty is the share of time that the chips have work, see
//! [`controller`](thermine_drivers::bm13xx::controller); its frequency, if it has one, is ramped to while the step runs.
//! In a monologue a job takes the place of the last in the chips at once all the same, but answers to the
//! last that are still under way count; in a dialogue they are late.
//!
//! Readings come from what the host sees and hold no temperature. Whoever drives a chain watches its heat
//! by other means.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::steps::{Steps, Wire};
use super::{Discipline, Drive, Observation, Provenance, Substrate, SubstrateError};
use thermine_drivers::bm13xx::Controller;
use thermine_drivers::evidence::Evidence;
use thermine_drivers::interlock::Permission;
use thermine_stratum::factory::{Job, JobFactory};
use thermine_stratum::session::Share;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::Recorder;

/// A chain of chips behind a serial port.
#[derive(Debug)]
pub struct SerialChain<T> {
    unit: Unit<T>,
    steps: Steps,
    provenance: Provenance,
}

/// The controller, and what it was last told.
#[derive(Debug)]
struct Unit<T> {
    controller: Controller<T>,
    /// Where the last drive that said so wanted the clock.
    frequency: Option<MegaHertz>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> SerialChain<T> {
    /// Drives the chain of `controller` with jobs from `jobs`. The controller is made to record to
    /// `recorder`; `clock` is that of its port.
    pub fn new(
        mut controller: Controller<T>,
        jobs: JobFactory,
        discipline: Discipline,
        recorder: Recorder,
        provenance: Provenance,
        clock: Clock,
    ) -> SerialChain<T> {
        controller.record_to(recorder.clone());
        SerialChain {
            steps: Steps::new(jobs, discipline, controller.latest(), recorder, clock),
            unit: Unit {
                controller,
                frequency: None,
            },
            provenance,
        }
    }

    /// Looks at `permission` before every job and at least every second of device time: a chain whose work is
    /// withheld is stopped, and the step fails. An experiment that hangs feeds the chips no more.
    pub fn with_permission(self, permission: watch::Receiver<Permission>) -> SerialChain<T> {
        SerialChain {
            steps: self.steps.with_permission(permission),
            ..self
        }
    }

    /// Adds to the `evidence` of what the unit is, from which its provenance follows.
    pub(crate) fn with_evidence(self, evidence: Evidence) -> SerialChain<T> {
        SerialChain {
            steps: self.steps.with_evidence(evidence),
            ..self
        }
    }

    /// The controller between two steps: to set it otherwise, or to stop it. The next drive that names a
    /// frequency sets it again.
    pub fn controller(&mut self) -> &mut Controller<T> {
        self.unit.frequency = None;
        &mut self.unit.controller
    }

    /// The controller of a conversation that broke off: to stop the chips, which have what they were last told.
    pub(crate) fn into_controller(self) -> Controller<T> {
        self.unit.controller
    }

    /// Ends the conversation: every share so far is durable and the last step is recorded. The chips run
    /// out of work. Gives back controller and jobs for a conversation to follow.
    ///
    /// # Errors
    /// If the capture has failed.
    pub async fn finish(self) -> Result<(Controller<T>, JobFactory), SubstrateError> {
        let jobs = self.steps.finish().await?;
        let mut controller = self.unit.controller;
        controller.settle().await?;
        controller.record_to(Recorder::discard());
        Ok((controller, jobs))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for Unit<T> {
    fn unit(&self) -> String {
        self.controller.place().to_string()
    }

    fn prepare(&mut self, drive: &Drive) -> Result<Option<Duration>, SubstrateError> {
        self.controller.set_duty(drive.duty)?;
        if drive.point.frequency.is_some() && drive.point.frequency != self.frequency {
            self.frequency = drive.point.frequency;
            self.frequency.inspect(|to| self.controller.go_to(*to));
        }
        Ok(None)
    }

    fn extranonce_len(&self) -> usize {
        self.controller.extranonce_len()
    }

    async fn send(
        &mut self,
        job: Job,
        difficulty: Difficulty,
        clean: bool,
        step: u64,
    ) -> Result<Nanos, SubstrateError> {
        Ok(self
            .controller
            .begin(job, difficulty, clean, Some(step))
            .await?)
    }

    fn easy(&self) -> u64 {
        self.controller.counts().easy
    }

    /// A serial line that fails has to be brought up again.
    fn patience(&self, _: &SubstrateError) -> Option<Duration> {
        None
    }

    async fn comes_back(&mut self, _: Nanos) -> bool {
        false
    }

    async fn hang_up(&mut self) {
        self.frequency = None;
        // A port that fails has no more work for the chips either.
        let _ = self.controller.stop().await;
    }

    async fn next_share(&mut self, until: Nanos) -> Result<Option<Share>, SubstrateError> {
        Ok(self.controller.next_share(until).await?)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Substrate for SerialChain<T> {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        self.steps.step(&mut self.unit, drive).await
    }

    fn provenance(&self) -> Provenance {
        self.steps
            .provenance()
            .unwrap_or_else(|| self.provenance.clone())
    }
}
