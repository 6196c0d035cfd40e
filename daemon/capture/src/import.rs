//! Captures from other programs: tables with a row per share and the fields of its job.
//!
//! Columns, in any order, named in the first row: `timestamp`, `job_id`, `jitter_ms` (from the sending of the
//! job to the arrival), `version`, `prevhash`, `coinb1`, `coinb2`, `merkle_branch`, `ntime`, `nbits` as in
//! `mining.notify`, `extranonce1`, `extranonce2`, `nonce`; and `claimtrie` if they are LBRY's. An optional `version_bits`
//! holds the bits of the version that the unit rolled, in hex as submitted, or in decimal: the header's version is
//! `(version & !mask) | (version_bits & mask)` with the mask 1fffe000 of BIP 320. Others are ignored. The timestamp is in seconds, or in what its size or the column's name says: see `import_time`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;
use thermine_units::pow::Work;
use thermine_units::pow::work::swap_words;
use thermine_units::printable::printable;
use thermine_units::provenance::Provenance;
use thermine_units::record::{JobRecord, Proof, Record, Recorder, ShareRecord, Verdict};

use super::import_suspect::{self as suspect, VERSION_MASK};
use super::import_time::{self, Stamp};
use super::place::Place;
use super::{RunMeta, Store, StoreError};
use crate::tabular::{self, Table};

/// Columns that must be there.
const COLUMNS: [&str; 12] = [
    "job_id",
    "jitter_ms",
    "version",
    "prevhash",
    "coinb1",
    "coinb2",
    "extranonce1",
    "extranonce2",
    "merkle_branch",
    "ntime",
    "nbits",
    "nonce",
];

/// Column that only shares of LBRY have.
const CLAIM_TRIE: &str = "claimtrie";

/// Column of units that roll bits of the version.
const VERSION_BITS: &str = "version_bits";

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Where the new capture is.
    pub capture: PathBuf,
    /// Shares that were imported, duplicates included.
    pub shares: u64,
    /// Jobs that they answer.
    pub jobs: u64,
    /// Shares that were sent before.
    pub duplicates: u64,
    /// What of the file is not as expected, and how it was read.
    pub notes: Vec<String>,
    /// What is likely wrong if no share meets the difficulty; `None` if one does.
    pub all_fail: Option<String>,
}

/// Imports `csv` into the new capture `out`, as shares asked for at `difficulty`. A file that is wrong
/// anywhere leaves no capture.
///
/// # Errors
/// With the line, column and value that is wrong, or if a file cannot be read or written.
pub async fn import(
    csv: &Path,
    out: &Path,
    difficulty: Difficulty,
) -> Result<Imported, StoreError> {
    if Place::of(out)?.is_server() {
        return Err(StoreError::Content {
            path: out.to_path_buf(),
            what: "an import that fails would leave half a run there: import to a file, and merge that".into(),
        });
    }
    if out.exists() {
        return Err(StoreError::Exists(out.to_path_buf()));
    }
    let table = Table::read(csv).map_err(|error| StoreError::Content {
        path: csv.to_path_buf(),
        what: format!("{error:#}"),
    })?;
    let digest = &table.digest;
    let partial = unfinished(out)?;
    let meta = RunMeta {
        seed: 0,
        config: format!("# imported from a CSV file with SHA-256 {digest}\n"),
        config_hash: digest[..16].to_string(),
        task: serde_json::json!({ "imported": csv.file_name().map(|name| name.to_string_lossy()) }),
        // Nothing in a log of another program confirms what it is from.
        provenance: Provenance::UnverifiedDevice,
    };
    let store = Store::create(&partial, &meta)?;
    let recorder = store.stream("imported");
    let result = rows(csv, &table, &recorder, difficulty).await;
    drop(recorder);
    let finished = store.finish("finished");
    let written = match result {
        Ok(imported) => finished.and_then(|_| {
            std::fs::rename(&partial, out).map_err(|source| StoreError::Open {
                path: out.to_path_buf(),
                source,
            })?;
            Ok(imported)
        }),
        Err(error) => Err(error),
    };
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written.map(|imported| Imported {
        capture: out.to_path_buf(),
        ..imported
    })
}

/// A name beside `out` that nothing has yet, for the capture while it is made.
fn unfinished(out: &Path) -> Result<PathBuf, StoreError> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let process = std::process::id();
    let mut names = (0..100).map(|n| out.with_file_name(format!(".{name}.{process}-{n}.partial")));
    // What was left by another import, or is the user's own, stays.
    names
        .find(|partial| std::fs::symlink_metadata(partial).is_err())
        .ok_or_else(|| StoreError::Content {
            path: out.to_path_buf(),
            what:
                "too many unfinished imports lie beside it: remove its files that end in .partial"
                    .into(),
        })
}

async fn rows(
    path: &Path,
    table: &Table,
    recorder: &Recorder,
    difficulty: Difficulty,
) -> Result<Imported, StoreError> {
    let (unit, parsed) = parse(path, table, difficulty)?;
    let since = parsed.iter().map(|(stamp, since, _)| (*stamp, *since));
    let times =
        import_time::times(&since.collect::<Vec<_>>(), unit).map_err(|what| content(path, what))?;
    let mut order: Vec<usize> = (0..parsed.len()).collect();
    order.sort_by(|a, b| times.arrived[*a].total_cmp(&times.arrived[*b]));
    let mut imported = Imported {
        capture: PathBuf::new(),
        shares: 0,
        jobs: 0,
        duplicates: 0,
        notes: times.notes,
        all_fail: None,
    };
    let records: Vec<_> = parsed.iter().map(|(_, _, record)| record).collect();
    let has_version_bits = table.header.iter().any(|name| name == VERSION_BITS);
    imported.all_fail = suspect::all_fail(&records, difficulty, has_version_bits);
    let mut jobs = HashSet::new();
    let mut seen = HashSet::new();
    let closed = |_| content(path, "the capture takes no more records".into());
    for index in order {
        let (_, since, (job, share)) = &parsed[index];
        let arrived = Nanos::from_seconds(times.arrived[index]);
        imported.shares += 1;
        // Only a job's first answer can tell when it was sent.
        if jobs.insert(job.job_id.clone()) {
            imported.jobs += 1;
            let job = JobRecord {
                sent: arrived - *since,
                ..job.clone()
            };
            recorder.record(Record::Job(job)).await.map_err(closed)?;
        }
        let mut share = ShareRecord {
            ticket: imported.shares,
            arrived,
            ..share.clone()
        };
        if !seen.insert((
            share.job_id.clone(),
            share
                .proof
                .as_ref()
                .map(|p| (p.extranonce2.clone(), p.ntime, p.version_bits)),
            share.nonce,
        )) {
            share.verdict = Verdict::Duplicate;
            imported.duplicates += 1;
        }
        recorder
            .record(Record::Share(share))
            .await
            .map_err(closed)?;
    }
    Ok(imported)
}

fn content(path: &Path, what: String) -> StoreError {
    StoreError::Content {
        path: path.to_path_buf(),
        what,
    }
}

/// Time stamp of a row, time since its job, and what it holds.
type Parsed = (Stamp, Duration, (JobRecord, ShareRecord));

/// The rows of `table`, and the unit of their time stamps.
fn parse(
    path: &Path,
    table: &Table,
    difficulty: Difficulty,
) -> Result<(Option<f64>, Vec<Parsed>), StoreError> {
    let line_error = |line: u64, what: String| StoreError::Line {
        path: path.to_path_buf(),
        line,
        what,
    };
    let place = |column: &str| {
        let place = table.column(column);
        place.map_err(|error| line_error(table.header_line(), error.to_string()))
    };
    let (stamp_column, unit) = import_time::column(&table.header);
    let mut places = HashMap::from([(stamp_column, place(stamp_column)?)]);
    for column in COLUMNS {
        places.insert(column, place(column)?);
    }
    for optional in [CLAIM_TRIE, VERSION_BITS] {
        if table.header.iter().any(|name| name == optional) {
            places.insert(optional, place(optional)?);
        }
    }
    let mut parsed = Vec::new();
    for row in table.rows() {
        let row = row.map_err(|error| content(path, format!("{error:#}")))?;
        let row = Row {
            table,
            row: &row,
            places: &places,
        };
        let share = row
            .stamp(stamp_column)
            .and_then(|stamp| Ok((stamp, row.since()?, row.parse(difficulty)?)));
        parsed.push(share.map_err(|what| line_error(row.row.line, what))?);
    }
    Ok((unit, parsed))
}

struct Row<'a> {
    table: &'a Table,
    row: &'a tabular::Row,
    places: &'a HashMap<&'static str, usize>,
}

impl Row<'_> {
    /// When the share came, as written.
    fn stamp(&self, column: &str) -> Result<Stamp, String> {
        Stamp::parse(self.text(column), |text| {
            let place = self.places.get(column).copied().unwrap_or_default();
            self.table
                .number(self.row, place)
                .map_err(|_| text.to_string())
                .ok()
        })
        .ok_or_else(|| {
            format!(
                "{column} `{}` is not a time: write seconds as a number, or 2026-01-31T12:00:00Z",
                self.text(column)
            )
        })
    }

    /// From the sending of the job to the arrival.
    fn since(&self) -> Result<Duration, String> {
        let since = self.number("jitter_ms")?;
        if !(0.0..1e9).contains(&since) {
            return Err(format!(
                "jitter_ms {since:e} is not a time from 0 to 10^9 ms"
            ));
        }
        Ok(Duration::from_secs_f64(since * 1e-3))
    }

    /// The row's job and share, but for their times.
    fn parse(&self, difficulty: Difficulty) -> Result<(JobRecord, ShareRecord), String> {
        let since_job = self.since()?;
        let work = Work {
            version: self.hex_number("version")?,
            prevhash: swap_words(self.hash("prevhash", self.hex("prevhash"))?),
            claim_trie: match self.text(CLAIM_TRIE) {
                "" => None,
                text => Some(swap_words(self.hash(CLAIM_TRIE, text)?)),
            },
            coinb1: self.bytes("coinb1")?,
            coinb2: self.bytes("coinb2")?,
            merkle_branch: self.branch()?,
            ntime: self.hex_number("ntime")?,
            nbits: self.hex_number("nbits")?,
        };
        let extranonce1 = self.bytes("extranonce1")?;
        let extranonce2 = self.bytes("extranonce2")?;
        let nonce = self.hex_number("nonce")?;
        let root = work.merkle_root(&extranonce1, &extranonce2);
        let proof_of_work = work.proof_of_work();
        let found = |bits: Option<u32>| {
            let version = bits.map_or(work.version, |bits| work.version & !VERSION_MASK | bits);
            let hash = proof_of_work.hash(&work.header(version, &root, work.ntime, nonce));
            proof_of_work.difficulty_of(&hash)
        };
        let is_met = |bits: &u32| found(Some(*bits)) >= difficulty.get();
        let readings = self.version_bits()?;
        let version_bits = readings.iter().copied().find(is_met);
        let version_bits = version_bits.or(readings.first().copied());
        let found = found(version_bits);
        let share = ShareRecord {
            ticket: 0,
            job_id: self.text("job_id").to_string(),
            arrived: Nanos::ZERO,
            since_job: Some(since_job),
            nonce,
            proof: Some(Proof {
                extranonce2,
                ntime: work.ntime,
                version_bits,
            }),
            // The file does not say what its pool made of the share; the hash does.
            verdict: if found >= difficulty.get() {
                Verdict::Accepted
            } else {
                Verdict::LowDifficulty
            },
            difficulty: Some(found),
        };
        let job = JobRecord {
            job_id: share.job_id.clone(),
            sent: Nanos::ZERO,
            step: None,
            difficulty: difficulty.get(),
            difficulty_scale: 1.0,
            work,
            version_mask: match self.places.contains_key(VERSION_BITS) {
                true => VERSION_MASK,
                false => 0,
            },
            extranonce1,
            clean: true,
        };
        Ok((job, share))
    }

    fn text(&self, column: &str) -> &str {
        let place = self.places.get(column).copied();
        place
            .and_then(|place| self.row.cells.get(place))
            .unwrap_or_default()
    }

    fn number(&self, column: &str) -> Result<f64, String> {
        let place = self.places.get(column).copied().unwrap_or_default();
        let number = self.table.number(self.row, place);
        number.map_err(|_| format!("{column} `{}` is not a number", self.text(column)))
    }

    /// What is written in hex, without the `0x` that some programs write before it.
    fn hex(&self, column: &str) -> &str {
        let text = self.text(column);
        let bare = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        bare.unwrap_or(text)
    }

    fn hex_number(&self, column: &str) -> Result<u32, String> {
        u32::from_str_radix(self.hex(column), 16).map_err(|_| {
            let text = printable(self.text(column));
            format!("{column} `{text}` is not a hex number of up to 8 digits")
        })
    }

    /// Readings of the rolled bits, the likelier first: hex as submitted, else decimal. None if the unit rolled none.
    /// A wrong reading meets difficulty 256 by chance once in 10^12 shares, so a hash decides between the two.
    fn version_bits(&self) -> Result<Vec<u32>, String> {
        let text = self.text(VERSION_BITS);
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let hex = self.hex_number(VERSION_BITS);
        let readings = [hex.clone().ok(), text.parse().ok()].into_iter().flatten();
        let readings: Vec<u32> = readings.map(|bits| bits & VERSION_MASK).collect();
        match readings.is_empty() {
            true => hex.map(|bits| vec![bits]),
            false => Ok(readings),
        }
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, String> {
        let bytes = hex::decode(self.hex(column));
        bytes.map_err(|error| format!("{column} `{}`: {error}", printable(self.text(column))))
    }

    fn hash(&self, column: &str, text: &str) -> Result<[u8; 32], String> {
        let bytes = hex::decode(text)
            .map_err(|error| format!("{column} `{}`: {error}", printable(text)))?;
        bytes.try_into().map_err(|_| {
            format!(
                "{column} `{}` is not a hash of 64 hex digits",
                printable(text)
            )
        })
    }

    /// A list such as `["ab…", "cd…"]`, with either kind of quotes.
    fn branch(&self) -> Result<Vec<[u8; 32]>, String> {
        self.text("merkle_branch")
            .trim_matches(['[', ']'])
            .split([',', ';', ' '])
            .map(|item| item.trim().trim_matches(['"', '\'']))
            .filter(|item| !item.is_empty())
            .map(|item| self.hash("merkle_branch", item))
            .collect()
    }
}
