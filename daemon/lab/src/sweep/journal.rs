//! The finished cells of a sweep, one JSON line each: an interrupted sweep is continued from them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::cell::Cell;

/// Name in the report folder.
const NAME: &str = "cells.jsonl";

/// Largest journal that is read.
const MOST_BYTES: u64 = 1 << 30;

/// First line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    /// Version of the format.
    journal: u32,
    /// Hash of all that a cell depends on.
    config_hash: String,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    index: usize,
    cell: Cell,
}

#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Finished cells by their number.
    pub(super) done: BTreeMap<usize, Cell>,
}

impl Journal {
    /// Opens the journal in `folder`, or begins one, for the sweep with this hash.
    ///
    /// # Errors
    /// If the journal is of another sweep, is damaged, or cannot be written.
    pub(super) fn open(folder: &Path, config_hash: &str, cells: usize) -> Result<Journal> {
        let path = folder.join(NAME);
        let cannot = || format!("cannot use {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(cannot)?;
        if file.metadata()?.len() > MOST_BYTES {
            bail!(
                "{} is no journal of a sweep: it is too long",
                path.display()
            );
        }
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(cannot)?;
        // A line that was being written when the program was killed has no end.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].lines();
        let head = Head {
            journal: 1,
            config_hash: config_hash.into(),
        };
        let mut done = BTreeMap::new();
        match lines.next() {
            None => {
                file.set_len(0)?;
                file.rewind()?;
                writeln!(file, "{}", serde_json::to_string(&head)?)?;
            }
            Some(line) => {
                let found: Head = serde_json::from_str(line)
                    .with_context(|| format!("{} line 1 is no journal's", path.display()))?;
                if found != head {
                    bail!(
                        "{} is of another sweep (configuration {}, not {}): ask for the same ranges, spans, unit and \
                         seed, or name another folder with --out",
                        path.display(),
                        found.config_hash,
                        head.config_hash
                    );
                }
                for (number, line) in lines.enumerate() {
                    let line: Line = serde_json::from_str(line)
                        .with_context(|| format!("{} line {}", path.display(), number + 2))?;
                    if line.index >= cells {
                        bail!(
                            "{} line {}: there is no cell {}",
                            path.display(),
                            number + 2,
                            line.index
                        );
                    }
                    done.insert(line.index, line.cell);
                }
                file.set_len(whole as u64)?;
                file.seek(SeekFrom::End(0))?;
            }
        }
        Ok(Journal { file, done })
    }

    /// Adds a finished cell, which is in the file when this returns.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn add(&mut self, index: usize, cell: Cell) -> Result<()> {
        let line = Line { index, cell };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .context("cannot write the finished cell")?;
        self.done.insert(line.index, line.cell);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::grid::Point;

    fn cell(frequency: f64) -> Cell {
        Cell::not_run(
            Point {
                voltage: Some(7.0),
                frequency,
                difficulty: 1024.0,
            },
            "a test".into(),
        )
    }

    #[test]
    fn what_is_finished_is_there_again_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(folder.path(), "abc", 9).expect("begun");
        journal.add(3, cell(300.0)).expect("added");
        journal.add(1, cell(250.0)).expect("added");
        drop(journal);
        let path = folder.path().join(NAME);
        let mut file = OpenOptions::new().append(true).open(&path).expect("opened");
        write!(file, "{{\"index\":2,\"ce").expect("torn");
        drop(file);
        let mut journal = Journal::open(folder.path(), "abc", 9).expect("continued");
        assert_eq!(journal.done.keys().copied().collect::<Vec<_>>(), [1, 3]);
        journal.add(2, cell(275.0)).expect("added");
        let again = Journal::open(folder.path(), "abc", 9).expect("continued");
        assert_eq!(again.done.len(), 3);
        assert_eq!(again.done[&2], cell(275.0));
    }

    #[test]
    fn the_journal_of_another_sweep_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(folder.path(), "abc", 9).expect("begun");
        journal.add(8, cell(300.0)).expect("added");
        let other = Journal::open(folder.path(), "abd", 9).expect_err("refused");
        assert!(other.to_string().contains("another sweep"), "{other}");
        let fewer = Journal::open(folder.path(), "abc", 5).expect_err("refused");
        assert!(fewer.to_string().contains("line 2"), "{fewer}");
        std::fs::write(folder.path().join(NAME), "what\n").expect("written");
        assert!(Journal::open(folder.path(), "abc", 9).is_err());
    }
}
