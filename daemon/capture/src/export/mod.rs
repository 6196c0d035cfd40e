//! Captures for other programs: tables with units, as Parquet, CSV or NPZ.
//!
//! - `run`: from a capture to a file; `request`: what and how; `table`: columns, rows and where they come from;
//! - `source`: what a capture holds, as pages of rows; `readings`: the same of its telemetry and steps;
//! - `parquet`, `csv`, `npz`: a page at a time into a file.

mod csv;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod readings;
mod request;
mod run;
mod source;
mod table;

pub use self::request::{Format, What};
pub use self::run::{Exported, export, export_table};
pub use self::table::{Column, Pages, Table};
