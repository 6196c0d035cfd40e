//! The steps of a stream as recorded, for a replay.

use std::time::Duration;

use thermine_lab::substrate::{Drive, Observation, Recorded, Refused, Sample};
use thermine_stratum::handshake::Outcome;
use thermine_units::clock::Nanos;
use thermine_units::record::{ShareRecord, Verdict};
use thermine_units::unit::Telemetry;

use super::StoreError;
use super::reader::{Capture, Stream, share};

impl Capture {
    /// Beginning and end of each step of a stream in which the unit's connection broke.
    ///
    /// # Errors
    /// If the stream cannot be read.
    pub fn interruptions(&self, stream: &Stream) -> Result<Vec<(Nanos, Nanos)>, StoreError> {
        let rows = self.rows(
            "SELECT observation FROM step WHERE run = $1 AND stream = $2 AND observation LIKE '%\"interrupted\"%' ORDER BY step",
            &[stream.run.into(), stream.id.into()],
            |row| row.json::<Observation>("observation"),
        )?;
        Ok(rows
            .into_iter()
            .filter(|seen| seen.outcome == Outcome::Interrupted)
            .map(|seen| (seen.started, seen.ended))
            .collect())
    }

    /// The steps of a stream as recorded, for a replay. A stream without steps is one that another
    /// program recorded: each of its answered jobs is then served as a step without a drive.
    ///
    /// # Errors
    /// If the stream cannot be read; errors further on end the iteration with a text.
    pub fn steps(
        self,
        stream: &Stream,
    ) -> Result<impl Iterator<Item = Result<Recorded, String>> + Send + use<>, StoreError> {
        let steps: Box<dyn Iterator<Item = Result<Recorded, String>> + Send> = if stream.steps > 0 {
            Box::new(Steps {
                capture: self,
                stream: (stream.run, stream.id),
                next: 0,
                last_share: 0,
            })
        } else {
            Box::new(
                self.answered_jobs((stream.run, stream.id))?
                    .into_iter()
                    .map(Ok),
            )
        };
        Ok(steps)
    }

    /// One pseudo-step per job that was answered, in order of first answer: from the sending of the job
    /// to its last answer. Holds all shares of the stream in memory.
    fn answered_jobs(&self, (run, stream): (i64, i64)) -> Result<Vec<Recorded>, StoreError> {
        let shares = self.rows(
            "SELECT * FROM share WHERE run = $1 AND stream = $2 ORDER BY id",
            &[run.into(), stream.into()],
            share,
        )?;
        let mut steps: Vec<(String, Recorded)> = Vec::new();
        for share in shares {
            // A late answer comes a few jobs later at the most.
            let known = steps
                .iter_mut()
                .rev()
                .take(64)
                .find(|(id, _)| *id == share.job_id);
            let recorded = match known {
                Some((_, recorded)) => recorded,
                None => {
                    let since = share.since_job.unwrap_or_default();
                    let recorded = Recorded {
                        drive: None,
                        observation: Observation {
                            started: share.arrived - since,
                            ended: share.arrived,
                            outcome: Outcome::Answered,
                            gap: Duration::ZERO,
                            jobs: 1,
                            shares: Vec::new(),
                            refused: Refused::default(),
                            telemetry: None,
                        },
                    };
                    steps.push((share.job_id.clone(), recorded));
                    let last = steps.len() - 1;
                    &mut steps[last].1
                }
            };
            let observation = &mut recorded.observation;
            observation.ended = observation.ended.max(share.arrived);
            match sample(&share) {
                Some(sample) => observation.shares.push(sample),
                None => observation.refused.count(share.verdict),
            }
        }
        Ok(steps.into_iter().map(|(_, recorded)| recorded).collect())
    }
}

/// The steps of one stream, one at a time.
struct Steps {
    capture: Capture,
    stream: (i64, i64),
    next: i64,
    last_share: i64,
}

impl Steps {
    fn read(&mut self) -> Result<Option<Recorded>, StoreError> {
        let (run, stream) = self.stream;
        let step = self.capture.rows(
            "SELECT drive, observation, last_share, last_telemetry FROM step \
             WHERE run = $1 AND stream = $2 AND step = $3",
            &[run.into(), stream.into(), self.next.into()],
            |row| {
                Ok((
                    row.json::<Drive>("drive")?,
                    row.json::<Observation>("observation")?,
                    row.integer("last_share")?,
                    row.integer("last_telemetry")?,
                ))
            },
        )?;
        let Some((drive, mut observation, last_share, last_telemetry)) = step.into_iter().next()
        else {
            return Ok(None);
        };
        let shares = self.capture.rows(
            "SELECT * FROM share WHERE run = $1 AND stream = $2 AND id > $3 AND id <= $4 ORDER BY id",
            &[
                run.into(),
                stream.into(),
                self.last_share.into(),
                last_share.into(),
            ],
            share,
        )?;
        observation.shares = shares.iter().filter_map(sample).collect();
        observation.telemetry = self
            .capture
            .rows(
                "SELECT reading FROM telemetry WHERE run = $1 AND id = $2",
                &[run.into(), last_telemetry.into()],
                |row| row.json::<Telemetry>("reading"),
            )?
            .pop();
        self.next += 1;
        self.last_share = last_share;
        Ok(Some(Recorded {
            drive: Some(drive),
            observation,
        }))
    }
}

impl Iterator for Steps {
    type Item = Result<Recorded, String>;
    fn next(&mut self) -> Option<Self::Item> {
        self.read().map_err(|error| error.to_string()).transpose()
    }
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
