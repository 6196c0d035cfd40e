//! A table on its way into a file: its columns, where its numbers come from, and the file that takes its rows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use rusqlite::types::Value;
use serde::Serialize;

use crate::reader::Run;
use crate::tables::Kind;

/// Rows, a page at a time.
pub type Pages<'a> = Box<dyn Iterator<Item = Result<Vec<Vec<Value>>>> + 'a>;

/// A table that can be exported.
pub struct Table<'a> {
    /// Names, units and kinds of the cells of a row.
    pub columns: Vec<Column>,
    /// Stream that the table is of, if it is of one alone.
    pub stream: Option<String>,
    /// All rows, in pages.
    pub pages: Pages<'a>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(super) name: String,
    /// `1` for a number without dimension, and empty for what is no quantity.
    pub(super) unit: String,
    pub(super) kind: Kind,
    /// Whether a row may be without it. What is missing stays missing, and is never zero.
    pub(super) optional: bool,
}

impl Column {
    /// A column of numbers.
    pub fn real(name: impl Into<String>, unit: &str) -> Column {
        Column::new(name, unit, Kind::Real)
    }

    /// A column of whole numbers without a unit.
    pub fn integer(name: impl Into<String>) -> Column {
        Column::new(name, "", Kind::Integer)
    }

    /// A column of text.
    pub fn text(name: impl Into<String>) -> Column {
        Column::new(name, "", Kind::Text)
    }

    pub(super) fn new(name: impl Into<String>, unit: &str, kind: Kind) -> Column {
        Column {
            name: name.into(),
            unit: unit.into(),
            kind,
            optional: false,
        }
    }

    pub(super) fn optional(self) -> Column {
        Column {
            optional: true,
            ..self
        }
    }
}

/// What a file says of where its numbers come from.
#[derive(Debug, Serialize)]
pub(super) struct About {
    /// Version of the program that exported it.
    pub(super) thermine: &'static str,
    capture: String,
    /// The table, such as `shares`.
    what: &'static str,
    /// Stream, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    pub(super) runs: Vec<AboutRun>,
    /// Units by column.
    pub(super) units: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct AboutRun {
    run: i64,
    begun: String,
    version: String,
    pub(super) seed: u64,
    pub(super) configuration: String,
    pub(super) provenance: String,
    task: serde_json::Value,
    state: String,
    origin: Option<String>,
}

impl About {
    pub(super) fn new(
        capture: &Path,
        what: &'static str,
        stream: Option<String>,
        runs: Vec<Run>,
        columns: &[Column],
    ) -> Result<About> {
        let runs: Result<Vec<AboutRun>> = runs
            .into_iter()
            .map(|run| {
                Ok(AboutRun {
                    run: run.id,
                    begun: jiff::Timestamp::from_second(run.created_unix_s)?.to_string(),
                    version: run.version,
                    seed: run.seed,
                    configuration: run.config_hash,
                    provenance: run.provenance.to_string(),
                    task: run.task,
                    state: run.state,
                    origin: run.origin,
                })
            })
            .collect();
        Ok(About {
            thermine: env!("CARGO_PKG_VERSION"),
            capture: capture.display().to_string(),
            what,
            stream,
            runs: runs?,
            units: columns
                .iter()
                .filter(|column| !column.unit.is_empty())
                .map(|column| (column.name.clone(), column.unit.clone()))
                .collect(),
        })
    }
}

/// A file being written, a page of rows at a time.
pub(crate) trait Sink {
    fn page(&mut self, rows: Vec<Vec<Value>>) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}
