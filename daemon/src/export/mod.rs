//! Captures for other programs: tables with units, as Parquet, CSV or NPZ.
//!
//! - `source`: what a capture holds, as pages of rows; `readings`: the same of its telemetry and steps;
//! - `states`: the state matrix of an arm, as a replay of the capture gives it;
//! - `parquet`, `csv`, `npz`: a page at a time into a file; `arrow`: what Parquet files say of their columns.

mod arrow;
mod csv;
mod npz;
mod parquet;
mod readings;
mod source;
mod states;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rusqlite::types::Value;
use serde::Serialize;

use thermine_capture::Capture;
use thermine_capture::reader::Run;
use thermine_capture::tables::Kind;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Apache Parquet; units and provenance in its metadata.
    Parquet,
    /// CSV with units in the headings, and the provenance in a JSON file beside it.
    Csv,
    /// NumPy's archive: an array a column, and the arrays `units` and `about`, which hold JSON.
    Npz,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Npz => "npz",
        }
    }
}

/// What of a capture is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Shares, a row each, with what their jobs asked for.
    Shares,
    /// Jobs, a row each.
    Jobs,
    /// Readings of the sensors, a row each.
    Telemetry,
    /// Steps of the experiment, a row each.
    Steps,
    /// The state matrix of one stream: input, target, encoded drive and features, a row a step.
    States,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            What::Shares => "shares",
            What::Jobs => "jobs",
            What::Telemetry => "telemetry",
            What::Steps => "steps",
            What::States => "states",
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    name: String,
    /// `1` for a number without dimension, and empty for what is no quantity.
    unit: String,
    kind: Kind,
    /// Whether a row may be without it. What is missing stays missing, and is never zero.
    optional: bool,
}

impl Column {
    fn new(name: impl Into<String>, unit: &str, kind: Kind) -> Column {
        Column {
            name: name.into(),
            unit: unit.into(),
            kind,
            optional: false,
        }
    }

    fn optional(self) -> Column {
        Column {
            optional: true,
            ..self
        }
    }
}

/// What a file says of where its numbers come from.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    /// Version of the program that exported it.
    thermine: &'static str,
    /// The capture.
    capture: String,
    /// What of it.
    what: &'static str,
    /// Stream, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    runs: Vec<AboutRun>,
    /// Units by column.
    units: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct AboutRun {
    run: i64,
    begun: String,
    version: String,
    seed: u64,
    configuration: String,
    provenance: String,
    task: serde_json::Value,
    state: String,
    origin: Option<String>,
}

impl About {
    fn new(
        capture: &Path,
        what: What,
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
            what: what.name(),
            stream,
            runs: runs?,
            units: columns
                .iter()
                .filter(|column| !column.unit.is_empty())
                .map(|column| (column.name.clone(), column.unit.clone()))
                .collect(),
        })
    }

    /// What is said of each run under `field`, without repetition.
    fn of_runs(&self, field: impl Fn(&AboutRun) -> String) -> String {
        let mut all: Vec<String> = Vec::new();
        for run in &self.runs {
            let said = field(run);
            if !all.contains(&said) {
                all.push(said);
            }
        }
        all.join(", ")
    }
}

/// A file being written, a page of rows at a time.
trait Sink {
    fn page(&mut self, rows: Vec<Vec<Value>>) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Its columns.
    pub columns: usize,
}

/// Exports `what` of the capture at `path` to `out`, by default a file named as the capture. Whatever its size, it
/// takes the memory of a page and of a row group; a state matrix is held whole, by the length of its run.
///
/// # Errors
/// If the capture cannot be read, holds nothing of it, or the file is there already or cannot be written.
pub fn export(
    path: &Path,
    what: What,
    format: Format,
    stream: Option<&str>,
    out: Option<&Path>,
) -> Result<Exported> {
    let capture = Capture::open(path)?;
    // A run that is still being written is exported as it stands now.
    capture.freeze()?;
    let table = match what {
        What::Shares => source::shares(&capture)?,
        What::Jobs => source::jobs(&capture)?,
        What::Telemetry => readings::telemetry(&capture)?,
        What::Steps => readings::steps(&capture)?,
        What::States => states::states(&capture, stream)?,
    };
    if stream.is_some() && what != What::States {
        bail!("--stream is for --what states: the other tables name the stream of every row");
    }
    let about = About::new(path, what, table.stream, capture.runs()?, &table.columns)?;
    let out = match out {
        Some(out) => out.to_path_buf(),
        None => default_name(path, what, format),
    };
    if out.exists() {
        bail!(
            "{} exists already: exports are never overwritten; name another file with -o",
            out.display()
        );
    }
    // Moved to its name when it is whole, so that a half of it is not taken for all.
    let mut new = out.clone().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    let file = File::create(&new).with_context(|| format!("cannot make {}", new.display()))?;
    let written = write(file, &about, &table.columns, format, &out, table.pages);
    let rows = match written {
        Ok(rows) => rows,
        Err(error) => {
            let _ = std::fs::remove_file(&new);
            return Err(error.context(format!("cannot export to {}", out.display())));
        }
    };
    std::fs::rename(&new, &out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(Exported {
        file: out,
        rows,
        columns: table.columns.len(),
    })
}

fn write(
    file: File,
    about: &About,
    columns: &[Column],
    format: Format,
    out: &Path,
    pages: source::Pages<'_>,
) -> Result<u64> {
    let mut sink: Box<dyn Sink> = match format {
        Format::Parquet => Box::new(parquet::Parquet::new(file, about, columns)?),
        Format::Csv => Box::new(csv::Csv::new(file, out, about, columns)?),
        Format::Npz => Box::new(npz::Npz::new(file, out, about, columns)?),
    };
    let mut rows = 0;
    for page in pages {
        let page = page?;
        rows += page.len() as u64;
        sink.page(page)?;
    }
    sink.finish()?;
    Ok(rows)
}

/// A name beside the capture, or in the present folder for one on a server.
fn default_name(path: &Path, what: What, format: Format) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let file = format!("{name}-{}.{}", what.name(), format.extension());
    match path.to_string_lossy().contains("://") {
        true => PathBuf::from(file),
        false => path.with_file_name(file),
    }
}
