//! The report of a capacity as text and as a plot.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::split::Split;

use super::svg::Plot;
use super::table::table;
use thermine_lab::experiment::report_capacity::{Capacity, CapacityReport, LEVEL, LONGEST};

/// Longest delay that the plot shows: nothing that is driven here remembers more.
const LONGEST_SHOWN: usize = 40;

/// Rows that the plot shows.
const CURVES: usize = 4;

/// The report as text.
pub(crate) fn text(report: &CapacityReport) -> String {
    let mut text = String::new();
    let Split {
        washout,
        train,
        test,
    } = report.split;
    let head = &report.head;
    let _ = writeln!(
        text,
        "\nCapacity of {}, by {}, in {}: input uniform and independent\n{washout} washout + {train} training + {test} test steps, seed {}, configuration {}, version {}\n",
        head.unit, head.substrate, head.time, head.seed, head.config_hash, head.version
    );
    let degrees = report.degrees();
    let _ = writeln!(text, "{}\n", rows(report, degrees));
    let first = report.rows.first();
    let _ = writeln!(
        text,
        "Linear memory: Σ r² over delays 0 to {}, on the test steps; r² below {:.4}, which chance exceeds one time in a hundred, counts as 0.",
        first.map_or(0, |r| r.memory.delays.len().saturating_sub(1)),
        first.map_or(0.0, |r| r.memory.threshold),
    );
    if degrees > 0 {
        let _ = writeln!(
            text,
            "By degree: Legendre terms with delays up to {LONGEST:?}. A term counts above the row's threshold and its own;\nthe probability that chance lets any term of a row count is {:.0} %.",
            100.0 * LEVEL
        );
    }
    if let Some(first) = first {
        let _ = writeln!(text, "{}", sentence(report, first));
    }
    text
}

fn rows(report: &CapacityReport, degrees: usize) -> Table {
    let mut headings = vec!["row".to_string(), "linear memory".into()];
    headings.extend((1..=degrees).map(|d| format!("degree {d}")));
    if degrees > 0 {
        headings.extend(["total".into(), "threshold".into(), "rank".into()]);
    }
    headings.extend(["features".into(), "provenance".into()]);
    let numeric: Vec<usize> = (1..headings.len() - 1).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut rows = table(&headings, &numeric);
    for row in &report.rows {
        let mut cells = vec![row.row.clone(), format!("{:.2}", row.memory.total)];
        if let Some(processing) = &row.processing {
            cells.extend(processing.by_degree.iter().map(|c| format!("{c:.2}")));
            cells.push(format!("{:.2}", processing.total));
            cells.push(format!("{:.3}", processing.threshold));
            cells.push(processing.rank.to_string());
        }
        cells.extend([row.features.to_string(), row.provenance.clone()]);
        rows.add_row(cells);
    }
    rows
}

/// What the first row comes to, beside the controls.
fn sentence(report: &CapacityReport, first: &Capacity) -> String {
    let of = |row: &Capacity| row.memory.total;
    let rivals: Vec<String> = report
        .rows
        .iter()
        .filter(|row| row.row.starts_with("control:") && of(row) >= of(first))
        .map(|row| {
            let name = row.row.trim_start_matches("control: ");
            format!("{name} ({:.2})", of(row))
        })
        .collect();
    let memory = format!(
        "{} remembers {:.2} steps with {} features",
        first.row,
        of(first),
        first.features
    );
    let beyond = match &first.processing {
        Some(processing) => match processing.by_degree.iter().skip(1).sum::<f64>() {
            0.0 => "; none of its capacity is shown to be nonlinear".to_string(),
            nonlinear => format!("; {nonlinear:.2} of its capacity is nonlinear"),
        },
        None => String::new(),
    };
    if rivals.is_empty() {
        format!("{memory}{beyond}; more than any control.")
    } else {
        format!("{memory}{beyond}; as much or more: {}.", rivals.join(", "))
    }
}

/// The linear memory by delay.
pub(crate) fn plot(report: &CapacityReport) -> Plot {
    let longest = report.rows.iter().map(|row| row.memory.delays.len()).max();
    let shown = longest.unwrap_or(1).min(LONGEST_SHOWN);
    let title = format!("Linear memory of {}", report.head.unit);
    let mut plot = Plot::new(
        &title,
        "delay, steps",
        "r²",
        (0.0, shown as f64),
        (0.0, 1.0),
    );
    for row in report.rows.iter().take(CURVES) {
        let delays = row.memory.delays.iter().take(shown);
        let points = delays.map(|d| (d.delay as f64, d.squared_correlation));
        plot.line(&row.row, points.collect::<Vec<_>>());
    }
    plot
}
