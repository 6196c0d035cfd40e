//! The share journal: one SQLite file, written by one thread.
//!
//! It keeps the newest million shares that are settled, those that are not, the subscriptions of both, the newest
//! subscription to each pool, and the newest ten thousand bans; what is older is deleted as it goes on.
//!
//! A commit reaches the disk before a unit is told *accepted* (`synchronous = full`): neither a killed program
//! nor a power cut loses a share that was acknowledged. Many entries are committed together.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, ErrorCode};
use thermine_proxy::journal::{Entry, Journal, Receipt, Restored};
use tokio::sync::mpsc;

use super::intact::{Intact, read_through, warn_of_damaged_log};
use super::journal_rows::{PRUNED_EVERY, TABLES, enter, prune, restore};
use thermine_capture::error_chain::chain;

/// Marks the file as ours (`PRAGMA application_id`): "ThrJ".
const APPLICATION_ID: i64 = 0x5468_724a;

/// Version of the tables below (`PRAGMA user_version`).
const VERSION: i64 = 1;

/// Entries committed together at most.
const BATCH: usize = 4096;

/// Wall time between two looks at the file while nothing is written.
const LOOK: Duration = Duration::from_secs(1);

/// A journal being written.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    thread: JoinHandle<Result<()>>,
}

/// What a journal says of its shares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shares that units were told accepted.
    pub shares: u64,
    /// Of them accepted by the pool, once or (after an interruption) already before.
    pub accepted: u64,
    /// Of them refused by the pool.
    pub(crate) refused: u64,
    /// Of them that could not count any more.
    pub(crate) expired: u64,
    /// Of them without an outcome yet.
    pub open: u64,
}

/// Opens the journal at `path`, or makes it, and starts its writer. The file is this program's alone meanwhile.
///
/// # Errors
/// If it cannot be opened, is something else, or another proxy has it.
pub fn open(path: &Path) -> Result<(Store, Journal, Restored)> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        tracing::warn!(
            journal = %path.display(),
            "the share journal is an empty file: a new one is begun"
        );
    }
    warn_of_damaged_log(path);
    let mut connection = prepare(path)?;
    let restored = restore(&mut connection)
        .with_context(|| format!("cannot read the journal {}", path.display()))?;
    let intact = Intact::of(path)?;
    let (journal, entries) = Journal::channel();
    let name = path.display().to_string();
    let thread = std::thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            let written = write(connection, entries, intact);
            if let Err(error) = &written {
                tracing::error!(error = chain(error), "the journal {name} has stopped");
            }
            written
        })?;
    let store = Store {
        path: path.to_path_buf(),
        thread,
    };
    Ok((store, journal, restored))
}

impl Store {
    /// Waits until everything is written; whoever writes to it must have ended.
    ///
    /// # Errors
    /// If anything could not be written, at any time.
    pub fn finish(self) -> Result<()> {
        match self.thread.join() {
            Ok(written) => {
                written.with_context(|| format!("cannot write to {}", self.path.display()))
            }
            Err(_) => bail!("the writer of {} has panicked", self.path.display()),
        }
    }
}

/// Counts what the journal at `path` holds, for reading.
///
/// # Errors
/// If it cannot be read, or a proxy has it open.
pub fn counts(path: &Path) -> Result<Counts> {
    ensure!(path.exists(), "there is no journal {}", path.display());
    let connection = prepare(path)?;
    let count = |filter: &str| -> rusqlite::Result<u64> {
        let query = format!("SELECT count(*) FROM share WHERE {filter}");
        let count: i64 = connection.query_row(&query, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    Ok(Counts {
        shares: count("true")?,
        accepted: count("outcome LIKE 'accepted%'")?,
        refused: count("outcome = 'refused'")?,
        expired: count("outcome = 'expired'")?,
        open: count("outcome IS NULL")?,
    })
}

fn prepare(path: &Path) -> Result<Connection> {
    let context = || format!("cannot open the journal {}", path.display());
    let damaged = || {
        format!(
            "the journal {} cannot be used: put a copy in its place, or move it away to begin a new one, without the \
             shares of before that have no answer yet",
            path.display()
        )
    };
    let connection = Connection::open(path).with_context(context)?;
    let prepare = || -> rusqlite::Result<(i64, i64, bool)> {
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // Takes the lock.
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        if tables == 0 {
            connection.execute_batch(TABLES)?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", VERSION)?;
        }
        let found = (
            number("application_id")?,
            number("user_version")?,
            tables == 0,
        );
        connection.execute_batch("COMMIT")?;
        Ok(found)
    };
    let (application, version, _) = match prepare() {
        Ok(found) => found,
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => bail!(
                "another program has the journal {} open: end it, or name another file",
                path.display()
            ),
            Some(ErrorCode::NotADatabase) => {
                bail!(
                    "{} is not a share journal: name another file",
                    path.display()
                )
            }
            Some(ErrorCode::DatabaseCorrupt) => return Err(error).with_context(damaged),
            _ => return Err(error).with_context(context),
        },
    };
    ensure!(
        application == APPLICATION_ID,
        "{} is not a share journal: name another file",
        path.display()
    );
    ensure!(
        version <= VERSION,
        "{} has version {version} of the format, and this program knows up to {VERSION}: use a newer thermine",
        path.display()
    );
    read_through(&connection).with_context(damaged)?;
    Ok(connection)
}

fn write(
    mut connection: Connection,
    mut entries: mpsc::Receiver<Entry>,
    mut intact: Intact,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut receipts: Vec<Receipt> = Vec::new();
    let mut entered = 0;
    loop {
        let entries = entries.recv_many(&mut batch, BATCH);
        let received = runtime.block_on(async { tokio::time::timeout(LOOK, entries).await });
        intact.check(&connection)?;
        match received {
            Ok(0) => break,
            Ok(_) => entered += batch.len(),
            Err(_) => continue,
        }
        let transaction = connection.transaction()?;
        for entry in batch.drain(..) {
            receipts.extend(enter(&transaction, entry)?);
        }
        transaction.commit()?;
        intact.note()?;
        // Only what is committed is acknowledged; without a commit the receipts are dropped, and say so.
        receipts.drain(..).for_each(Receipt::give);
        if entered >= PRUNED_EVERY {
            entered = 0;
            prune(&mut connection)?;
            intact.note()?;
        }
    }
    // One file, without a log beside it, is what a user expects to copy.
    connection.pragma_update(None, "journal_mode", "delete")?;
    Ok(())
}
