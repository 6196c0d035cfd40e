//! What a run makes of a task's further targets: a row each, and a curve where they go back in time.

use super::svg::Plot;
use super::table::{interval, table};
use thermine_lab::experiment::report_scores::{Arm, Decisions, RunReport};
use thermine_reservoir::verdict::Verdict;

/// A target with what became of it.
struct Row<'a> {
    name: &'a str,
    verdict: &'a Verdict,
    decisions: Option<&'a Decisions>,
}

/// All targets of `arm` as a table, the first too; nothing of a task with one.
pub(super) fn text(report: &RunReport, arm: &Arm) -> String {
    if arm.further.is_empty() {
        return String::new();
    }
    let mut headings = vec!["target", "NRMSE [95 %]", "best control", "so the unit"];
    if arm.decisions.is_some() {
        headings.extend(["wrong", "control's"]);
    }
    let mut targets = table(&headings, &[1, 2, 4, 5]);
    for row in rows(report, arm) {
        let nrmse = &row.verdict.device.nrmse;
        let best = row.verdict.best_linear();
        let mut cells = vec![
            row.name.to_string(),
            interval(nrmse.value, (nrmse.low, nrmse.high)),
            best.map_or_else(String::new, |best| {
                format!("{:.3} {}", best.score.nrmse.value, best.control)
            }),
            row.verdict.word().to_string(),
        ];
        if let Some(decisions) = row.decisions {
            let percent = |wrong: f64| format!("{:.1} %", 100.0 * wrong);
            cells.push(percent(decisions.device));
            cells.push(wrong_of_best(&row).map_or_else(String::new, percent));
        }
        targets.add_row(cells);
    }
    format!("{}, every target:\n\n{targets}\n\n", arm.name)
}

fn rows<'a>(report: &'a RunReport, arm: &'a Arm) -> impl Iterator<Item = Row<'a>> {
    let first = Row {
        name: &report.task,
        verdict: &arm.verdict,
        decisions: arm.decisions.as_ref(),
    };
    let further = arm.further.iter().map(|further| Row {
        name: &further.target,
        verdict: &further.verdict,
        decisions: further.decisions.as_ref(),
    });
    std::iter::once(first).chain(further)
}

/// The share of wrong decisions of the best control that is linear in the input.
fn wrong_of_best(row: &Row<'_>) -> Option<f64> {
    let best = row.verdict.best_linear()?.control.to_string();
    let mut controls = row.decisions?.controls.iter();
    controls
        .find(|(name, _)| *name == best)
        .map(|(_, wrong)| *wrong)
}

/// The share of wrong decisions against delay, of the first arm of a task whose targets go back in time.
pub(super) fn curve(report: &RunReport) -> Option<Plot> {
    let arm = report.arms.first()?;
    let mut lines: [(&str, Vec<(f64, f64)>); 4] = [
        ("exclusive or, unit", Vec::new()),
        ("exclusive or, best control", Vec::new()),
        ("parity of 3, unit", Vec::new()),
        ("parity of 3, best control", Vec::new()),
    ];
    for row in rows(report, arm) {
        let (parity, delay) = (row.name.starts_with("parity"), delay(row.name));
        let Some(delay) = delay.or((row.name == report.task).then_some(0.0)) else {
            continue;
        };
        let at = 2 * usize::from(parity);
        lines[at]
            .1
            .extend(row.decisions.map(|d| (delay, 100.0 * d.device)));
        lines[at + 1]
            .1
            .extend(wrong_of_best(&row).map(|wrong| (delay, 100.0 * wrong)));
    }
    let last = lines[0]
        .1
        .iter()
        .map(|(delay, _)| *delay)
        .fold(0.0, f64::max);
    if last == 0.0 {
        return None;
    }
    let title = format!(
        "{} on {} ({}): wrong decisions by delay",
        report.task, report.head.unit, arm.provenance
    );
    let mut plot = Plot::new(
        &title,
        "delay of the newest input, steps",
        "wrong decisions, %",
        (0.0, last),
        (0.0, 60.0),
    );
    for (name, points) in lines {
        plot.line(name, points);
    }
    Some(plot)
}

/// The delay at the end of a target's name, as in `xor 3 ago`.
fn delay(name: &str) -> Option<f64> {
    let (_, delay) = name.strip_suffix(" ago")?.rsplit_once(' ')?;
    delay.parse().ok()
}
