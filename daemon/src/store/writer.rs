//! The writing side: a thread that commits records in the order in which they come.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use thermine_drivers::clock::Nanos;
use thermine_drivers::record::{
    Durable, Entry, JobRecord, Record, Recorder, ShareRecord, StepRecord,
};
use thermine_drivers::substrate::Provenance;
use tokio::sync::{mpsc, watch};

use super::{StoreError, database, schema};

/// Records that may wait for the disk. Beyond that the drivers wait too.
const QUEUE: usize = 4096;

/// Jobs of a stream whose row is remembered, so that a share can point to it. As many as the Stratum
/// verifier remembers, and some.
const REMEMBERED_JOBS: usize = 256;

/// What is known of a run before it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct RunMeta {
    /// Seed of everything random in it.
    pub seed: u64,
    /// Configuration, as TOML.
    pub config: String,
    /// First 16 hex digits of the SHA-256 of `config`.
    pub config_hash: String,
    /// Task and its parameters, as JSON.
    pub task: serde_json::Value,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

/// A capture being written.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    queue: mpsc::Sender<Entry>,
    streams: Arc<Mutex<Streams>>,
    thread: JoinHandle<Result<Connection, StoreError>>,
}

/// Streams by number, shared between whoever opens them and the writer.
#[derive(Debug, Default)]
struct Streams {
    names: Vec<String>,
    durable: Vec<watch::Sender<Durable>>,
}

impl Store {
    /// Makes the capture `path` and starts its writer.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(path: &Path, meta: &RunMeta) -> Result<Store, StoreError> {
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let connection = schema::create(path, |connection| {
            let row = params![
                created.as_secs() as i64,
                env!("CARGO_PKG_VERSION"),
                meta.seed as i64,
                meta.config,
                meta.config_hash,
                meta.task.to_string(),
                serde_json::to_string(&meta.provenance).unwrap_or_default(),
            ];
            let insert = "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'running')";
            connection.execute(insert, row).map(drop)
        })?;
        let (queue, records) = mpsc::channel(QUEUE);
        let streams = Arc::new(Mutex::new(Streams::default()));
        let writer = Writer {
            path: path.to_path_buf(),
            connection,
            streams: streams.clone(),
            opened: 0,
            jobs: HashMap::new(),
            newest: BTreeMap::new(),
        };
        let thread = std::thread::Builder::new()
            .name("capture".into())
            .spawn(move || writer.run(records))
            .map_err(|source| StoreError::Open {
                path: path.to_path_buf(),
                source,
            })?;
        Ok(Store {
            path: path.to_path_buf(),
            queue,
            streams,
            thread,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a stream named `name`, which must be new to this capture.
    pub fn stream(&self, name: &str) -> Recorder {
        let (sender, durable) = watch::channel(Durable::default());
        let mut streams = lock(&self.streams);
        streams.names.push(name.to_string());
        streams.durable.push(sender);
        Recorder::open(streams.names.len() - 1, self.queue.clone(), durable)
    }

    /// Commits what is queued, notes how the run ended and folds the log into the file. All recorders
    /// must have been dropped.
    ///
    /// # Errors
    /// If anything could not be written, at any time of the run.
    pub fn finish(self, state: &str) -> Result<PathBuf, StoreError> {
        drop(self.queue);
        let connection = match self.thread.join() {
            Ok(result) => result?,
            Err(_) => {
                return Err(StoreError::Content {
                    path: self.path,
                    what: "the capture's writer has panicked".into(),
                });
            }
        };
        connection
            .execute("UPDATE run SET state = ?1", [state])
            // One file, without a log beside it, is what a user expects to copy.
            .and_then(|_| connection.pragma_update(None, "journal_mode", "delete"))
            .map_err(database("cannot finish", &self.path))?;
        Ok(self.path)
    }
}

/// The writer thread's own.
struct Writer {
    path: PathBuf,
    connection: Connection,
    streams: Arc<Mutex<Streams>>,
    opened: usize,
    jobs: HashMap<usize, VecDeque<(String, i64)>>,
    newest: BTreeMap<usize, Newest>,
}

/// Newest rows of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    share: i64,
    telemetry: i64,
    ticket: u64,
}

impl Writer {
    fn run(mut self, mut records: mpsc::Receiver<Entry>) -> Result<Connection, StoreError> {
        let mut batch = Vec::with_capacity(QUEUE);
        while records.blocking_recv_many(&mut batch, QUEUE) > 0 {
            if let Err(error) = self.commit(&mut batch) {
                self.fail(&error);
                return Err(error);
            }
            self.report();
        }
        Ok(self.connection)
    }

    /// Commits a batch as one transaction.
    fn commit(&mut self, batch: &mut Vec<Entry>) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = database("cannot write to", &path);
        self.connection.execute_batch("BEGIN").map_err(&fail)?;
        self.open_streams().map_err(&fail)?;
        for entry in batch.drain(..) {
            self.write(entry).map_err(&fail)?;
        }
        self.connection.execute_batch("COMMIT").map_err(&fail)
    }

    fn open_streams(&mut self) -> rusqlite::Result<()> {
        let streams = lock(&self.streams);
        for (id, name) in streams.names.iter().enumerate().skip(self.opened) {
            self.connection.execute(
                "INSERT INTO stream (id, name) VALUES (?1, ?2)",
                params![id as i64, name],
            )?;
        }
        self.opened = streams.names.len();
        Ok(())
    }

    fn write(&mut self, Entry { stream, record }: Entry) -> rusqlite::Result<()> {
        match record {
            Record::Job(job) => self.write_job(stream, job),
            Record::Share(share) => self.write_share(stream, share),
            Record::Telemetry(reading) => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO telemetry (stream, taken_ns, reading) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![
                        stream as i64,
                        nanos(reading.taken),
                        serde_json::to_string(&reading).unwrap_or_default()
                    ])?;
                self.newest.entry(stream).or_default().telemetry =
                    self.connection.last_insert_rowid();
                Ok(())
            }
            Record::Step(step) => self.write_step(stream, step),
            Record::Identity(identity) => {
                self.connection.execute(
                    "UPDATE stream SET identity = ?2 WHERE id = ?1",
                    params![
                        stream as i64,
                        serde_json::to_string(&identity).unwrap_or_default()
                    ],
                )?;
                Ok(())
            }
        }
    }

    fn write_job(&mut self, stream: usize, job: JobRecord) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO job (stream, job_id, sent_ns, step, difficulty, scale, version, prevhash, \
                 claim_trie, coinb1, coinb2, branch, ntime, nbits, version_mask, extranonce1, clean) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                stream as i64,
                job.job_id,
                nanos(job.sent),
                job.step.map(|step| step as i64),
                job.difficulty,
                job.difficulty_scale,
                job.work.version,
                job.work.prevhash,
                job.work.claim_trie,
                job.work.coinb1,
                job.work.coinb2,
                job.work.merkle_branch.concat(),
                job.work.ntime,
                job.work.nbits,
                job.version_mask,
                job.extranonce1,
                job.clean,
            ])?;
        let jobs = self.jobs.entry(stream).or_default();
        if jobs.len() == REMEMBERED_JOBS {
            jobs.pop_front();
        }
        jobs.push_back((job.job_id, self.connection.last_insert_rowid()));
        Ok(())
    }

    fn write_share(&mut self, stream: usize, share: ShareRecord) -> rusqlite::Result<()> {
        let job = self
            .jobs
            .get(&stream)
            .and_then(|jobs| jobs.iter().rev().find(|(id, _)| *id == share.job_id))
            .map(|(_, row)| *row);
        let proof = share.proof.as_ref();
        self.connection
            .prepare_cached(
                "INSERT INTO share (stream, ticket, job, job_id, arrived_ns, since_job_ns, nonce, \
                 extranonce2, ntime, version_bits, verdict, difficulty) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                stream as i64,
                share.ticket as i64,
                job,
                share.job_id,
                nanos(share.arrived),
                share.since_job.map(|span| span.as_nanos() as i64),
                share.nonce,
                proof.map(|proof| &proof.extranonce2),
                proof.map(|proof| proof.ntime),
                proof.and_then(|proof| proof.version_bits),
                share.verdict.name(),
                share.difficulty,
            ])?;
        let newest = self.newest.entry(stream).or_default();
        newest.share = self.connection.last_insert_rowid();
        newest.ticket = newest.ticket.max(share.ticket);
        Ok(())
    }

    fn write_step(&mut self, stream: usize, step: StepRecord) -> rusqlite::Result<()> {
        let newest = self.newest.get(&stream).copied().unwrap_or_default();
        self.connection
            .prepare_cached("INSERT INTO step VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                stream as i64,
                step.step as i64,
                nanos(step.started),
                nanos(step.ended),
                step.drive.to_string(),
                step.observation.to_string(),
                newest.share,
                newest.telemetry,
            ])?;
        Ok(())
    }

    /// Tells each stream how far it is durable.
    fn report(&self) {
        let streams = lock(&self.streams);
        for (stream, newest) in &self.newest {
            streams.durable[*stream].send_if_modified(|durable| {
                let risen = durable.ticket < newest.ticket;
                durable.ticket = newest.ticket;
                risen
            });
        }
    }

    fn fail(&self, error: &StoreError) {
        tracing::error!(%error, "the capture has stopped");
        let reason: Arc<str> = Arc::from(error.to_string());
        for sender in &lock(&self.streams).durable {
            sender.send_modify(|durable| durable.failure = Some(reason.clone()));
        }
    }
}

fn lock(streams: &Mutex<Streams>) -> std::sync::MutexGuard<'_, Streams> {
    // The two lists are of equal length between any two statements that hold the lock.
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQLite's integers are signed: 292 years of nanoseconds.
fn nanos(t: Nanos) -> i64 {
    i64::try_from(t.0).unwrap_or(i64::MAX)
}
