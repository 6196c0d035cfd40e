//! What is exported, and in which format.

use strum::IntoStaticStr;

/// The format of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// Apache Parquet; units and provenance in its metadata.
    Parquet,
    /// CSV with units in the headings, and the provenance in a JSON file beside it.
    Csv,
    /// NumPy's archive: an array a column, and the arrays `units` and `about`, which hold JSON.
    Npz,
}

/// A table of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum What {
    /// Shares, a row each, with what their jobs asked for.
    Shares,
    /// Jobs, a row each.
    Jobs,
    /// Readings of the sensors, a row each.
    Telemetry,
    /// Steps of the experiment, a row each.
    Steps,
}
