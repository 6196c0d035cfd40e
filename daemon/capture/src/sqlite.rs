//! A capture in a file: SQLite.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::database::{Database, DatabaseError};
use super::tables::{self, Dialect, VERSION};
use super::{StoreError, database};

/// Marks the file as ours (`PRAGMA application_id`): "Thrm".
const APPLICATION_ID: i64 = 0x5468_726d;

/// Statements that stay prepared: one for each table, and what the reader asks.
const STATEMENTS: usize = 32;

/// How much is promised of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// It survives a power cut: every commit waits for the disk.
    Power,
    /// It survives the end of the program. A power cut may take the last seconds, and leaves the file whole.
    Program,
}

/// Makes a new capture at `path`, whose name must be free, with what `fill` writes into its tables.
///
/// # Errors
/// If the file exists or cannot be made, or as `fill` does.
pub(super) fn create<T>(
    path: &Path,
    promise: Promise,
    fill: impl FnOnce(&Database) -> Result<T, StoreError>,
) -> Result<(Connection, T), StoreError> {
    if path.exists() {
        return Err(StoreError::Exists(path.to_path_buf()));
    }
    let fail = |error: DatabaseError| database("cannot make the capture", path)(error);
    let broken = |error: rusqlite::Error| fail(error.into());
    // Made beside its name and moved there when it is whole: a program killed in between leaves nothing
    // that looks like a capture and is none.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    let cannot = |source| StoreError::Open {
        path: path.to_path_buf(),
        source,
    };
    match std::fs::remove_file(new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    std::fs::File::create(new).map_err(cannot)?;
    let connection = connect(new, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
    connection
        .execute_batch(&tables::create(Dialect::Sqlite))
        .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION))
        .map_err(broken)?;
    let filling = Database::Sqlite(connection);
    filling.batch("BEGIN").map_err(fail)?;
    let filled = fill(&filling).and_then(|value| {
        filling.end().map_err(fail)?;
        Ok(value)
    });
    drop(filling);
    let value = match filled {
        Ok(value) => value,
        Err(error) => {
            // Half of it is of no use to anyone.
            let _ = std::fs::remove_file(new);
            return Err(error);
        }
    };
    std::fs::rename(new, path).map_err(cannot)?;

    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
    let synchronous = match promise {
        Promise::Power => "full",
        Promise::Program => "normal",
    };
    // Readers may look on while a run is written. A commit reaches the operating system before it
    // returns, so a killed program loses nothing.
    connection
        .pragma_update(None, "journal_mode", "wal")
        .and_then(|()| connection.pragma_update(None, "synchronous", synchronous))
        .map_err(broken)?;
    if promise == Promise::Power {
        // The name itself must be on the disk before anything is promised of what stands under it.
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(cannot)?;
    }
    Ok((connection, value))
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
    let fail = |error: DatabaseError| database("cannot read", path)(error);
    // A capture whose program was killed has a log beside it, which opening it read-write folds in.
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let application =
        number("application_id").map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotACapture(path.to_path_buf()),
            _ => fail(error.into()),
        })?;
    if application != APPLICATION_ID {
        return Err(StoreError::NotACapture(path.to_path_buf()));
    }
    let found = number("user_version").map_err(|error| fail(error.into()))?;
    if found > VERSION {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
            known: VERSION,
        });
    }
    connection
        .execute_batch(&as_of_today(found))
        .and_then(|()| connection.pragma_update(None, "query_only", true))
        .map_err(|error| fail(error.into()))?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, DatabaseError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Views by which a file of version `found` reads as one of today. The file itself stays as it is.
fn as_of_today(found: i64) -> String {
    let mut sql = String::new();
    if found < 3 {
        // One run a file, whose rows did not say so.
        sql += "CREATE TEMP VIEW run AS SELECT 1 AS id, *, NULL AS origin FROM main.run;";
        for table in tables::OF_A_RUN {
            let name = table.name;
            let more = if found < 2 && name == tables::JOB.name {
                ", NULL AS claim_trie"
            } else {
                ""
            };
            sql +=
                &format!("CREATE TEMP VIEW {name} AS SELECT 1 AS run, *{more} FROM main.{name};");
        }
    }
    sql
}
