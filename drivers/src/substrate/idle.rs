//! A unit without work, watched step by step: what its sensors do by themselves.

use tokio::sync::watch;

use super::{Drive, Observation, Outcome, Provenance, Refused, Substrate, SubstrateError};
use crate::clock::{Clock, Nanos, Seat};
use crate::poller::Latest;
use crate::record::{Record, Recorder};

/// A unit that is read and given nothing to do.
#[derive(Debug)]
pub struct Idle {
    latest: watch::Receiver<Latest>,
    recorder: Recorder,
    provenance: Provenance,
    seat: Seat,
    clock: Clock,
    steps: u64,
    taken: Option<Nanos>,
}

impl Idle {
    /// Watches what the unit's poller publishes as `latest`. Its work has been taken away before.
    pub fn new(
        latest: watch::Receiver<Latest>,
        recorder: Recorder,
        provenance: Provenance,
        clock: Clock,
    ) -> Idle {
        Idle {
            latest,
            recorder,
            provenance,
            seat: clock.drive(),
            clock,
            steps: 0,
            taken: None,
        }
    }
}

impl Substrate for Idle {
    /// Lets the step's hold pass. Of the drive nothing else reaches the unit.
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        let started = self.clock.now();
        self.seat.wait_until(started + drive.pace.hold).await;
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
        let record = drive.record(self.steps, &observation);
        self.recorder.record(Record::Step(record)).await?;
        self.steps += 1;
        Ok(observation)
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }
}
