//! Whether the journal on the disk is still the file that we write.
//!
//! SQLite goes on writing to a file that has been deleted or replaced, and does not read again what it has in memory. A
//! share that stands in such a file is lost by the next restart, so none may be acknowledged.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;

/// Wall time between two readings of a journal that another program writes to.
const AGAIN: Duration = Duration::from_secs(60);

/// The journal's files as our last commit left them.
#[derive(Debug)]
pub(super) struct Intact {
    files: [File; 2],
    /// When the journal was last read through.
    read: Option<Instant>,
}

/// The database, or the log beside it.
#[derive(Debug)]
struct File {
    path: PathBuf,
    seen: Look,
}

/// What tells a file from another, and from itself before it was written to.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    file: (u64, u64),
    content: (u64, i64, i64),
}

impl Look {
    fn of(path: &Path) -> Result<Look> {
        let metadata: Metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "{} has been deleted or moved while it was in use: put it back, or start with a new journal",
                path.display()
            ),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot look at {}", path.display()));
            }
        };
        Ok(Look {
            file: (metadata.dev(), metadata.ino()),
            content: (metadata.len(), metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl Intact {
    /// The files of the journal at `path`, which `connection` has open.
    ///
    /// # Errors
    /// If they cannot be looked at.
    pub(super) fn of(path: &Path) -> Result<Intact> {
        let file = |path: PathBuf| -> Result<File> {
            let seen = Look::of(&path)?;
            Ok(File { path, seen })
        };
        Ok(Intact {
            files: [file(path.to_path_buf())?, file(log_of(path))?],
            read: None,
        })
    }

    /// Looks whether another program has touched the files since the last commit. One that has only been written to is
    /// read through.
    ///
    /// # Errors
    /// If a file is gone, is another one or is damaged.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<()> {
        let is_written = self.look()?;
        // Some file systems change the times of a file later: not over and over.
        if is_written && self.read.is_none_or(|at| at.elapsed() >= AGAIN) {
            tracing::warn!("another program has written to the share journal: it is read through");
            read_through(connection)?;
            self.note()?;
            self.read = Some(Instant::now());
        }
        Ok(())
    }

    /// Takes the files for what they are after a commit of our own.
    ///
    /// # Errors
    /// If a file is gone or is another one: what was committed is not where a restart looks for it.
    pub(super) fn note(&mut self) -> Result<()> {
        self.look()?;
        for file in &mut self.files {
            file.seen = Look::of(&file.path)?;
        }
        Ok(())
    }

    /// Whether a file looks different from how our last commit left it.
    fn look(&self) -> Result<bool> {
        let mut is_written = false;
        for File { path, seen } in &self.files {
            let now = Look::of(path)?;
            ensure!(
                now.file == seen.file,
                "{} has been replaced by another file while it was in use: start again with one of them",
                path.display()
            );
            is_written |= now.content != seen.content;
        }
        Ok(is_written)
    }
}

/// Reads all of a journal from the disk.
///
/// # Errors
/// If it is damaged.
pub(super) fn read_through(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "shrink_memory", "")?;
    let found: String = connection
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .context("the file is damaged")?;
    ensure!(found == "ok", "the file is damaged: {found}");
    Ok(())
}

/// Warns if the log beside the journal at `path`, which a program that was killed has left, has a damaged entry before
/// sound ones: SQLite drops all from there on without a word.
pub(super) fn warn_of_damaged_log(path: &Path) {
    let Ok(log) = std::fs::read(log_of(path)) else {
        return;
    };
    if let Some(frame) = damaged_frame(&log) {
        tracing::warn!(
            journal = %path.display(),
            frame,
            "the log of the share journal is damaged: shares that were acknowledged after this entry may be lost"
        );
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// The first frame of a log with a wrong checksum, if a later one ends a transaction of the same log: a torn write at
/// the end of a log is no damage. See <https://sqlite.org/fileformat2.html#the_write_ahead_log>.
fn damaged_frame(log: &[u8]) -> Option<usize> {
    let word = |bytes: &[u8], at: usize| -> Option<u32> {
        let word = bytes.get(at..at + 4)?;
        word.try_into().ok().map(u32::from_be_bytes)
    };
    let is_big_endian = word(log, 0)? & 1 == 1;
    let page = word(log, 8)? as usize;
    let salts = log.get(16..24)?;
    let add = |sum: (u32, u32), bytes: &[u8]| {
        bytes.chunks_exact(8).fold(sum, |(first, second), pair| {
            let read = |at: usize| {
                let word = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
                match is_big_endian {
                    true => u32::from_be_bytes(word),
                    false => u32::from_le_bytes(word),
                }
            };
            let first = first.wrapping_add(read(0)).wrapping_add(second);
            (first, second.wrapping_add(read(4)).wrapping_add(first))
        })
    };
    let mut sum = add((0, 0), log.get(..24)?);
    let mut damaged = None;
    // A size that is no page is no log of ours.
    let frames = log.get(32..)?.chunks_exact((24 + page).max(512));
    for (number, frame) in frames.enumerate() {
        if frame.get(8..16)? != salts {
            break;
        }
        if damaged.is_some() {
            if word(frame, 4)? != 0 {
                return damaged;
            }
            continue;
        }
        sum = add(add(sum, &frame[..8]), frame.get(24..)?);
        if (word(frame, 16)?, word(frame, 20)?) != sum {
            damaged = Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_log_is_told_from_a_torn_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("journal.sqlite");
        let connection = Connection::open(&path).expect("made");
        connection
            .pragma_update(None, "journal_mode", "wal")
            .expect("set");
        connection
            .execute_batch("CREATE TABLE numbers (number INTEGER)")
            .expect("made");
        for number in 0..5 {
            connection
                .execute("INSERT INTO numbers VALUES (?1)", [number])
                .expect("written");
        }
        let log = std::fs::read(log_of(&path)).expect("a log");
        assert_eq!(damaged_frame(&log), None);
        let mut damaged = log.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        assert!(damaged_frame(&damaged).is_some());
        let mut torn = log.clone();
        let end = torn.len() - 1;
        torn[end] ^= 1;
        assert_eq!(damaged_frame(&torn), None);
        for length in 0..log.len() {
            assert_eq!(damaged_frame(&log[..length]), None);
        }
        assert_eq!(damaged_frame(b""), None);
        assert_eq!(damaged_frame(&[0; 4096]), None);
    }

    #[test]
    fn a_file_that_is_gone_another_or_damaged_is_noticed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("journal.sqlite");
        let connection = Connection::open(&path).expect("made");
        connection
            .pragma_update(None, "journal_mode", "wal")
            .expect("set");
        connection
            .execute_batch("CREATE TABLE numbers (number INTEGER); INSERT INTO numbers VALUES (1)")
            .expect("made");
        let mut intact = Intact::of(&path).expect("there");
        intact.check(&connection).expect("untouched");
        connection
            .execute("INSERT INTO numbers VALUES (2)", [])
            .expect("written");
        intact.note().expect("our own commit");
        intact.check(&connection).expect("untouched");
        let content = std::fs::read(&path).expect("there");
        // Written to without harm, it goes on.
        std::fs::write(&path, &content).expect("written");
        intact.check(&connection).expect("sound");
        std::fs::remove_file(&path).expect("removed");
        let gone = format!("{:#}", intact.check(&connection).expect_err("gone"));
        assert!(gone.contains("deleted"), "{gone}");
        std::fs::write(&path, &content).expect("written");
        let other = format!("{:#}", intact.check(&connection).expect_err("another"));
        assert!(other.contains("replaced"), "{other}");
    }
}
