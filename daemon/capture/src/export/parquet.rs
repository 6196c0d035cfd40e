//! Apache Parquet: row groups, each of which is all that is held in memory. Parquet has no place for a column's unit, so
//! the units stand in the key-value metadata of the file, as JSON under `thermine.units`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};
use anyhow::Result;
use rusqlite::types::Value;

use super::table::{About, AboutRun, Column, Sink};
use crate::tables::Kind;

/// Rows of a row group: some 20 MB of shares in memory.
const GROUP: usize = 32_768;

/// A Parquet file being written.
pub(super) struct Parquet {
    writer: SerializedFileWriter<BufWriter<File>>,
    columns: Vec<Column>,
    /// Rows of the next group.
    rows: Vec<Vec<Value>>,
}

impl Parquet {
    pub(super) fn new(file: File, about: &About, columns: &[Column]) -> Result<Parquet> {
        let fields: Result<Vec<TypePtr>> = columns.iter().map(field).collect();
        let schema = Type::group_type_builder("schema")
            .with_fields(fields?)
            .build()?;
        let metadata = [
            ("version", about.thermine.to_string()),
            ("provenance", of_runs(about, |run| run.provenance.clone())),
            ("seed", of_runs(about, |run| run.seed.to_string())),
            (
                "configuration",
                of_runs(about, |run| run.configuration.clone()),
            ),
            ("units", serde_json::to_string(&about.units)?),
            ("about", serde_json::to_string(about)?),
        ]
        .map(|(key, value)| KeyValue::new(format!("thermine.{key}"), value));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("thermine {}", about.thermine))
            .set_key_value_metadata(Some(metadata.into()))
            .build();
        let writer = SerializedFileWriter::new(
            BufWriter::new(file),
            Arc::new(schema),
            Arc::new(properties),
        )?;
        Ok(Parquet {
            writer,
            columns: columns.to_vec(),
            rows: Vec::new(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (place, column) in self.columns.iter().enumerate() {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            // 1 where there is a value, 0 where it is missing; nothing where none can be.
            let there: Option<Vec<i16>> = column.optional.then(|| {
                let cells = rows.iter().map(|row| row.get(place));
                cells
                    .map(|cell| i16::from(!matches!(cell, None | Some(Value::Null))))
                    .collect()
            });
            let there = there.as_deref();
            let cells = rows.iter().filter_map(|row| row.get(place));
            match column.kind {
                Kind::Integer => {
                    let values: Vec<i64> = cells.filter_map(integer).collect();
                    writer
                        .typed::<Int64Type>()
                        .write_batch(&values, there, None)?;
                }
                Kind::Real => {
                    let values: Vec<f64> = cells.filter_map(real).collect();
                    writer
                        .typed::<DoubleType>()
                        .write_batch(&values, there, None)?;
                }
                Kind::Text | Kind::Blob => {
                    let values: Vec<ByteArray> = cells.filter_map(bytes).collect();
                    writer
                        .typed::<ByteArrayType>()
                        .write_batch(&values, there, None)?;
                }
            }
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

/// What is said of each run under `field`, without repetition.
fn of_runs(about: &About, field: impl Fn(&AboutRun) -> String) -> String {
    let mut all: Vec<String> = Vec::new();
    for run in &about.runs {
        let said = field(run);
        if !all.contains(&said) {
            all.push(said);
        }
    }
    all.join(", ")
}

fn field(column: &Column) -> Result<TypePtr> {
    let (physical, logical) = match column.kind {
        Kind::Integer => (Physical::INT64, None),
        Kind::Real => (Physical::DOUBLE, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Blob => (Physical::BYTE_ARRAY, None),
    };
    let repetition = match column.optional {
        true => Repetition::OPTIONAL,
        false => Repetition::REQUIRED,
    };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()?;
    Ok(Arc::new(field))
}

fn integer(cell: &Value) -> Option<i64> {
    match cell {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

fn real(cell: &Value) -> Option<f64> {
    match cell {
        Value::Real(number) => Some(*number),
        _ => None,
    }
}

fn bytes(cell: &Value) -> Option<ByteArray> {
    match cell {
        Value::Text(text) => Some(text.as_str().into()),
        Value::Blob(bytes) => Some(bytes.clone().into()),
        _ => None,
    }
}

impl Sink for Parquet {
    fn page(&mut self, rows: Vec<Vec<Value>>) -> Result<()> {
        self.rows.extend(rows);
        if self.rows.len() >= GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write_group()?;
        let mut file = self.writer.into_inner()?;
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(())
    }
}
