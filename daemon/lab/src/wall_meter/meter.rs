//! Where the watts come from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::sync::mpsc::UnboundedReceiver;

use super::course::Watts;

/// Where the watts come from.
#[derive(Debug)]
pub enum Meter {
    /// The meter of a simulated unit, or the power that a unit reports of itself.
    OfUnit,
    /// A person, who types what a meter shows; each number is taken as it comes.
    Typed(UnboundedReceiver<f64>),
    /// The CSV file of a logging meter, with the columns `time` (s since the Unix epoch, or as 2026-01-31T12:00:00Z) and
    /// `watts`, read after the drive.
    Log(PathBuf),
}

/// Reads the CSV file of a logging meter.
///
/// # Errors
/// If it cannot be read or has no such columns.
pub(super) fn log(path: &Path) -> Result<Vec<Watts>> {
    let name = path.display();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| format!("cannot read the meter's log {name}"))?;
    let headers = reader.headers()?.clone();
    let column = |wanted: &str| {
        let found = headers.iter().position(|header| header == wanted);
        found.with_context(|| {
            let all: Vec<&str> = headers.iter().collect();
            format!(
                "{name} has no column `{wanted}`; its columns are {}",
                all.join(", ")
            )
        })
    };
    let (time, watts) = (column("time")?, column("watts")?);
    let mut readings = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record?;
        let wrong = || {
            format!(
                "{name}, row {}: the time or the watts cannot be read",
                row + 1
            )
        };
        let reading = Watts {
            unix_s: unix(record.get(time).unwrap_or_default()).with_context(wrong)?,
            watts: record
                .get(watts)
                .unwrap_or_default()
                .parse()
                .with_context(wrong)?,
        };
        ensure!(reading.watts.is_finite(), wrong());
        readings.push(reading);
    }
    Ok(readings)
}

fn unix(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(seconds) => Ok(seconds),
        Err(_) => Ok(text.parse::<jiff::Timestamp>()?.as_millisecond() as f64 / 1000.0),
    }
}
