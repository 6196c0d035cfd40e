//! What can go wrong with a capture.

use std::path::{Path, PathBuf};

/// A capture that cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Captures are never overwritten.
    #[error("{} exists already: captures are never overwritten; name another file", .0.display())]
    Exists(PathBuf),
    /// The file is missing, or cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file or its place.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file or database that is something else.
    #[error("{} is not a thermine capture", .0.display())]
    NotACapture(PathBuf),
    /// A capture of a newer program.
    #[error("{} has version {found} of the format, and this program knows up to {known}: use a newer thermine", .path.display())]
    Newer {
        /// Where the capture is.
        path: PathBuf,
        /// Version of the capture's format.
        found: i64,
        /// Newest version that this program reads.
        known: i64,
    },
    /// The database failed.
    #[error("{doing} {}: {source}", .path.display())]
    Database {
        /// What was being done, such as `cannot read`.
        doing: &'static str,
        /// Where the capture is.
        path: PathBuf,
        /// The database's error.
        source: DatabaseError,
    },
    /// Content or a name that this program would not have written.
    #[error("{}: {what}", .path.display())]
    Content {
        /// Where the capture is.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A line of an imported file.
    #[error("{} line {line}: {what}", .path.display())]
    Line {
        /// The imported file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong with the line.
        what: String,
    },
}

/// An error of the database that holds a capture.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite refused or failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL, whose own text only names the kind of error.
    #[cfg(feature = "postgres")]
    #[error("{}", with_causes(.0))]
    Postgres(#[from] postgres::Error),
    /// A value is not one that this program would have written.
    #[error("{0}")]
    Content(String),
}

/// Makes a [`StoreError::Database`] of an error of a database while `doing` something to `path`.
pub(super) fn failed<'a, E: Into<DatabaseError>>(
    doing: &'static str,
    path: &'a Path,
) -> impl Fn(E) -> StoreError + use<'a, E> {
    move |source| StoreError::Database {
        doing,
        path: path.to_path_buf(),
        source: source.into(),
    }
}

/// `error` with its causes, which alone hold the server's words.
#[cfg(feature = "postgres")]
pub(super) fn with_causes(error: &postgres::Error) -> String {
    let first: &dyn std::error::Error = error;
    let all = std::iter::successors(Some(first), |error| error.source());
    let said: Vec<String> = all.map(ToString::to_string).collect();
    said.join(": ")
}
