//! Every share of a capture, hashed again.
//!
//! What is recorded as accepted must still be valid: its header, rebuilt from the job and the share
//! alone, must meet the difficulty that was asked for times the capture's scale. Costs two to three
//! hashes a share; memory grows by 16 bytes a share, for the distributions.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use serde::Serialize;
use thermine_reservoir::describe::{Summary, Uniformity};
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::rolled_version;
use thermine_units::record::Verdict;

use super::reader::{StoredShare, Stream};
use super::{Capture, StoreError};

/// Invalid shares that are listed one by one.
const LISTED: usize = 5;

/// What verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Name of the capture that was verified.
    pub capture: String,
    /// Where its numbers come from.
    pub provenance: String,
    /// Shares that were hashed again.
    pub shares: u64,
    /// Shares whose header could be rebuilt.
    pub hashed: u64,
    /// Of these, shares that meet the difficulty asked for.
    pub valid: u64,
    /// Of these, shares that do not.
    pub invalid: u64,
    /// Shares without a header: drawn by the twin, or of a job that is not in the capture.
    pub without_header: u64,
    /// Shares recorded as accepted that are invalid, or whose recorded difficulty is not that of their
    /// hash. Anything but 0 means a damaged capture.
    pub contradictions: u64,
    /// Shares by recorded verdict.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Exact resubmissions: same job, extranonce2, time, nonce and version bits.
    pub resubmissions: u64,
    /// Difficulties asked for, and how many shares answer each.
    pub asked: Vec<(f64, u64)>,
    /// Factor on the difficulty that the hashes had to meet.
    pub difficulty_scales: Vec<f64>,
    /// Difficulty of the unique valid shares, over the scale.
    pub difficulty: Option<Summary>,
    /// Lowest difficulty seen times (n − 1)/n: the unbiased estimate of the unit's floor.
    pub floor: Option<f64>,
    /// Test of U = asked/found, which is uniform for honest shares.
    pub law: Option<Uniformity>,
    /// Δt of all shares with a known job, by stream: from the sending of the job to the arrival, in ms.
    pub since_job_ms: BTreeMap<String, Summary>,
    /// The first invalid shares.
    pub examples: Vec<String>,
}

/// Verifies the capture at `path`.
///
/// # Errors
/// If it cannot be read.
pub fn verify(path: &Path) -> Result<VerifyReport, StoreError> {
    let capture = Capture::open(path)?;
    let provenance: BTreeSet<String> = capture
        .runs()?
        .iter()
        .map(|run| run.provenance.to_string())
        .collect();
    let provenance = Vec::from_iter(provenance).join(", ");
    let mut tally = Tally::default();
    capture.for_each_share(|share| tally.add(share))?;
    Ok(tally.report(path, provenance, &capture.streams()?))
}

#[derive(Default)]
struct Tally {
    shares: u64,
    valid: u64,
    invalid: u64,
    without_header: u64,
    contradictions: u64,
    verdicts: BTreeMap<&'static str, u64>,
    resubmissions: u64,
    seen: HashSet<[u8; 32]>,
    asked: BTreeMap<u64, u64>,
    scales: BTreeMap<u64, u64>,
    difficulties: Vec<f64>,
    uniforms: Vec<f64>,
    since_job_ms: BTreeMap<(i64, i64), Vec<f64>>,
    examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, stored: StoredShare) {
        let share = &stored.share;
        self.shares += 1;
        *self.verdicts.entry(share.verdict.name()).or_default() += 1;
        if let Some(since) = share.since_job {
            let waits = self
                .since_job_ms
                .entry((stored.run, stored.stream))
                .or_default();
            waits.push(since.as_secs_f64() * 1e3);
        }
        let (Some(proof), Some(job)) = (&share.proof, &stored.job) else {
            self.without_header += 1;
            return;
        };
        let root = job.work.merkle_root(&job.extranonce1, &proof.extranonce2);
        let version = rolled_version(
            job.work.version,
            job.version_mask,
            proof.version_bits.unwrap_or(0),
        );
        let proof_of_work = job.work.proof_of_work();
        let header = job.work.header(version, &root, proof.ntime, share.nonce);
        let hash = proof_of_work.hash(&header);
        let found = proof_of_work.difficulty_of(&hash) / job.difficulty_scale;
        let target = Difficulty::new(job.difficulty)
            .map(|asked| proof_of_work.target(asked.scaled(job.difficulty_scale)));
        let valid = target.is_ok_and(|target| target.is_met_by(&hash));
        let misread = share
            .difficulty
            .is_some_and(|recorded| (recorded / found - 1.0).abs() > 1e-9);
        let broken = misread || !valid && share.verdict == Verdict::Accepted;
        self.contradictions += u64::from(broken);
        if valid {
            self.valid += 1;
        } else {
            self.invalid += 1;
        }
        if (!valid || broken) && self.examples.len() < LISTED {
            self.examples.push(format!(
                "share {} ({}) of job {}: nonce {:08x} has difficulty {found:.6e}, {} was asked for",
                stored.id,
                share.verdict.name(),
                share.job_id,
                share.nonce,
                job.difficulty
            ));
        }
        // A header occurs twice only if its share was sent twice.
        if !self.seen.insert(hash) {
            self.resubmissions += 1;
        } else if valid {
            *self.asked.entry(job.difficulty.to_bits()).or_default() += 1;
            *self
                .scales
                .entry(job.difficulty_scale.to_bits())
                .or_default() += 1;
            self.difficulties.push(found);
            self.uniforms.push(job.difficulty / found);
        }
    }

    fn report(self, path: &Path, provenance: String, streams: &[Stream]) -> VerifyReport {
        let difficulty = Summary::of(&self.difficulties);
        // Only where one difficulty was asked is the lowest found an estimate of the unit's floor.
        let floor = difficulty
            .filter(|_| self.asked.len() == 1)
            .map(|s| s.min * (s.n - 1) as f64 / s.n as f64);
        VerifyReport {
            capture: path.display().to_string(),
            provenance,
            shares: self.shares,
            hashed: self.valid + self.invalid,
            valid: self.valid,
            invalid: self.invalid,
            without_header: self.without_header,
            contradictions: self.contradictions,
            verdicts: self.verdicts,
            resubmissions: self.resubmissions,
            asked: self
                .asked
                .into_iter()
                .map(|(bits, count)| (f64::from_bits(bits), count))
                .collect(),
            difficulty_scales: self.scales.into_keys().map(f64::from_bits).collect(),
            difficulty,
            floor,
            law: Uniformity::of(self.uniforms),
            since_job_ms: streams
                .iter()
                .filter_map(|stream| {
                    let waits = self.since_job_ms.get(&(stream.run, stream.id))?;
                    // Runs that were merged may have streams of one name.
                    let twice = streams.iter().filter(|s| s.name == stream.name).count() > 1;
                    let name = match twice {
                        true => format!("{} of run {}", stream.name, stream.run),
                        false => stream.name.clone(),
                    };
                    Some((name, Summary::of(waits)?))
                })
                .collect(),
            examples: self.examples,
        }
    }
}
