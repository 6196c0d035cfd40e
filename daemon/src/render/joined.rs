//! The report of several units as one reservoir as text.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::evaluate::Score;
use thermine_reservoir::split::Split;

use super::seeds;
use super::table::{interval, table};
use thermine_lab::experiment::report_scores::{Arm, Decisions};
use thermine_lab::joined::{Joined, Report};

/// Columns of a terminal.
const WIDTH: usize = 80;

/// What `thermine train` prints of joined units: the first run, and what several seeds come to.
pub(crate) fn training(report: &Report) -> String {
    let mut said = text(&report.first);
    if let Some(summary) = &report.seeds {
        said.push_str(&seeds::text(summary));
    }
    said
}

fn text(report: &Joined) -> String {
    let mut text = String::new();
    let (head, split) = (&report.report.head, report.report.split);
    let Split {
        washout,
        train,
        test,
    } = split;
    let Some(joined) = report.report.arms.first() else {
        return text;
    };
    let _ = writeln!(
        text,
        "\n{} on {} units: {} by {}, in {}\n{washout} washout + {train} training + {test} test steps, seed {}, version \
         {}\n",
        report.report.task,
        report.units.len(),
        joined.provenance,
        head.substrate,
        head.time,
        head.seed,
        head.version
    );
    text.push_str(&wrapped(&format!("{}.", report.joining.sentence)));
    text.push('\n');
    let _ = writeln!(text, "{}\n", rows(report, joined));
    for unit in &report.units {
        for arm in &unit.report.arms {
            let name = &unit.report.head.unit;
            let _ = writeln!(text, "{name} ({}): {}", unit.model, arm.encoding);
            for note in &arm.notes {
                let _ = writeln!(text, "  {note}");
            }
        }
    }
    for note in &joined.notes {
        let _ = writeln!(text, "{note}");
    }
    let _ = writeln!(
        text,
        "Driven at the same time, in {:.0} s of wall time and {:.0} s of the units' time; report.json has every control.",
        head.wall_seconds, joined.account.device_seconds
    );
    text
}

/// The joined units, each unit alone, and the controls with as many features.
fn rows(report: &Joined, joined: &Arm) -> Table {
    let mut headings = vec!["states", "NRMSE [95 %]", "features"];
    headings.extend(joined.decisions.as_ref().map(|_| "wrong"));
    let mut rows = table(&headings, &[1, 2, 3]);
    let mut row = |name: String, score: &Score, wrong: Option<f64>| {
        let mut cells = vec![name, estimate(&score.nrmse), score.features.to_string()];
        if joined.decisions.is_some() {
            cells.push(wrong.map_or_else(String::new, |wrong| format!("{:.1} %", 100.0 * wrong)));
        }
        rows.add_row(cells);
    };
    let device = |decisions: &Option<Decisions>| decisions.as_ref().map(|all| all.device);
    let verdict = &joined.verdict;
    row("joined".into(), &verdict.device, device(&joined.decisions));
    for unit in &report.units {
        for arm in &unit.report.arms {
            let name = format!("{} alone", unit.report.head.unit);
            row(name, &arm.verdict.device, device(&arm.decisions));
        }
    }
    let repeated = format!("{}, {} times", report.joining.best, report.units.len());
    row(repeated, &report.joining.repeated, None);
    let as_many: Vec<_> = verdict.as_many().map(|c| c.control).collect();
    let best = verdict.best_linear().map(|best| best.control);
    for control in &verdict.controls {
        let name = control.control.to_string();
        let is_ideal = verdict
            .ideal()
            .is_some_and(|c| c.control == control.control);
        let is_best = best == Some(control.control);
        if !(as_many.contains(&control.control) || is_ideal || is_best) {
            continue;
        }
        let mut decisions = joined.decisions.iter().flat_map(|all| &all.controls);
        let wrong = decisions
            .find(|(of, _)| *of == name)
            .map(|(_, wrong)| *wrong);
        let kind = if is_ideal { "ideal" } else { "control" };
        row(format!("{kind}: {name}"), &control.score, wrong);
    }
    rows
}

/// `text` in lines of at most 80 columns.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line.clear();
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("{lines}{line}\n")
}

fn estimate(e: &Estimate) -> String {
    interval(e.value, (e.low, e.high))
}
