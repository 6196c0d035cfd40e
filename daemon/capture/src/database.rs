//! The one interface between a capture and the database that holds it: rows in, rows out.
//!
//! All SQL is written once, in what SQLite and PostgreSQL have in common. Parameters are `$1`, `$2` and so on, and
//! appear in that order, because SQLite numbers them as they come.

use std::sync::Arc;

use rusqlite::types::Value;

use super::error::DatabaseError;
use super::server::Server;
use super::tables::Table;

/// An open database.
#[derive(Debug)]
pub(crate) enum Database {
    /// A file.
    Sqlite(rusqlite::Connection),
    /// A server.
    Postgres(Box<Server>),
}

/// A row of a result.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    columns: Arc<[String]>,
    /// Values of the row, in the order of the columns.
    pub(crate) values: Vec<Value>,
}

impl Database {
    /// Runs statements without parameters.
    pub(super) fn batch(&self, sql: &str) -> Result<(), DatabaseError> {
        match self {
            Database::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Database::Postgres(server) => server.batch(sql),
        }
    }

    /// Runs a query, and returns all its rows: bound them.
    pub(crate) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        match self {
            Database::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let columns: Arc<[String]> = statement.column_names().map(str::to_string).collect();
                let width = columns.len();
                let rows = statement.query_map(rusqlite::params_from_iter(params), |row| {
                    let values: rusqlite::Result<Vec<Value>> =
                        (0..width).map(|i| row.get(i)).collect();
                    Ok(Row {
                        columns: columns.clone(),
                        values: values?,
                    })
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            }
            Database::Postgres(server) => server.query(sql, params, Row::new),
        }
    }

    /// Adds rows to a table, all its columns each.
    pub(super) fn insert(&self, table: &Table, rows: &[Vec<Value>]) -> Result<(), DatabaseError> {
        match self {
            Database::Sqlite(connection) => {
                let places: Vec<String> =
                    (1..=table.columns.len()).map(|i| format!("${i}")).collect();
                let mut statement = connection.prepare_cached(&format!(
                    "INSERT INTO {} VALUES ({})",
                    table.name,
                    places.join(", ")
                ))?;
                for row in rows {
                    statement.execute(rusqlite::params_from_iter(row))?;
                }
                Ok(())
            }
            Database::Postgres(server) => server.copy(table, rows),
        }
    }

    /// From here to [`Database::end`], queries see the database as it is now, whatever others write.
    pub(crate) fn freeze(&self) -> Result<(), DatabaseError> {
        match self {
            Database::Sqlite(_) => self.batch("BEGIN"),
            Database::Postgres(_) => self.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    /// Ends a transaction, and keeps what was written in it.
    pub(crate) fn end(&self) -> Result<(), DatabaseError> {
        self.batch("COMMIT")
    }

    /// Adds a run, from all its columns but the number, and returns the number that it is given.
    pub(super) fn add_run(&self, values: &[Value]) -> Result<i64, DatabaseError> {
        let names: Vec<&str> = super::tables::RUN.columns[1..]
            .iter()
            .map(|column| column.name)
            .collect();
        let places: Vec<String> = (1..=names.len()).map(|i| format!("${i}")).collect();
        let sql = format!(
            "INSERT INTO run ({}) VALUES ({}) RETURNING id",
            names.join(", "),
            places.join(", ")
        );
        let rows = self.query(&sql, values)?;
        let row = rows.first();
        row.ok_or_else(|| DatabaseError::Content("the run was not given a number".into()))?
            .integer("id")
    }
}

impl Row {
    fn new(columns: Arc<[String]>, values: Vec<Value>) -> Row {
        Row { columns, values }
    }

    fn value(&self, column: &str) -> Result<&Value, DatabaseError> {
        self.columns
            .iter()
            .position(|name| name == column)
            .and_then(|place| self.values.get(place))
            .ok_or_else(|| DatabaseError::Content(format!("there is no column `{column}`")))
    }

    /// The whole number in `column`.
    pub(crate) fn integer(&self, column: &str) -> Result<i64, DatabaseError> {
        self.optional_integer(column)?
            .ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_integer(&self, column: &str) -> Result<Option<i64>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(*number)),
            other => Err(wrong(column, "a whole number", other)),
        }
    }

    /// A whole number of 32 bits without sign.
    pub(crate) fn word(&self, column: &str) -> Result<u32, DatabaseError> {
        self.optional_word(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_word(&self, column: &str) -> Result<Option<u32>, DatabaseError> {
        self.optional_integer(column)?
            .map(|number| {
                u32::try_from(number)
                    .map_err(|_| DatabaseError::Content(format!("{column} {number} is no u32")))
            })
            .transpose()
    }

    pub(crate) fn real(&self, column: &str) -> Result<f64, DatabaseError> {
        self.optional_real(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_real(&self, column: &str) -> Result<Option<f64>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Real(number) => Ok(Some(*number)),
            other => Err(wrong(column, "a number", other)),
        }
    }

    /// The text in `column`.
    pub(crate) fn text(&self, column: &str) -> Result<String, DatabaseError> {
        self.optional_text(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_text(&self, column: &str) -> Result<Option<String>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            other => Err(wrong(column, "text", other)),
        }
    }

    pub(crate) fn blob(&self, column: &str) -> Result<Vec<u8>, DatabaseError> {
        self.optional_blob(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_blob(&self, column: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes.clone())),
            other => Err(wrong(column, "bytes", other)),
        }
    }

    /// A hash of 32 bytes.
    pub(crate) fn optional_hash(&self, column: &str) -> Result<Option<[u8; 32]>, DatabaseError> {
        self.optional_blob(column)?
            .map(|bytes| {
                let length = bytes.len();
                bytes.try_into().map_err(|_| {
                    DatabaseError::Content(format!("{column} has {length} bytes and not 32"))
                })
            })
            .transpose()
    }

    /// What the JSON text in `column` says.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<T, DatabaseError> {
        self.optional_json(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_json<T: serde::de::DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, DatabaseError> {
        self.optional_text(column)?
            .map(|text| {
                serde_json::from_str(&text)
                    .map_err(|error| DatabaseError::Content(format!("{column}: {error}")))
            })
            .transpose()
    }
}

fn missing(column: &str) -> DatabaseError {
    DatabaseError::Content(format!("{column} is missing"))
}

fn wrong(column: &str, wanted: &str, found: &Value) -> DatabaseError {
    DatabaseError::Content(format!(
        "{column} is not {wanted} but {}",
        found.data_type()
    ))
}
