//! The tables of a capture, as data: what both databases make them from, and what is read and copied by.
//!
//! Times are nanoseconds on the run's clock, bytes are blobs. The rows of a run are numbered from 1 in the
//! order in which things happened, so writers of different runs never wait for each other, and a run that is
//! copied into another database keeps its numbers. A step row says which share and reading was the newest when it
//! ended, so that a replay is exact.

use rusqlite::types::Value;

/// Version of the tables below. Raise it with every change, and teach both databases the older ones.
/// Version 1 had no claim tries, version 2 one run a file.
pub(super) const VERSION: i64 = 3;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number of 64 bits with sign.
    Integer,
    /// A number of double precision.
    Real,
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Blob,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a row may be without it.
    pub(crate) optional: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
    /// Columns of the primary key. All but `run` begin with the number of the run.
    pub(crate) key: &'static [&'static str],
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        optional: false,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        optional: true,
    }
}

/// Runs. The database gives the number.
pub(super) const RUN: Table = Table {
    name: "run",
    columns: &[
        column("id", Kind::Integer),
        column("created_unix_s", Kind::Integer),
        column("version", Kind::Text),
        column("seed", Kind::Integer),
        column("config", Kind::Text),
        column("config_hash", Kind::Text),
        column("task", Kind::Text),
        column("provenance", Kind::Text),
        column("state", Kind::Text),
        optional("origin", Kind::Text),
    ],
    key: &["id"],
};

/// Streams of a run.
pub(super) const STREAM: Table = Table {
    name: "stream",
    columns: &[
        column("run", Kind::Integer),
        column("id", Kind::Integer),
        column("name", Kind::Text),
        optional("identity", Kind::Text),
    ],
    key: &["run", "id"],
};

pub(super) const JOB: Table = Table {
    name: "job",
    columns: &[
        column("run", Kind::Integer),
        column("id", Kind::Integer),
        column("stream", Kind::Integer),
        column("job_id", Kind::Text),
        column("sent_ns", Kind::Integer),
        optional("step", Kind::Integer),
        column("difficulty", Kind::Real),
        column("scale", Kind::Real),
        column("version", Kind::Integer),
        column("prevhash", Kind::Blob),
        optional("claim_trie", Kind::Blob),
        column("coinb1", Kind::Blob),
        column("coinb2", Kind::Blob),
        column("branch", Kind::Blob),
        column("ntime", Kind::Integer),
        column("nbits", Kind::Integer),
        column("version_mask", Kind::Integer),
        column("extranonce1", Kind::Blob),
        column("clean", Kind::Integer),
    ],
    key: &["run", "id"],
};

/// Shares received.
pub(super) const SHARE: Table = Table {
    name: "share",
    columns: &[
        column("run", Kind::Integer),
        column("id", Kind::Integer),
        column("stream", Kind::Integer),
        column("ticket", Kind::Integer),
        optional("job", Kind::Integer),
        column("job_id", Kind::Text),
        column("arrived_ns", Kind::Integer),
        optional("since_job_ns", Kind::Integer),
        column("nonce", Kind::Integer),
        optional("extranonce2", Kind::Blob),
        optional("ntime", Kind::Integer),
        optional("version_bits", Kind::Integer),
        column("verdict", Kind::Text),
        optional("difficulty", Kind::Real),
    ],
    key: &["run", "id"],
};

pub(super) const TELEMETRY: Table = Table {
    name: "telemetry",
    columns: &[
        column("run", Kind::Integer),
        column("id", Kind::Integer),
        column("stream", Kind::Integer),
        column("taken_ns", Kind::Integer),
        column("reading", Kind::Text),
    ],
    key: &["run", "id"],
};

/// Steps of an experiment.
pub(super) const STEP: Table = Table {
    name: "step",
    columns: &[
        column("run", Kind::Integer),
        column("stream", Kind::Integer),
        column("step", Kind::Integer),
        column("started_ns", Kind::Integer),
        column("ended_ns", Kind::Integer),
        column("drive", Kind::Text),
        column("observation", Kind::Text),
        column("last_share", Kind::Integer),
        column("last_telemetry", Kind::Integer),
    ],
    key: &["run", "stream", "step"],
};

/// Tables whose rows belong to a run, in the order in which they are copied.
pub(super) const OF_A_RUN: [Table; 5] = [STREAM, JOB, SHARE, TELEMETRY, STEP];

/// How a database spells what SQL leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "only a server's tables are written in it")
    )]
    Postgres,
}

impl Dialect {
    fn kind(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Dialect::Sqlite, Kind::Integer) => "INTEGER",
            (Dialect::Sqlite, Kind::Real) => "REAL",
            (Dialect::Sqlite, Kind::Blob) => "BLOB",
            (Dialect::Postgres, Kind::Integer) => "BIGINT",
            (Dialect::Postgres, Kind::Real) => "DOUBLE PRECISION",
            (Dialect::Postgres, Kind::Blob) => "BYTEA",
            (_, Kind::Text) => "TEXT",
        }
    }

    /// Number of a run, given by the database.
    fn numbered(self) -> &'static str {
        match self {
            Dialect::Sqlite => "INTEGER PRIMARY KEY",
            Dialect::Postgres => "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        }
    }

    /// What makes SQLite keep the rows in the key itself, as one tree and not two.
    fn tail(self) -> &'static str {
        match self {
            Dialect::Sqlite => " WITHOUT ROWID",
            Dialect::Postgres => "",
        }
    }
}

/// The statements that make all tables.
///
/// Only streams refer to their run by a checked key: the other references are the writer's own numbers, and to
/// check each would halve the shares that can be taken a second.
pub(super) fn create(dialect: Dialect) -> String {
    let mut sql = String::new();
    for table in std::iter::once(RUN).chain(OF_A_RUN) {
        let mut parts: Vec<String> = table
            .columns
            .iter()
            .map(|column| match (table.name, column.name) {
                ("run", "id") => format!("id {}", dialect.numbered()),
                ("stream", "run") => {
                    let kind = dialect.kind(Kind::Integer);
                    format!("run {kind} NOT NULL REFERENCES run (id)")
                }
                _ => {
                    let missing = if column.optional { "" } else { " NOT NULL" };
                    format!("{} {}{missing}", column.name, dialect.kind(column.kind))
                }
            })
            .collect();
        let mut tail = "";
        if table.name != RUN.name {
            parts.push(format!("PRIMARY KEY ({})", table.key.join(", ")));
            tail = dialect.tail();
        }
        if table.name == STREAM.name {
            parts.push("UNIQUE (run, name)".into());
        }
        sql += &format!(
            "CREATE TABLE {} ({}){tail};\n",
            table.name,
            parts.join(", ")
        );
    }
    sql + "CREATE INDEX share_of_stream ON share (run, stream, id);\n"
}

impl Table {
    /// Its columns, separated by commas.
    pub(super) fn list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }

    /// A query for the next rows of a run: its parameters are the run, the key of the last row without the run,
    /// and the number of rows.
    pub(super) fn page(&self) -> String {
        let key = &self.key[1..];
        let list = key.join(", ");
        let after: Vec<String> = (0..key.len()).map(|i| format!("${}", i + 2)).collect();
        format!(
            "SELECT {} FROM {} WHERE run = $1 AND ({list}) > ({}) ORDER BY {list} LIMIT ${}",
            self.list(),
            self.name,
            after.join(", "),
            key.len() + 2
        )
    }

    /// The key of a row without its run.
    pub(super) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        let key = self.key[1..].iter();
        key.filter_map(|name| {
            let place = self
                .columns
                .iter()
                .position(|column| column.name == *name)?;
            row.get(place).cloned()
        })
        .collect()
    }
}
