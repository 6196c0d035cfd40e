//! From a capture to a file.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

#[cfg(feature = "parquet")]
use super::parquet;
use super::request::{Format, What};
use super::table::{About, Column, Pages, Sink};
use super::{csv, npz, readings, source, states};
use thermine_capture::Capture;

#[cfg(not(feature = "parquet"))]
const NO_PARQUET: &str = "this build has no Parquet support; build it with `--features parquet`, or export as CSV or NPZ";

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The file that was written.
    pub file: PathBuf,
    /// Rows of the table.
    pub rows: u64,
    /// Columns of the table.
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
    #[cfg(not(feature = "parquet"))]
    anyhow::ensure!(format != Format::Parquet, NO_PARQUET);
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
    let file = format!("{name}-{}.{}", <&str>::from(what), <&str>::from(format));
    match path.to_string_lossy().contains("://") {
        true => PathBuf::from(file),
        false => path.with_file_name(file),
    }
}
