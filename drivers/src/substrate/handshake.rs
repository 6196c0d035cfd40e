//! A unit on the wire, driven by the Single-Word Handshake.

use std::time::Duration;

use tokio::sync::watch;

use super::last_resort::LastResort;
use super::{
    Discipline, Drive, INVALID_SHARES, Observation, Provenance, Refused, Sample, Silence,
    Substrate, SubstrateError, TELEMETRY_PATIENCE,
};
use crate::clock::{Clock, Nanos, Seat};
use crate::interlock::{Permission, withheld};
use crate::poller::Latest;
use crate::record::{Record, Recorder, StepRecord, Verdict};
use crate::stratum::Session;
use crate::stratum::factory::JobFactory;
use crate::stratum::session::Share;
use crate::stratum::swh::{Action, Step, cadence};
use crate::unit::{Identity, Telemetry};

/// Longest device time without a look at the permission.
const LOOK: Duration = Duration::from_secs(1);

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
    seat: Seat,
    clock: Clock,
    steps: u64,
    silence: Silence,
    last_refusal: Option<Verdict>,
    invalid: u32,
    begun: Nanos,
    reading: Option<Telemetry>,
    identity: Option<Identity>,
    unrecorded: Option<StepRecord>,
    permission: Option<watch::Receiver<Permission>>,
    _last_resort: Option<LastResort>,
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
            steps: 0,
            silence: Silence::default(),
            last_refusal: None,
            invalid: 0,
            begun: clock.now(),
            seat: clock.drive(),
            reading: None,
            identity: None,
            unrecorded: None,
            permission: None,
            _last_resort: None,
            clock,
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
        Ok(Handshake {
            _last_resort: Some(LastResort::new(self.session.plug()?, permission.clone())),
            permission: Some(permission),
            ..self
        })
    }

    /// Ends the conversation: every share so far is durable and acknowledged, and the last step is
    /// recorded. Gives back session and jobs for a conversation to follow.
    ///
    /// # Errors
    /// If the unit has gone or the capture has failed.
    pub async fn finish(mut self) -> Result<(Session, JobFactory), SubstrateError> {
        self.record_last_step().await?;
        self.session.settle().await?;
        self.session.record_to(Recorder::discard());
        Ok((self.session, self.jobs))
    }

    /// Hangs up and fails if work is withheld.
    async fn check_permission(&mut self) -> Result<(), SubstrateError> {
        let Some(cause) = self.permission.as_ref().and_then(withheld) else {
            return Ok(());
        };
        self.session.hang_up().await;
        let unit = self.session.worker().to_string();
        // Of two reasons to end, the first is the one to be told.
        let _ = self.record_last_step().await;
        Err(SubstrateError::Interlocked { unit, cause })
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

    /// Takes and records the newest reading, and who the unit says it is, if that is new.
    async fn take_reading(&mut self) -> Result<(), SubstrateError> {
        let (newest, identity) = {
            let latest = self.latest.borrow_and_update();
            (latest.telemetry.clone(), latest.identity.clone())
        };
        if identity != self.identity {
            self.identity.clone_from(&identity);
            if let Some(identity) = identity {
                self.recorder.record(Record::Identity(identity)).await?;
            }
        }
        let taken = |reading: &Option<Telemetry>| reading.as_ref().map(|reading| reading.taken);
        if taken(&newest) != taken(&self.reading) {
            self.reading.clone_from(&newest);
            if let Some(reading) = newest {
                self.recorder.record(Record::Telemetry(reading)).await?;
            }
        }
        Ok(())
    }

    fn check_telemetry(&self, now: Nanos) -> Result<(), SubstrateError> {
        let taken = self
            .reading
            .as_ref()
            .map_or(self.begun, |reading| reading.taken);
        let age = self.clock.wall(now.since(taken));
        if age < TELEMETRY_PATIENCE {
            return Ok(());
        }
        let error = self.latest.borrow().last_error.clone();
        Err(SubstrateError::TelemetryLost {
            unit: self.session.worker().to_string(),
            age,
            reason: error.map_or_else(|| "it has not answered".into(), |error| error.to_string()),
        })
    }

    /// Remembers why a share was refused, and gives the unit up if it sends nothing else. A late or
    /// repeated share is no fault of its hashing.
    fn note_refusal(&mut self, verdict: Verdict) -> Result<(), SubstrateError> {
        if matches!(
            verdict,
            Verdict::Accepted | Verdict::Stale | Verdict::Duplicate
        ) {
            return Ok(());
        }
        self.last_refusal = Some(verdict);
        self.invalid += 1;
        if self.invalid < INVALID_SHARES {
            return Ok(());
        }
        Err(SubstrateError::Invalid {
            unit: self.session.worker().to_string(),
            shares: self.invalid,
            verdict,
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
            self.check_permission().await?;
            // Looked for and not waited for: to be woken by a reading would make the order of events depend
            // on how fast the poller's task is.
            if self.latest.has_changed().unwrap_or(false) {
                self.take_reading().await?;
            }
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
                            self.invalid = 0;
                            shares.extend(sample(&share));
                        } else {
                            let verdict = share.judgement.verdict;
                            refused.count(verdict);
                            self.note_refusal(verdict)?;
                        }
                    }
                    () = self.seat.wait_until(next_look(until, now, &self.permission)) => {}
                },
                Action::End(outcome) => break (outcome, now),
            }
        };
        self.take_reading().await?;
        self.check_telemetry(ended)?;
        let observation = Observation {
            started: step.started(),
            ended,
            outcome,
            jobs,
            shares,
            refused,
            telemetry: self.reading.clone(),
        };
        self.unrecorded = Some(drive.record(self.steps, &observation));
        self.steps += 1;
        match self.silence.note(&observation) {
            None => Ok(observation),
            Some(steps) => Err(SubstrateError::Silent {
                unit: self.session.worker().to_string(),
                steps,
                difficulty: drive.difficulty,
                refused: self.last_refusal,
            }),
        }
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }
}

/// When to look again while nothing is to be done before `until`. The permission is looked for and not waited
/// for, as the readings are.
fn next_look(until: Nanos, now: Nanos, permission: &Option<watch::Receiver<Permission>>) -> Nanos {
    match permission {
        Some(_) => until.min(now + LOOK),
        None => until,
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
