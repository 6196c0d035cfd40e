//! What a run leaves behind: records on a bounded queue, and word of how far they are safe.
//!
//! A *stream* is one unit's conversation within a run. The drivers write records to a [`Recorder`]; a
//! store drains the other end, commits them in order and reports how far it has come. The Stratum
//! session acknowledges a share only when its record is durable, so that an acknowledged share is never
//! lost.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::clock::Nanos;
use crate::pow::Work;
use crate::provenance::Provenance;
use crate::unit::{Identity, Telemetry};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A job went out.
    Job(JobRecord),
    /// A share came in, whatever became of it.
    Share(ShareRecord),
    /// The unit's sensors were read.
    Telemetry(Telemetry),
    /// A step of the experiment ended.
    Step(StepRecord),
    /// The unit said who it is.
    Identity(Identity),
    /// Where the numbers come from, as the evidence now has it.
    Provenance(Provenance),
}

/// A job as sent in `mining.notify`, with what else its shares are judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Job id as sent, unique within its stream.
    pub job_id: String,
    /// When its bytes were handed to the socket.
    pub sent: Nanos,
    /// Step of the experiment that it belongs to, if any.
    pub step: Option<u64>,
    /// Share difficulty asked of the unit.
    pub difficulty: f64,
    /// Factor on the difficulty that a share's hash must really meet: 1 for hardware, a small power of
    /// two for a simulated unit, which hashes for real but cannot hash as much.
    pub difficulty_scale: f64,
    /// Header and coinbase material.
    pub work: Work,
    /// Bits of the version that the unit may roll; 0 if none.
    pub version_mask: u32,
    /// Extranonce1 of the connection it went to.
    pub extranonce1: Vec<u8>,
    /// Whether it told the unit to drop all earlier work.
    pub clean: bool,
}

/// What a unit submitted, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareRecord {
    /// Rises by one per share of a stream; the store reports the highest that is durable.
    pub ticket: u64,
    /// Job id that it answers, as submitted.
    pub job_id: String,
    /// When the socket read that brought its last byte returned.
    pub arrived: Nanos,
    /// From the sending of its job to its arrival; `None` if the job is not known.
    pub since_job: Option<Duration>,
    /// Nonce, as the number it is in the header.
    pub nonce: u32,
    /// What else is needed to hash its header again; `None` if it was drawn by the in-process twin,
    /// which has no header.
    pub proof: Option<Proof>,
    /// What the server made of it.
    pub verdict: Verdict,
    /// Difficulty that its hash meets, divided by the job's scale; `None` if the job is not known.
    pub difficulty: Option<f64>,
}

/// The unit's own contribution to a share's header, next to the nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Extranonce2 as submitted.
    pub extranonce2: Vec<u8>,
    /// Block time as submitted.
    pub ntime: u32,
    /// Version bits as submitted (BIP 310), if any.
    pub version_bits: Option<u32>,
}

/// What the server made of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Valid, and counted.
    Accepted,
    /// Answers a job that a later clean job has replaced.
    Stale,
    /// Was submitted before.
    Duplicate,
    /// Its hash does not meet the target.
    LowDifficulty,
    /// Answers a job that was never sent on this connection.
    UnknownJob,
    /// Its block time is outside the range that the job allows.
    TimeOutOfRange,
    /// It rolled version bits outside the mask.
    VersionOutsideMask,
    /// Its extranonce2 has the wrong length.
    WrongExtranonce2,
}

impl Verdict {
    /// All verdicts, in the order in which a report lists them.
    pub const ALL: [Verdict; 8] = [
        Verdict::Accepted,
        Verdict::Stale,
        Verdict::Duplicate,
        Verdict::LowDifficulty,
        Verdict::UnknownJob,
        Verdict::TimeOutOfRange,
        Verdict::VersionOutsideMask,
        Verdict::WrongExtranonce2,
    ];

    /// Name used in files: the same word as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::Stale => "stale",
            Verdict::Duplicate => "duplicate",
            Verdict::LowDifficulty => "low_difficulty",
            Verdict::UnknownJob => "unknown_job",
            Verdict::TimeOutOfRange => "time_out_of_range",
            Verdict::VersionOutsideMask => "version_outside_mask",
            Verdict::WrongExtranonce2 => "wrong_extranonce2",
        }
    }

    /// The verdict of that [`name`](Verdict::name).
    pub fn from_name(name: &str) -> Option<Verdict> {
        Verdict::ALL.into_iter().find(|v| v.name() == name)
    }
}

/// A step of the experiment: what was asked, and when it began and ended. What came back are the shares
/// and readings recorded between the two.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Number of the step, from 0.
    pub step: u64,
    /// The drive as JSON: its fields grow with the encodings, its meaning does not change.
    pub drive: serde_json::Value,
    /// The observation as JSON, without the shares, which stand in their own records.
    pub observation: serde_json::Value,
    /// When the step began.
    pub started: Nanos,
    /// When the step ended.
    pub ended: Nanos,
}

/// How far a stream's records are safe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durable {
    /// Highest share ticket that is committed; 0 if none.
    pub ticket: u64,
    /// Why nothing more will be committed, if the store has failed.
    pub failure: Option<Arc<str>>,
}

/// A record on its way to the store.
#[derive(Debug)]
pub struct Entry {
    /// Which stream it belongs to: an index given at [`Recorder::open`].
    pub stream: usize,
    /// What is to be kept.
    pub record: Record,
}

/// The writing end of one stream. Clones write to the same stream.
#[derive(Debug, Clone)]
pub struct Recorder {
    stream: usize,
    queue: mpsc::Sender<Entry>,
    durable: watch::Receiver<Durable>,
}

/// Stream number of a recorder that keeps nothing.
const DISCARD: usize = usize::MAX;

/// A place in the queue, to be filled with one record or given back by dropping it.
#[derive(Debug)]
pub struct Slot {
    stream: usize,
    place: Option<mpsc::OwnedPermit<Entry>>,
}

impl Slot {
    /// Queues `record` in this place.
    pub fn fill(self, record: Record) {
        if let Some(place) = self.place {
            place.send(Entry {
                stream: self.stream,
                record,
            });
        }
    }
}

/// The store no longer takes records.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the capture takes no more records: {0}")]
pub struct RecorderClosed(pub Arc<str>);

impl Recorder {
    /// A recorder that writes entries numbered `stream` to `queue` and learns of commits by `durable`.
    pub fn open(
        stream: usize,
        queue: mpsc::Sender<Entry>,
        durable: watch::Receiver<Durable>,
    ) -> Recorder {
        Recorder {
            stream,
            queue,
            durable,
        }
    }

    /// A recorder that keeps nothing and calls every share durable at once. For tools and tests that
    /// want no capture.
    pub fn discard() -> Recorder {
        let (queue, _) = mpsc::channel(1);
        let all = Durable {
            ticket: u64::MAX,
            failure: None,
        };
        Recorder {
            stream: DISCARD,
            queue,
            durable: watch::channel(all).1,
        }
    }

    /// Queues a record, waiting while the queue is full.
    ///
    /// # Errors
    /// If the store has stopped.
    pub async fn record(&self, record: Record) -> Result<(), RecorderClosed> {
        self.reserve().await?.fill(record);
        Ok(())
    }

    /// Waits for a place in the queue. What is read from a wire after that can be recorded without
    /// waiting, so nothing is lost if the reader is cancelled in between.
    ///
    /// # Errors
    /// If the store has stopped.
    pub async fn reserve(&self) -> Result<Slot, RecorderClosed> {
        if self.stream == DISCARD {
            return Ok(Slot {
                stream: DISCARD,
                place: None,
            });
        }
        match self.queue.clone().reserve_owned().await {
            Ok(place) => Ok(Slot {
                stream: self.stream,
                place: Some(place),
            }),
            Err(_) => Err(self.closed()),
        }
    }

    /// How far the stream is durable.
    pub fn durable(&self) -> watch::Receiver<Durable> {
        self.durable.clone()
    }

    fn closed(&self) -> RecorderClosed {
        let failure = self.durable.borrow().failure.clone();
        RecorderClosed(failure.unwrap_or_else(|| Arc::from("the store has been closed")))
    }
}
