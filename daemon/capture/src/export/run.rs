//! From a capture to a file.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

#[cfg(feature = "parquet")]
use super::parquet;
use super::request::{Format, What};
use super::table::{About, Column, Pages, Sink, Table};
use super::{csv, npz, readings, source};
use crate::Capture;

#[cfg(not(feature = "parquet"))]
const NO_PARQUET: &str = "this build has no Parquet support; build it with `--features parquet`, or export as CSV or NPZ";

/// An exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Path of the file.
    pub file: PathBuf,
    /// Number of rows.
    pub rows: u64,
    /// Number of columns.
    pub columns: usize,
}

/// Exports `what` of the capture at `path` to `out`, by default a file named as the capture. The memory that it takes
/// is that of a page and of a row group, whatever the size of the capture.
///
/// # Errors
/// If the capture cannot be read, holds nothing of it, or the file is there already or cannot be written.
pub fn export(path: &Path, what: What, format: Format, out: Option<&Path>) -> Result<Exported> {
    let capture = Capture::open(path)?;
    // A run that is still being written is exported as it stands now.
    capture.freeze()?;
    let table = match what {
        What::Shares => source::shares(&capture)?,
        What::Jobs => source::jobs(&capture)?,
        What::Telemetry => readings::telemetry(&capture)?,
        What::Steps => readings::steps(&capture)?,
    };
    export_table((path, &capture), what.into(), table, format, out)
}

/// Exports `table`, which was computed from the capture at `path`, as [`export`] does; the file is named after `what`.
///
/// # Errors
/// As [`export`].
pub fn export_table(
    (path, capture): (&Path, &Capture),
    what: &'static str,
    table: Table<'_>,
    format: Format,
    out: Option<&Path>,
) -> Result<Exported> {
    #[cfg(not(feature = "parquet"))]
    anyhow::ensure!(format != Format::Parquet, NO_PARQUET);
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
    pages: Pages<'_>,
) -> Result<u64> {
    let mut sink: Box<dyn Sink> = match format {
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::Parquet::new(file, about, columns)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => bail!(NO_PARQUET),
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
fn default_name(path: &Path, what: &str, format: Format) -> PathBuf {
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
    let file = format!("{name}-{what}.{}", <&str>::from(format));
    match path.to_string_lossy().contains("://") {
        true => PathBuf::from(file),
        false => path.with_file_name(file),
    }
}
