//! Tables and plot of `thermine tpf study --calibrate`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use thermine_reservoir::information::calibration::{Rate, Test};

use crate::render::folder;
use crate::render::svg::Plot;
use crate::render::table::headed;
use thermine_lab::tpf::calibration::CalibrationReport;

/// Writes JSON and the plot.
pub(crate) fn write(folder: &Path, report: &CalibrationReport) -> Result<()> {
    folder::write_json(folder, "report.json", report)?;
    plot(folder, report)
}

/// The tables: rates where there is nothing, and where there is something.
pub(crate) fn text(report: &CalibrationReport) -> String {
    let mut text = format!(
        "{} simulated captures of {} shares for each coupling, {} permutations a test, seed {}\n",
        report.setting.captures,
        report.setting.shares,
        report.setting.permutations,
        report.setting.seed
    );
    let (null, coupled) = match report.curves.split_first() {
        Some(((_, null), coupled)) => (null.as_slice(), coupled),
        None => (&[][..], &[][..]),
    };
    text.push_str("\nwhere there is nothing (λ = 0), a test rejects:\n");
    let mut rows = headed("test | stated | found [95 %] | n | agrees", &[1, 2, 3]);
    for rate in null {
        let bound = if rate.bound { "at most " } else { "" };
        rows.add_row([
            rate.test.name().to_string(),
            rate.stated.map_or_else(
                || "–".into(),
                |stated| format!("{bound}{}", percent(stated)),
            ),
            found(rate),
            rate.captures.to_string(),
            agreement(rate).to_string(),
        ]);
    }
    let _ = writeln!(text, "{rows}");
    text.push_str("\nwhere there is something, it detects it in (stated power in brackets; * where they disagree):\n");
    let mut headings = vec!["test".to_string()];
    headings.extend(coupled.iter().map(|(bits, _)| format!("{bits:.4} bit")));
    let numeric: Vec<usize> = (1..headings.len()).collect();
    let mut rows = headed(&headings.join(" | "), &numeric);
    for (i, test) in Test::ALL.into_iter().enumerate() {
        let mut cells = vec![test.name().to_string()];
        for rate in coupled.iter().filter_map(|(_, rates)| rates.get(i)) {
            let part = rate.rejected as f64 / rate.captures as f64;
            let stated = rate
                .stated
                .map_or_else(String::new, |s| format!(" ({})", percent(s)));
            let mark = if rate.agrees == Some(false) { " *" } else { "" };
            cells.push(format!("{}{stated}{mark}", percent(part)));
        }
        rows.add_row(cells);
    }
    let _ = writeln!(text, "{rows}");
    let kept = null.iter().filter(|rate| rate.agrees == Some(true)).count();
    let _ = writeln!(
        text,
        "\n{kept} of {} tests reject the null at their stated rate within sampling error.",
        null.len()
    );
    text
}

fn percent(part: f64) -> String {
    if part > 0.0 && part < 0.001 {
        format!("{:.4} %", 100.0 * part)
    } else {
        format!("{:.1} %", 100.0 * part)
    }
}

fn found(rate: &Rate) -> String {
    let part = rate.rejected as f64 / rate.captures as f64;
    format!(
        "{} [{}, {}]",
        percent(part),
        percent(rate.interval.0),
        percent(rate.interval.1)
    )
}

fn agreement(rate: &Rate) -> &'static str {
    match rate.agrees {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "–",
    }
}

/// The power of three tests by information, each with what is stated of the first.
fn plot(folder: &Path, report: &CalibrationReport) -> Result<()> {
    let most = report.curves.last().map_or(1.0, |(bits, _)| *bits);
    let setting = &report.setting;
    let mut plot = Plot::new(
        &format!(
            "detection at 5 %, {} simulated captures of {} shares",
            setting.captures, setting.shares
        ),
        "mutual information of difficulty and observable, bit",
        "captures in which it is detected",
        (0.0, most),
        (0.0, 1.0),
    );
    let curve = |test: Test, value: fn(&Rate) -> Option<f64>| -> Vec<(f64, f64)> {
        let rates = report.curves.iter().flat_map(|(bits, rates)| {
            let of_test = rates.iter().filter(move |rate| rate.test == test);
            of_test.filter_map(move |rate| Some((*bits, value(rate)?)))
        });
        rates.collect()
    };
    let detected: fn(&Rate) -> Option<f64> =
        |rate| Some(rate.rejected as f64 / rate.captures as f64);
    plot.line("G, permutation", curve(Test::G, detected));
    plot.line("G, stated", curve(Test::G, |rate| rate.stated));
    plot.line("ROC area", curve(Test::Auc, detected));
    folder::write(folder, "power.svg", plot.render())
}
