//! A unit on the wire, driven by the Single-Word Handshake.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    Discipline, Drive, Observation, Outcome, Provenance, Refused, SILENT_STEPS, Sample, Substrate,
    SubstrateError,
};
use crate::cgminer::poller::Latest;
use crate::clock::{Alarm, Clock, Nanos};
use crate::pow::Difficulty;
use crate::record::{Record, Recorder, StepRecord};
use crate::stratum::Session;
use crate::stratum::factory::JobFactory;
use crate::stratum::session::Share;
use crate::stratum::swh::{Action, Step, cadence};

/// A unit behind a Stratum session.
#[derive(Debug)]
pub struct Handshake {
    session: Session,
    jobs: JobFactory,
    discipline: Discipline,
    dead_time: Duration,
    latest: watch::Receiver<Latest>,
    recorder: Recorder,
    provenance: Provenance,
    clock: Clock,
    alarm: Alarm,
    steps: u64,
    silent: u32,
    polled: bool,
    last_reading: Option<Nanos>,
    unrecorded: Option<StepRecord>,
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
            session,
            jobs,
            discipline,
            dead_time,
            latest,
            recorder,
            provenance,
            alarm: clock.alarm(),
            clock,
            steps: 0,
            silent: 0,
            polled: true,
            last_reading: None,
            unrecorded: None,
        }
    }

    /// Ends the conversation: every share so far is durable and acknowledged, and the last step is
    /// recorded.
    ///
    /// # Errors
    /// If the unit has gone or the capture has failed.
    pub async fn finish(mut self) -> Result<(), SubstrateError> {
        self.record_last_step().await?;
        Ok(self.session.settle().await?)
    }

    async fn send(&mut self, drive: &Drive, step: &mut Step) -> Result<(), SubstrateError> {
        let ntime = self.clock.unix(self.clock.now()).as_secs();
        let job = self.jobs.next(
            drive.word,
            u32::try_from(ntime).unwrap_or(u32::MAX),
            self.session.extranonce_len(),
        );
        let serial = job.serial;
        let sent = self
            .session
            .send_job(job, drive.difficulty, step.clean(), Some(self.steps))
            .await?;
        step.sent(serial, sent);
        // After the job has left, so that it never waits for bookkeeping.
        self.record_last_step().await
    }

    async fn record_last_step(&mut self) -> Result<(), SubstrateError> {
        if let Some(record) = self.unrecorded.take() {
            self.recorder.record(Record::Step(record)).await?;
        }
        Ok(())
    }

    /// Records the newest reading, if it is one.
    async fn record_reading(&mut self) -> Result<(), SubstrateError> {
        let reading = self.latest.borrow_and_update().telemetry.clone();
        match reading {
            Some(reading) if self.last_reading != Some(reading.taken) => {
                self.last_reading = Some(reading.taken);
                Ok(self.recorder.record(Record::Telemetry(reading)).await?)
            }
            _ => Ok(()),
        }
    }

    fn check_silence(
        &mut self,
        answers: usize,
        difficulty: Difficulty,
    ) -> Result<(), SubstrateError> {
        self.silent = if answers == 0 { self.silent + 1 } else { 0 };
        if self.silent < SILENT_STEPS {
            return Ok(());
        }
        Err(SubstrateError::Silent {
            unit: self.session.worker().to_string(),
            steps: self.silent,
            difficulty,
        })
    }
}

impl Substrate for Handshake {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        let now = self.clock.now();
        let cadence = cadence(drive.duty, self.dead_time);
        let mut step = Step::begin(self.discipline, drive.pace, cadence, now);
        let mut jobs = 0;
        let mut shares = Vec::with_capacity(drive.pace.shares as usize);
        let mut refused = Refused::default();
        let (outcome, ended) = loop {
            let now = self.clock.now();
            match step.action(now) {
                Action::Send => {
                    self.send(drive, &mut step).await?;
                    jobs += 1;
                }
                Action::Wait(until) => tokio::select! {
                    biased;
                    share = self.session.next_share() => {
                        let share = share?;
                        if step.answered(share.judgement.job, share.judgement.verdict) {
                            shares.extend(sample(&share));
                        } else {
                            refused.count(share.judgement.verdict);
                        }
                    }
                    changed = self.latest.changed(), if self.polled => match changed {
                        Ok(()) => self.record_reading().await?,
                        Err(_) => self.polled = false,
                    },
                    () = self.alarm.at(until) => {}
                },
                Action::End(outcome) => break (outcome, now),
            }
        };
        let observation = Observation {
            started: step.started(),
            ended,
            outcome,
            jobs,
            shares,
            refused,
            telemetry: self.latest.borrow().telemetry.clone(),
        };
        self.unrecorded = Some(drive.record(self.steps, &observation));
        self.steps += 1;
        if outcome == Outcome::TimedOut {
            self.check_silence(observation.shares.len(), drive.difficulty)?;
        } else {
            self.silent = 0;
        }
        Ok(observation)
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }
}

/// The sample that an accepted share is.
fn sample(share: &Share) -> Option<Sample> {
    let judgement = &share.judgement;
    let sent: Nanos = judgement.sent?;
    Some(Sample {
        job: judgement.job?,
        arrived: share.arrived,
        since_job: share.arrived.since(sent),
        nonce: share.nonce,
        difficulty: judgement.difficulty?,
    })
}
