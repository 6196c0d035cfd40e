//! Tables and plots of a trial of the filter on a unit, and its account beside the unit.

use std::path::Path;

use anyhow::Result;
use comfy_table::Table;
use thermine_reservoir::tpf::exact::Proportion;
use thermine_units::pow::Difficulty;

use crate::live::snapshot::{Estimate, Filter};
use crate::render::folder;
use crate::render::svg::Plot;
use crate::render::table::{facts, headed};
use thermine_lab::tpf::live::{Arm, Look, Power, TrialReport};

/// Writes JSON and the course of the evidence.
pub(crate) fn write(folder: &Path, report: &TrialReport) -> Result<()> {
    folder::write_json(folder, "report.json", report)?;
    let title = format!(
        "Shares per joule, filter over pass-through, on {} ({}, seed {})",
        report.unit, report.provenance, report.seed
    );
    let ends = report.course.iter().map(|look| look.high);
    let top = ends.fold(1.2, f64::max).min(4.0);
    let last = report.course.len().max(2) as f64;
    let mut plot = Plot::new(&title, "pair of blocks", "ratio", (1.0, last), (0.0, top));
    let line = |value: fn(&Look) -> f64| -> Vec<(f64, f64)> {
        let looks = report.course.iter().enumerate();
        looks
            .map(|(i, look)| ((i + 1) as f64, value(look).min(top)))
            .collect()
    };
    plot.line("anytime-valid 95 % interval, low", line(|look| look.low));
    plot.line("high", line(|look| look.high));
    plot.line("no difference", [(1.0, 1.0), (last, 1.0)]);
    folder::write_plot(folder, "evidence.svg", &plot)
}

/// The account as the page shows it beside the unit: what the filter would have kept of the steps without it, and its
/// joules per share over those without it. `None` without a step.
pub(crate) fn account(report: &TrialReport) -> Option<Filter> {
    let of = &report.counterfactual;
    let estimate = |value: f64, (low, high): (f64, f64), n: u64| Estimate {
        value,
        low,
        high,
        n,
    };
    let recall = of.recall();
    let ratio = report.ratio.as_ref();
    let shares = report.filter.counted.shares + report.pass.counted.shares;
    Some(Filter {
        keep: of.keep()?.value,
        recall: recall.map(|part| estimate(part.value, (part.low, part.high), of.successes)),
        // One over the ratio of shares per joule; an arm without a share has no bound, and no estimate.
        cost: ratio.and_then(|ratio| {
            let (value, high) = (ratio.value?, ratio.high?);
            let is_bounded = value > 0.0 && ratio.low > 0.0;
            is_bounded.then(|| estimate(1.0 / value, (1.0 / high, 1.0 / ratio.low), shares))
        }),
        sentence: report.verdict.clone(),
    })
}

/// The tables and the verdict.
pub(crate) fn text(report: &TrialReport) -> String {
    let power = match report.power {
        Power::Measured => "power as the unit reports it",
        Power::Assumed => {
            "power ASSUMED constant (--watts): the ratio is then one of shares per second"
        }
    };
    let remarks: String = report
        .remarks
        .iter()
        .map(|remark| format!("{remark}\n"))
        .collect();
    format!(
        "{} ({}), seed {}, configuration {}; difficulty {}; filter trained on {} steps; blocks of {} steps and {} to \
         settle; {power}.\nOnly this program's own server is mined at: no pool sees any of it. All accepted shares are \
         acknowledged and counted.\n{remarks}\n{}\n\n{}\n\n{}\n",
        report.unit,
        report.provenance,
        report.seed,
        report.config_hash,
        report.difficulty,
        report.train,
        report.block,
        report.settle,
        arms(report),
        evidence(report),
        report.verdict,
    )
}

fn arms(report: &TrialReport) -> Table {
    let mut arms = headed(
        "arm | accepted shares | joules | TH per joule | steps | aborted | while settling | stale | duplicate | invalid",
        &[1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    let hashes = Difficulty::new(report.difficulty)
        .map_or(0.0, |difficulty| difficulty.hashes(report.algorithm));
    for (name, arm) in [("filter", &report.filter), ("pass-through", &report.pass)] {
        arms.add_row(row(name, arm, hashes));
    }
    arms
}

/// The evidence, a line a fact.
fn evidence(report: &TrialReport) -> Table {
    let of = &report.counterfactual;
    let part = |p: Option<Proportion>| {
        p.map_or("unidentified".to_string(), |p| {
            format!("{:.3} [{:.3}, {:.3}]", p.value, p.low, p.high)
        })
    };
    let bound = |end: Option<f64>| end.map_or("no bound".to_string(), |x| format!("{x:.3}"));
    let (ratio, stopped) = match report.stopped_by_evidence {
        true => (
            "ratio, with the interval of a fixed horizon (not valid: it stopped before)",
            "where it stopped",
        ),
        false => ("ratio, exact 95 % interval at the horizon", "the horizon"),
    };
    let lost = of.recall().map_or("unidentified".to_string(), |r| {
        format!("{:.1} %", 100.0 * (1.0 - r.value))
    });
    let rows = [
        (
            ratio,
            report.ratio.map_or("unidentified: no shares".into(), |r| {
                format!("{} [{:.3}, {}]", bound(r.value), r.low, bound(r.high))
            }),
        ),
        (
            "95 % interval, valid whenever one stops",
            format!("[{:.3}, {:.3}]", report.anytime.0, report.anytime.1),
        ),
        (
            "e-value against no difference",
            format!(
                "{:.3e} after {} of {} pairs, {stopped}",
                report.e_value, report.pairs, report.horizon
            ),
        ),
        (
            "counterfactual in the pass-through arm: keep c, recall r of rich steps",
            format!(
                "{}, {}; n = {} steps",
                part(of.keep()),
                part(of.recall()),
                of.candidates
            ),
        ),
        (
            "a filter on finished shares instead",
            format!("saves 0 rounds, loses 1 − r of the income: {lost}"),
        ),
    ];
    facts("shares per joule, filter over pass-through | value", rows)
}

fn row(name: &str, arm: &Arm, hashes: f64) -> Vec<String> {
    let counted = arm.counted;
    let per_joule = if counted.joules > 0.0 {
        format!(
            "{:.4}",
            counted.shares as f64 * hashes / counted.joules / 1e12
        )
    } else {
        String::new()
    };
    vec![
        name.to_string(),
        counted.shares.to_string(),
        format!("{:.0}", counted.joules),
        per_joule,
        arm.steps.to_string(),
        arm.aborted.to_string(),
        arm.settling.shares.to_string(),
        arm.refused.stale.to_string(),
        arm.refused.duplicate.to_string(),
        arm.refused.invalid.to_string(),
    ]
}
