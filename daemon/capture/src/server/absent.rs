//! A build without PostgreSQL: every URL of a database is refused, so a [`Server`] never exists.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::types::Value;

use crate::error::{DatabaseError, StoreError};
use crate::tables::Table;

const ABSENT: &str =
    "this build has no PostgreSQL support; build it with `--features postgres`, or name a file";

/// A connection that does not exist.
#[derive(Debug)]
pub(crate) enum Server {}

impl Server {
    pub(crate) fn for_writing(url: &str) -> Result<Server, StoreError> {
        Server::for_reading(url)
    }

    pub(crate) fn for_reading(url: &str) -> Result<Server, StoreError> {
        Err(StoreError::Content {
            path: PathBuf::from(url),
            what: ABSENT.into(),
        })
    }

    pub(crate) fn batch(&self, _: &str) -> Result<(), DatabaseError> {
        match *self {}
    }

    pub(crate) fn query<T>(
        &self,
        _: &str,
        _: &[Value],
        _: impl Fn(Arc<[String]>, Vec<Value>) -> T,
    ) -> Result<Vec<T>, DatabaseError> {
        match *self {}
    }

    pub(crate) fn copy(&self, _: &Table, _: &[Vec<Value>]) -> Result<(), DatabaseError> {
        match *self {}
    }
}

/// Refuses every URL.
pub(crate) fn check_url(_: &str) -> Result<(), String> {
    Err(ABSENT.into())
}
