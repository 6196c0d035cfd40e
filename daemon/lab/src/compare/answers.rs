//! The shares of a capture in order of arrival, each as first, late or a copy.
//!
//! The log of another program tells neither the verdicts of its pool nor the jobs without a share. So everything is taken
//! from the shares alone, and the captures of this program are read in the same way.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Result, bail};
use thermine_sim::params::Params;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;
use thermine_units::record::Verdict;

use crate::config::Config;
use thermine_capture::Capture;

/// Most shares that are analysed: they are held in memory, 100 bytes each.
const MOST_ANSWERS: usize = 5_000_000;

/// What a share is beside the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first share of its job.
    First,
    /// A further share of its job: with one new job after every share, of a replaced one.
    Late,
    /// The same share a second time, so many ns after the first.
    Copy(u64),
}

/// A valid share, as the comparison sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// Since the newest job was sent, ms.
    pub(super) wait: f64,
    pub(super) kind: Kind,
    /// Difficulty found over the one asked for.
    pub(super) ratio: Option<f64>,
    pub(super) nonce: u32,
    /// Extranonce2 as a number, lowest byte first: bmminer counts its work items there.
    pub(super) work: Option<u64>,
}

/// The largest stream of a capture.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) capture: String,
    pub(super) provenance: Provenance,
    pub(super) seed: u64,
    /// Parameters of the unit of the capture's configuration, else of an S9.
    pub(super) unit: Params,
    pub(super) difficulty: f64,
    pub(super) answers: Vec<Answer>,
    /// Rejected shares that were not valid.
    pub(super) invalid: u64,
}

/// Reads the largest stream of the capture at `path`.
pub(super) fn read(path: &Path) -> Result<Answers> {
    let capture = Capture::open(path)?;
    let run = capture.run()?;
    let streams = capture.streams()?;
    let Some(stream) = streams.iter().max_by_key(|stream| stream.shares) else {
        bail!("{} holds no stream", path.display());
    };
    let model =
        toml::from_str::<Config>(&run.config).map_or(Model::AntminerS9, |config| config.unit.model);
    let sent = capture.sendings(stream)?;
    let mut reader = Reader::default();
    capture.for_each_share(|stored| {
        if stored.stream == stream.id && reader.answers.len() < MOST_ANSWERS {
            reader.add(
                &stored.share,
                stored.job.as_ref().map(|job| job.difficulty),
                &sent,
            );
        }
    })?;
    if reader.asked.len() != 1 {
        bail!(
            "{}: its jobs ask for {} difficulties, but a comparison is of one: record it with `thermine capture record`",
            path.display(),
            reader.asked.len()
        );
    }
    Ok(Answers {
        capture: path.display().to_string(),
        provenance: run.provenance,
        seed: run.seed,
        unit: Params::of(model).unwrap_or_else(Params::s9),
        difficulty: reader.asked.iter().map(|bits| f64::from_bits(*bits)).sum(),
        answers: reader.answers,
        invalid: reader.invalid,
    })
}

#[derive(Default)]
struct Reader {
    answers: Vec<Answer>,
    invalid: u64,
    asked: HashSet<u64>,
    jobs: HashSet<String>,
    /// Shares by job, extranonce2 and nonce, with their arrival.
    seen: HashMap<(String, Vec<u8>, u32), u64>,
    /// Jobs sent before the last answer.
    sent_before: usize,
}

impl Reader {
    fn add(
        &mut self,
        share: &thermine_units::record::ShareRecord,
        asked: Option<f64>,
        sent: &[thermine_units::clock::Nanos],
    ) {
        if !matches!(
            share.verdict,
            Verdict::Accepted | Verdict::Stale | Verdict::Duplicate
        ) {
            self.invalid += 1;
            return;
        }
        let (Some(asked), Some(since_job)) = (asked, share.since_job) else {
            self.invalid += 1;
            return;
        };
        self.asked.insert(asked.to_bits());
        while sent
            .get(self.sent_before)
            .is_some_and(|t| *t < share.arrived)
        {
            self.sent_before += 1;
        }
        // A log of another program gives the time since the newest job, and not since the job that is answered;
        // its table of jobs holds the answered ones only.
        let newest = self.sent_before.checked_sub(1).map(|last| sent[last]);
        let since_newest = newest.map_or(since_job, |newest| {
            share.arrived.since(newest).min(since_job)
        });
        let extranonce2 = share.proof.as_ref().map(|proof| proof.extranonce2.clone());
        let key = (
            share.job_id.clone(),
            extranonce2.clone().unwrap_or_default(),
            share.nonce,
        );
        let arrived = share.arrived.0;
        let kind = match self.seen.get(&key) {
            Some(first) => Kind::Copy(arrived.saturating_sub(*first)),
            None => {
                self.seen.insert(key, arrived);
                if self.jobs.insert(share.job_id.clone()) {
                    Kind::First
                } else {
                    Kind::Late
                }
            }
        };
        self.answers.push(Answer {
            wait: since_newest.as_secs_f64() * 1e3,
            kind,
            ratio: share.difficulty.map(|found| found / asked),
            nonce: share.nonce,
            work: extranonce2.filter(|bytes| bytes.len() <= 8).map(|bytes| {
                bytes
                    .iter()
                    .rev()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte))
            }),
        });
    }
}
