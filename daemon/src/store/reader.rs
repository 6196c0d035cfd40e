//! The reading side: what a capture holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Row};
use thermine_drivers::clock::Nanos;
use thermine_drivers::pow::Work;
use thermine_drivers::record::{JobRecord, Proof, ShareRecord, Verdict};
use thermine_drivers::stratum::swh::Outcome;
use thermine_drivers::substrate::{Drive, Observation, Provenance, Recorded, Refused, Sample};
use thermine_drivers::unit::{Identity, Telemetry};

use super::{StoreError, database, schema};

/// Rows fetched at a time: bounds memory, and keeps no statement open between calls.
const PAGE: i64 = 4096;

/// A capture, opened for reading.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    pub(super) connection: Connection,
}

/// The run that a capture is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// When it began, seconds since the Unix epoch.
    pub created_unix_s: i64,
    /// Version of the program.
    pub version: String,
    /// Its seed.
    pub seed: u64,
    /// Its configuration, as TOML.
    pub config: String,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub config_hash: String,
    /// Task and its parameters.
    pub task: serde_json::Value,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// `running` (or killed), `finished`, or why it failed.
    pub state: String,
}

/// A stream and how much it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What its unit said of itself.
    pub identity: Option<Identity>,
    /// Jobs sent.
    pub jobs: u64,
    /// Shares received, whatever the verdict.
    pub shares: u64,
    /// Readings.
    pub readings: u64,
    /// Steps.
    pub steps: u64,
}

/// A share with its job, as far as that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredShare {
    /// Row of the share, rising in order of arrival.
    pub id: i64,
    /// Number of its stream.
    pub stream: i64,
    /// The share.
    pub share: ShareRecord,
    /// The job.
    pub job: Option<JobRecord>,
}

impl Capture {
    /// Opens `path`.
    ///
    /// # Errors
    /// If it is not a capture that this program can read.
    pub fn open(path: &Path) -> Result<Capture, StoreError> {
        Ok(Capture {
            path: path.to_path_buf(),
            connection: schema::open(path)?,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn run(&self) -> Result<Run, StoreError> {
        self.connection
            .query_row("SELECT * FROM run", [], |row| {
                Ok(Run {
                    created_unix_s: row.get("created_unix_s")?,
                    version: row.get("version")?,
                    seed: row.get::<_, i64>("seed")? as u64,
                    config: row.get("config")?,
                    config_hash: row.get("config_hash")?,
                    task: json(row, "task")?,
                    provenance: json(row, "provenance")?,
                    state: row.get("state")?,
                })
            })
            .map_err(self.fail())
    }

    /// The streams.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn streams(&self) -> Result<Vec<Stream>, StoreError> {
        let count =
            |table: &str| format!("(SELECT count(*) FROM {table} WHERE stream = stream.id)");
        let query = format!(
            "SELECT id, name, identity, {} AS jobs, {} AS shares, {} AS readings, {} AS steps FROM stream ORDER BY id",
            count("job"),
            count("share"),
            count("telemetry"),
            count("step"),
        );
        self.rows(&query, [], |row| {
            Ok(Stream {
                id: row.get("id")?,
                name: row.get("name")?,
                identity: optional_json(row, "identity")?,
                jobs: row.get::<_, i64>("jobs")? as u64,
                shares: row.get::<_, i64>("shares")? as u64,
                readings: row.get::<_, i64>("readings")? as u64,
                steps: row.get::<_, i64>("steps")? as u64,
            })
        })
    }

    /// The stream of that name.
    ///
    /// # Errors
    /// If there is none; the message names those that there are.
    pub fn stream(&self, name: &str) -> Result<Stream, StoreError> {
        let streams = self.streams()?;
        let names: Vec<String> = streams.iter().map(|s| s.name.clone()).collect();
        streams
            .into_iter()
            .find(|stream| stream.name == name)
            .ok_or_else(|| StoreError::Content {
                path: self.path.clone(),
                what: format!("holds no stream `{name}`, only: {}", names.join(", ")),
            })
    }

    /// Calls `visit` with every share of every stream, in order of arrival. Bounded memory.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn for_each_share(&self, mut visit: impl FnMut(StoredShare)) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let page = self.rows(
                "SELECT share.*, job.sent_ns, job.step, job.difficulty AS asked, job.scale, job.version, \
                 job.prevhash, job.claim_trie, job.coinb1, job.coinb2, job.branch, job.ntime AS job_ntime, job.nbits, \
                 job.version_mask, job.extranonce1, job.clean \
                 FROM share LEFT JOIN job ON job.id = share.job WHERE share.id > ?1 ORDER BY share.id LIMIT ?2",
                [after, PAGE],
                stored_share,
            )?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            page.into_iter().for_each(&mut visit);
        }
    }

    /// When the jobs of a stream were sent, in order. A stream that holds no jobs, as a twin's, says it by its
    /// steps, each of which begins with one. Holds 8 bytes a job in memory.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn sendings(&self, stream: &Stream) -> Result<Vec<Nanos>, StoreError> {
        let query = if stream.jobs > 0 {
            "SELECT sent_ns AS ns FROM job WHERE stream = ?1 ORDER BY sent_ns"
        } else {
            "SELECT started_ns AS ns FROM step WHERE stream = ?1 ORDER BY started_ns"
        };
        self.rows(query, [stream.id], |row| nanos(row, "ns"))
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
                stream: stream.id,
                next: 0,
                last_share: 0,
            })
        } else {
            Box::new(self.answered_jobs(stream.id)?.into_iter().map(Ok))
        };
        Ok(steps)
    }

    /// One pseudo-step per job that was answered, in order of first answer: from the sending of the job
    /// to its last answer. Holds all shares of the stream in memory.
    fn answered_jobs(&self, stream: i64) -> Result<Vec<Recorded>, StoreError> {
        let shares = self.rows(
            "SELECT * FROM share WHERE stream = ?1 ORDER BY id",
            [stream],
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

    pub(super) fn rows<T>(
        &self,
        query: &str,
        params: impl rusqlite::Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let read = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(query)?;
            statement.query_map(params, map)?.collect()
        };
        read().map_err(self.fail())
    }

    pub(super) fn fail(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<'_> {
        database("cannot read", &self.path)
    }
}

/// The steps of one stream, one at a time.
struct Steps {
    capture: Capture,
    stream: i64,
    next: i64,
    last_share: i64,
}

impl Steps {
    fn read(&mut self) -> Result<Option<Recorded>, StoreError> {
        let step = self.capture.rows(
            "SELECT drive, observation, last_share, last_telemetry FROM step WHERE stream = ?1 AND step = ?2",
            [self.stream, self.next],
            |row| {
                Ok((
                    json::<Drive>(row, "drive")?,
                    json::<Observation>(row, "observation")?,
                    row.get::<_, i64>("last_share")?,
                    row.get::<_, i64>("last_telemetry")?,
                ))
            },
        )?;
        let Some((drive, mut observation, last_share, last_telemetry)) = step.into_iter().next()
        else {
            return Ok(None);
        };
        let shares = self.capture.rows(
            "SELECT * FROM share WHERE stream = ?1 AND id > ?2 AND id <= ?3 ORDER BY id",
            [self.stream, self.last_share, last_share],
            share,
        )?;
        observation.shares = shares.iter().filter_map(sample).collect();
        observation.telemetry = self
            .capture
            .rows(
                "SELECT reading FROM telemetry WHERE id = ?1",
                [last_telemetry],
                |row| json::<Telemetry>(row, "reading"),
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

fn stored_share(row: &Row<'_>) -> rusqlite::Result<StoredShare> {
    let job = match row.get::<_, Option<i64>>("job")? {
        None => None,
        Some(_) => Some(JobRecord {
            job_id: row.get("job_id")?,
            sent: nanos(row, "sent_ns")?,
            step: row.get::<_, Option<i64>>("step")?.map(|step| step as u64),
            difficulty: row.get("asked")?,
            difficulty_scale: row.get("scale")?,
            work: Work {
                version: row.get("version")?,
                prevhash: row.get("prevhash")?,
                claim_trie: row.get("claim_trie")?,
                coinb1: row.get("coinb1")?,
                coinb2: row.get("coinb2")?,
                merkle_branch: row
                    .get::<_, Vec<u8>>("branch")?
                    .chunks_exact(32)
                    .filter_map(|branch| branch.try_into().ok())
                    .collect(),
                ntime: row.get("job_ntime")?,
                nbits: row.get("nbits")?,
            },
            version_mask: row.get("version_mask")?,
            extranonce1: row.get("extranonce1")?,
            clean: row.get("clean")?,
        }),
    };
    Ok(StoredShare {
        id: row.get("id")?,
        stream: row.get("stream")?,
        share: share(row)?,
        job,
    })
}

fn share(row: &Row<'_>) -> rusqlite::Result<ShareRecord> {
    let verdict: String = row.get("verdict")?;
    let proof = match row.get::<_, Option<Vec<u8>>>("extranonce2")? {
        None => None,
        Some(extranonce2) => Some(Proof {
            extranonce2,
            ntime: row.get("ntime")?,
            version_bits: row.get("version_bits")?,
        }),
    };
    Ok(ShareRecord {
        ticket: row.get::<_, i64>("ticket")? as u64,
        job_id: row.get("job_id")?,
        arrived: nanos(row, "arrived_ns")?,
        since_job: row
            .get::<_, Option<i64>>("since_job_ns")?
            .map(|ns| Duration::from_nanos(ns as u64)),
        nonce: row.get("nonce")?,
        proof,
        verdict: Verdict::from_name(&verdict)
            .ok_or_else(|| invalid(format!("verdict `{verdict}`")))?,
        difficulty: row.get("difficulty")?,
    })
}

fn nanos(row: &Row<'_>, column: &str) -> rusqlite::Result<Nanos> {
    Ok(Nanos(row.get::<_, i64>(column)? as u64))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| invalid(format!("{column}: {error}")))
}

fn optional_json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    match row.get::<_, Option<String>>(column)? {
        None => Ok(None),
        Some(_) => json(row, column).map(Some),
    }
}

fn invalid(what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, what.into())
}
