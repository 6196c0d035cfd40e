//! The writing side: a thread that commits records in the order in which they come.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::types::Value;
use thermine_units::clock::Nanos;
use thermine_units::provenance::Provenance;
use thermine_units::record::{
    Durable, Entry, JobRecord, Record, Recorder, ShareRecord, StepRecord,
};
use tokio::sync::{mpsc, watch};

use super::database::{Database, DatabaseError};
use super::place::Place;
use super::server::Server;
use super::sqlite::{self, Promise};
use super::tables::{self, Table};
use super::{StoreError, database};

/// Records that may wait for the disk, and most that one commit takes. Beyond that the drivers wait too.
const QUEUE: usize = 4096;

/// Time that a commit should take at most, so that no acknowledgement waits for much more than twice as long.
const BATCH: Duration = Duration::from_millis(50);

/// Fewest records that a commit takes if there are as many, however slow the disk is: waiting for it, and not
/// writing, is then what takes the time.
const FEWEST: usize = 256;

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
    /// Where its numbers come from, as far as is known before it begins: records may say more.
    pub provenance: Provenance,
}

/// A capture being written.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    run: i64,
    queue: mpsc::Sender<Entry>,
    streams: Arc<Mutex<Streams>>,
    thread: JoinHandle<Result<Database, StoreError>>,
}

/// Streams by number, shared between whoever opens them and the writer.
#[derive(Debug, Default)]
struct Streams {
    names: Vec<String>,
    durable: Vec<watch::Sender<Durable>>,
}

impl Store {
    /// Makes the capture `path` and starts its writer. `path` is a file, or the URL of a database, in which the
    /// run gets a number of its own.
    ///
    /// What hardware did cannot be had again: its commits wait for the disk and survive a power cut. A simulated
    /// run can, from its seed: in a file its commits survive the end of the program, and are not waited for
    /// further.
    ///
    /// # Errors
    /// If the file exists or cannot be written, or the database cannot.
    pub fn create(path: &Path, meta: &RunMeta) -> Result<Store, StoreError> {
        let place = Place::of(path)?;
        let values = row(meta);
        let add = |database: &Database| database.add_run(&values);
        let (database, run) = match &place {
            Place::File { path, .. } => {
                let promise = match meta.provenance {
                    Provenance::Simulated => Promise::Program,
                    _ => Promise::Power,
                };
                let fail = super::database("cannot make the capture", path);
                let (connection, run) =
                    sqlite::create(path, promise, |database| add(database).map_err(&fail))?;
                (Database::Sqlite(connection), run)
            }
            Place::Server { run: Some(_), .. } => {
                return Err(StoreError::Content {
                    path: path.to_path_buf(),
                    what: "the database numbers its runs itself: leave the # and what follows away"
                        .into(),
                });
            }
            Place::Server { url, .. } => {
                let database = Database::Postgres(Box::new(Server::for_writing(url)?));
                let run = add(&database).map_err(super::database("cannot write to", path))?;
                (database, run)
            }
        };
        let path = place.name(place.is_server().then_some(run));
        let (queue, records) = mpsc::channel(QUEUE);
        let streams = Arc::new(Mutex::new(Streams::default()));
        let writer = Writer {
            path: path.clone(),
            run,
            database,
            streams: streams.clone(),
            opened: 0,
            jobs: HashMap::new(),
            newest: BTreeMap::new(),
            rows: Rows::default(),
        };
        let thread = std::thread::Builder::new()
            .name("capture".into())
            .spawn(move || writer.run(records))
            .map_err(|source| StoreError::Open {
                path: path.clone(),
                source,
            })?;
        Ok(Store {
            path,
            run,
            queue,
            streams,
            thread,
        })
    }

    /// The file, or the URL of the database with the number of the run.
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

    /// Commits what is queued, notes how the run ended and, of a file, folds the log into it. All recorders
    /// must have been dropped.
    ///
    /// # Errors
    /// If anything could not be written, at any time of the run.
    pub fn finish(self, state: &str) -> Result<PathBuf, StoreError> {
        drop(self.queue);
        let database = match self.thread.join() {
            Ok(result) => result?,
            Err(_) => {
                return Err(StoreError::Content {
                    path: self.path,
                    what: "the capture's writer has panicked".into(),
                });
            }
        };
        let note = || -> Result<(), DatabaseError> {
            database.query(
                "UPDATE run SET state = $1 WHERE id = $2",
                &[state.to_string().into(), self.run.into()],
            )?;
            if let Database::Sqlite(connection) = &database {
                // One file, without a log beside it, is what a user expects to copy.
                connection.pragma_update(None, "journal_mode", "delete")?;
            }
            Ok(())
        };
        note().map_err(super::database("cannot finish", &self.path))?;
        Ok(self.path)
    }
}

/// The row of a run that begins now, without its number.
fn row(meta: &RunMeta) -> Vec<Value> {
    let created = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    vec![
        (created.as_secs() as i64).into(),
        env!("CARGO_PKG_VERSION").to_string().into(),
        (meta.seed as i64).into(),
        meta.config.clone().into(),
        meta.config_hash.clone().into(),
        meta.task.to_string().into(),
        serde_json::to_string(&meta.provenance)
            .unwrap_or_default()
            .into(),
        "running".to_string().into(),
        Value::Null,
    ]
}

/// The writer thread's own.
struct Writer {
    path: PathBuf,
    run: i64,
    database: Database,
    streams: Arc<Mutex<Streams>>,
    opened: usize,
    jobs: HashMap<usize, VecDeque<(String, i64)>>,
    newest: BTreeMap<usize, Newest>,
    rows: Rows,
}

/// Newest rows of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    share: i64,
    telemetry: i64,
    ticket: u64,
}

/// Rows of the next commit, and how many there are of each kind in all.
#[derive(Debug, Default)]
struct Rows {
    jobs: Vec<Vec<Value>>,
    shares: Vec<Vec<Value>>,
    readings: Vec<Vec<Value>>,
    steps: Vec<Vec<Value>>,
    identities: Vec<[Value; 3]>,
    /// Of each stream that tells, when one of them has changed.
    provenance: BTreeMap<usize, Provenance>,
    has_new_provenance: bool,
    last_job: i64,
    last_share: i64,
    last_reading: i64,
}

impl Writer {
    fn run(mut self, mut records: mpsc::Receiver<Entry>) -> Result<Database, StoreError> {
        let mut batch = Vec::with_capacity(QUEUE);
        let mut most = QUEUE;
        while records.blocking_recv_many(&mut batch, most) > 0 {
            let full = batch.len() == most;
            let began = Instant::now();
            if let Err(error) = self.commit(&mut batch) {
                self.fail(&error);
                return Err(error);
            }
            self.report();
            let took = began.elapsed();
            if took > BATCH {
                most = (most / 2).max(FEWEST);
            } else if full && took < BATCH / 3 {
                most = (most * 2).min(QUEUE);
            }
        }
        Ok(self.database)
    }

    /// Commits a batch as one transaction. What comes meanwhile waits for the next, so that batches are as small
    /// as the disk is fast.
    fn commit(&mut self, batch: &mut Vec<Entry>) -> Result<(), StoreError> {
        for entry in batch.drain(..) {
            self.take(entry);
        }
        let path = self.path.clone();
        self.write().map_err(database("cannot write to", &path))
    }

    fn take(&mut self, Entry { stream, record }: Entry) {
        match record {
            Record::Job(job) => self.take_job(stream, job),
            Record::Share(share) => self.take_share(stream, share),
            Record::Telemetry(reading) => {
                self.rows.last_reading += 1;
                self.rows.readings.push(vec![
                    self.run.into(),
                    self.rows.last_reading.into(),
                    (stream as i64).into(),
                    nanos(reading.taken),
                    serde_json::to_string(&reading).unwrap_or_default().into(),
                ]);
                self.newest.entry(stream).or_default().telemetry = self.rows.last_reading;
            }
            Record::Step(step) => self.take_step(stream, &step),
            Record::Identity(identity) => {
                let identity = serde_json::to_string(&identity).unwrap_or_default();
                let row = [identity.into(), self.run.into(), (stream as i64).into()];
                self.rows.identities.push(row);
            }
            Record::Provenance(provenance) => {
                self.rows.provenance.insert(stream, provenance);
                self.rows.has_new_provenance = true;
            }
        }
    }

    fn take_job(&mut self, stream: usize, job: JobRecord) {
        self.rows.last_job += 1;
        let id = self.rows.last_job;
        let jobs = self.jobs.entry(stream).or_default();
        if jobs.len() == REMEMBERED_JOBS {
            jobs.pop_front();
        }
        jobs.push_back((job.job_id.clone(), id));
        self.rows.jobs.push(vec![
            self.run.into(),
            id.into(),
            (stream as i64).into(),
            job.job_id.into(),
            nanos(job.sent),
            job.step.map(|step| step as i64).into(),
            job.difficulty.into(),
            job.difficulty_scale.into(),
            job.work.version.into(),
            job.work.prevhash.to_vec().into(),
            job.work.claim_trie.map(|hash| hash.to_vec()).into(),
            job.work.coinb1.into(),
            job.work.coinb2.into(),
            job.work.merkle_branch.concat().into(),
            job.work.ntime.into(),
            job.work.nbits.into(),
            job.version_mask.into(),
            job.extranonce1.into(),
            job.clean.into(),
        ]);
    }

    fn take_share(&mut self, stream: usize, share: ShareRecord) {
        self.rows.last_share += 1;
        let id = self.rows.last_share;
        let job = self
            .jobs
            .get(&stream)
            .and_then(|jobs| jobs.iter().rev().find(|(id, _)| *id == share.job_id))
            .map(|(_, row)| *row);
        let newest = self.newest.entry(stream).or_default();
        newest.share = id;
        newest.ticket = newest.ticket.max(share.ticket);
        let (extranonce2, ntime, version_bits) = match share.proof {
            Some(proof) => (
                Some(proof.extranonce2),
                Some(proof.ntime),
                proof.version_bits,
            ),
            None => (None, None, None),
        };
        self.rows.shares.push(vec![
            self.run.into(),
            id.into(),
            (stream as i64).into(),
            (share.ticket as i64).into(),
            job.into(),
            share.job_id.into(),
            nanos(share.arrived),
            share.since_job.map(|span| span.as_nanos() as i64).into(),
            share.nonce.into(),
            extranonce2.into(),
            ntime.into(),
            version_bits.into(),
            share.verdict.name().to_string().into(),
            share.difficulty.into(),
        ]);
    }

    fn take_step(&mut self, stream: usize, step: &StepRecord) {
        let newest = self.newest.get(&stream).copied().unwrap_or_default();
        self.rows.steps.push(vec![
            self.run.into(),
            (stream as i64).into(),
            (step.step as i64).into(),
            nanos(step.started),
            nanos(step.ended),
            step.drive.to_string().into(),
            step.observation.to_string().into(),
            newest.share.into(),
            newest.telemetry.into(),
        ]);
    }

    /// Writes what has been taken.
    fn write(&mut self) -> Result<(), DatabaseError> {
        self.database.batch("BEGIN")?;
        let streams: Vec<Vec<Value>> = {
            let streams = lock(&self.streams);
            let new = streams.names.iter().enumerate().skip(self.opened);
            new.map(|(id, name)| {
                let (id, name) = (Value::from(id as i64), name.clone().into());
                vec![self.run.into(), id, name, Value::Null]
            })
            .collect()
        };
        self.insert(tables::STREAM, &streams)?;
        self.insert(tables::JOB, &self.rows.jobs)?;
        self.insert(tables::SHARE, &self.rows.shares)?;
        self.insert(tables::TELEMETRY, &self.rows.readings)?;
        self.insert(tables::STEP, &self.rows.steps)?;
        for identity in &self.rows.identities {
            let update = "UPDATE stream SET identity = $1 WHERE run = $2 AND id = $3";
            self.database.query(update, identity)?;
        }
        if self.rows.has_new_provenance {
            // A run is a verified device's if all its streams are.
            let all = &self.rows.provenance;
            let worst = all.values().find(|of| **of != Provenance::Device);
            let worst = worst.unwrap_or(&Provenance::Device);
            let worst = serde_json::to_string(worst).unwrap_or_default();
            self.database.query(
                "UPDATE run SET provenance = $1 WHERE id = $2",
                &[worst.into(), self.run.into()],
            )?;
        }
        self.database.end()?;
        self.rows.has_new_provenance = false;
        self.opened += streams.len();
        self.rows.jobs.clear();
        self.rows.shares.clear();
        self.rows.readings.clear();
        self.rows.steps.clear();
        self.rows.identities.clear();
        Ok(())
    }

    fn insert(&self, table: Table, rows: &[Vec<Value>]) -> Result<(), DatabaseError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.database.insert(&table, rows)
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

/// Both databases' integers are signed: 292 years of nanoseconds.
fn nanos(t: Nanos) -> Value {
    i64::try_from(t.0).unwrap_or(i64::MAX).into()
}
