//! CSV: a heading with units, a row a record; what the numbers are stands in a JSON file beside it.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::types::Value;

use super::table::{About, Column, Sink};
use crate::tabular;
use crate::tabular::cell;

/// A CSV file being written.
pub(super) struct Csv {
    writer: ::csv::Writer<BufWriter<File>>,
}

impl Csv {
    /// `out` is the name that the file will have.
    pub(super) fn new(file: File, out: &Path, about: &About, columns: &[Column]) -> Result<Csv> {
        let beside = beside(out);
        let text = serde_json::to_string_pretty(about)?;
        std::fs::write(&beside, text + "\n")
            .with_context(|| format!("cannot write {}", beside.display()))?;
        let mut writer = ::csv::Writer::from_writer(BufWriter::new(file));
        writer.write_record(columns.iter().map(|column| match column.unit.as_str() {
            "" => column.name.clone(),
            unit => format!("{} [{unit}]", column.name),
        }))?;
        Ok(Csv { writer })
    }
}

/// Name of the JSON file beside `out`.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

impl Sink for Csv {
    fn page(&mut self, rows: Vec<Vec<Value>>) -> Result<()> {
        for row in rows {
            for value in row {
                match value {
                    Value::Null => self.writer.write_field("")?,
                    Value::Integer(number) => self.writer.write_field(number.to_string())?,
                    Value::Real(number) => self.writer.write_field(tabular::float(number))?,
                    Value::Text(text) => self.writer.write_field(cell(&text))?,
                    Value::Blob(bytes) => self.writer.write_field(hex::encode(bytes))?,
                }
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let file = self
            .writer
            .into_inner()
            .map_err(|error| error.into_error())?;
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok(())
    }
}
