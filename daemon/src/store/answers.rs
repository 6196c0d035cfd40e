//! The shares of a stream without their headers: what the counting of chips needs, a million a second.

use std::time::Duration;

use rusqlite::Row;
use thermine_drivers::clock::Nanos;
use thermine_drivers::record::Verdict;
use thermine_drivers::unit::Telemetry;

use super::reader::{Capture, Stream};
use super::{StoreError, database};

/// Nonce, time and verdict of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Nonce, as the number it is in the header.
    pub nonce: u32,
    /// When it came.
    pub arrived: Nanos,
    /// From the sending of its job; `None` if that is not known.
    pub since_job: Option<Duration>,
    /// What the server made of it.
    pub verdict: Verdict,
}

/// The same with its job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedAnswer {
    /// The share.
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
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(
                // In order of the table: most of it is the stream's, and the index would look each row up.
                "SELECT nonce, arrived_ns, since_job_ns, verdict FROM share NOT INDEXED WHERE stream = ?1 ORDER BY id",
            )?;
            let mut rows = statement.query([stream.id])?;
            while let Some(row) = rows.next()? {
                visit(answer(row)?);
            }
            Ok(())
        };
        read().map_err(database("cannot read", self.path()))
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
             FROM share LEFT JOIN job ON job.id = share.job WHERE share.stream = ?1 ORDER BY share.id LIMIT ?2",
            rusqlite::params![stream.id, most],
            |row| {
                let extranonce2 = row.get_ref(4)?.as_blob_or_null()?;
                let number = |bytes: &[u8]| {
                    let bytes = bytes.iter().rev();
                    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
                };
                Ok(TimedAnswer {
                    answer: answer(row)?,
                    job_sent: row.get::<_, Option<i64>>(5)?.map(|ns| Nanos(ns as u64)),
                    extranonce2: extranonce2.filter(|bytes| bytes.len() <= 8).map(number),
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
            "SELECT sent_ns FROM job WHERE stream = ?1 ORDER BY id LIMIT ?2"
        } else {
            "SELECT started_ns FROM step WHERE stream = ?1 ORDER BY step LIMIT ?2"
        };
        let mut sent = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(query)?;
            let mut rows = statement.query(rusqlite::params![stream.id, most])?;
            while let Some(row) = rows.next()? {
                let at = Nanos(row.get::<_, i64>(0)? as u64);
                if at > until {
                    break;
                }
                sent.push(at);
            }
            Ok(())
        };
        read().map_err(database("cannot read", self.path()))?;
        Ok(sent)
    }

    /// The difficulties that the jobs of `stream` ask for, each once and rising.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn difficulties(&self, stream: &Stream) -> Result<Vec<f64>, StoreError> {
        self.rows(
            "SELECT DISTINCT difficulty FROM job WHERE stream = ?1 ORDER BY difficulty LIMIT 1000",
            [stream.id],
            |row| row.get(0),
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
                "SELECT reading FROM telemetry WHERE stream = ?1 ORDER BY id {order} LIMIT 1"
            );
            let text = self.rows(&query, [stream.id], |row| row.get::<_, String>(0))?;
            let reading = text.first().map(|text| serde_json::from_str(text));
            reading.transpose().map_err(|error| StoreError::Content {
                path: self.path().to_path_buf(),
                what: format!("holds a reading that is none: {error}"),
            })
        };
        Ok(one("ASC")?.zip(one("DESC")?))
    }
}

/// From the columns nonce, arrived_ns, since_job_ns and verdict, in this order.
fn answer(row: &Row<'_>) -> rusqlite::Result<Answer> {
    let verdict = row.get_ref(3)?.as_str()?;
    Ok(Answer {
        nonce: row.get(0)?,
        arrived: Nanos(row.get::<_, i64>(1)? as u64),
        since_job: row
            .get::<_, Option<i64>>(2)?
            .map(|ns| Duration::from_nanos(ns as u64)),
        verdict: Verdict::from_name(verdict).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                3,
                rusqlite::types::Type::Text,
                format!("verdict `{verdict}`").into(),
            )
        })?,
    })
}
