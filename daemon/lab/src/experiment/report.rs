//! The report of a run, as data: what is written as JSON and what tables and plots are made of.

use serde::Serialize;

use super::report_capacity::CapacityReport;
use super::report_scores::RunReport;
use super::report_seeds::Figures;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Scores in a task.
    Scores(Box<RunReport>),
    /// A capacity of the states.
    Capacity(Box<CapacityReport>),
}

impl Report {
    /// Its figures by name, which several seeds are compared by.
    pub(crate) fn figures(&self) -> Figures {
        match self {
            Report::Scores(report) => report.figures(),
            Report::Capacity(report) => Figures {
                scores: report.figures(),
                wrong: Vec::new(),
            },
        }
    }
}

/// What a run has taken and made, beside its report: what plots are drawn from.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// First step of the test.
    pub first_test_step: usize,
    /// The target in the test steps of the first arm.
    pub target: Vec<f64>,
    /// Δt of the first answer to each job, in ms, by arm.
    pub waits_ms: Vec<(String, Vec<f64>)>,
}
