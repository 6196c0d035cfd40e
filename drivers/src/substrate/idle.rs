//! A unit without work, watched step by step: what its sensors do by themselves.

use tokio::sync::watch;

use super::{Drive, Observation, Outcome, Provenance, Refused, Substrate, SubstrateError};
use crate::clock::{Clock, Nanos, Seat};
use crate::evidence::Evidence;
use crate::poller::Latest;
use crate::record::{Record, Recorder};
use crate::stratum::Session;

/// A unit that is read and given nothing to do.
#[derive(Debug)]
pub struct Idle {
    /// A session on which no job has been sent.
    session: Option<Session>,
    latest: watch::Receiver<Latest>,
    recorder: Recorder,
    provenance: Provenance,
    evidence: Option<Evidence>,
    recorded: Option<Provenance>,
    seat: Seat,
    clock: Clock,
    steps: u64,
    taken: Option<Nanos>,
}

impl Idle {
    /// Watches what the unit's poller publishes as `latest`. The unit has no work: on its `session`, if it has one, no
    /// job has been sent.
    pub fn new(
        session: Option<Session>,
        latest: watch::Receiver<Latest>,
        recorder: Recorder,
        provenance: Provenance,
        clock: Clock,
    ) -> Idle {
        Idle {
            session,
            latest,
            recorder,
            provenance,
            evidence: None,
            recorded: None,
            seat: clock.drive(),
            clock,
            steps: 0,
            taken: None,
        }
    }
}

impl Idle {
    /// Judges where the readings come from by the `evidence` of what the unit is.
    pub fn with_evidence(self, evidence: Evidence) -> Idle {
        evidence.working(false);
        Idle {
            evidence: Some(evidence),
            ..self
        }
    }

    /// Lets time pass, and listens to the session: a wire that nobody reads is no wire.
    async fn rest(&mut self, until: Nanos) -> Result<(), SubstrateError> {
        let Some(session) = &mut self.session else {
            self.seat.wait_until(until).await;
            return Ok(());
        };
        loop {
            tokio::select! {
                biased;
                // An answer to a job of an earlier session: nothing was asked here.
                share = session.next_share() => {
                    share?;
                }
                () = self.seat.wait_until(until) => return Ok(()),
            }
        }
    }

    /// Gives back the session.
    pub fn finish(self) -> Option<Session> {
        self.session
    }
}

impl Substrate for Idle {
    /// Lets the step's hold pass. Of the drive nothing else reaches the unit.
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        let started = self.clock.now();
        self.rest(started + drive.pace.hold).await?;
        let telemetry = self.latest.borrow_and_update().telemetry.clone();
        if let Some(reading) = &telemetry
            && self.taken != Some(reading.taken)
        {
            self.taken = Some(reading.taken);
            let record = Record::Telemetry(reading.clone());
            self.recorder.record(record).await?;
        }
        let observation = Observation {
            started,
            ended: self.clock.now(),
            outcome: Outcome::TimedOut,
            jobs: 0,
            shares: Vec::new(),
            refused: Refused::default(),
            telemetry,
        };
        let provenance = self.provenance();
        if self.evidence.is_some() && self.recorded.as_ref() != Some(&provenance) {
            self.recorded = Some(provenance.clone());
            self.recorder.record(Record::Provenance(provenance)).await?;
        }
        let record = drive.record(self.steps, &observation);
        self.recorder.record(Record::Step(record)).await?;
        self.steps += 1;
        Ok(observation)
    }

    fn provenance(&self) -> Provenance {
        self.evidence
            .as_ref()
            .map_or_else(|| self.provenance.clone(), Provenance::of)
    }
}
