//! Whether the journal on the disk is still the file that we write.
//!
//! SQLite goes on writing to a file that has been deleted or replaced, and does not read again what it has in memory. A
//! share that stands in such a file is lost by the next restart, so none may be acknowledged.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;

/// The journal's files as our last commit left them.
#[derive(Debug)]
pub(super) struct Intact {
    files: [File; 2],
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
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let file = |path: PathBuf| -> Result<File> {
            let seen = Look::of(&path)?;
            Ok(File { path, seen })
        };
        Ok(Intact {
            files: [file(path.to_path_buf())?, file(log.into())?],
        })
    }

    /// Looks whether another program has touched the files since the last commit. One that has only been written to is
    /// read through.
    ///
    /// # Errors
    /// If a file is gone, is another one or is damaged.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<()> {
        let is_written = self.look()?;
        if is_written {
            tracing::warn!("another program has written to the share journal: it is read through");
            read_through(connection)?;
            self.note()?;
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
    let found: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    ensure!(found == "ok", "the file is damaged: {found}");
    Ok(())
}
