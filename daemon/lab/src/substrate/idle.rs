//! A unit without work, watched step by step: what its sensors do by themselves.

use std::time::Duration;

use tokio::sync::watch;

use super::connection::{Connection, Patience};
use super::{Drive, Observation, Outcome, Provenance, Refused, Substrate, SubstrateError};
use thermine_drivers::evidence::Evidence;
use thermine_drivers::poller::Latest;
use thermine_stratum::Session;
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::record::{Record, Recorder};

/// A unit that is read and given nothing to do.
#[derive(Debug)]
pub struct Idle {
    /// A connection on which no job has been sent.
    connection: Option<Connection>,
    /// Since when it is lost, and why.
    lost: Option<(Nanos, SubstrateError)>,
    latest: watch::Receiver<Latest>,
    recorder: Recorder,
    provenance: Provenance,
    evidence: Option<Evidence>,
    recorded: Option<Provenance>,
    waiter: Waiter,
    clock: Clock,
    steps: u64,
    taken: Option<Nanos>,
}

impl Idle {
    /// Watches what the unit's poller publishes as `latest`. The unit has no work: on its `session`, if it has one, no
    /// job has been sent.
    pub(crate) fn new(
        session: Option<Session>,
        latest: watch::Receiver<Latest>,
        recorder: Recorder,
        provenance: Provenance,
        clock: Clock,
    ) -> Idle {
        Idle {
            connection: session.map(Connection::new),
            lost: None,
            latest,
            recorder,
            provenance,
            evidence: None,
            recorded: None,
            waiter: clock.drive(),
            clock,
            steps: 0,
            taken: None,
        }
    }

    /// Goes on watching if the unit's connection breaks and comes back within `patience`. It is watched by its
    /// control interface, so no step is marked.
    pub(crate) fn with_patience(mut self, patience: Patience) -> Idle {
        if let Some(connection) = &mut self.connection {
            connection.with_patience(patience);
        }
        self
    }

    /// Judges where the readings come from by the `evidence` of what the unit is.
    pub(crate) fn with_evidence(self, evidence: Evidence) -> Idle {
        evidence.working(false);
        Idle {
            evidence: Some(evidence),
            ..self
        }
    }

    /// Lets time pass, and reads the session: its end would not be noticed otherwise.
    async fn rest(&mut self, until: Nanos) -> Result<(), SubstrateError> {
        let Some(connection) = &mut self.connection else {
            self.waiter.wait_until(until).await;
            return Ok(());
        };
        loop {
            if let Some((since, error)) = self.lost.take() {
                let Some(patience) = connection.patience_after(&error) else {
                    return Err(error);
                };
                let end = since + patience;
                if !connection.comes_back(&self.waiter, until.min(end)).await {
                    let now = self.clock.now();
                    if now >= end {
                        return Err(SubstrateError::Gone {
                            unit: connection.session.worker().to_string(),
                            after: patience,
                            source: Box::new(error),
                        });
                    }
                    self.lost = Some((since, error));
                    if now >= until {
                        return Ok(());
                    }
                }
                continue;
            }
            match connection.next_share(&self.waiter, until).await {
                // An answer to a job of an earlier session: nothing was asked here.
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    connection.session.hang_up().await;
                    self.lost = Some((self.clock.now(), error));
                }
            }
        }
    }

    /// Gives back the session, unless it is lost.
    pub(crate) fn finish(self) -> Option<Session> {
        let lost = self.lost.is_some();
        self.connection
            .filter(|_| !lost)
            .map(|connection| connection.session)
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
            gap: Duration::ZERO,
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
            .map_or_else(|| self.provenance.clone(), Evidence::provenance)
    }
}
