//! One step after another on a unit that is really there, whatever its wire: the handshake's course, its
//! readings, its records, and when to give up.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    Discipline, Drive, INVALID_SHARES, Observation, Provenance, Refused, Sample, Silence,
    SubstrateError, TELEMETRY_PATIENCE,
};
use thermine_drivers::evidence::Evidence;
use thermine_drivers::interlock::{Permission, paused, withheld};
use thermine_drivers::poller::Latest;
use thermine_stratum::factory::{Job, JobFactory};
use thermine_stratum::handshake::{Action, Step};
use thermine_stratum::session::Share;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::record::{Record, Recorder, StepRecord, Verdict};
use thermine_units::unit::{Identity, Telemetry};

/// Longest device time without a look at the permission.
const LOOK: Duration = Duration::from_secs(1);

/// Device time between two looks while the unit is paused: a bad reading is taken again within a tenth of a
/// second, so most pauses end with the second look.
const PAUSED_LOOK: Duration = Duration::from_millis(200);

/// What a step asks of a unit's wire.
pub(super) trait Wire: Send {
    /// Name of the unit, for errors.
    fn unit(&self) -> String;

    /// Takes what a drive asks besides its jobs. Returns the cadence of clean jobs that it needs, if any.
    fn prepare(&mut self, drive: &Drive) -> Result<Option<Duration>, SubstrateError>;

    /// Bytes of both extranonces together.
    fn extranonce_len(&self) -> usize;

    /// Sends a job of step number `step`. Returns when it left.
    fn send(
        &mut self,
        job: Job,
        difficulty: Difficulty,
        clean: bool,
        step: u64,
    ) -> impl Future<Output = Result<Nanos, SubstrateError>> + Send;

    /// Sound answers so far that were too easy to be shares: they prove that the unit hashes what it is
    /// sent.
    fn easy(&self) -> u64;

    /// How long the unit is waited for after `error`; `None` if that is not a connection that may come back.
    fn patience(&self, error: &SubstrateError) -> Option<Duration>;

    /// Waits until the unit is connected again, or until `until`. Returns whether it is.
    fn comes_back(&mut self, until: Nanos) -> impl Future<Output = bool> + Send;

    /// Takes the unit's work away.
    fn hang_up(&mut self) -> impl Future<Output = ()> + Send;

    /// The next share, or `None` at `until`. Cancel safe.
    fn next_share(
        &mut self,
        until: Nanos,
    ) -> impl Future<Output = Result<Option<Share>, SubstrateError>> + Send;
}

/// The course of a run on one unit.
#[derive(Debug)]
pub(super) struct Steps {
    jobs: JobFactory,
    discipline: Discipline,
    latest: watch::Receiver<Latest>,
    recorder: Recorder,
    clock: Clock,
    steps: u64,
    silence: Silence,
    last_refusal: Option<Verdict>,
    invalid: u32,
    easy: u64,
    begun: Nanos,
    reading: Option<Telemetry>,
    identity: Option<Identity>,
    unrecorded: Option<StepRecord>,
    permission: Option<watch::Receiver<Permission>>,
    evidence: Option<Evidence>,
    provenance: Option<Provenance>,
}

/// What a step has brought so far.
struct Course {
    step: Step,
    jobs: u32,
    shares: Vec<Sample>,
    refused: Refused,
    gap: Duration,
}

impl Steps {
    pub(super) fn new(
        jobs: JobFactory,
        discipline: Discipline,
        latest: watch::Receiver<Latest>,
        recorder: Recorder,
        clock: Clock,
    ) -> Steps {
        Steps {
            jobs,
            discipline,
            latest,
            recorder,
            steps: 0,
            silence: Silence::default(),
            last_refusal: None,
            invalid: 0,
            easy: 0,
            begun: clock.now(),
            reading: None,
            identity: None,
            unrecorded: None,
            permission: None,
            evidence: None,
            provenance: None,
            clock,
        }
    }

    /// Looks at `permission` before every job and at least every [`LOOK`].
    pub(super) fn with_permission(self, permission: watch::Receiver<Permission>) -> Steps {
        Steps {
            permission: Some(permission),
            ..self
        }
    }

    /// Adds to the `evidence` of what the unit is, and records what follows from it for the provenance.
    pub(super) fn with_evidence(self, evidence: Evidence) -> Steps {
        evidence.working(true);
        Steps {
            evidence: Some(evidence),
            ..self
        }
    }

    /// Where the numbers come from by the evidence, if there is any.
    pub(super) fn provenance(&self) -> Option<Provenance> {
        self.evidence.as_ref().map(Evidence::provenance)
    }

    /// Drives one step on `wire` and waits for its end.
    pub(super) async fn step<W: Wire>(
        &mut self,
        wire: &mut W,
        drive: &Drive,
    ) -> Result<Observation, SubstrateError> {
        let now = self.clock.now();
        let cadence = wire.prepare(drive)?;
        let mut course = Course {
            step: Step::begin(self.discipline, drive.pace, cadence, now),
            jobs: 0,
            shares: Vec::with_capacity(drive.pace.shares as usize),
            refused: Refused::default(),
            gap: Duration::ZERO,
        };
        let (outcome, ended) = loop {
            self.check_permission(wire).await?;
            // Looked for and not waited for: to be woken by a reading would make the order of events depend
            // on how fast the poller's task is.
            if self.latest.has_changed().unwrap_or(false) {
                self.take_reading().await?;
            }
            let now = self.clock.now();
            let mut action = course.step.action(now);
            if action == Action::Send && self.permission.as_ref().is_some_and(paused) {
                action = Action::Wait(now + PAUSED_LOOK);
            }
            match action {
                Action::Send => self.send_job(wire, drive, &mut course).await?,
                Action::Wait(until) => {
                    let until = self.next_look(until, now);
                    self.listen(wire, drive, &mut course, until).await?;
                }
                Action::End(outcome) => break (outcome, now),
            }
        };
        self.take_reading().await?;
        self.check_telemetry(wire, ended)?;
        let observation = Observation {
            started: course.step.started(),
            ended,
            outcome,
            gap: course.gap,
            jobs: course.jobs,
            shares: course.shares,
            refused: course.refused,
            telemetry: self.reading.clone(),
        };
        self.unrecorded = Some(drive.record(self.steps, &observation));
        self.steps += 1;
        match self.silence.note(&observation, &drive.pace) {
            None => Ok(observation),
            Some(steps) => Err(SubstrateError::Silent {
                unit: wire.unit(),
                steps,
                difficulty: drive.difficulty,
                refused: self.last_refusal,
            }),
        }
    }

    /// Sends the next job of the step.
    async fn send_job<W: Wire>(
        &mut self,
        wire: &mut W,
        drive: &Drive,
        course: &mut Course,
    ) -> Result<(), SubstrateError> {
        let len = wire.extranonce_len();
        let job = self.jobs.at(drive.word, drive.later, &self.clock, len);
        let (serial, clean) = (job.serial, course.step.clean());
        match wire.send(job, drive.difficulty, clean, self.steps).await {
            Ok(sent) => course.step.sent(serial, sent),
            Err(error) => return self.interrupt(wire, course, error).await,
        }
        // After the job has left, so that it never waits for bookkeeping.
        self.record_last_step().await?;
        course.jobs += 1;
        Ok(())
    }

    /// Waits for a share, but not beyond `until`.
    async fn listen<W: Wire>(
        &mut self,
        wire: &mut W,
        drive: &Drive,
        course: &mut Course,
        until: Nanos,
    ) -> Result<(), SubstrateError> {
        let share = match wire.next_share(until).await {
            Ok(Some(share)) => share,
            Ok(None) => return Ok(()),
            Err(error) => return self.interrupt(wire, course, error).await,
        };
        self.note_share(&share, drive.difficulty);
        let verdict = share.judgement.verdict;
        if course.step.answered(share.judgement.job, verdict) {
            self.invalid = 0;
            course.shares.extend(sample(&share));
            return Ok(());
        }
        course.refused.count(verdict);
        self.note_refusal(wire, verdict)
    }

    /// Takes the unit back after `error`; the step goes on, and ends as interrupted.
    async fn interrupt<W: Wire>(
        &mut self,
        wire: &mut W,
        course: &mut Course,
        error: SubstrateError,
    ) -> Result<(), SubstrateError> {
        course.gap += self.take_back(wire, error).await?;
        course.step.interrupt();
        Ok(())
    }

    /// Waits until a unit whose connection broke with `error` is back. Returns how long it was away. Its
    /// interlock stays in force meanwhile.
    async fn take_back<W: Wire>(
        &mut self,
        wire: &mut W,
        error: SubstrateError,
    ) -> Result<Duration, SubstrateError> {
        let Some(patience) = wire.patience(&error) else {
            return Err(error);
        };
        let lost = self.clock.now();
        let unit = wire.unit();
        warn!(unit, %error, patience_seconds = patience.as_secs_f64(), "the connection broke; waiting for the unit");
        // What is left of the old connection must not stay under way at the clock.
        wire.hang_up().await;
        loop {
            self.check_permission(wire).await?;
            if self.latest.has_changed().unwrap_or(false) {
                self.take_reading().await?;
            }
            let now = self.clock.now();
            let away = now.since(lost);
            if away >= patience {
                let _ = self.record_last_step().await;
                return Err(SubstrateError::Gone {
                    unit,
                    after: patience,
                    source: Box::new(error),
                });
            }
            if wire.comes_back(self.next_look(lost + patience, now)).await {
                let away = self.clock.now().since(lost);
                info!(unit, away_seconds = away.as_secs_f64(), "the unit is back");
                return Ok(away);
            }
        }
    }

    /// Hangs up and fails if work is withheld.
    async fn check_permission<W: Wire>(&mut self, wire: &mut W) -> Result<(), SubstrateError> {
        let Some(cause) = self.permission.as_ref().and_then(withheld) else {
            return Ok(());
        };
        wire.hang_up().await;
        // Of two reasons to end, the first is the one to be told.
        let _ = self.record_last_step().await;
        Err(SubstrateError::Interlocked {
            unit: wire.unit(),
            cause,
        })
    }

    /// When to look again while nothing is to be done before `until`. The permission is looked for and not
    /// waited for, as the readings are.
    fn next_look(&self, until: Nanos, now: Nanos) -> Nanos {
        match self.permission {
            Some(_) => until.min(now + LOOK),
            None => until,
        }
    }

    /// Ends the course with its last step recorded. Gives back the jobs for another.
    pub(super) async fn finish(mut self) -> Result<JobFactory, SubstrateError> {
        self.record_last_step().await?;
        Ok(self.jobs)
    }

    fn note_share(&self, share: &Share, asked: Difficulty) {
        if let (Some(evidence), Verdict::Accepted) = (&self.evidence, share.judgement.verdict) {
            evidence.share(asked);
        }
    }

    /// Records the last step and the provenance, once there is time for it.
    async fn record_last_step(&mut self) -> Result<(), SubstrateError> {
        let provenance = self.provenance();
        if provenance != self.provenance {
            self.provenance.clone_from(&provenance);
            if let Some(provenance) = provenance {
                self.recorder.record(Record::Provenance(provenance)).await?;
            }
        }
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
                if let Some(evidence) = &self.evidence {
                    evidence.identity(&identity);
                }
                self.recorder.record(Record::Identity(identity)).await?;
            }
        }
        let taken = |reading: &Option<Telemetry>| reading.as_ref().map(|reading| reading.taken);
        if taken(&newest) != taken(&self.reading) {
            self.reading.clone_from(&newest);
            if let Some(reading) = newest {
                if let Some(evidence) = &self.evidence {
                    evidence.reading(&reading);
                }
                self.recorder.record(Record::Telemetry(reading)).await?;
            }
        }
        Ok(())
    }

    fn check_telemetry<W: Wire>(&self, wire: &W, now: Nanos) -> Result<(), SubstrateError> {
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
            unit: wire.unit(),
            age,
            reason: error.map_or_else(|| "it has not answered".into(), |error| error.to_string()),
        })
    }

    /// Remembers why a share was refused, and gives the unit up if it sends nothing else. A late or
    /// repeated share is no fault of its hashing.
    fn note_refusal<W: Wire>(&mut self, wire: &W, verdict: Verdict) -> Result<(), SubstrateError> {
        if matches!(
            verdict,
            Verdict::Accepted | Verdict::Stale | Verdict::Duplicate
        ) {
            return Ok(());
        }
        let easy = wire.easy();
        if easy != self.easy {
            self.easy = easy;
            self.invalid = 0;
        }
        self.last_refusal = Some(verdict);
        self.invalid += 1;
        if self.invalid < INVALID_SHARES {
            return Ok(());
        }
        Err(SubstrateError::Invalid {
            unit: wire.unit(),
            shares: self.invalid,
            verdict,
        })
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
