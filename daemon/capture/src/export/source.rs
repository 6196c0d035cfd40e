//! What a capture holds, as pages of rows: run by run, in the order in which it happened.

use std::collections::HashMap;

use anyhow::Result;
use rusqlite::types::Value;

use super::table::{Column, Pages, Table};
use crate::database::Row;
use crate::reader::PAGE;
use crate::tables::Kind;
use crate::{Capture, DatabaseError};

/// Names of the streams by run and number.
pub(super) type Names = HashMap<(i64, i64), String>;

pub(super) fn names(capture: &Capture) -> Result<Names> {
    Ok(capture
        .rows("SELECT run, id, name FROM stream", &[], |row| {
            Ok(((row.integer("run")?, row.integer("id")?), row.text("name")?))
        })?
        .into_iter()
        .collect())
}

/// Pages of a query whose parameters are a run and the last `id` seen; `make` gives a row of the table.
pub(super) fn pages<'a>(
    capture: &'a Capture,
    query: &str,
    make: impl Fn(&Row) -> Result<Vec<Value>, DatabaseError> + 'a,
) -> Result<Pages<'a>> {
    let query = format!("{query} LIMIT {PAGE}");
    let mut runs = capture.runs()?.into_iter().map(|run| run.id);
    let mut run = runs.next();
    let mut after = 0;
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            let of = run?;
            let page = capture.rows(&query, &[of.into(), after.into()], |row| {
                Ok((row.integer("id")?, make(row)?))
            });
            match page {
                Err(error) => {
                    run = None;
                    return Some(Err(error.into()));
                }
                Ok(page) => match page.last() {
                    Some((id, _)) => {
                        after = *id;
                        return Some(Ok(page.into_iter().map(|(_, row)| row).collect()));
                    }
                    None => {
                        run = runs.next();
                        after = 0;
                    }
                },
            }
        }
    })))
}

/// The columns that say of which run and stream a row is.
pub(super) fn origin() -> Vec<Column> {
    vec![
        Column::new("run", "", Kind::Integer),
        Column::new("stream", "", Kind::Text),
    ]
}

/// The values of the [`origin`] columns.
pub(super) fn of(row: &Row, names: &Names) -> Result<Vec<Value>, DatabaseError> {
    let (run, stream) = (row.integer("run")?, row.integer("stream")?);
    let name = names
        .get(&(run, stream))
        .cloned()
        .unwrap_or_else(|| stream.to_string());
    Ok(vec![run.into(), name.into()])
}

/// Shares with what their jobs asked for.
pub(super) fn shares(capture: &Capture) -> Result<Table<'_>> {
    let names = names(capture)?;
    let mut columns = origin();
    columns.extend([
        Column::new("share", "", Kind::Integer),
        Column::new("ticket", "", Kind::Integer),
        Column::new("job_id", "", Kind::Text),
        Column::new("arrived", "ns", Kind::Integer),
        Column::new("since_job", "ns", Kind::Integer).optional(),
        Column::new("nonce", "", Kind::Integer),
        Column::new("extranonce2", "", Kind::Blob).optional(),
        Column::new("ntime", "s", Kind::Integer).optional(),
        Column::new("version_bits", "", Kind::Integer).optional(),
        Column::new("verdict", "", Kind::Text),
        Column::new("difficulty", "1", Kind::Real).optional(),
        Column::new("difficulty_asked", "1", Kind::Real).optional(),
        Column::new("difficulty_scale", "1", Kind::Real).optional(),
    ]);
    let query = "SELECT share.run, share.id, share.stream, share.ticket, share.job_id, share.arrived_ns, \
                 share.since_job_ns, share.nonce, share.extranonce2, share.ntime, share.version_bits, \
                 share.verdict, share.difficulty, job.difficulty AS asked, job.scale \
                 FROM share LEFT JOIN job ON job.run = share.run AND job.id = share.job \
                 WHERE share.run = $1 AND share.id > $2 ORDER BY share.id";
    let pages = pages(capture, query, move |row| {
        let mut cells = of(row, &names)?;
        cells.push(row.integer("id")?.into());
        // The other columns are in the order of the query.
        cells.extend_from_slice(&row.values[3..]);
        Ok(cells)
    })?;
    Ok(Table {
        columns,
        stream: None,
        pages,
    })
}

/// Jobs, a row each as they were sent.
pub(super) fn jobs(capture: &Capture) -> Result<Table<'_>> {
    let names = names(capture)?;
    let mut columns = origin();
    columns.extend([
        Column::new("job", "", Kind::Integer),
        Column::new("job_id", "", Kind::Text),
        Column::new("sent", "ns", Kind::Integer),
        Column::new("step", "", Kind::Integer).optional(),
        Column::new("difficulty", "1", Kind::Real),
        Column::new("difficulty_scale", "1", Kind::Real),
        Column::new("version", "", Kind::Integer),
        Column::new("prevhash", "", Kind::Blob),
        Column::new("claim_trie", "", Kind::Blob).optional(),
        Column::new("coinb1", "", Kind::Blob),
        Column::new("coinb2", "", Kind::Blob),
        Column::new("branch", "", Kind::Blob),
        Column::new("ntime", "s", Kind::Integer),
        Column::new("nbits", "", Kind::Integer),
        Column::new("version_mask", "", Kind::Integer),
        Column::new("extranonce1", "", Kind::Blob),
        Column::new("clean", "", Kind::Integer),
    ]);
    let query = "SELECT run, id, stream, job_id, sent_ns, step, difficulty, scale, version, prevhash, claim_trie, \
                 coinb1, coinb2, branch, ntime, nbits, version_mask, extranonce1, clean \
                 FROM job WHERE run = $1 AND id > $2 ORDER BY id";
    let pages = pages(capture, query, move |row| {
        let mut cells = of(row, &names)?;
        cells.push(row.integer("id")?.into());
        // The other columns are in the order of the query.
        cells.extend_from_slice(&row.values[3..]);
        Ok(cells)
    })?;
    Ok(Table {
        columns,
        stream: None,
        pages,
    })
}
