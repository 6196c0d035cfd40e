//! What `thermine train` prints and draws.

use anyhow::Result;

use super::folder::write_plot;
use super::svg::Plot;
use super::{capacity, run, seeds, targets};
use thermine_lab::experiment::report::{Report, Series};
use thermine_lab::experiment::report_scores::RunReport;
use thermine_lab::train;

/// Test steps that a plot of target against prediction shows: more would be a smear.
const PLOTTED_STEPS: usize = 200;

/// Bars of a histogram.
const BARS: usize = 60;

/// The report of one run as text.
pub(crate) fn text(report: &Report) -> String {
    match report {
        Report::Scores(report) => run::text(report),
        Report::Capacity(report) => capacity::text(report),
    }
}

/// What `thermine train` prints: the first run, and what several seeds come to.
pub(crate) fn training(report: &train::Report) -> String {
    let mut said = report.first.as_ref().map_or_else(String::new, text);
    if let Some(summary) = &report.seeds {
        said.push_str(&seeds::text(summary));
    }
    said
}

/// Writes the plots of a run into its folder.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn plots(run: &train::Run) -> Result<()> {
    let folder = &run.folder;
    match &run.report {
        Report::Capacity(report) => write_plot(folder, "memory.svg", &capacity::plot(report)),
        Report::Scores(report) => {
            if let Some(plot) = predictions(report, &run.series) {
                write_plot(folder, "prediction.svg", &plot)?;
            }
            if let Some(plot) = targets::curve(report) {
                write_plot(folder, "delays.svg", &plot)?;
            }
            match waits(report, &run.series) {
                Some(plot) => write_plot(folder, "delta-t.svg", &plot),
                None => Ok(()),
            }
        }
    }
}

/// Target against prediction over the first test steps of the first arm.
fn predictions(report: &RunReport, series: &Series) -> Option<Plot> {
    let arm = report.arms.first()?;
    let (score, first) = (&arm.verdict.device, series.first_test_step);
    let (target, predictions) = (&series.target, &score.predictions);
    let n = PLOTTED_STEPS.min(target.len()).min(predictions.len());
    let shown = target[..n].iter().chain(&predictions[..n]);
    let low = shown.clone().copied().fold(f64::INFINITY, f64::min);
    let high = shown.copied().fold(f64::NEG_INFINITY, f64::max);
    let steps = (first as f64, (first + n) as f64);
    let title = format!(
        "{}, {} on {} ({}): NRMSE {:.3} [{:.3}, {:.3}]",
        report.task,
        arm.name,
        report.head.unit,
        arm.provenance,
        score.nrmse.value,
        score.nrmse.low,
        score.nrmse.high
    );
    let mut plot = Plot::new(&title, "step", "y", steps, (low, high));
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        let numbered = values[..n].iter().enumerate();
        numbered.map(|(i, y)| ((first + i) as f64, *y)).collect()
    };
    plot.line("target", points(target));
    plot.line("prediction", points(predictions));
    Some(plot)
}

/// How Δt is distributed in each arm, as densities.
fn waits(report: &RunReport, series: &Series) -> Option<Plot> {
    let first = report.arms.first()?;
    let arms = &series.waits_ms;
    let mut all: Vec<f64> = arms
        .iter()
        .flat_map(|(_, waits)| waits.iter().copied())
        .collect();
    all.sort_by(f64::total_cmp);
    // The slowest in two hundred would squeeze everything else against the axis.
    let end = *all.get(all.len().saturating_sub(1) * 199 / 200)?;
    let width = end / BARS as f64;
    let densities: Vec<(&str, Vec<(f64, f64)>)> = arms
        .iter()
        .filter(|(_, waits)| !waits.is_empty() && width > 0.0)
        .map(|(name, waits)| (name.as_str(), density(waits, width)))
        .collect();
    let heights = densities.iter().flat_map(|(_, bars)| bars);
    let tallest = heights.map(|(_, y)| *y).fold(0.0, f64::max);
    let mut plot = Plot::new(
        &format!("Δt on {} ({})", report.head.unit, first.provenance),
        "Δt from job to first answer, ms of the unit's time",
        "density, 1/ms",
        (0.0, end),
        (0.0, tallest * 1.05),
    );
    for (name, bars) in densities {
        plot.bars(name, width, bars);
    }
    Some(plot)
}

/// The bars of a histogram of `waits`, each `width` wide.
fn density(waits: &[f64], width: f64) -> Vec<(f64, f64)> {
    let mut counts = [0_u64; BARS];
    for wait in waits {
        if let Some(count) = counts.get_mut((wait / width) as usize) {
            *count += 1;
        }
    }
    let height = |count: u64| count as f64 / waits.len() as f64 / width;
    let bars = counts.iter().enumerate();
    bars.map(|(i, n)| (i as f64 * width, height(*n))).collect()
}
