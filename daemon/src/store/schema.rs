//! The tables of a capture.
//!
//! Times are nanoseconds on the run's clock, bytes are blobs, and rows are in the order in which things
//! happened. A step row says which share and reading was the newest when it ended, so that a replay is
//! exact.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, database};

/// Marks the file as ours (`PRAGMA application_id`): "Thrm".
const APPLICATION_ID: i64 = 0x5468_726d;

/// Version of the tables below (`PRAGMA user_version`). Raise it with every change, and teach `open` the
/// older ones. Version 1 had no claim tries.
const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE run (
    created_unix_s INTEGER NOT NULL,
    version        TEXT NOT NULL,
    seed           INTEGER NOT NULL,
    config         TEXT NOT NULL,
    config_hash    TEXT NOT NULL,
    task           TEXT NOT NULL,
    provenance     TEXT NOT NULL,
    state          TEXT NOT NULL
);
CREATE TABLE stream (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    identity   TEXT
);
CREATE TABLE job (
    id           INTEGER PRIMARY KEY,
    stream       INTEGER NOT NULL REFERENCES stream,
    job_id       TEXT NOT NULL,
    sent_ns      INTEGER NOT NULL,
    step         INTEGER,
    difficulty   REAL NOT NULL,
    scale        REAL NOT NULL,
    version      INTEGER NOT NULL,
    prevhash     BLOB NOT NULL,
    claim_trie   BLOB,
    coinb1       BLOB NOT NULL,
    coinb2       BLOB NOT NULL,
    branch       BLOB NOT NULL,
    ntime        INTEGER NOT NULL,
    nbits        INTEGER NOT NULL,
    version_mask INTEGER NOT NULL,
    extranonce1  BLOB NOT NULL,
    clean        INTEGER NOT NULL
);
CREATE TABLE share (
    id           INTEGER PRIMARY KEY,
    stream       INTEGER NOT NULL REFERENCES stream,
    ticket       INTEGER NOT NULL,
    job          INTEGER REFERENCES job,
    job_id       TEXT NOT NULL,
    arrived_ns   INTEGER NOT NULL,
    since_job_ns INTEGER,
    nonce        INTEGER NOT NULL,
    extranonce2  BLOB,
    ntime        INTEGER,
    version_bits INTEGER,
    verdict      TEXT NOT NULL,
    difficulty   REAL
);
CREATE TABLE telemetry (
    id       INTEGER PRIMARY KEY,
    stream   INTEGER NOT NULL REFERENCES stream,
    taken_ns INTEGER NOT NULL,
    reading  TEXT NOT NULL
);
CREATE TABLE step (
    stream         INTEGER NOT NULL REFERENCES stream,
    step           INTEGER NOT NULL,
    started_ns     INTEGER NOT NULL,
    ended_ns       INTEGER NOT NULL,
    drive          TEXT NOT NULL,
    observation    TEXT NOT NULL,
    last_share     INTEGER NOT NULL,
    last_telemetry INTEGER NOT NULL,
    PRIMARY KEY (stream, step)
) WITHOUT ROWID;
CREATE INDEX share_of_stream ON share (stream, id);
";

/// Makes a new capture at `path`, whose name must be free, with what `fill` writes into its tables.
///
/// # Errors
/// If the file exists or cannot be made.
pub(super) fn create(
    path: &Path,
    fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, StoreError> {
    if path.exists() {
        return Err(StoreError::Exists(path.to_path_buf()));
    }
    let fail = database("cannot make the capture", path);
    // Made beside its name and moved there when it is whole: a program killed in between leaves nothing
    // that looks like a capture and is none.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let cannot = |source| StoreError::Open {
        path: path.to_path_buf(),
        source,
    };
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    std::fs::File::create(&new).map_err(cannot)?;
    let connection = Connection::open(&new).map_err(&fail)?;
    connection
        .execute_batch(TABLES)
        .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION))
        .and_then(|()| fill(&connection))
        .map_err(&fail)?;
    connection.close().map_err(|(_, error)| fail(error))?;
    std::fs::rename(&new, path).map_err(cannot)?;

    let connection = Connection::open(path).map_err(&fail)?;
    // Readers may look on while a run is written. A commit reaches the operating system before it
    // returns, so a killed program loses nothing; a power cut may take the last second, and leaves the
    // file whole.
    connection
        .pragma_update(None, "journal_mode", "wal")
        .and_then(|()| connection.pragma_update(None, "synchronous", "normal"))
        .map_err(&fail)?;
    Ok(connection)
}

/// Opens the capture at `path` for reading.
///
/// # Errors
/// If it is not there, is something else, or is of a newer version.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    // SQLite would say no more than "unable to open".
    std::fs::File::open(path).map_err(|source| StoreError::Open {
        path: path.to_path_buf(),
        source,
    })?;
    let fail = database("cannot read", path);
    // A capture whose program was killed has a log beside it, which opening it read-write folds in.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&fail)?;
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let application =
        number("application_id").map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotACapture(path.to_path_buf()),
            _ => fail(error),
        })?;
    if application != APPLICATION_ID {
        return Err(StoreError::NotACapture(path.to_path_buf()));
    }
    let found = number("user_version").map_err(&fail)?;
    if found > VERSION {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
            known: VERSION,
        });
    }
    if found < 2 {
        // Seen through this view, it is as one of today without claim tries.
        connection
            .execute_batch("CREATE TEMP VIEW job AS SELECT *, NULL AS claim_trie FROM main.job")
            .map_err(&fail)?;
    }
    connection
        .pragma_update(None, "query_only", true)
        .map_err(&fail)?;
    Ok(connection)
}
