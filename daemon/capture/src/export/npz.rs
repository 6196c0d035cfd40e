//! NumPy's archive of arrays (`.npz`): a ZIP file with one `.npy` of format 1.0 for each column.
//!
//! Arrays stand one after the other and begin with their length, so the columns wait in temporary files until all
//! rows are known. NumPy has no missing numbers: a missing real is NaN; of a column of whole numbers or text that
//! may be missing, a second array `NAME.known` says where it is known, and in the first stands the lowest number
//! there is, or nothing. Bytes are hex text.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::types::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::table::{About, Column, Sink};
use crate::tables::Kind;

/// Compression: the columns are long and regular, and the lowest level halves them at the speed of a disk.
const LEVEL: i64 = 1;

/// An archive being written.
pub(super) struct Npz {
    archive: ZipWriter<BufWriter<File>>,
    about: String,
    units: String,
    columns: Vec<Spool>,
    rows: u64,
}

/// A column that waits.
struct Spool {
    column: Column,
    values: BufWriter<File>,
    known: Option<BufWriter<File>>,
    /// Longest text, in characters.
    longest: usize,
}

impl Npz {
    /// `out` is the name that the file will have.
    pub(super) fn new(file: File, out: &Path, about: &About, columns: &[Column]) -> Result<Npz> {
        // Beside the file and not in /tmp, which may be in memory.
        let folder = match out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let columns = columns.iter().map(|column| Spool::new(column, folder));
        let columns: Result<Vec<Spool>> = columns.collect();
        Ok(Npz {
            archive: ZipWriter::new(BufWriter::new(file)),
            about: serde_json::to_string(about)?,
            units: serde_json::to_string(&about.units)?,
            columns: columns?,
            rows: 0,
        })
    }
}

impl Spool {
    fn new(column: &Column, folder: &Path) -> Result<Spool> {
        let file = || -> Result<BufWriter<File>> {
            let file = tempfile::tempfile_in(folder)
                .with_context(|| format!("cannot make a temporary file in {}", folder.display()))?;
            Ok(BufWriter::new(file))
        };
        // A real that is missing says so itself.
        let marked = column.optional && column.kind != Kind::Real;
        Ok(Spool {
            column: column.clone(),
            values: file()?,
            known: marked.then(file).transpose()?,
            longest: 1,
        })
    }

    fn push(&mut self, cell: &Value) -> Result<()> {
        if let Some(known) = &mut self.known {
            known.write_all(&[u8::from(*cell != Value::Null)])?;
        }
        let hex;
        match (self.column.kind, cell) {
            (Kind::Integer, Value::Integer(number)) => {
                self.values.write_all(&number.to_le_bytes())?;
            }
            (Kind::Integer, _) => self.values.write_all(&i64::MIN.to_le_bytes())?,
            (Kind::Real, Value::Real(number)) => self.values.write_all(&number.to_le_bytes())?,
            (Kind::Real, _) => self.values.write_all(&f64::NAN.to_le_bytes())?,
            (Kind::Text, Value::Text(text)) => self.push_text(text)?,
            (Kind::Blob, Value::Blob(bytes)) => {
                hex = hex::encode(bytes);
                self.push_text(&hex)?;
            }
            (Kind::Text | Kind::Blob, _) => self.push_text("")?,
        }
        Ok(())
    }

    fn push_text(&mut self, text: &str) -> Result<()> {
        self.longest = self.longest.max(text.chars().count());
        let length = u32::try_from(text.len()).context("a text of more than 4 GB")?;
        self.values.write_all(&length.to_le_bytes())?;
        self.values.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Moves the column into `archive`.
    fn write(self, archive: &mut ZipWriter<BufWriter<File>>, rows: u64) -> Result<()> {
        let name = &self.column.name;
        let mut values = rewound(self.values)?;
        match self.column.kind {
            Kind::Integer => {
                begin(archive, name, "<i8", &format!("({rows},)"))?;
                std::io::copy(&mut values, archive)?;
            }
            Kind::Real => {
                begin(archive, name, "<f8", &format!("({rows},)"))?;
                std::io::copy(&mut values, archive)?;
            }
            Kind::Text | Kind::Blob => {
                let width = self.longest;
                begin(archive, name, &format!("<U{width}"), &format!("({rows},)"))?;
                let mut text = Vec::new();
                for _ in 0..rows {
                    let mut length = [0; 4];
                    values.read_exact(&mut length)?;
                    text.resize(u32::from_le_bytes(length) as usize, 0);
                    values.read_exact(&mut text)?;
                    archive.write_all(&unicode(std::str::from_utf8(&text)?, width))?;
                }
            }
        }
        if let Some(known) = self.known {
            begin(
                archive,
                &format!("{name}.known"),
                "|b1",
                &format!("({rows},)"),
            )?;
            std::io::copy(&mut rewound(known)?, archive)?;
        }
        Ok(())
    }
}

fn rewound(spool: BufWriter<File>) -> Result<BufReader<File>> {
    let mut file = spool
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(BufReader::new(file))
}

/// Text as NumPy has it: four bytes a character, filled up with zeros.
fn unicode(text: &str, width: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = text
        .chars()
        .flat_map(|character| u32::from(character).to_le_bytes())
        .collect();
    bytes.resize(4 * width, 0);
    bytes
}

/// Begins an array: the head of its file, padded so that the data begin at a multiple of 64 bytes.
fn begin(
    archive: &mut ZipWriter<BufWriter<File>>,
    name: &str,
    kind: &str,
    shape: &str,
) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .large_file(true);
    archive.start_file(format!("{name}.npy"), options)?;
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let before = 10;
    let padded = (before + head.len() + 1).next_multiple_of(64);
    head.extend(std::iter::repeat_n(' ', padded - before - head.len() - 1));
    head.push('\n');
    archive.write_all(b"\x93NUMPY\x01\x00")?;
    archive.write_all(&u16::try_from(head.len())?.to_le_bytes())?;
    archive.write_all(head.as_bytes())?;
    Ok(())
}

impl Sink for Npz {
    fn page(&mut self, rows: Vec<Vec<Value>>) -> Result<()> {
        for row in &rows {
            for (spool, cell) in self.columns.iter_mut().zip(row) {
                spool.push(cell)?;
            }
        }
        self.rows += rows.len() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        for (name, text) in [("units", &self.units), ("about", &self.about)] {
            let width = text.chars().count();
            begin(&mut self.archive, name, &format!("<U{width}"), "()")?;
            self.archive.write_all(&unicode(text, width))?;
        }
        for spool in self.columns {
            spool.write(&mut self.archive, self.rows)?;
        }
        let mut file = self.archive.finish()?;
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(())
    }
}
