//! The seam to the experiment: one drive in, one observation out.
//!
//! | substrate | what it is | time |
//! | --- | --- | --- |
//! | [`Handshake`] | a unit on the wire | the run's clock |
//! | [`SerialChain`] | bare chips on a serial port | the run's clock |
//! | [`Idle`] | a unit without work | the run's clock |
//! | [`Twin`] | the simulator's physics, called in process | virtual |
//! | [`Replay`] | what a run has recorded | as recorded |

mod chain;
mod connection;
mod handshake;
mod idle;
mod replay;
mod steps;
mod twin;
mod watchdog;

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use chain::SerialChain;
pub use connection::{NextSession, Patience, Reconnect};
pub use handshake::Handshake;
pub use idle::Idle;
pub use replay::{Recorded, Replay};
pub use thermine_stratum::handshake::{Discipline, Outcome, Pace};
use thermine_units::provenance::Provenance;
pub use twin::Twin;

use thermine_drivers::bm13xx::ChainError;
use thermine_drivers::interlock::{Cause, SetError};
use thermine_stratum::SessionError;
use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;
use thermine_units::record::{RecorderClosed, StepRecord, Verdict};
use thermine_units::unit::{OperatingPoint, Telemetry};

/// What a step does to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drive {
    /// The input word, carried in the coinbase of the step's jobs.
    pub word: u32,
    /// Seconds by which the block time of the step's jobs is ahead of the clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub later: u16,
    /// Share difficulty of the step's jobs.
    pub difficulty: Difficulty,
    /// Fraction of its time that the unit hashes current work, 0 to 1. Lowered by sending clean jobs at a
    /// cadence, each of which costs the unit its switch dead time; on bare chips by letting them run out of
    /// work.
    pub duty: f64,
    /// Where the unit is to run during the step; what is `None` stays as it is.
    pub point: OperatingPoint,
    /// When the step ends.
    pub pace: Pace,
}

fn is_zero(later: &u16) -> bool {
    *later == 0
}

/// What came back from a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the step began.
    pub started: Nanos,
    /// When it ended, in device time.
    pub ended: Nanos,
    /// Whether it was answered, timed out or interrupted.
    pub outcome: Outcome,
    /// Time in it without a connection to the unit.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub gap: Duration,
    /// Jobs sent during it.
    pub jobs: u32,
    /// Samples: accepted shares of this step, in order of arrival. Recorded as records of their own.
    #[serde(skip)]
    pub shares: Vec<Sample>,
    /// Answers that are no samples.
    pub refused: Refused,
    /// The newest reading of the unit's sensors; its age is `ended - taken`. Recorded on its own.
    #[serde(skip)]
    pub telemetry: Option<Telemetry>,
}

/// An accepted share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Serial of its job.
    pub job: u64,
    /// When it arrived.
    pub arrived: Nanos,
    /// Δt: from the sending of its job to its arrival.
    pub since_job: Duration,
    /// Its nonce, which tells the chip and core that found it.
    pub nonce: u32,
    /// Difficulty that its hash meets, in units of the difficulty asked.
    pub difficulty: f64,
}

/// Answers that are no samples, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Of a job that had been replaced.
    pub stale: u32,
    /// Submitted before.
    pub duplicate: u32,
    /// Invalid for any other reason.
    pub invalid: u32,
}

impl Refused {
    /// Counts one answer that is no sample.
    pub(crate) fn count(&mut self, verdict: Verdict) {
        match verdict {
            // Accepted, but not of the job in flight: late.
            Verdict::Stale | Verdict::Accepted => self.stale += 1,
            Verdict::Duplicate => self.duplicate += 1,
            _ => self.invalid += 1,
        }
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum SubstrateError {
    /// The unit's session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The unit's connection stayed silent beside a newer one of the same unit.
    #[error("{unit} opened another connection and was silent on the first for {} s", .after.as_secs())]
    Replaced {
        /// The unit, by its worker name.
        unit: String,
        /// Time that the first connection was silent.
        after: Duration,
    },
    /// Its connection broke and it did not come back.
    #[error(
        "{source}; {unit} did not come back within {} s (unit.reconnect_seconds). What the run has recorded is kept",
        .after.as_secs_f64()
    )]
    Gone {
        /// The unit, by its worker name.
        unit: String,
        /// How long it was waited for.
        after: Duration,
        /// How the connection broke.
        source: Box<SubstrateError>,
    },
    /// The chain on its serial port failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The unit is connected but answers nothing.
    #[error("{unit} has answered none of its last {steps} jobs in time: {}", silence(*.difficulty, *.refused))]
    Silent {
        /// The unit, by its worker name.
        unit: String,
        /// Steps in a row without an answer.
        steps: u32,
        /// Difficulty of the last.
        difficulty: Difficulty,
        /// Why its last share was refused, if it sent any.
        refused: Option<Verdict>,
    },
    /// It answers, but with shares that are none.
    #[error("{unit}: {shares} shares in a row were invalid, the last {}: {}", .verdict.name(), invalidity(*.verdict))]
    Invalid {
        /// The unit, by its worker name.
        unit: String,
        /// Invalid shares since the last valid one.
        shares: u32,
        /// What the last was judged.
        verdict: Verdict,
    },
    /// Its control interface has stopped answering, so that its heat is unknown.
    #[error(
        "{unit}: no telemetry for {} s of wall time ({reason}): check that its API is reachable; a unit \
         whose temperature is unknown must not be driven",
        .age.as_secs()
    )]
    TelemetryLost {
        /// The unit, by its worker name.
        unit: String,
        /// Wall time since the last reading.
        age: Duration,
        /// What the last attempt met with.
        reason: String,
    },
    /// Its interlock has tripped, and it was given no further work.
    #[error("{cause}; {unit} was given no further work. What the run has recorded is kept")]
    Interlocked {
        /// The unit, by its worker name.
        unit: String,
        /// Why work is withheld.
        cause: Cause,
    },
    /// It could not be set to where the step wants it.
    #[error("{unit} cannot be set to the operating point of the step: {source}")]
    NotSet {
        /// The unit, by its worker name.
        unit: String,
        /// Why the wire or its guard refused it.
        source: SetError,
    },
    /// The capture has failed.
    #[error(transparent)]
    Recorder(#[from] RecorderClosed),
    /// The capture cannot be read further.
    #[error("the capture cannot be read: {0}")]
    Unreadable(String),
    /// The capture holds no further step.
    #[error("the capture ends after {steps} steps")]
    Exhausted {
        /// Steps that it holds.
        steps: u64,
    },
    /// The capture was driven differently.
    #[error(
        "step {step} of the capture was driven with {recorded}, not with {asked}: it was recorded with \
         another task, seed or encoding"
    )]
    OtherDrive {
        /// Number of the step, from 0.
        step: u64,
        /// What was recorded.
        recorded: String,
        /// What was asked.
        asked: String,
    },
}

/// Wall time without a reading after which a unit on the wire is given up. An S9 that restarts its miner
/// is silent for longer, and would not come back to the same session.
pub(crate) const TELEMETRY_PATIENCE: Duration = Duration::from_secs(30);

/// Time-outs in a row without an answer after which a unit is given up.
const SILENT_TIMEOUTS: u32 = 5;

/// Counts steps without an answer, and how long they lasted: one on schedule may end long before its time-out.
#[derive(Debug, Clone, Copy, Default)]
struct Silence {
    steps: u32,
    span: Duration,
}

impl Silence {
    /// Takes note of the end of a step of this `pace`. Returns how many steps in a row had no answer, once
    /// they have lasted long enough.
    fn note(&mut self, observation: &Observation, pace: &Pace) -> Option<u32> {
        // A step that needs no answer ends as answered.
        let unanswered = observation.outcome != Outcome::Answered || pace.shares == 0;
        if unanswered && observation.shares.is_empty() {
            self.steps += 1;
            self.span += observation.ended.since(observation.started);
        } else {
            *self = Silence::default();
        }
        (self.span >= SILENT_TIMEOUTS * pace.timeout).then_some(self.steps)
    }
}

/// Invalid shares in a row after which a unit is given up. After a rise of difficulty some firmware still
/// sends a few for the old one; a simulated unit that hashes other bytes than it was sent is right once in
/// 64 times by chance.
pub(crate) const INVALID_SHARES: u32 = 50;

/// What to do about a unit that gives no answers.
fn silence(difficulty: Difficulty, refused: Option<Verdict>) -> String {
    match refused {
        None => format!(
            "check that it hashes, and that its share difficulty of {difficulty} is not too high for it"
        ),
        Some(verdict) => format!(
            "its shares are refused ({}): {}",
            verdict.name(),
            invalidity(verdict)
        ),
    }
}

/// What to do about invalid shares.
fn invalidity(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::TimeOutOfRange => {
            "they carry a block time outside the job's range: set the unit's clock"
        }
        Verdict::LowDifficulty => {
            "it hashes other bytes than it was sent, or is simulated at another difficulty scale"
        }
        _ => "check its firmware",
    }
}

/// Anything that can be driven step by step.
pub trait Substrate: Send {
    /// Drives one step and waits for its end.
    fn step(
        &mut self,
        drive: &Drive,
    ) -> impl Future<Output = Result<Observation, SubstrateError>> + Send;

    /// Where its numbers come from.
    fn provenance(&self) -> Provenance;
}

impl Drive {
    /// The record of this drive's step.
    pub(crate) fn record(&self, step: u64, observation: &Observation) -> StepRecord {
        let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        StepRecord {
            step,
            drive: json(serde_json::to_value(self)),
            observation: json(serde_json::to_value(observation)),
            started: observation.started,
            ended: observation.ended,
        }
    }
}
