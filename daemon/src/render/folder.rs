//! The report folder: JSON, CSV and plots, next to the capture.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::StateMatrix;

use super::cell::cell;
use super::run::RunReport;
use super::svg::Plot;
use thermine_capture::tabular;

/// Test steps that a plot of target against prediction shows: more would be a smear.
const PLOTTED_STEPS: usize = 200;

/// Bars of a histogram.
const BARS: usize = 60;

/// Makes the folder of a run: `asked`, which must be empty if it exists, or a new one in `runs`.
///
/// # Errors
/// If it cannot be made, or holds something.
pub fn make(asked: Option<&Path>, name: &str) -> Result<PathBuf> {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let folder = match asked {
        Some(folder) => folder.to_path_buf(),
        None => (0..)
            .map(|n| {
                let suffix = if n == 0 {
                    String::new()
                } else {
                    format!("-{n}")
                };
                Path::new("runs").join(format!("{name}-{stamp}{suffix}"))
            })
            .find(|folder| !folder.exists())
            .unwrap_or_default(),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the report folder {}", folder.display()))?;
    if std::fs::read_dir(&folder)?.next().is_some() {
        bail!(
            "the report folder {} is not empty: name another with --out",
            folder.display()
        );
    }
    Ok(folder)
}

/// Writes `report` as JSON.
///
/// # Errors
/// If the file cannot be written.
pub fn write_report(folder: &Path, report: &RunReport) -> Result<()> {
    write_json(folder, "report.json", report)
}

/// Writes `value` as JSON under `name`.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    write(folder, name, serde_json::to_string_pretty(value)?)
}

/// Writes a plot to the file `name`.
///
/// # Errors
/// If the file cannot be written.
pub fn write_plot(folder: &Path, name: &str, plot: &Plot) -> Result<()> {
    write(folder, name, plot.render())
}

/// Writes the states of one arm, a row per step: input, target, the encoded drive, the features, and the
/// prediction where the readout was tested. A row that was neither trained nor tested on is of the segment `left out`.
///
/// # Errors
/// If the file cannot be written.
pub fn write_states(
    folder: &Path,
    mode: &str,
    input: &[f64],
    target: &[f64],
    (encoded, states): (&StateMatrix, &StateMatrix),
    (split, left_out): (Split, &LeftOut),
    predictions: &[f64],
) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut header = vec![
        "step".to_string(),
        "segment".into(),
        "input".into(),
        "target".into(),
    ];
    for feature in encoded.features().iter().chain(states.features()) {
        header.push(cell(&format!("{} [{}]", feature.name, feature.unit)));
    }
    header.push("prediction".into());
    csv.write_record(&header)?;
    let mut predictions = predictions.iter();
    for row in 0..states.rows() {
        let segment = segment(split, left_out, row);
        let mut record = vec![
            row.to_string(),
            segment.into(),
            tabular::float(input[row]),
            tabular::float(target[row]),
        ];
        for values in [encoded, states] {
            let row = values.values().row(row);
            record.extend(row.iter().copied().map(tabular::float));
        }
        let prediction = (segment == "test").then(|| predictions.next()).flatten();
        record.push(prediction.map_or_else(String::new, |value| tabular::float(*value)));
        csv.write_record(&record)?;
    }
    let text = String::from_utf8(csv.into_inner()?)?;
    write(folder, &format!("states-{mode}.csv"), text)
}

/// What the step of `row` is for.
pub(crate) fn segment(split: Split, left_out: &LeftOut, row: usize) -> &'static str {
    if left_out.contains(row) {
        "left out"
    } else if row < split.washout {
        "washout"
    } else if row < split.test_rows().start {
        "train"
    } else {
        "test"
    }
}

/// Plots target against prediction over the first test steps.
///
/// # Errors
/// If the file cannot be written.
pub fn plot_predictions(
    folder: &Path,
    title: &str,
    first: usize,
    target: &[f64],
    predictions: &[f64],
    nrmse: &Estimate,
) -> Result<()> {
    let n = PLOTTED_STEPS.min(target.len()).min(predictions.len());
    let shown = target[..n].iter().chain(&predictions[..n]);
    let low = shown.clone().copied().fold(f64::INFINITY, f64::min);
    let high = shown.copied().fold(f64::NEG_INFINITY, f64::max);
    let steps = (first as f64, (first + n) as f64);
    let title = format!(
        "{title}: NRMSE {:.3} [{:.3}, {:.3}]",
        nrmse.value, nrmse.low, nrmse.high
    );
    let mut plot = Plot::new(&title, "step", "y", steps, (low, high));
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        let numbered = values[..n].iter().enumerate();
        numbered.map(|(i, y)| ((first + i) as f64, *y)).collect()
    };
    plot.line("target", points(target));
    plot.line("prediction", points(predictions));
    write(folder, "prediction.svg", plot.render())
}

/// Plots how Δt is distributed in each arm, as densities.
///
/// # Errors
/// If the file cannot be written.
pub fn plot_waits(folder: &Path, title: &str, arms: &[(&str, &[f64])]) -> Result<()> {
    let mut all: Vec<f64> = arms
        .iter()
        .flat_map(|(_, waits)| waits.iter().copied())
        .collect();
    all.sort_by(f64::total_cmp);
    // The slowest in two hundred would squeeze everything else against the axis.
    let Some(&end) = all.get(all.len().saturating_sub(1) * 199 / 200) else {
        return Ok(());
    };
    let width = end / BARS as f64;
    let densities: Vec<(&str, Vec<(f64, f64)>)> = arms
        .iter()
        .filter(|(_, waits)| !waits.is_empty() && width > 0.0)
        .map(|(name, waits)| {
            let mut counts = [0u64; BARS];
            for wait in *waits {
                let bar = (wait / width) as usize;
                if let Some(count) = counts.get_mut(bar) {
                    *count += 1;
                }
            }
            let density = |count: u64| count as f64 / waits.len() as f64 / width;
            let bars = counts.iter().enumerate();
            (
                *name,
                bars.map(|(i, n)| (i as f64 * width, density(*n))).collect(),
            )
        })
        .collect();
    let tallest = densities
        .iter()
        .flat_map(|(_, bars)| bars)
        .map(|(_, y)| *y)
        .fold(0.0, f64::max);
    let mut plot = Plot::new(
        title,
        "Δt from job to first answer, ms of the unit's time",
        "density, 1/ms",
        (0.0, end),
        (0.0, tallest * 1.05),
    );
    for (name, bars) in densities {
        plot.bars(name, width, bars);
    }
    write(folder, "delta-t.svg", plot.render())
}

/// Writes `text` under `name`.
///
/// # Errors
/// If the file cannot be written.
pub fn write(folder: &Path, name: &str, text: String) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
