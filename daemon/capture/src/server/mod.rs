//! Captures on a PostgreSQL server, for racks and sites beyond one machine: every run a number in one database,
//! and as many programs writing at once as the server takes.
//!
//! [`login`]: who we are to the server, and how the way there is kept secret.

mod login;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement};
use rusqlite::types::Value;

use super::database::DatabaseError;
use super::tables::{self, Dialect, Kind, Table, VERSION};
use super::{StoreError, database};

/// Its tables stand in a schema of their own, so that the database may be used for other things too.
const SCHEMA: &str = "thermine";

/// Key of the lock under which tables are made, so that of several programs only one does: "thermine" in ASCII.
const LOCK: i64 = 0x7468_6572_6d69_6e65;

/// What brings the tables to each version, in order. No server holds a version before the first of these.
const MIGRATIONS: [(i64, fn() -> String); 1] = [(VERSION, || tables::create(Dialect::Postgres))];

/// A connection to a server.
///
/// Its client blocks on an asynchronous runtime of its own, which cannot be entered from another's worker: if it
/// is called from one, a thread without a runtime does the asking.
pub(crate) struct Server {
    session: Mutex<Option<Session>>,
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    /// Connects for writing, and makes the tables if they are not there.
    ///
    /// # Errors
    /// If the server does not let us in, or its tables are of a newer version.
    pub(super) fn for_writing(url: &str) -> Result<Server, StoreError> {
        let path = Path::new(url);
        let server = Server::connect(url)?;
        let fail = database("cannot make the tables in", path);
        server.batch("BEGIN").map_err(&fail)?;
        server
            .query("SELECT pg_advisory_xact_lock($1)", &[LOCK.into()], drop_row)
            .map_err(&fail)?;
        let found = server.version().map_err(&fail)?;
        refuse_newer(path, found)?;
        if found.is_none() {
            server
                .batch(&format!(
                    "CREATE SCHEMA IF NOT EXISTS {SCHEMA}; SET search_path TO {SCHEMA}; \
                     CREATE TABLE version (number BIGINT NOT NULL)"
                ))
                .map_err(&fail)?;
        }
        let steps = MIGRATIONS.iter();
        for (version, statements) in steps.filter(|(version, _)| found.unwrap_or(0) < *version) {
            server
                .batch(&format!(
                    "{} DELETE FROM version; INSERT INTO version VALUES ({version})",
                    statements()
                ))
                .map_err(&fail)?;
        }
        server
            .batch("COMMIT; SET synchronous_commit TO on")
            .map_err(&fail)?;
        Ok(server)
    }

    /// Connects for reading.
    ///
    /// # Errors
    /// If the server does not let us in, or the database holds no captures of this version.
    pub(super) fn for_reading(url: &str) -> Result<Server, StoreError> {
        let path = Path::new(url);
        let server = Server::connect(url)?;
        let fail = database("cannot read", path);
        let found = server.version().map_err(&fail)?;
        refuse_newer(path, found)?;
        if found.is_none() {
            return Err(StoreError::NotACapture(path.to_path_buf()));
        }
        server
            .batch("SET default_transaction_read_only TO on")
            .map_err(&fail)?;
        Ok(server)
    }

    fn connect(url: &str) -> Result<Server, StoreError> {
        let client = outside(|| login::connect(url))?;
        let server = Server {
            session: Mutex::new(Some(Session {
                client,
                statements: HashMap::new(),
            })),
        };
        server
            .batch(&format!(
                "SET search_path TO {SCHEMA}; SET lock_timeout TO '5s'; SET client_min_messages TO warning"
            ))
            .map_err(database("cannot use", Path::new(url)))?;
        Ok(server)
    }

    /// Version of the tables; `None` if there are none.
    fn version(&self) -> Result<Option<i64>, DatabaseError> {
        let there = self.query(
            "SELECT to_regclass('version') IS NOT NULL AND to_regclass('run') IS NOT NULL",
            &[],
            |_, values| values,
        )?;
        if there.first().and_then(|row| row.first()) != Some(&Value::Integer(1)) {
            return Ok(None);
        }
        let rows = self.query("SELECT number FROM version", &[], |_, values| values)?;
        match rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(number)) => Ok(Some(*number)),
            _ => Err(DatabaseError::Content(
                "the tables do not say of which version they are".into(),
            )),
        }
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), DatabaseError> {
        self.with(|session| Ok(session.client.batch_execute(sql)?))
    }

    pub(super) fn query<T: Send>(
        &self,
        sql: &str,
        params: &[Value],
        make: impl Fn(Arc<[String]>, Vec<Value>) -> T + Send + Sync,
    ) -> Result<Vec<T>, DatabaseError> {
        self.with(|session| {
            let statement = session.prepared(sql)?;
            let params: Vec<Cell<'_>> = params.iter().map(Cell).collect();
            let params: Vec<&(dyn ToSql + Sync)> = params
                .iter()
                .map(|cell| cell as &(dyn ToSql + Sync))
                .collect();
            let columns: Arc<[String]> = statement
                .columns()
                .iter()
                .map(|column| column.name().to_string())
                .collect();
            let rows = session.client.query(&statement, &params)?;
            rows.iter()
                .map(|row| {
                    let values: Result<Vec<Value>, DatabaseError> =
                        (0..row.len()).map(|i| value(row, i)).collect();
                    Ok(make(columns.clone(), values?))
                })
                .collect()
        })
    }

    /// Adds rows in one stream, without a question and an answer for each.
    pub(super) fn copy(&self, table: &Table, rows: &[Vec<Value>]) -> Result<(), DatabaseError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!("COPY {} ({}) FROM STDIN BINARY", table.name, table.list());
        let types: Vec<Type> = table
            .columns
            .iter()
            .map(|column| match column.kind {
                Kind::Integer => Type::INT8,
                Kind::Real => Type::FLOAT8,
                Kind::Text => Type::TEXT,
                Kind::Blob => Type::BYTEA,
            })
            .collect();
        self.with(|session| {
            let statement = session.prepared(&sql)?;
            let writer = session.client.copy_in(&statement)?;
            let mut writer = BinaryCopyInWriter::new(writer, &types);
            for row in rows {
                writer.write_raw(row.iter().map(Cell))?;
            }
            writer.finish()?;
            Ok(())
        })
    }

    fn with<T: Send>(
        &self,
        ask: impl FnOnce(&mut Session) -> Result<T, DatabaseError> + Send,
    ) -> Result<T, DatabaseError> {
        outside(|| {
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            match session.as_mut() {
                Some(session) => ask(session),
                None => Err(DatabaseError::Content("the connection is closed".into())),
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let session = self
            .session
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let session = session.take();
        outside(|| drop(session));
    }
}

impl Session {
    fn prepared(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql.to_string(), statement.clone());
        Ok(statement)
    }
}

/// Does `work` where no runtime is entered.
fn outside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn drop_row(_: Arc<[String]>, _: Vec<Value>) {}

fn refuse_newer(path: &Path, found: Option<i64>) -> Result<(), StoreError> {
    match found {
        Some(found) if found > VERSION => Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
            known: VERSION,
        }),
        _ => Ok(()),
    }
}

/// A value on its way to the server.
#[derive(Debug)]
struct Cell<'a>(&'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        to: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => number.to_sql(to, out),
            Value::Real(number) => number.to_sql(to, out),
            // PostgreSQL's text has no NUL, but a unit may send one in a job id, and must not stop a run by it.
            Value::Text(text) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(to, out)
            }
            Value::Text(text) => text.to_sql(to, out),
            Value::Blob(bytes) => bytes.to_sql(to, out),
        }
    }

    fn accepts(to: &Type) -> bool {
        [Type::INT8, Type::FLOAT8, Type::TEXT, Type::BYTEA].contains(to)
    }

    to_sql_checked!();
}

/// A value of a result.
fn value(row: &postgres::Row, place: usize) -> Result<Value, DatabaseError> {
    let kind = row.columns()[place].type_().clone();
    Ok(if kind == Type::INT8 {
        row.try_get::<_, Option<i64>>(place)?.into()
    } else if kind == Type::INT4 {
        row.try_get::<_, Option<i32>>(place)?.into()
    } else if kind == Type::BOOL {
        row.try_get::<_, Option<bool>>(place)?.into()
    } else if kind == Type::FLOAT8 {
        row.try_get::<_, Option<f64>>(place)?.into()
    } else if kind == Type::TEXT {
        row.try_get::<_, Option<String>>(place)?.into()
    } else if kind == Type::BYTEA {
        row.try_get::<_, Option<Vec<u8>>>(place)?.into()
    } else if kind == Type::VOID {
        Value::Null
    } else {
        return Err(DatabaseError::Content(format!(
            "{} is of type {kind}, which is not used here",
            row.columns()[place].name()
        )));
    })
}

/// An error with its causes, which alone say what the server said.
pub(super) fn told(error: &postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
