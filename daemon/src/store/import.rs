//! Captures from other programs: CSV files with a row per share and the fields of its job.
//!
//! Columns, in any order, named in the first row: `timestamp` (s), `job_id`, `jitter_ms` (from the
//! sending of the job to the arrival), `version`, `prevhash`, `coinb1`, `coinb2`, `merkle_branch`, `ntime`,
//! `nbits` as in `mining.notify`, `extranonce1`, `extranonce2`, `nonce`; and `claimtrie` if they are LBRY's.
//! Others are ignored.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use csv::StringRecord;
use sha2::{Digest, Sha256};
use thermine_drivers::clock::Nanos;
use thermine_drivers::pow::Difficulty;
use thermine_drivers::pow::Work;
use thermine_drivers::pow::work::swap_words;
use thermine_drivers::printable::printable;
use thermine_drivers::record::{JobRecord, Proof, Record, Recorder, ShareRecord, Verdict};
use thermine_drivers::substrate::Provenance;

use super::place::Place;
use super::{RunMeta, Store, StoreError};
use crate::input_file;

/// Columns that must be there.
const COLUMNS: [&str; 13] = [
    "timestamp",
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

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The capture.
    pub capture: PathBuf,
    /// Shares.
    pub shares: u64,
    /// Jobs that they answer.
    pub jobs: u64,
    /// Shares that were sent before.
    pub duplicates: u64,
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
    let digest = digest(csv)?;
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
    let result = rows(csv, &recorder, difficulty).await;
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
    recorder: &Recorder,
    difficulty: Difficulty,
) -> Result<Imported, StoreError> {
    let line_error = |line: u64, what: String| StoreError::Line {
        path: path.to_path_buf(),
        line,
        what,
    };
    let mut reader = csv::Reader::from_reader(open(path)?);
    let headers = reader
        .headers()
        .map_err(|error| line_error(1, error.to_string()))?
        .clone();
    let mut places = HashMap::new();
    for column in COLUMNS {
        let place = headers.iter().position(|name| name.trim() == column);
        let place = place.ok_or_else(|| line_error(1, format!("there is no column `{column}`")))?;
        places.insert(column, place);
    }
    if let Some(place) = headers.iter().position(|name| name.trim() == CLAIM_TRIE) {
        places.insert(CLAIM_TRIE, place);
    }
    let mut imported = Imported {
        capture: PathBuf::new(),
        shares: 0,
        jobs: 0,
        duplicates: 0,
    };
    let mut origin = None;
    let mut jobs = HashSet::new();
    let mut seen = HashSet::new();
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(imported),
            Err(error) => return Err(line_error(line, error.to_string())),
        }
        let line = record.position().map_or(line, csv::Position::line);
        let row = Row {
            record: &record,
            places: &places,
        };
        let (job, share) = row
            .parse(difficulty, &mut origin)
            .map_err(|what| line_error(line, what))?;
        let store = |_| StoreError::Content {
            path: path.to_path_buf(),
            what: "the capture takes no more records".into(),
        };
        imported.shares += 1;
        // Only a job's first answer can tell when it was sent.
        if jobs.insert(job.job_id.clone()) {
            imported.jobs += 1;
            recorder.record(Record::Job(job)).await.map_err(store)?;
        }
        let mut share = ShareRecord {
            ticket: imported.shares,
            ..share
        };
        if !seen.insert((
            share.job_id.clone(),
            share.proof.as_ref().map(|p| p.extranonce2.clone()),
            share.nonce,
        )) {
            share.verdict = Verdict::Duplicate;
            imported.duplicates += 1;
        }
        recorder.record(Record::Share(share)).await.map_err(store)?;
    }
}

struct Row<'a> {
    record: &'a StringRecord,
    places: &'a HashMap<&'static str, usize>,
}

impl Row<'_> {
    /// The row's job and share. `origin` is the time at which the first job was sent.
    fn parse(
        &self,
        difficulty: Difficulty,
        origin: &mut Option<f64>,
    ) -> Result<(JobRecord, ShareRecord), String> {
        let timestamp = self.number("timestamp")?;
        let since = self.number("jitter_ms")?;
        if !(0.0..1e9).contains(&since) {
            return Err(format!(
                "jitter_ms {since:e} is not a time from 0 to 10^9 ms"
            ));
        }
        let since_job = Duration::from_secs_f64(since * 1e-3);
        let origin = *origin.get_or_insert(timestamp - since * 1e-3);
        let arrived = timestamp - origin;
        if !(0.0..1e9).contains(&arrived) {
            return Err(format!(
                "timestamp {timestamp:e} is not within 30 years after the first"
            ));
        }
        let arrived = Nanos::from_seconds(arrived);
        let work = Work {
            version: self.hex_number("version")?,
            prevhash: swap_words(self.hash("prevhash", self.text("prevhash"))?),
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
        let hash = proof_of_work.hash(&work.header(work.version, &root, work.ntime, nonce));
        let found = proof_of_work.difficulty_of(&hash);
        let share = ShareRecord {
            ticket: 0,
            job_id: self.text("job_id").to_string(),
            arrived,
            since_job: Some(since_job),
            nonce,
            proof: Some(Proof {
                extranonce2,
                ntime: work.ntime,
                version_bits: None,
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
            sent: arrived - since_job,
            step: None,
            difficulty: difficulty.get(),
            difficulty_scale: 1.0,
            work,
            version_mask: 0,
            extranonce1,
            clean: true,
        };
        Ok((job, share))
    }

    fn text(&self, column: &str) -> &str {
        let place = self.places.get(column).copied();
        place
            .and_then(|place| self.record.get(place))
            .unwrap_or_default()
            .trim()
    }

    fn number(&self, column: &str) -> Result<f64, String> {
        let text = self.text(column);
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("{column} `{}` is not a number", printable(text))),
        }
    }

    fn hex_number(&self, column: &str) -> Result<u32, String> {
        let text = self.text(column);
        u32::from_str_radix(text, 16).map_err(|_| {
            format!(
                "{column} `{}` is not a hex number of up to 8 digits",
                printable(text)
            )
        })
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, String> {
        let text = self.text(column);
        hex::decode(text).map_err(|error| format!("{column} `{}`: {error}", printable(text)))
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
            .split(',')
            .map(|item| item.trim().trim_matches(['"', '\'']))
            .filter(|item| !item.is_empty())
            .map(|item| self.hash("merkle_branch", item))
            .collect()
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    input_file::open(path).map_err(|source| StoreError::Open {
        path: path.to_path_buf(),
        source,
    })
}

/// SHA-256 of a file, in hex.
fn digest(path: &Path) -> Result<String, StoreError> {
    let mut file = open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(hasher.finalize())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(source) => {
                return Err(StoreError::Open {
                    path: path.to_path_buf(),
                    source,
                });
            }
        }
    }
}
