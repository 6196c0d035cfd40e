//! What `thermine tpf live` prints and writes.

use std::path::Path;

use anyhow::Result;
use thermine_units::pow::Difficulty;

use super::live::{Arm, Power, Report};
use crate::live::snapshot::{Estimate, Filter};
use crate::render::folder;
use crate::render::svg::Plot;
use crate::render::table::table;

/// Writes JSON and the course of the evidence.
pub(super) fn write(folder: &Path, report: &Report) -> Result<()> {
    folder::write_json(folder, "report.json", report)?;
    let title = format!(
        "Shares per joule, filter over pass-through, on {} ({}, seed {})",
        report.unit, report.provenance, report.seed
    );
    let ends = report.course.iter().map(|look| look.high);
    let top = ends.fold(1.2, f64::max).min(4.0);
    let last = report.course.len().max(2) as f64;
    let mut plot = Plot::new(&title, "pair of blocks", "ratio", (1.0, last), (0.0, top));
    let line = |value: fn(&super::live::Look) -> f64| -> Vec<(f64, f64)> {
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

/// The account as it is shown beside the unit: what the filter would have kept of the other arm's steps, and joules a
/// share beside the other arm's; `None` without a step.
pub(super) fn account(report: &Report) -> Option<Filter> {
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
        // Shares per joule turned over; with no share in an arm there is no bound, and no estimate.
        cost: ratio.and_then(|ratio| {
            let (value, high) = (ratio.value?, ratio.high?);
            let is_bounded = value > 0.0 && ratio.low > 0.0;
            is_bounded.then(|| estimate(1.0 / value, (1.0 / high, 1.0 / ratio.low), shares))
        }),
        sentence: report.verdict.clone(),
    })
}

/// The table and the verdict.
pub(super) fn render(report: &Report) -> String {
    let mut arms = table(
        &[
            "arm",
            "accepted shares",
            "joules",
            "TH per joule",
            "steps",
            "aborted",
            "while settling",
            "stale",
            "duplicate",
            "invalid",
        ],
        &[1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    let hashes = Difficulty::new(report.difficulty)
        .map_or(0.0, |difficulty| difficulty.hashes(report.algorithm));
    for (name, arm) in [("filter", &report.filter), ("pass-through", &report.pass)] {
        arms.add_row(row(name, arm, hashes));
    }
    let mut facts = table(
        &["shares per joule, filter over pass-through", "value"],
        &[],
    );
    let mut fact = |name: &str, value: String| {
        facts.add_row([name.to_string(), value]);
    };
    fact(
        if report.stopped_by_evidence {
            "ratio, with the interval of a fixed horizon (not valid: it stopped before)"
        } else {
            "ratio, exact 95 % interval at the horizon"
        },
        report.ratio.map_or_else(
            || "unidentified: no shares".to_string(),
            |ratio| {
                let end =
                    |end: Option<f64>| end.map_or("no bound".to_string(), |x| format!("{x:.3}"));
                format!(
                    "{} [{:.3}, {}]",
                    end(ratio.value),
                    ratio.low,
                    end(ratio.high)
                )
            },
        ),
    );
    fact(
        "95 % interval, valid whenever one stops",
        format!("[{:.3}, {:.3}]", report.anytime.0, report.anytime.1),
    );
    fact(
        "e-value against no difference",
        format!(
            "{:.3e} after {} of {} pairs{}",
            report.e_value,
            report.pairs,
            report.horizon,
            if report.stopped_by_evidence {
                ", where it stopped"
            } else {
                ", the horizon"
            }
        ),
    );
    let shown = |p: Option<thermine_reservoir::tpf::exact::Proportion>| {
        p.map_or("unidentified".to_string(), |p| {
            format!("{:.3} [{:.3}, {:.3}]", p.value, p.low, p.high)
        })
    };
    fact(
        "counterfactual in the pass-through arm: keep c, recall r of rich steps",
        format!(
            "{}, {}; n = {} steps",
            shown(report.counterfactual.keep()),
            shown(report.counterfactual.recall()),
            report.counterfactual.candidates
        ),
    );
    fact(
        "a filter on finished shares instead",
        format!(
            "saves 0 rounds, loses 1 − r of the income: {}",
            report
                .counterfactual
                .recall()
                .map_or("unidentified".to_string(), |r| {
                    format!("{:.1} %", 100.0 * (1.0 - r.value))
                })
        ),
    );
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
         acknowledged and counted.\n{remarks}\n{arms}\n\n{facts}\n\n{}\n",
        report.unit,
        report.provenance,
        report.seed,
        report.config_hash,
        report.difficulty,
        report.train,
        report.block,
        report.settle,
        report.verdict,
    )
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

/// One sentence.
pub(super) fn verdict((low, high): (f64, f64), e_value: f64, power: Power) -> String {
    let per = match power {
        Power::Measured => "per joule",
        Power::Assumed => "per second (power was not measured)",
    };
    if high < 1.0 {
        format!(
            "The filter loses: {:.0} to {:.0} % fewer accepted shares {per} than without it (e-value {e_value:.1e}).",
            100.0 * (1.0 - high),
            100.0 * (1.0 - low)
        )
    } else if low > 1.0 {
        format!(
            "The filter gains {:.0} to {:.0} % accepted shares {per} (e-value {e_value:.1e}): repeat it with another seed, \
             and look for what else differs between the arms, before believing it.",
            100.0 * (low - 1.0),
            100.0 * (high - 1.0)
        )
    } else {
        format!(
            "No difference is shown: filter over pass-through lies between {low:.2} and {high:.2} shares {per}, whenever \
             one looks."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_the_interval() {
        assert!(verdict((0.5, 0.9), 50.0, Power::Measured).contains("10 to 50 % fewer"));
        assert!(verdict((0.9, 1.2), 1.0, Power::Measured).starts_with("No difference"));
        let gain = verdict((1.1, 1.2), 50.0, Power::Assumed);
        assert!(gain.contains("gains 10 to 20 %") && gain.contains("not measured"));
    }
}
