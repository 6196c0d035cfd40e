//! What a capture is tested for, and what was found.

use serde::Serialize;
use thermine_reservoir::information::permutation::PERMUTATIONS;
use thermine_reservoir::information::power::Design;
use thermine_units::provenance::Provenance;

use super::family::{Dropped, TestRow};
use crate::request::declare::request;
use thermine_capture::verify::VerifyReport;

request! {
    /// Tests of a capture.
    pub struct StudyRequest {
        /// Stream of the capture; absent for the one with most shares.
        stream: Option<String> = None;
        /// The one quantity that difficulty is tested against; absent for all.
        only: Option<String> = None;
        /// Permutations of a test.
        permutations: usize = PERMUTATIONS => within(99, 1_000_000);
        /// Seed of the permutations.
        seed: u64 = 1;
    }
}

/// Level of the verdict.
pub const LEVEL: f64 = 0.05;

/// The tests of one capture.
#[derive(Debug, Serialize)]
pub struct StudyReport {
    pub(super) version: &'static str,
    pub(super) capture: String,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Stream of the capture.
    pub stream: String,
    /// Seed of the permutations.
    pub seed: u64,
    /// Permutations of a test.
    pub permutations: usize,
    /// Every share of the capture, hashed again.
    pub verified: VerifyReport,
    /// Shares of known difficulty, each once.
    pub shares: usize,
    /// Those that answer a job which a later one had replaced.
    pub old: usize,
    /// Hashes that a share stands for on average, at the difficulty asked.
    pub hashes_per_share: Option<f64>,
    /// All tests, corrected together.
    pub tests: Vec<TestRow>,
    /// What a filter loses that drops the slowest shares.
    pub dropped: Vec<Dropped>,
    /// The result in one sentence.
    pub verdict: String,
    /// Density of U in bins of equal width; 1 for honest shares.
    #[serde(skip)]
    pub density: Vec<f64>,
}

/// The result in one sentence.
pub(super) fn verdict(verified: &VerifyReport, tests: &[TestRow]) -> String {
    if verified.contradictions > 0 {
        return format!(
            "The capture is damaged: {} shares contradict their record, and nothing follows from it.",
            verified.contradictions
        );
    }
    let found: Vec<&TestRow> = tests.iter().filter(|row| row.adjusted <= LEVEL).collect();
    let reach = tests
        .iter()
        .filter(|row| matches!(row.design, Some(Design::Table { .. })))
        .filter_map(|row| row.detectable)
        .map(|(_, strict)| strict)
        .fold(0.0, f64::max);
    match found.as_slice() {
        [] if tests.len() == 1 => format!(
            "The one test that was put, of {}, does not reject at 5 %.",
            tests[0].beside
        ),
        [one] if tests.len() == 1 => format!(
            "The one test that was put, of {}, rejects at 5 % (p {:.4}): a result only if it was chosen before this \
             capture was seen.",
            one.beside, one.p
        ),
        [] => format!(
            "None of {} tests rejects at 5 % after Holm's correction: there is no sign that anything seen of a share tells \
             its difficulty, and {reach:.4} bit in classes would have been detected with a power of 80 %.",
            tests.len()
        ),
        some => {
            let names: Vec<&str> = some.iter().map(|row| row.beside.as_str()).collect();
            format!(
                "{} of {} tests reject at 5 % after Holm's correction ({}): a candidate to be tested alone (--only) on a \
                 further capture, before it is a result.",
                some.len(),
                tests.len(),
                names.join("; ")
            )
        }
    }
}
