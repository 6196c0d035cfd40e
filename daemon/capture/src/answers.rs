//! The shares of a stream without their headers: what the counting of chips needs, a million a second.

use std::time::Duration;

use thermine_units::clock::Nanos;
use thermine_units::record::Verdict;
use thermine_units::unit::Telemetry;

use super::StoreError;
use super::database::Row;
use super::error::DatabaseError;
use super::reader::{Capture, PAGE, Stream};

/// Nonce, time and verdict of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Nonce, as the number it is in the header.
    pub nonce: u32,
    /// When it came, time of the run.
    pub arrived: Nanos,
    /// From the sending of its job; `None` if that is not known.
    pub since_job: Option<Duration>,
    /// What the server made of it.
    pub verdict: Verdict,
}

/// The same with its job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedAnswer {
    /// Nonce, chip and core of the share.
    pub answer: Answer,
    /// When its job was sent, by the table of jobs.
    pub job_sent: Option<Nanos>,
    /// Its extranonce2 as a number, lowest byte first; `None` if it has none, or one of more than eight bytes.
    pub extranonce2: Option<u64>,
}

impl Capture {
    /// Calls `visit` with every share of `stream`, in order of arrival. Bounded memory.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn for_each_answer(
        &self,
        stream: &Stream,
        mut visit: impl FnMut(Answer),
    ) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let page = self.rows(
                // In order of the table, which the sign brings about: most of it is the stream's, and its index would
                // look each row up.
                "SELECT id, nonce, arrived_ns, since_job_ns, verdict FROM share \
                 WHERE run = $1 AND +stream = $2 AND id > $3 ORDER BY id LIMIT $4",
                &[
                    stream.run.into(),
                    stream.id.into(),
                    after.into(),
                    PAGE.into(),
                ],
                |row| Ok((row.integer("id")?, answer(row)?)),
            )?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = *last;
            page.into_iter().for_each(|(_, answer)| visit(answer));
        }
    }

    /// The first shares of `stream`, at the most so many, with their jobs.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn timed_answers(
        &self,
        stream: &Stream,
        most: u32,
    ) -> Result<Vec<TimedAnswer>, StoreError> {
        self.rows(
            "SELECT share.nonce, share.arrived_ns, share.since_job_ns, share.verdict, share.extranonce2, job.sent_ns \
             FROM share LEFT JOIN job ON job.run = share.run AND job.id = share.job \
             WHERE share.run = $1 AND share.stream = $2 ORDER BY share.id LIMIT $3",
            &[stream.run.into(), stream.id.into(), i64::from(most).into()],
            |row| {
                let number = |bytes: Vec<u8>| {
                    let bytes = bytes.into_iter().rev();
                    bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
                };
                Ok(TimedAnswer {
                    answer: answer(row)?,
                    job_sent: row.optional_integer("sent_ns")?.map(|ns| Nanos(ns as u64)),
                    extranonce2: row
                        .optional_blob("extranonce2")?
                        .filter(|bytes| bytes.len() <= 8)
                        .map(number),
                })
            },
        )
    }

    /// When the first jobs of `stream` were sent, at the most so many and none after `until`, in order of sending; of
    /// a stream without jobs, as a twin's, when its steps began.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn first_sendings(
        &self,
        stream: &Stream,
        until: Nanos,
        most: u32,
    ) -> Result<Vec<Nanos>, StoreError> {
        let query = if stream.jobs > 0 {
            "SELECT sent_ns AS ns FROM job WHERE run = $1 AND stream = $2 ORDER BY id LIMIT $3"
        } else {
            "SELECT started_ns AS ns FROM step WHERE run = $1 AND stream = $2 ORDER BY step LIMIT $3"
        };
        let mut sent = self.rows(
            query,
            &[stream.run.into(), stream.id.into(), i64::from(most).into()],
            |row| Ok(Nanos(row.integer("ns")? as u64)),
        )?;
        sent.truncate(sent.partition_point(|at| *at <= until));
        Ok(sent)
    }

    /// The difficulties that the jobs of `stream` ask for, each once and rising.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn difficulties(&self, stream: &Stream) -> Result<Vec<f64>, StoreError> {
        self.rows(
            "SELECT DISTINCT difficulty FROM job WHERE run = $1 AND stream = $2 ORDER BY difficulty LIMIT 1000",
            &[stream.run.into(), stream.id.into()],
            |row| row.real("difficulty"),
        )
    }

    /// The first and the last reading of `stream`; `None` if it holds none.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn first_and_last_reading(
        &self,
        stream: &Stream,
    ) -> Result<Option<(Telemetry, Telemetry)>, StoreError> {
        let one = |order: &str| {
            let query = format!(
                "SELECT reading FROM telemetry WHERE run = $1 AND stream = $2 ORDER BY id {order} LIMIT 1"
            );
            let mut readings =
                self.rows(&query, &[stream.run.into(), stream.id.into()], |row| {
                    row.json("reading")
                })?;
            Ok::<Option<Telemetry>, StoreError>(readings.pop())
        };
        Ok(one("ASC")?.zip(one("DESC")?))
    }
}

/// From the columns nonce, arrived_ns, since_job_ns and verdict.
fn answer(row: &Row) -> Result<Answer, DatabaseError> {
    let verdict = row.text("verdict")?;
    Ok(Answer {
        nonce: row.word("nonce")?,
        arrived: Nanos(row.integer("arrived_ns")? as u64),
        since_job: row
            .optional_integer("since_job_ns")?
            .map(|ns| Duration::from_nanos(ns as u64)),
        verdict: Verdict::from_name(&verdict)
            .ok_or_else(|| DatabaseError::Content(format!("verdict `{verdict}` is not known")))?,
    })
}
