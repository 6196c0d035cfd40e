//! The steps of a stream as recorded. What a drive and an observation mean is the experiment's to know: here they are JSON.

use thermine_units::clock::Nanos;
use thermine_units::record::ShareRecord;
use thermine_units::unit::Telemetry;

use super::StoreError;
use super::reader::{Capture, Stream, share};

/// A step as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredStep {
    /// The drive and the observation; `None` for the answers to one job that another program recorded.
    pub driven: Option<(serde_json::Value, serde_json::Value)>,
    /// The shares that arrived in the step, whatever their verdict, in order of arrival.
    pub shares: Vec<ShareRecord>,
    /// The newest reading of the unit's sensors at the end of the step.
    pub telemetry: Option<Telemetry>,
}

impl Capture {
    /// Beginning and end of each step of a stream in which the unit's connection broke.
    ///
    /// # Errors
    /// If the stream cannot be read.
    pub fn interruptions(&self, stream: &Stream) -> Result<Vec<(Nanos, Nanos)>, StoreError> {
        let rows = self.rows(
            "SELECT observation, started_ns, ended_ns FROM step WHERE run = $1 AND stream = $2 \
             AND observation LIKE '%\"interrupted\"%' ORDER BY step",
            &[stream.run.into(), stream.id.into()],
            |row| {
                let observation: serde_json::Value = row.json("observation")?;
                let at = |column| row.integer(column).map(|at| Nanos(at as u64));
                Ok((
                    observation["outcome"] == "interrupted",
                    at("started_ns")?,
                    at("ended_ns")?,
                ))
            },
        )?;
        Ok(rows
            .into_iter()
            .filter(|(is_interrupted, ..)| *is_interrupted)
            .map(|(_, started, ended)| (started, ended))
            .collect())
    }

    /// The steps of a stream as recorded. In a stream that another program recorded, each answered job is a step without a
    /// drive.
    ///
    /// # Errors
    /// If the stream cannot be read; errors further on end the iteration with a text.
    pub fn steps(
        self,
        stream: &Stream,
    ) -> Result<impl Iterator<Item = Result<StoredStep, String>> + Send + use<>, StoreError> {
        let steps: Box<dyn Iterator<Item = Result<StoredStep, String>> + Send> = if stream.steps > 0
        {
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

    /// One step per answered job, in order of first answer. Holds all shares of the stream in memory.
    fn answered_jobs(&self, (run, stream): (i64, i64)) -> Result<Vec<StoredStep>, StoreError> {
        let shares = self.rows(
            "SELECT * FROM share WHERE run = $1 AND stream = $2 ORDER BY id",
            &[run.into(), stream.into()],
            share,
        )?;
        let mut steps: Vec<StoredStep> = Vec::new();
        for share in shares {
            // A late answer comes a few jobs later at the most.
            let known = steps
                .iter_mut()
                .rev()
                .take(64)
                .find(|step| step.shares[0].job_id == share.job_id);
            match known {
                Some(step) => step.shares.push(share),
                None => steps.push(StoredStep {
                    driven: None,
                    shares: vec![share],
                    telemetry: None,
                }),
            }
        }
        Ok(steps)
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
    fn read(&mut self) -> Result<Option<StoredStep>, StoreError> {
        let (run, stream) = self.stream;
        let step = self.capture.rows(
            "SELECT drive, observation, last_share, last_telemetry FROM step \
             WHERE run = $1 AND stream = $2 AND step = $3",
            &[run.into(), stream.into(), self.next.into()],
            |row| {
                Ok((
                    (row.json("drive")?, row.json("observation")?),
                    row.integer("last_share")?,
                    row.integer("last_telemetry")?,
                ))
            },
        )?;
        let Some((driven, last_share, last_telemetry)) = step.into_iter().next() else {
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
        let telemetry = self
            .capture
            .rows(
                "SELECT reading FROM telemetry WHERE run = $1 AND id = $2",
                &[run.into(), last_telemetry.into()],
                |row| row.json::<Telemetry>("reading"),
            )?
            .pop();
        self.next += 1;
        self.last_share = last_share;
        Ok(Some(StoredStep {
            driven: Some(driven),
            shares,
            telemetry,
        }))
    }
}

impl Iterator for Steps {
    type Item = Result<StoredStep, String>;
    fn next(&mut self) -> Option<Self::Item> {
        self.read().map_err(|error| error.to_string()).transpose()
    }
}
