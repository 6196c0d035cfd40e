//! What an experiment has found, as it is shown beside its unit.

use serde::{Deserialize, Serialize};
use thermine_reservoir::bootstrap;
use thermine_reservoir::evaluate::Score;
use thermine_units::provenance;

use crate::live::snapshot::{Estimate, Filter, Provenance, Row, Verdict};
use thermine_lab::experiment::report::Report;
use thermine_lab::experiment::report_scores::RunReport;

/// What an experiment has found, as it is shown beside the unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The verdict of a training run.
    pub(crate) verdict: Option<Verdict>,
    /// The account of a trial of the probability filter.
    pub(crate) filter: Option<Filter>,
}

/// The verdict of a training run, where it has scores.
pub(super) fn verdict(report: Option<&Report>) -> Option<Verdict> {
    match report {
        Some(Report::Scores(report)) => Some(of_report(report)),
        _ => None,
    }
}

/// The verdict of a training run, as it is shown.
fn of_report(report: &RunReport) -> Verdict {
    let estimate = |nrmse: &bootstrap::Estimate, n: usize| Estimate {
        value: nrmse.value,
        low: nrmse.low,
        high: nrmse.high,
        n: n as u64,
    };
    let seed = report.head.seed;
    let row = |name: String, score: &Score, of: Option<Provenance>| Row {
        name,
        score: estimate(&score.nrmse, score.test_steps),
        features: score.features as u64,
        seed,
        provenance: of,
    };
    let mut rows: Vec<Row> = report
        .arms
        .iter()
        .map(|arm| {
            let device = &arm.verdict.device;
            row(arm.name.clone(), device, Some(provenance(&arm.provenance)))
        })
        .collect();
    let first = report.arms.first();
    for control in first.iter().flat_map(|arm| &arm.verdict.controls) {
        // Nulls are the device's own states, with their meaning destroyed.
        let of = first.filter(|_| control.control.is_null());
        let of = of.map(|arm| provenance(&arm.provenance));
        rows.push(row(
            format!("control: {}", control.control),
            &control.score,
            of,
        ));
    }
    Verdict {
        title: format!("{} on {}", report.task, report.head.unit),
        rows,
        sentence: first.map_or(String::new(), |arm| arm.sentence.clone()),
    }
}

/// As it is served.
pub(crate) fn provenance(of: &provenance::Provenance) -> Provenance {
    match of {
        provenance::Provenance::Device => Provenance::Device,
        provenance::Provenance::UnverifiedDevice => Provenance::UnverifiedDevice,
        provenance::Provenance::Simulated => Provenance::Simulated,
        provenance::Provenance::Replayed(_) => Provenance::Replayed,
    }
}
