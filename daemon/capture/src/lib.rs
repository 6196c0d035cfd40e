//! Captures: what happened in a run, in a SQLite file of its own or beside others in a PostgreSQL database.
//!
//! - `tables`: what both hold; `place`: how a user names either;
//! - `database`: the seam between a capture and what holds it: `sqlite`, `server`;
//! - [`writer`]: one thread that commits what the drivers record, and tells them how far it has come;
//! - [`reader`]: what a capture holds, share by share; [`answers`]: its nonces alone, fast; `steps`: step by step, for
//!   a replay;
//! - [`verify`]: every share hashed again; [`import`]: captures from other programs' CSV files; [`merge`]: several
//!   captures in one.

pub mod answers;
pub mod database;
pub mod error_chain;
pub mod import;
mod import_time;
pub mod input_file;
pub mod merge;
pub mod place;
pub mod reader;
pub mod secret_file;
mod server;
mod sqlite;
mod steps;
pub mod tables;
pub mod tabular;
pub mod verify;
pub mod writer;

use std::path::{Path, PathBuf};

pub use database::DatabaseError;
pub use reader::Capture;
pub use steps::StoredStep;
pub use writer::{RunMeta, Store};

/// A capture that cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is there already.
    #[error("{} exists already: captures are never overwritten; name another file", .0.display())]
    Exists(PathBuf),
    /// It is not there, or cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{} is not a thermine capture", .0.display())]
    NotACapture(PathBuf),
    /// It was written by a newer program.
    #[error("{} has version {found} of the format, and this program knows up to {known}: use a newer thermine", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// The database failed.
    #[error("{doing} {}: {source}", .path.display())]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What it says.
        source: DatabaseError,
    },
    /// It holds something that this program would not have written.
    #[error("{}: {what}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A line of an imported file.
    #[error("{} line {line}: {what}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// Makes a [`StoreError::Database`] of whatever a database says while `doing` something to `path`.
fn database<'a, E: Into<DatabaseError>>(
    doing: &'static str,
    path: &'a Path,
) -> impl Fn(E) -> StoreError + use<'a, E> {
    move |source| StoreError::Database {
        doing,
        path: path.to_path_buf(),
        source: source.into(),
    }
}
