//! Reads the capture and puts the tests to it.

use std::path::PathBuf;

use anyhow::{Result, bail};
use thermine_units::pow::Difficulty;

use super::family::Columns;
use super::report::{StudyReport, StudyRequest, verdict};
use crate::observer::Progress;
use crate::threads::computed;
use crate::tpf::evidence::Evidence;

/// Fewest shares of known difficulty for a study: eight classes a side, five shares a cell.
const FEWEST_SHARES: usize = 320;

/// Parts of the slowest shares that a filter might drop.
const DROPPED: [f64; 4] = [0.1, 0.2, 0.5, 0.9];

/// Bins of the density of U.
const BINS: usize = 20;

/// Studies the capture in the file `capture`.
///
/// # Errors
/// If the request is wrong, the capture cannot be read or holds too few shares, or the work was interrupted.
pub async fn run(
    request: StudyRequest,
    capture: PathBuf,
    progress: &Progress,
) -> Result<StudyReport> {
    request.check()?;
    let compute = move || {
        let evidence = Evidence::load(&capture, request.stream.as_deref())?;
        study(evidence, &request)
    };
    computed(progress.context(), compute).await
}

fn study(evidence: Evidence, request: &StudyRequest) -> Result<StudyReport> {
    let columns = Columns::of(evidence.unique());
    if columns.len() < FEWEST_SHARES {
        bail!(
            "stream `{}` of {} holds {} shares whose difficulty and job are known, and a study needs {FEWEST_SHARES}: \
             record for longer, or on the wire if this is a twin's, whose shares are not hashed",
            evidence.stream,
            evidence.capture.display(),
            columns.len()
        );
    }
    let algorithm = evidence.algorithm();
    let tests = columns.tests(request.permutations, request.seed, request.only.as_deref())?;
    let asked = match evidence.verified.asked.as_slice() {
        [(asked, _)] => Some(*asked),
        _ => None,
    };
    let verdict = verdict(&evidence.verified, &tests);
    let replaced = |at: f64, job: f64| {
        let sent = &evidence.sent[..evidence.sent.partition_point(|time| *time < at)];
        sent.last().is_some_and(|last| job < last - 1e-6)
    };
    Ok(StudyReport {
        version: env!("CARGO_PKG_VERSION"),
        capture: evidence.capture.display().to_string(),
        old: evidence
            .unique()
            .filter(|s| replaced(s.arrived, s.job_sent))
            .count(),
        shares: columns.len(),
        provenance: evidence.provenance,
        stream: evidence.stream,
        seed: request.seed,
        permutations: request.permutations,
        hashes_per_share: asked.map(|d| d * Difficulty::ONE.hashes(algorithm)),
        verified: evidence.verified,
        dropped: columns.dropping(&DROPPED),
        tests,
        verdict,
        density: columns.density(BINS),
    })
}
