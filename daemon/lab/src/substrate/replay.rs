//! What a run has recorded, served again step by step.

use std::time::Duration;

use thermine_capture::StoredStep;
use thermine_stratum::handshake::Outcome;
use thermine_units::record::{ShareRecord, Verdict};

use super::{Drive, Observation, Provenance, Refused, Sample, Substrate, SubstrateError};

/// A step as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// What the unit was driven with; `None` if the capture does not say, as with shares recorded by
    /// another program. Such a capture cannot depend on any input that is asked of it now.
    pub(crate) drive: Option<Drive>,
    /// What came back.
    pub(crate) observation: Observation,
}

impl TryFrom<StoredStep> for Recorded {
    type Error = String;

    fn try_from(stored: StoredStep) -> Result<Recorded, String> {
        let Some((drive, observation)) = stored.driven else {
            return Ok(Recorded {
                drive: None,
                observation: answers(&stored.shares),
            });
        };
        let unreadable = |error: serde_json::Error| error.to_string();
        let mut observation: Observation =
            serde_json::from_value(observation).map_err(unreadable)?;
        observation.shares = stored.shares.iter().filter_map(sample).collect();
        observation.telemetry = stored.telemetry;
        Ok(Recorded {
            drive: Some(serde_json::from_value(drive).map_err(unreadable)?),
            observation,
        })
    }
}

/// The answers to one job as an observation: from the sending of the job to its last answer.
fn answers(shares: &[ShareRecord]) -> Observation {
    let mut observation = Observation {
        started: shares.first().map_or_else(Default::default, |first| {
            first.arrived - first.since_job.unwrap_or_default()
        }),
        ended: shares
            .iter()
            .map(|share| share.arrived)
            .max()
            .unwrap_or_default(),
        outcome: Outcome::Answered,
        gap: Duration::ZERO,
        jobs: 1,
        shares: Vec::new(),
        refused: Refused::default(),
        telemetry: None,
    };
    for share in shares {
        match sample(share) {
            Some(sample) => observation.shares.push(sample),
            None => observation.refused.count(share.verdict),
        }
    }
    observation
}

/// The sample that a recorded share is; `None` if it was not accepted.
fn sample(share: &ShareRecord) -> Option<Sample> {
    (share.verdict == Verdict::Accepted).then(|| Sample {
        job: u64::from_str_radix(&share.job_id, 16).unwrap_or_default(),
        arrived: share.arrived,
        since_job: share.since_job.unwrap_or_default(),
        nonce: share.nonce,
        difficulty: share.difficulty.unwrap_or_default(),
    })
}

/// A capture, replayed.
pub struct Replay {
    steps: Box<dyn Iterator<Item = Result<Recorded, String>> + Send>,
    of: Provenance,
    served: u64,
}

impl Replay {
    /// Serves `steps`, which come from a capture of provenance `of`. An error in between is a capture
    /// that cannot be read further, and ends the run that asks for it.
    pub(crate) fn new(
        steps: impl Iterator<Item = Result<Recorded, String>> + Send + 'static,
        of: Provenance,
    ) -> Replay {
        Replay {
            steps: Box::new(steps),
            of,
            served: 0,
        }
    }

    /// Serves the steps of a capture of provenance `of`.
    pub(crate) fn stored(
        steps: impl Iterator<Item = Result<StoredStep, String>> + Send + 'static,
        of: Provenance,
    ) -> Replay {
        Replay::new(steps.map(|step| step?.try_into()), of)
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("of", &self.of)
            .field("served", &self.served)
            .finish_non_exhaustive()
    }
}

impl Substrate for Replay {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        let recorded = match self.steps.next() {
            Some(Ok(recorded)) => recorded,
            Some(Err(reason)) => return Err(SubstrateError::Unreadable(reason)),
            None => return Err(SubstrateError::Exhausted { steps: self.served }),
        };
        if let Some(recorded) = recorded.drive.filter(|recorded| recorded != drive) {
            return Err(SubstrateError::OtherDrive {
                step: self.served,
                recorded: format!("{recorded:?}"),
                asked: format!("{drive:?}"),
            });
        }
        self.served += 1;
        Ok(recorded.observation)
    }

    fn provenance(&self) -> Provenance {
        Provenance::Replayed(Box::new(self.of.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use thermine_stratum::handshake::{Outcome, Pace};
    use thermine_units::clock::Nanos;
    use thermine_units::pow::Difficulty;

    fn drive(word: u32) -> Drive {
        Drive {
            word,
            later: 0,
            difficulty: Difficulty::ONE,
            duty: 1.0,
            point: Default::default(),
            pace: Pace {
                shares: 1,
                hold: Duration::ZERO,
                timeout: Duration::from_secs(1),
            },
        }
    }

    fn recorded(word: Option<u32>) -> Result<Recorded, String> {
        Ok(Recorded {
            drive: word.map(drive),
            observation: Observation {
                started: Nanos(0),
                ended: Nanos(1),
                outcome: Outcome::Answered,
                gap: Duration::ZERO,
                jobs: 1,
                shares: Vec::new(),
                refused: Default::default(),
                telemetry: None,
            },
        })
    }

    #[tokio::test]
    async fn steps_come_as_recorded_and_then_end() {
        let mut replay = Replay::new(
            [recorded(Some(1)), recorded(None)].into_iter(),
            Provenance::Device,
        );
        assert_eq!(replay.provenance().to_string(), "replayed (device)");
        assert!(replay.step(&drive(1)).await.is_ok());
        assert!(replay.step(&drive(2)).await.is_ok(), "no drive recorded");
        assert!(matches!(
            replay.step(&drive(3)).await,
            Err(SubstrateError::Exhausted { steps: 2 })
        ));
    }

    #[tokio::test]
    async fn another_input_than_the_recorded_one_is_refused() {
        let mut replay = Replay::new([recorded(Some(1))].into_iter(), Provenance::Simulated);
        assert!(matches!(
            replay.step(&drive(2)).await,
            Err(SubstrateError::OtherDrive { step: 0, .. })
        ));
    }
}
