//! The present state as plain data, in the form in which it is served. Times of the wall are in milliseconds since
//! 1970; what is not known is absent (`null`), never zero.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The present state of the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Of this program.
    pub(crate) version: String,
    /// When the daemon was started, wall time in milliseconds.
    pub(crate) started_ms: u64,
    /// The units, in the order of the configuration.
    pub units: Vec<Unit>,
    /// The proxy, if one runs.
    pub(crate) proxy: Option<Proxy>,
    /// Experiments that run, wait or have lately ended, in the order of the queue.
    pub jobs: Vec<Job>,
}

impl Snapshot {
    /// No units, no proxy, no jobs.
    pub(crate) fn new(started_ms: u64) -> Snapshot {
        Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms,
            units: Vec::new(),
            proxy: None,
            jobs: Vec::new(),
        }
    }

    /// The hash rates of the units together, in GH/s, by algorithm: a hash of one is no hash of another.
    pub(crate) fn hash_rates(&self) -> Vec<(&str, Estimate)> {
        let mut by_algorithm: Vec<(&str, Vec<Estimate>)> = Vec::new();
        for unit in &self.units {
            let Some(rate) = unit.hash_rate_ghs else {
                continue;
            };
            match by_algorithm
                .iter_mut()
                .find(|(of, _)| *of == unit.algorithm)
            {
                Some((_, rates)) => rates.push(rate),
                None => by_algorithm.push((&unit.algorithm, vec![rate])),
            }
        }
        let sums = by_algorithm.into_iter();
        sums.map(|(of, rates)| (of, Estimate::sum(&rates)))
            .collect()
    }
}

/// A snapshot and its time.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TimedSnapshot {
    /// The daemon's wall time in milliseconds since 1970 when the snapshot was taken: ages are counted from it.
    pub(crate) at_ms: u64,
    /// The state at that time.
    #[serde(flatten)]
    pub(crate) known: Snapshot,
}

/// Where a unit's numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Measured on hardware that was confirmed to be of its model.
    Device,
    /// Measured on something that was not confirmed to be of its model, or whose telemetry contradicts itself.
    UnverifiedDevice,
    /// Computed by the simulator.
    Simulated,
    /// Read from a capture.
    Replayed,
}

impl Provenance {
    /// The words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Provenance::Device => "device",
            Provenance::UnverifiedDevice => "unverified device",
            Provenance::Simulated => "simulated",
            Provenance::Replayed => "replayed",
        }
    }

    /// The word in the API and the metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Provenance::UnverifiedDevice => "unverified_device",
            other => other.words(),
        }
    }
}

/// Whether a unit works and is read.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Health {
    /// Not reached yet.
    Starting,
    /// It works, and its readings are fresh.
    Well,
    /// Its last reading is too old to be trusted.
    Stale,
    /// It does not answer, or has hung up.
    Lost,
    /// The interlock has tripped.
    Tripped,
}

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    /// The estimate, in the unit of its field.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// Observations behind it.
    pub n: u64,
}

impl Estimate {
    /// The sum of independent estimates: their half-widths add as their squares (Zou and Donner 2008).
    pub(crate) fn sum(rates: &[Estimate]) -> Estimate {
        let of = |each: fn(&Estimate) -> f64| rates.iter().map(each).sum::<f64>();
        let value = of(|rate| rate.value);
        Estimate {
            value,
            low: value - of(|rate| (rate.value - rate.low).powi(2)).sqrt(),
            high: value + of(|rate| (rate.high - rate.value).powi(2)).sqrt(),
            n: rates.iter().map(|rate| rate.n).sum(),
        }
    }
}

/// A sensor or a fan of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// Its name on the wire.
    pub name: String,
    /// What it says, in the unit of the list it stands in.
    pub value: f64,
}

/// The present state of a unit, as the daemon knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unit {
    /// Its name in the configuration.
    pub name: String,
    /// Its model's name.
    pub model: String,
    /// What it hashes by: `sha256d` or `lbry`. Rates of different algorithms are not added.
    pub algorithm: String,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// Why it is an unverified device.
    pub doubt: Option<String>,
    /// How fast its time runs: seconds of its own in a second of the wall. Its rates are in its own time. Absent for
    /// virtual time, which has no fixed speed.
    pub speed: Option<f64>,
    /// Whether it works and is read.
    pub health: Health,
    /// Why it is not well: what, where and what to do.
    pub why: Option<String>,
    /// What it is doing, such as `narma10, live` or `proxied`.
    pub activity: String,
    /// When it was last read, wall time in milliseconds.
    pub read_ms: Option<u64>,
    /// Hash rate from its shares' difficulty over the last minute, in GH/s, with the interval of a Poisson count.
    pub hash_rate_ghs: Option<Estimate>,
    /// Hash rate that all its chips should show at their clock and its duty, in GH/s, while it is driven.
    pub expected_ghs: Option<f64>,
    /// Fraction of the last minute that it had current work, while it is driven.
    pub duty: Option<f64>,
    /// Hash rate that it claims itself, in GH/s.
    pub claimed_ghs: Option<f64>,
    /// Temperatures in °C.
    pub temperatures: Vec<Reading>,
    /// Fans in revolutions a minute.
    pub fans: Vec<Reading>,
    /// Power in watts, where the unit measures it.
    pub watts: Option<f64>,
    /// Its shares by what they were worth.
    pub shares: Shares,
    /// Hardware errors that it counts itself.
    pub hardware_errors: Option<u64>,
    /// The time between its last shares.
    pub intervals: Option<Intervals>,
    /// Which chip found how many of its last shares.
    pub board: Option<Board>,
    /// Target and prediction of the task it is driven with.
    pub learning: Option<Learning>,
    /// The verdict of the last experiment on it.
    pub verdict: Option<Verdict>,
    /// The account of the probability filter, where it ran.
    pub tpf: Option<Filter>,
}

impl Unit {
    /// Forgets what it read last: that is not how it is now. When it was read stays known.
    pub(crate) fn forget_readings(&mut self) {
        self.claimed_ghs = None;
        self.temperatures.clear();
        self.fans.clear();
        self.watts = None;
        self.hardware_errors = None;
    }
}

/// Shares by what they were worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shares {
    /// Valid, new, and for a job that counts.
    pub accepted: u64,
    /// For a job that no longer counts.
    pub stale: u64,
    /// Sent more than once.
    pub duplicate: u64,
    /// Any other reason for refusal: below target, malformed, of an unknown job.
    pub refused: u64,
}

/// Histogram of the time between shares, and the law that fits it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Intervals {
    /// Edges of the bins in milliseconds, one more than there are bins.
    pub edges_ms: Vec<f64>,
    /// Intervals in each bin.
    pub counts: Vec<u64>,
    /// Intervals that the fitted law expects in each bin.
    pub expected: Vec<f64>,
    /// The law in words, with its fitted parameters and units.
    pub law: String,
    /// Probability of a misfit as large by chance, by bootstrap or χ²; absent when too few.
    pub p: Option<f64>,
}

/// Shares by the chip that found them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Board {
    /// Shares of each chip, in the order along the chain.
    pub counts: Vec<u64>,
    /// Chips whose rate differs from the others' after control for looking at all of them.
    pub marked: Vec<usize>,
    /// What can be said, and how many shares it would take to say more.
    pub verdict: String,
}

/// A task as it runs: the last steps of target and prediction, each prediction made before its target was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Learning {
    /// The task's name.
    pub task: String,
    /// Number of the last step.
    pub step: u64,
    /// Targets, the oldest first.
    pub target: Vec<f64>,
    /// Predictions for the same steps.
    pub prediction: Vec<f64>,
    /// Error of the predictions over the steps since the readout has settled, NRMSE.
    pub nrmse: Option<Estimate>,
    /// The same of a readout of the current input alone, trained in the same way.
    pub control: Option<Estimate>,
}

/// The outcome of an experiment with its controls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Which experiment.
    pub title: String,
    /// One row a condition or control.
    pub rows: Vec<Row>,
    /// What it amounts to.
    pub sentence: String,
}

/// A row of a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Row {
    /// Condition or control.
    pub name: String,
    /// NRMSE, with its 95 % interval.
    pub score: Estimate,
    /// Features behind it.
    pub features: u64,
    /// Seed of the run that gave the score.
    pub seed: u64,
    /// Where its numbers come from; absent for what uses no unit.
    pub provenance: Option<Provenance>,
}

/// What the probability filter kept and what it was worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Filter {
    /// Share of trials kept.
    pub keep: f64,
    /// Share of successes kept, with its exact interval; absent without successes.
    pub recall: Option<Estimate>,
    /// Cost of a found share, as a multiple of that without a filter; absent where recall is unidentified.
    pub cost: Option<Estimate>,
    /// What it amounts to.
    pub sentence: String,
}

/// The proxy and its pools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proxy {
    /// Address it listens on.
    pub listen: String,
    /// The pool in use; absent while none answers.
    pub pool: Option<String>,
    /// Units that are connected.
    pub units: u64,
    /// Share of the connected time that units have waited for work, behind this proxy.
    pub waiting: Option<f64>,
    /// The same as it would have been without queued work: each job's latency to the pool spent waiting.
    pub waiting_without: Option<f64>,
    /// Shares of all its units, by verdict.
    pub shares: Shares,
    /// Shares handed to the pool, and of them accepted and refused by it.
    pub forwarded: (u64, u64, u64),
}

/// Where an experiment stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Progress {
    /// In the queue, not begun.
    Waiting,
    /// Driving its unit, or reading a capture.
    Running,
    /// Ended without an error.
    Done,
    /// Ended with an error.
    Failed,
    /// Taken out of the queue, or stopped.
    Cancelled,
}

/// An experiment in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its number, never used again.
    pub id: u64,
    /// The command, such as `train narma10 --steps 500`.
    pub command: String,
    /// The unit it is for.
    pub unit: String,
    /// Where it stands.
    pub progress: Progress,
    /// Steps done, of how many; absent until it runs.
    pub steps: Option<(u64, u64)>,
    /// When it is due, wall time in milliseconds; absent for at once.
    pub due_ms: Option<u64>,
    /// The folder with its report, or why it failed.
    pub outcome: Option<String>,
}

/// A share as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// The unit's name.
    pub unit: String,
    /// When it arrived, wall time in milliseconds.
    pub at_ms: f64,
    /// Time since the share before, in milliseconds; absent for a unit's first.
    pub interval_ms: Option<f64>,
    /// Nonce that solves the job.
    pub nonce: u32,
    /// Difficulty that it was asked for.
    pub difficulty: f64,
    /// What it was worth: `accepted`, `stale`, `duplicate`, ...
    pub verdict: String,
    /// The chip that found it, where the nonce says so.
    pub chip: Option<usize>,
}
