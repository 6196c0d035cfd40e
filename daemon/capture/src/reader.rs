//! The reading side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use thermine_units::clock::Nanos;
use thermine_units::pow::Work;
use thermine_units::provenance::Provenance;
use thermine_units::record::{JobRecord, Proof, ShareRecord, Verdict};
use thermine_units::unit::Identity;

use super::database::{Database, Row};
use super::error::DatabaseError;
use super::error::{StoreError, failed};
use super::place::Place;
use super::server::Server;
use super::sqlite;

/// Rows fetched at a time: bounds memory, and keeps no statement open between calls.
pub(crate) const PAGE: i64 = 4096;

/// A capture, opened for reading: one run or several.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    database: Database,
    run: Option<i64>,
}

/// A run that a capture holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its number in this capture.
    pub id: i64,
    /// When it began, seconds since the Unix epoch.
    pub created_unix_s: i64,
    /// Version of the program.
    pub version: String,
    /// Seed of everything random in it.
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
    /// The capture that it was merged from, if it was.
    pub origin: Option<String>,
}

/// A stream and how much it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Number of its run.
    pub run: i64,
    /// Its number in the run.
    pub id: i64,
    /// Name of the stream, unique in its run.
    pub name: String,
    /// What its unit said of itself.
    pub identity: Option<Identity>,
    /// Jobs that were sent to the unit.
    pub jobs: u64,
    /// Shares received, whatever the verdict.
    pub shares: u64,
    /// Readings of its sensors.
    pub readings: u64,
    /// Steps of the experiment.
    pub steps: u64,
}

/// A share with its job, as far as that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredShare {
    /// Number of the run.
    pub run: i64,
    /// Number of the share in the run, rising in order of arrival.
    pub(crate) id: i64,
    /// Number of its stream in the run.
    pub stream: i64,
    /// The share as it was recorded.
    pub share: ShareRecord,
    /// The job that it answers; `None` if that is not in the capture.
    pub job: Option<JobRecord>,
}

impl Capture {
    /// Opens `path`: a file, or the URL of a database, and in either case all of its runs, or with `#` and a number
    /// one.
    ///
    /// # Errors
    /// If it is not a capture that this program can read.
    pub fn open(path: &Path) -> Result<Capture, StoreError> {
        let (database, run) = match Place::of(path)? {
            Place::File { path, run } => (Database::Sqlite(sqlite::open(&path)?), run),
            Place::Server { url, run } => (
                Database::Postgres(Box::new(Server::for_reading(&url)?)),
                run,
            ),
        };
        let capture = Capture {
            path: path.to_path_buf(),
            database,
            run,
        };
        if let Some(run) = run
            && capture.runs()?.is_empty()
        {
            return Err(StoreError::Content {
                path: capture.path,
                what: format!("holds no run {run}: `thermine capture info` lists those it holds"),
            });
        }
        Ok(capture)
    }

    /// The file, or the URL of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// From here on until the capture is closed, sees it as it is now, whoever writes meanwhile.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn freeze(&self) -> Result<(), StoreError> {
        self.database.freeze().map_err(self.fail())
    }

    /// The runs, by number.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let (some, params) = match self.run {
            Some(run) => (" WHERE id = $1", vec![run.into()]),
            None => ("", Vec::new()),
        };
        self.rows(
            &format!("SELECT * FROM run{some} ORDER BY id"),
            &params,
            |row| {
                Ok(Run {
                    id: row.integer("id")?,
                    created_unix_s: row.integer("created_unix_s")?,
                    version: row.text("version")?,
                    seed: row.integer("seed")? as u64,
                    config: row.text("config")?,
                    config_hash: row.text("config_hash")?,
                    task: row.json("task")?,
                    provenance: row.json("provenance")?,
                    state: row.text("state")?,
                    origin: row.optional_text("origin")?,
                })
            },
        )
    }

    /// The run.
    ///
    /// # Errors
    /// If it cannot be read, or there are several.
    pub fn run(&self) -> Result<Run, StoreError> {
        let mut runs = self.runs()?;
        let count = runs.len();
        match runs.pop() {
            Some(run) if count == 1 => Ok(run),
            last => Err(StoreError::Content {
                path: self.path.clone(),
                what: match last {
                    Some(last) => format!(
                        "holds {count} runs: name one, as in {}#{}",
                        self.path.display(),
                        last.id
                    ),
                    None => "holds no run".into(),
                },
            }),
        }
    }

    /// The streams of all runs, by run and number.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn streams(&self) -> Result<Vec<Stream>, StoreError> {
        let count = |table: &str| {
            format!(
                "(SELECT count(*) FROM {table} WHERE {table}.run = s.run AND {table}.stream = s.id)"
            )
        };
        let (some, params) = match self.run {
            Some(run) => (" WHERE s.run = $1", vec![run.into()]),
            None => ("", Vec::new()),
        };
        let query = format!(
            "SELECT s.run, s.id, s.name, s.identity, {} AS jobs, {} AS shares, {} AS readings, {} AS steps \
             FROM stream AS s{some} ORDER BY s.run, s.id",
            count("job"),
            count("share"),
            count("telemetry"),
            count("step"),
        );
        self.rows(&query, &params, |row| {
            Ok(Stream {
                run: row.integer("run")?,
                id: row.integer("id")?,
                name: row.text("name")?,
                identity: row.optional_json("identity")?,
                jobs: row.integer("jobs")? as u64,
                shares: row.integer("shares")? as u64,
                readings: row.integer("readings")? as u64,
                steps: row.integer("steps")? as u64,
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

    /// Calls `visit` with every share of every stream, run by run, in order of arrival. Bounded memory.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn for_each_share(&self, mut visit: impl FnMut(StoredShare)) -> Result<(), StoreError> {
        for run in self.runs()? {
            let mut after = 0;
            loop {
                let page = self.rows(
                    "SELECT share.*, job.sent_ns, job.step, job.difficulty AS asked, job.scale, job.version, \
                     job.prevhash, job.claim_trie, job.coinb1, job.coinb2, job.branch, job.ntime AS job_ntime, \
                     job.nbits, job.version_mask, job.extranonce1, job.clean \
                     FROM share LEFT JOIN job ON job.run = share.run AND job.id = share.job \
                     WHERE share.run = $1 AND share.id > $2 ORDER BY share.id LIMIT $3",
                    &[run.id.into(), after.into(), PAGE.into()],
                    stored_share,
                )?;
                let Some(last) = page.last() else {
                    break;
                };
                after = last.id;
                page.into_iter().for_each(&mut visit);
            }
        }
        Ok(())
    }

    /// When the first record of each run was made and the last, by number of the run, on the run's clock.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn spans(&self) -> Result<BTreeMap<i64, (Nanos, Nanos)>, StoreError> {
        let mut spans = BTreeMap::new();
        for run in self.runs()? {
            for (table, column) in [
                ("job", "sent_ns"),
                ("share", "arrived_ns"),
                ("telemetry", "taken_ns"),
                ("step", "started_ns"),
                ("step", "ended_ns"),
            ] {
                let query = format!(
                    "SELECT min({column}) AS low, max({column}) AS high FROM {table} WHERE run = $1"
                );
                let found = self.rows(&query, &[run.id.into()], |row| {
                    Ok((row.optional_integer("low")?, row.optional_integer("high")?))
                })?;
                if let Some((Some(low), Some(high))) = found.first() {
                    let (low, high) = (Nanos(*low as u64), Nanos(*high as u64));
                    let span = spans.entry(run.id).or_insert((low, high));
                    *span = (span.0.min(low), span.1.max(high));
                }
            }
        }
        Ok(spans)
    }

    /// When the jobs of a stream were sent, in order. A stream that holds no jobs, as a twin's, says it by its
    /// steps, each of which begins with one. Holds 8 bytes a job in memory.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn sendings(&self, stream: &Stream) -> Result<Vec<Nanos>, StoreError> {
        let query = if stream.jobs > 0 {
            "SELECT sent_ns AS ns FROM job WHERE run = $1 AND stream = $2 ORDER BY sent_ns"
        } else {
            "SELECT started_ns AS ns FROM step WHERE run = $1 AND stream = $2 ORDER BY started_ns"
        };
        self.rows(query, &[stream.run.into(), stream.id.into()], |row| {
            nanos(row, "ns")
        })
    }

    /// The rows that `sql` selects, each read by `read`.
    pub(crate) fn rows<T>(
        &self,
        query: &str,
        params: &[Value],
        map: impl Fn(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.database.query(query, params).map_err(self.fail())?;
        let mapped: Result<Vec<T>, DatabaseError> = rows.iter().map(map).collect();
        mapped.map_err(self.fail())
    }

    fn fail(&self) -> impl Fn(DatabaseError) -> StoreError + use<'_> {
        failed("cannot read", &self.path)
    }
}

fn stored_share(row: &Row) -> Result<StoredShare, DatabaseError> {
    let job = match row.optional_integer("job")? {
        None => None,
        // A job that a share points to and that is not there is a job that is not known.
        Some(_) if row.optional_integer("sent_ns")?.is_none() => None,
        Some(_) => Some(JobRecord {
            job_id: row.text("job_id")?,
            sent: nanos(row, "sent_ns")?,
            step: row.optional_integer("step")?.map(|step| step as u64),
            difficulty: row.real("asked")?,
            difficulty_scale: row.real("scale")?,
            work: Work {
                version: row.word("version")?,
                prevhash: row
                    .optional_hash("prevhash")?
                    .ok_or_else(|| DatabaseError::Content("prevhash is missing".into()))?,
                claim_trie: row.optional_hash("claim_trie")?,
                coinb1: row.blob("coinb1")?,
                coinb2: row.blob("coinb2")?,
                merkle_branch: row
                    .blob("branch")?
                    .chunks_exact(32)
                    .filter_map(|branch| branch.try_into().ok())
                    .collect(),
                ntime: row.word("job_ntime")?,
                nbits: row.word("nbits")?,
            },
            version_mask: row.word("version_mask")?,
            extranonce1: row.blob("extranonce1")?,
            clean: row.integer("clean")? != 0,
        }),
    };
    Ok(StoredShare {
        run: row.integer("run")?,
        id: row.integer("id")?,
        stream: row.integer("stream")?,
        share: share(row)?,
        job,
    })
}

pub(super) fn share(row: &Row) -> Result<ShareRecord, DatabaseError> {
    let verdict = row.text("verdict")?;
    let proof = match row.optional_blob("extranonce2")? {
        None => None,
        Some(extranonce2) => Some(Proof {
            extranonce2,
            ntime: row.word("ntime")?,
            version_bits: row.optional_word("version_bits")?,
        }),
    };
    Ok(ShareRecord {
        ticket: row.integer("ticket")? as u64,
        job_id: row.text("job_id")?,
        arrived: nanos(row, "arrived_ns")?,
        since_job: row
            .optional_integer("since_job_ns")?
            .map(|ns| Duration::from_nanos(ns as u64)),
        nonce: row.word("nonce")?,
        proof,
        verdict: Verdict::from_name(&verdict)
            .ok_or_else(|| DatabaseError::Content(format!("verdict `{verdict}` is not known")))?,
        difficulty: row.optional_real("difficulty")?,
    })
}

fn nanos(row: &Row, column: &str) -> Result<Nanos, DatabaseError> {
    Ok(Nanos(row.integer(column)? as u64))
}
