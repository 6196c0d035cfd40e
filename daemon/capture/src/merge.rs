//! Several captures in one, each run with its seed, recipe, times and provenance as it was recorded.
//!
//! Source and destination may each be a file or a database, so this is also how a file gets into a database, and
//! how a run is taken out of one.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;

use super::database::{Database, DatabaseError};
use super::place::Place;
use super::reader::PAGE;
use super::server::Server;
use super::sqlite::{self, Promise};
use super::tables::{OF_A_RUN, RUN, Table};
use super::{Capture, StoreError, database};

/// A run that was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The capture that it came from.
    pub source: PathBuf,
    /// Its number there.
    pub was: i64,
    /// Its number in the new one.
    pub is: i64,
    /// Rows of all kinds.
    pub rows: u64,
}

/// Copies all runs of `sources` into `out`: a new file, or a database, which may hold others. Either all are
/// copied or none. Bounded memory.
///
/// # Errors
/// If a source is named twice or cannot be read, if the file exists, or if `out` cannot be written.
pub fn merge(sources: &[PathBuf], out: &Path) -> Result<Vec<Merged>, StoreError> {
    let mut seen = Vec::new();
    for source in sources {
        let same = std::fs::canonicalize(source).unwrap_or_else(|_| source.clone());
        if seen.contains(&same) {
            return Err(StoreError::Content {
                path: source.clone(),
                what: "is named twice: its shares would count twice".into(),
            });
        }
        seen.push(same);
    }
    let into = |database: &Database| -> Result<Vec<Merged>, StoreError> {
        let mut merged = Vec::new();
        for source in sources {
            let capture = Capture::open(source)?;
            // A run that is still being written is copied as it stands now.
            capture.freeze()?;
            for run in capture.runs()? {
                merged.push(copy(&capture, run.id, database, out)?);
            }
        }
        Ok(merged)
    };
    match Place::of(out)? {
        Place::File { path, .. } => {
            let (connection, merged) = sqlite::create(&path, Promise::Power, into)?;
            // One file, without a log beside it, is what a user expects to copy.
            connection
                .pragma_update(None, "journal_mode", "delete")
                .map_err(database("cannot finish", out))?;
            Ok(merged)
        }
        Place::Server { run: Some(_), .. } => Err(StoreError::Content {
            path: out.to_path_buf(),
            what: "the database numbers its runs itself: leave the # and what follows away".into(),
        }),
        Place::Server { url, .. } => {
            let database = Database::Postgres(Box::new(Server::for_writing(&url)?));
            let fail = super::database("cannot write to", out);
            database.batch("BEGIN").map_err(&fail)?;
            // Whatever fails, the connection ends without a commit, and the server forgets it all.
            let merged = into(&database)?;
            database.end().map_err(&fail)?;
            Ok(merged)
        }
    }
}

/// Copies a run, page by page.
fn copy(capture: &Capture, was: i64, to: &Database, out: &Path) -> Result<Merged, StoreError> {
    let from = capture.database();
    let reading = database("cannot read", capture.path());
    let writing = |error: DatabaseError| database("cannot write to", out)(error);
    let query = format!("SELECT {} FROM run WHERE id = $1", RUN.list());
    let mut row = from
        .query(&query, &[was.into()])
        .map_err(&reading)?
        .pop()
        .map(|row| row.values)
        .unwrap_or_default();
    // What was merged before keeps the name that it was recorded under.
    if let Some(origin) = row.last_mut()
        && *origin == Value::Null
    {
        *origin = capture.path().display().to_string().into();
    }
    let is = to
        .add_run(row.get(1..).unwrap_or_default())
        .map_err(writing)?;
    let mut rows = 0;
    for table in OF_A_RUN {
        let query = table.page();
        let mut after = before_all(&table);
        loop {
            let mut params = vec![was.into()];
            params.extend(after);
            params.push(PAGE.into());
            let page = from.query(&query, &params).map_err(&reading)?;
            let mut page: Vec<Vec<Value>> = page.into_iter().map(|row| row.values).collect();
            let Some(last) = page.last() else {
                break;
            };
            after = table.key_of(last);
            for row in &mut page {
                row[0] = is.into();
            }
            to.insert(&table, &page).map_err(writing)?;
            rows += page.len() as u64;
        }
    }
    Ok(Merged {
        source: capture.path().to_path_buf(),
        was,
        is,
        rows,
    })
}

/// A key that comes before that of every row.
fn before_all(table: &Table) -> Vec<Value> {
    table.key[1..].iter().map(|_| Value::Integer(-1)).collect()
}
