//! The jobs, in one SQLite file: written by the daemon and by `thermine queue` alike, one statement or transaction at
//! a time, each of which is whole on the disk before it is said to be done.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::found::Found;
use crate::live::Job;
use crate::live::snapshot::Progress;
use thermine_lab::config::folders::Folders;
use thermine_lab::config::nearest::nearest;
use thermine_lab::request::{LONGEST, ReadCommand, Request};

/// Name of the queue's file in the data folder.
pub(crate) const FILE: &str = "queue.sqlite";

/// "thmq": tells the file from other SQLite files.
const APPLICATION_ID: i32 = 0x7468_6d71;
/// Version of the format. Version 1 held the text of a command, and no request.
const VERSION: i32 = 2;

/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Jobs that may wait.
const MOST_WAITING: i64 = 1000;
/// Ended jobs that are kept.
const MOST_ENDED: i64 = 200;

/// Times that a job may be begun. What ends the daemon three times is not tried again.
pub const MOST_ATTEMPTS: u32 = 3;

/// Latest time at which a job may be due: the end of the year 9999, wall time in milliseconds.
pub(crate) const LATEST_MS: u64 = 253_402_207_200_000;

/// Longest text that is shown of a row, in characters.
const SHOWN: usize = 4096;

/// What is said of a command of an older version that is no request.
const CANNOT_READ: &str =
    "the command of an older version cannot be read as a job of this one: queue it again";

/// A queue that cannot be used, or not so.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Its folder cannot be made.
    #[error("cannot make the data folder {} (daemon.data): {source}", .path.display())]
    Folder {
        /// The data folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("the queue {}: {source}", .path.display())]
    Database {
        /// The file of the queue.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It is another file, or of a newer version.
    #[error("{} is not a queue that this program knows: name another daemon.data", .0.display())]
    Foreign(PathBuf),
    /// What is asked for cannot be.
    #[error("{0}")]
    Asked(String),
}

/// A job with what only the queue knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The job as everybody sees it.
    pub job: Job,
    /// Times that it has been begun.
    pub attempts: u32,
    /// Whether it is to be ended while it runs.
    pub(crate) is_cancelled: bool,
    /// What it has found.
    pub(crate) found: Found,
    /// What is asked for; why that cannot be known, of a row that this version does not understand.
    pub(crate) request: Result<Box<Request>, String>,
}

/// How a job has ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Well: where its report is, and what it has found.
    Done(String, Box<Found>),
    /// With this error.
    Failed(String),
    /// It was taken out while it ran.
    Cancelled,
    /// The daemon was asked to end: it waits again, and this attempt does not count.
    Interrupted,
}

/// The queue; clones are the same one.
#[derive(Debug, Clone)]
pub struct Queue {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl Queue {
    /// Opens the queue in `folder`, both of which are made if they are not there. `read_command` is for the jobs of older
    /// versions.
    ///
    /// # Errors
    /// If it cannot be, or is none.
    pub fn open(folder: &Path, read_command: ReadCommand) -> Result<Queue, QueueError> {
        std::fs::create_dir_all(folder).map_err(|source| QueueError::Folder {
            path: folder.to_path_buf(),
            source,
        })?;
        let path = folder.join(FILE);
        let failed = |source| QueueError::Database {
            path: path.clone(),
            source,
        };
        let connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        let read =
            |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (id, version) = (
            read("application_id").map_err(failed)?,
            read("user_version").map_err(failed)?,
        );
        let is_older = (id, version) == (APPLICATION_ID, 1);
        if (id, version) != (APPLICATION_ID, VERSION) && !is_older {
            let tables: i64 = connection
                .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
                .map_err(failed)?;
            if (id, version, tables) != (0, 0, 0) {
                return Err(QueueError::Foreign(path));
            }
        }
        let add_requests = if is_older {
            "ALTER TABLE job ADD COLUMN request TEXT;"
        } else {
            ""
        };
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = wal; PRAGMA synchronous = full; BEGIN IMMEDIATE; \
                 CREATE TABLE IF NOT EXISTS job (\
                   id INTEGER PRIMARY KEY AUTOINCREMENT, \
                   command TEXT NOT NULL, unit TEXT NOT NULL, progress TEXT NOT NULL, \
                   attempts INTEGER NOT NULL, cancelled INTEGER NOT NULL, \
                   added_ms INTEGER NOT NULL, due_ms INTEGER, outcome TEXT, found TEXT, request TEXT) STRICT; {add_requests} \
                 PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT"
            ))
            .map_err(failed)?;
        let queue = Queue {
            connection: Arc::new(Mutex::new(connection)),
            path,
        };
        queue.convert(read_command)?;
        Ok(queue)
    }

    /// Reads the commands of an older version, once, as the requests that they are. What cannot be read has failed.
    fn convert(&self, read: ReadCommand) -> Result<(), QueueError> {
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let old: Vec<(i64, String)> = transaction
                .prepare(
                    "SELECT id, command FROM job WHERE request IS NULL AND progress IN ('waiting', 'running')",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            for (id, command) in old {
                match read(&command).map(|request| serde_json::to_string(&request)) {
                    Ok(Ok(request)) => transaction.execute(
                        "UPDATE job SET request = ?2 WHERE id = ?1",
                        params![id, request],
                    )?,
                    Ok(Err(_)) | Err(_) => transaction.execute(
                        "UPDATE job SET progress = 'failed', outcome = ?2 WHERE id = ?1",
                        params![id, CANNOT_READ],
                    )?,
                };
            }
            transaction.commit()
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueueError> {
        // A panic between two statements leaves the file as SQLite has it, which is whole.
        work(&mut self.connection.lock()).map_err(|source| QueueError::Database {
            path: self.path.clone(),
            source,
        })
    }

    /// Adds `request` for one of `units`, due at `due_ms` of wall time or at once. Returns its number, which is never
    /// used again.
    ///
    /// # Errors
    /// If the request is not sound, the unit is none, or too many wait.
    pub fn add(
        &self,
        units: &[&str],
        request: &Request,
        folders: &Folders,
        unit: Option<&str>,
        due_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, QueueError> {
        let asked = |what: String| QueueError::Asked(what);
        request
            .check(folders)
            .map_err(|wrong| asked(wrong.to_string()))?;
        let json = serde_json::to_string(request).map_err(|error| asked(error.to_string()))?;
        if json.len() > LONGEST {
            return Err(asked(format!(
                "a job has at most {LONGEST} bytes as JSON, and this one has {}",
                json.len()
            )));
        }
        if due_ms.is_some_and(|due| due > LATEST_MS) {
            return Err(asked(format!(
                "a job can be due at {LATEST_MS} ms at the latest, in the year 9999"
            )));
        }
        let unit = match (unit, request.is_analysis()) {
            (_, true) => "",
            (Some(unit), false) if units.contains(&unit) => unit,
            (Some(unit), false) => {
                let meant = nearest(unit, units.iter().copied())
                    .map_or_else(|| units.join(", "), |near| format!("did you mean {near}?"));
                return Err(asked(format!("there is no unit {unit}: {meant}")));
            }
            // With only one there is nothing to choose.
            (None, false) => match units {
                [only] => only,
                _ => {
                    return Err(asked(format!(
                        "name the unit that it is for with --unit: {}",
                        units.join(", ")
                    )));
                }
            },
        };
        let id = self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let waiting: i64 = transaction.query_row(
                "SELECT count(*) FROM job WHERE progress = 'waiting'",
                [],
                |row| row.get(0),
            )?;
            if waiting >= MOST_WAITING {
                return Ok(None);
            }
            transaction.execute(
                "INSERT INTO job (command, request, unit, progress, attempts, cancelled, added_ms, due_ms) \
                 VALUES (?1, ?2, ?3, 'waiting', 0, 0, ?4, ?5)",
                params![
                    request.words(),
                    json,
                    unit,
                    now_ms as i64,
                    due_ms.map(|due| due as i64)
                ],
            )?;
            let id = transaction.last_insert_rowid();
            transaction.execute(
                "DELETE FROM job WHERE progress NOT IN ('waiting', 'running') AND id NOT IN \
                 (SELECT id FROM job WHERE progress NOT IN ('waiting', 'running') \
                  ORDER BY id DESC LIMIT ?1)",
                [MOST_ENDED],
            )?;
            transaction.commit()?;
            Ok(Some(id.unsigned_abs()))
        })?;
        id.ok_or_else(|| asked(format!("{MOST_WAITING} jobs wait already: cancel some")))
    }

    /// All jobs: what runs, then what waits in the order in which it is due, then what has ended, the newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, QueueError> {
        self.with(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, command, unit, progress, attempts, cancelled, due_ms, outcome, found, request FROM job \
                 ORDER BY CASE progress WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END, \
                 CASE progress WHEN 'waiting' THEN coalesce(due_ms, 0) ELSE 0 END, \
                 CASE WHEN progress IN ('running', 'waiting') THEN id ELSE -id END",
            )?;
            query.query_map([], entry)?.collect()
        })
    }

    /// The jobs that were running when the last daemon ended without a word: they wait again, and say so, unless
    /// they have been begun [`MOST_ATTEMPTS`] times. For the daemon alone, before it begins any.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn recover(&self) -> Result<usize, QueueError> {
        self.with(|connection| {
            connection.execute(
                "UPDATE job SET \
                 progress = CASE WHEN cancelled THEN 'cancelled' WHEN attempts >= ?1 THEN 'failed' \
                   ELSE 'waiting' END, \
                 outcome = CASE WHEN cancelled THEN 'taken out' \
                   WHEN attempts >= ?1 THEN 'the daemon died in each of ' || attempts || ' attempts: not retried' \
                   ELSE 'the daemon died in attempt ' || attempts || ' of ' || ?1 || ': it waits again' END \
                 WHERE progress = 'running'",
                [MOST_ATTEMPTS],
            )
        })
    }

    /// Marks the job `id` as running and counts the attempt, if it still waits. Returns whether it does.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn begin(&self, id: u64) -> Result<bool, QueueError> {
        self.with(|connection| {
            let changed = connection.execute(
                "UPDATE job SET progress = 'running', attempts = attempts + 1, outcome = NULL \
                 WHERE id = ?1 AND progress = 'waiting'",
                [id as i64],
            )?;
            Ok(changed == 1)
        })
    }

    /// Enters how the running job `id` has ended.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn end(&self, id: u64, end: End) -> Result<(), QueueError> {
        let (progress, outcome, found, attempts) = match end {
            End::Done(outcome, found) => ("done", outcome, Some(found), 0),
            End::Failed(why) => ("failed", why, None, 0),
            End::Cancelled => ("cancelled", "taken out while it ran".into(), None, 0),
            End::Interrupted => (
                "waiting",
                "the program was asked to end while it ran: it waits again".into(),
                None,
                1,
            ),
        };
        let found = found.and_then(|found| serde_json::to_string(&found).ok());
        self.with(|connection| {
            connection
                .execute(
                    "UPDATE job SET progress = ?2, outcome = ?3, found = ?4, attempts = attempts - ?5 \
                     WHERE id = ?1 AND progress = 'running'",
                    params![id as i64, progress, outcome, found, attempts],
                )
                .map(drop)
        })
    }

    /// Takes the job `id` out, and says what that means for it.
    ///
    /// # Errors
    /// If there is none that runs or waits.
    pub fn cancel(&self, id: u64) -> Result<&'static str, QueueError> {
        let was = self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let was: Option<String> = transaction
                .query_row(
                    "SELECT progress FROM job WHERE id = ?1",
                    [id as i64],
                    |row| row.get(0),
                )
                .optional()?;
            transaction.execute(
                "UPDATE job SET cancelled = 1, \
                 outcome = CASE progress WHEN 'waiting' THEN 'taken out' ELSE outcome END, \
                 progress = CASE progress WHEN 'waiting' THEN 'cancelled' ELSE progress END \
                 WHERE id = ?1 AND progress IN ('waiting', 'running')",
                [id as i64],
            )?;
            transaction.commit()?;
            Ok(was)
        })?;
        match was.as_deref() {
            Some("waiting") => Ok("taken out"),
            Some("running") => Ok("it runs, and is being ended"),
            Some(_) => Err(QueueError::Asked(format!("job {id} has ended already"))),
            None => Err(QueueError::Asked(format!(
                "there is no job {id}: `thermine queue list` shows all"
            ))),
        }
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let progress = match row.get_ref(3)?.as_str()? {
        "running" => Progress::Running,
        "done" => Progress::Done,
        "failed" => Progress::Failed,
        "cancelled" => Progress::Cancelled,
        _ => Progress::Waiting,
    };
    let found: Option<String> = row.get(8)?;
    let request: Option<String> = row.get(9)?;
    Ok(Entry {
        job: Job {
            id: row.get::<_, i64>(0)?.unsigned_abs(),
            command: shown(&row.get::<_, String>(1)?),
            unit: row.get(2)?,
            progress,
            steps: None,
            due_ms: row.get::<_, Option<i64>>(6)?.map(due),
            outcome: row.get(7)?,
        },
        attempts: u32::try_from(row.get::<_, i64>(4)?).unwrap_or(u32::MAX),
        is_cancelled: row.get(5)?,
        // Of another version it is not understood, and then it is not shown.
        found: found
            .and_then(|found| serde_json::from_str(&found).ok())
            .unwrap_or_default(),
        request: match request {
            Some(json) if json.len() <= LONGEST => {
                serde_json::from_str(&json).map_err(|error| error.to_string())
            }
            Some(json) => Err(format!(
                "it has {} bytes, at most {LONGEST} are read",
                json.len()
            )),
            None => Err(CANNOT_READ.into()),
        },
    })
}

/// A time of a row, within what can be due.
fn due(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).min(LATEST_MS)
}

/// The text of a row, shortened and without control characters: other programs write to the file too.
fn shown(text: &str) -> String {
    let clean = |character: char| {
        if character.is_control() {
            '\u{fffd}'
        } else {
            character
        }
    };
    text.chars().take(SHOWN).map(clean).collect()
}

#[cfg(test)]
mod tests;
